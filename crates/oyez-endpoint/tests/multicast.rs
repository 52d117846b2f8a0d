//! Multicast zones over real sockets on the loopback interface: a foreign sender that a receiver plays, garbage in between,
//! an emergency that comes over it, and one that goes out to a zone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests state what they expect and have measured, as tests do"
)]

mod tape;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use audio::{Recorder, Sink, Sound, compare};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::profile::Identity;
use endpoint::{Profile, SoundOrder};
use media::codec::g711;
use media::rtp::Header;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig, ZoneNumber};
use model::status::{DeviceEvent, SoundClass, Sounding, StopReason};
use net::media::ZoneSockets;
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use peers::{Program, available, free_group};
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::tape::Tape;

const PATIENCE: Duration = Duration::from_secs(60);
/// How much later a part of a page may be heard than the whole: on a machine with too much to do a sender stands still, and nobody tells.
const LAG: Duration = Duration::from_millis(500);
const RATE: SampleRate = SampleRate::Hz48000;
const PACKET_TIME: Duration = Duration::from_millis(20);
/// How often an emergency comes over a zone: in every run, and where this variable says otherwise.
const REPEATS: usize = 20;
const REPEATS_VARIABLE: &str = "OYEZ_REPEATS";
/// Stretches of samples that may wait for the test.
const STRETCHES_KEPT: usize = 64;
/// Periods without the zone after which the alert has the output for itself.
const PERIODS_ALONE: usize = 10;
/// What the zone carries: a code of µ-law that stands for the same sample all the time, which no tone has.
const CODE: u8 = 0x25;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn start(sink: Box<dyn Sink>, configuration: &str) -> Device {
    // What is heard is compared with what was said, and not made louder.
    let text = format!("audio.agc.use = 0\noyez.mcast.interface = lo\n{configuration}");
    let config = EndpointConfig::from_document(&Document::parse(&text).unwrap()).unwrap();
    let identity = Identity {
        device: "lobby".parse().unwrap(),
        user_agent: "Oyez-Endpoint/test".to_owned(),
        instance: None,
    };
    Device::start(DeviceSetup {
        profile: Profile::from_config(&config, identity, RATE),
        tls: ClientTls::new(ClientTlsConfig {
            trust: Trust::Anyone,
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        })
        .unwrap(),
        resolver: Resolver::with_name_servers(&[]).unwrap(),
        bind: SocketAddr::new(LOOPBACK, 0),
        sink,
        microphone: None,
        control: None,
    })
    .await
    .unwrap()
}

/// A device whose zones can be received: its sockets are bound when it answers.
async fn listening(sink: Box<dyn Sink>, configuration: &str) -> (Device, Receiver<DeviceReport>) {
    let device = start(sink, configuration).await;
    let reports = device.subscribe();
    let zones = device.status().await.unwrap().multicast.zones;
    assert!(
        !zones.is_empty() && zones.iter().all(|zone| zone.problem.is_none()),
        "{zones:?}"
    );
    (device, reports)
}

fn recorder(folder: &Path) -> Box<dyn Sink> {
    Box::new(Recorder::new(folder, "lobby", RATE.hertz()).unwrap())
}

/// The program's own spoken page.
fn speech() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../oyez/assets/page.wav")
}

/// Speaks into a group as fast as people do, with a codec by its name.
fn foreign_sender(codec: &str, rate: &str, group: SocketAddrV4, more: &str) -> Program {
    Program::start(
        Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-re", "-i"])
            .arg(speech())
            .args(["-ac", "1", "-ar", rate, "-acodec", codec, "-f", "rtp"])
            .arg(format!("rtp://{group}?localaddr=127.0.0.1{more}")),
    )
}

async fn event<T>(reports: &mut Receiver<DeviceReport>, wanted: impl Fn(DeviceReport) -> Option<T>) -> T {
    timeout(PATIENCE, async {
        loop {
            if let Some(found) = wanted(reports.recv().await.unwrap()) {
                return found;
            }
        }
    })
    .await
    .unwrap()
}

async fn started(reports: &mut Receiver<DeviceReport>) -> Sounding {
    event(reports, |report| match report {
        DeviceReport::Event(DeviceEvent::Started { sounding }, _) => Some(sounding),
        DeviceReport::Event(..) | DeviceReport::Recorded(_) => None,
    })
    .await
}

async fn stopped(reports: &mut Receiver<DeviceReport>) -> StopReason {
    event(reports, |report| match report {
        DeviceReport::Event(DeviceEvent::Stopped { why, .. }, _) => Some(why),
        DeviceReport::Event(..) | DeviceReport::Recorded(_) => None,
    })
    .await
}

async fn recorded(reports: &mut Receiver<DeviceReport>) -> Sound {
    let file = event(reports, |report| match report {
        DeviceReport::Recorded(file) => Some(file),
        DeviceReport::Event(..) => None,
    });
    Sound::open(&file.await, 0).unwrap()
}

/// Asserts that a recording holds the spoken page whole.
fn assert_heard(what: &str, recording: &Sound) {
    let said = Sound::open(&speech(), 0).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_sender_is_heard_in_each_codec_and_packet_time() {
    if !available(&["ffmpeg"]) {
        return;
    }
    let codecs = [
        // 20 ms, and what it sends by itself: 128 ms.
        ("pcm_mulaw", "8000", "&pkt_size=172"),
        ("pcm_mulaw", "8000", ""),
        ("pcm_alaw", "8000", "&pkt_size=332"),
        ("g722", "16000", ""),
    ];
    let mut trials = tokio::task::JoinSet::new();
    for (zone, (codec, rate, more)) in (1..).zip(codecs) {
        trials.spawn(async move {
            let (group, folder) = (free_group(), tempfile::tempdir().unwrap());
            let configuration =
                format!("mcast.mode = 2\nmcast.rx.zones = {zone},\nmcast.zone{zone} = {group}\n");
            let (device, mut reports) = listening(recorder(folder.path()), &configuration).await;

            let mut sender = foreign_sender(codec, rate, group, more);
            let sounding = started(&mut reports).await;
            let recording = recorded(&mut reports).await;

            assert_eq!(sounding.multicast.unwrap().zone.get(), zone);
            assert_heard(&format!("{codec}{more} by ffmpeg"), &recording);
            assert!(
                tokio::task::spawn_blocking(move || sender.finish(PATIENCE))
                    .await
                    .unwrap()
            );
            device.stop().await;
        });
    }
    trials.join_all().await;
}

/// Sends packets of one sound with the rhythm of a clock, until it is aborted; garbage behind every tenth, and every seventh once
/// more.
fn speak_steadily(group: SocketAddrV4) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut sender = ZoneSockets::default();
        sender.listen(&BTreeMap::new(), Some("lo"), 1);
        let mut clock = interval(PACKET_TIME);
        let mut header = Header {
            marker: false,
            payload_type: 0,
            sequence: 0,
            timestamp: 0,
            ssrc: 7,
        };
        loop {
            clock.tick().await;
            let packet = [&header.to_bytes()[..], &[CODE; 160]].concat();
            assert!(sender.send(group, &packet));
            if header.sequence.is_multiple_of(10) {
                assert!(sender.send(group, b"garbage") && sender.send(group, &[0xff; 1_400]));
            }
            if header.sequence.is_multiple_of(7) {
                assert!(sender.send(group, &packet));
            }
            header.sequence = header.sequence.wrapping_add(1);
            header.timestamp = header.timestamp.wrapping_add(160);
        }
    })
}

/// When a stretch of samples was taken, and whether the zone is heard in it.
fn heard(samples: &[i16]) -> (Instant, bool) {
    let spoken = g711::decode_mu_law(CODE);
    let is_spoken = |stretch: &[i16]| stretch.iter().all(|sample| sample.abs_diff(spoken) < 100);
    (Instant::now(), samples.chunks(48).any(is_spoken))
}

async fn taken(tape: &mut mpsc::Receiver<(Instant, bool)>) -> (Instant, bool) {
    timeout(PATIENCE, tape.recv()).await.unwrap().unwrap()
}

/// When the alert has had the output for itself from.
async fn alone_at(tape: &mut mpsc::Receiver<(Instant, bool)>) -> Instant {
    let (mut alone_at, mut periods) = (Instant::now(), 0);
    while periods < PERIODS_ALONE {
        let (at, is_heard) = taken(tape).await;
        if periods == 0 {
            alone_at = at;
        }
        periods = if is_heard { 0 } else { periods + 1 };
    }
    alone_at
}

/// An emergency comes over a zone that is heard, again and again: how long it takes until the output is handed the alert and
/// nothing of the zone any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_comes_over_a_zone() {
    let repeats = std::env::var(REPEATS_VARIABLE)
        .ok()
        .and_then(|text| text.parse().ok());
    let repeats = repeats.unwrap_or(REPEATS);
    let (group, (sink, mut tape)) = (free_group(), mpsc::channel(STRETCHES_KEPT));
    let configuration = format!("mcast.mode = 2\nmcast.rx.zones = 9\nmcast.zone9 = {group}\n");
    let (device, mut reports) = listening(Box::new(Tape { sender: sink, heard }), &configuration).await;
    let speaker = speak_steadily(group);
    let mut delays = Vec::new();
    for _ in 0..repeats {
        let zone_is_heard = async { while !taken(&mut tape).await.1 {} };
        timeout(PATIENCE, zone_is_heard).await.unwrap();

        let raised_at = Instant::now();
        let alert = SoundOrder::StartAnnouncement {
            number: 1,
            is_drill: false,
        };
        device.order(alert).await.unwrap();
        let alone_at = timeout(PATIENCE, alone_at(&mut tape)).await.unwrap();
        delays.push(alone_at - raised_at);

        assert_eq!(started(&mut reports).await.class, SoundClass::PriorityPage);
        assert_eq!(started(&mut reports).await.class, SoundClass::EmergencyAlert);
        device.order(SoundOrder::StopAlerts).await.unwrap();
    }
    delays.sort();
    let percentile = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    println!(
        "emergency over a zone, {repeats} times: alone after p50 {:?}, p99 {:?}, at most {:?}",
        percentile(50),
        percentile(99),
        percentile(100)
    );
    speaker.abort();
    device.stop().await;
}

/// An alert and an exercise that are raised at one device are heard at another as what its zone is, for as long as they last.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_and_an_exercise_go_out_to_their_zone_and_end_there_with_their_end() {
    let (group, folder) = (free_group(), tempfile::tempdir().unwrap());
    let heard_at = format!("mcast.mode = 2\nmcast.rx.zones = 9\nmcast.zone9 = {group}\n");
    let (receiver, mut heard) = listening(recorder(folder.path()), &heard_at).await;
    let raised_at = format!("mcast.mode = 1\nann.zone1 = 9\nmcast.zone9 = {group}\n");
    let (sink, mut tape) = mpsc::channel(STRETCHES_KEPT);
    let sender = start(
        Box::new(Tape {
            sender: sink,
            heard: self::heard,
        }),
        &raised_at,
    )
    .await;
    let mut raised = sender.subscribe();
    let _played = tokio::spawn(async move { while tape.recv().await.is_some() {} });

    for (is_drill, class) in [
        (false, SoundClass::EmergencyAlert),
        (true, SoundClass::PriorityPage),
    ] {
        let alert = SoundOrder::StartAnnouncement { number: 1, is_drill };
        sender.order(alert).await.unwrap();
        assert_eq!(started(&mut raised).await.class, class);

        let sounding = started(&mut heard).await;
        assert_eq!(sounding.class, SoundClass::PriorityPage);
        assert_eq!(sounding.multicast.unwrap().zone, ZoneNumber::PRIORITY);
        let sending = sender.status().await.unwrap().multicast.sending;
        assert_eq!(sending, [ZoneNumber::PRIORITY]);

        sender.order(SoundOrder::StopAlerts).await.unwrap();
        assert_eq!(stopped(&mut raised).await, StopReason::Cancelled);
        assert_eq!(stopped(&mut heard).await, StopReason::Ended);
        let recording = recorded(&mut heard).await;
        let loudest = recording.samples.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest.unwrap() > 1_000, "{loudest:?}");
    }
    sender.stop().await;
    receiver.stop().await;
}
