//! The form of each message, as JSON Schema: what the document of the API tells receivers to expect.

use model::inventory::WebhookEvent;
use serde_json::{Value, json};

/// The form of what is sent of an event. Nothing but what it names is ever sent.
#[must_use]
pub fn form(event: WebhookEvent) -> Value {
    let object = match event {
        WebhookEvent::DeviceRegistration => closed(
            json!({ "device_id": text(), "device_name": text(), "mac_address": text() }),
            &[],
        ),
        WebhookEvent::GenericDeviceProvision => generic_device(),
        WebhookEvent::EmergencyAlert => emergency_alert(),
        WebhookEvent::DeviceUp | WebhookEvent::DeviceDown => closed(
            json!({
                "device_id": text(), "device_name": text(), "mac_address": text(), "model": or_null("string"),
                "firmware": or_null("string"), "since": number("Milliseconds since 1970."),
            }),
            &[],
        ),
        WebhookEvent::DeviceMoved => closed(
            json!({
                "device_id": text(), "device_name": text(), "mac_address": text(), "from_zone": text(), "to_zone": text(),
            }),
            &[],
        ),
        WebhookEvent::PageStarted => closed(
            json!({
                "page": text(), "extension": text(), "talker": text(),
                "listeners": number("How many are called."),
            }),
            &[],
        ),
        WebhookEvent::PageEnded => report(),
        WebhookEvent::Test => closed(json!({ "requested_by": text() }), &[]),
    };
    let mut name = text();
    if let Some(name) = name.as_object_mut() {
        name.insert("enum".to_owned(), json!([event.as_str()]));
    }
    let payload = closed(json!({ "account_id": text(), "object": object }), &[]);
    let at = number("When it happened, in milliseconds since 1970.");
    closed(json!({ "event": name, "event_ts": at, "payload": payload }), &[])
}

fn generic_device() -> Value {
    let account = closed(
        json!({
            "sip_domain": text(), "outbound_proxy": text(), "secondary_outbound_proxy": text(), "user_name": text(),
            "authorization_id": text(), "password": text(),
        }),
        &["secondary_outbound_proxy"],
    );
    let provision = closed(
        json!({
            "type": { "type": "string", "enum": ["manual"] },
            "sip_accounts": { "type": "array", "items": account },
        }),
        &["sip_accounts"],
    );
    closed(
        json!({
            "id": text(), "display_name": text(), "device_type": text(), "mac_address": text(),
            "site": closed(json!({ "id": text(), "name": text() }), &[]),
            "provision": provision,
        }),
        &["site", "provision"],
    )
}

fn emergency_alert() -> Value {
    let texts = json!({ "type": "array", "items": text() });
    let caller = closed(
        json!({
            "id": text(), "extension_number": text(), "timezone": text(), "display_name": text(),
            "extension_type": { "type": "string", "enum": ["user", "commonAreaPhone"] }, "site_id": text(), "site_name": text(),
        }),
        &[
            "extension_number",
            "timezone",
            "display_name",
            "site_id",
            "site_name",
        ],
    );
    let address = [
        "country",
        "address_line1",
        "address_line2",
        "city",
        "zip",
        "state_code",
    ];
    let lines: serde_json::Map<String, Value> = address
        .into_iter()
        .map(|line| (line.to_owned(), text()))
        .collect();
    closed(
        json!({
            "call_id": text(), "caller": caller, "callee": closed(json!({ "phone_number": text() }), &[]),
            "location": closed(json!({ "gps": texts, "ip": texts, "bssid": texts }), &[]),
            "router": { "type": "string", "enum": ["ZOOM"] },
            "deliver_to": { "type": "string", "enum": ["SAFETY_TEAM"] },
            "ringing_start_time": { "type": "string", "format": "date-time" },
            "emergency_address": closed(Value::Object(lines), &address),
        }),
        &[],
    )
}

fn report() -> Value {
    let truth = json!({ "type": "boolean" });
    let count = json!({ "type": "integer" });
    let mut receipt = closed(
        json!({
            "page": text(), "played_ms": count, "expected_ms": count, "lost": count, "concealed_ms": count,
            "interrupted_ms": count, "first_audio_ms": or_null("integer"), "level_dbfs": or_null("number"), "muted": truth,
            "sink_healthy": truth,
        }),
        &[],
    );
    if let Some(receipt) = receipt.as_object_mut() {
        receipt.insert("type".to_owned(), json!(["object", "null"]));
    }
    let not_heard = json!({ "type": "string", "enum": ["too_little", "muted", "sink_fault", "no_receipt"] });
    let reasons = [
        "not_registered",
        "no_answer",
        "refused",
        "connection_failed",
        "page_ended",
    ];
    let missing = closed(
        json!({ "reason": { "type": "string", "enum": reasons }, "status": count, "text": or_null("string") }),
        &["status", "text"],
    );
    let verdict = closed(
        json!({
            "verdict": { "type": "string", "enum": ["heard", "not_heard", "answered", "missing"] },
            "why": { "oneOf": [not_heard, missing] },
            "loss_permille": or_null("integer"),
        }),
        &["why", "loss_permille"],
    );
    let listener = closed(
        json!({
            "user": text(), "name": text(), "verdict": verdict, "first_audio_ms": or_null("integer"), "receipt": receipt,
            "devices": count, "heard_devices": count,
        }),
        &[],
    );
    closed(
        json!({
            "page": text(), "extension": text(), "talker": text(),
            "duration_ms": number("Milliseconds that the talker sent."),
            "since_start_ms": or_null("integer"), "since_end_ms": or_null("integer"),
            "listeners": { "type": "array", "items": listener },
        }),
        &[],
    )
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number(meaning: &str) -> Value {
    json!({ "type": "integer", "description": meaning })
}

fn or_null(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

/// An object with these fields and no others, all of them but for some.
fn closed(properties: Value, optional: &[&str]) -> Value {
    let names = properties.as_object().into_iter().flatten();
    let required: Vec<&String> = names
        .map(|(name, _)| name)
        .filter(|name| !optional.contains(&name.as_str()))
        .collect();
    let mut object = json!({ "type": "object", "required": required, "additionalProperties": false });
    if let Some(object) = object.as_object_mut() {
        object.insert("properties".to_owned(), properties);
    }
    object
}
