//! An emergency over a live SIP call, through `oyez zone`: how long it takes until the output is handed the alert, and nothing of the
//! caller any more. No time is asserted: the figures are printed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests state what they expect and have measured, as tests do"
)]

mod tape;
mod zone_program;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use audio::{FileMicrophone, Microphone};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::profile::Identity;
use endpoint::{Profile, SoundOrder};
use fleet::link::Channel;
use fleet::{CallOptions, Talker, TalkerError, TalkerSetup};
use media::codec::g711;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use model::status::{DeviceEvent, SoundClass};
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_pem};
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::tape::Tape;
use crate::zone_program::{LOOPBACK, ZoneProgram};

const DOMAIN: &str = "acct.cloud.example";
const PATIENCE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz48000;
/// How often an emergency comes over a call: in every run, and where this variable says otherwise.
const REPEATS: usize = 20;
const REPEATS_VARIABLE: &str = "OYEZ_REPEATS";
/// Stretches of samples that may wait for the test.
const STRETCHES_KEPT: usize = 64;
/// Periods without the caller after which the alert has the output for itself.
const PERIODS_ALONE: usize = 10;
/// Samples of a millisecond.
const MILLISECOND: usize = 48;
/// What the caller says: a code of µ-law that stands for the same sample all the time, which no tone has.
const CODE: u8 = 0x25;
/// As much of it as a call lasts at most: an hour of repeats.
const SPEECH_OCTETS: usize = 8_000 * 3_600;
/// A sample of the other sign than what the caller says that is the alert's.
const LOUD: i16 = 1_000;

const DIRECTORY: &str = r#"
account = "acme"
domain = "acct.cloud.example"
[[device]]
user = "7001"
password = "endpoint-secret"
device = "lobby"
kind = "page"
extension = "7001"
[[device]]
user = "7003"
password = "alert-secret"
device = "lobby"
kind = "alert"
extension = "7003"
[[phone]]
user = "2002"
password = "phone-secret"
[[phone]]
user = "2003"
password = "phone-secret"
[[permission]]
who = "2002"
may = ["call", "page"]
what = "*"
[[permission]]
who = "2003"
may = ["call", "alert"]
what = "*"
"#;

/// What an emergency comes over.
#[derive(Clone, Copy, PartialEq)]
enum Live {
    /// A page, which it ends.
    Page,
    /// A call in two ways, which goes on afterwards.
    TwoWayCall,
}

/// Who raises it.
#[derive(Clone, Copy)]
enum RaisedBy {
    /// A phone that calls the alert's extension.
    Call,
    /// The device's owner, as the REST API and the web pages do.
    Order,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_an_alert_comes_over_a_page() {
    let stage = Stage::start(Live::Page).await;
    stage.measure("an alert's call over a page", RaisedBy::Call).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_an_alert_comes_over_a_two_way_call() {
    let stage = Stage::start(Live::TwoWayCall).await;
    stage
        .measure("an alert's call over a two-way call", RaisedBy::Call)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_the_device_itself_comes_over_a_page() {
    let stage = Stage::start(Live::Page).await;
    stage
        .measure("an alert by order over a page", RaisedBy::Order)
        .await;
}

/// An endpoint with a page and an alert extension at a zone, and what it plays.
struct Stage {
    zone: ZoneProgram,
    device: Device,
    tape: mpsc::Receiver<Stretch>,
    reports: Receiver<DeviceReport>,
    live: Live,
}

impl Stage {
    async fn start(live: Live) -> Self {
        let zone = tokio::task::spawn_blocking(|| ZoneProgram::start(DIRECTORY))
            .await
            .unwrap();
        let mode = match live {
            Live::Page => 1,
            Live::TwoWayCall => 2,
        };
        // What is heard is recognised by its samples, and not made louder.
        let text = format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = 127.0.0.1:{}\nsip.transp = tls\nsip.srtp = standard\naudio.agc.use = 0\n\
             audio.page.tone = None\naudio.page.mode = {mode}\nsip.u1.user = 7001\nsip.u1.pwd = endpoint-secret\n\
             ann.ext1 = 7003\nann.pwd1 = alert-secret\n",
            zone.port
        );
        let config = EndpointConfig::from_document(&Document::parse(&text).unwrap()).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: "Oyez-Endpoint/test".to_owned(),
            instance: None,
        };
        let (sink, tape) = mpsc::channel(STRETCHES_KEPT);
        let device = Device::start(DeviceSetup {
            profile: Profile::from_config(&config, identity, RATE),
            tls: policy(vec![zone.authority.certificate().clone()]),
            resolver: Resolver::from_system(),
            bind: (LOOPBACK, 0).into(),
            sink: Box::new(Tape { sender: sink, heard }),
            microphone: (live == Live::TwoWayCall).then(|| quiet_room(&zone.folder.path().join("room.wav"))),
            control: None,
        })
        .await
        .unwrap();
        let reports = device.subscribe();
        let mut stage = Self {
            zone,
            device,
            tape,
            reports,
            live,
        };
        let program = &mut stage.zone.program;
        for user in ["7001", "7003"] {
            let registered = format!("{user} registered");
            tokio::task::block_in_place(|| program.wait_for(&[&registered], PATIENCE));
        }
        stage
    }

    /// A phone that is registered.
    async fn phone(&self, user: &str) -> Talker {
        let authority = fs::read(&self.zone.authority_file).unwrap();
        let trusted = certificates_from_pem(&authority).unwrap();
        let mut phone = Talker::connect(TalkerSetup {
            server: (LOOPBACK, self.zone.port).into(),
            channel: Channel::Tls {
                server_name: LOOPBACK.to_string(),
                policy: policy(trusted),
            },
            domain: DOMAIN.to_owned(),
            user: user.to_owned(),
            authorization_id: user.to_owned(),
            password: "phone-secret".into(),
        })
        .await
        .unwrap();
        phone.register().await.unwrap();
        phone
    }

    async fn measure(mut self, what: &str, raised_by: RaisedBy) {
        let repeats = std::env::var(REPEATS_VARIABLE)
            .ok()
            .and_then(|text| text.parse().ok());
        let repeats = repeats.unwrap_or(REPEATS);
        let (mut caller, mut alarm) = (self.phone("2002").await, self.phone("2003").await);
        let speech = vec![CODE; SPEECH_OCTETS];
        let mut figures = Figures::default();
        match self.live {
            Live::Page => {
                for _ in 0..repeats {
                    let mut page = caller.call("7001", &CallOptions::default()).await.unwrap();
                    let emergency = async {
                        figures.add(self.emergency(&mut alarm, raised_by).await);
                        assert_eq!(self.started().await, SoundClass::Page);
                        assert_eq!(self.started().await, SoundClass::EmergencyAlert);
                    };
                    let (spoken, ()) = tokio::join!(page.speak(&speech), emergency);
                    assert!(matches!(spoken, Err(TalkerError::Ended)), "{spoken:?}");
                }
            }
            Live::TwoWayCall => {
                let mut call = caller.call("7001", &CallOptions::default()).await.unwrap();
                let emergencies = async {
                    for _ in 0..repeats {
                        figures.add(self.emergency(&mut alarm, raised_by).await);
                        assert_eq!(self.started().await, SoundClass::TwoWayCall);
                        assert_eq!(self.started().await, SoundClass::EmergencyAlert);
                    }
                };
                tokio::select! {
                    spoken = call.speak(&speech) => assert!(spoken.is_err(), "{spoken:?}"),
                    () = emergencies => {}
                }
            }
        }
        figures.print(what);
        assert_eq!(figures.first_of_alert.len(), repeats);
        self.device.stop().await;
    }

    /// Lets an alert come over what is heard, until it has the output for itself; gives how long that took.
    async fn emergency(&mut self, alarm: &mut Talker, raised_by: RaisedBy) -> Taken {
        let caller_is_heard = async { while self.taken().await.last_of_caller.is_none() {} };
        timeout(PATIENCE, caller_is_heard).await.unwrap();

        let raised_at = Instant::now();
        let call = match raised_by {
            RaisedBy::Call => Some(alarm.call("7003", &CallOptions::default()).await.unwrap()),
            RaisedBy::Order => {
                let alert = SoundOrder::StartAnnouncement {
                    number: 1,
                    is_drill: false,
                };
                self.device.order(alert).await.unwrap();
                None
            }
        };
        let heard = timeout(PATIENCE, self.alone()).await.unwrap();
        if let Some(call) = call {
            call.hang_up().await.unwrap();
        }
        self.device.order(SoundOrder::StopAlerts).await.unwrap();
        Taken {
            last_of_caller: heard.0.saturating_duration_since(raised_at),
            first_of_alert: heard.1.duration_since(raised_at),
        }
    }

    /// When the last sample of the caller and the first of the alert were handed over, once the alert has been alone.
    async fn alone(&mut self) -> (Instant, Instant) {
        let (mut last_of_caller, mut first_of_alert, mut periods) = (None, None, 0);
        loop {
            let stretch = self.taken().await;
            periods = if stretch.last_of_caller.is_some() {
                0
            } else {
                periods + 1
            };
            last_of_caller = stretch.last_of_caller.or(last_of_caller);
            first_of_alert = first_of_alert.or(stretch.first_of_alert);
            if let (PERIODS_ALONE.., Some(first)) = (periods, first_of_alert) {
                return (last_of_caller.unwrap_or(first), first);
            }
        }
    }

    async fn taken(&mut self) -> Stretch {
        self.tape.recv().await.unwrap()
    }

    async fn started(&mut self) -> SoundClass {
        event(&mut self.reports, |event| match event {
            DeviceEvent::Started { sounding } => Some(sounding.class),
            _ => None,
        })
        .await
    }
}

async fn event<T>(reports: &mut Receiver<DeviceReport>, wanted: impl Fn(DeviceEvent) -> Option<T>) -> T {
    timeout(PATIENCE, async {
        loop {
            if let DeviceReport::Event(event, _) = reports.recv().await.unwrap()
                && let Some(found) = wanted(event)
            {
                return found;
            }
        }
    })
    .await
    .unwrap()
}

fn policy(trusted: Vec<CertificateDer<'static>>) -> ClientTls {
    ClientTls::new(ClientTlsConfig {
        trust: Trust::Authorities(trusted),
        minimum: MinimumVersion::Tls12,
        identity: None,
        ..ClientTlsConfig::default()
    })
    .unwrap()
}

/// A microphone in a room where nothing is said.
fn quiet_room(file: &Path) -> Box<dyn Microphone> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE.hertz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec).unwrap();
    for _ in 0..RATE.hertz() {
        writer.write_sample(0_i16).unwrap();
    }
    writer.finalize().unwrap();
    Box::new(FileMicrophone::new(file, RATE.hertz()))
}

/// What is heard in a stretch of samples, and when that was handed over.
#[derive(Clone, Copy)]
struct Stretch {
    last_of_caller: Option<Instant>,
    first_of_alert: Option<Instant>,
}

/// What is heard in a stretch of samples that is handed over.
fn heard(samples: &[i16]) -> Stretch {
    let taken_at = Instant::now();
    let at = |millisecond: u32| taken_at + Duration::from_millis(1) * millisecond;
    let spoken = g711::decode_mu_law(CODE);
    let is_caller = |part: &[i16]| part.iter().all(|sample| sample.abs_diff(spoken) < 100);
    let is_alert = |part: &[i16]| {
        part.iter()
            .any(|sample| sample.abs() > LOUD && sample.signum() != spoken.signum())
    };
    let (mut last_of_caller, mut first_of_alert) = (None, None);
    for (millisecond, part) in (0..).zip(samples.chunks(MILLISECOND)) {
        if is_caller(part) {
            last_of_caller = Some(at(millisecond + 1));
        } else if first_of_alert.is_none() && is_alert(part) {
            first_of_alert = Some(at(millisecond));
        }
    }
    Stretch {
        last_of_caller,
        first_of_alert,
    }
}

/// How long one emergency took.
#[derive(Clone, Copy)]
struct Taken {
    last_of_caller: Duration,
    first_of_alert: Duration,
}

/// How long all of them took.
#[derive(Default)]
struct Figures {
    last_of_caller: Vec<Duration>,
    first_of_alert: Vec<Duration>,
}

impl Figures {
    fn add(&mut self, taken: Taken) {
        self.last_of_caller.push(taken.last_of_caller);
        self.first_of_alert.push(taken.first_of_alert);
    }

    fn print(&mut self, what: &str) {
        for (of, times) in [
            ("the caller is silent", &mut self.last_of_caller),
            ("the alert is heard", &mut self.first_of_alert),
        ] {
            times.sort();
            let percentile = |percent: usize| times[(times.len() - 1) * percent / 100];
            println!(
                "{what}, {} times: {of} after p50 {:?}, p99 {:?}, at most {:?}",
                times.len(),
                percentile(50),
                percentile(99),
                percentile(100)
            );
        }
    }
}
