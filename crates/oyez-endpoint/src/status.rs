//! `oyez-endpoint status`: what a running endpoint says of itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use model::status::{DeviceStatus, RegistrationStatus, SinkHealth, SlotStatus, Sounding};
use net::control::{AskError, ask_status};

use crate::cli::StatusArguments;
use crate::identity::StateFolder;
use crate::voice::{Failure, say};

/// Runs the command.
pub(crate) async fn run(arguments: StatusArguments) -> Result<(), Failure> {
    let path = StateFolder::choose(arguments.state.as_deref())?.control();
    let line = ask_status(&path)
        .await
        .map_err(|error| unanswered(&path, error))?;
    if arguments.json {
        say(&line);
        return Ok(());
    }
    let status: DeviceStatus =
        serde_json::from_str(&line).context("the endpoint's answer is of another version")?;
    say(&format!("Device {}", status.device));
    for slot in &status.slots {
        say(&slot_text(slot));
    }
    let health = match &status.sink.health {
        SinkHealth::Healthy => "healthy".to_owned(),
        SinkHealth::Faulty { reason } => format!("faulty: {reason}"),
    };
    let muted = if status.sink.muted { ", muted" } else { "" };
    say(&format!("  output {}: {health}{muted}", status.sink.name));
    match &status.sounding {
        Some(sounding) => say(&format!("  sounding: {}", sounding_text(sounding))),
        None => say("  silent"),
    }
    Ok(())
}

fn unanswered(socket: &Path, error: AskError) -> anyhow::Error {
    let place = socket.display();
    match error {
        AskError::Unanswered(error) => anyhow!(error).context(format!(
            "no endpoint answers at {place}; start one with `oyez-endpoint run`"
        )),
        AskError::Refused(why) => anyhow!("the endpoint at {place} refuses: {why}"),
    }
}

fn slot_text(slot: &SlotStatus) -> String {
    let user = slot
        .user
        .as_ref()
        .map_or_else(String::new, |user| format!(" {user}"));
    format!("  {}{user}: {}", slot.slot, registration_text(&slot.registration))
}

/// What sounds, in one line.
pub(crate) fn sounding_text(sounding: &Sounding) -> String {
    let drill = if sounding.drill { "drill: " } else { "" };
    let tone = sounding
        .tone
        .as_ref()
        .map_or_else(String::new, |tone| format!(" ({tone})"));
    format!("{drill}{}{tone}", sounding.what)
}

/// What an administrator wants to know of a registration, in one line.
pub(crate) fn registration_text(registration: &RegistrationStatus) -> String {
    let mut text = registration.shown.to_string();
    if let Some(cause) = &registration.cause {
        text.push_str(&format!(" ({cause})"));
    }
    if let Some(target) = &registration.target {
        text.push_str(&format!(" at {target}"));
    }
    let since = Duration::from_millis(registration.since_ms).as_secs();
    text.push_str(&format!(", for {since} s"));
    if let Some(next) = registration.next_try_ms {
        text.push_str(&format!(
            ", next try in {} s",
            Duration::from_millis(next).as_secs()
        ));
    }
    text
}
