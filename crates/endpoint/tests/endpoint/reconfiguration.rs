//! Another profile for a running device: what stays, what registers anew, what needs another start.

use std::time::Duration;

use endpoint::{Input, Profile, Reconfigured};
use model::config::PriorityTrust;
use model::status::{Cause, DeviceEvent, ProvisioningStep, TargetRole};
use model::{SlotKind, SlotPosition};

use crate::multicast::{Speaker, receiver, speak};
use crate::server::Registrar;
use crate::world::{SECONDARY, World, profile, slot, target};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_new_slot_registers_and_the_others_stay_as_they_are() {
    let mut world = World::registered(profile());
    let mut wider = profile();
    wider.slots.push(slot(ring(1), "bell"));

    world.reconfigure(wider);
    world.run_for(SECOND);

    assert_eq!(world.shown(1), "Successful");
    assert_eq!(registered_users(&mut world), ["hall", "bell"]);
}

#[test]
fn a_removed_slot_takes_its_binding_back_and_is_shown_no_more() {
    let mut two = profile();
    two.slots.push(slot(ring(1), "bell"));
    let mut world = World::registered(two);
    world.run_for(SECOND);

    world.reconfigure(profile());
    world.run_for(SECOND);

    assert_eq!(expiries(&mut world, "bell").last(), Some(&Some(0)));
    let slots = world.device.status(world.now).slots;
    assert_eq!(slots.len(), 1);
    assert_eq!(world.shown(0), "Successful");
    assert_eq!(expiries(&mut world, "hall").len(), 1, "it was left alone");
}

#[test]
fn a_slot_that_was_removed_can_come_back() {
    let mut two = profile();
    two.slots.push(slot(ring(1), "bell"));
    let mut world = World::registered(two.clone());
    world.reconfigure(profile());
    world.run_for(SECOND);

    world.reconfigure(two);
    world.run_for(SECOND);

    assert_eq!(world.shown(1), "Successful");
}

#[test]
fn another_password_registers_that_slot_anew() {
    let mut wrong = profile();
    wrong.slots.push(slot(ring(1), "bell"));
    if let Some(account) = &mut wrong.slots[1].account {
        account.password = Some("forgotten".into());
    }
    let mut world = World::new(wrong, Registrar::challenging("secret"));
    world.begin();
    world.run_for(SECOND);
    assert_eq!(
        (world.shown(0), world.shown(1)),
        ("Successful", "Rejected by Server")
    );

    let mut right = profile();
    right.slots.push(slot(ring(1), "bell"));
    world.reconfigure(right);
    world.run_for(SECOND);

    assert_eq!((world.shown(0), world.shown(1)), ("Successful", "Successful"));
}

/// The seed asks for it: credentials that came into the page slot are moved to a ring slot by hand.
#[test]
fn credentials_moved_to_another_slot_register_there_after_they_have_left_the_first() {
    let mut world = World::registered(profile());
    let mut moved = profile();
    moved.slots = vec![slot(ring(1), "hall")];

    world.reconfigure(moved);
    world.run_for(SECOND);

    assert_eq!(expiries(&mut world, "hall"), [Some(3600), Some(0), Some(3600)]);
    let slots = world.device.status(world.now).slots;
    assert_eq!((slots.len(), slots[0].kind), (1, SlotKind::Ring));
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn what_concerns_sound_alone_changes_without_a_register() {
    let mut world = World::registered(profile());
    let before = world.server().registers.len();
    let mut quiet = profile();
    quiet.sound.page_volume_db = -12.0;
    quiet.priority = PriorityTrust::Never;

    world.reconfigure(quiet);
    world.run_for(SECOND);

    assert_eq!(world.server().registers.len(), before);
}

#[test]
fn a_page_goes_on_while_its_slot_gets_another_account() {
    let mut world = World::sounding(profile());
    let page = world.page("hall", &[]);
    let mut other = profile();
    other.slots = vec![slot(SlotPosition::BASE_PAGE, "lobby")];

    world.reconfigure(other);
    world.run_for(SECOND);

    assert!(!world.closed_media.contains(&page.call));
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn other_servers_need_a_restart_and_change_nothing() {
    let mut world = World::registered(profile());
    let mut elsewhere = profile();
    elsewhere.targets = vec![target(TargetRole::Primary, SECONDARY)];
    elsewhere.slots = Vec::new();

    assert_eq!(
        world.device.reconfigure(world.now, elsewhere),
        Reconfigured::NeedsRestart
    );

    world.run_for(SECOND);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_multicast_page_that_is_heard_makes_a_restart_wait_and_music_does_not() {
    for (zone, waits) in [(9, true), (1, true), (7, false)] {
        let mut world = World::sounding(receiver());
        let mut speaker = Speaker::new(zone, "192.0.2.77:4000");
        speak(&mut world, &mut [&mut speaker], SECOND);
        assert!(world.what_sounds().is_some());

        assert_eq!(world.device.is_busy(), waits, "zone {zone}");

        world.run_for(2 * SECOND);
        assert!(!world.device.is_busy());
    }
}

#[test]
fn a_device_without_account_shows_the_step_at_which_provisioning_failed_until_it_has_one() {
    let mut empty = profile();
    empty.slots = Vec::new();
    let mut world = World::new(empty, Registrar::Accepts { expires: 3600 });
    world.begin();

    world.input(Input::Provisioning(Some(ProvisioningStep::Download)));
    world.run_for(SECOND);

    let step = ProvisioningStep::Download;
    assert_eq!(world.shown(0), "Assisted Provisioning Failed");
    assert_eq!(world.cause(0), Some(Cause::Provisioning { step }));
    let told = world.events.iter().filter(|(_, event)| {
        matches!(event, DeviceEvent::RegistrationChanged { registration, .. } if registration.cause.is_some())
    });
    assert_eq!(told.count(), 1);
    world.reconfigure(profile());
    world.run_for(SECOND);
    assert_eq!(
        (world.shown(0), world.device.status(world.now).slots.len()),
        ("Successful", 1)
    );
}

#[test]
fn a_device_that_is_leaving_registers_nothing_new() {
    let mut world = World::registered(profile());
    world.input(Input::Shutdown);
    let mut wider = profile();
    wider.slots.push(slot(ring(1), "bell"));

    world.reconfigure(wider);
    world.run_for(5 * SECOND);

    assert!(world.stopped);
    assert_eq!(expiries(&mut world, "bell"), []);
}

fn ring(port: u8) -> SlotPosition {
    SlotPosition::new(SlotKind::Ring, port).unwrap()
}

fn registered_users(world: &mut World) -> Vec<String> {
    let accepted = &world.server().accepted;
    accepted
        .iter()
        .map(|register| register.to().unwrap().uri().user().unwrap().to_owned())
        .collect()
}

/// The lifetimes that a user's accepted REGISTERs asked for, in their order.
fn expiries(world: &mut World, user: &str) -> Vec<Option<u32>> {
    let accepted = &world.server().accepted;
    accepted
        .iter()
        .filter(|register| register.to().unwrap().uri().user() == Some(user))
        .map(|register| register.expires())
        .collect()
}

impl World {
    fn reconfigure(&mut self, profile: Profile) {
        assert_eq!(self.device.reconfigure(self.now, profile), Reconfigured::InPlace);
        self.pump();
    }
}
