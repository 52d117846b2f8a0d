//! Requests that are too large for a datagram (RFC 3261 section 18.1.1).

use std::time::Duration;

use endpoint::{Input, Profile};
use model::status::Cause;
use sip::flow::Transport;
use sip::user_agent::DATAGRAM_MAX;

use crate::server::Registrar;
use crate::world::{Reach, World, profile};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_register_that_fits_a_datagram_is_one_and_a_larger_takes_a_stream() {
    for (profile, expected) in [(datagram_profile(), "UDP"), (large_profile(), "TCP")] {
        let world = World::registered(profile);

        assert_eq!(transport(&world), expected);
    }
}

#[test]
fn a_server_without_tcp_gets_a_large_datagram() {
    for reach in [Reach::Fails(Cause::TcpRefused), Reach::BlackHole] {
        let mut world = World::new(large_profile(), Registrar::challenging("secret"));
        world.tcp_reach = Some(reach);

        world.begin();
        world.run_for(3 * SECOND);

        assert_eq!(world.shown(0), "Successful");
        assert_eq!(transport(&world), "UDP");
        assert!(world.server().accepted[0].as_bytes().len() > DATAGRAM_MAX);
    }
}

#[test]
fn nothing_is_called_a_failure_while_the_stream_is_made() {
    let mut world = World::new(large_profile(), Registrar::Accepts { expires: 600 });
    world.tcp_reach = Some(Reach::After(SECOND));

    world.begin();
    world.run_for(SECOND / 2);
    assert_eq!((world.shown(0), world.cause(0)), ("Connecting", None));

    world.run_for(SECOND);
    assert_eq!(world.shown(0), "Successful");
    assert_eq!(world.server().registers.len(), 1);
}

#[test]
fn a_stream_that_breaks_is_made_again() {
    let mut world = World::registered(large_profile());
    let broken = world.flows.pop().unwrap();

    world.input(Input::Closed {
        connection: broken.connection,
    });
    world.run_for(3 * SECOND);

    assert_eq!(world.shown(0), "Successful");
    assert_eq!(transport(&world), "TCP");
    assert_eq!(world.server().accepted.len(), 2);
}

fn datagram_profile() -> Profile {
    let mut profile = profile();
    profile.targets[0].transport = Some(Transport::Udp);
    profile
}

/// A device whose REGISTER is larger than a datagram may be.
fn large_profile() -> Profile {
    let mut profile = datagram_profile();
    profile.instance = Some("x".repeat(DATAGRAM_MAX));
    profile
}

/// Over what the device is registered.
fn transport(world: &World) -> String {
    let target = world.registration(0).target.expect("it registered somewhere");
    target.transport
}
