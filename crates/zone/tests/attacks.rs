//! Attacks by their ids, against a zone with real sockets on the loopback interface.
#![expect(
    clippy::unwrap_used,
    reason = "a test states what it expects by unwrapping it"
)]

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use model::directory::{DigestAlgorithm, Snapshot};
use net::media::{MediaAddresses, MediaPlaneConfig, PortRange};
use net::reply_budget::{BURST_BYTES, BYTES_PER_SECOND};
use net::transport::{Limits, ListenerConfig, ListenerKind};
use sip::flow::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;
use zone::{Zone, ZoneSetup};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest wait for an answer, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

async fn zone(limits: Limits) -> Zone {
    let kinds = [
        ListenerKind::Udp {
            datagram_bytes_max: 65_507,
        },
        ListenerKind::Tcp,
    ];
    Zone::start(ZoneSetup {
        core: switch::Config::new("zone-a", "acme".parse().unwrap()),
        directory: Snapshot::empty(
            "acme".parse().unwrap(),
            "acct-7".to_owned(),
            "acme.example".to_owned(),
            DigestAlgorithm::Sha256,
        ),
        listeners: kinds
            .map(|kind| ListenerConfig {
                kind,
                bind: SocketAddr::new(LOOPBACK, 0),
                advertise: None,
            })
            .to_vec(),
        limits,
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

fn address(zone: &Zone, transport: Transport) -> SocketAddr {
    let bound = zone.bound().iter().find(|bound| bound.transport == transport);
    bound.unwrap().local
}

/// The shortest question that is answered at length.
fn options(number: usize) -> String {
    format!(
        "OPTIONS sip:127.0.0.1 SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK{number};rport\r\nf: <sip:a@h>;tag=1\r\n\
         t: <sip:b@h>\r\ni: {number}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nl: 0\r\n\r\n"
    )
}

/// Reads whole answers until there are `count` of them, and returns their first lines.
async fn answers(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while text.matches("\r\n\r\n").count() < count {
        let length = timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(length > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(buffer.get(..length).unwrap()).unwrap());
    }
    let first_lines = text.lines().filter(|line| line.starts_with("SIP/2.0 "));
    first_lines.map(str::to_owned).collect()
}

/// Reads until the zone closes, and returns what it said before.
async fn last_words(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap() {
            Ok(0) => break,
            Ok(length) => said.extend_from_slice(buffer.get(..length).unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                break;
            }
        }
    }
    String::from_utf8(said).unwrap()
}

async fn assert_serves(zone: &Zone) {
    let mut other = TcpStream::connect(address(zone, Transport::Tcp)).await.unwrap();
    other.write_all(options(9_999).as_bytes()).await.unwrap();
    assert_eq!(answers(&mut other, 1).await, ["SIP/2.0 200 OK"]);
}

#[tokio::test]
async fn a09_a_datagram_stranger_flooding_options_gets_no_more_than_the_budget() {
    let zone = zone(Limits::default()).await;
    let server = address(&zone, Transport::Udp);
    let stranger = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let other = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let mut buffer = [0; 65_535];
    let began = Instant::now();

    let (mut sent, mut received, mut answered) = (0, 0, 0_usize);
    for number in 0..2_000 {
        let question = options(number);
        sent += stranger.send_to(question.as_bytes(), server).await.unwrap();
        if number % 50 == 49 {
            // An answer to someone else shows that the zone has dealt with everything before.
            other
                .send_to(options(100_000 + number).as_bytes(), server)
                .await
                .unwrap();
            timeout(PATIENCE, other.recv(&mut buffer)).await.unwrap().unwrap();
            while let Ok(length) = stranger.try_recv(&mut buffer) {
                received += length;
                answered += 1;
            }
        }
    }

    let earned_by_time = BYTES_PER_SECOND * (began.elapsed().as_secs() + 1);
    let allowed = sent + usize::try_from(BURST_BYTES + earned_by_time).unwrap();
    assert!(
        received <= allowed,
        "{received} bytes of answers for {sent} bytes of questions"
    );
    assert!(
        (1..2_000).contains(&answered),
        "{answered} of 2000 questions were answered"
    );
}

#[tokio::test]
async fn a11_ten_megabytes_end_the_stream_after_an_answer_and_others_are_served() {
    let zone = zone(Limits::default()).await;
    let mut stream = TcpStream::connect(address(&zone, Transport::Tcp)).await.unwrap();
    let head = options(1).replace("l: 0", "l: 10485760");
    stream.write_all(head.as_bytes()).await.unwrap();

    let (mut read, mut write) = stream.split();
    let flood = async {
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..160 {
            if write.write_all(&part).await.is_err() {
                break;
            }
        }
    };
    let mut first = vec![0; 11];
    let answer = async {
        timeout(PATIENCE, read.read_exact(&mut first))
            .await
            .unwrap()
            .unwrap()
    };
    tokio::join!(flood, answer);

    assert_eq!(first, b"SIP/2.0 513");
    last_words(&mut stream).await;
    assert_serves(&zone).await;
}

#[tokio::test]
async fn a11_a_header_section_that_does_not_end_is_closed_at_the_limit() {
    let zone = zone(Limits::default()).await;
    let mut stream = TcpStream::connect(address(&zone, Transport::Tcp)).await.unwrap();
    stream.write_all(b"OPTIONS sip:a SIP/2.0\r\nX: ").await.unwrap();

    let (mut read, mut write) = stream.split();
    let endless = async {
        let mut sent = 0;
        while write.write_all(&[b'x'; 4_096]).await.is_ok() {
            sent += 4_096;
            assert!(sent < 64 * 1024 * 1024, "nothing stops it");
        }
    };
    let closed = async {
        let mut nothing = [0; 16];
        // A close with octets on the way shows as a reset.
        timeout(PATIENCE, read.read(&mut nothing))
            .await
            .unwrap()
            .unwrap_or(0)
    };
    let ((), said) = tokio::join!(endless, closed);

    assert_eq!(said, 0);
    assert_serves(&zone).await;
}

#[tokio::test]
async fn a11_fragments_of_one_octet_and_pipelined_requests_are_answered_in_order() {
    let zone = zone(Limits::default()).await;
    let mut stream = TcpStream::connect(address(&zone, Transport::Tcp)).await.unwrap();
    for octet in options(1).bytes() {
        stream.write_all(&[octet]).await.unwrap();
    }
    assert_eq!(answers(&mut stream, 1).await.len(), 1);

    let pipelined: String = (2..22).map(options).collect();
    stream.write_all(pipelined.as_bytes()).await.unwrap();

    assert_eq!(answers(&mut stream, 20).await, vec!["SIP/2.0 200 OK"; 20]);
}

#[tokio::test]
async fn a11_a_thousand_headers_are_refused_and_the_stream_goes_on() {
    let zone = zone(Limits::default()).await;
    let mut stream = TcpStream::connect(address(&zone, Transport::Tcp)).await.unwrap();
    let crowded = options(1).replace("l: 0", &format!("{}l: 0", "X: y\r\n".repeat(1_000)));

    stream.write_all(crowded.as_bytes()).await.unwrap();
    assert_eq!(answers(&mut stream, 1).await, ["SIP/2.0 400 Bad Request"]);
    stream.write_all(options(2).as_bytes()).await.unwrap();

    assert_eq!(answers(&mut stream, 1).await, ["SIP/2.0 200 OK"]);
}

#[tokio::test]
async fn a11_a_wrong_content_length_ends_the_stream_after_a_400() {
    let zone = zone(Limits::default()).await;
    for length in ["l: -1", "l: 4294967296", "l: 1\r\nl: 2", "l: x"] {
        let mut stream = TcpStream::connect(address(&zone, Transport::Tcp)).await.unwrap();
        stream
            .write_all(options(1).replace("l: 0", length).as_bytes())
            .await
            .unwrap();

        let said = last_words(&mut stream).await;

        assert!(
            said.starts_with("SIP/2.0 400 ") || said.starts_with("SIP/2.0 513 "),
            "{length}: {said}"
        );
        assert_eq!(said.matches("SIP/2.0 ").count(), 1, "{said}");
    }
    assert_serves(&zone).await;
}

#[tokio::test]
async fn a11_datagrams_that_are_no_messages_cost_nothing() {
    let zone = zone(Limits::default()).await;
    let stranger = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let server = address(&zone, Transport::Udp);
    for length in [1, 2, 1_000, 65_507] {
        stranger.send_to(&vec![b'x'; length], server).await.unwrap();
    }

    stranger.send_to(options(1).as_bytes(), server).await.unwrap();

    let mut buffer = [0; 4_096];
    let length = timeout(PATIENCE, stranger.recv(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    assert!(buffer.get(..length).unwrap().starts_with(b"SIP/2.0 200 OK"));
}

/// A Binding Request without attributes.
const BINDING_REQUEST: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xa4\x42twelveoctets";

#[tokio::test]
async fn a_keep_alive_by_stun_is_answered_on_the_sip_socket_with_the_address_it_came_from() {
    let zone = zone(Limits::default()).await;
    let phone = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let server = address(&zone, Transport::Udp);

    phone.send_to(&BINDING_REQUEST, server).await.unwrap();

    let mut buffer = [0; 512];
    let (length, from) = timeout(PATIENCE, phone.recv_from(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((length, from), (32, server));
    let port = u16::from_be_bytes([buffer[26], buffer[27]]) ^ 0x2112;
    assert_eq!(port, phone.local_addr().unwrap().port());
}

#[tokio::test]
async fn a09_a_stranger_flooding_stun_gets_no_more_than_the_budget() {
    let zone = zone(Limits::default()).await;
    let server = address(&zone, Transport::Udp);
    let stranger = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let other = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let mut buffer = [0; 512];
    let began = Instant::now();

    let (mut sent, mut received) = (0, 0);
    for number in 0..6_000 {
        sent += stranger.send_to(&BINDING_REQUEST, server).await.unwrap();
        if number % 50 == 49 {
            // An answer to someone else shows that the zone has dealt with everything before.
            other.send_to(options(number).as_bytes(), server).await.unwrap();
            timeout(PATIENCE, other.recv(&mut buffer)).await.unwrap().unwrap();
            while let Ok(length) = stranger.try_recv(&mut buffer) {
                received += length;
            }
        }
    }

    let earned_by_time = BYTES_PER_SECOND * (began.elapsed().as_secs() + 1);
    let allowed = sent + usize::try_from(BURST_BYTES + earned_by_time).unwrap();
    assert!(received <= allowed, "{received} bytes for {sent} bytes");
    assert!(received < sent / 20 * 32, "some were not answered");
}

#[tokio::test]
async fn w07_sixty_silent_connections_of_one_source_leave_the_others_their_places() {
    let zone = zone(Limits {
        connections_max: 64,
        connections_per_source_max: 20,
        ..Limits::default()
    })
    .await;
    let server = address(&zone, Transport::Tcp);
    let mut half_open = Vec::new();
    for _ in 0..60 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(server).await.unwrap();
        // What the zone has closed at once may refuse it.
        let _is_taken = stream.write_all(b"REGISTER sip:").await.is_ok();
        half_open.push(stream);
    }

    assert_serves(&zone).await;

    let is_open = |stream: TcpStream| {
        let read = stream.into_std().unwrap().read(&mut [0; 1]);
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let open = half_open
        .into_iter()
        .map(is_open)
        .filter(|is_open| *is_open)
        .count();
    assert_eq!(open, 20, "the source's places and not one more");
}
