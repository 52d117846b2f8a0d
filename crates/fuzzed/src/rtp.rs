//! RTP packets, read and played.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use media::codec::Codec;
use media::dtmf::TelephoneEvent;
use media::receive::{Receiver, ReceiverConfig};
use media::rtp::{FIXED_HEADER_LENGTH, PAYLOAD_TYPE_MAX, Packet};
use media::sample::SampleRate;

/// Packets of one run, each made of the octets with another sequence number and time.
const REPETITIONS: u16 = 3;

/// Reads a packet, writes it anew, and plays it.
///
/// # Panics
/// If the parts of a packet do not add up to it, a packet written from them reads differently, or the receiving end of
/// a leg plays more than it was asked for.
pub fn rtp(data: &[u8]) {
    if let Some(event) = TelephoneEvent::parse(data) {
        assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
    }
    if let Ok(packet) = Packet::parse(data) {
        check(data, &packet);
    }
    play(data);
}

fn check(data: &[u8], packet: &Packet<'_>) {
    let header = packet.header();
    let payload = packet.payload();
    assert!(header.payload_type <= PAYLOAD_TYPE_MAX);
    let sources: Vec<_> = packet.contributing_sources().collect();
    assert!(sources.len() <= 15);
    let extension_length = packet.extension().map_or(0, |(_, octets)| {
        assert_eq!(octets.len() % 4, 0);
        4 + octets.len()
    });
    let front = FIXED_HEADER_LENGTH + 4 * sources.len() + extension_length;
    let behind = data.get(front..).expect("the header lies within the packet");
    let padding = behind
        .strip_prefix(payload)
        .expect("the payload follows the header");
    let is_padded = data.first().is_some_and(|first| first & 0x20 != 0);
    assert_eq!(is_padded, !padding.is_empty());
    if let Some(last) = padding.last() {
        assert_eq!(usize::from(*last), padding.len());
    }
    let mut written = header.to_bytes().to_vec();
    written.extend_from_slice(payload);
    let again = Packet::parse(&written).expect("a packet that was written can be read");
    assert_eq!(again.header(), header);
    assert_eq!(again.payload(), payload);
    assert_eq!(again.extension(), None);
}

fn play(data: &[u8]) {
    let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 4_000);
    let mut receiver = Receiver::new(&ReceiverConfig {
        remote,
        formats: vec![
            (0, Codec::Pcmu),
            (8, Codec::Pcma),
            (9, Codec::G722),
            (96, Codec::Opus),
        ],
        telephone_event: Some(101),
        key: None,
        output_rate: SampleRate::Hz48000,
    });
    let mut now = Instant::now();
    let mut sound = [0; 960];
    for step in 0..REPETITIONS {
        let mut packet = data.to_vec();
        advance(&mut packet, step);
        receiver.handle_packet(now, remote, &mut packet);
        let pulled = receiver.pull(now, &mut sound);
        assert!(pulled.page_samples <= sound.len() && pulled.concealed <= sound.len());
        now += Duration::from_millis(20);
    }
    receiver.reception(now);
    let statistics = receiver.statistics();
    assert!(statistics.packets <= u64::from(REPETITIONS));
    assert!(statistics.played_samples <= u64::from(REPETITIONS) * 960);
}

/// Makes the packet the one `step` places later in its stream, 20 ms of telephone sound each.
fn advance(packet: &mut [u8], step: u16) {
    if let Some([_, _, q0, q1, t0, t1, t2, t3]) = packet.first_chunk_mut::<8>() {
        [*q0, *q1] = u16::from_be_bytes([*q0, *q1]).wrapping_add(step).to_be_bytes();
        let timestamp = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
        let later = timestamp.wrapping_add(160 * u32::from(step)).to_be_bytes();
        [*t0, *t1, *t2, *t3] = later;
    }
}
