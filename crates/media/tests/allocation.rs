//! Nothing is allocated for a packet or a pull once a leg runs.
#![expect(
    unsafe_code,
    reason = "counting allocations takes an allocator, which is unsafe by its trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::bridge::{BridgeId, Command, LegId, Plane, Role};
use media::codec::Codec;
use media::receive::{Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::{CryptoPair, Direction, Negotiated, OpusParameters};
use media::send::{Sender, SenderConfig};
use media::srtp::{MasterKey, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed to the system's allocator as it is; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAME: Duration = Duration::from_millis(20);

#[test]
fn a_running_bridge_allocates_nothing_for_a_packet() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let mut plane = Plane::new([2; 32]);
    let mut now = Instant::now();
    let talker_side = negotiated(&mut rng, Codec::Pcmu);
    connect(&mut plane, now, LegId(0), Role::Talker, &talker_side);
    for leg in 1..20 {
        let codec = if leg % 2 == 0 { Codec::Pcmu } else { Codec::Pcma };
        let side = negotiated(&mut rng, codec);
        connect(&mut plane, now, LegId(leg), Role::Listener, &side);
    }
    let mut talker = Sender::new(&sender_config(&talker_side), &mut rng).unwrap();
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for _ in 0..300 {
        let mut packet = Vec::new();
        talker.packetize(now, &[1_000; 160], &mut packet).unwrap();
        packets.push(packet);
    }
    let mut buffer = Vec::with_capacity(1_500);
    let mut sent = 0;
    let mut run = |packets: &mut [Vec<u8>]| {
        let before = allocations();
        for packet in packets {
            plane.handle_packet(now, LegId(0), address(), packet);
            while plane.poll_transmit(&mut buffer).is_some() {
                sent += 1;
            }
            now += FRAME;
        }
        allocations() - before
    };

    // The backlog has to fill up once.
    let (warm_up, steady) = packets.split_at_mut(150);
    run(warm_up);
    let allocated = run(steady);

    assert_eq!(sent, 300 * 19);
    assert_eq!(allocated, 0);
}

#[test]
fn a_running_receiver_allocates_nothing_for_a_packet_or_a_pull() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let side = negotiated(&mut rng, Codec::Pcmu);
    let config = ReceiverConfig {
        key: side.crypto.as_ref().map(|pair| pair.receive.clone()),
        ..ReceiverConfig::new(&side, SampleRate::Hz48000)
    };
    let mut sender = Sender::new(&sender_config(&side), &mut rng).unwrap();
    let mut receiver = Receiver::new(&config);
    let mut now = Instant::now();
    let mut packet = Vec::with_capacity(1_500);
    let mut out = [0; 960];
    let mut run = |frames: u32| {
        let mut allocated = 0;
        for number in 0..frames {
            sender.packetize(now, &[1_000; 160], &mut packet).unwrap();
            let before = allocations();
            // A lost packet now and then, so that concealment is counted too.
            if number % 10 != 7 {
                receiver.handle_packet(now, address(), &mut packet);
            }
            receiver.pull(now, &mut out);
            allocated += allocations() - before;
            now += FRAME;
        }
        allocated
    };

    run(50);
    let allocated = run(500);

    assert_eq!(allocated, 0);
    assert!(receiver.statistics().concealed_samples > 0);
}

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn connect(plane: &mut Plane, now: Instant, leg: LegId, role: Role, side: &Negotiated) {
    plane.handle_opened(leg);
    let negotiated = Box::new(side.clone());
    plane.handle_command(
        now,
        Command::Connect {
            leg,
            negotiated,
            bridge: BridgeId(1),
            role,
        },
    );
}

/// What the peer sends is what the near side receives.
fn sender_config(near: &Negotiated) -> SenderConfig {
    SenderConfig {
        key: near.crypto.as_ref().map(|pair| pair.receive.clone()),
        ..SenderConfig::new(near)
    }
}

fn negotiated(rng: &mut ChaCha20Rng, codec: Codec) -> Negotiated {
    let suite = Suite::AeadAes128Gcm;
    Negotiated {
        remote_rtp: address(),
        remote_rtcp: address(),
        codec,
        send_payload_type: codec.static_payload_type().unwrap_or(111),
        receive_payload_type: codec.static_payload_type().unwrap_or(111),
        telephone_event: None,
        send_telephone_event: None,
        ptime: FRAME,
        direction: Direction::SendReceive,
        crypto: Some(CryptoPair {
            send: MasterKey::generate(suite, rng),
            receive: MasterKey::generate(suite, rng),
        }),
        rtcp_mux: true,
        opus: OpusParameters::default(),
    }
}

fn address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}
