//! The end of a zone, and whom it knows until then.

use std::time::Duration;

use model::status::{NotHeardReason, Verdict};
use sip::flow::{Flow, Transport};
use sip::message::StatusCode;
use sip::user_agent::EndCause;
use switch::{ENDING_MAX, Input};

use crate::pages::{end, hall, page};
use crate::phone::Script;
use crate::world::{World, reversed, verdict};

#[test]
fn a_zone_without_calls_stops_at_once() {
    let mut world = hall(&["north"]);

    world.input(Input::Shutdown);

    assert!(world.has_stopped);
}

#[test]
fn a_page_under_way_is_ended_with_a_bye_to_each_and_reported_before_the_zone_stops() {
    let mut world = hall(&["north", "south"]);
    page(&mut world);
    world.phones[2].holds_byes = true;

    world.input(Input::Shutdown);

    for phone in 0..2 {
        assert!(matches!(world.phones[phone].ended[..], [EndCause::Bye { .. }]));
    }
    assert!(!world.has_stopped, "a listener has not given its receipt yet");
    world.run(Duration::from_millis(500));
    assert!(!world.has_stopped && world.reports().is_empty());
    world.phones[2].release_byes(world.now);
    world.settle();
    assert!(world.has_stopped);
    assert_eq!(world.report().heard_count(), 2);
}

#[test]
fn a_receipt_that_does_not_come_holds_the_zone_up_for_no_longer_than_the_end_of_a_call() {
    let mut world = hall(&["north"]);
    page(&mut world);
    world.phones[1].receipt = None;
    world.input(Input::Shutdown);
    assert!(!world.has_stopped);

    world.run(ENDING_MAX);

    assert!(world.has_stopped);
    assert_eq!(
        *verdict(world.report(), "north"),
        Verdict::NotHeard {
            why: NotHeardReason::NoReceipt
        }
    );
}

#[test]
fn a_stopping_zone_takes_no_calls() {
    let mut world = hall(&["north"]);
    page(&mut world);
    world.phones[1].receipt = None;
    world.input(Input::Shutdown);

    world.phones[1].call(world.now, "100");
    world.settle();

    assert_eq!(
        world.phones[1].rejected[0].status(),
        Some(StatusCode::SERVICE_UNAVAILABLE)
    );
    assert_eq!(world.zone.counters().calls.refused_other, 1);
}

#[test]
fn a09_a_datagram_peer_is_known_by_its_binding_for_as_long_as_it_has_it() {
    let mut world = World::new(&["desk"]);
    let phone = world.add("desk", Transport::Udp);
    let flow = reversed(world.phones[phone].flow);
    assert!(!world.zone.is_known(&flow));

    for _refresh in 0..2 {
        world.phones[phone].register(world.now);
        world.settle();
        assert!(world.zone.is_known(&flow));
    }
    let beside = Flow {
        remote: (flow.remote.ip(), flow.remote.port() + 1).into(),
        ..flow
    };
    assert!(!world.zone.is_known(&beside), "another port is another peer");

    world.run(Duration::from_secs(3_600));
    assert!(!world.zone.is_known(&flow), "its binding has expired");
}

#[test]
fn a09_a_lost_socket_leaves_no_peer_known() {
    let mut world = World::new(&["desk"]);
    let phone = world.register("desk", Transport::Udp);
    let flow = reversed(world.phones[phone].flow);

    world.input(Input::Closed {
        connection: flow.connection,
    });

    assert!(!world.zone.is_known(&flow));
}

#[test]
fn a09_a_caller_over_datagrams_is_known_while_its_call_lasts() {
    let mut world = World::new(&["talker", "north"]);
    let talker = world.add("talker", Transport::Udp);
    let north = world.register("north", Transport::Tls);
    world.phones[north].script = Script::Endpoint;
    let flow = reversed(world.phones[talker].flow);

    page(&mut world);
    assert!(world.zone.is_known(&flow));
    end(&mut world);

    assert!(!world.zone.is_known(&flow));
}
