//! What is sent has exactly the form that is published, where that document lies beside the repository.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may panic, and says what it skips"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    AddressId, AddressLine, CountryCode, Description, Device, DeviceType, DisplayName, EmergencyAddress,
    Holder, HolderId, HolderKind, Line, LineId, LinePlace, MacAddress, Remark, Site, SiteId, SiteTitle,
    TimeZone, Timestamp, Uplink, WebhookEvent, WebhookMessage,
};
use model::status::{ListenerReport, MissingReason, NotHeardReason, PageReport, Receipt, Verdict};
use model::{AccountId, DeviceId, PageId, Secret};
use serde_json::{Map, Value, json};
use webhooks::form;
use webhooks::message::{Alert, Frame};

/// Names the published document, where it lies elsewhere.
const PUBLISHED: &str = "OYEZ_PUBLISHED_WEBHOOKS";

fn published() -> Option<Value> {
    let path = std::env::var_os(PUBLISHED).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/zoom-phone-webhooks.json"),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "skipped: there is no {}; {PUBLISHED} names the published document",
            path.display()
        );
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Notes where a value is not what a schema says. It knows the words that the published document uses.
fn compare(place: &str, schema: &Value, value: &Value, wrong: &mut Vec<String>) {
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut wrong = Vec::new();
            compare(place, choice, value, &mut wrong);
            wrong.is_empty()
        };
        if choices.iter().filter(fits).count() != 1 {
            wrong.push(format!("{place}: {value} is not one of its choices"));
        }
        return;
    }
    let is_of = |kind: &Value| match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        // Another type would be one that this comparison does not know.
        _ => false,
    };
    let is_right = match schema["type"].as_array() {
        Some(kinds) => kinds.iter().any(is_of),
        None => is_of(&schema["type"]),
    };
    if !is_right {
        wrong.push(format!("{place}: {value} is no {}", schema["type"]));
        return;
    }
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    for (name, inner) in value.as_object().into_iter().flatten() {
        match properties.get(name) {
            Some(schema) => compare(&format!("{place}.{name}"), schema, inner, wrong),
            // Also where the document would take it: receivers know nothing of it.
            None => wrong.push(format!("{place}.{name} is not published")),
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
            wrong.push(format!("{place}: {name} is missing"));
        }
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        wrong.push(format!("{place}: {value} is none of its words"));
    }
    for inner in value.as_array().into_iter().flatten() {
        compare(&format!("{place}[]"), &schema["items"], inner, wrong);
    }
}

fn schema<'p>(published: &'p Value, event: &str) -> &'p Value {
    let hook = &published["webhooks"][event]["post"];
    &hook["requestBody"]["content"]["application/json"]["schema"]
}

fn differences(published: &Value, body: &Secret) -> Vec<String> {
    let body: Value = serde_json::from_str(body.reveal()).unwrap();
    let mut wrong = Vec::new();
    let event = body["event"].as_str().unwrap();
    compare(event, schema(published, event), &body, &mut wrong);
    wrong
}

fn device() -> Device {
    Device {
        id: DeviceId::from_random(1),
        name: DisplayName::new("Desk").unwrap(),
        description: Description::new("").unwrap(),
        mac: MacAddress::new([0, 0x22, 0xEE, 0, 0, 1]),
        kind: DeviceType::Other,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    }
}

fn holder() -> Holder {
    Holder {
        id: HolderId::from_random(1),
        kind: HolderKind::CommonArea,
        name: DisplayName::new("Hall").unwrap(),
        extension: "701".parse().unwrap(),
        package: String::new(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("America/Vancouver").unwrap(),
        site: None,
    }
}

fn site() -> Site {
    Site {
        id: SiteId::from_random(1),
        name: SiteTitle::new("Main Site").unwrap(),
    }
}

fn messages() -> Vec<WebhookMessage> {
    let account: AccountId = "acme".parse().unwrap();
    let frame = Frame {
        account: &account,
        at: Timestamp(1_625_034_680_324),
        id: 1,
    };
    let (device, holder, site) = (device(), holder(), site());
    let line = Line {
        id: LineId::from_random(1),
        device: device.id.clone(),
        place: LinePlace::Phone(1),
        holder: holder.id.clone(),
        user: "83600015247557791369".parse().unwrap(),
        authorization_id: "875586205903".parse().unwrap(),
        algorithm: DigestAlgorithm::Md5,
        generation: Generation(1),
        password: Secret::from("4dL09r0H"),
    };
    let uplink = Uplink {
        domain: "pbx.example.com".to_owned(),
        outbound_proxy: "a.example.com:5061".parse().unwrap(),
        second_outbound_proxy: Some("b.example.com:5061".parse().unwrap()),
    };
    let (call, user) = (PageId::from_random(1), "desk".parse().unwrap());
    let dialled = "911".parse().unwrap();
    let emergency = EmergencyAddress {
        id: AddressId::from_random(1),
        line1: AddressLine::new("1 Main Street").unwrap(),
        line2: Remark::new("").unwrap(),
        city: AddressLine::new("Vancouver").unwrap(),
        state_code: AddressLine::new("BC").unwrap(),
        zip: AddressLine::new("V5K 0A1").unwrap(),
        country: CountryCode::new("CA").unwrap(),
        is_default: true,
        site: None,
        holder: None,
    };
    let alert = Alert {
        emergency: Some(&emergency),
        call: &call,
        user: &user,
        caller: Some(&holder),
        site: Some(&site),
        dialled: &dialled,
        address: Some("192.0.2.7"),
        started: "2021-08-20T00:51:52Z",
    };
    let stranger = Alert {
        caller: None,
        site: None,
        address: None,
        emergency: None,
        ..alert
    };
    vec![
        frame.device_registration(&device),
        frame.generic_device_provision(&device, Some(&site), &[&line], &uplink),
        frame.generic_device_provision(&device, None, &[], &uplink),
        frame.emergency_alert(&alert),
        frame.emergency_alert(&stranger),
    ]
}

#[test]
fn every_message_has_the_published_form_with_passwords_and_without() {
    let Some(published) = published() else {
        return;
    };
    let mut told = Vec::new();
    for message in messages() {
        told.push(message.event.as_str());
        for body in [Some(&message.body), message.body_with_passwords.as_ref()]
            .into_iter()
            .flatten()
        {
            assert_eq!(differences(&published, body), Vec::<String>::new());
        }
    }
    for event in published["webhooks"].as_object().unwrap().keys() {
        assert!(told.contains(&event.as_str()), "{event} is never told");
    }
    let wrong = json!({ "event": "phone.device_registration", "event_ts": "1", "payload": { "account_id": "a", "object": {}, "more": 1 } });
    let wrong = Secret::new(wrong.to_string());
    assert_eq!(
        differences(&published, &wrong).len(),
        5,
        "the comparison sees what is wrong"
    );
}

/// What is told besides what is published.
fn own_messages() -> Vec<WebhookMessage> {
    let account: AccountId = "acme".parse().unwrap();
    let frame = Frame {
        account: &account,
        at: Timestamp(1_625_034_680_324),
        id: 1,
    };
    let known = Device {
        model: Some("8180".to_owned()),
        firmware: Some("5.5".to_owned()),
        ..device()
    };
    let (page, extension, talker) = (
        PageId::from_random(1),
        "700".parse().unwrap(),
        "desk".parse().unwrap(),
    );
    let mut messages = vec![
        frame.device_state(&device(), true, Timestamp(1)),
        frame.device_state(&known, false, Timestamp(1)),
        frame.page_started(&page, &extension, &talker, 3),
        frame.device_moved(&device(), "a", "b"),
        frame.test("owner@example.com"),
    ];
    let refused = MissingReason::Refused {
        status: 486,
        text: Some("busy".to_owned()),
    };
    let verdicts = [
        Verdict::Heard,
        Verdict::NotHeard {
            why: NotHeardReason::Muted,
        },
        Verdict::Answered {
            loss_permille: Some(3),
        },
        Verdict::Missing { why: refused },
        Verdict::Missing {
            why: MissingReason::NotRegistered,
        },
    ];
    let receipt = Receipt {
        page: page.clone(),
        played_ms: 900,
        expected_ms: 2_000,
        lost: 3,
        concealed_ms: 40,
        interrupted_ms: 0,
        first_audio_ms: Some(120),
        level_dbfs: Some(-20.5),
        muted: false,
        sink_healthy: true,
    };
    let listeners = verdicts.map(|verdict| ListenerReport {
        user: "hall".parse().unwrap(),
        name: "Hall".to_owned(),
        receipt: (verdict == Verdict::Heard).then(|| receipt.clone()),
        verdict,
        first_audio_ms: None,
        devices: 1,
        heard_devices: 0,
    });
    let report = PageReport {
        page,
        extension,
        talker,
        duration_ms: 2_000,
        since_start_ms: Some(3_000),
        since_end_ms: None,
        listeners: listeners.into(),
    };
    messages.push(frame.page_ended(&report));
    messages
}

#[test]
fn every_message_has_the_form_that_our_own_document_tells() {
    let mut told = BTreeSet::new();
    for message in messages().into_iter().chain(own_messages()) {
        told.insert(message.event);
        for body in [Some(&message.body), message.body_with_passwords.as_ref()]
            .into_iter()
            .flatten()
        {
            let body: Value = serde_json::from_str(body.reveal()).unwrap();
            let mut wrong = Vec::new();
            compare(message.event.as_str(), &form(message.event), &body, &mut wrong);
            assert_eq!(wrong, Vec::<String>::new());
        }
    }
    let all = WebhookEvent::CHOICES.into_iter().chain([WebhookEvent::Test]);
    assert_eq!(told, all.collect::<BTreeSet<_>>());
}

#[test]
fn an_alert_says_where_emergency_services_are_sent() {
    let object = |message: &WebhookMessage| {
        let said: Value = serde_json::from_str(message.body.reveal()).unwrap();
        said["payload"]["object"]["emergency_address"].clone()
    };
    let messages = messages();
    assert_eq!(
        object(&messages[3]),
        json!({
            "country": "CA", "address_line1": "1 Main Street", "address_line2": "", "city": "Vancouver", "zip": "V5K 0A1", "state_code": "BC",
        })
    );
    assert_eq!(object(&messages[4]), json!({}));
}

#[test]
fn a_password_is_sent_to_those_alone_who_may_know_it() {
    let message = messages().remove(1);
    assert!(!message.body.reveal().contains("4dL09r0H"));
    let revealing = message.body_with_passwords.unwrap();
    assert!(revealing.reveal().contains("4dL09r0H"));
    let said: Value = serde_json::from_str(message.body.reveal()).unwrap();
    assert_eq!(
        said["payload"]["object"]["provision"],
        json!({ "type": "manual" })
    );
}
