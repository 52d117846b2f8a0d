//! Whatever arrives, in whatever order: nothing panics, and nothing grows beyond its limits.

use std::time::Duration;

use media::bridge::{BridgeId, LegId, Role};
use media::codec::Codec;
use media::receive::BUFFERED_TIME_MAX;
use media::rtp::Header;
use media::sample::SampleRate;
use proptest::prelude::*;

use crate::line::{payload_type, receiver, talker};
use crate::site::{Site, address};

/// One thing that happens to a receiver.
#[derive(Debug, Clone)]
enum Step {
    Packet {
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        ssrc: u8,
        payload: Vec<u8>,
    },
    /// The packet that would follow the one before.
    Next {
        payload: Vec<u8>,
    },
    Noise(Vec<u8>),
    Wait {
        milliseconds: u16,
    },
    Pull {
        samples: usize,
    },
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_packets_upset_a_receiver(
        steps in prop::collection::vec(step(), 1..200),
        codec in prop::sample::select(&Codec::ALL[..]),
        rate in prop::sample::select(&[SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz48000][..]),
    ) {
        let mut receiver = receiver(codec, None, rate);
        let mut now = std::time::Instant::now();
        let mut last = Header { marker: false, payload_type: payload_type(codec), sequence: 0, timestamp: 0, ssrc: 1 };
        let mut out = vec![0; 4_800];

        for step in steps {
            match step {
                Step::Packet { payload_type, sequence, timestamp, ssrc, payload } => {
                    last = Header { marker: false, payload_type, sequence, timestamp, ssrc: u32::from(ssrc) };
                    receiver.handle_packet(now, talker(), &mut datagram(last, &payload));
                }
                Step::Next { payload } => {
                    let samples = codec.payload_samples(&payload).unwrap_or(0) as u32;
                    last.payload_type = payload_type(codec);
                    last.sequence = last.sequence.wrapping_add(1);
                    last.timestamp = last.timestamp.wrapping_add(samples);
                    receiver.handle_packet(now, talker(), &mut datagram(last, &payload));
                }
                Step::Noise(mut bytes) => {
                    receiver.handle_packet(now, talker(), &mut bytes);
                }
                Step::Wait { milliseconds } => now += Duration::from_millis(u64::from(milliseconds)),
                Step::Pull { samples } => {
                    receiver.pull(now, &mut out[..samples]);
                }
            }
            let statistics = receiver.statistics();
            // A packet of up to 200 ms is decoded already.
            prop_assert!(statistics.buffered <= BUFFERED_TIME_MAX + Duration::from_millis(200));
            prop_assert!(statistics.concealed_samples <= statistics.played_samples);
        }
    }

    #[test]
    fn no_commands_and_packets_upset_a_plane(
        steps in prop::collection::vec((0_u64..6, 0_u8..9, any::<u16>(), any::<u32>(), 0_u64..3), 1..300),
    ) {
        let mut site = Site::new();
        let mut peers: Vec<_> = (0..6)
            .map(|number| site.plain_peer(LegId(number), Codec::ALL[number as usize % 3]))
            .collect();

        for (number, action, sequence, timestamp, bridge) in steps {
            let peer = &mut peers[number as usize];
            match action {
                0 => site.plane.handle_opened(peer.leg),
                1 => site.connect_to(peer, BridgeId(bridge), Role::Talker),
                2 => site.connect_to(peer, BridgeId(bridge), Role::Listener),
                3 => site.connect_to(peer, BridgeId(bridge), Role::Both),
                4 => site.close(peer.leg),
                5 => site.pass(Duration::from_millis(u64::from(sequence))),
                6 => {
                    let payload_type = peer.zone_side.receive_payload_type;
                    let header = Header { marker: false, payload_type, sequence, timestamp, ssrc: 1 };
                    site.plane.handle_packet(site.now, peer.leg, peer.address, &mut datagram(header, &[0x78; 80]));
                }
                _ => {
                    let frame = vec![100; peer.sender.frame_samples()];
                    site.say(peer, &frame);
                }
            }
            // Each packet reaches each of the others at most once, and so does each report.
            let transmits = site.deliver(&mut []);
            prop_assert!(transmits.len() <= 6 * 500, "{}", transmits.len());
            for transmit in transmits {
                prop_assert_eq!(transmit.to, address(transmit.leg));
            }
        }
        for peer in &peers {
            site.close(peer.leg);
        }
        prop_assert!(site.deliver(&mut []).is_empty());
        prop_assert_eq!(site.plane.next_timeout(), None);
    }
}

fn step() -> impl Strategy<Value = Step> {
    let payload = || {
        prop_oneof![
            3 => Just(vec![0x55; 160]),
            1 => prop::collection::vec(any::<u8>(), 0..1_000),
            1 => prop::collection::vec(any::<u8>(), 0..8),
        ]
    };
    prop_oneof![
        2 => (prop::sample::select(&[0_u8, 8, 13, 101, 111][..]), any::<u16>(), any::<u32>(), 0_u8..3, payload())
            .prop_map(|(payload_type, sequence, timestamp, ssrc, payload)| {
                Step::Packet { payload_type, sequence, timestamp, ssrc, payload }
            }),
        8 => payload().prop_map(|payload| Step::Next { payload }),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(Step::Noise),
        2 => (0_u16..60).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => (0_u16..20_000).prop_map(|milliseconds| Step::Wait { milliseconds }),
        6 => (0_usize..=4_800).prop_map(|samples| Step::Pull { samples }),
    ]
}

fn datagram(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut datagram = header.to_bytes().to_vec();
    datagram.extend_from_slice(payload);
    datagram
}
