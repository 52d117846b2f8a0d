//! SIPp, which plays a scenario of messages and fails when the other side does not do its part.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{Account, Program};

/// Longest time that a scenario may take, in seconds, on a machine that has other things to do.
const SCENARIO_SECONDS_MAX: u64 = 120;
/// Longest wait for the end of the program.
const PATIENCE: Duration = Duration::from_secs(SCENARIO_SECONDS_MAX + 30);

/// Plays the scenario of a file once, as the user of `account`, against the listener `server`.
///
/// In the scenario `[user]` and `[domain]` are the account's, and `sip:[target]` is the Request-URI outside dialogs. Files
/// that it names are in `folder`.
///
/// # Panics
///
/// When the scenario does not come to its end: what was sent and received is shown.
pub fn play_scenario(
    scenario: &Path,
    folder: &Path,
    account: &Account<'_>,
    server: SocketAddr,
    target: &str,
) {
    let messages = folder.join("messages");
    let address = server.ip().to_string();
    // One socket of the account's transport.
    let transport = format!("{}1", account.transport.get(..1).unwrap_or_default());
    let mut program = Program::start(
        Command::new("sipp")
            .current_dir(folder)
            .arg(server.to_string())
            .arg("-sf")
            .arg(scenario)
            .args(["-i", &address, "-mi", &address, "-t", &transport, "-m", "1"])
            .args([
                "-au",
                account.authorization_id,
                "-ap",
                account.password,
                "-auth_uri",
                target,
            ])
            .args(["-key", "target", target])
            .args(["-key", "user", account.user, "-key", "domain", account.domain])
            .args(["-nostdin", "-timeout_error"])
            .args(["-timeout", &format!("{SCENARIO_SECONDS_MAX}s")])
            .arg("-trace_msg")
            .arg("-message_file")
            .arg(&messages),
    );
    let is_done = program.finish(PATIENCE);
    assert!(
        is_done,
        "{} failed:\n{}\n{}",
        scenario.display(),
        fs::read_to_string(&messages).unwrap_or_default(),
        program.said()
    );
}
