//! `oyez page` into a zone that `oyez zone` runs, as docs/zone.md tells it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;

use audio::{NullSink, Recorder, Sink};
use device::DeviceSetup;
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use oyez::up::loudspeaker::Loudspeaker;

const DOCUMENT: &str = include_str!("../../../docs/zone.md");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
const OUTPUT_RATE: SampleRate = SampleRate::Hz48000;

/// The block of the document in `language` that contains `words`.
fn example(language: &str, words: &str) -> &'static str {
    let mut blocks = DOCUMENT.split("```").skip(1).step_by(2);
    blocks
        .find_map(|block| block.strip_prefix(language).filter(|text| text.contains(words)))
        .unwrap()
}

/// A zone with the document's files, on free ports of loopback; it is ended with this value.
struct RunningZone {
    program: Child,
    tls: SocketAddr,
}

impl RunningZone {
    fn start(folder: &Path) -> Self {
        let authority = AuthorityDirectory::open(folder, "test", SystemTime::now()).unwrap();
        let issued = authority
            .authority()
            .issue(
                &[Subject::Address(IpAddr::V4(Ipv4Addr::LOCALHOST))],
                Purpose::Server,
                SystemTime::now(),
            )
            .unwrap();
        fs::write(folder.join("zone.pem"), &issued.certificate_pem).unwrap();
        fs::write(folder.join("zone.key"), issued.key_pem.as_bytes()).unwrap();
        fs::write(folder.join("directory.toml"), example("toml", "[[page-group]]")).unwrap();
        let config: Vec<String> = example("toml", "[listen]")
            .lines()
            .filter(|line| !line.starts_with("advertise"))
            .map(|line| {
                line.replace("0.0.0.0:5060", "127.0.0.1:0")
                    .replace("0.0.0.0:5061", "127.0.0.1:0")
                    .replace("\"0.0.0.0\", \"::\"", "\"127.0.0.1\"")
            })
            .collect();
        let file = folder.join("zone.toml");
        fs::write(&file, config.join("\n")).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_oyez"))
            .args(["zone", "--config", file.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let tls = lines
            .map_while(Result::ok)
            .find_map(|line| {
                line.strip_prefix("listening on ")?
                    .strip_suffix(" (TLS)")?
                    .parse()
                    .ok()
            })
            .expect("the zone listens for TLS");
        Self { program, tls }
    }
}

impl Drop for RunningZone {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// The document's loudspeaker, registered.
async fn hall(folder: &Path, zone: &RunningZone, sink: Box<dyn Sink>) -> Loudspeaker {
    let text = format!(
        "sip.proxy = pbx.example.com\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\n\
         sip.u1.user = hall\nsip.u1.pwd = a long random password\n",
        zone.tls
    );
    let config = EndpointConfig::from_document(&Document::parse(&text).unwrap()).unwrap();
    let identity = Identity {
        device: "hall".parse().unwrap(),
        user_agent: "test".to_owned(),
        instance: None,
    };
    let trust = Trust::Authorities(net::tls::certificates_from_file(&folder.join("authority.pem")).unwrap());
    let setup = DeviceSetup {
        profile: Profile::from_config(&config, identity, OUTPUT_RATE),
        tls: ClientTls::new(ClientTlsConfig {
            trust,
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        })
        .unwrap(),
        resolver: Resolver::with_name_servers(&[]).unwrap(),
        bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        sink,
        control: None,
    };
    Loudspeaker::start("Hall", setup)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs the document's command in `folder` against `zone`, with more arguments.
async fn page(folder: &Path, zone: &RunningZone, more: &[&str], password: Option<&str>) -> Output {
    let line = example("console", "OYEZ_PASSWORD");
    let words = line.trim().strip_prefix("$ OYEZ_PASSWORD='").unwrap();
    let (documented, words) = words.split_once("' oyez ").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
    for word in words.split_whitespace() {
        command.arg(match word {
            "notice.wav" => PAGE.to_owned(),
            "pbx.example.com:5061" => zone.tls.to_string(),
            // The certificate of the test is for the address, so the domain has to be told.
            "desk" => "desk@pbx.example.com".to_owned(),
            word => word.to_owned(),
        });
    }
    command
        .args(more)
        .current_dir(folder)
        .env("OYEZ_PASSWORD", password.unwrap_or(documented));
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[test]
fn the_documents_configuration_is_taken_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.toml");
    fs::write(&file, example("toml", "[listen]")).unwrap();
    let config = zone::config::ZoneConfig::read(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.listen.names, ["pbx.example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_into_the_documents_zone_is_heard_and_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let zone = RunningZone::start(folder.path());
    let recorder = Recorder::new(&folder.path().join("recordings"), "hall", OUTPUT_RATE.hertz()).unwrap();
    let hall = hall(folder.path(), &zone, Box::new(recorder)).await;

    let heard = page(folder.path(), &zone, &["--json"], None).await;
    let status = Command::new(env!("CARGO_BIN_EXE_oyez"))
        .args(["status", "--control", "zone.sock"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    hall.stop().await;
    let missed = page(folder.path(), &zone, &[], None).await;

    let said = String::from_utf8_lossy(&heard.stderr).into_owned();
    assert!(heard.status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&heard.stdout).unwrap();
    assert_eq!(report["talker"], "desk");
    assert_eq!(report["listeners"][0]["verdict"]["verdict"], "heard");
    assert!(String::from_utf8_lossy(&status.stdout).contains("1 registered"));
    assert_eq!(missed.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_heard_and_one_under_a_wrong_password_end_with_exit_code_one() {
    let folder = tempfile::tempdir().unwrap();
    let zone = RunningZone::start(folder.path());
    let hall = hall(folder.path(), &zone, Box::new(NullSink)).await;

    let unheard = page(folder.path(), &zone, &[], None).await;
    let refused = page(folder.path(), &zone, &[], Some("a guess")).await;
    hall.stop().await;

    assert_eq!(unheard.status.code(), Some(1));
    let said = String::from_utf8_lossy(&unheard.stdout).into_owned();
    assert!(said.contains("heard by 0 of 1"), "{said}");
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
}
