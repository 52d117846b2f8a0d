//! `/api/metrics`: numbers for Prometheus, in its text format 0.0.4. docs/endpoint-api.md lists them.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::status::{DeviceStatus, Shown, SinkHealth};

use super::answer;
use super::gate::Counts;
use crate::log_book::DeliveryStatus;
use crate::site::Site;

/// States of a registration, each with a time series of its own.
const STATES: [Shown; 6] = [
    Shown::Successful,
    Shown::RejectedByServer,
    Shown::NoReplyFromServer,
    Shown::AssistedProvisioningFailed,
    Shown::Connecting,
    Shown::NoAccount,
];

/// What is measured.
struct Measured {
    status: DeviceStatus,
    version: u32,
    started_at: u64,
    requests: Counts,
    deliveries: Vec<DeliveryStatus>,
}

pub(super) async fn show(State(site): State<Site>) -> Response {
    let Some(status) = site.appliance().status().await else {
        return answer::ending();
    };
    let versions = site.appliance().versions();
    let measured = Measured {
        status,
        version: versions.last().map_or(0, |version| version.number),
        started_at: site.started_at(),
        requests: site.gate().counts(),
        deliveries: site.log_book().deliveries(),
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text(&measured)).into_response()
}

fn text(measured: &Measured) -> String {
    let Measured {
        status,
        version,
        started_at,
        requests,
        deliveries,
    } = measured;
    let mut text = Text::default();
    let build = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    text.family("oyez_build_info", "gauge", "The version of the program.");
    text.sample("oyez_build_info", build, 1);
    text.family(
        "process_start_time_seconds",
        "gauge",
        "When the program started, in seconds since 1970.",
    );
    text.sample("process_start_time_seconds", "", *started_at);
    text.family(
        "oyez_slot_registration",
        "gauge",
        "1 for the state that the registration of a slot is in.",
    );
    for slot in &status.slots {
        for state in STATES {
            let labels = format!("slot=\"{}\",state=\"{state}\"", slot.slot);
            let is_in = slot.registration.shown == state;
            text.sample("oyez_slot_registration", &labels, is_in.into());
        }
    }
    text.family("oyez_sounding", "gauge", "1 while something sounds.");
    text.sample("oyez_sounding", "", status.sounding.is_some().into());
    text.family(
        "oyez_multicast_dropped_packets_total",
        "counter",
        "Packets of multicast zones that were dropped, by why.",
    );
    for (why, count) in [
        ("foreign", status.multicast.dropped_foreign),
        ("unusable", status.multicast.dropped_unusable),
    ] {
        let labels = format!("why=\"{why}\"");
        text.sample("oyez_multicast_dropped_packets_total", &labels, count);
    }
    let is_healthy = status.sink.health == SinkHealth::Healthy;
    text.family(
        "oyez_sink_healthy",
        "gauge",
        "1 while the output takes sound in time.",
    );
    text.sample("oyez_sink_healthy", "", is_healthy.into());
    text.family(
        "oyez_sink_muted",
        "gauge",
        "1 while the output is muted, or its volume zero.",
    );
    text.sample("oyez_sink_muted", "", status.sink.muted.into());
    text.family(
        "oyez_configuration_version",
        "gauge",
        "The version of the configuration that applies.",
    );
    text.sample("oyez_configuration_version", "", (*version).into());
    text.family(
        "oyez_api_requests_total",
        "counter",
        "Requests to the REST API by what became of them.",
    );
    for (outcome, count) in [
        ("admitted", requests.admitted),
        ("refused", requests.refused),
        ("slowed", requests.slowed),
    ] {
        text.sample(
            "oyez_api_requests_total",
            &format!("outcome=\"{outcome}\""),
            count,
        );
    }
    text.deliveries(deliveries);
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// What became of messages to log servers, which are counted in the order of the configuration.
    fn deliveries(&mut self, deliveries: &[DeliveryStatus]) {
        if deliveries.is_empty() {
            return;
        }
        self.family(
            "oyez_log_server_reached",
            "gauge",
            "1 while a log server takes messages.",
        );
        let numbered = || deliveries.iter().zip(1_u8..);
        for (delivery, number) in numbered() {
            let labels = format!("server=\"{number}\"");
            self.sample(
                "oyez_log_server_reached",
                &labels,
                delivery.failure.is_none().into(),
            );
        }
        self.family(
            "oyez_log_messages_total",
            "counter",
            "Messages to a log server by what became of them.",
        );
        for (delivery, number) in numbered() {
            for (outcome, count) in [("sent", delivery.sent), ("dropped", delivery.dropped)] {
                let labels = format!("server=\"{number}\",outcome=\"{outcome}\"");
                self.sample("oyez_log_messages_total", &labels, count);
            }
        }
    }

    /// The labels hold nothing that would have to be escaped: ids, words of ours.
    fn sample(&mut self, name: &str, labels: &str, value: u64) {
        if labels.is_empty() {
            self.line(format_args!("{name} {value}\n"));
        } else {
            self.line(format_args!("{name}{{{labels}}} {value}\n"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(line)
            .expect("a String takes everything that is written to it");
    }
}

#[cfg(test)]
mod tests {
    use model::SlotKind;
    use model::status::{MulticastStatus, RegistrationStatus, Signals, SinkStatus, SlotStatus};

    use super::*;

    #[test]
    fn what_is_measured_stands_in_the_text_format() {
        let status = DeviceStatus {
            device: "lobby".parse().unwrap(),
            slots: vec![SlotStatus {
                slot: "page-1".parse().unwrap(),
                kind: SlotKind::Page,
                user: None,
                registration: RegistrationStatus::no_account(),
            }],
            sounding: None,
            signals: Signals::default(),
            messages: Default::default(),
            microphone: Default::default(),
            sink: SinkStatus {
                name: "null".to_owned(),
                health: SinkHealth::Healthy,
                muted: true,
            },
            multicast: MulticastStatus {
                dropped_foreign: 8,
                dropped_unusable: 9,
                ..MulticastStatus::default()
            },
        };
        let text = text(&Measured {
            status,
            version: 7,
            started_at: 1_700_000_000,
            requests: Counts {
                admitted: 3,
                refused: 2,
                slowed: 1,
            },
            deliveries: vec![DeliveryStatus {
                server: "log.example".to_owned(),
                failure: Some("refused".to_owned()),
                sent: 5,
                dropped: 6,
            }],
        });

        for line in [
            "process_start_time_seconds 1700000000",
            "oyez_slot_registration{slot=\"page-1\",state=\"Successful\"} 0",
            "oyez_slot_registration{slot=\"page-1\",state=\"No Account\"} 1",
            "oyez_sounding 0",
            "oyez_multicast_dropped_packets_total{why=\"foreign\"} 8",
            "oyez_multicast_dropped_packets_total{why=\"unusable\"} 9",
            "oyez_sink_healthy 1",
            "oyez_sink_muted 1",
            "oyez_configuration_version 7",
            "oyez_api_requests_total{outcome=\"refused\"} 2",
            "oyez_log_server_reached{server=\"1\"} 0",
            "oyez_log_messages_total{server=\"1\",outcome=\"dropped\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let families = text.lines().filter(|line| line.starts_with("# TYPE")).count();
        assert_eq!((families, text.ends_with('\n')), (11, true));
    }

    #[test]
    fn every_metric_is_listed_in_the_documentation() {
        let document = include_str!("../../../../docs/endpoint-api.md");
        let source = include_str!("metrics.rs");
        let names: Vec<&str> = source
            .split('"')
            .filter(|part| part.starts_with("oyez_") || part.starts_with("process_"))
            .filter(|part| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            .filter(|part| *part != "oyez_" && *part != "process_")
            .collect();

        assert!(names.len() > 8);
        for name in names {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }
}
