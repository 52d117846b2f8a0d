//! docs/webhooks.md says what is sent, and its signature is one.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::process::Command;

use model::Secret;
use model::inventory::{Timestamp, WebhookEvent};
use peers::available;
use webhooks::RetryPlan;
use webhooks::signature::sign;

const DOCUMENT: &str = include_str!("../../../docs/webhooks.md");

/// The block of the document in a language.
fn block(language: &str) -> &'static str {
    let mut blocks = DOCUMENT.split("```").skip(1).step_by(2);
    blocks
        .find_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .unwrap()
        .trim_end()
}

#[test]
fn the_documents_message_has_the_documents_signature() {
    let signed = sign(
        &Secret::from("a secret token"),
        Timestamp(1_739_923_528_000),
        block("json"),
    );
    assert_eq!(signed.signature, block("text"));
}

#[test]
fn the_documents_command_makes_the_same_signature() {
    if !available(&["openssl"]) {
        return;
    }
    let output = Command::new("sh")
        .args(["-c", block("sh")])
        .env("TIMESTAMP", "1739923528")
        .env("BODY", block("json"))
        .env("SECRET", "a secret token")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim_end(),
        block("text")
    );
}

#[test]
fn the_document_names_every_event_and_the_plan() {
    for event in WebhookEvent::CHOICES.into_iter().chain([WebhookEvent::Test]) {
        assert!(
            DOCUMENT.contains(&format!("| `{}` |", event.as_str())),
            "{event:?}"
        );
    }
    let plan = RetryPlan::default();
    let seconds: Vec<String> = plan
        .waits()
        .iter()
        .map(|wait| wait.as_secs().to_string())
        .collect();
    assert!(DOCUMENT.contains(&format!("retry-after = [{}]", seconds.join(", "))));
    assert!(DOCUMENT.contains(&format!("failures-max = {}", plan.failures_max())));
}
