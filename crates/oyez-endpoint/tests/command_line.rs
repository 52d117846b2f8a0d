//! The program as a person or a script runs it when something is wrong.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::process::{Command, Output};

fn endpoint(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oyez-endpoint"))
        .args(arguments)
        .output()
        .unwrap()
}

fn run_with(configuration: impl AsRef<[u8]>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lobby.conf");
    fs::write(&file, configuration).unwrap();
    let state = folder.path().join("state");
    let output = endpoint(&[
        "run",
        "--config",
        file.to_str().unwrap(),
        "--state",
        state.to_str().unwrap(),
    ]);
    assert!(!state.exists(), "nothing is half started");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_bad_value_names_file_line_key_and_what_would_be_right() {
    let (code, said) = run_with("# lobby\nsip.proxy = pbx.example.com\nsip.transp = carrier-pigeon\n");
    assert_eq!(code, Some(64));
    assert!(
        said.contains("lobby.conf") && said.contains("line 3") && said.contains("sip.transp"),
        "{said}"
    );
    assert!(said.contains("tls") && said.contains("would be right"), "{said}");
}

#[test]
fn a_key_without_effect_is_named_with_its_line() {
    let (_, said) = run_with(
        "sip.interop.cport = 1\nsip.interop.cuser = 0\nio.relayout.events = door\noyez.tls.ca = no-such.pem\n",
    );
    assert!(
        said.contains("no effect") && said.contains("sip.interop.cuser") && said.contains("line=2"),
        "{said}"
    );
    assert!(
        said.contains("io.relayout.events") && said.contains("words=door"),
        "{said}"
    );
    assert!(!said.contains("sip.interop.cport"), "{said}");
}

#[test]
fn a_password_is_not_repeated_in_an_error() {
    let (code, said) = run_with("sip.proxy = pbx.example.com:no-port\nsip.u1.pwd = swordfish\n");
    assert_eq!(code, Some(64));
    assert!(!said.contains("swordfish"), "{said}");
}

#[test]
fn a_configuration_that_is_no_text_is_told_so_with_its_line() {
    let (code, said) = run_with(b"# lobby\noyez.name = S\xfcd\n");
    assert_eq!(code, Some(64));
    assert!(
        said.contains("lobby.conf:2: is not UTF-8; save the file as UTF-8 text"),
        "{said}"
    );
}

#[test]
fn a_sink_that_is_not_built_in_is_bad_configuration() {
    let (code, said) = run_with("oyez.sink = oss:default\n");
    assert_eq!(code, Some(64));
    assert!(
        said.contains("line 1: oyez.sink: ")
            && said.contains("auto, null, pulse, pulse:SINK, alsa:DEVICE or wav:FOLDER would be right"),
        "{said}"
    );
}

#[test]
fn a_sink_that_cannot_be_written_is_bad_configuration() {
    let (code, said) = run_with("\noyez.sink = wav:lobby.conf/recordings\n");
    assert_eq!(code, Some(64));
    assert!(
        said.contains("lobby.conf: line 2: oyez.sink: ") && said.contains("a folder that can be made"),
        "{said}"
    );
}

#[test]
fn a_missing_authority_file_is_bad_configuration() {
    let (code, said) = run_with("# trust\noyez.tls.ca = no-such.pem\n");
    assert_eq!(code, Some(64));
    assert!(
        said.contains("lobby.conf: line 2: oyez.tls.ca: ") && said.contains("a PEM file"),
        "{said}"
    );
    // It is looked for beside the file.
    let beside = said
        .split("/no-such.pem")
        .next()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    assert!(beside.starts_with(".tmp"), "{said}");
}

#[test]
fn a_missing_configuration_file_is_named() {
    let output = endpoint(&["run", "--config", "no-such.conf"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such.conf"));
}

#[test]
fn a_status_without_a_running_endpoint_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = endpoint(&["status", "--state", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("oyez-endpoint run"));
}
