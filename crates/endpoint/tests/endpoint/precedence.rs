//! Which of two calls is heard: how important each is, and what has come to its end.

use std::time::Duration;

use endpoint::{CALLS_PER_SLOT_MAX, Profile};
use media::sdp::SecurityOffer;
use model::config::PriorityTrust;
use model::status::Receipt;
use model::{SlotKind, SlotPosition};
use sip::flow::Transport;
use sip::message::HeaderName;
use sip::user_agent::SessionId;

use crate::world::{PRIMARY, TICK, World, address, profile, slot, speech};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);
/// How long after its last packet a page without signalling gives way.
const ORPHAN_QUIET: Duration = Duration::from_millis(200);
const PAGE: &[(&str, &str)] = &[("Oyez-Page", "page-1")];
const ALERT: &[(&str, &str)] = &[("Oyez-Page", "alert-1"), ("Priority", "emergency")];
const URGENT: &[(&str, &str)] = &[("Oyez-Page", "page-2"), ("Priority", "urgent")];

#[test]
fn an_alert_to_a_page_slot_takes_the_place_of_a_page() {
    let mut world = World::sounding(profile());
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
    let mut world = World::sounding(profile());
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
    let position = SlotPosition::new(SlotKind::Alert, 1).unwrap();
    profile.slots.push(slot(position, "alarm"));
    let mut world = World::sounding(profile);
    let exercise = world.page("alarm", URGENT);
    assert_eq!(what_sounds(&world), "priority page from Front desk");

    world.page("alarm", ALERT);

    assert!(reason(&mut world, exercise.session).contains("emergency alert"));
}

#[test]
fn an_alert_in_a_page_slot_is_ended_by_the_cancel_extension() {
    let mut profile = profile();
    profile.slots.push(slot(SlotPosition::CANCEL, "cancel"));
    let mut world = World::sounding(profile);
    let alert = world.page("hall", ALERT);

    world.page("cancel", &[]);

    assert!(reason(&mut world, alert.session).contains("alert cancelled"));
}

#[test]
fn a07_priority_counts_only_where_it_is_believed() {
    let nameless: &[(&str, &str)] = &[("Priority", "emergency")];
    let odd: &[(&str, &str)] = &[("Oyez-Page", "page-2"), ("Priority", "non-urgent")];
    for (trust, headers, is_alert) in [
        (PriorityTrust::WithPage, ALERT, true),
        (PriorityTrust::WithPage, nameless, false),
        (PriorityTrust::WithPage, odd, false),
        (PriorityTrust::Always, nameless, true),
        (PriorityTrust::Never, ALERT, false),
    ] {
        let mut world = World::sounding(trusting(trust));
        world.page("hall", PAGE);

        let (session, _) = world.call("hall", SecurityOffer::Standard, headers);

        let expected: &[u16] = if is_alert { &[200] } else { &[486] };
        assert_eq!(
            world.server().statuses(session),
            expected,
            "{trust:?} {headers:?}"
        );
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
fn calls_that_their_callers_have_left_do_not_fill_a_slot() {
    let mut world = World::sounding(profile());
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
