//! `oyez service`, as docs/service.md tells it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod furnished;
mod service_files;

use std::fs;
use std::path::Path;
use std::process::Command;

use oyez::service::config::ServiceConfig;
use peers::{Program, build_program};
use zone::config::ZoneConfig;

use crate::furnished::{CODE, PASSWORD, fill};
use crate::service_files::{PATIENCE, example, own_mac, service, told, written};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");

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

/// The endpoint's settings, as the document has them.
fn settings(folder: &Path, provisioning: &str) -> String {
    let authority = folder.join("state/authority/authority.pem");
    let documented = example("ini", "prov.use")
        .replace("https://oyez.example.com:8444", provisioning)
        .replace("/etc/oyez-endpoint/authority.pem", authority.to_str().unwrap());
    let recordings = folder.join("recordings");
    format!("{documented}\noyez.sink = wav:{}\n", recordings.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_enrols_fetches_its_extension_registers_and_a_page_to_it_is_heard() {
    let Some(mac) = own_mac() else {
        peers::skip("this machine has no network interface to take a hardware address from");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = written(folder);
    let mut first = Program::start(&mut service(&file));
    first.wait_for(&["sign in once"], PATIENCE);
    drop(first);
    fill(&folder.join("state"), mac).await;
    let mut service = Program::start(service(&file).env("OYEZ_LOG", "info"));
    let zone = told(&mut service, "listening on ");
    let provisioning = told(&mut service, "provisioning at ");
    let authority = folder.join("state/authority/authority.pem");
    let endpoint = build_program("oyez-endpoint", Path::new(env!("CARGO_BIN_EXE_oyez")));

    let mut enrolling = Program::start(
        Command::new(&endpoint)
            .args(["enrol", &provisioning, "--ca"])
            .arg(&authority)
            .arg("--state")
            .arg(folder.join("endpoint")),
    );
    enrolling.write_line(CODE);
    enrolling.wait_for(&["has its certificate"], PATIENCE);
    let configuration = folder.join("endpoint.conf");
    fs::write(&configuration, settings(folder, &provisioning)).unwrap();
    let _endpoint = Program::start(
        Command::new(&endpoint)
            .args(["run", "--web", "off", "--config"])
            .arg(&configuration)
            .arg("--state")
            .arg(folder.join("endpoint")),
    );
    service.wait_for(&["line1 registered"], PATIENCE);
    let check = |device: &str, more: &[&str]| {
        let mut check = Command::new(env!("CARGO_BIN_EXE_oyez"));
        check
            .args(["check", device, "--state"])
            .arg(folder.join("state"))
            .args(more);
        check.output().unwrap()
    };
    let registered = check(&mac.compact(), &["--json"]);
    assert_eq!(registered.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&registered.stdout).unwrap();
    assert_eq!(report["verdict"], "registered");
    assert_eq!(report["tries"][0]["outcome"], "served");
    let phone = check("02:00:00:00:00:09", &[]);
    assert_eq!(phone.status.code(), Some(1));
    let said = String::from_utf8(phone.stdout).unwrap();
    assert!(
        said.contains("Not registered") && said.contains("extension 702"),
        "{said}"
    );
    let twice = check("Device", &[]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("2 devices are called Device"));
    let unknown = check("02:00:00:00:00:0A", &[]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no device is 02:00:00:00:00:0A"));
    let paged = Command::new(env!("CARGO_BIN_EXE_oyez"))
        .args(["page", "701", PAGE, "--json", "--user", "line2@pbx.example.com"])
        .args(["--server", &zone, "--ca"])
        .arg(&authority)
        .arg("--control")
        .arg(folder.join("zone.sock"))
        .env("OYEZ_PASSWORD", PASSWORD)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&paged.stderr).into_owned();
    assert!(paged.status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&paged.stdout).unwrap();
    assert_eq!(report["talker"], "line2");
    assert_eq!(report["listeners"][0]["verdict"]["verdict"], "heard");
}
