//! `oyez status`: what a running zone says of itself.

use std::time::Duration;

use anyhow::Context;
use model::status::ZoneStatus;
use net::control::ask_status;

use crate::cli::StatusArguments;
use crate::console;
use crate::failure::{Failure, unanswered};
use crate::state::StateFolder;

/// Runs the command.
///
/// # Errors
///
/// When no zone answers, or the zone refuses to.
pub async fn run(arguments: StatusArguments) -> Result<(), Failure> {
    let path = match arguments.control {
        Some(socket) => socket,
        None => StateFolder::choose(arguments.state.as_deref())?.zone_control(),
    };
    let line = ask_status(&path)
        .await
        .map_err(|error| unanswered(&path, error))?;
    if arguments.json {
        console::say(&line);
        return Ok(());
    }
    let status: ZoneStatus =
        serde_json::from_str(&line).context("the zone's answer is of another version")?;
    let up = Duration::from_millis(status.uptime_ms).as_secs();
    console::say(&format!(
        "Zone {} is up for {}:{:02}:{:02}",
        status.zone,
        up / 3_600,
        up / 60 % 60,
        up % 60
    ));
    for account in &status.accounts {
        console::say(&format!(
            "  {}: {} registered, {} calls, {} pages",
            account.account, account.bindings, account.calls, account.pages
        ));
    }
    Ok(())
}
