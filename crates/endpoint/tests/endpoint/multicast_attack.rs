//! What anybody in the network can send to a zone: garbage, floods, other streams, replays.

use std::time::Duration;

use endpoint::{Input, OPENINGS_MAX, SHUT_OUT_MAX, STREAM_SILENCE};
use media::codec::Codec;
use model::config::{MulticastMode, ZoneNumber};
use model::status::StopReason;

use crate::multicast::{LONGEST, OTHER, SENDER, Speaker, heard, is_loud, receiver, speak};
use crate::world::{TICK, World, address};

const HALF_A_SECOND: Duration = Duration::from_millis(500);
const MILLISECOND: Duration = Duration::from_millis(1);

fn throw(world: &mut World, zone: u8, from: &str, bytes: &[u8]) {
    world.input(Input::Zone {
        zone: ZoneNumber::new(zone).unwrap(),
        from: address(from),
        bytes: bytes.to_vec(),
    });
}

/// A packet of G.711 with fields of one's own.
fn packet(payload_type: u8, sequence: u16, ssrc: u32, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 160).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.resize(bytes.len() + payload, 0x10);
    bytes
}

#[test]
fn m03_garbage_starts_nothing_and_disturbs_nothing() {
    let mut world = World::sounding(receiver());
    let garbage: Vec<Vec<u8>> = vec![
        vec![],
        vec![0x80],
        vec![0xff; 1_500],
        b"OPTIONS sip:x SIP/2.0\r\n\r\n".to_vec(),
        packet(0, 1, 1, 0),
        // Longer than any packet of live speech.
        packet(0, 1, 1, 1_601),
        // Version 1, padding beyond the packet, an extension that is not there.
        [&[0x40, 0][..], &[0; 170]].concat(),
        [&[0xa0, 0][..], &[0xff; 170]].concat(),
        [&[0x90, 0][..], &[0; 10]].concat(),
        // Reports of RTCP.
        [&[0x80, 200, 0, 6][..], &[0; 24]].concat(),
        [&[0x81, 203, 0, 1][..], &[0; 4]].concat(),
    ];
    for bytes in &garbage {
        for _ in 0..3 {
            throw(&mut world, 1, SENDER, bytes);
        }
    }
    assert_eq!(heard(&world), None);
    assert_eq!(
        world.device.counters().multicast_unusable,
        3 * garbage.len() as u64
    );

    let status = world.device.status(world.now).multicast;
    assert_eq!((status.dropped_foreign, status.dropped_unusable), (0, 33));

    let mut speaker = Speaker::new(1, SENDER);
    for _ in 0..25 {
        speaker.speak_once(&mut world);
        for bytes in &garbage {
            throw(&mut world, 1, SENDER, bytes);
        }
        world.run_for(TICK);
    }
    let played = speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);
    assert!(is_loud(&played));
    assert_eq!(world.stops(), []);
}

#[test]
fn m03_only_the_payload_types_of_a_zone_are_played() {
    for payload_type in (0..=127).filter(|payload_type| ![0, 8, 9].contains(payload_type)) {
        let mut world = World::sounding(receiver());
        for sequence in 0..5 {
            throw(&mut world, 1, SENDER, &packet(payload_type, sequence, 7, 160));
        }
        assert_eq!(heard(&world), None, "{payload_type}");
    }
}

#[test]
fn m05_a_change_of_the_payload_type_in_mid_stream_is_followed_among_those_of_a_zone_and_ignored_otherwise() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

    let mut forged = speaker.packet(&world);
    forged[1] = 96;
    speaker.send(&mut world, forged);
    let mut other_law = speaker.packet(&world);
    other_law[1] = 8;
    speaker.send(&mut world, other_law);

    let stream = world.what_sounds().unwrap().multicast.unwrap();
    assert_eq!(stream.codec, model::status::MulticastCodec::Pcma);
    assert_eq!(world.device.counters().multicast_unusable, 1);
}

#[test]
fn m03_a_second_source_takes_nothing_over_and_is_heard_when_the_first_is_over() {
    let mut world = World::sounding(receiver());
    let (mut first, mut second) = (Speaker::new(1, SENDER), Speaker::new(1, OTHER));
    speak(&mut world, &mut [&mut first], HALF_A_SECOND);

    speak(&mut world, &mut [&mut first, &mut second], HALF_A_SECOND);
    assert!(heard(&world).unwrap().ends_with(SENDER));
    assert_eq!(world.device.counters().multicast_foreign, 25);

    // The first is silent for the limit, and the second goes on.
    speak(&mut world, &mut [&mut second], STREAM_SILENCE + TICK * 3);
    assert!(heard(&world).unwrap().ends_with(OTHER));
    assert_eq!(world.stops(), [StopReason::Ended]);
}

#[test]
fn m03_another_port_of_the_same_address_is_another_source() {
    let mut world = World::sounding(receiver());
    let mut first = Speaker::new(1, SENDER);
    let mut second = Speaker::new(1, "192.0.2.50:5006");
    speak(&mut world, &mut [&mut first], HALF_A_SECOND);
    speak(&mut world, &mut [&mut first, &mut second], HALF_A_SECOND);

    assert!(heard(&world).unwrap().ends_with(SENDER));
}

#[test]
fn m03_of_two_sources_at_once_one_is_heard() {
    let mut world = World::sounding(receiver());
    let (mut first, mut second) = (Speaker::new(1, SENDER), Speaker::new(1, OTHER));

    speak(&mut world, &mut [&mut first, &mut second], HALF_A_SECOND);

    assert!(heard(&world).unwrap().ends_with(SENDER));
    assert_eq!(world.stops(), []);
}

#[test]
fn m03_as_many_openings_as_the_limit_are_kept_and_not_one_more() {
    for (others, begins) in [(OPENINGS_MAX - 1, true), (OPENINGS_MAX, false)] {
        let mut world = World::sounding(receiver());
        let mut speaker = Speaker::new(1, SENDER);
        speaker.speak_once(&mut world);
        for other in 0..others {
            throw(&mut world, 1, OTHER, &packet(0, 500, other as u32, 160));
        }
        speaker.speak_once(&mut world);

        assert_eq!(heard(&world).is_some(), begins, "{others}");
    }
}

#[test]
fn m03_a_second_packet_begins_a_stream_as_far_behind_the_first_as_the_limit_and_no_farther() {
    const STEP_MAX: u16 = 5;
    for (step, begins) in [(0, false), (1, true), (STEP_MAX, true), (STEP_MAX + 1, false)] {
        let mut world = World::sounding(receiver());
        throw(&mut world, 1, SENDER, &packet(0, 65_535, 7, 160));
        throw(
            &mut world,
            1,
            SENDER,
            &packet(0, 65_535_u16.wrapping_add(step), 7, 160),
        );

        assert_eq!(heard(&world).is_some(), begins, "{step}");
    }
}

#[test]
fn m03_a_flood_of_ssrcs_starts_nothing_and_takes_nothing_over() {
    let mut world = World::sounding(receiver());
    for ssrc in 0..10_000 {
        throw(&mut world, 1, OTHER, &packet(0, 1, ssrc, 160));
    }
    assert_eq!(heard(&world), None);

    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);
    for ssrc in 0..10_000 {
        // In the name of the sender itself, as far as an address can be forged.
        throw(&mut world, 1, SENDER, &packet(0, 1, ssrc, 160));
    }
    let played = speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

    assert!(is_loud(&played));
    assert_eq!(world.stops(), []);
}

#[test]
fn m03_packets_of_a_stream_that_come_again_keep_nothing_alive() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    let mut captured = Vec::new();
    for _ in 0..25 {
        let bytes = speaker.packet(&world);
        captured.push(bytes.clone());
        speaker.send(&mut world, bytes);
        world.run_for(TICK);
    }
    // Again and again for two seconds, the last one first.
    for bytes in captured.iter().rev().cycle().take(100) {
        throw(&mut world, 1, SENDER, bytes);
        world.run_for(TICK);
    }

    assert_eq!(world.stops()[0], StopReason::Ended);
}

#[test]
fn m03_only_listed_sources_are_heard() {
    let mut profile = receiver();
    profile.multicast.sources = vec!["192.0.2.50".parse().unwrap(), "198.51.100.0/24".parse().unwrap()];
    for (from, is_heard) in [
        (SENDER, true),
        (OTHER, false),
        ("198.51.100.99:4000", true),
        ("203.0.113.1:4000", false),
    ] {
        let mut world = World::sounding(profile.clone());
        let mut speaker = Speaker::new(9, from);
        let played = speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

        assert_eq!(
            (heard(&world).is_some(), is_loud(&played)),
            (is_heard, is_heard),
            "{from}"
        );
        let foreign = if is_heard { 0 } else { 25 };
        assert_eq!(world.device.counters().multicast_foreign, foreign, "{from}");
        assert!(world.device.status(world.now).multicast.restricted);
    }
}

#[test]
fn m03_a_source_that_may_not_speak_any_more_falls_silent() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

    let mut restricted = receiver();
    restricted.multicast.sources = vec!["192.0.2.51".parse().unwrap()];
    let _in_place = world.device.reconfigure(world.now, restricted);
    world.pump();

    assert_eq!(heard(&world), None);
    assert!(!is_loud(&speak(&mut world, &mut [&mut speaker], HALF_A_SECOND)));
}

#[test]
fn m03_a_sender_hears_nothing_be_it_its_own_packets() {
    let mut profile = receiver();
    profile.multicast.mode = MulticastMode::Sender;
    let mut world = World::sounding(profile);
    let mut speaker = Speaker::new(1, SENDER);

    let played = speak(&mut world, &mut [&mut speaker], HALF_A_SECOND);

    assert!(!is_loud(&played) && heard(&world).is_none());
    assert!(world.zones.group_by_zone.is_empty());
}

#[test]
fn m03_a_packet_of_a_zone_that_is_not_played_is_dropped() {
    let mut world = World::sounding(receiver());

    speak(&mut world, &mut [&mut Speaker::new(3, SENDER)], HALF_A_SECOND);

    assert_eq!(heard(&world), None);
}

#[test]
fn m05_a_stream_that_lies_about_its_rate_is_bounded() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::with(1, SENDER, Codec::G722, TICK);
    // Ten times as much sound as time passes, for a minute of sound.
    for _ in 0..300 {
        for _ in 0..10 {
            speaker.speak_once(&mut world);
        }
        world.run_for(TICK);
    }
    world.run_for(Duration::from_secs(5));

    assert_eq!(
        heard(&world),
        None,
        "what was too much was dropped, and it is over"
    );
}

#[test]
fn m03_a_stream_goes_on_for_as_long_as_the_limit_and_not_longer() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], LONGEST - TICK);
    speaker.speak_once(&mut world);
    world.run_for(TICK - MILLISECOND);
    assert_eq!(world.stops(), []);

    world.run_for(MILLISECOND);

    assert_eq!((world.stops(), heard(&world)), (vec![StopReason::TimedOut], None));
}

#[test]
fn m03_a_stream_of_music_has_no_end() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(7, SENDER);

    speak(&mut world, &mut [&mut speaker], LONGEST * 2);

    assert_eq!(world.stops(), []);
}

#[test]
fn m03_a_stream_that_has_gone_on_for_too_long_is_heard_again_when_it_has_paused_and_others_before() {
    let mut world = World::sounding(receiver());
    let (mut stuck, mut other) = (Speaker::new(1, SENDER), Speaker::new(1, OTHER));
    speak(&mut world, &mut [&mut stuck], LONGEST + TICK);
    let foreign = world.device.counters().multicast_foreign;

    speak(&mut world, &mut [&mut stuck], HALF_A_SECOND);
    assert_eq!(heard(&world), None);
    assert_eq!(world.device.counters().multicast_foreign, foreign + 25);
    speak(&mut world, &mut [&mut stuck, &mut other], HALF_A_SECOND);
    assert!(heard(&world).unwrap().ends_with(OTHER));
    speak(&mut world, &mut [&mut stuck], STREAM_SILENCE + HALF_A_SECOND);
    assert_eq!(heard(&world), None);

    // It has sent a packet one tick ago.
    world.run_for(STREAM_SILENCE - TICK * 2);
    speak(&mut world, &mut [&mut stuck], HALF_A_SECOND);
    assert_eq!(heard(&world), None, "the pause is too short");
    world.run_for(STREAM_SILENCE);
    speak(&mut world, &mut [&mut stuck], HALF_A_SECOND);
    assert!(heard(&world).unwrap().ends_with(SENDER));
}

#[test]
fn m03_a_sender_that_begins_something_else_has_all_its_time_for_that() {
    let mut world = World::sounding(receiver());
    let mut speaker = Speaker::new(1, SENDER);
    speak(&mut world, &mut [&mut speaker], LONGEST - HALF_A_SECOND);
    let mut restarted = speaker.restarted(99);

    speak(&mut world, &mut [&mut restarted], LONGEST - HALF_A_SECOND);

    assert_eq!(world.stops(), []);
}

#[test]
fn m03_as_many_streams_as_the_limit_are_shut_out_and_not_one_more() {
    for (others, is_shut_out) in [(SHUT_OUT_MAX - 1, true), (SHUT_OUT_MAX, false)] {
        let mut profile = receiver();
        let longest = HALF_A_SECOND * 2;
        profile.multicast.zones[0].longest = Some(longest);
        let mut world = World::sounding(profile);
        let mut stuck: Vec<Speaker> = (0..=others)
            .map(|port| Speaker::new(1, &format!("192.0.2.50:{}", 6_000 + port)))
            .collect();
        // Each in its turn, as the ones before are shut out, and go on.
        for count in 1..=stuck.len() {
            let mut speakers: Vec<&mut Speaker> = stuck[..count].iter_mut().collect();
            speak(&mut world, &mut speakers, longest + TICK);
        }

        let first = &mut stuck[0];
        speak(&mut world, &mut [first], TICK * 3);

        assert_eq!(heard(&world).is_none(), is_shut_out, "{others}");
    }
}
