//! Receipts: who gives them, when, and which are not believed.

use std::time::Duration;

use model::status::{NotHeardReason, Verdict};
use sip::flow::Transport;
use sip::message::{Method, StatusCode};
use sip::user_agent::{Body, Reply};
use switch::{ENDING_MAX, RECEIPT_LENGTH_MAX};

use crate::pages::{end, hall, page};
use crate::phone::{Script, heard, receipt_body};
use crate::world::{World, verdict};

#[test]
fn a_device_that_gives_no_receipts_is_answered_and_never_heard() {
    let mut world = hall(&["foreign"]);
    world.phones[1].script = Script::Answer;

    page(&mut world);
    end(&mut world);

    assert_eq!(
        *verdict(world.report(), "foreign"),
        Verdict::Answered { loss_permille: None }
    );
    assert_eq!(world.report().heard_count(), 0);
}

#[test]
fn the_loss_that_a_device_without_receipts_reports_is_told() {
    for (reported, permille) in [
        (None, None),
        (Some(0), Some(0)),
        (Some(25), Some(25)),
        (Some(u32::MAX), Some(1_000)),
    ] {
        let mut world = hall(&["foreign"]);
        world.phones[1].script = Script::Answer;
        world.reported_lost = reported;

        page(&mut world);
        end(&mut world);

        assert_eq!(
            *verdict(world.report(), "foreign"),
            Verdict::Answered {
                loss_permille: permille
            }
        );
    }
}

#[test]
fn a_receipt_that_was_promised_and_does_not_come_is_waited_for_and_then_missed() {
    let mut world = hall(&["north"]);
    page(&mut world);
    world.phones[1].receipt = None;
    end(&mut world);
    assert!(world.reports().is_empty(), "the receipt may still come");

    world.run(ENDING_MAX);

    assert_eq!(
        *verdict(world.report(), "north"),
        Verdict::NotHeard {
            why: NotHeardReason::NoReceipt
        }
    );
}

#[test]
fn the_report_waits_for_the_slowest_receipt() {
    let mut world = hall(&["north", "south"]);
    page(&mut world);
    world.phones[2].holds_byes = true;
    end(&mut world);
    world.run(Duration::from_millis(500));
    assert!(world.reports().is_empty(), "one is still playing");

    let (transaction, _) = world.phones[2].byes.remove(0);
    let body = receipt_body(world.phones[2].receipt.as_ref().unwrap());
    let now = world.now;
    world.phones[2]
        .agent
        .respond(now, transaction, Reply::new(StatusCode::OK).body(body));
    world.settle();

    assert_eq!(world.report().heard_count(), 2);
}

#[test]
fn a_listener_that_vanishes_does_not_hold_the_report_back_for_ever() {
    let mut world = hall(&["north", "south"]);
    page(&mut world);
    world.phones[2].is_deaf = true;
    end(&mut world);

    world.run(ENDING_MAX);

    assert_eq!(world.report().heard_count(), 1);
    assert_eq!(
        *verdict(world.report(), "south"),
        Verdict::NotHeard {
            why: NotHeardReason::NoReceipt
        }
    );
    assert_eq!(world.open_ports(), 0);
    assert_eq!(world.zone.status(world.now).accounts[0].pages, 0);
}

#[test]
fn a_receipt_may_come_in_an_info() {
    let mut world = hall(&["north"]);
    page(&mut world);
    let body = receipt_body(world.phones[1].receipt.take().as_ref().unwrap());

    send_info(&mut world, body);
    end(&mut world);

    assert_eq!(
        world.phones[1].responses.last().unwrap().status(),
        Some(StatusCode::OK)
    );
    assert_eq!(world.report().heard_count(), 1);
}

#[test]
fn a_receipt_for_another_page_is_not_believed() {
    let mut world = hall(&["north"]);
    page(&mut world);
    world.phones[1].receipt = Some(heard("another-page"));

    end(&mut world);
    world.run(ENDING_MAX);

    assert_eq!(
        *verdict(world.report(), "north"),
        Verdict::NotHeard {
            why: NotHeardReason::NoReceipt
        }
    );
    assert_eq!(world.zone.counters().calls.receipts_refused, 1);
}

#[test]
fn a_receipt_from_the_talker_is_not_believed() {
    let mut world = hall(&["north"]);
    page(&mut world);
    let receipt = world.phones[1].receipt.clone().unwrap();
    let session = world.phones[0].outgoing.unwrap();
    let now = world.now;

    world.phones[0]
        .agent
        .hang_up(now, session, Vec::new(), Some(receipt_body(&receipt)));
    world.settle();

    assert_eq!(world.zone.counters().calls.receipts_refused, 1);
    assert_eq!(world.report().heard_count(), 1, "the listener's own counts");
}

#[test]
fn a_page_whose_last_listener_leaves_its_talker_was_heard_by_nobody() {
    for (reason, heard) in [
        ("Q.850;cause=31;text=\"longest page time reached\"", 0),
        ("preemption;cause=1", 0),
        ("SIP;cause=480", 0),
        ("Q.850;cause=41;text=\"no media received\"", 2),
    ] {
        let mut world = hall(&["north", "south"]);
        page(&mut world);

        for listener in [1, 2] {
            let session = *world.phones[listener].incoming.last().unwrap();
            let receipt = world.phones[listener].receipt.as_ref().map(receipt_body);
            let headers = vec![("Reason".to_owned(), reason.to_owned())];
            let now = world.now;
            let agent = &mut world.phones[listener].agent;
            agent.hang_up(now, session, headers, receipt);
            world.settle();
        }

        assert_eq!(world.report().heard_count(), heard, "{reason}");
    }
}

#[test]
fn a_receipt_is_read_up_to_its_limit_and_not_beyond() {
    for (length, taken) in [(RECEIPT_LENGTH_MAX, 1), (RECEIPT_LENGTH_MAX + 1, 0)] {
        let mut world = hall(&["north"]);
        page(&mut world);
        let mut body = receipt_body(world.phones[1].receipt.take().as_ref().unwrap());
        body.bytes.resize(length, b' ');

        send_info(&mut world, body);

        assert_eq!(world.zone.counters().calls.receipts, taken, "{length} octets");
    }
}

#[test]
fn a_conversation_takes_no_receipts() {
    let mut world = World::new(&["caller", "callee"]);
    world.register("caller", Transport::Tls);
    world.register("callee", Transport::Tls);
    world.phones[1].receipt = Some(heard("any"));
    world.phones[0].call(world.now, "101");
    world.settle();

    end(&mut world);

    assert_eq!(world.zone.counters().calls.receipts_refused, 1);
    assert!(world.reports().is_empty());
}

fn send_info(world: &mut World, body: Body) {
    let session = *world.phones[1].incoming.last().unwrap();
    let now = world.now;
    world.phones[1]
        .agent
        .request_in_session(now, session, Method::Info, Vec::new(), Some(body));
    world.settle();
}
