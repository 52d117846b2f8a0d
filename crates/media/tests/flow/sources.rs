//! Whose packets are taken: addresses, keys, RTCP and key presses.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::codec::Codec;
use media::dtmf::Key;
use media::receive::{Received, Receiver, Rejection};
use media::rtcp::Report;
use media::sample::SampleRate;
use media::send::Sender;
use media::srtp::{MasterKey, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::line::{FRAME, receiver, sender, talker};

const FIRST: Received = Received::Accepted { first: true };
const FURTHER: Received = Received::Accepted { first: false };

#[test]
fn plain_packets_are_taken_from_the_first_source_only() {
    let mut pair = Pair::new(None);

    let (one, other) = (address(1), address(2));

    assert_eq!(pair.send_from(one), FIRST);
    assert_eq!(
        pair.send_from(other),
        Received::Rejected(Rejection::ForeignSource)
    );
    assert_eq!(pair.send_from(one), FURTHER);
    assert_eq!(pair.receiver.destination(), one);
    assert_eq!(pair.receiver.statistics().rejected.foreign_source, 1);
}

#[test]
fn a_released_plain_source_may_be_another_one() {
    let mut pair = Pair::new(None);
    pair.send_from(address(1));

    pair.receiver.release_source();

    assert_eq!(pair.receiver.destination(), talker());
    assert_eq!(pair.send_from(address(2)), FURTHER);
    assert_eq!(pair.receiver.destination(), address(2));
}

#[test]
fn what_is_no_rtp_does_not_fix_the_source() {
    let mut pair = Pair::new(None);

    let received = pair.receiver.handle_packet(pair.now, address(3), &mut [0x80; 9]);

    assert_eq!(received, Received::Rejected(Rejection::Malformed));
    assert_eq!(pair.send_from(address(1)), FIRST);
}

#[test]
fn an_authenticated_peer_is_followed_when_its_address_changes() {
    let mut pair = Pair::new(Some(key(1)));

    assert_eq!(pair.send_from(address(1)), FIRST);
    assert_eq!(pair.send_from(address(2)), FURTHER);

    assert_eq!(pair.receiver.destination(), address(2));
}

#[test]
fn an_overtaken_packet_does_not_lead_back_to_the_former_address() {
    let mut pair = Pair::new(Some(key(1)));
    pair.send_from(address(1));
    let mut overtaken = pair.packet();
    pair.send_from(address(2));

    assert_eq!(
        pair.receiver.handle_packet(pair.now, address(1), &mut overtaken),
        FURTHER
    );

    assert_eq!(pair.receiver.destination(), address(2));
}

#[test]
fn a_wrong_key_and_a_replay_are_refused_and_move_nothing() {
    let mut pair = Pair::new(Some(key(1)));
    let mut forger = sender(Codec::Pcmu, Some(key(2)), 1);
    let mut packet = pair.packet();
    let mut replay = packet.clone();
    let mut forged = Vec::new();
    forger.packetize(pair.now, &[0; 160], &mut forged).unwrap();
    let unauthenticated = Received::Rejected(Rejection::Unauthenticated);

    assert_eq!(
        pair.receiver.handle_packet(pair.now, address(1), &mut packet),
        FIRST
    );
    assert_eq!(
        pair.receiver.handle_packet(pair.now, address(2), &mut replay),
        unauthenticated
    );
    assert_eq!(
        pair.receiver.handle_packet(pair.now, address(3), &mut forged),
        unauthenticated
    );

    assert_eq!(pair.receiver.destination(), address(1));
    assert_eq!(pair.receiver.statistics().rejected.unauthenticated, 2);
}

#[test]
fn the_rollover_of_the_sequence_number_is_not_heard() {
    let mut pair = Pair::new(Some(key(1)));

    for _ in 0..70_000 {
        assert!(matches!(pair.send_from(address(1)), Received::Accepted { .. }));
        pair.receiver.pull(pair.now, &mut [0; 160]);
        pair.now += FRAME;
    }

    let statistics = pair.receiver.statistics();
    assert_eq!(
        (statistics.packets, statistics.lost, statistics.concealed_samples),
        (70_000, 0, 0)
    );
}

#[test]
fn a_goodbye_ends_nothing() {
    let mut pair = Pair::new(None);
    pair.send_from(address(1));
    let mut goodbye = Vec::new();
    let report = Report {
        ssrc: 1,
        sender: None,
        receptions: &[],
        canonical_name: "x",
        goodbye: true,
    };
    report.write_to(&mut goodbye).unwrap();

    let of_a_stranger = pair
        .receiver
        .handle_packet(pair.now, address(9), &mut goodbye.clone());
    let of_the_peer = pair.receiver.handle_packet(pair.now, address(1), &mut goodbye);

    assert_eq!(of_a_stranger, Received::Rejected(Rejection::ForeignSource));
    assert_eq!(of_the_peer, Received::Consumed);
    assert_eq!(pair.send_from(address(1)), FURTHER);
}

#[test]
fn malformed_rtcp_is_refused() {
    let mut pair = Pair::new(None);

    let received = pair
        .receiver
        .handle_packet(pair.now, address(1), &mut [0x80, 200, 0xff, 0xff, 0, 0]);

    assert_eq!(received, Received::Rejected(Rejection::Malformed));
}

#[test]
fn reports_tell_each_side_how_it_is_received() {
    let mut pair = Pair::new(Some(key(1)));
    let mut back = sender(Codec::Pcmu, Some(key(3)), 5);
    let mut home = receiver(Codec::Pcmu, Some(key(3)), SampleRate::Hz8000);
    for number in 0..100 {
        let mut packet = pair.packet();
        if number % 4 != 1 {
            pair.receiver.handle_packet(pair.now, address(1), &mut packet);
        }
        pair.now += FRAME;
    }
    let mut report = Vec::new();

    let reception = pair.receiver.reception(pair.now);
    back.report(pair.now, reception, &mut report).unwrap();
    let received = home.handle_packet(pair.now, talker(), &mut report);

    assert_eq!(received, Received::Consumed);
    let told = home.told_reception().unwrap();
    assert_eq!(
        (told.ssrc, told.cumulative_lost, told.fraction_lost),
        (pair.sender.ssrc(), 25, 64)
    );
    // The share counts from report to report.
    pair.send_from(address(1));
    let further = pair.receiver.reception(pair.now).unwrap();
    assert_eq!((further.cumulative_lost, further.fraction_lost), (25, 0));
}

#[test]
fn a_key_press_is_told_once_even_if_packets_of_it_are_lost() {
    let mut pair = Pair::new(None);
    pair.send_from(address(1));

    for character in ['5', '5', '#'] {
        let key = Key::from_char(character).unwrap();
        assert!(pair.sender.press(key, Duration::from_millis(100)));
        assert!(
            !pair.sender.press(key, Duration::from_millis(100)),
            "one key at a time"
        );
        let mut told = Vec::new();
        let mut packets = 0;
        while pair.sender.is_pressing() {
            let mut packet = pair.packet();
            if packets != 0 {
                told.push(pair.receiver.handle_packet(pair.now, address(1), &mut packet));
            }
            packets += 1;
            pair.now += FRAME;
        }
        assert_eq!(packets, 7, "five of 20 ms, and the last one three times");
        assert_eq!(told[0], Received::Key(key));
        assert!(told[1..].iter().all(|received| *received == Received::Consumed));
    }
    assert_eq!(pair.send_from(address(1)), FURTHER);
}

#[test]
fn a_key_press_from_elsewhere_is_refused() {
    let mut pair = Pair::new(None);
    pair.send_from(address(1));
    pair.sender.press(Key::from_char('1').unwrap(), Duration::ZERO);

    assert_eq!(
        pair.send_from(address(2)),
        Received::Rejected(Rejection::ForeignSource)
    );
}

#[test]
fn keepalives_open_the_way_and_carry_silence() {
    let mut pair = Pair::new(Some(key(1)));
    let mut packet = Vec::new();

    for _ in 0..3 {
        pair.sender.keepalive(pair.now, &mut packet).unwrap();
        let received = pair.receiver.handle_packet(pair.now, address(1), &mut packet);
        assert!(matches!(received, Received::Accepted { .. }));
        for _ in 0..500 {
            pair.now += FRAME;
            pair.receiver.pull(pair.now, &mut [0; 160]);
        }
    }

    assert_eq!(pair.receiver.statistics().packets, 3);
    assert_eq!(pair.receiver.statistics().lost, 0);
}

#[test]
fn a_renegotiated_key_applies_and_the_timeline_goes_on() {
    let mut pair = Pair::new(Some(key(1)));
    pair.send_from(address(1));
    let config = media::receive::ReceiverConfig {
        remote: talker(),
        formats: vec![(0, Codec::Pcmu)],
        telephone_event: None,
        key: Some(key(2)),
        output_rate: SampleRate::Hz8000,
    };

    pair.receiver.renegotiate(&config);

    assert_eq!(
        pair.send_from(address(1)),
        Received::Rejected(Rejection::Unauthenticated)
    );
    pair.sender = sender(Codec::Pcmu, Some(key(2)), 4);
    assert_eq!(pair.send_from(address(1)), FURTHER);
    assert_eq!(pair.receiver.statistics().packets, 2);
}

struct Pair {
    now: Instant,
    sender: Sender,
    receiver: Receiver,
}

impl Pair {
    fn new(key: Option<MasterKey>) -> Pair {
        Pair {
            now: Instant::now(),
            sender: sender(Codec::Pcmu, key.clone(), 1),
            receiver: receiver(Codec::Pcmu, key, SampleRate::Hz8000),
        }
    }

    fn packet(&mut self) -> Vec<u8> {
        let mut packet = Vec::new();
        self.sender
            .packetize(self.now, &[1_000; 160], &mut packet)
            .unwrap();
        packet
    }

    fn send_from(&mut self, source: SocketAddr) -> Received {
        let mut packet = self.packet();
        self.receiver.handle_packet(self.now, source, &mut packet)
    }
}

fn key(seed: u8) -> MasterKey {
    MasterKey::generate(
        Suite::AesCm128HmacSha1_80,
        &mut ChaCha20Rng::from_seed([seed; 32]),
    )
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, host], 6_000))
}
