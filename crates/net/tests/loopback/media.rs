//! A zone's media thread between real sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use media::bridge::{BridgeId, Command, Event, LegId, Role};
use media::codec::Codec;
use media::rtp::{Header, Packet};
use media::sdp::{Direction, Negotiated, OpusParameters};
use net::media::{
    MediaAddresses, MediaCounter, MediaEvent, MediaPlane, MediaPlaneConfig, OpenError, PACKET_BYTES_MAX,
    PortRange,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TALKER: LegId = LegId(1);
const LISTENER: LegId = LegId(2);
const BRIDGE: BridgeId = BridgeId(1);
/// Packets of 20 ms in one second.
const PACKETS: u16 = 50;

#[tokio::test]
async fn a_talkers_packets_reach_a_listener() {
    let (plane, mut events) = start(&config(), 64);
    let talker = peer().await;
    let listener = peer().await;
    let to_talker = connect(&plane, &mut events, TALKER, &talker, Role::Talker).await;
    connect(&plane, &mut events, LISTENER, &listener, Role::Listener).await;

    for sequence in 0..PACKETS {
        talker.send_to(&packet(sequence), to_talker).await.unwrap();
    }

    for expected in 0..PACKETS {
        let mut buffer = [0; 512];
        let (length, _) = listener.recv_from(&mut buffer).await.unwrap();
        let heard = Packet::parse(&buffer[..length]).unwrap();
        assert_eq!(heard.payload(), payload(expected));
    }
    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::Bridge(Event::FirstPacket { leg: TALKER }))
    ));
    assert_eq!(plane.counters().count(MediaCounter::Received), u64::from(PACKETS));
}

#[tokio::test]
async fn a_talker_over_ipv6_reaches_a_listener_over_ipv4_through_ports_on_all_addresses() {
    let config = MediaPlaneConfig {
        bind: MediaAddresses::ALL,
        ..config()
    };
    let (plane, mut events) = start(&config, 64);
    let talker = UdpSocket::bind("[::1]:0").await.unwrap();
    let listener = peer().await;
    let to_talker = connect(&plane, &mut events, TALKER, &talker, Role::Talker).await;
    connect(&plane, &mut events, LISTENER, &listener, Role::Listener).await;

    talker.send_to(&packet(7), to_talker).await.unwrap();

    let mut buffer = [0; 512];
    let (length, _) = listener.recv_from(&mut buffer).await.unwrap();
    assert_eq!(Packet::parse(&buffer[..length]).unwrap().payload(), payload(7));
}

#[tokio::test]
async fn a_family_without_an_address_has_no_ports_and_is_not_told_anothers() {
    let (plane, mut events) = start(&config(), 64);

    plane.open(TALKER, "2001:db8::1".parse().unwrap()).unwrap();

    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::OpenFailed {
            leg: TALKER,
            cause: OpenError::NoFamily(_)
        })
    ));
}

#[tokio::test]
async fn the_advertised_address_stands_for_its_own_family_only() {
    let (plane, mut events) = start(
        &MediaPlaneConfig {
            bind: MediaAddresses::ALL,
            advertise: Some(IpAddr::from([203, 0, 113, 7])),
            ..config()
        },
        64,
    );

    plane.open(TALKER, "::1".parse().unwrap()).unwrap();

    let Some(MediaEvent::Opened { address, .. }) = events.recv().await else {
        panic!("not opened")
    };
    assert_eq!(address.ip(), IpAddr::from(Ipv6Addr::UNSPECIFIED));
}

#[tokio::test]
async fn a_closed_leg_reports_what_it_did_and_frees_its_ports() {
    let (plane, mut events) = start(&config(), 64);
    let talker = peer().await;
    let address = connect(&plane, &mut events, TALKER, &talker, Role::Talker).await;
    talker.send_to(&packet(0), address).await.unwrap();
    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::Bridge(Event::FirstPacket { .. }))
    ));

    plane.command(Command::Close { leg: TALKER }).unwrap();

    match events.recv().await {
        Some(MediaEvent::Bridge(Event::Closed {
            leg: TALKER,
            statistics,
        })) => assert_eq!(statistics.received, 1),
        other => panic!("not closed: {other:?}"),
    }
    assert!(UdpSocket::bind(address).await.is_ok());
}

#[tokio::test]
async fn a_peer_on_the_loopback_is_told_its_own_address_and_not_the_advertised_one() {
    let (plane, mut events) = start(
        &MediaPlaneConfig {
            advertise: Some(IpAddr::from([203, 0, 113, 7])),
            ..config()
        },
        64,
    );

    plane.open(TALKER, LOOPBACK).unwrap();

    let Some(MediaEvent::Opened { leg: TALKER, address }) = events.recv().await else {
        panic!("not opened")
    };
    assert_eq!(address.ip(), LOOPBACK);
    assert!(
        UdpSocket::bind((LOOPBACK, address.port())).await.is_err(),
        "the port is taken"
    );
}

#[tokio::test]
async fn a_leg_without_a_port_is_told_so() {
    let (other, mut other_events) = start(&config(), 64);
    let range = free_pair(&other, &mut other_events).await;
    let (plane, mut events) = start(
        &MediaPlaneConfig {
            ports: range,
            ..config()
        },
        64,
    );

    for leg in [TALKER, LISTENER] {
        plane.open(leg, LOOPBACK).unwrap();
    }

    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::Opened { leg: TALKER, .. })
    ));
    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::OpenFailed {
            leg: LISTENER,
            cause: OpenError::Exhausted(1)
        })
    ));
    plane.command(Command::Close { leg: LISTENER }).unwrap();
    assert!(
        matches!(
            events.recv().await,
            Some(MediaEvent::Bridge(Event::Refused { leg: LISTENER, .. }))
        ),
        "the bridge has no such leg"
    );
}

#[tokio::test]
async fn no_event_is_lost_while_the_drivers_queue_is_full() {
    let (plane, mut events) = start(&config(), 1);
    for leg in 0..20 {
        plane.open(LegId(leg), LOOPBACK).unwrap();
    }

    for expected in 0..20 {
        match events.recv().await {
            Some(MediaEvent::Opened { leg, .. }) => assert_eq!(leg, LegId(expected)),
            other => panic!("not opened: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_packet_longer_than_the_limit_is_counted_and_one_at_the_limit_is_taken() {
    let (plane, mut events) = start(&config(), 64);
    let talker = peer().await;
    let address = connect(&plane, &mut events, TALKER, &talker, Role::Talker).await;

    talker.send_to(&[0; PACKET_BYTES_MAX + 1], address).await.unwrap();
    talker.send_to(&[0; PACKET_BYTES_MAX], address).await.unwrap();
    talker.send_to(&packet(0), address).await.unwrap();
    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::Bridge(Event::FirstPacket { .. }))
    ));

    assert_eq!(plane.counters().count(MediaCounter::TooLong), 1);
    assert_eq!(plane.counters().count(MediaCounter::Received), 2);
}

fn config() -> MediaPlaneConfig {
    MediaPlaneConfig {
        bind: MediaAddresses::new(&[LOOPBACK]),
        advertise: None,
        ports: PortRange::default(),
        seed: [7; 32],
    }
}

fn start(config: &MediaPlaneConfig, queue: usize) -> (MediaPlane, mpsc::Receiver<MediaEvent>) {
    let (sender, events) = mpsc::channel(queue);
    (MediaPlane::start(config, sender).unwrap(), events)
}

async fn peer() -> UdpSocket {
    UdpSocket::bind((LOOPBACK, 0)).await.unwrap()
}

/// Opens and connects a leg whose peer is `peer`, in its family; yields the address that the peer sends to.
async fn connect(
    plane: &MediaPlane,
    events: &mut mpsc::Receiver<MediaEvent>,
    leg: LegId,
    peer: &UdpSocket,
    role: Role,
) -> SocketAddr {
    let remote = peer.local_addr().unwrap();
    plane.open(leg, remote.ip()).unwrap();
    let Some(MediaEvent::Opened { address, .. }) = events.recv().await else {
        panic!("not opened")
    };
    // Ports on all addresses are reached at the one the peer is.
    let address = SocketAddr::new(remote.ip(), address.port());
    let negotiated = Negotiated {
        remote_rtp: remote,
        remote_rtcp: remote,
        codec: Codec::Pcmu,
        send_payload_type: 0,
        receive_payload_type: 0,
        telephone_event: None,
        send_telephone_event: None,
        ptime: Duration::from_millis(20),
        direction: Direction::SendReceive,
        crypto: None,
        rtcp_mux: true,
        opus: OpusParameters::default(),
    };
    plane
        .command(Command::Connect {
            leg,
            negotiated: Box::new(negotiated),
            bridge: BRIDGE,
            role,
        })
        .unwrap();
    address
}

/// A range of one pair that was free a moment ago, as another plane found it.
async fn free_pair(plane: &MediaPlane, events: &mut mpsc::Receiver<MediaEvent>) -> PortRange {
    plane.open(TALKER, LOOPBACK).unwrap();
    let Some(MediaEvent::Opened { address, .. }) = events.recv().await else {
        panic!("not opened")
    };
    plane.command(Command::Close { leg: TALKER }).unwrap();
    assert!(matches!(
        events.recv().await,
        Some(MediaEvent::Bridge(Event::Closed { .. }))
    ));
    PortRange::new(address.port(), address.port() + 1).unwrap()
}

fn packet(sequence: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc: 9,
    };
    [header.to_bytes().as_slice(), &payload(sequence)].concat()
}

fn payload(sequence: u16) -> Vec<u8> {
    vec![sequence.to_le_bytes()[0]; 160]
}
