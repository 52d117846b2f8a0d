//! A device with two flows of which one is slow or dead: it is called over both, and heard over one.

use std::time::Duration;

use media::sdp;
use model::{ATTEMPT_HEADER, Attempt};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use sip::flow::Transport;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Body, EndCause, Reply};
use switch::FLOW_ANSWER_MAX;

use crate::phone::{Script, owned, page_of};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The first phone, which talks.
const TALKER: usize = 0;
/// The flow of the device that is called first, and the other one.
const FIRST: usize = 2;
const OTHER: usize = 1;

/// A page to a device of two flows, of which the one that is called first is slow.
fn page(other: Script) -> World {
    dial("700", other, Transport::Tls)
}

/// A call to a device of two flows, of which the one that is called first is slow, and over TLS.
fn dial(extension: &str, other: Script, other_transport: Transport) -> World {
    let mut world = World::new(&["talker", "north"]);
    world.register("talker", Transport::Tls);
    for (number, transport) in [(1, other_transport), (2, Transport::Tls)] {
        let phone = world.add("north", transport);
        let contact = world.phones[phone].contact();
        let contact = format!("{contact};+sip.instance=\"<urn:uuid:1>\";reg-id={number}");
        world.run(SECOND);
        let headers = [("Contact", contact.as_str()), ("Supported", "path, outbound")];
        world.phones[phone].register_with(world.now, &headers);
        world.settle();
        world.phones[phone].script = Script::Endpoint;
    }
    world.phones[OTHER].script = other;
    world.phones[FIRST].late = Some(Vec::new());
    let now = world.now;
    world.phones[TALKER].call(now, extension);
    world.settle();
    world
}

fn release(world: &mut World, phone: usize) {
    let now = world.now;
    world.phones[phone].release_late(now);
    world.settle();
}

/// Lets a phone end the call that it was called for first.
fn hang_up(world: &mut World, phone: usize, headers: &[(&str, &str)]) {
    let (now, session) = (world.now, world.phones[phone].incoming[0]);
    world.phones[phone]
        .agent
        .hang_up(now, session, owned(headers), None);
    world.settle();
}

fn attempt(invite: &Message) -> Attempt {
    let header = invite.header(HeaderName::Other(ATTEMPT_HEADER));
    header.expect("it says which attempt it is").parse().unwrap()
}

fn is_in_call(world: &World, phone: usize) -> bool {
    !world.phones[phone].invites.is_empty() && world.phones[phone].ended.is_empty()
}

#[test]
fn a_device_that_says_nothing_for_300_ms_is_called_over_its_other_flow_as_well_and_not_before() {
    let mut world = page(Script::Endpoint);
    world.run(FLOW_ANSWER_MAX - MILLISECOND);
    assert!(world.phones[OTHER].invites.is_empty());

    world.run(MILLISECOND);

    let second = &world.phones[OTHER].invites[0];
    assert_eq!(attempt(second).number, 2);
    assert_eq!(world.phones[TALKER].answers.len(), 1);
    assert_eq!(world.zone.counters().legs.other_flow, 1);

    // The first one was only slow. It is cancelled or hung up on, and the page goes on.
    release(&mut world, FIRST);
    world.run(SECOND);
    let first = &world.phones[FIRST].invites[0];
    let second = &world.phones[OTHER].invites[0];
    assert_eq!(attempt(first).number, 1);
    assert_eq!(attempt(first).leg, attempt(second).leg);
    assert_eq!(page_of(first), page_of(second));
    assert!(!is_in_call(&world, FIRST) && is_in_call(&world, OTHER));
    assert_eq!(world.joined().len(), 2, "the talker and one listener");
}

#[test]
fn a_device_that_says_100_or_180_in_time_is_called_over_one_flow_only() {
    // An agent sends 100 by itself after 200 ms.
    for (script, after) in [(Script::Ignore, 0), (Script::Ring, 299)] {
        let mut world = page(Script::Endpoint);
        world.phones[FIRST].script = script;
        world.run(after * MILLISECOND);
        release(&mut world, FIRST);

        world.run(5 * SECOND);

        assert!(world.phones[OTHER].invites.is_empty(), "{script:?}");
        assert!(is_in_call(&world, FIRST));
    }
}

#[test]
fn a_slow_flow_still_reaches_the_device_whose_other_flow_is_dead() {
    let mut world = page(Script::Endpoint);
    world.phones[OTHER].is_deaf = true;
    world.run(2 * FLOW_ANSWER_MAX);

    release(&mut world, FIRST);

    assert_eq!(world.phones[TALKER].answers.len(), 1);
    world.run(60 * SECOND);
    assert!(is_in_call(&world, FIRST));
}

#[test]
fn the_later_attempt_takes_over_from_the_earlier_one_that_was_answered_before() {
    let mut world = page(Script::Endpoint);
    world.phones[OTHER].late = Some(Vec::new());
    world.run(2 * FLOW_ANSWER_MAX);
    release(&mut world, FIRST);
    assert!(is_in_call(&world, FIRST));

    release(&mut world, OTHER);

    assert!(matches!(world.phones[FIRST].ended[..], [EndCause::Bye { .. }]));
    assert!(is_in_call(&world, OTHER));
    let legs: Vec<_> = world.joined().into_iter().map(|(leg, _)| leg).collect();
    assert_eq!(legs.len(), 3);
    assert_eq!(legs[1], legs[2], "one leg, whose media have moved");
    assert_eq!(world.plane_refusals, []);
    assert_eq!(world.zone.counters().legs.answered, 1, "it is one leg");
}

#[test]
fn an_endpoint_that_has_gone_over_to_the_later_attempt_stays_on_the_page() {
    let mut world = page(Script::Endpoint);
    world.phones[OTHER].late = Some(Vec::new());
    world.run(2 * FLOW_ANSWER_MAX);
    release(&mut world, FIRST);
    let now = world.now;
    let moves = "SIP;cause=200;text=\"page continues in another dialog\"";
    hang_up(&mut world, FIRST, &[("Reason", moves)]);
    assert!(world.reports().is_empty());

    release(&mut world, OTHER);

    assert!(is_in_call(&world, OTHER));
    world.phones[TALKER].hang_up(now);
    world.settle();
    world.run(40 * SECOND);
    let entry = &world.report().listeners[0];
    assert_eq!((entry.devices, entry.heard_devices), (1, 1));
    assert_eq!(world.open_ports(), 0);
}

#[test]
fn a_device_that_hangs_up_has_done_with_both_attempts() {
    let busy = "preemption;cause=1;text=\"emergency alert takes its place\"";
    for (extension, reason) in [("700", Some(("Reason", busy))), ("700", None), ("101", None)] {
        let mut world = dial(extension, Script::Endpoint, Transport::Tls);
        world.phones[OTHER].is_deaf = true;
        world.run(2 * FLOW_ANSWER_MAX);
        release(&mut world, FIRST);
        assert!(is_in_call(&world, FIRST));
        world.run(SECOND);

        hang_up(&mut world, FIRST, reason.as_slice());

        assert_eq!(world.phones[TALKER].ended.len(), 1, "{extension} {reason:?}");
        world.run(60 * SECOND);
        assert_eq!(world.open_ports(), 0);
    }
}

#[test]
fn a_phone_that_has_answered_a_call_does_not_ring_for_it_over_its_other_flow() {
    let mut world = dial("101", Script::Ring, Transport::Tls);
    world.phones[OTHER].late = Some(Vec::new());
    world.run(2 * FLOW_ANSWER_MAX);
    release(&mut world, FIRST);
    assert!(is_in_call(&world, FIRST));

    release(&mut world, OTHER);

    assert!(is_in_call(&world, FIRST));
    let rings = &world.phones[OTHER].ended;
    assert!(matches!(rings[..], [EndCause::Cancelled { .. }]), "{rings:?}");
}

#[test]
fn a_leg_keeps_the_security_of_the_flow_that_it_was_answered_over() {
    let mut world = dial("700", Script::Endpoint, Transport::Tcp);
    world.phones[OTHER].late = Some(Vec::new());
    world.run(2 * FLOW_ANSWER_MAX);
    release(&mut world, FIRST);
    assert!(is_in_call(&world, FIRST));

    let changed = world.phones[FIRST].local_media(1);
    let (offer, _) = sdp::offer(&changed, &mut ChaCha20Rng::from_seed([3; 32])).unwrap();
    let now = world.now;
    let session = world.phones[FIRST].incoming[0];
    world.phones[FIRST].agent.request_in_session(
        now,
        session,
        Method::Invite,
        Vec::new(),
        Some(Body::sdp(offer)),
    );
    world.settle();

    let response = world.phones[FIRST].responses.last().unwrap();
    assert_eq!(response.status(), Some(StatusCode::OK));
    assert!(String::from_utf8_lossy(response.body()).contains("RTP/SAVP"));
}

#[test]
fn a_refusal_over_one_flow_leaves_the_attempt_over_the_other() {
    let mut world = page(Script::Ignore);
    world.run(FLOW_ANSWER_MAX);
    let (now, session) = (world.now, world.phones[OTHER].incoming[0]);
    let busy = Reply::new(StatusCode::BUSY_HERE);
    world.phones[OTHER].agent.reject(now, session, busy);
    world.settle();

    release(&mut world, FIRST);

    assert_eq!(world.phones[TALKER].answers.len(), 1);
    assert!(is_in_call(&world, FIRST));
}

#[test]
fn a_page_that_ends_ends_both_attempts() {
    let mut world = page(Script::Ignore);
    world.run(SECOND);
    let now = world.now;
    world.phones[TALKER].hang_up(now);
    world.settle();
    release(&mut world, FIRST);
    world.run(SECOND);

    for phone in [FIRST, OTHER] {
        assert!(!is_in_call(&world, phone), "{:?}", world.phones[phone].ended);
    }
    world.run(60 * SECOND);
    assert_eq!(world.open_ports(), 0);
    assert_eq!(world.report().listeners[0].devices, 1);
}
