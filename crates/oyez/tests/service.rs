//! `oyez service`, as docs/service.md tells it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use oyez::service::config::ServiceConfig;
use peers::Program;
use zone::config::ZoneConfig;

const DOCUMENT: &str = include_str!("../../../docs/service.md");
const PATIENCE: Duration = Duration::from_secs(60);

/// The block of the document in `language` that contains `words`.
fn example(language: &str, words: &str) -> &'static str {
    let mut blocks = DOCUMENT.split("```").skip(1).step_by(2);
    blocks
        .find_map(|block| block.strip_prefix(language).filter(|text| text.contains(words)))
        .unwrap()
        .trim_start()
}

/// The document's files in `folder`, on free ports of loopback; the service's is returned.
fn written(folder: &Path) -> PathBuf {
    let local = |text: &str| {
        text.replace("0.0.0.0:8443", "127.0.0.1:0")
            .replace("0.0.0.0:8444", "127.0.0.1:0")
            .replace("0.0.0.0:5061", "127.0.0.1:0")
            .replace("oyez.example.com", "127.0.0.1")
            .replace("/var/lib/oyez", "state")
    };
    fs::write(folder.join("zone.toml"), local(example("toml", "control ="))).unwrap();
    let file = folder.join("service.toml");
    fs::write(&file, local(example("toml", "[portal]"))).unwrap();
    file
}

fn service(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
    command.args(["service", "--config"]).arg(file);
    command
}

#[test]
fn the_documents_files_are_taken_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (service, zone) = (
        folder.path().join("service.toml"),
        folder.path().join("zone.toml"),
    );
    fs::write(&service, example("toml", "[portal]")).unwrap();
    fs::write(&zone, example("toml", "control =")).unwrap();

    let config = ServiceConfig::read(&service).unwrap_or_else(|error| panic!("{error}"));

    assert_eq!(config.zone.config.as_deref(), Some(zone.as_path()));
    ZoneConfig::read(&zone).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_start_says_where_everything_is_and_the_link_of_the_owner() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path());

    let mut program = Program::start(&mut service(&file));
    program.wait_for(&["sign in once"], PATIENCE);

    let said = program.said();
    for line in example("console", "sign in once").lines().skip(1) {
        let words = line.split("//").next().unwrap().split("0.0.0.0").next().unwrap();
        let words = words.split("/var/lib").next().unwrap();
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(said.contains("/first?token="), "{said}");
    assert!(folder.path().join("state/authority/authority.pem").exists());
}

#[test]
fn what_is_wrong_with_the_files_is_told_with_its_line_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path());
    for (name, from, to, words) in [
        (
            "service.toml",
            "owner",
            "owners",
            "service.toml:15: account.owners: unknown field",
        ),
        (
            "zone.toml",
            "[listen]",
            "[listens]",
            "zone.toml:4: listens: unknown field",
        ),
    ] {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(from, to)).unwrap();

        let output = service(&file).output().unwrap();

        fs::write(&path, text).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!folder.path().join("state").exists());
    }
}
