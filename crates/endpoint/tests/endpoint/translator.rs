//! Devices behind an address translator that gives them another address.

use std::time::Duration;

use endpoint::Profile;
use model::{SlotKind, SlotPosition};
use sip::flow::Transport;
use sip::message::HeaderName;

use crate::server::Registrar;
use crate::world::{World, address, profile, slot};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Longer than from one keep-alive to the next.
const KEEPALIVE: Duration = Duration::from_secs(25);

const BEFORE: &str = "203.0.113.1:10000";
const AFTER: &str = "203.0.113.1:10001";

#[test]
fn a_device_that_was_given_another_address_registers_anew_once() {
    let mut world = translated(over_datagrams());
    world.run_for(MINUTE);
    assert_eq!(
        world.server().registers.len(),
        1,
        "keep-alives alone change nothing"
    );

    world.translated_to = Some(address(AFTER));
    world.run_for(MINUTE);

    assert_eq!(world.server().registers.len(), 2);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_slot_registers_anew_although_another_one_has_already_told_the_new_address() {
    let mut profile = over_datagrams();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm"));
    let mut world = translated(profile);
    let (first, second) = (until_refresh(&world, 0), until_refresh(&world, 1));
    assert!(
        first.abs_diff(second) > SECOND + KEEPALIVE,
        "{first:?} and {second:?}"
    );
    world.run_for(first.min(second) - MILLISECOND);

    world.translated_to = Some(address(AFTER));
    let before = world.server().registers.len();
    world.run_for(SECOND);
    assert_eq!(
        world.server().registers.len(),
        before + 1,
        "one refreshes by itself"
    );
    world.run_for(KEEPALIVE);

    let users: Vec<String> = world.server().registers[before..]
        .iter()
        .map(|(_, register)| register.header(HeaderName::To).unwrap().to_owned())
        .collect();
    assert_eq!(users.len(), 2, "{users:?}");
    assert_ne!(users[0], users[1]);
}

#[test]
fn slots_that_were_told_of_by_one_address_each_come_to_rest() {
    let mut profile = over_datagrams();
    profile
        .slots
        .push(slot(SlotPosition::new(SlotKind::Alert, 1).unwrap(), "alarm"));
    let mut world = translated(profile);
    world.run_for(MINUTE);

    world.translated_to = Some(address(AFTER));
    world.run_for(10 * MINUTE);

    assert_eq!(
        world.server().registers.len(),
        4,
        "each of the two has registered twice"
    );
}

fn over_datagrams() -> Profile {
    let mut profile = profile();
    profile.targets[0].transport = Some(Transport::Udp);
    profile
}

/// A device that is registered from an address of its translator's.
fn translated(profile: Profile) -> World {
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    world.translated_to = Some(address(BEFORE));
    world.begin();
    world.run_for(SECOND);
    assert_eq!(world.shown(0), "Successful");
    world
}

fn until_refresh(world: &World, slot: usize) -> Duration {
    Duration::from_millis(world.registration(slot).next_try_ms.unwrap())
}
