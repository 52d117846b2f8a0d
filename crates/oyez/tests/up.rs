//! `oyez up` as a person or a script runs it, and what makes it say that a page was not heard.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use audio::Sound;
use device::CallOutcome;
use fleet::link::Channel;
use fleet::{CallOptions, Talker, TalkerError, TalkerSetup};
use media::codec::g711::encode_mu_law;
use model::status::ZoneEvent;
use oyez::cli::SinkKind;
use oyez::console::Progress;
use oyez::state::StateFolder;
use oyez::up::example::{ANNOUNCER, EXAMPLE};
use oyez::up::judge::MEDIAN_MIN;
use oyez::up::listening::Listening;
use oyez::up::report::{LoudspeakerPart, Report};
use oyez::up::stage::{PlacedPage, Stage, StageSetup};
use oyez::up::{page_and_report, spoken_page};
use peers::Program;
use sip::flow::Transport;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
/// Longest wait for a program on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Samples a second of G.711.
const G711_RATE: u32 = 8_000;

fn oyez(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oyez"))
        .args(arguments)
        .output()
        .unwrap()
}

fn standard_error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A zone and two loudspeakers on loopback, with their state in `folder`.
async fn stage(folder: &Path) -> Stage {
    stage_on(folder, Ipv4Addr::LOCALHOST.into()).await
}

/// As [`stage`], on this address.
async fn stage_on(folder: &Path, address: IpAddr) -> Stage {
    let setup = StageSetup {
        state: StateFolder::choose(Some(folder)).unwrap(),
        listening: Listening::FreePorts(address),
        example: EXAMPLE,
        sink: SinkKind::File,
    };
    Stage::start(&setup, &|_| ()).await.unwrap()
}

#[test]
fn once_ends_with_a_heard_page_and_json_alone_on_standard_output() {
    let output = oyez(&["up", "--once", "--json"]);
    assert!(output.status.success(), "{}", standard_error(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["heard"], &report["of"]), (&2.into(), &2.into()));
    let mut found = Vec::new();
    fields("", &report, &mut found);
    found.sort();
    found.dedup();
    let documented: BTreeSet<&str> = include_str!("../../../docs/up-report.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(
        found.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        documented
    );
    for loudspeaker in report["loudspeakers"].as_array().unwrap() {
        assert_eq!(loudspeaker["receipt"], "heard");
        assert!(
            loudspeaker["recording"].is_null(),
            "it goes with the temporary state"
        );
        assert_eq!(loudspeaker["judgement"]["is_heard"], true);
    }
}

#[test]
fn once_keeps_the_recordings_in_a_state_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let output = oyez(&["up", "--once", "--json", "--state", state]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for loudspeaker in report["loudspeakers"].as_array().unwrap() {
        let recording = Path::new(loudspeaker["recording"].as_str().unwrap());
        assert!(recording.starts_with(folder.path()) && recording.is_file());
    }
}

/// The paths of all fields below `value`, as the documentation writes them.
fn fields(path: &str, value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields_of) => {
            for (name, value) in fields_of {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                fields(&path, value, found);
            }
        }
        serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
            items
                .iter()
                .for_each(|item| fields(&format!("{path}[]"), item, found));
        }
        _ => found.push(path.to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_over_ipv6_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage_on(folder.path(), Ipv6Addr::LOCALHOST.into()).await;
    let sound = spoken_page().unwrap();

    let report = page_and_report(&mut stage, &Progress::new(true), &sound, &sound)
        .await
        .unwrap();

    for loudspeaker in &report.loudspeakers {
        assert_eq!(loudspeaker.receipt, "heard");
    }
    assert_eq!((report.heard, report.of), (2, 2));
    let proxy = stage.server(Transport::Tls);
    let told = report.to_text(false, true);
    for words in [
        "  SIP Domain       oyez.internal\n",
        &format!("  Outbound Proxy   {proxy} over TLS"),
        "  Authorization ID desk\n",
    ] {
        assert!(told.contains(words), "{words:?} in {told}");
    }
    stage.stop().await;
}

#[test]
fn a_null_sink_is_not_heard() {
    let output = oyez(&["up", "--once", "--json", "--sink", "null"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["heard"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_beginning_is_not_heard() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;
    let reference = spoken_page().unwrap();
    let mut cut = reference.clone();
    let tenth = cut.rate as usize / 10;
    cut.samples.iter_mut().take(tenth).for_each(|sample| *sample = 0);

    let report = page_and_report(&mut stage, &Progress::new(true), &cut, &reference)
        .await
        .unwrap();

    assert_eq!(report.heard, 0);
    assert_eq!(
        report.loudspeakers[0].judgement.fault,
        "the beginning is cut or distorted"
    );
    assert_eq!(
        report.loudspeakers[0].receipt, "heard",
        "all that was sent came out; only the recording tells"
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_heard_under_the_agreed_srtp_key_and_not_under_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;

    let right = page_by_a_foreign_talker(&mut stage, false).await;
    let wrong = page_by_a_foreign_talker(&mut stage, true).await;
    stage.stop().await;

    // A machine that has other things to do may interrupt the page, which costs it its verdict and not its words.
    let is_recorded = |part: &LoudspeakerPart| {
        let correlation = part.judgement.correlation;
        correlation.is_some_and(|correlation| correlation >= MEDIAN_MIN)
    };
    assert_eq!((right.of, wrong.of), (2, 2));
    for loudspeaker in &right.loudspeakers {
        assert_eq!(loudspeaker.receipt, "heard");
        assert!(is_recorded(loudspeaker), "{loudspeaker:?}");
    }
    assert_eq!(wrong.heard, 0, "{wrong:?}");
    for loudspeaker in &wrong.loudspeakers {
        assert_ne!(loudspeaker.receipt, "heard");
        assert!(!is_recorded(loudspeaker), "{loudspeaker:?}");
    }
    let failure = wrong.verdict().unwrap_err();
    assert_eq!(failure.exit_code(), ExitCode::from(1));
}

/// The report of the spoken page, placed by a talker that may protect it under another key than it has agreed upon.
async fn page_by_a_foreign_talker(stage: &mut Stage, wrong_srtp_key: bool) -> Report {
    let mut events = stage.subscribe().unwrap();
    let (id, password) = stage.installation.credentials(ANNOUNCER).unwrap();
    let mut talker = Talker::connect(TalkerSetup {
        server: stage.server(Transport::Tls),
        channel: Channel::Tls {
            server_name: "127.0.0.1".to_owned(),
            policy: stage.installation.tls.clone(),
        },
        domain: stage.installation.snapshot.domain.clone(),
        user: ANNOUNCER.to_owned(),
        authorization_id: id.to_string(),
        password: password.reveal().into(),
    })
    .await
    .unwrap();
    let options = CallOptions {
        wrong_srtp_key,
        ..CallOptions::default()
    };
    let page = Sound::open(Path::new(PAGE), G711_RATE).unwrap();
    let octets: Vec<u8> = page.samples.iter().copied().map(encode_mu_law).collect();

    let began = Instant::now();
    let mut call = talker.call("700", &options).await.unwrap();
    let answered = Instant::now();
    let spoken = call.speak(&octets).await;
    // The zone does not wait for ever for a talker whose packets it cannot read.
    let packets = if wrong_srtp_key && matches!(spoken, Err(TalkerError::Ended)) {
        0
    } else {
        call.hang_up().await.unwrap();
        spoken.unwrap()
    };

    let report = loop {
        if let ZoneEvent::PageEnded { report, .. } = events.recv().await.unwrap() {
            break report;
        }
    };
    let placed = PlacedPage {
        call: CallOutcome {
            page: None,
            began,
            answered,
            sent_ms: packets * 20,
            by_peer: false,
        },
        recordings: stage.recordings(&report.page).await,
        report,
    };
    Report::new(stage, &placed, &spoken_page().unwrap()).unwrap()
}

#[test]
fn a_busy_port_is_one_sentence_and_nothing_is_left_started() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let output = oyez(&["up", "--state", state, "--sip-port", &port.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let said = standard_error(&output);
    let last = said.lines().last().unwrap();
    assert!(
        last.contains(&format!("cannot listen on 0.0.0.0:{port}")),
        "{said}"
    );
    assert!(!folder.path().join("zone.sock").exists());
}

#[test]
fn the_portal_shows_a_link_to_sign_in_once_and_what_was_set_up() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
    command.args(["up", "--state", state, "--sip-port", "0", "--web-port", "0"]);

    let mut program = Program::start(&mut command);
    let line = program.wait_for(&["/first?token="], PATIENCE);

    assert!(line.trim().starts_with("https://"), "{line}");
    assert!(program.said().contains("Heard by 2 of 2"), "{}", program.said());
}

#[test]
fn an_unusable_state_folder_is_one_sentence() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let state = file.path().join("state");
    let output = oyez(&["up", "--state", state.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        standard_error(&output).contains("cannot make the state folder"),
        "{}",
        standard_error(&output)
    );
}

#[test]
fn a_missing_certificate_is_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("zone.toml");
    fs::write(
        &config,
        "directory = \"directory.toml\"\ncontrol = \"c.sock\"\n[listen]\ntls = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"no.pem\"\nkey = \"no.key\"\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("directory.toml"),
        "account = \"a\"\ndomain = \"b\"\n",
    )
    .unwrap();
    let output = oyez(&["zone", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(64));
    let said = standard_error(&output);
    assert!(
        said.contains("zone.toml:6: tls.certificate: the file ") && said.contains("no.pem"),
        "{said}"
    );
    assert!(said.contains("name a PEM file that can be read"), "{said}");
}

#[test]
fn a_page_without_a_running_zone_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let output = oyez(&["page", "700", PAGE, "--state", state.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!state.exists(), "looking for a zone makes nothing");
    assert!(
        standard_error(&output).contains("oyez up"),
        "{}",
        standard_error(&output)
    );
}

#[test]
fn a_usage_error_is_exit_code_two() {
    assert_eq!(oyez(&["up", "--twice"]).status.code(), Some(2));
}
