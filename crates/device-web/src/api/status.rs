//! `/api/info/status`: the labels of the hardware's status page that mean something here.

use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use device::appliance::Provisioning;
use model::SlotKind;
use model::config::Settings;
use model::status::{DeviceStatus, MulticastMode, MulticastStatus, Shown, SlotStatus, SoundOrigin};
use serde_json::json;

use super::answer;
use crate::site::Site;

pub(super) async fn show(State(site): State<Site>) -> Response {
    let Some(status) = site.appliance().status().await else {
        return answer::ending();
    };
    let labels = json!({
        "Device Name": site.name(),
        "SIP Registration": registrations(&status.slots),
        "Call Status": call_status(&status),
        "Provisioning Status": provisioning(&site.appliance().provisioning()),
        "MAC": site.mac(),
        "Date / Time": httpdate::fmt_http_date(SystemTime::now()),
        "Current Action": if status.sounding.is_some() { "Streaming Audio" } else { "None" },
        "Multicast Mode": multicast(&status.multicast),
        "Volume": volume(&site.appliance().settings()),
    });
    answer::json(StatusCode::OK, &labels)
}

/// What the device does with multicast zones, and whether it does it at the moment.
fn multicast(status: &MulticastStatus) -> &'static str {
    let is_active = status.zones.iter().any(|zone| zone.heard) || !status.sending.is_empty();
    match (status.mode, is_active) {
        (MulticastMode::Off, _) => "Disabled",
        (MulticastMode::Sender, true) => "Transmitter (Active)",
        (MulticastMode::Sender, false) => "Transmitter (Idle)",
        (MulticastMode::Receiver, true) => "Receiver (Active)",
        (MulticastMode::Receiver, false) => "Receiver (Idle)",
    }
}

/// `<account>, <state>[, <extension>];` for each slot.
fn registrations(slots: &[SlotStatus]) -> String {
    if slots.is_empty() {
        return format!("Page, {};", Shown::NoAccount);
    }
    slots.iter().map(registration).collect()
}

fn registration(slot: &SlotStatus) -> String {
    let account = account(slot.slot.as_str());
    let shown = slot.registration.shown;
    match &slot.user {
        Some(user) => format!("{account}, {shown}, {};", escaped(user.as_str())),
        None => format!("{account}, {shown};"),
    }
}

/// The base page extension has the hardware's name, the others have their ids.
fn account(slot: &str) -> &str {
    match slot {
        "page-1" => "Page",
        other => other,
    }
}

/// A SIP user may hold what separates the fields, and no percent sign.
fn escaped(user: &str) -> String {
    user.replace(',', "%2C").replace(';', "%3B")
}

fn provisioning(state: &Provisioning) -> String {
    match state {
        Provisioning::Off | Provisioning::NoServer => "None Found".to_owned(),
        Provisioning::Fetching => "Fetching".to_owned(),
        Provisioning::Done { files } => files.join(", "),
        Provisioning::Failed { failure } => format!("Failed: {failure}"),
    }
}

fn call_status(status: &DeviceStatus) -> &'static str {
    let sounding = status.sounding.as_ref();
    if sounding.is_some_and(|sounding| sounding.origin == SoundOrigin::DelayedPage) {
        return "Playing Delayed Page";
    }
    if status.messages.recording > 0 {
        return "Recording Message";
    }
    let sounding_slot = sounding.and_then(|sounding| sounding.slot.as_ref());
    let slot = sounding_slot.and_then(|id| status.slots.iter().find(|slot| slot.slot == *id));
    match slot.map(|slot| slot.kind) {
        None => "Idle",
        Some(SlotKind::Ring) => "Ringing",
        Some(SlotKind::Page | SlotKind::Alert) => "Connected",
    }
}

/// As the hardware says it: level 10 is 0 dB, and a level has 3 dB.
fn volume(settings: &Settings) -> String {
    let gain = settings.config().page.volume_db;
    format!("Page Volume: {} ({gain} dB)", 10 + gain / 3)
}

#[cfg(test)]
mod tests {
    use model::config::ZoneNumber;
    use model::status::{
        MessagesStatus, RegistrationStatus, Signals, SinkHealth, SinkStatus, SoundClass, Sounding,
        ZoneReception,
    };

    use super::*;

    fn slot(id: &str, user: Option<&str>, shown: Shown) -> SlotStatus {
        SlotStatus {
            slot: id.parse().unwrap(),
            kind: SlotKind::Page,
            user: user.map(|user| user.parse().unwrap()),
            registration: RegistrationStatus {
                shown,
                ..RegistrationStatus::no_account()
            },
        }
    }

    #[test]
    fn registrations_are_told_in_the_grammar_of_the_hardware() {
        let slots = [
            slot("page-1", Some("100"), Shown::Successful),
            slot("ring-2", Some("101"), Shown::RejectedByServer),
            slot("page-2", None, Shown::NoAccount),
        ];

        assert_eq!(
            registrations(&slots),
            "Page, Successful, 100;ring-2, Rejected by Server, 101;page-2, No Account;"
        );
        assert_eq!(registrations(&[]), "Page, No Account;");
    }

    #[test]
    fn a_delayed_page_is_recorded_and_then_played_in_the_words_of_the_hardware() {
        let mut status = DeviceStatus {
            device: "hall".parse().unwrap(),
            slots: vec![slot("page-1", Some("100"), Shown::Successful)],
            sounding: None,
            signals: Signals::default(),
            messages: MessagesStatus::default(),
            microphone: Default::default(),
            sink: SinkStatus {
                name: "null".to_owned(),
                health: SinkHealth::Healthy,
                muted: false,
            },
            multicast: MulticastStatus::default(),
        };
        assert_eq!(call_status(&status), "Idle");
        status.messages.recording = 1;
        assert_eq!(call_status(&status), "Recording Message");
        status.sounding = Some(Sounding {
            class: SoundClass::Page,
            origin: SoundOrigin::DelayedPage,
            drill: false,
            slot: Some("page-1".parse().unwrap()),
            announcement: None,
            multicast: None,
            page: None,
            tone: None,
            what: String::new(),
            since_ms: 0,
        });
        assert_eq!(call_status(&status), "Playing Delayed Page");
    }

    #[test]
    fn the_multicast_mode_says_whether_it_is_active() {
        let zone = |heard| ZoneReception {
            zone: ZoneNumber::ALL_CALL,
            group: String::new(),
            stream: None,
            heard,
            problem: None,
        };
        let status = |mode, heard, sending| {
            let zones = vec![zone(false), zone(heard)];
            multicast(&MulticastStatus {
                mode,
                restricted: false,
                zones,
                sending,
                sending_problem: None,
                ..MulticastStatus::default()
            })
        };

        assert_eq!(status(MulticastMode::Receiver, true, vec![]), "Receiver (Active)");
        assert_eq!(status(MulticastMode::Receiver, false, vec![]), "Receiver (Idle)");
        let zones = vec![ZoneNumber::ALL_CALL];
        assert_eq!(
            status(MulticastMode::Sender, false, zones),
            "Transmitter (Active)"
        );
        assert_eq!(status(MulticastMode::Sender, false, vec![]), "Transmitter (Idle)");
        assert_eq!(status(MulticastMode::Off, false, vec![]), "Disabled");
    }

    #[test]
    fn p05_an_extension_makes_no_fields_and_no_accounts_of_its_own() {
        let slots = [slot(
            "page-1",
            Some("7;Main,Successful,1;"),
            Shown::NoReplyFromServer,
        )];

        assert_eq!(
            registrations(&slots),
            "Page, No reply from server, 7%3BMain%2CSuccessful%2C1%3B;"
        );
    }
}
