//! What SRTP costs per packet: 160 octets of payload, as G.711 has in 20 ms, and 320.
//!
//! `unprotect` contains the copy of the packet into its buffer, a few nanoseconds.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use media::rtp::Header;
use media::srtp::{Context, MasterKey, Suite};

const PAYLOAD_LENGTHS: [usize; 2] = [160, 320];
const BATCH: u16 = 1_000;

fn main() {
    divan::main();
}

#[divan::bench(args = cases())]
fn protect(bencher: Bencher<'_, '_>, case: &Case) {
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            (
                Context::new(&key(case.suite)),
                Vec::with_capacity(1_500),
                case.plain(),
            )
        })
        .bench_local_values(|(mut context, mut packet, plain)| {
            for sequence in 0..BATCH {
                load(&mut packet, &plain, sequence);
                context
                    .protect_rtp(black_box(&mut packet))
                    .expect("every sequence number is fresh");
            }
            context
        });
}

#[divan::bench(args = cases())]
fn unprotect(bencher: Bencher<'_, '_>, case: &Case) {
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| (Context::new(&key(case.suite)), case.sealed_batch()))
        .bench_local_values(|(mut context, mut packets)| {
            for packet in &mut packets {
                black_box(context.unprotect_rtp(packet)).expect("the packets are genuine");
            }
            (context, packets)
        });
}

#[divan::bench(args = Suite::ALL)]
fn key_context(suite: Suite) -> Context {
    Context::new(black_box(&key(suite)))
}

struct Case {
    suite: Suite,
    payload_length: usize,
}

impl Case {
    fn plain(&self) -> Vec<u8> {
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: 0,
            timestamp: 0,
            ssrc: 1,
        };
        let mut packet = header.to_bytes().to_vec();
        packet.resize(packet.len() + self.payload_length, 0xd5);
        packet
    }

    fn sealed_batch(&self) -> Vec<Vec<u8>> {
        let mut context = Context::new(&key(self.suite));
        let plain = self.plain();
        (0..BATCH)
            .map(|sequence| {
                let mut packet = Vec::new();
                load(&mut packet, &plain, sequence);
                context
                    .protect_rtp(&mut packet)
                    .expect("every sequence number is fresh");
                packet
            })
            .collect()
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.suite.name(), self.payload_length)
    }
}

fn cases() -> Vec<Case> {
    let suites = Suite::ALL.into_iter();
    suites
        .flat_map(|suite| {
            PAYLOAD_LENGTHS.map(|payload_length| Case {
                suite,
                payload_length,
            })
        })
        .collect()
}

fn load(packet: &mut Vec<u8>, plain: &[u8], sequence: u16) {
    packet.clear();
    packet.extend_from_slice(plain);
    if let Some(octets) = packet.get_mut(2..4) {
        octets.copy_from_slice(&sequence.to_be_bytes());
    }
}

fn key(suite: Suite) -> MasterKey {
    let octets = vec![7; suite.key_length() + suite.salt_length()];
    MasterKey::new(suite, &octets).expect("the length is the suite's")
}
