//! The program on a machine whose clock is wrong by ten years: it says so, and sounds alerts all the same.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use peers::{Program, available};

const PATIENCE: Duration = Duration::from_secs(30);
/// `admin:correct horse`, as HTTP Basic has it.
const BASIC: &str = "YWRtaW46Y29ycmVjdCBob3JzZQ==";

/// Starts the program with its clock moved, and the REST API on.
fn endpoint(folder: &Path, offset: &str) -> Program {
    let file = folder.join("lobby.conf");
    fs::write(
        &file,
        "oyez.sink = null\nprov.use = 0\nadmin.web.api = 1\napi.admin.pwd = correct horse\napi.auth.basic = 1\n",
    )
    .unwrap();
    let mut program = Command::new("faketime");
    program
        .args(["-f", offset, env!("CARGO_BIN_EXE_oyez-endpoint"), "run"])
        .args(["--web", "127.0.0.1:0", "--config"])
        .arg(&file)
        .arg("--state")
        .arg(folder.join("state"))
        // Only the time of day is wrong on such a machine.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Program::start(&mut program)
}

/// Starts the first announcement as a client of the REST API does.
fn start_alert(address: &str) {
    let body = "{\"announcement\":1}";
    let request = format!(
        "POST /api/controls/emergency-alert/start HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {BASIC}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client
        .stdin
        .as_mut()
        .unwrap()
        .write_all(request.as_bytes())
        .unwrap();
    let said = client.wait_with_output().unwrap().stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
}

fn is_told_and_alerts_sound(offset: &str, told: &str) {
    if !available(&["faketime", "openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut program = endpoint(folder.path(), offset);

    // One is said on standard error, the other on standard output: in either order.
    for _ in 0..2 {
        program.wait_for(&[told, "web pages: https://"], PATIENCE);
    }
    let said = program.said();
    assert!(said.contains(told), "{said}");
    let address = said.split("https://").nth(1).unwrap();
    start_alert(address.split('/').next().unwrap());

    program.wait_for(&["sounding: emergency alert"], PATIENCE);
}

#[test]
fn ten_years_behind_the_clock_is_told_and_alerts_sound() {
    is_told_and_alerts_sound("-10y", "the clock of this machine is behind");
}

#[test]
fn ten_years_ahead_the_clock_is_told_and_alerts_sound() {
    is_told_and_alerts_sound("+10y", "the clock of this machine may be ahead by years");
}
