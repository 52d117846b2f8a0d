//! Talker and listener against a zone in the same process.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping it"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use fleet::ears::Ears;
use fleet::link::{Channel, Link};
use fleet::listener::{Listener, Tally};
use fleet::registrant::Registrant;
use fleet::{CallOptions, Talker, TalkerError, TalkerSetup};
use model::status::ZoneEvent;
use net::authority::{Authority, Purpose, Subject};
use net::media::{MediaAddresses, MediaPlaneConfig, PortRange};
use net::tls::{ClientCertificates, ClientTls, ClientTlsConfig, Identity, MinimumVersion, ServerTls, Trust};
use net::transport::{Limits, ListenerConfig, ListenerKind};
use sip::message::StatusCode;
use zone::{Zone, ZoneSetup};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DOMAIN: &str = "test.invalid";
const DIRECTORY: &str = "account = \"test\"\ndomain = \"test.invalid\"\n\
     [[phone]]\nuser = \"desk\"\nauthorization-id = \"4711\"\npassword = \"right\"\n\
     [[device]]\nuser = \"hall\"\npassword = \"loud\"\nkind = \"page\"\n\
     [[page-group]]\nextension = \"700\"\nmembers = [\"hall\"]\n\
     [[permission]]\nwho = \"desk\"\nmay = \"page\"\nwhat = \"*\"\n";
/// Sound of five packets.
const SOUND: [u8; 800] = [0x7f; 800];

/// A zone that speaks TLS, and what its phones trust.
struct Stage {
    zone: Zone,
    server: SocketAddr,
    policy: ClientTls,
}

impl Stage {
    async fn start() -> Self {
        let now = SystemTime::now();
        let authority = Authority::generate("test", now).unwrap();
        let issued = authority
            .issue(&[Subject::Address(LOOPBACK)], Purpose::Server, now)
            .unwrap();
        let identity = Identity::from_pem(
            issued.certificate_pem.as_bytes(),
            issued.key_pem.as_str().as_bytes(),
        )
        .unwrap();
        let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap();
        let snapshot = model::directory_file::parse("directory", DIRECTORY).unwrap();
        let zone = Zone::start(ZoneSetup {
            core: switch::Config::new("test", snapshot.account.clone()),
            directory: snapshot,
            listeners: vec![ListenerConfig {
                kind: ListenerKind::Tls(tls),
                bind: SocketAddr::new(LOOPBACK, 0),
                advertise: None,
            }],
            limits: Limits::default(),
            media: MediaPlaneConfig {
                bind: MediaAddresses::new(&[LOOPBACK]),
                advertise: None,
                ports: PortRange::default(),
                seed: [1; 32],
            },
            control: None,
        })
        .await
        .unwrap();
        let policy = ClientTls::new(ClientTlsConfig {
            trust: Trust::Authorities(vec![authority.certificate().clone()]),
            minimum: MinimumVersion::Tls12,
            identity: None,
            ..ClientTlsConfig::default()
        })
        .unwrap();
        let server = zone.bound()[0].local;
        Self { zone, server, policy }
    }

    async fn talker(&self, password: &str) -> Talker {
        Talker::connect(TalkerSetup {
            server: self.server,
            channel: self.channel(),
            domain: DOMAIN.to_owned(),
            user: "desk".to_owned(),
            authorization_id: "4711".to_owned(),
            password: password.into(),
        })
        .await
        .unwrap()
    }

    /// Registers the loudspeaker of the hall.
    async fn loudspeaker(&self, ears: &Ears) -> Arc<Tally> {
        let link = Link::open(self.server, &self.channel()).await.unwrap();
        let registrant = Registrant::new(DOMAIN, "hall", "loud");
        let mut listener = Listener::new(0, registrant, link, ears.addresses()[0], [2; 32]);
        listener.register().await.unwrap();
        let tally = Arc::new(Tally::new(1));
        let counted = Arc::clone(&tally);
        tokio::spawn(async move { listener.serve(&counted).await });
        tally
    }

    fn channel(&self) -> Channel {
        Channel::Tls {
            server_name: LOOPBACK.to_string(),
            policy: self.policy.clone(),
        }
    }
}

async fn until(state: impl Fn() -> bool) {
    while !state() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_talker_registers_with_its_password() {
    let stage = Stage::start().await;
    let mut talker = stage.talker("right").await;

    talker.register().await.unwrap();

    assert_eq!(stage.zone.status().await.unwrap().accounts[0].bindings, 1);
}

#[tokio::test]
async fn a_talker_with_a_wrong_password_is_refused() {
    let stage = Stage::start().await;
    let mut talker = stage.talker("wrong").await;

    let refused = talker.register().await.unwrap_err();

    assert!(
        matches!(
            refused,
            TalkerError::Refused(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn what_a_talker_says_comes_to_the_listener_under_its_key() {
    let stage = Stage::start().await;
    let ears = Ears::open(1, LOOPBACK).unwrap();
    let tally = stage.loudspeaker(&ears).await;
    let mut talker = stage.talker("right").await;

    let mut call = talker.call("700", &CallOptions::default()).await.unwrap();
    let sent = call.speak(&SOUND).await.unwrap();
    until(|| ears.packets() == sent).await;
    call.hang_up().await.unwrap();

    until(|| tally.ended() == 1).await;
    let heard = ears.take().remove(0);
    let key = tally.keys().remove(0).unwrap();
    let mut packet = heard.first_packet;
    let length = media::srtp::Context::new(&key)
        .unprotect_rtp(&mut packet)
        .unwrap();
    let packet = media::rtp::Packet::parse(&packet[..length]).unwrap();
    assert_eq!(packet.payload(), &SOUND[..160]);
}

#[tokio::test]
async fn what_a_talker_says_under_a_wrong_key_comes_to_nobody() {
    let stage = Stage::start().await;
    let ears = Ears::open(1, LOOPBACK).unwrap();
    let tally = stage.loudspeaker(&ears).await;
    let mut talker = stage.talker("right").await;
    let options = CallOptions {
        wrong_srtp_key: true,
        ..CallOptions::default()
    };

    let mut call = talker.call("700", &options).await.unwrap();
    call.speak(&SOUND).await.unwrap();
    call.hang_up().await.unwrap();

    until(|| tally.ended() == 1).await;
    assert_eq!(ears.packets(), 0);
}

#[tokio::test]
async fn a_zone_that_is_stopped_ends_the_page_and_reports_it() {
    let stage = Stage::start().await;
    let ears = Ears::open(1, LOOPBACK).unwrap();
    let tally = stage.loudspeaker(&ears).await;
    let mut talker = stage.talker("right").await;
    let mut events = stage.zone.subscribe();
    let mut call = talker.call("700", &CallOptions::default()).await.unwrap();

    let minute = vec![0x7f; 8_000 * 60];
    let (spoken, ()) = tokio::join!(call.speak(&minute), stage.zone.stop());

    assert!(
        matches!(spoken, Err(TalkerError::Ended)),
        "the talker is hung up on"
    );
    until(|| tally.ended() == 1).await;
    let mut reported = 0;
    while let Ok(event) = events.recv().await {
        reported += usize::from(matches!(event, ZoneEvent::PageEnded { .. }));
    }
    assert_eq!(reported, 1);
}
