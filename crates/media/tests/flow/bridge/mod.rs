//! Bridges: who hears whom, from when on, and under which numbers.

mod prompts;
mod reports;

use std::time::Duration;

use media::bridge::{BACKLOG_TIME_MAX, BridgeId, Event, LEGS_MAX, LegId, Refusal, Role};
use media::codec::{Codec, Decoder};
use media::dtmf::Key;
use media::rtp::Header;
use media::sdp::Direction;

use crate::line::FRAME;
use crate::site::{BRIDGE, LISTENER, Peer, Site, TALKER, address};
use crate::speech::{lag, signal_to_noise, speech};

#[test]
fn each_listener_gets_every_packet_under_its_own_names() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut one = site.peer(LISTENER, Codec::Pcmu);
    let mut two = site.plain_peer(LegId(3), Codec::Pcmu);
    site.connect(&one, Role::Listener);
    site.connect(&talker, Role::Talker);
    site.connect(&two, Role::Listener);

    site.say_all(&mut talker, &speech(8_000, 1_600), &mut [&mut one, &mut two]);

    for peer in [&one, &two] {
        assert_eq!(peer.sequence_steps(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(
            peer.timestamp_steps(),
            [0, 160, 320, 480, 640, 800, 960, 1_120, 1_280, 1_440]
        );
        assert!(peer.headers()[0].marker);
        assert!(
            peer.headers()[1..]
                .iter()
                .all(|header| !header.marker && header.payload_type == 0)
        );
    }
    assert_eq!(one.payloads(), two.payloads());
    let ssrc = |peer: &Peer| peer.headers()[0].ssrc;
    assert_ne!(ssrc(&one), ssrc(&two));
    assert_ne!(ssrc(&one), talker.sender.ssrc());
}

#[test]
fn a_gap_in_the_talkers_packets_stays_a_gap() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    let mut lost = Vec::new();

    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);
    talker.sender.packetize(site.now, &[0; 160], &mut lost).unwrap();
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 3, 4]);
    assert_eq!(listener.timestamp_steps(), [0, 160, 480, 640]);
    site.close(TALKER);
    let statistics = closed(&mut site, TALKER);
    assert_eq!((statistics.received, statistics.lost), (4, 1));
}

#[test]
fn a_listener_who_joins_within_the_backlog_gets_everything() {
    for (late, expected) in [(Duration::ZERO, 101), (Duration::from_millis(1), 0)] {
        let mut site = Site::new();
        let mut talker = site.peer(TALKER, Codec::Pcmu);
        let mut listener = site.peer(LISTENER, Codec::Pcmu);
        site.connect(&talker, Role::Talker);
        let frames = usize::try_from(BACKLOG_TIME_MAX.as_millis() / FRAME.as_millis()).unwrap();
        site.say_all(&mut talker, &vec![0; frames * 160], &mut []);
        site.say(&mut talker, &[0; 160]);

        site.pass(late);
        site.connect(&listener, Role::Listener);
        site.deliver(&mut [&mut listener]);

        assert_eq!(listener.packets.len(), expected, "{late:?} too late");
    }
}

#[test]
fn a_listener_who_joins_later_hears_what_follows() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.say_all(&mut talker, &vec![0; 200 * 160], &mut []);

    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 480], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 2]);
    assert!(listener.headers()[0].marker);
}

#[test]
fn codecs_are_translated_with_their_quality() {
    for (from, to, expected) in [
        (Codec::Pcmu, Codec::Pcma, 30.0),
        (Codec::Pcma, Codec::Opus, 8.0),
        (Codec::Opus, Codec::Pcmu, 8.0),
        (Codec::G722, Codec::Pcmu, 10.0),
        (Codec::Opus, Codec::G722, 10.0),
    ] {
        let mut site = Site::new();
        let mut talker = site.peer(TALKER, from);
        let mut listener = site.peer(LISTENER, to);
        site.connect(&talker, Role::Talker);
        site.connect(&listener, Role::Listener);

        let rate = |codec: Codec| codec.sample_rate().hertz();
        let said = speech(rate(from), 5 * rate(from) as usize);
        site.say_all(&mut talker, &said, &mut [&mut listener]);

        let mut heard = Vec::new();
        let mut decoder = Decoder::new(to).unwrap();
        listener
            .payloads()
            .iter()
            .for_each(|payload| decoder.decode(payload, &mut heard).unwrap());
        let wanted = speech(rate(to), 5 * rate(to) as usize);
        let lag = lag(&wanted[..wanted.len() / 4], &heard, 3_000);
        let length = wanted.len() - 4_000;
        let quality = signal_to_noise(&wanted[..length], &heard[lag..]);
        assert!(quality > expected, "{from:?} to {to:?}: {quality:.1} dB");
        assert_eq!(listener.sequence_steps(), (0..250).collect::<Vec<_>>());
    }
}

#[test]
fn one_encoding_serves_all_who_need_it() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut one = site.peer(LISTENER, Codec::Opus);
    let mut two = site.peer(LegId(3), Codec::Opus);
    site.connect(&talker, Role::Talker);
    site.connect(&one, Role::Listener);
    site.connect(&two, Role::Listener);

    site.say_all(&mut talker, &speech(8_000, 8_000), &mut [&mut one, &mut two]);

    assert_eq!(one.payloads().len(), 50);
    // An encoder has state: only one that was fed once gives the same octets to both.
    assert_eq!(one.payloads(), two.payloads());
}

#[test]
fn a_late_listener_with_another_codec_gets_the_backlog_too() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcma);
    site.connect(&talker, Role::Talker);
    site.say_all(&mut talker, &speech(8_000, 8_000), &mut []);

    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &speech(8_000, 8_000), &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), (0..100).collect::<Vec<_>>());
}

#[test]
fn another_packet_time_is_cut_anew() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    listener.zone_side.ptime = Duration::from_millis(30);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);

    site.say_all(&mut talker, &speech(8_000, 6 * 160), &mut [&mut listener]);

    assert_eq!(listener.timestamp_steps(), [0, 240, 480, 720]);
    assert!(listener.payloads().iter().all(|payload| payload.len() == 240));
}

#[test]
fn a_short_loss_is_concealed_before_translation_and_a_long_one_stays_a_gap() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcma);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    let lose = |site: &mut Site, talker: &mut Peer, count: u32| {
        for _ in 0..count {
            talker
                .sender
                .packetize(site.now, &[0; 160], &mut Vec::new())
                .unwrap();
            site.pass(FRAME);
        }
    };

    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);
    lose(&mut site, &mut talker, 3);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);
    lose(&mut site, &mut talker, 4);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 2, 3, 4, 5, 6, 11, 12]);
    assert_eq!(listener.timestamp_steps()[7], 11 * 160);
}

#[test]
fn two_legs_hear_each_other() {
    let mut site = Site::new();
    let mut alice = site.peer(TALKER, Codec::Pcmu);
    let mut bob = site.peer(LISTENER, Codec::Opus);
    site.connect(&alice, Role::Both);
    site.connect(&bob, Role::Both);

    for _ in 0..10 {
        site.say(&mut alice, &[1_000; 160]);
        site.say(&mut bob, &[1_000; 960]);
        site.deliver(&mut [&mut alice, &mut bob]);
        site.pass(FRAME);
    }

    assert_eq!((alice.packets.len(), bob.packets.len()), (10, 10));
    assert!(alice.payloads().iter().all(|payload| payload.len() == 160));
}

#[test]
fn a_key_pressed_in_a_call_is_told_and_passed_on() {
    let mut site = Site::new();
    let mut alice = site.peer(TALKER, Codec::Pcmu);
    let mut bob = site.peer(LISTENER, Codec::Opus);
    site.connect(&alice, Role::Both);
    site.connect(&bob, Role::Both);
    let key = Key::from_char('7').unwrap();

    alice.sender.press(key, Duration::from_millis(60));
    site.say_all(&mut alice, &[0; 5 * 160], &mut [&mut bob]);

    let told: Vec<_> = site
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Key { .. }))
        .collect();
    assert_eq!(told, [Event::Key { leg: TALKER, key }]);
    let payload_types: Vec<u8> = bob.headers().iter().map(|header| header.payload_type).collect();
    assert_eq!(payload_types, [101; 5]);
    // 60 ms are 480 units of Alice's clock and 2,880 of Bob's.
    assert_eq!(bob.payloads()[4], [7, 0x8a, 0x0b, 0x40]);
    assert_eq!(bob.timestamp_steps(), [0; 5]);
}

#[test]
fn what_a_listener_says_is_heard_by_nobody() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut one = site.peer(LISTENER, Codec::Pcmu);
    let mut two = site.peer(LegId(3), Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&one, Role::Listener);
    site.connect(&two, Role::Listener);

    site.say(&mut one, &[0; 160]);

    assert!(site.deliver(&mut [&mut talker, &mut one, &mut two]).is_empty());
}

#[test]
fn a_listener_behind_nat_gets_the_beginning_at_its_real_address() {
    for plain in [false, true] {
        let mut site = Site::new();
        let mut talker = site.peer(TALKER, Codec::Pcmu);
        let mut listener = if plain {
            site.plain_peer(LISTENER, Codec::Pcmu)
        } else {
            site.peer(LISTENER, Codec::Pcmu)
        };
        site.connect(&talker, Role::Talker);
        site.connect(&listener, Role::Listener);
        listener.address = "203.0.113.9:40000".parse().unwrap();

        site.say_all(&mut talker, &[0; 1_600], &mut [&mut listener]);
        assert_eq!(
            listener.packets.len(),
            0,
            "the signalled address is not the real one"
        );
        site.say(&mut listener, &[0; 160]);
        site.say_all(&mut talker, &[0; 1_600], &mut [&mut listener]);

        assert_eq!(
            listener.timestamp_steps(),
            (0..20).map(|n| n * 160).collect::<Vec<_>>()
        );
        assert_eq!(listener.sequence_steps(), (0..20).collect::<Vec<_>>());
        assert!(listener.headers()[0].marker);
    }
}

#[test]
fn a_listener_who_moves_to_and_fro_gets_the_beginning_once_more_and_not_again() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 1_600], &mut []);

    let mut sent = 0;
    for port in 1..=20 {
        listener.address.set_port(port);
        site.say(&mut listener, &[0; 160]);
        sent += site.deliver(&mut [&mut listener]).len();
    }

    assert_eq!(sent, 10);
}

#[test]
fn a_listener_who_moves_later_only_gets_what_follows_at_its_new_address() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &vec![0; 150 * 160], &mut [&mut listener]);

    listener.address.set_port(1);
    site.say(&mut listener, &[0; 160]);
    site.say_all(&mut talker, &[0; 160], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), (0..151).collect::<Vec<_>>());
}

#[test]
fn key_presses_that_nobody_takes_do_not_pile_up() {
    let mut site = Site::new();
    let talker = site.plain_peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);

    for number in 0..3_000_u16 {
        let timestamp = u32::from(number) * 160;
        let header = Header {
            marker: true,
            payload_type: 101,
            sequence: number,
            timestamp,
            ssrc: 1,
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(&[1, 10, 0, 160]);
        site.plane
            .handle_packet(site.now, TALKER, talker.address, &mut packet);
    }

    assert_eq!(site.events().len(), 1_024);
}

#[test]
fn packets_from_a_third_address_are_counted_and_change_nothing() {
    let mut site = Site::new();
    let mut talker = site.plain_peer(TALKER, Codec::Pcmu);
    let mut listener = site.plain_peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say(&mut talker, &[0; 160]);
    site.say(&mut listener, &[0; 160]);
    let third = address(LegId(99));
    let mut packet = Vec::new();

    talker.sender.packetize(site.now, &[0; 160], &mut packet).unwrap();
    site.plane
        .handle_packet(site.now, TALKER, third, &mut packet.clone());
    site.plane.handle_packet(site.now, LISTENER, third, &mut packet);

    let transmits = site.deliver(&mut [&mut listener]);
    assert_eq!(transmits.len(), 1);
    assert!(transmits.iter().all(|transmit| transmit.to == listener.address));
    for leg in [TALKER, LISTENER] {
        assert_eq!(site.plane.statistics(leg).unwrap().rejected.foreign_source, 1);
    }
}

#[test]
fn a_leg_on_hold_hears_nothing_and_then_what_follows() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    listener.zone_side.direction = Direction::Inactive;
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);
    listener.zone_side.direction = Direction::SendOnly;
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 4, 5]);
    assert_eq!(listener.timestamp_steps(), [0, 160, 640, 800]);
}

#[test]
fn a_renegotiated_codec_applies_to_what_follows() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    listener.zone_side.codec = Codec::Opus;
    listener.zone_side.send_payload_type = 111;
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    let headers = listener.headers();
    let payload_types: Vec<u8> = headers.iter().map(|header| header.payload_type).collect();
    assert_eq!(payload_types, [0, 0, 111, 111]);
    assert_eq!(headers[3].timestamp.wrapping_sub(headers[2].timestamp), 960);
    assert_ne!(
        headers[2].ssrc, headers[1].ssrc,
        "another clock is another stream"
    );
}

#[test]
fn a_talker_who_changes_its_codec_is_still_heard() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    let mut changed = site.peer(TALKER, Codec::Opus);
    site.connect(&changed, Role::Talker);
    site.say_all(&mut changed, &[0; 1_920], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 2, 3]);
    assert!(listener.payloads().iter().all(|payload| payload.len() == 160));
}

#[test]
fn what_a_talker_on_hold_sends_is_not_forwarded() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    talker.zone_side.direction = Direction::SendOnly;
    site.connect(&talker, Role::Talker);
    site.connect(&listener, Role::Listener);

    site.say_all(&mut talker, &[0; 320], &mut [&mut listener]);

    assert_eq!(listener.packets.len(), 0);
}

#[test]
fn a_second_talker_takes_over_once_the_first_is_gone() {
    let mut site = Site::new();
    let mut first = site.peer(TALKER, Codec::Pcmu);
    let mut second = site.peer(LegId(3), Codec::Pcma);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&first, Role::Talker);
    site.connect(&listener, Role::Listener);
    site.say_all(&mut first, &[0; 320], &mut [&mut listener]);

    site.connect(&second, Role::Talker);
    let refused = Event::Refused {
        leg: LegId(3),
        refusal: Refusal::Occupied,
    };
    assert!(site.events().contains(&refused));
    site.close(TALKER);
    site.connect(&second, Role::Talker);
    site.say_all(&mut second, &[0; 320], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 2, 3]);
    assert_eq!(
        listener
            .headers()
            .iter()
            .map(|header| header.marker)
            .collect::<Vec<_>>(),
        [true, false, true, false]
    );
}

#[test]
fn a_bridge_has_room_for_two_who_talk_to_each_other() {
    let mut site = Site::new();
    let legs = [LegId(11), LegId(12), LegId(13)];
    for leg in legs {
        let peer = site.peer(leg, Codec::Pcmu);
        site.connect(&peer, Role::Both);
    }

    assert_eq!(
        site.events(),
        [Event::Refused {
            leg: legs[2],
            refusal: Refusal::Occupied
        }]
    );
}

#[test]
fn a_leg_that_was_not_opened_is_refused() {
    let mut site = Site::new();
    let peer = site.peer(TALKER, Codec::Pcmu);

    site.connect_to(&peer, BRIDGE, Role::Talker);
    site.close(TALKER);

    let refused = Event::Refused {
        leg: TALKER,
        refusal: Refusal::UnknownLeg,
    };
    assert_eq!(site.events(), [refused, refused]);
}

#[test]
fn a_plane_holds_as_many_legs_as_its_limit_and_no_more() {
    let mut site = Site::new();
    let open = |site: &mut Site, number: usize| {
        let leg = LegId(u64::try_from(number).unwrap());
        site.plane.handle_opened(leg);
        site.events()
    };

    for number in 0..LEGS_MAX {
        assert_eq!(open(&mut site, number), []);
    }

    let refused = Event::Refused {
        leg: LegId(20_000),
        refusal: Refusal::TooManyLegs,
    };
    assert_eq!(open(&mut site, LEGS_MAX), [refused]);
    site.close(LegId(5));
    site.events();
    assert_eq!(open(&mut site, LEGS_MAX), []);
}

#[test]
fn a_leg_can_move_to_another_bridge() {
    let mut site = Site::new();
    let other = BridgeId(8);
    let mut one = site.peer(TALKER, Codec::Pcmu);
    let mut two = site.peer(LegId(3), Codec::Pcmu);
    let mut listener = site.peer(LISTENER, Codec::Pcmu);
    site.connect(&one, Role::Talker);
    site.connect(&two, Role::Listener);
    site.connect_to(&two, other, Role::Talker);
    site.connect(&listener, Role::Listener);

    site.say_all(&mut one, &[0; 160], &mut [&mut listener]);
    site.connect_to(&listener, other, Role::Listener);
    site.say_all(&mut one, &[0; 160], &mut [&mut listener]);
    site.say_all(&mut two, &[0; 320], &mut [&mut listener]);

    assert_eq!(listener.sequence_steps(), [0, 1, 2]);
    let markers: Vec<bool> = listener.headers().iter().map(|header| header.marker).collect();
    assert_eq!(markers, [true, true, false]);
}

#[test]
fn a_leg_that_moves_does_not_take_old_packets_again() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    let mut packet = Vec::new();
    talker.sender.packetize(site.now, &[0; 160], &mut packet).unwrap();
    site.plane
        .handle_packet(site.now, TALKER, talker.address, &mut packet.clone());

    site.connect_to(&talker, BridgeId(8), Role::Both);
    site.plane
        .handle_packet(site.now, TALKER, talker.address, &mut packet);

    assert_eq!(site.plane.statistics(TALKER).unwrap().rejected.unauthenticated, 1);
}

#[test]
fn a_thousand_listeners_get_every_packet() {
    let mut site = Site::new();
    let mut talker = site.peer(TALKER, Codec::Pcmu);
    site.connect(&talker, Role::Talker);
    for number in 0..1_000 {
        let mut listener = site.peer(LegId(100 + number), Codec::Pcmu);
        // No reports among what is sent.
        listener.zone_side.rtcp_mux = false;
        site.connect(&listener, Role::Listener);
    }

    for _ in 0..5 {
        site.say(&mut talker, &[0; 160]);
        let mut legs: Vec<u64> = site
            .deliver(&mut [])
            .iter()
            .map(|transmit| transmit.leg.0)
            .collect();
        legs.sort_unstable();
        assert!(legs.iter().copied().eq(100..1_100), "{} packets", legs.len());
        site.pass(FRAME / 10);
    }
}

fn closed(site: &mut Site, wanted: LegId) -> media::bridge::LegStatistics {
    let found = site.events().into_iter().find_map(|event| match event {
        Event::Closed { leg, statistics } if leg == wanted => Some(statistics),
        _ => None,
    });
    found.unwrap()
}
