//! What a receipt says of the sink and of the network.

use std::time::Duration;

use endpoint::Input;
use model::status::{Receipt, SinkHealth};

use crate::world::{World, profile, speech};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_fault_between_two_takings_of_the_sink_is_in_the_receipt() {
    let mut world = World::sounding(profile());

    let receipt = page(&mut world, |world| {
        world.input(Input::Sink(SinkHealth::Faulty {
            reason: "the output has stalled".to_owned(),
        }));
        world.input(Input::Sink(SinkHealth::Healthy));
    });

    assert!(!receipt.sink_healthy);
}

#[test]
fn a_fault_before_the_answer_that_is_mended_is_not() {
    let mut world = World::sounding(profile());
    world.input(Input::Sink(SinkHealth::Faulty {
        reason: "unplugged".to_owned(),
    }));
    world.input(Input::Sink(SinkHealth::Healthy));

    assert!(page(&mut world, |_| {}).sink_healthy);
}

#[test]
fn a_fault_of_before_that_is_mended_before_the_first_words_is_not() {
    let mut world = World::sounding(profile());
    let faulty = || SinkHealth::Faulty {
        reason: "the output led nowhere".to_owned(),
    };
    world.input(Input::Sink(faulty()));
    world.input(Input::Muted(true));
    let named = world.page("hall", &[("Oyez-Page", "page-1")]);
    world.run_for(SECOND);
    world.input(Input::Sink(faulty()));
    world.input(Input::Sink(SinkHealth::Healthy));
    world.input(Input::Muted(false));

    world.speak_page(&named, &speech(SECOND));
    world.run_for(SECOND);
    world.hang_up(named.session);
    world.run_for(SECOND);

    let receipt = world.receipt(named.session);
    assert!(receipt.sink_healthy && !receipt.muted, "{receipt:?}");
    assert!(receipt.played_ms >= 900, "{receipt:?}");
}

#[test]
fn a_fault_during_the_first_words_is_in_the_receipt() {
    let mut world = World::sounding(profile());
    world.input(Input::Sink(SinkHealth::Faulty {
        reason: "unplugged".to_owned(),
    }));
    world.input(Input::Muted(true));

    let receipt = page(&mut world, |world| {
        world.input(Input::Sink(SinkHealth::Healthy));
        world.input(Input::Muted(false));
    });

    assert!(!receipt.sink_healthy && receipt.muted, "{receipt:?}");
}

#[test]
fn packets_that_come_late_in_the_middle_are_told_as_an_interruption() {
    let mut world = World::sounding(profile());
    world.late_packets = 50..75;

    let receipt = page(&mut world, |_| {});

    assert_eq!((receipt.lost, receipt.concealed_ms), (0, 0));
    assert!((400..=500).contains(&receipt.interrupted_ms), "{receipt:?}");
}

#[test]
fn neither_the_silence_before_the_first_packet_nor_that_after_the_last_is_an_interruption() {
    let mut world = World::sounding(profile());
    let named = world.page("hall", &[("Oyez-Page", "page-1")]);
    world.run_for(2 * SECOND);
    world.speak_page(&named, &speech(SECOND));
    world.run_for(3 * SECOND);
    world.hang_up(named.session);
    world.run_for(SECOND);

    assert_eq!(world.receipt(named.session).interrupted_ms, 0);
}

#[test]
fn lost_packets_are_concealed_and_no_interruption() {
    let mut world = World::sounding(profile());
    world.lost_packets = 50..75;

    let receipt = page(&mut world, |_| {});

    assert_eq!(receipt.lost, 25);
    assert!(receipt.concealed_ms >= 400, "{receipt:?}");
    assert!(receipt.interrupted_ms <= 60, "{receipt:?}");
}

/// Two seconds of a page with something happening after the first; gives its receipt.
fn page(world: &mut World, meanwhile: impl FnOnce(&mut World)) -> Receipt {
    let page = world.page("hall", &[("Oyez-Page", "page-1")]);
    let begun = world.now;
    world.speak_page(&page, &speech(2 * SECOND));
    world.run_for(SECOND);
    meanwhile(world);
    world.run_for(begun + 2 * SECOND - world.now);
    world.hang_up(page.session);
    world.run_for(SECOND);
    world.receipt(page.session)
}
