//! What a bridge costs for each packet to each listener, and a receiver for each packet and pull.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use media::bridge::{BridgeId, Command, LegId, Plane, Role};
use media::codec::Codec;
use media::receive::{Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::{CryptoPair, Direction, Negotiated, OpusParameters};
use media::send::{Sender, SenderConfig};
use media::srtp::{MasterKey, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const FRAME: Duration = Duration::from_millis(20);
const LISTENERS: u64 = 1_000;

fn main() {
    divan::main();
}

/// One packet of a talker, sealed for a thousand listeners.
#[divan::bench(args = [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm])]
fn packet_to_a_thousand_listeners(bencher: Bencher<'_, '_>, suite: Suite) {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let mut plane = Plane::new([2; 32]);
    let mut now = Instant::now();
    let talker = negotiated(&mut rng, Codec::Pcmu, suite);
    connect(&mut plane, now, LegId(0), Role::Talker, &talker);
    for leg in 1..=LISTENERS {
        let listener = negotiated(&mut rng, Codec::Pcmu, suite);
        connect(&mut plane, now, LegId(leg), Role::Listener, &listener);
    }
    let mut sender = sender(&talker, &mut rng);
    let mut packet = Vec::new();
    let mut buffer = Vec::with_capacity(1_500);
    let frame = [1_000; 160];
    bencher.counter(ItemsCount::new(LISTENERS)).bench_local(|| {
        sender.packetize(now, &frame, &mut packet).unwrap();
        plane.handle_packet(now, LegId(0), address(), &mut packet);
        while plane.poll_transmit(&mut buffer).is_some() {}
        now += FRAME;
    });
}

/// One packet received, decrypted, decoded and pulled at 48 kHz.
#[divan::bench(args = [Codec::Pcmu, Codec::Opus])]
fn packet_to_a_sink(bencher: Bencher<'_, '_>, codec: Codec) {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let begin = Instant::now();
    let mut now = begin;
    let side = negotiated(&mut rng, codec, Suite::AesCm128HmacSha1_80);
    let mut sender = sender(&side, &mut rng);
    let mut receiver = Receiver::new(&ReceiverConfig::new(&side, SampleRate::Hz48000));
    let frame = vec![1_000; sender.frame_samples()];
    let mut sound = [0; 960];
    bencher
        .with_inputs(|| {
            let mut packet = Vec::new();
            sender.packetize(begin, &frame, &mut packet).unwrap();
            packet
        })
        .bench_local_values(|mut packet| {
            receiver.handle_packet(now, address(), &mut packet);
            receiver.pull(now, &mut sound);
            now += FRAME;
        });
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

/// The far end: what it sends is what the near one receives.
fn sender(near: &Negotiated, rng: &mut ChaCha20Rng) -> Sender {
    let key = near.crypto.as_ref().map(|pair| pair.receive.clone());
    Sender::new(
        &SenderConfig {
            key,
            ..SenderConfig::new(near)
        },
        rng,
    )
    .unwrap()
}

fn negotiated(rng: &mut ChaCha20Rng, codec: Codec, suite: Suite) -> Negotiated {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    Negotiated {
        remote_rtp: address(),
        remote_rtcp: address(),
        codec,
        send_payload_type: payload_type,
        receive_payload_type: payload_type,
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
