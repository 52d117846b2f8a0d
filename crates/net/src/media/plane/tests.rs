//! What a round does first, without the thread.

use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;

use ::media::bridge::{BridgeId, Role};
use ::media::codec::Codec;
use ::media::rtp::{FIXED_HEADER_LENGTH, Header};
use ::media::sdp::{Direction, Negotiated, OpusParameters};

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TALKER: LegId = LegId(1);
const NOBODY: LegId = LegId(99);
const EVENTS_MAX: usize = 1_024;
/// Packets that a talker has sent when it hangs up.
const SENT: u16 = 3;

/// A worker without its thread, and both ends of what it would share with a driver.
struct Bench {
    worker: Worker,
    commands: SyncSender<Command>,
    openings: SyncSender<Opening>,
    events: mpsc::Receiver<MediaEvent>,
}

impl Bench {
    fn new() -> Self {
        let (commands, command_queue) = sync_channel(COMMANDS_MAX);
        let (openings, opening_queue) = sync_channel(COMMANDS_MAX);
        let (events_sender, events) = mpsc::channel(EVENTS_MAX);
        let addresses = MediaAddresses::new(&[LOOPBACK]);
        let worker = Worker {
            poll: Poll::new().unwrap(),
            commands: command_queue,
            openings: opening_queue,
            events: events_sender,
            event_waits: false,
            sockets: Sockets::new(PortRange::default(), addresses, None),
            plane: Plane::new([7; 32]),
            shared: Arc::default(),
        };
        Self {
            worker,
            commands,
            openings,
            events,
        }
    }

    fn command(&self, command: Command) {
        self.commands.send(command).unwrap();
    }

    /// One look at the kernel and one round; says whether nothing is left.
    fn round(&mut self) -> bool {
        let mut ready = Events::with_capacity(READY_MAX);
        self.worker.poll.poll(&mut ready, Some(Duration::ZERO)).unwrap();
        self.worker.sockets.mark_readable(&ready);
        self.worker.round(&mut Vec::new()).unwrap()
    }

    /// Opens a leg and yields its address.
    fn open(&mut self, leg: LegId) -> SocketAddr {
        let local = LOOPBACK;
        self.openings.send(Opening { leg, local }).unwrap();
        while !self.round() {}
        match self.events.try_recv() {
            Ok(MediaEvent::Opened { leg: opened, address }) if opened == leg => address,
            other => panic!("not opened: {other:?}"),
        }
    }

    fn received(&self) -> u64 {
        self.worker.plane.statistics(TALKER).unwrap().received
    }

    /// Packets that wait in a peer's socket.
    fn heard_by(peer: &UdpSocket) -> usize {
        peer.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| peer.recv(&mut [0; 512]).ok()).count()
    }
}

#[test]
fn the_first_packets_of_a_leg_wait_for_the_command_that_connects_it() {
    let mut bench = Bench::new();
    let address = bench.open(TALKER);
    let talker = peer();
    for _other in 0..COMMANDS_PER_ROUND {
        bench.command(Command::Close { leg: NOBODY });
    }
    bench.command(connect(TALKER, Role::Talker, &talker));
    send(&talker, address, 0..3);

    while !bench.round() {}

    assert_eq!(bench.received(), 3);
}

#[test]
fn packets_that_come_to_a_leg_before_it_is_agreed_upon_are_not_kept_for_it() {
    let mut bench = Bench::new();
    let address = bench.open(TALKER);
    let (stranger, talker) = (peer(), peer());
    send(&stranger, address, 0..1);
    while !bench.round() {}

    bench.command(connect(TALKER, Role::Talker, &talker));
    send(&talker, address, 7..8);
    while !bench.round() {}

    assert_eq!(bench.received(), 1);
    assert_eq!(bench.worker.shared.counters.count(MediaCounter::Received), 2);
}

#[test]
fn commands_do_not_wait_behind_the_openings_of_other_legs() {
    let mut bench = Bench::new();
    bench.open(TALKER);
    for other in 100..=100 + COMMANDS_PER_ROUND as u64 {
        let (leg, local) = (LegId(other), LOOPBACK);
        bench.openings.send(Opening { leg, local }).unwrap();
    }
    bench.command(Command::Close { leg: TALKER });

    bench.round();

    let first = bench.events.try_recv();
    assert!(matches!(first, Ok(MediaEvent::Opened { .. })), "{first:?}");
    assert_eq!(bench.worker.plane.statistics(TALKER), None, "it is closed");
}

#[test]
fn what_a_talker_has_sent_reaches_every_listener_before_its_leg_is_closed() {
    let (mut bench, talker, listeners, address) = page_to_two();

    send(&talker, address, 0..SENT);
    for leg in [TALKER, LegId(100), LegId(101)] {
        bench.command(Command::Close { leg });
    }
    while !bench.round() {}

    assert_eq!(listeners.each_ref().map(Bench::heard_by), [usize::from(SENT); 2]);
}

#[test]
fn a_listener_that_leaves_holds_nobody_up() {
    let (mut bench, talker, listeners, address) = page_to_two();
    send(&talker, address, 0..SENT);
    let mut ready = Events::with_capacity(READY_MAX);
    bench.worker.poll.poll(&mut ready, None).unwrap();
    bench.worker.sockets.mark_readable(&ready);
    bench.worker.receive(Instant::now(), false);

    bench
        .worker
        .carry_out(Command::Close { leg: LegId(100) }, &mut Vec::new());

    assert!(bench.worker.plane.owes(TALKER));
    assert_eq!(listeners.each_ref().map(Bench::heard_by), [0; 2]);
}

#[test]
fn a_leg_that_is_closed_is_read_up_to_the_limit_and_no_further() {
    let limit = u16::try_from(PACKETS_PER_SOCKET).unwrap();
    for sent in [limit, limit + 1] {
        let mut bench = Bench::new();
        let talker = peer();
        let address = bench.open(TALKER);
        bench.command(connect(TALKER, Role::Talker, &talker));
        while !bench.round() {}
        send(&talker, address, 0..sent);

        bench.command(Command::Close { leg: TALKER });
        while !bench.round() {}

        let received = bench.worker.shared.counters.count(MediaCounter::Received);
        assert_eq!(received, u64::from(limit));
    }
}

fn peer() -> UdpSocket {
    UdpSocket::bind((LOOPBACK, 0)).unwrap()
}

fn send(from: &UdpSocket, to: SocketAddr, sequences: Range<u16>) {
    for sequence in sequences {
        from.send_to(&packet(sequence), to).unwrap();
    }
}

/// A page with a talker and the listeners 100 and 101, all connected, and where the talker sends to.
fn page_to_two() -> (Bench, UdpSocket, [UdpSocket; 2], SocketAddr) {
    let mut bench = Bench::new();
    let (talker, listeners) = (peer(), [peer(), peer()]);
    let address = bench.open(TALKER);
    bench.command(connect(TALKER, Role::Talker, &talker));
    for (number, listener) in (100..).zip(&listeners) {
        bench.open(LegId(number));
        bench.command(connect(LegId(number), Role::Listener, listener));
    }
    while !bench.round() {}
    (bench, talker, listeners, address)
}

fn connect(leg: LegId, role: Role, peer: &UdpSocket) -> Command {
    let remote = peer.local_addr().unwrap();
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
    Command::Connect {
        leg,
        negotiated: Box::new(negotiated),
        bridge: BridgeId(1),
        role,
    }
}

fn packet(sequence: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc: 9,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.resize(FIXED_HEADER_LENGTH + 160, 0xff);
    packet
}
