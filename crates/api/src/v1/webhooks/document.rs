//! What receivers are sent, for the document.

use model::inventory::WebhookEvent;
use serde_json::{Map, Value, json};
use webhooks::form;
use webhooks::message::URL_VALIDATION;
use webhooks::signature::{EVENT_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// The section of the document that tells of every message.
pub(crate) fn webhooks_document() -> Value {
    let events = WebhookEvent::CHOICES.into_iter().chain([WebhookEvent::Test]);
    let mut messages: Map<String, Value> = events
        .map(|event| {
            let taken = json!({ "2XX": { "description": "It is taken." } });
            let said = post(event.as_str(), event.label(), &form(event), &taken);
            (event.as_str().to_owned(), said)
        })
        .collect();
    messages.insert(URL_VALIDATION.to_owned(), validation());
    messages.sort_keys();
    Value::Object(messages)
}

fn validation() -> Value {
    let text = json!({ "type": "string" });
    let question = json!({
        "type": "object", "required": ["event", "event_ts", "payload"], "additionalProperties": false,
        "properties": {
            "event": { "type": "string", "enum": [URL_VALIDATION] },
            "event_ts": { "type": "integer" },
            "payload": { "type": "object", "required": ["plainToken"], "properties": { "plainToken": text } },
        },
    });
    let answer = json!({
        "type": "object", "required": ["plainToken", "encryptedToken"],
        "properties": {
            "plainToken": text,
            "encryptedToken": {
                "type": "string",
                "description": "The hexadecimal HMAC-SHA256 of plainToken under the secret token.",
            },
        },
    });
    let answers = json!({
        "200": { "description": "It knows its secret token.", "content": { "application/json": { "schema": answer } } },
    });
    post(
        URL_VALIDATION,
        "The receiver is asked whether it knows its secret token",
        &question,
        &answers,
    )
}

fn post(id: &str, summary: &str, schema: &Value, answers: &Value) -> Value {
    let header = |name: &str, is_required: bool, description: &str| {
        json!({
            "name": name, "in": "header", "required": is_required, "description": description,
            "schema": { "type": "string" },
        })
    };
    let is_event = id != URL_VALIDATION;
    json!({
        "post": {
            "operationId": id,
            "summary": summary,
            "parameters": [
                header(TIMESTAMP_HEADER, true, "When it is sent, in seconds since 1970."),
                header(SIGNATURE_HEADER, true, "v0= and the hexadecimal HMAC-SHA256 of v0:TIMESTAMP:BODY under the secret token."),
                header(EVENT_ID_HEADER, is_event, "Names the event: a message that comes twice has the same."),
            ],
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
            "responses": answers,
        },
    })
}
