//! A skipped test is seen: the harness keeps back what a passing test prints, and must not keep back this.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::process::{Command, Output};

use peers::{SKIPPED_LIST, available};

/// Set where the test below is started by the others.
const STARTED: &str = "OYEZ_TEST_OF_SKIPPING";

#[test]
fn wants_what_nobody_has() {
    if std::env::var_os(STARTED).is_some() {
        assert!(!available(&["no-such-phone"]));
    }
}

fn start(required: &str, list: &std::path::Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wants_what_nobody_has", "--test-threads=2"])
        .env(STARTED, "1")
        .env("OYEZ_REQUIRE_PEERS", required)
        .env(SKIPPED_LIST, list)
        .env_remove("RUST_TEST_NOCAPTURE")
        .output()
        .unwrap()
}

#[test]
fn a_skipped_test_passes_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("skipped");

    let output = start("0", &list);

    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let line =
        "wants_what_nobody_has: these programs are missing: no-such-phone; `cargo xtask peers` installs them";
    assert!(said.contains(&format!("skipped {line}")), "{said}");
    assert_eq!(std::fs::read_to_string(list).unwrap().trim(), line);
}

#[test]
fn where_peers_are_required_a_skipped_test_fails() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!start("1", &folder.path().join("skipped")).status.success());
}
