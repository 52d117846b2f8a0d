//! The talker against a zone in the same process.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by unwrapping it"
)]

use std::net::SocketAddr;

use fleet::link::Channel;
use fleet::{Talker, TalkerError, TalkerSetup};
use net::media::{MediaPlaneConfig, PortRange};
use net::transport::{DATAGRAM_BYTES_MAX, Limits, ListenerConfig, ListenerKind};
use sip::message::StatusCode;
use zone::{Zone, ZoneSetup};

const DIRECTORY: &str = "account = \"test\"\ndomain = \"test.invalid\"\n\
                         [[phone]]\nuser = \"desk\"\nauthorization-id = \"4711\"\npassword = \"right\"\nextension = \"200\"\n";

async fn zone() -> (Zone, SocketAddr) {
    let snapshot = model::directory_file::parse("directory", DIRECTORY).unwrap();
    let setup = ZoneSetup {
        core: switch::Config::new("test", snapshot.account.clone()),
        directory: snapshot,
        listeners: vec![ListenerConfig {
            kind: ListenerKind::Udp {
                datagram_bytes_max: DATAGRAM_BYTES_MAX,
            },
            bind: "127.0.0.1:0".parse().unwrap(),
            advertise: None,
        }],
        limits: Limits::default(),
        media: MediaPlaneConfig {
            bind: [127, 0, 0, 1].into(),
            advertise: None,
            ports: PortRange::default(),
            seed: [1; 32],
        },
        control: None,
    };
    let zone = Zone::start(setup).await.unwrap();
    let server = zone.bound()[0].local;
    (zone, server)
}

fn setup(server: SocketAddr, password: &str) -> TalkerSetup {
    TalkerSetup {
        server,
        channel: Channel::Udp,
        domain: "test.invalid".to_owned(),
        user: "desk".to_owned(),
        authorization_id: "4711".to_owned(),
        password: password.into(),
    }
}

#[tokio::test]
async fn a_talker_registers_with_its_password() {
    let (zone, server) = zone().await;
    let mut talker = Talker::connect(setup(server, "right")).await.unwrap();

    talker.register().await.unwrap();

    assert_eq!(zone.status().await.unwrap().accounts[0].bindings, 1);
}

#[tokio::test]
async fn a_talker_with_a_wrong_password_is_refused() {
    let (_zone, server) = zone().await;
    let mut talker = Talker::connect(setup(server, "wrong")).await.unwrap();

    let refused = talker.register().await.unwrap_err();

    assert!(
        matches!(
            refused,
            TalkerError::Refused(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        ),
        "{refused}"
    );
}
