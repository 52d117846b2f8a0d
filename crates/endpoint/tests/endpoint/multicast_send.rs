//! Multicast zones: what a sender passes on.

use std::collections::BTreeMap;
use std::time::Duration;

use endpoint::profile::{Announcement, MulticastProfile, PageMode, SendingProfile};
use endpoint::tones::ToneSource;
use endpoint::{Input, Profile, Reconfigured, Rounds, SoundOrder, ToneClass, ToneZone};
use media::codec::Codec;
use media::receive::{Receiver, ReceiverConfig};
use media::rtp::Packet;
use media::sdp::SecurityOffer;
use model::config::{MulticastMode, ZoneNumber};
use model::status::{DeviceEvent, StopReason};
use model::{SlotKind, SlotPosition};

use crate::multicast::{SENDER, Speaker, is_loud, receiver};
use crate::world::{RATE, TICK, TICK_SAMPLES, World, address, profile, recording, slot, speech};

const SECOND: Duration = Duration::from_secs(1);

const RING: SlotPosition = position(SlotKind::Ring, 1);
const ALARM: SlotPosition = position(SlotKind::Alert, 1);

const fn position(kind: SlotKind, port: u8) -> SlotPosition {
    match SlotPosition::new(kind, port) {
        Ok(position) => position,
        Err(_) => panic!("the kind has this port"),
    }
}

/// Sends what sounds at a slot to a zone.
fn route(profile: &mut Profile, position: SlotPosition, zone: u8) {
    let zone = ZoneNumber::new(zone).unwrap();
    profile.multicast.sending.zone_by_slot.insert(position, zone);
}

/// A sender with the base extension, an extension for zone 3, and a ring extension, whose rings are not sent.
pub(crate) fn sender() -> Profile {
    let mut profile = profile();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Page, 4).unwrap(), "zone-3"));
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Ring, 1).unwrap(), "bell"));
    profile.slots[2].tone = recording("ring.wav", 9_000, RATE.samples_in(SECOND));
    let groups: BTreeMap<_, _> = ZoneNumber::all()
        .map(|zone| {
            let group = format!("224.0.2.60:{}", 50_000 + u16::from(zone.get()));
            (zone, group.parse().unwrap())
        })
        .collect();
    profile.multicast = MulticastProfile {
        mode: MulticastMode::Sender,
        sending: SendingProfile {
            group_by_zone: groups,
            ..SendingProfile::default()
        },
        ..MulticastProfile::default()
    };
    route(&mut profile, SlotPosition::BASE_PAGE, 1);
    route(&mut profile, position(SlotKind::Page, 4), 3);
    profile
}

/// The same with an alert extension, whose alerts go to zone 9, and an announcement that has no end.
fn alarm_sender() -> Profile {
    let mut profile = sender();
    profile.slots.push(slot(ALARM, "alarm"));
    profile.alerts.announcements.push(Announcement {
        number: 1,
        tone: recording("fire.wav", 9_000, RATE.samples_in(SECOND)),
        rounds: Rounds::Endless,
        is_drill: false,
    });
    route(&mut profile, ALARM, 9);
    profile
}

/// Starts a tone of a second that goes out to a zone.
fn tone(world: &mut World, zone: u8, plays_here: bool) {
    world.input(Input::Sound(SoundOrder::StartTone {
        tone: recording("gong.wav", 9_000, RATE.samples_in(SECOND)),
        rounds: Rounds::Times(1),
        class: ToneClass::Page,
        zone: ZoneNumber::new(zone).map(|number| ToneZone { number, plays_here }),
    }));
}

fn raise(world: &mut World, is_drill: bool) {
    let order = SoundOrder::StartAnnouncement { number: 1, is_drill };
    world.input(Input::Sound(order));
}

#[test]
fn a_sender_whose_packets_do_not_leave_says_why_until_they_do_and_tells_each_change_once() {
    let mut world = World::registered(sender());
    let problems = [Some("no route".to_owned()), None];
    for problem in &problems {
        for _ in 0..2 {
            world.input(Input::ZoneSending {
                problem: problem.clone(),
            });
        }

        assert_eq!(world.device.status(world.now).multicast.sending_problem, *problem);
    }
    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            DeviceEvent::ZoneSendingChanged { problem } => Some(problem.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, problems);
}

/// The zones that packets have gone to.
fn zones(world: &World) -> Vec<u16> {
    let mut zones: Vec<u16> = world
        .zone_sent
        .iter()
        .map(|(_, group, _)| group.port() - 50_000)
        .collect();
    zones.dedup();
    zones
}

/// What a receiver of the packets so far hears.
fn heard(world: &World, codec: Codec) -> Vec<i16> {
    let mut receiver = Receiver::new(&ReceiverConfig {
        remote: address(SENDER),
        formats: vec![(codec.static_payload_type().unwrap(), codec)],
        telephone_event: None,
        key: None,
        output_rate: RATE,
    });
    let mut samples = Vec::new();
    let mut packets = world.zone_sent.iter().peekable();
    let Some((mut now, ..)) = packets.peek().copied().cloned() else {
        return samples;
    };
    let last = world.zone_sent.last().unwrap().0 + SECOND;
    while now < last {
        while let Some((_, _, bytes)) = packets.next_if(|(at, ..)| *at <= now) {
            receiver.handle_packet(now, address(SENDER), &mut bytes.clone());
        }
        let mut out = [0; TICK_SAMPLES];
        receiver.pull(now, &mut out);
        samples.extend(out);
        now += TICK;
    }
    samples
}

/// Pages a user with a second of speech, and hangs up.
fn page(world: &mut World, user: &str) {
    let page = world.page(user, &[]);
    world.speak_page(&page, &speech(SECOND));
    world.run_for(SECOND + Duration::from_millis(100));
    world.hang_up(page.session);
    world.run_for(SECOND);
}

#[test]
fn a_page_to_a_zones_extension_goes_out_to_the_zone_whole_in_each_codec_and_packet_time() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        for packet_time in codec.packet_times() {
            let mut profile = sender();
            profile.multicast.sending.codec = codec;
            profile.multicast.sending.packet_time = *packet_time;
            let mut world = World::sounding(profile);

            page(&mut world, "zone-3");

            assert_eq!(zones(&world), [3]);
            let heard = heard(&world, codec);
            let loud = heard.iter().filter(|sample| sample.abs() > 1_000).count();
            assert!(
                (RATE.samples_in(SECOND) * 90 / 100..RATE.samples_in(SECOND) * 105 / 100).contains(&loud),
                "{codec:?} {packet_time:?}: {loud}"
            );
            assert!(world.device.status(world.now).multicast.sending.is_empty());
        }
    }
}

#[test]
fn packets_carry_the_payload_type_in_sequence_and_leave_with_the_rhythm_of_the_output() {
    let mut world = World::sounding(sender());
    page(&mut world, "zone-3");

    let headers: Vec<_> = world
        .zone_sent
        .iter()
        .map(|(_, _, bytes)| Packet::parse(bytes).unwrap().header())
        .collect();
    assert!(headers.len() >= 50);
    assert!(headers.iter().all(|header| header.payload_type == 9));
    for pair in headers.windows(2) {
        assert_eq!(pair[1].sequence.wrapping_sub(pair[0].sequence), 1);
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 160);
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
    let times: Vec<_> = world.zone_sent.iter().map(|(at, ..)| *at).collect();
    let (_, but_last) = times.split_last().unwrap();
    for pair in but_last.windows(2) {
        assert_eq!(pair[1] - pair[0], TICK);
    }
}

#[test]
fn a_page_of_the_base_extension_goes_to_its_zone_and_to_none_without_one() {
    for (base_zone, expected) in [(Some(1), vec![1]), (Some(8), vec![8]), (None, vec![])] {
        let mut profile = sender();
        profile.multicast.sending.zone_by_slot.clear();
        if let Some(zone) = base_zone {
            route(&mut profile, SlotPosition::BASE_PAGE, zone);
        }
        let mut world = World::sounding(profile);

        page(&mut world, "hall");

        assert_eq!(zones(&world), expected);
        assert!(is_loud(&world.played), "it is played here in any case");
    }
}

#[test]
fn the_tone_before_a_page_is_the_senders() {
    let mut profile = sender();
    profile.slots[1].tone = recording("gong.wav", 9_000, RATE.samples_in(SECOND));
    profile.multicast.sending.codec = Codec::Pcmu;
    let mut world = World::sounding(profile);

    page(&mut world, "zone-3");

    let heard = heard(&world, Codec::Pcmu);
    let tone = heard
        .iter()
        .filter(|sample| (8_700..9_300).contains(*sample))
        .count();
    assert!(tone > RATE.samples_in(SECOND) * 90 / 100, "{tone}");
}

#[test]
fn a_zone_that_may_not_be_sent_to_is_played_here_only() {
    let mut profile = sender();
    profile
        .multicast
        .sending
        .group_by_zone
        .remove(&ZoneNumber::new(3).unwrap());
    let mut world = World::sounding(profile);

    page(&mut world, "zone-3");

    assert!(world.zone_sent.is_empty() && is_loud(&world.played));
}

#[test]
fn what_is_sent_is_played_here_where_it_is_to_be_and_a_receipt_says_so() {
    for plays_here in [true, false] {
        let mut profile = sender();
        profile.multicast.sending.plays_here = plays_here;
        let mut world = World::sounding(profile);

        let page = world.page("zone-3", &[("Oyez-Page", "page-1")]);
        world.speak_page(&page, &speech(SECOND));
        world.run_for(SECOND + Duration::from_millis(100));
        let sending = world.device.status(world.now).multicast.sending;
        world.hang_up(page.session);
        world.run_for(SECOND);

        assert_eq!(sending, [ZoneNumber::new(3).unwrap()]);
        assert_eq!(is_loud(&world.played), plays_here);
        assert_eq!(world.receipt(page.session).muted, !plays_here);
        assert!(is_loud(&heard(&world, Codec::G722)));
    }
}

#[test]
fn a_muted_loudspeaker_mutes_no_zone() {
    let mut world = World::sounding(sender());
    world.input(Input::Muted(true));

    page(&mut world, "zone-3");

    assert!(!is_loud(&world.played));
    assert!(is_loud(&heard(&world, Codec::G722)));
}

#[test]
fn the_volume_of_the_sender_is_its_own() {
    let mut profile = sender();
    profile.sound.page_volume_db = -45.0;
    let mut world = World::sounding(profile);

    page(&mut world, "zone-3");

    assert!(!is_loud(&world.played));
    assert!(is_loud(&heard(&world, Codec::G722)));
}

#[test]
fn rings_are_sent_where_they_are_to_be() {
    for (zone, expected) in [(Some(1), vec![1]), (Some(5), vec![5]), (None, vec![])] {
        let mut profile = sender();
        if let Some(zone) = zone {
            route(&mut profile, RING, zone);
        }
        let mut world = World::sounding(profile);

        let (ring, _) = world.call("bell", SecurityOffer::Standard, &[]);
        world.run_for(SECOND);
        let now = world.now;
        world.server().agent.hang_up(now, ring, Vec::new(), None);
        world.pump();
        let sent = world.zone_sent.len();
        world.run_for(SECOND);

        assert_eq!((zones(&world), world.zone_sent.len()), (expected, sent));
    }
}

#[test]
fn a_delayed_page_goes_out_when_it_is_played() {
    let mut profile = sender();
    profile.slots[1].mode = PageMode::Delayed { ends_by_key: false };
    let mut world = World::sounding(profile);

    let page = world.page("zone-3", &[]);
    world.run_for(SECOND);
    world.speak_page(&page, &speech(SECOND));
    world.run_for(SECOND + Duration::from_millis(100));
    assert!(world.zone_sent.is_empty());
    world.hang_up(page.session);
    world.run_for(SECOND * 4);

    assert_eq!(zones(&world), [3]);
    assert!(is_loud(&heard(&world, Codec::G722)));
}

#[test]
fn an_alert_without_a_zone_ends_a_page_in_its_zone_and_is_not_sent() {
    let mut profile = sender();
    profile.slots.push(slot(ALARM, "alarm"));
    let mut world = World::sounding(profile);
    let page = world.page("zone-3", &[]);
    world.speak_page(&page, &speech(SECOND * 5));
    world.run_for(SECOND);

    world.page("alarm", &[]);
    let sent = world.zone_sent.len();
    world.run_for(SECOND);

    assert_eq!((zones(&world), world.zone_sent.len()), (vec![3], sent));
    assert!(world.device.status(world.now).multicast.sending.is_empty());
}

#[test]
fn an_alert_goes_out_to_its_zone_and_ends_with_it_be_it_an_exercise_or_not() {
    for is_drill in [false, true] {
        let mut world = World::sounding(alarm_sender());

        raise(&mut world, is_drill);
        world.run_for(3 * SECOND);
        assert_eq!(
            world.device.status(world.now).multicast.sending,
            [ZoneNumber::PRIORITY]
        );
        world.input(Input::Sound(SoundOrder::StopAlerts));
        let sent = world.zone_sent.len();
        world.run_for(SECOND);

        assert_eq!((zones(&world), world.zone_sent.len()), (vec![9], sent));
        assert!(sent >= 145, "{sent}");
        assert_eq!(world.stops(), [StopReason::Cancelled]);
        assert!(world.device.status(world.now).multicast.sending.is_empty());
        let loud = heard(&world, Codec::G722);
        let loud = loud.iter().filter(|sample| sample.abs() > 5_000).count();
        // The signal of an exercise is a sine with pauses.
        let least = if is_drill { SECOND / 2 } else { 2 * SECOND };
        assert!(loud > RATE.samples_in(least), "{loud}");
    }
}

#[test]
fn a_call_to_an_alert_extension_goes_out_as_its_announcement_or_as_what_is_said() {
    for is_spoken in [false, true] {
        let mut profile = alarm_sender();
        if is_spoken {
            profile.alerts.announcements[0].tone = ToneSource::None;
        }
        let mut world = World::sounding(profile);

        let call = world.page("alarm", &[]);
        world.speak_page(&call, &speech(SECOND));
        world.run_for(SECOND);
        world.hang_up(call.session);
        world.run_for(SECOND);

        assert_eq!(zones(&world), [9], "{is_spoken}");
        assert!(is_loud(&heard(&world, Codec::G722)));
        let is_sent = !world.device.status(world.now).multicast.sending.is_empty();
        assert_eq!(is_sent, !is_spoken, "an announcement outlasts the call");
    }
}

#[test]
fn an_alert_takes_the_place_of_a_page_in_the_zone_that_both_go_to() {
    let mut profile = alarm_sender();
    route(&mut profile, ALARM, 3);
    let mut world = World::sounding(profile);
    let page = world.page("zone-3", &[]);
    world.speak_page(&page, &speech(SECOND * 5));
    world.run_for(SECOND);

    let before = world.zone_sent.len();
    raise(&mut world, false);
    world.run_for(SECOND);

    assert_eq!(zones(&world), [3]);
    let source = |(_, _, bytes): &(_, _, Vec<u8>)| Packet::parse(bytes).unwrap().header().ssrc;
    let mut sources: Vec<u32> = world.zone_sent[before..].iter().map(source).collect();
    sources.dedup();
    // The end of the page that filled no packet may still leave.
    assert!((1..=2).contains(&sources.len()), "{sources:?}");
    assert!(sources.last() != Some(&source(&world.zone_sent[0])));
}

#[test]
fn an_alert_is_played_here_in_any_case() {
    let mut profile = alarm_sender();
    profile.multicast.sending.plays_here = false;
    let mut world = World::sounding(profile);

    raise(&mut world, false);
    world.run_for(SECOND);

    assert!(is_loud(&world.played) && is_loud(&heard(&world, Codec::G722)));
}

#[test]
fn a_silent_alert_goes_nowhere() {
    let mut profile = alarm_sender();
    profile.alerts.announcements[0].tone = ToneSource::None;
    let mut world = World::sounding(profile);

    raise(&mut world, false);
    world.run_for(SECOND);

    assert!(world.what_sounds().is_some() && world.zone_sent.is_empty());
}

#[test]
fn a_tone_goes_out_to_the_zone_that_is_named_and_is_played_here_where_it_is_to_be() {
    for plays_here in [true, false] {
        let mut world = World::sounding(sender());

        tone(&mut world, 5, plays_here);
        world.run_for(2 * SECOND);

        assert_eq!(zones(&world), [5]);
        assert!(is_loud(&heard(&world, Codec::G722)));
        assert_eq!(is_loud(&world.played), plays_here);
        assert_eq!(world.stops(), [StopReason::Ended]);
    }
}

#[test]
fn a_tone_for_a_zone_that_may_not_be_sent_to_is_refused() {
    let mut no_sender = sender();
    no_sender.multicast.mode = MulticastMode::Off;
    let mut not_there = sender();
    let five = ZoneNumber::new(5).unwrap();
    not_there.multicast.sending.group_by_zone.remove(&five);
    for profile in [no_sender, not_there] {
        let mut world = World::sounding(profile);

        tone(&mut world, 5, true);

        let is_refused = |(_, event): &(_, DeviceEvent)| match event {
            DeviceEvent::SoundRefused { why, .. } => why.contains("does not send to multicast zone 5"),
            _ => false,
        };
        assert!(world.events.iter().any(is_refused));
        assert_eq!(world.what_sounds(), None);
    }
}

#[test]
fn m03_a_page_that_is_sent_does_not_come_back_as_one_that_is_received() {
    let mut profile = sender();
    profile.multicast.zones = receiver().multicast.zones;
    let mut world = World::sounding(profile);
    page(&mut world, "hall");
    let own: Vec<_> = world
        .zone_sent
        .iter()
        .map(|(_, _, bytes)| bytes.clone())
        .collect();

    let from = world.played.len();
    for bytes in own {
        Speaker::new(1, SENDER).send(&mut world, bytes);
        world.run_for(TICK);
    }

    assert!(world.zones.group_by_zone.is_empty());
    assert!(!is_loud(&world.played[from..]));
}

#[test]
fn another_profile_applies_to_a_page_that_is_being_sent() {
    let mut world = World::sounding(sender());
    let page = world.page("zone-3", &[]);
    world.speak_page(&page, &speech(SECOND * 5));
    world.run_for(SECOND);

    let mut other = sender();
    other.multicast.sending.codec = Codec::Pcma;
    other.multicast.hops = 4;
    assert_eq!(world.device.reconfigure(world.now, other), Reconfigured::InPlace);
    world.pump();
    world.run_for(SECOND);

    assert_eq!(world.zones.hops, 4);
    let payload_type = |bytes: &Vec<u8>| Packet::parse(bytes).unwrap().header().payload_type;
    let types: Vec<u8> = world
        .zone_sent
        .iter()
        .map(|(_, _, bytes)| payload_type(bytes))
        .collect();
    assert_eq!((types[0], types[types.len() - 1]), (9, 8));
}
