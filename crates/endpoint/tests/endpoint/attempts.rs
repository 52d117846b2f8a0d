//! The same call more than once: a page through two dialogs, and the attempts of a zone over two connections.

use std::time::Duration;

use media::sdp::SecurityOffer;
use model::ATTEMPT_HEADER;
use model::status::StopReason;
use sip::message::HeaderName;
use sip::user_agent::SessionId;

use crate::alert::{stop, with_alerts};
use crate::page::chiming;
use crate::world::{World, profile, speech};

const SECOND: Duration = Duration::from_secs(1);
const NAMED: (&str, &str) = ("Oyez-Page", "page-1");
const FIRST_ATTEMPT: (&str, &str) = (ATTEMPT_HEADER, "1;leg=a1");
const SECOND_ATTEMPT: (&str, &str) = (ATTEMPT_HEADER, "2;leg=a1");

#[test]
fn the_same_page_through_another_dialog_ends_the_older_one_and_is_played_once() {
    let mut world = World::sounding(chiming());
    let first = world.page("hall", &[NAMED]);
    world.speak_page(&first, &speech(SECOND));
    world.run_for(SECOND + SECOND / 5);

    let second = world.page("hall", &[NAMED]);
    world.speak_page(&second, &speech(SECOND));
    world.run_for(SECOND);
    world.hang_up(second.session);
    world.run_for(SECOND);

    let (_, bye) = world
        .server()
        .bye_of_device(first.session)
        .expect("the older dialog is ended");
    assert!(bye.body().is_empty(), "a page has one receipt");
    assert!(bye.header(HeaderName::Reason).unwrap().contains("another dialog"));
    assert_eq!(world.server().statuses(second.session), [200], "no second tone");
    let receipt = world.receipt(second.session);
    assert_eq!((receipt.played_ms, receipt.expected_ms), (2_000, 2_000));
    assert_eq!(world.open_media.len(), 0);
}

#[test]
fn a_page_of_another_id_does_not_end_the_one_that_plays() {
    let mut world = World::sounding(profile());
    let first = world.page("hall", &[NAMED]);

    let (second, _) = world.call("hall", SecurityOffer::Standard, &[("Oyez-Page", "page-2")]);
    world.run_for(SECOND);

    assert_eq!(world.server().statuses(second), [486]);
    assert!(world.server().bye_of_device(first.session).is_none());
}

#[test]
fn an_earlier_attempt_that_comes_late_does_not_end_the_later_one_of_the_same_page() {
    let mut world = World::sounding(profile());
    let later = world.page("hall", &[NAMED, SECOND_ATTEMPT]);
    world.speak_page(&later, &speech(2 * SECOND));
    world.run_for(SECOND / 2);

    let (earlier, _) = world.call("hall", SecurityOffer::Standard, &[NAMED, FIRST_ATTEMPT]);
    world.run_for(SECOND / 10);

    assert_eq!(world.server().statuses(earlier), [486]);
    assert!(world.server().bye_of_device(later.session).is_none());
    assert!(world.what_sounds().is_some());

    world.page("hall", &[NAMED, (ATTEMPT_HEADER, "3;leg=a1")]);
    assert!(world.server().bye_of_device(later.session).is_some());
}

#[test]
fn a_page_whose_later_attempt_is_over_does_not_come_again_with_an_earlier_one() {
    let mut world = World::sounding(chiming());
    let later = world.page("hall", &[NAMED, SECOND_ATTEMPT]);
    world.hang_up(later.session);
    world.run_for(SECOND);

    let earlier = call(&mut world, "hall", &[NAMED, FIRST_ATTEMPT]);

    assert_eq!(world.server().statuses(earlier), [486]);
    assert!(is_silent(&mut world));
}

#[test]
fn an_earlier_attempt_that_comes_late_does_not_start_an_announcement_again() {
    let mut world = World::sounding(with_alerts());
    let later = world.page("fire", &[SECOND_ATTEMPT]);
    let late = call(&mut world, "fire", &[FIRST_ATTEMPT]);
    assert_eq!(world.server().statuses(late), [486]);
    assert_eq!(world.stops(), [], "it did not begin again");
    world.hang_up(later.session);
    world.input(stop(1));

    let later_still = call(&mut world, "fire", &[FIRST_ATTEMPT]);

    assert_eq!(world.server().statuses(later_still), [486]);
    assert!(is_silent(&mut world));
}

#[test]
fn a_later_attempt_at_an_announcement_is_answered_and_does_not_start_it_again() {
    let mut world = World::sounding(with_alerts());
    world.page("fire", &[FIRST_ATTEMPT]);
    let second = world.page("fire", &[SECOND_ATTEMPT]);
    assert_eq!(world.server().statuses(second.session), [200]);
    assert_eq!(world.stops(), []);
    world.input(stop(1));

    let third = world.page("fire", &[(ATTEMPT_HEADER, "3;leg=a1")]);

    assert_eq!(world.server().statuses(third.session), [200]);
    assert_eq!(world.stops(), [StopReason::Cancelled]);
    assert!(is_silent(&mut world));

    world.page("fire", &[(ATTEMPT_HEADER, "1;leg=a2")]);
    assert_eq!(
        world.what_sounds().and_then(|sounding| sounding.announcement),
        Some(1)
    );
}

#[test]
fn no_second_attempt_at_the_cancel_extension_ends_an_alert_that_came_meanwhile() {
    for (came, late, status) in [
        (SECOND_ATTEMPT, FIRST_ATTEMPT, 486),
        (FIRST_ATTEMPT, SECOND_ATTEMPT, 200),
    ] {
        let mut world = World::sounding(with_alerts());
        world.page("fire", &[]);
        let cancel = world.page("cancel", &[came]);
        world.hang_up(cancel.session);
        world.run_for(SECOND);
        let stops = world.stops();
        assert_eq!(stops.first(), Some(&StopReason::Cancelled));
        world.page("fire", &[]);

        let late = call(&mut world, "cancel", &[late]);

        assert_eq!(world.server().statuses(late), [status]);
        assert_eq!(world.stops(), stops);
        assert_eq!(
            world.what_sounds().and_then(|sounding| sounding.announcement),
            Some(1)
        );
    }
}

/// Calls a user, and lets the device say what it has to say.
fn call(world: &mut World, user: &str, headers: &[(&str, &str)]) -> SessionId {
    let (session, _) = world.call(user, SecurityOffer::Standard, headers);
    world.run_for(SECOND / 10);
    session
}

fn is_silent(world: &mut World) -> bool {
    world.listen(SECOND).iter().all(|sample| *sample == 0)
}
