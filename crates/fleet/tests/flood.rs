//! A phone over UDP, and a stranger who sends from its address.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use fleet::link::Link;
use fleet::registrant::Registrant;
use net::media::{MediaAddresses, MediaPlaneConfig, PortRange};
use net::transport::{DATAGRAM_BYTES_MAX, Limits, ListenerConfig, ListenerKind};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use zone::{Zone, ZoneSetup};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DOMAIN: &str = "test.invalid";
const DIRECTORY: &str = "account = \"test\"\ndomain = \"test.invalid\"\n\
     [[device]]\nuser = \"hall\"\npassword = \"loud\"\nkind = \"page\"\n";
/// Longest wait for an answer, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than the budget of strangers answers.
const FLOOD: usize = 2_000;

async fn zone() -> Zone {
    let snapshot = model::directory_file::parse("directory", DIRECTORY).unwrap();
    let mut core = switch::Config::new("test", snapshot.account.clone());
    core.media.plain = switch::PlainMedia::OverClearFlows;
    Zone::start(ZoneSetup {
        core,
        directory: snapshot,
        listeners: vec![ListenerConfig {
            kind: ListenerKind::Udp {
                datagram_bytes_max: DATAGRAM_BYTES_MAX,
            },
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
    .unwrap()
}

/// A request without authentication whose answer is longer than it.
fn options(number: usize) -> String {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK{number};rport\r\nf: <sip:a@h>;tag=1\r\n\
         t: <sip:b@h>\r\ni: {number}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nl: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn a09_what_is_sent_in_a_phones_name_does_not_keep_its_answers_from_it() {
    let zone = zone().await;
    let server = zone.bound()[0].local;
    let mut phone = Link::open_udp(server, LOOPBACK).await.unwrap();
    Registrant::new(DOMAIN, "hall", "loud")
        .register(&mut phone)
        .await
        .unwrap();
    let stranger = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();

    let mut answered = 0;
    let mut buffer = [0; 2_048];
    for number in 0..FLOOD {
        stranger
            .send_to(options(number).as_bytes(), server)
            .await
            .unwrap();
        if number % 50 == 49 {
            phone.send(options(FLOOD + number).as_bytes()).await.unwrap();
            let answer = timeout(PATIENCE, phone.next()).await.unwrap().unwrap();
            assert!(answer.status().is_some_and(|status| status.is_success()));
        }
        while stranger.try_recv(&mut buffer).is_ok() {
            answered += 1;
        }
    }

    assert!(
        answered < FLOOD,
        "the stranger at the phone's address has used its budget up"
    );
}
