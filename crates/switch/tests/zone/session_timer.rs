//! Session timers (RFC 4028) of calls through a zone.

use std::time::Duration;

use media::bridge::Command;
use media::sdp::Negotiated;
use sip::flow::Transport;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::EndCause;

use crate::phone::{MOVED_PORT, Reinvited, owned};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const TIMER: [(&str, &str); 2] = [("Supported", "timer"), ("Session-Expires", "600;refresher=uac")];

/// A conversation whose caller has asked for a session timer.
fn timed_call(headers: &[(&str, &str)]) -> World {
    let mut world = World::new(&["caller", "callee"]);
    world.register("caller", Transport::Tls);
    world.register("callee", Transport::Tls);
    let now = world.now;
    let offer = world.phones[0].offer();
    world.phones[0].call_with(now, "101", headers, Some(offer));
    world.settle();
    world
}

fn session_expires(message: &Message) -> Option<&str> {
    message.header(HeaderName::SessionExpires)
}

#[test]
fn a_call_whose_caller_does_not_refresh_it_ends_for_both() {
    let mut world = timed_call(&TIMER);
    assert_eq!(
        session_expires(&world.phones[0].answers[0]),
        Some("600;refresher=uac")
    );
    assert_eq!(
        session_expires(&world.phones[1].invites[0]),
        None,
        "each leg has its own timer"
    );
    assert!(world.phones[1].invites[0].has_token(HeaderName::Supported, "timer"));

    world.run(567 * SECOND);
    assert!(world.phones[1].ended.is_empty());
    world.run(2 * SECOND);

    assert!(matches!(world.phones[1].ended[..], [EndCause::Bye { .. }]));
    assert_eq!(world.zone.status(world.now).accounts[0].calls, 0);
    world.run(60 * SECOND);
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a_call_whose_caller_refreshes_it_goes_on() {
    let mut world = timed_call(&TIMER);
    for _round in 0..4 {
        world.run(300 * SECOND);
        let (now, session) = (world.now, world.phones[0].outgoing.unwrap());
        let headers = owned(&TIMER);
        let agent = &mut world.phones[0].agent;
        agent.request_in_session(now, session, Method::Update, headers, None);
        world.settle();
        assert_eq!(
            session_expires(world.phones[0].responses.last().unwrap()),
            Some("600;refresher=uac")
        );
    }
    assert!(world.phones[1].ended.is_empty());
}

#[test]
fn a_zone_refreshes_a_call_where_it_is_asked_to() {
    let asked = [("Supported", "timer"), ("Session-Expires", "600;refresher=uas")];
    let mut world = timed_call(&asked);
    assert_eq!(
        session_expires(&world.phones[0].answers[0]),
        Some("600;refresher=uas")
    );

    world.run(3_600 * SECOND);

    assert!(world.phones.iter().all(|phone| phone.ended.is_empty()));
}

#[test]
fn a_timer_below_90_seconds_is_refused() {
    let world = timed_call(&[("Supported", "timer"), ("Session-Expires", "89")]);

    let refused = &world.phones[0].rejected[0];
    assert_eq!(refused.status(), Some(StatusCode::SESSION_INTERVAL_TOO_SMALL));
    assert!(world.phones[1].invites.is_empty());
}

/// What the bridge was told last.
fn connected_last(world: &World) -> &Negotiated {
    let commands = world.media.iter().rev();
    let mut connects = commands.filter_map(|command| match command {
        Command::Connect { negotiated, .. } => Some(negotiated.as_ref()),
        Command::Turn { .. } | Command::Play { .. } | Command::Close { .. } => None,
    });
    connects.next().expect("a leg was joined")
}

/// A conversation in which the zone refreshes the leg of one of both by re-INVITE; that phone answers with `reinvited`.
fn refreshed_call(of_caller: bool, reinvited: Reinvited) -> World {
    let mut world = World::new(&["caller", "callee"]);
    for name in ["caller", "callee"] {
        let phone = world.add(name, Transport::Tls);
        world.phones[phone].reinvited = reinvited;
        world.phones[phone].take_no_update();
        world.phones[phone].register(world.now);
        world.settle();
    }
    let mut headers = Vec::new();
    if of_caller {
        headers.extend([("Supported", "timer"), ("Session-Expires", "600;refresher=uas")]);
    } else {
        world.phones[1].answer_headers = vec![("Session-Expires", "600;refresher=uac"), ("Require", "timer")];
    }
    let (now, offer) = (world.now, world.phones[0].offer());
    world.phones[0].call_with(now, "101", &headers, Some(offer));
    world.settle();
    world.run(301 * SECOND);
    world
}

#[test]
fn media_that_move_in_the_answer_to_a_refresh_are_followed() {
    for of_caller in [true, false] {
        let world = refreshed_call(of_caller, Reinvited::Moved);

        let phone = &world.phones[usize::from(!of_caller)];
        let ours = connected_last(&world);
        let theirs = phone.negotiated.last().unwrap();
        assert_eq!(ours.remote_rtp.port(), MOVED_PORT, "of the caller: {of_caller}");
        let (ours, theirs) = (ours.crypto.as_ref().unwrap(), theirs.crypto.as_ref().unwrap());
        assert_eq!((&ours.send, &ours.receive), (&theirs.receive, &theirs.send));
        assert_eq!(world.plane_refusals, []);
        assert!(world.phones.iter().all(|phone| phone.ended.is_empty()));
    }
}

#[test]
fn who_declines_all_media_in_the_answer_to_a_refresh_is_hung_up_on() {
    for of_caller in [true, false] {
        let mut world = refreshed_call(of_caller, Reinvited::Declined);

        for phone in &world.phones {
            assert!(matches!(phone.ended[..], [EndCause::Bye { .. }]));
        }
        world.run(60 * SECOND);
        assert_eq!(world.open_ports(), 0);
    }
}

#[test]
fn who_answers_a_refresh_without_a_description_goes_on_as_before() {
    let world = refreshed_call(true, Reinvited::Undescribed);

    assert!(world.phones.iter().all(|phone| phone.ended.is_empty()));
}
