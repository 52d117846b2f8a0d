//! An endpoint with two servers, and somebody who calls it through the second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::{NullSink, Sound};
use device::{CallOutcome, CallSetup, Device, DeviceReport, DeviceSetup, place_call};
use endpoint::profile::{Account, Identity, MediaProfile, TargetProfile};
use endpoint::{CallerProfile, Profile};
use media::codec::Codec;
use media::sample::SampleRate;
use media::sdp::SecurityOffer;
use media::srtp::Suite;
use model::Secret;
use model::config::{Document, EndpointConfig, Marking};
use model::status::{DeviceEvent, RegistrationStatus, Shown, TargetRole};
use net::resolver::Resolver;
use net::tls::{CertificateClock, ClientTls, ClientTlsConfig, MinimumVersion, Trust};
use sip::flow::Transport;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cloud::{DOMAIN, LOOPBACK};

/// Longest wait for anything, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// Two servers: host and port of each, and whom to trust.
pub(crate) struct Servers {
    pub(crate) host: &'static str,
    pub(crate) ports: [u16; 2],
    pub(crate) trust: Trust,
    pub(crate) resolver: Resolver,
}

impl Servers {
    fn tls(&self) -> ClientTls {
        ClientTls::new(ClientTlsConfig {
            trust: self.trust.clone(),
            minimum: MinimumVersion::Tls12,
            identity: None,
            clock: CertificateClock::default(),
        })
        .unwrap()
    }

    /// Starts an endpoint whose proxies they are, and waits until it is registered with the first. With an instance id it
    /// can have a connection to both; it moves back after `failback`.
    pub(crate) async fn endpoint(&self, has_instance: bool, failback: Duration) -> Device {
        let [first, second] = self.ports;
        let host = self.host;
        let text = format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = {host}:{first}\noyez.obproxy2 = {host}:{second}\nsip.transp = tls\n\
             sip.srtp = standard\nsip.ssr.interval = 2\naudio.page.tone = None\n\
             sip.u1.user = 7001\nsip.u1.auth = 88213\nsip.u1.pwd = endpoint-secret\n"
        );
        let document = Document::parse(&text).unwrap();
        let config = EndpointConfig::from_document(&document).unwrap();
        let instance = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: "Oyez-Endpoint/test".to_owned(),
            instance: has_instance.then_some(instance),
        };
        let mut profile = Profile::from_config(&config, identity, SampleRate::Hz48000);
        profile.times.uplink.failback = Some(failback);
        profile.times.uplink.failback_spread = Duration::ZERO;
        let device = Device::start(DeviceSetup {
            profile,
            tls: self.tls(),
            resolver: self.resolver.clone(),
            bind: SocketAddr::new(LOOPBACK, 0),
            sink: Box::new(NullSink),
            microphone: None,
            control: None,
        });
        let device = device.await.unwrap();
        serving(&device, TargetRole::Primary).await;
        device
    }

    /// Calls the endpoint through the second server and speaks for so long.
    pub(crate) async fn call(&self, spoken: Duration) -> Option<CallOutcome> {
        let rate = SampleRate::Hz16000;
        let setup = CallSetup {
            profile: CallerProfile {
                user_agent: "caller/test".to_owned(),
                domain: DOMAIN.to_owned(),
                targets: vec![TargetProfile {
                    role: TargetRole::Primary,
                    host: self.host.to_owned(),
                    port: Some(self.ports[1]),
                    transport: Some(Transport::Tls),
                    is_outbound_proxy: true,
                }],
                account: Account {
                    user: "2002".parse().unwrap(),
                    authorization_id: "77120".parse().unwrap(),
                    password: Some(Secret::from("phone-secret")),
                    answers_md5: true,
                    display_name: String::new(),
                },
                dialled: "7001".to_owned(),
                sips: false,
                media: MediaProfile {
                    security: SecurityOffer::Standard,
                    suites: vec![Suite::AesCm128HmacSha1_80],
                    codecs: vec![Codec::Pcmu],
                    marking: Marking::default(),
                },
                input_rate: rate,
                answer_max: Duration::from_secs(10),
                pin: None,
            },
            tls: self.tls(),
            resolver: self.resolver.clone(),
            bind: SocketAddr::new(LOOPBACK, 0),
        };
        let sound = Sound {
            samples: vec![1_000; rate.samples_in(spoken)],
            rate: rate.hertz(),
        };
        let (events, _) = mpsc::channel(1);
        place_call(setup, sound, events).await.ok()
    }

    /// How long it takes from `since` until a new call through the second server is answered.
    pub(crate) async fn reached(&self, since: Instant) -> Duration {
        let calling = async {
            loop {
                if let Some(call) = self.call(Duration::from_millis(20)).await {
                    return call.answered.duration_since(since);
                }
            }
        };
        timeout(PATIENCE, calling).await.unwrap()
    }
}

/// Waits until the endpoint is served by this one of its servers; says when that was.
pub(crate) async fn serving(device: &Device, role: TargetRole) -> Instant {
    let mut reports = device.subscribe();
    let is_served = |status: &RegistrationStatus| {
        status.shown == Shown::Successful && status.target.as_ref().is_some_and(|target| target.role == role)
    };
    let waiting = async {
        if is_served(&device.status().await.unwrap().slots.remove(0).registration) {
            return Instant::now();
        }
        loop {
            if let DeviceReport::Event(DeviceEvent::RegistrationChanged { registration, .. }, at) =
                reports.recv().await.unwrap()
                && is_served(&registration)
            {
                return at;
            }
        }
    };
    timeout(PATIENCE, waiting).await.unwrap()
}

/// The middle of some times, and the one that 99 of 100 do not exceed.
pub(crate) fn percentiles(times: &mut [Duration]) -> [Duration; 2] {
    times.sort();
    [50, 99].map(|percent| {
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(place).copied().unwrap_or_default()
    })
}
