//! Session timers (RFC 4028) of calls to a device.

use std::time::Duration;

use media::sdp::SecurityOffer;
use sip::message::{HeaderName, Method};

use crate::world::{Page, World, profile, speech};

const TIMER: [(&str, &str); 2] = [("Supported", "timer"), ("Session-Expires", "90;refresher=uac")];

/// A page that goes on for four minutes, of a caller that asks for a session timer of 90 s.
fn timed_page() -> (World, Page) {
    let mut world = World::sounding(profile());
    let page = world.page("hall", &TIMER);
    world.speak_page(&page, &speech(Duration::from_secs(240)));
    (world, page)
}

#[test]
fn a_page_whose_caller_does_not_refresh_its_session_ends() {
    let (mut world, page) = timed_page();
    let (_, answer) = world.server().answered_at(page.session).unwrap();
    let told = answer.header(HeaderName::SessionExpires);
    assert_eq!(told, Some("90;refresher=uac"));

    world.run_for(Duration::from_secs(59));
    assert!(world.what_sounds().is_some());
    world.run_for(Duration::from_secs(2));

    assert!(world.what_sounds().is_none());
    assert_eq!(world.device.agent_counters().expired, 1);
    assert_eq!(world.device.holdings().sessions, 0);
}

#[test]
fn a_page_whose_caller_refreshes_its_session_goes_on() {
    let (mut world, page) = timed_page();
    for _round in 0..4 {
        world.run_for(Duration::from_secs(45));
        let now = world.now;
        let headers = TIMER.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let agent = &mut world.server().agent;
        agent.request_in_session(now, page.session, Method::Update, headers.to_vec(), None);
        world.pump();
    }

    assert!(world.what_sounds().is_some());
    let statuses: Vec<u16> = world
        .server()
        .responses
        .iter()
        .map(|(status, _)| *status)
        .collect();
    assert_eq!(statuses, [200; 4]);
}

#[test]
fn a_session_timer_that_is_too_short_is_refused_before_anything_sounds() {
    let mut world = World::sounding(profile());
    let headers = [("Supported", "timer"), ("Session-Expires", "89")];

    let (session, _) = world.call("hall", SecurityOffer::Standard, &headers);
    world.run_for(Duration::from_secs(1));

    assert_eq!(world.server().statuses(session), [422]);
    assert!(world.what_sounds().is_none());
}
