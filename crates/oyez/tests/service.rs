//! `oyez service`, as docs/service.md tells it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod furnished;
mod service_files;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use model::inventory::MacAddress;
use oyez::service::config::ServiceConfig;
use peers::{Program, available, build_program};
use zone::config::ZoneConfig;

use crate::furnished::{CODE, PASSWORD, fill};
use crate::service_files::{PATIENCE, example, own_mac, service, told, written};

const MAC: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);
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
fn a_voice_that_the_reading_program_does_not_list_is_refused_at_the_start() {
    if !peers::available(&["espeak-ng"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path());
    let text = fs::read_to_string(&file).unwrap();
    let voice = example("toml", "[talk]").replace("en-us", "xx");
    fs::write(&file, format!("{text}{voice}")).unwrap();

    let output = service(&file).output().unwrap();

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("talk.voice: espeak-ng has no voice `xx`"), "{said}");
    assert!(!folder.path().join("state").exists());
    let config = ServiceConfig::read(&file).unwrap();
    assert_eq!(config.talk.voice.as_deref(), Some("xx"));
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

/// Writes the files of a service, starts it once, and puts a device of an address into its store; gives the file of the service.
async fn filled(folder: &Path, mac: MacAddress) -> PathBuf {
    let file = written(folder);
    let mut first = Program::start(&mut service(&file));
    first.wait_for(&["sign in once"], PATIENCE);
    drop(first);
    fill(&folder.join("state"), mac).await;
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_enrols_fetches_its_extension_registers_and_a_page_to_it_is_heard() {
    let Some(mac) = own_mac() else {
        peers::skip("this machine has no network interface to take a hardware address from");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = filled(folder, mac).await;
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

fn openssl(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(arguments);
    command
}

/// Has the running service sign `device.csr`.
fn certificate(folder: &Path, device: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
    command
        .current_dir(folder)
        .args([
            "service",
            "certificate",
            device,
            "--csr",
            "device.csr",
            "--state",
            "state",
        ])
        .args(more);
    command.output().unwrap()
}

/// What the provisioning server answers to a device that shows this certificate.
fn fetched(folder: &Path, provisioning: &str, shown: &str) -> String {
    let server = provisioning.trim_start_matches("https://");
    let mut client = openssl(
        folder,
        &[
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-CAfile",
            "state/authority/authority.pem",
            "-connect",
            server,
        ],
    )
    .args(["-cert", shown, "-key", "device.key"])
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let asked = format!(
        "GET /algom{}.conf HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        MAC.compact()
    );
    client
        .stdin
        .as_mut()
        .unwrap()
        .write_all(asked.as_bytes())
        .unwrap();
    let answer = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

/// Asks the running service whether its audit fits, in words and in JSON.
fn assert_audit_fits(folder: &Path) {
    let audit = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command
            .current_dir(folder)
            .args(["service", "audit", "--state", "state"]);
        command.args(more).output().unwrap()
    };
    let fits = audit(&[]);
    let said = String::from_utf8_lossy(&fits.stdout).into_owned();
    assert!(
        fits.status.success()
            && said.contains(" entries verified since ")
            && said.contains("\ncheckpoint: people "),
        "{said}"
    );
    let report: serde_json::Value = serde_json::from_slice(&audit(&["--json"]).stdout).unwrap();
    assert_eq!(
        (report.get("fault"), report.get("unlinked")),
        (Some(&serde_json::Value::Null), Some(&0.into()))
    );

    let (_, checkpoint) = said.trim_end().split_once("checkpoint: ").unwrap();
    let contained = audit(&["--from", checkpoint]);
    let said = String::from_utf8_lossy(&contained.stdout).into_owned();
    assert!(
        contained.status.success() && said.starts_with("the checkpoint that was asked for is contained\n"),
        "{said}"
    );
    let later = audit(&["--from", "people 1000000 5fb02d7c4e1a9088", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&later.stdout).unwrap();
    let missing = report.get("missing").and_then(serde_json::Value::as_str).unwrap();
    assert!(
        missing.starts_with("entry 1000000 of what people did is missing"),
        "{missing}"
    );
    assert_eq!(later.status.code(), Some(1));
    let none = audit(&["--from", "yesterday"]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        none.status.code() == Some(2) && said.contains("`yesterday` is no place of a list"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_openssl_made_is_signed_and_the_certificate_fetches_the_device_s_file() {
    if !available(&["openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = filled(folder, MAC).await;
    let name = format!("/CN={}", MAC.compact());
    let made = openssl(
        folder,
        &[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "device.key",
            "-out",
            "device.csr",
            "-subj",
            &name,
        ],
    )
    .output()
    .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let nobody = certificate(folder, "0022ee0a0b0c", &[]);
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(1), "{said}");
    assert!(said.contains("no service answers"), "{said}");

    let mut service = Program::start(&mut service(&file));
    let provisioning = told(&mut service, "provisioning at ");
    service.wait_for(&["portal at"], PATIENCE);
    let signed = certificate(folder, "0022ee0a0b0c", &["--out", "device.pem"]);
    let said = String::from_utf8_lossy(&signed.stdout).into_owned();
    assert!(
        signed.status.success(),
        "{}",
        String::from_utf8_lossy(&signed.stderr)
    );
    assert!(said.contains("00:22:EE:0A:0B:0C) has its certificate"), "{said}");
    let answer = fetched(folder, &provisioning, "device.pem");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("line1"),
        "{answer}"
    );

    let again = certificate(folder, "00:22:EE:0A:0B:0C", &["--json"]);
    let object: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(object["mac"], "00:22:EE:0A:0B:0C");
    fs::write(folder.join("again.pem"), object["certificate"].as_str().unwrap()).unwrap();
    assert!(fetched(folder, &provisioning, "again.pem").starts_with("HTTP/1.1 200 OK"));

    assert_audit_fits(folder);

    for (device, more, words) in [
        (
            "00:22:EE:0A:0B:0D",
            [].as_slice(),
            "no device is 00:22:EE:0A:0B:0D",
        ),
        ("02:00:00:00:00:09", &[], "a generic device"),
        ("00:22:EE", &[], "12 hexadecimal digits"),
        (
            "00:22:EE:0A:0B:0C",
            &["--out", "device.key"],
            "device.key is there already",
        ),
    ] {
        let refused = certificate(folder, device, more);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    fs::copy(folder.join("device.key"), folder.join("device.csr")).unwrap();
    let refused = certificate(folder, "00:22:EE:0A:0B:0C", &[]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("this is a private key"));
}
