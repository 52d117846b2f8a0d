//! docs/json.md says what the programs write: every field and every word, and nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests state what they expect, as tests do, and index what they have just made"
)]

use std::collections::BTreeSet;

use model::directory::Epoch;
use model::status::{
    AccountStatus, CallRefusal, Cause, CertificateFault, DeviceEvent, DeviceStatus, ListenerReport,
    MissingReason, NotHeardReason, PageReport, ProvisioningStep, Receipt, RegistrationRefusal,
    RegistrationStatus, Shown, SinkHealth, SinkStatus, SlotStatus, Sounding, Target, TargetRole, Verdict,
    ZoneEvent, ZoneStatus,
};
use model::{PageId, SlotKind};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/json.md");

/// Fields whose values are words of a closed list.
const WORDS: &[&str] = &[
    "event",
    "verdict",
    "why",
    "reason",
    "state",
    "shown",
    "kind",
    "fault",
    "step",
    "role",
    "transport",
];

fn section(title: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// Holds a section to samples of all that is written of its kind. What stands below `elsewhere` is documented in
/// another section.
fn check(title: &str, samples: &[Value], elsewhere: &[&str]) {
    let (mut fields, mut words) = (BTreeSet::new(), BTreeSet::new());
    for sample in samples {
        collect("", sample, elsewhere, &mut fields, &mut words);
    }
    let section = section(title);
    let documented: BTreeSet<String> = section
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    assert_eq!(fields, documented, "{title}");
    let quoted: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    let missing: Vec<_> = words
        .iter()
        .filter(|word| !quoted.contains(word.as_str()))
        .collect();
    assert!(missing.is_empty(), "{title} lacks {missing:?}");
}

fn collect(
    path: &str,
    value: &Value,
    elsewhere: &[&str],
    fields: &mut BTreeSet<String>,
    words: &mut BTreeSet<String>,
) {
    match value {
        Value::Object(parts) => {
            for (name, part) in parts {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                if elsewhere.contains(&path.as_str()) {
                    fields.insert(path);
                    continue;
                }
                // An object that may be null has a row of its own.
                if !part.is_object() && !part.is_array() {
                    fields.insert(path.clone());
                }
                if let (Value::String(word), true) = (part, WORDS.contains(&name.as_str())) {
                    words.insert(word.clone());
                }
                collect(&path, part, elsewhere, fields, words);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(&format!("{path}[]"), item, elsewhere, fields, words);
            }
        }
        _ => {}
    }
}

fn json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn receipt() -> Receipt {
    Receipt {
        page: PageId::from_random(1),
        played_ms: 1,
        expected_ms: 1,
        lost: 0,
        concealed_ms: 0,
        interrupted_ms: 0,
        first_audio_ms: None,
        level_dbfs: None,
        muted: false,
        sink_healthy: true,
    }
}

fn report() -> PageReport {
    let refused = MissingReason::Refused { status: 486 };
    let missing = [
        MissingReason::NotRegistered,
        MissingReason::NoAnswer,
        refused,
        MissingReason::ConnectionFailed,
        MissingReason::PageEnded,
    ];
    let not_heard = [
        NotHeardReason::TooLittle,
        NotHeardReason::Muted,
        NotHeardReason::SinkFault,
        NotHeardReason::NoReceipt,
    ];
    let verdicts = [
        Verdict::Heard,
        Verdict::Answered {
            loss_permille: Some(1),
        },
    ]
    .into_iter()
    .chain(missing.map(|why| Verdict::Missing { why }))
    .chain(not_heard.map(|why| Verdict::NotHeard { why }));
    let listeners = verdicts.map(|verdict| ListenerReport {
        user: "hall".parse().unwrap(),
        name: "Hall".to_owned(),
        receipt: (verdict == Verdict::Heard).then(receipt),
        verdict,
        first_audio_ms: None,
        devices: 1,
        heard_devices: 0,
    });
    PageReport {
        page: PageId::from_random(1),
        extension: "700".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 1,
        listeners: listeners.collect(),
    }
}

#[test]
fn the_report_of_a_page_is_documented() {
    check("The report of a page", &[json(report())], &[]);
}

#[test]
fn the_status_of_a_zone_is_documented() {
    let status = ZoneStatus {
        zone: "campus".to_owned(),
        uptime_ms: 1,
        accounts: vec![AccountStatus {
            account: "acme".parse().unwrap(),
            epoch: Some(Epoch(1)),
            bindings: 1,
            calls: 0,
            pages: 0,
        }],
    };
    check("The status of a zone", &[json(status)], &[]);
}

fn causes() -> Vec<Cause> {
    let name = || "pbx.example.com".to_owned();
    let mut causes = vec![
        Cause::DnsNoRecords { name: name() },
        Cause::DnsFailed { name: name() },
        Cause::TcpRefused,
        Cause::TcpUnreachable,
        Cause::TcpTimeout,
        Cause::ConnectionClosed,
        Cause::TlsVersion,
        Cause::TlsName { expected: name() },
        Cause::TlsClientCertificate,
        Cause::TlsHandshake,
        Cause::Timeout,
        Cause::RequestTimeout,
        Cause::TemporarilyUnavailable,
        Cause::RetryAfter {
            status: 503,
            retry_after_s: 1,
        },
        Cause::ServerFailure { status: 500 },
        Cause::ChallengedAgain { status: 401 },
        Cause::NoUsableChallenge,
        Cause::Forbidden,
        Cause::NotFound,
        Cause::Refused { status: 488 },
        Cause::IntervalTooBrief { min_expires_s: 1 },
    ];
    let faults = [
        CertificateFault::UnknownIssuer,
        CertificateFault::Expired,
        CertificateFault::NotYetValid,
        CertificateFault::Revoked,
        CertificateFault::Unusable,
    ];
    causes.extend(faults.map(|fault| Cause::TlsCertificate { fault }));
    let steps = [
        ProvisioningStep::Discovery,
        ProvisioningStep::Connection,
        ProvisioningStep::Certificate,
        ProvisioningStep::Download,
        ProvisioningStep::File,
        ProvisioningStep::Credentials,
    ];
    causes.extend(steps.map(|step| Cause::Provisioning { step }));
    causes
}

fn slots() -> Vec<SlotStatus> {
    let roles = [
        TargetRole::Primary,
        TargetRole::Secondary,
        TargetRole::Backup,
        TargetRole::LocalNode,
    ];
    let kinds = [SlotKind::Page, SlotKind::Ring, SlotKind::Alert];
    let registrations = causes().into_iter().map(Some).chain([None]).enumerate();
    registrations
        .map(|(number, cause)| SlotStatus {
            slot: "page-1".parse().unwrap(),
            kind: kinds[number % kinds.len()],
            user: None,
            registration: RegistrationStatus {
                shown: cause.as_ref().map_or(Shown::Successful, Cause::shown),
                cause,
                since_ms: 1,
                target: (number > 0).then(|| Target {
                    role: roles[number % roles.len()],
                    address: "pbx.example.com:5061".to_owned(),
                    transport: ["UDP", "TCP", "TLS"][number % 3].to_owned(),
                }),
                next_try_ms: None,
            },
        })
        .chain([SlotStatus {
            slot: "page-2".parse().unwrap(),
            kind: SlotKind::Page,
            user: None,
            registration: RegistrationStatus::no_account(),
        }])
        .collect()
}

fn sounding() -> Sounding {
    Sounding {
        slot: None,
        page: None,
        what: "page from 1001".to_owned(),
        since_ms: 1,
    }
}

fn sink(health: SinkHealth) -> SinkStatus {
    SinkStatus {
        name: "null".to_owned(),
        health,
        muted: false,
    }
}

#[test]
fn the_status_of_an_endpoint_is_documented() {
    let faulty = SinkHealth::Faulty {
        reason: "no sound card".to_owned(),
    };
    let status = |sounding, health| DeviceStatus {
        device: "lobby".parse().unwrap(),
        slots: slots(),
        sounding,
        sink: sink(health),
    };
    let mut samples = [
        json(status(None, SinkHealth::Healthy)),
        json(status(Some(sounding()), faulty)),
    ];
    // What the system reports is in words of its own.
    samples[1]["sink"]["health"]["reason"] = Value::Null;
    check("The status of an endpoint", &samples, &[]);
}

#[test]
fn the_events_of_a_zone_are_documented() {
    let account = || "acme".parse().unwrap();
    let text = |text: &str| text.to_owned();
    let mut samples = vec![
        json(ZoneEvent::Registered {
            account: account(),
            user: "hall".parse().unwrap(),
            from: text("192.0.2.1:5060"),
            user_agent: None,
        }),
        json(ZoneEvent::Unregistered {
            account: account(),
            user: "hall".parse().unwrap(),
        }),
        json(ZoneEvent::PageStarted {
            account: account(),
            page: PageId::from_random(1),
            extension: "700".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            listeners: 1,
        }),
        json(ZoneEvent::PageEnded {
            account: account(),
            report: report(),
        }),
        json(ZoneEvent::SnapshotWanted {
            account: account(),
            epoch: None,
        }),
        json(ZoneEvent::DirectoryApplied {
            account: account(),
            epoch: Epoch(1),
        }),
    ];
    let registration_refusals = [
        RegistrationRefusal::WrongCredentials,
        RegistrationRefusal::OtherUser,
        RegistrationRefusal::BadRequest,
        RegistrationRefusal::TooManyAttempts,
    ];
    samples.extend(registration_refusals.map(|why| {
        json(ZoneEvent::RegistrationRefused {
            account: None,
            user: text("mallory"),
            from: text("192.0.2.1:5060"),
            why,
        })
    }));
    let call_refusals = [
        CallRefusal::UnknownExtension,
        CallRefusal::NotPermitted,
        CallRefusal::WrongPin,
        CallRefusal::NobodyRegistered,
        CallRefusal::PreEmpted,
        CallRefusal::NoCommonMedia,
        CallRefusal::Overloaded,
    ];
    samples.extend(call_refusals.map(|why| {
        json(ZoneEvent::CallRefused {
            account: account(),
            caller: "desk".parse().unwrap(),
            target: text("700"),
            why,
        })
    }));
    let mut refused = json(ZoneEvent::DirectoryRefused {
        account: account(),
        why: text("in words"),
    });
    refused["why"] = Value::Null;
    samples.push(refused);
    check("The events of a zone", &samples, &["report"]);
}

#[test]
fn the_events_of_an_endpoint_are_documented() {
    let slot = || "page-1".parse().unwrap();
    let mut refused = json(DeviceEvent::CallRefused {
        slot: slot(),
        status: 486,
        why: "in words".to_owned(),
    });
    refused["why"] = Value::Null;
    let samples = [
        refused,
        json(DeviceEvent::RegistrationChanged {
            slot: slot(),
            registration: RegistrationStatus::no_account(),
        }),
        json(DeviceEvent::Started { sounding: sounding() }),
        json(DeviceEvent::Stopped { sounding: sounding() }),
        json(DeviceEvent::PagePlayed { receipt: receipt() }),
        json(DeviceEvent::SinkChanged {
            sink: sink(SinkHealth::Healthy),
        }),
    ];
    let elsewhere = ["registration", "sounding", "receipt", "sink"];
    check("The events of an endpoint", &samples, &elsewhere);
}
