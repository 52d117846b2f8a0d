//! Registration statuses, their causes, and recovery from each.

use std::time::Duration;

use crate::server::Registrar;
use crate::world::{World, profile};

#[test]
fn a_slot_registers_by_digest_and_shows_successful() {
    let mut world = World::new(profile(), Registrar::challenging("secret"));

    world.begin();
    world.run_for(Duration::from_secs(1));

    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.server().registers.len(), 2, "one challenged, one answered");
}
