//! Which of two calls is heard: how important each is, and what has come to its end.

use std::time::Duration;

use endpoint::profile::SlotProfile;
use endpoint::{CALLS_MAX, CALLS_PER_SLOT_MAX, Profile};
use media::sdp::SecurityOffer;
use model::config::PriorityTrust;
use model::status::Receipt;
use model::{PRIORITY_HEADER, PRIORITY_OF_ZONE, SlotKind, SlotPosition};
use sip::flow::Transport;
use sip::message::HeaderName;
use sip::user_agent::SessionId;

use crate::server::Registrar;
use crate::world::{PRIMARY, TICK, World, address, profile, slot, speech};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);
/// How long after its last packet a page without signalling gives way.
const ORPHAN_QUIET: Duration = Duration::from_millis(200);
/// The same for an alert.
const ORPHAN_SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long after its last packet any page gives way, and how long after it an alert does.
const LEFT_SILENCE: Duration = Duration::from_secs(5);
const LEFT_ALERT_SILENCE: Duration = Duration::from_secs(10);
const PAGE: &[(&str, &str)] = &[("Oyez-Page", "page-1")];
const ALERT: &[(&str, &str)] = &[("Oyez-Page", "alert-1"), ("Priority", "emergency")];
const NAMELESS: &[(&str, &str)] = &[("Priority", "emergency")];
const URGENT: &[(&str, &str)] = &[("Oyez-Page", "page-2"), ("Priority", "urgent")];

#[test]
fn an_alert_to_a_page_slot_takes_the_place_of_a_page() {
    let mut world = in_a_zone(profile());
    let page = world.page("hall", PAGE);

    let alert = world.page("hall", ALERT);

    assert_eq!(world.server().statuses(alert.session), [200]);
    assert_eq!(
        reason(&mut world, page.session),
        "preemption;cause=1;text=\"emergency alert takes its place\""
    );
    assert_eq!(what_sounds(&world), "emergency alert from Front desk");
}

#[test]
fn an_urgent_page_takes_the_place_of_a_page_and_gives_way_to_an_alert() {
    let mut world = in_a_zone(profile());
    let page = world.page("hall", PAGE);
    let urgent = world.page("hall", URGENT);
    assert_eq!(
        reason(&mut world, page.session),
        "preemption;cause=1;text=\"priority page takes its place\""
    );

    let alert = world.page("hall", ALERT);

    assert!(reason(&mut world, urgent.session).contains("emergency alert"));
    assert_eq!(world.server().statuses(alert.session), [200]);
}

#[test]
fn an_exercise_in_an_alert_slot_ends_when_an_alert_comes() {
    let mut profile = profile();
    profile.slots.push(alarm());
    let mut world = in_a_zone(profile);
    let exercise = world.page("alarm", URGENT);
    assert_eq!(what_sounds(&world), "priority page from Front desk");

    world.page("alarm", ALERT);

    assert!(reason(&mut world, exercise.session).contains("emergency alert"));
}

#[test]
fn an_alert_in_a_page_slot_is_ended_by_the_cancel_extension() {
    let mut profile = profile();
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    let mut world = in_a_zone(profile);
    let alert = world.page("hall", ALERT);

    world.page("cancel", &[]);

    assert!(reason(&mut world, alert.session).contains("alert cancelled"));
}

#[test]
fn a07_priority_counts_only_where_it_is_believed() {
    let odd: &[(&str, &str)] = &[("Oyez-Page", "page-2"), ("Priority", "non-urgent")];
    for (trust, says, headers, is_alert) in [
        (PriorityTrust::Zone, Some("zone"), ALERT, true),
        (PriorityTrust::Zone, Some("zone"), NAMELESS, true),
        (PriorityTrust::Zone, Some("zone"), odd, false),
        (PriorityTrust::Zone, Some("other"), ALERT, false),
        (PriorityTrust::Zone, None, ALERT, false),
        (PriorityTrust::Always, None, NAMELESS, true),
        (PriorityTrust::Never, Some("zone"), ALERT, false),
    ] {
        let mut world = sounding_at(trusting(trust), says);
        world.page("hall", PAGE);

        let (session, _) = world.call("hall", SecurityOffer::Standard, headers);

        let expected: &[u16] = if is_alert { &[200] } else { &[486] };
        assert_eq!(
            world.server().statuses(session),
            expected,
            "{trust:?} {says:?} {headers:?}"
        );
    }
}

#[test]
fn a07_forged_headers_through_a_foreign_server_change_nothing() {
    for page in ["x", "page-9", "\u{7f}", ""] {
        let forged: &[(&str, &str)] = &[
            ("Oyez-Page", page),
            ("Oyez-Priority", "zone"),
            ("Priority", "emergency"),
        ];
        let mut world = World::sounding(profile());
        let first = world.page("hall", PAGE);

        let (session, _) = world.call("hall", SecurityOffer::Standard, forged);

        assert_eq!(world.server().statuses(session), [486], "{page:?}");
        assert!(world.server().bye_of_device(first.session).is_none());
    }
}

#[test]
fn a_server_that_says_no_more_that_it_sets_priority_is_believed_no_more() {
    let mut world = in_a_zone(profile());
    world.server().extra_headers.clear();
    world.run_for(3600 * SECOND);
    assert!(
        world.server().accepted.len() > 1,
        "the registration was refreshed"
    );
    world.page("hall", PAGE);

    let (session, _) = world.call("hall", SecurityOffer::Standard, ALERT);

    assert_eq!(world.server().statuses(session), [486]);
}

#[test]
fn urgent_lowers_an_alert_only_where_a_zone_says_so() {
    let mut profile = trusting(PriorityTrust::Always);
    profile.slots.push(alarm());
    let mut world = World::sounding(profile);

    world.page("alarm", URGENT);

    assert_eq!(what_sounds(&world), "emergency alert from Front desk");
}

#[test]
fn of_three_alerts_to_a_slot_the_last_is_heard_and_the_first_ends() {
    let mut world = in_a_zone(profile());
    let first = world.page("hall", ALERT);
    let second = world.page("hall", &[("Oyez-Page", "alert-2"), ("Priority", "emergency")]);
    assert!(
        world.server().bye_of_device(first.session).is_none(),
        "two are within the limit"
    );

    let third = world.page("hall", &[("Oyez-Page", "alert-3"), ("Priority", "emergency")]);

    assert_eq!(world.server().statuses(third.session), [200]);
    assert!(reason(&mut world, first.session).contains("emergency alert takes its place"));
    assert!(world.server().bye_of_device(second.session).is_none());
    assert_eq!(world.device.holdings().calls, CALLS_PER_SLOT_MAX);
}

#[test]
fn of_three_alerts_to_a_slot_one_that_its_caller_has_left_ends_first() {
    let mut world = in_a_zone(profile());
    let first = world.page("hall", ALERT);
    let second = world.page("hall", &[("Oyez-Page", "alert-2"), ("Priority", "emergency")]);
    world.hang_up(second.session);
    assert_eq!(world.device.holdings().calls, CALLS_PER_SLOT_MAX);

    let third = world.page("hall", &[("Oyez-Page", "alert-3"), ("Priority", "emergency")]);

    assert_eq!(world.server().statuses(third.session), [200]);
    assert!(world.server().bye_answer(second.session).is_some());
    assert!(world.server().bye_of_device(first.session).is_none());
}

#[test]
fn an_alert_to_a_full_device_ends_the_call_that_is_missed_least() {
    let mut profile = profile();
    for number in 1..=8 {
        let position = SlotPosition::new(SlotKind::Ring, number).unwrap();
        profile.slots.push(slot(position, &format!("bell{number}")));
    }
    let mut world = in_a_zone(profile);
    let page = world.page("hall", PAGE);
    let mut rings = Vec::new();
    for number in (1..=8).chain(1..=7) {
        let user = format!("bell{number}");
        rings.push(world.call(&user, SecurityOffer::Standard, &[]).0);
    }
    assert_eq!(world.device.holdings().calls, CALLS_MAX);
    let (ring, _) = world.call("bell8", SecurityOffer::Standard, &[]);
    assert_eq!(world.server().statuses(ring), [486], "a ring silences nothing");

    let alert = world.page("hall", ALERT);

    assert_eq!(world.server().statuses(alert.session), [200]);
    assert_eq!(world.server().statuses(rings[0]), [180, 486]);
    assert_eq!(world.server().statuses(rings[1]), [180]);
    assert!(reason(&mut world, page.session).contains("emergency alert takes its place"));
}

#[test]
fn a_page_does_not_wait_for_the_end_of_a_priority_page_whose_caller_has_hung_up() {
    let mut world = in_a_zone(profile());
    let first = world.page("hall", URGENT);
    world.speak_page(&first, &speech(SECOND));
    world.run_for(SECOND);
    world.hang_up(first.session);
    assert!(
        world.server().bye_answer(first.session).is_none(),
        "its end is being played"
    );

    let second = world.page("hall", PAGE);

    assert_eq!(world.server().statuses(second.session), [200]);
    assert!(world.server().bye_answer(first.session).is_some());
}

#[test]
fn an_alert_whose_zone_has_died_outlives_a_pause_and_another_alert() {
    let mut world = in_a_zone(profile());
    let orphan = world.page("hall", ALERT);
    world.speak_page(&orphan, &speech(SECOND));
    world.run_for(SECOND);
    world.close_connections(PRIMARY);
    world.run_until(4 * SECOND, |world| {
        world.flow_to(PRIMARY).is_some() && world.shown(0) == "Successful"
    });
    world.run_for(2 * ORPHAN_QUIET);
    let (page, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    assert_eq!(
        world.server().statuses(page),
        [486],
        "a page does not end an alert that pauses"
    );

    let second = world.page("hall", &[("Oyez-Page", "alert-2"), ("Priority", "emergency")]);

    assert_eq!(world.server().statuses(second.session), [200]);
    assert_eq!(receipts(&world).len(), 0, "the first waits");
    assert_eq!(world.device.holdings().calls, 2);
}

#[test]
fn the_cancel_extension_ends_an_exercise_in_an_alert_slot_and_no_priority_page() {
    let mut profile = profile();
    profile
        .slots
        .extend([alarm(), slot(SlotPosition::CANCEL, "cancel")]);
    let mut world = in_a_zone(profile);
    let exercise = world.page("alarm", URGENT);
    let cancel = world.page("cancel", &[]);
    assert!(reason(&mut world, exercise.session).contains("alert cancelled"));
    assert_eq!(what_sounds(&world), "page from Front desk");
    world.hang_up(cancel.session);
    world.run_for(SECOND);
    let page = world.page("hall", URGENT);

    let cancel = world.page("cancel", &[]);

    assert!(world.server().bye_of_device(page.session).is_none());
    assert_eq!(world.server().statuses(cancel.session).last(), Some(&200));
    assert_eq!(what_sounds(&world), "priority page from Front desk");
}

#[test]
fn the_cancel_extension_is_answered_however_often_it_is_called() {
    let mut profile = profile();
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    let mut world = in_a_zone(profile);
    for _ in 0..=CALLS_PER_SLOT_MAX {
        let alert = world.page("hall", ALERT);

        let cancel = world.page("cancel", &[]);

        assert!(reason(&mut world, alert.session).contains("alert cancelled"));
        assert_eq!(world.server().statuses(cancel.session), [200]);
        assert_eq!(what_sounds(&world), "page from Front desk");
        world.page("cancel", &[]);
        world.page("cancel", &[]);
        world.page("cancel", &[]);
    }
}

#[test]
fn the_next_page_does_not_wait_for_the_end_of_one_whose_caller_has_hung_up() {
    let mut world = World::sounding(profile());
    let first = world.page("hall", PAGE);
    world.speak_page(&first, &speech(SECOND));
    world.run_for(SECOND);
    world.hang_up(first.session);
    assert!(
        world.server().bye_answer(first.session).is_none(),
        "its end is being played"
    );

    let second = world.page("hall", &[("Oyez-Page", "page-2")]);

    assert_eq!(world.server().statuses(second.session), [200]);
    let receipt = world.receipt(first.session);
    assert!((850..1_000).contains(&receipt.played_ms), "{receipt:?}");
    assert_eq!(receipt.expected_ms, 1_000);
}

#[test]
fn a_page_whose_zone_has_died_gives_way_to_the_next() {
    let mut world = World::sounding(profile());
    let orphan = world.page("hall", PAGE);
    let spoke_at = world.now;
    world.speak_page(&orphan, &speech(SECOND));
    world.run_for(SECOND);
    world.close_connections(PRIMARY);
    world.run_until(5 * SECOND, |world| {
        world.flow_to(PRIMARY).is_some() && world.shown(0) == "Successful"
    });
    assert_eq!(what_sounds(&world), "page from Front desk");
    world.run_for(spoke_at + SECOND - TICK + ORPHAN_QUIET - MILLISECOND - world.now);
    let (early, _) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-2")]);
    assert_eq!(world.server().statuses(early), [486]);
    world.run_for(MILLISECOND);

    let (next, _) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-2")]);

    assert_eq!(world.server().statuses(next), [200]);
    assert_eq!(receipts(&world).len(), 1);
    assert_eq!(receipts(&world)[0].played_ms, 1_000);
}

#[test]
fn a_page_whose_zone_has_died_goes_on_for_as_long_as_it_is_spoken_into() {
    let mut world = World::sounding(profile());
    let orphan = world.page("hall", PAGE);
    world.speak_page(&orphan, &speech(10 * SECOND));
    world.run_for(SECOND);
    world.close_connections(PRIMARY);
    world.run_for(4 * SECOND);
    assert_eq!(world.shown(0), "Successful");

    let (next, _) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-2")]);

    assert_eq!(world.server().statuses(next), [486]);
}

#[test]
fn a_page_that_an_address_translator_has_cut_off_from_its_zone_gives_way_to_the_next() {
    let mut world = World::sounding(over_datagrams());
    world.translated_to = Some(address("203.0.113.1:10000"));
    world.run_for(MINUTE);
    let cut_off = page_in_the_clear(&mut world, PAGE, SECOND);
    world.run_for(SECOND);
    world.translated_to = Some(address("203.0.113.1:10001"));
    world.hang_up(cut_off);
    let registrations = world.server().registers.len();
    world.run_for(28 * SECOND);
    assert_eq!(world.server().registers.len(), registrations + 1);

    let (next, _) = world.call("hall", SecurityOffer::Disabled, &[("Oyez-Page", "page-2")]);

    assert_eq!(world.server().statuses(next), [200]);
    assert_eq!(receipts(&world).len(), 1);
    assert_eq!(receipts(&world)[0].played_ms, 1_000);
}

#[test]
fn a_page_whose_zone_did_not_answer_over_datagrams_gives_way_to_the_next() {
    let mut world = World::sounding(over_datagrams());
    world.run_for(MINUTE);
    let spoke_at = world.now;
    page_in_the_clear(&mut world, PAGE, 2 * MINUTE);
    world.frozen.push(world.flow().connection);
    world.run_until(MINUTE, |world| world.shown(0) == "No reply from server");
    world.frozen.clear();
    world.run_until(2 * MINUTE, |world| world.shown(0) == "Successful");
    assert_eq!(what_sounds(&world), "page from Front desk");
    world.run_for(spoke_at + 2 * MINUTE + ORPHAN_QUIET - world.now);

    let (next, _) = world.call("hall", SecurityOffer::Disabled, &[("Oyez-Page", "page-2")]);

    assert_eq!(world.server().statuses(next), [200]);
}

#[test]
fn a_page_whose_bye_is_lost_gives_way_to_the_next() {
    let mut world = World::sounding(profile());
    let left = world.page("hall", PAGE);
    let spoke_at = world.now;
    world.speak_page(&left, &speech(SECOND));
    world.run_for(SECOND);
    world.run_for(spoke_at + SECOND - TICK + LEFT_SILENCE - MILLISECOND - world.now);
    let (early, _) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-2")]);
    assert_eq!(world.server().statuses(early), [486]);
    world.run_for(MILLISECOND);

    let (next, _) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-2")]);

    assert_eq!(world.server().statuses(next), [200]);
    assert!(reason(&mut world, left.session).contains("another call takes its place"));
    assert_eq!(receipts(&world)[0].played_ms, 1_000);
}

#[test]
fn an_alert_whose_bye_is_lost_gives_way_to_a_page_when_it_cannot_be_a_pause() {
    let mut world = in_a_zone(profile());
    let left = world.page("hall", ALERT);
    let spoke_at = world.now;
    world.speak_page(&left, &speech(SECOND));
    world.run_for(SECOND);
    world.run_for(spoke_at + SECOND - TICK + LEFT_ALERT_SILENCE - MILLISECOND - world.now);
    let (early, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    assert_eq!(world.server().statuses(early), [486]);
    world.run_for(MILLISECOND);

    let (next, _) = world.call("hall", SecurityOffer::Standard, PAGE);

    assert_eq!(world.server().statuses(next), [200]);
    assert!(reason(&mut world, left.session).contains("another call takes its place"));
}

#[test]
fn a_page_does_not_wait_for_two_alerts_whose_zone_has_died() {
    let mut world = in_a_zone(profile());
    let first = world.page("hall", ALERT);
    world.speak_page(&first, &speech(SECOND));
    let second = world.page("hall", &[("Oyez-Page", "alert-2"), ("Priority", "emergency")]);
    let spoke_at = world.now;
    world.speak_page(&second, &speech(SECOND));
    world.run_for(3 * SECOND);
    world.close_connections(PRIMARY);
    world.run_for(spoke_at + SECOND - TICK + ORPHAN_SILENCE_MAX - MILLISECOND - world.now);
    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.device.holdings().calls, 2);
    let (early, _) = world.call("hall", SecurityOffer::Standard, PAGE);
    assert_eq!(world.server().statuses(early), [486]);
    world.run_for(MILLISECOND);

    let (next, _) = world.call("hall", SecurityOffer::Standard, PAGE);

    assert_eq!(world.server().statuses(next), [200]);
    assert_eq!(world.device.holdings().calls, 1);
}

#[test]
fn calls_that_their_callers_have_left_do_not_fill_a_slot() {
    let mut world = in_a_zone(profile());
    let left = (0..CALLS_PER_SLOT_MAX).map(|number| {
        let page = format!("left-{number}");
        world.page("hall", &[("Oyez-Page", page.as_str()), ("Priority", "emergency")])
    });
    let left: Vec<SessionId> = left.map(|page| page.session).collect();
    for session in left {
        world.hang_up(session);
    }

    let next = world.page("hall", &[("Oyez-Page", "next"), ("Priority", "emergency")]);

    assert_eq!(world.server().statuses(next.session), [200]);
}

fn over_datagrams() -> Profile {
    let mut profile = profile();
    profile.targets[0].transport = Some(Transport::Udp);
    profile.media.security = SecurityOffer::Disabled;
    profile
}

/// Calls without keys, as datagrams carry none, and speaks for this long.
fn page_in_the_clear(world: &mut World, headers: &[(&str, &str)], length: Duration) -> SessionId {
    let (session, pending) = world.call("hall", SecurityOffer::Disabled, headers);
    let call = *world.media_opened.last().expect("a socket was opened");
    world.speak(session, &pending, call, &speech(length));
    session
}

/// A device that is registered with a zone, and whose loudspeaker takes samples.
fn in_a_zone(profile: Profile) -> World {
    sounding_at(profile, Some(PRIORITY_OF_ZONE))
}

/// The same with a server that says this of the Priority of its calls.
fn sounding_at(profile: Profile, says: Option<&str>) -> World {
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    let header = says.map(|value| (PRIORITY_HEADER, value.to_owned()));
    world.server().extra_headers = header.into_iter().collect();
    world.begin();
    world.run_for(SECOND);
    world.start_sink();
    world
}

fn alarm() -> SlotProfile {
    slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm")
}

fn trusting(trust: PriorityTrust) -> Profile {
    let mut profile = profile();
    profile.priority = trust;
    profile
}

/// Why the device ended a call.
fn reason(world: &mut World, session: SessionId) -> String {
    let (_, bye) = world.server().bye_of_device(session).expect("the call is ended");
    bye.header(HeaderName::Reason).expect("a reason").to_owned()
}

fn what_sounds(world: &World) -> String {
    world
        .device
        .status(world.now)
        .sounding
        .expect("something sounds")
        .what
}

fn receipts(world: &World) -> Vec<&Receipt> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        model::status::DeviceEvent::PagePlayed { receipt } => Some(receipt),
        _ => None,
    });
    told.collect()
}
