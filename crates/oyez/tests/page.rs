//! `oyez page` into a zone that `oyez zone` runs, as docs/zone.md tells it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use audio::{NullSink, Recorder, Sink, Sound, compare};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use model::status::{Shown, SlotStatus};
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use peers::{Program, available, free_group};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

const DOCUMENT: &str = include_str!("../../../docs/zone.md");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
const OUTPUT_RATE: SampleRate = SampleRate::Hz48000;
const PATIENCE: Duration = Duration::from_secs(60);
/// How much later a part of a page may be heard than the whole: on a machine with too much to do a sender stands still, and nobody tells.
const LAG: Duration = Duration::from_millis(500);

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
        Self::start_with(folder, example("toml", "[[page-group]]"))
    }

    /// The same with another directory.
    fn start_with(folder: &Path, directory: &str) -> Self {
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
        fs::write(folder.join("directory.toml"), directory).unwrap();
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
async fn hall(folder: &Path, zone: &RunningZone, sink: Box<dyn Sink>) -> Device {
    hall_with(folder, zone, sink, "").await
}

/// The document's loudspeaker with more settings, registered.
async fn hall_with(folder: &Path, zone: &RunningZone, sink: Box<dyn Sink>, more: &str) -> Device {
    let text = format!(
        "sip.proxy = pbx.example.com\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\n\
         sip.u1.user = hall\nsip.u1.pwd = a long random password\n{more}",
        zone.tls
    );
    let trust = Trust::Authorities(net::tls::certificates_from_file(&folder.join("authority.pem")).unwrap());
    let hall = Device::start(setup(&text, trust, sink)).await.unwrap();
    let mut reports = hall.subscribe();
    let is_registered = |slot: &SlotStatus| slot.registration.shown == Shown::Successful;
    // What happened before the subscription is in the status.
    while !hall.status().await.unwrap().slots.iter().all(is_registered) {
        timeout(PATIENCE, reports.recv()).await.unwrap().unwrap();
    }
    hall
}

fn setup(configuration: &str, trust: Trust, sink: Box<dyn Sink>) -> DeviceSetup {
    let config = EndpointConfig::from_document(&Document::parse(configuration).unwrap()).unwrap();
    let identity = Identity {
        device: "hall".parse().unwrap(),
        user_agent: "test".to_owned(),
        instance: None,
    };
    DeviceSetup {
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
        microphone: None,
        control: None,
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_a_pin_is_heard_with_the_right_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let directory = example("toml", "[[page-group]]").replace("what = \"*\"", "what = \"*\"\npin = \"4711\"");
    let zone = RunningZone::start_with(folder.path(), &directory);
    let recordings = folder.path().join("recordings");
    let recorder = Recorder::new(&recordings, "hall", OUTPUT_RATE.hertz()).unwrap();
    let hall = hall_with(folder.path(), &zone, Box::new(recorder), "audio.agc.use = 0").await;
    let mut reports = hall.subscribe();
    let pin = folder.path().join("pin");

    let asked = page(folder.path(), &zone, &[], None).await;
    fs::write(&pin, "0815\n").unwrap();
    let wrong = page(folder.path(), &zone, &["--pin-file", "pin"], None).await;
    assert!(
        reports.is_empty(),
        "nobody was called: {:?}",
        reports.recv().await
    );
    fs::write(&pin, "4711\n").unwrap();
    let heard = page(folder.path(), &zone, &["--pin-file", "pin", "--json"], None).await;
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(1));
    assert!(said(&asked).contains("needs a PIN"), "{}", said(&asked));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said(&wrong).contains("The PIN is wrong"), "{}", said(&wrong));
    assert!(heard.status.success(), "{}", said(&heard));
    let recorded = loop {
        if let DeviceReport::Recorded(file) = timeout(PATIENCE, reports.recv()).await.unwrap().unwrap() {
            break file;
        }
    };
    hall.stop().await;
    judge("behind a PIN", &Sound::open(&recorded, 0).unwrap());
    let report: serde_json::Value = serde_json::from_slice(&heard.stdout).unwrap();
    assert_eq!(report["listeners"][0]["verdict"]["verdict"], "heard");
    let length = report["duration_ms"].as_u64().unwrap();
    let page = Sound::open(Path::new(PAGE), 0).unwrap().seconds();
    assert!(
        length.abs_diff(Duration::from_secs_f64(page).as_millis().try_into().unwrap()) < 200,
        "{length} ms without the PIN"
    );
}

/// A foreign receiver of a group that listens as well as `others`, and the file that it writes.
fn foreign_receiver(
    folder: &Path,
    group: SocketAddrV4,
    payload_type: u8,
    others: usize,
) -> (Program, PathBuf) {
    let (session, file) = (folder.join("zone.sdp"), folder.join("zone.wav"));
    let description = format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=zone\nc=IN IP4 {}/1\nt=0 0\nm=audio {} RTP/AVP {payload_type}\n",
        group.ip(),
        group.port()
    );
    fs::write(&session, description).unwrap();
    let program = Program::start(
        Command::new("ffmpeg")
            .args(["-loglevel", "error", "-protocol_whitelist", "file,udp,rtp"])
            .args(["-localaddr", "127.0.0.1", "-i"])
            .arg(session)
            .args(["-ac", "1"])
            .arg(&file),
    );
    // The kernel lists the port of every socket in hexadecimal (proc(5)).
    let bound = || {
        let sockets = fs::read_to_string("/proc/net/udp").unwrap();
        sockets
            .matches(&format!(":{:04X} 00000000:0000", group.port()))
            .count()
    };
    let end = Instant::now() + PATIENCE;
    while bound() <= others {
        assert!(
            Instant::now() < end,
            "the receiver does not listen: {}",
            program.said()
        );
        std::thread::yield_now();
    }
    (program, file)
}

/// How well a recording holds the page.
fn judge(what: &str, recording: &Sound) {
    let said = Sound::open(Path::new(PAGE), 0).unwrap();
    let found = compare(
        (&said.samples, said.rate),
        (&recording.samples, recording.rate),
        LAG,
    )
    .unwrap();
    println!("{what}: {found}");
    assert!(
        found.median() >= 0.95 && found.share_at_least(0.9) >= 0.8,
        "{what}: {found:?}"
    );
}

/// A page to an endpoint that sends is heard by a foreign receiver and by one of ours, whole, with its tone before it.
async fn page_a_zone(codec: &str, payload_type: u8) {
    let (folder, group) = (tempfile::tempdir().unwrap(), free_group());
    // What is heard is compared with what was said, and not made louder.
    let multicast =
        format!("audio.agc.use = 0\noyez.mcast.interface = lo\nmcast.zone1 = {group}\nmcast.rx.zones = 1,\n");
    let receiver = Recorder::new(&folder.path().join("receiver"), "receiver", OUTPUT_RATE.hertz()).unwrap();
    let text = format!("mcast.mode = 2\n{multicast}");
    let receiver = Device::start(setup(&text, Trust::Anyone, Box::new(receiver)))
        .await
        .unwrap();
    let mut reports = receiver.subscribe();
    let zones = receiver.status().await.unwrap().multicast.zones;
    assert!(zones.iter().all(|zone| zone.problem.is_none()), "{zones:?}");
    let zone = RunningZone::start(folder.path());
    let sender = format!("mcast.mode = 1\nmcast.tx.codec = {codec}\n{multicast}");
    let hall = hall_with(folder.path(), &zone, Box::new(NullSink), &sender).await;
    let (mut foreign, file) = foreign_receiver(folder.path(), group, payload_type, 1);

    // Its own output leads nowhere, so nobody counts as having heard it there.
    page(folder.path(), &zone, &[], None).await;

    let recorded = loop {
        if let DeviceReport::Recorded(file) = timeout(PATIENCE, reports.recv()).await.unwrap().unwrap() {
            break file;
        }
    };
    judge(
        &format!("{codec} to an endpoint"),
        &Sound::open(&recorded, 0).unwrap(),
    );
    // It ends by itself when nothing comes any more.
    let finished = spawn_blocking(move || (foreign.finish(PATIENCE), foreign.said()));
    let (has_ended_well, said) = finished.await.unwrap();
    assert!(has_ended_well, "{said}");
    judge(&format!("{codec} to ffmpeg"), &Sound::open(&file, 0).unwrap());
    hall.stop().await;
    receiver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_to_a_sender_is_heard_in_its_multicast_zone_by_a_foreign_receiver_and_by_ours() {
    if !available(&["ffmpeg"]) {
        return;
    }
    tokio::join!(
        page_a_zone("g722", 9),
        page_a_zone("ulaw", 0),
        page_a_zone("alaw", 8)
    );
}
