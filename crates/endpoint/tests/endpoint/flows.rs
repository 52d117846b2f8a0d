//! Flows to two servers at once (RFC 5626): who gets one, what becomes of calls when one is lost, and how the device moves back.

use std::time::Duration;

use endpoint::{Input, Profile, UplinkTimes};
use media::sdp::SecurityOffer;
use model::status::{Cause, TargetRole};
use sip::message::{HeaderName, Message, Method};
use sip::user_agent::SessionId;

use crate::server::Registrar;
use crate::world::{PRIMARY, Reach, SECONDARY, World, account, mirrored, offer, profile, speech, target};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const NODE: &str = "192.0.2.30:5061";
const THIRD: &str = "192.0.2.40:5061";

#[test]
fn a_device_registers_with_both_servers_at_once_by_the_same_instance_and_other_numbers() {
    let world = &mut registered();

    let contact_at = |world: &mut World, at: &str| {
        let contact = last_register(world, at)
            .header(HeaderName::Contact)
            .map(str::to_owned);
        contact.expect("a REGISTER has a Contact")
    };
    let (first, second) = (contact_at(world, PRIMARY), contact_at(world, SECONDARY));
    let instance = "+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"";
    assert!(first.contains(&format!("{instance};reg-id=1")), "{first}");
    assert!(second.contains(&format!("{instance};reg-id=2")), "{second}");
    let call_ids =
        [PRIMARY, SECONDARY].map(|at| last_register(world, at).call_id().expect("it has one").to_owned());
    assert_ne!(call_ids[0], call_ids[1]);
    assert_eq!(role(world), TargetRole::Primary);
}

#[test]
fn a_server_that_does_not_confirm_outbound_gets_all_the_device_has() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.begin();

    world.run_for(5 * MINUTE);

    assert_eq!(world.connects.len(), 1);
}

#[test]
fn when_the_first_server_is_lost_the_second_serves_without_a_word() {
    let mut world = registered();
    let before = world.server_at(SECONDARY).registers.len();

    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.close_connections(PRIMARY);

    assert_eq!(
        (world.shown(0), role(&world)),
        ("Successful", TargetRole::Secondary)
    );
    assert_eq!(world.server_at(SECONDARY).registers.len(), before);
    world.run_for(5 * MINUTE);
    assert_eq!(world.shown(0), "Successful");
}

#[test]
fn a_call_comes_over_either_flow_at_any_time() {
    let mut world = registered();
    assert_called_over_both(&mut world);
}

#[test]
fn a_page_that_comes_over_both_flows_sounds_once() {
    let mut world = registered();
    let page = [("Oyez-Page", "page-1")];
    let first = call_over(&mut world, PRIMARY, &page);
    world.run_for(SECOND);

    let second = call_over(&mut world, SECONDARY, &page);
    world.run_for(SECOND);

    assert_eq!(world.server_at(SECONDARY).statuses(second).last(), Some(&200));
    assert!(
        world.server_at(PRIMARY).bye_of_device(first).is_some(),
        "the older dialog ends"
    );
    let sounding = world.open_media.len();
    assert_eq!(sounding, 1);
}

#[test]
fn a_frozen_server_is_left_within_six_seconds_and_a_frozen_spare_within_half_a_minute() {
    let mut world = registered();
    world.run_for(MINUTE);
    let first = world.flow();

    world.frozen.push(first.connection);
    world.set_reach(PRIMARY, Reach::BlackHole);
    world.run_for(6 * SECOND);
    assert_eq!(
        (world.shown(0), role(&world)),
        ("Successful", TargetRole::Secondary)
    );

    // The server left behind is the spare.
    world.set_reach(PRIMARY, Reach::Open);
    world.run_for(3 * MINUTE);
    assert_eq!(role(&world), TargetRole::Primary);
    let spare = world.flow_to(SECONDARY).expect("the spare is up");
    world.frozen.push(spare.connection);
    world.run_for(31 * SECOND);
    assert_ne!(
        world.flow_to(SECONDARY).map(|flow| flow.connection),
        Some(spare.connection)
    );
    assert_eq!(
        (world.shown(0), role(&world)),
        ("Successful", TargetRole::Primary)
    );
}

#[test]
fn a_server_that_freezes_before_its_first_answer_to_a_ping_is_left_as_well() {
    let mut world = registered();
    let first = world.flow();

    world.frozen.push(first.connection);
    world.set_reach(PRIMARY, Reach::BlackHole);
    world.run_for(6 * SECOND);

    assert_eq!(
        (world.shown(0), role(&world)),
        ("Successful", TargetRole::Secondary)
    );
}

#[test]
fn the_device_moves_back_after_a_minute_and_not_during_a_call_and_keeps_both_flows() {
    let mut world = registered();
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.close_connections(PRIMARY);
    world.start_sink();
    let session = call_over(&mut world, SECONDARY, &[]);
    world.run_for(SECOND);
    let call = *world.media_opened.last().expect("a socket was opened");
    let (_, pending) = offer(SecurityOffer::Standard);
    world.speak(session, &pending, call, &speech(4 * MINUTE));
    world.set_reach(PRIMARY, Reach::Open);

    let connects = world.connects.len();
    world.run_until(3 * MINUTE, |world| {
        world.connects.len() > connects && world.flow_to(PRIMARY).is_some()
    });
    world.run_for(SECOND);
    assert!(!world.server().accepted.is_empty());
    world.run_for(61 * SECOND);
    assert_eq!(role(&world), TargetRole::Secondary, "a call is under way");
    assert!(world.server_at(SECONDARY).bye_of_device(session).is_none());

    hang_up(&mut world, SECONDARY, session);
    world.run_for(5 * SECOND);
    assert_eq!(
        (world.shown(0), role(&world)),
        ("Successful", TargetRole::Primary)
    );
    assert!(world.flow_to(SECONDARY).is_some());
    assert_called_over_both(&mut world);
}

#[test]
fn devices_move_back_spread_over_the_minute_behind_the_first() {
    let mut profile = with_secondary();
    profile.times.uplink.failback_spread = UplinkTimes::default().failback_spread;
    let mut world = registered_with(profile);
    let mut waits = Vec::new();
    for _round in 0..10 {
        let up_at = lose_and_regain_first(&mut world);
        world.run_until(3 * MINUTE, |world| role(world) == TargetRole::Primary);
        waits.push(world.now - up_at);
    }

    assert!(
        waits.iter().all(|wait| (MINUTE..=2 * MINUTE).contains(wait)),
        "{waits:?}"
    );
    let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*last - *first > MINUTE / 4, "{waits:?}");
}

#[test]
fn devices_whose_page_ends_at_once_do_not_move_back_at_once() {
    let mut profile = with_secondary();
    profile.times.uplink.failback_spread = UplinkTimes::default().failback_spread;
    let mut waits = Vec::new();
    let mut world = registered_with(profile);
    world.start_sink();
    for _round in 0..5 {
        lose_and_regain_first(&mut world);
        let session = call_over(&mut world, SECONDARY, &[]);
        world.run_for(SECOND);
        let call = *world.media_opened.last().unwrap();
        let (_, pending) = offer(SecurityOffer::Standard);
        world.speak(session, &pending, call, &speech(4 * MINUTE));
        world.run_for(3 * MINUTE);
        assert_eq!(role(&world), TargetRole::Secondary, "not during a call");

        hang_up(&mut world, SECONDARY, session);
        let ended_at = world.now;
        world.run_until(2 * MINUTE, |world| role(world) == TargetRole::Primary);
        waits.push(world.now - ended_at);
        world.run_for(2 * MINUTE);
    }

    let (first, last) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*last <= MINUTE + SECOND, "{waits:?}");
    assert!(*last - *first > MINUTE / 8, "{waits:?}");
}

/// A server closes a connection over which no message comes, so that its return could not be proved otherwise.
#[test]
fn a_first_server_that_is_back_and_keeps_one_flow_is_asked_before_the_device_registers_there() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 600 });
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.begin();
    world.run_for(SECOND);

    world.set_reach(PRIMARY, Reach::Open);
    world.run_until(3 * MINUTE, |world| world.flow_to(PRIMARY).is_some());
    world.run_for(SECOND);

    let methods: Vec<_> = world.server().others.iter().map(Message::method).collect();
    assert_eq!(methods, [Some(Method::Options)]);
    assert!(world.server().registers.is_empty());
}

#[test]
fn a_spare_that_refuses_or_does_not_answer_disturbs_nobody() {
    for registrar in [answering(403), answering(503), Registrar::Silent] {
        let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 600 });
        world.add_server(SECONDARY, registrar);
        confirm_outbound(&mut world);
        world.begin();

        for _ in 0..30 {
            world.run_for(10 * SECOND);
            assert_eq!(
                (world.shown(0), role(&world)),
                ("Successful", TargetRole::Primary)
            );
        }
        assert!(
            world.server_at(SECONDARY).registers.len() < 30,
            "it is not stormed"
        );
    }
}

#[test]
fn a_device_that_comes_back_from_a_third_server_leaves_it() {
    let mut profile = with_secondary();
    profile.targets.push(target(TargetRole::Backup, THIRD));
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    for at in [SECONDARY, THIRD] {
        world.add_server(at, Registrar::Accepts { expires: 3600 });
    }
    confirm_outbound(&mut world);
    for at in [PRIMARY, SECONDARY] {
        world.set_reach(at, Reach::Fails(Cause::TcpRefused));
    }
    world.begin();
    world.run_for(10 * SECOND);
    assert_eq!(role(&world), TargetRole::Backup);

    for at in [PRIMARY, SECONDARY] {
        world.set_reach(at, Reach::Open);
    }
    world.run_for(10 * MINUTE);

    assert_eq!(role(&world), TargetRole::Primary);
    assert!(!world.server_at(SECONDARY).accepted.is_empty());
    assert!(world.flow_to(THIRD).is_none(), "it is left");
}

#[test]
fn a_server_that_does_not_know_outbound_changes_nothing_at_the_other() {
    let mut world = World::new(with_secondary(), Registrar::Accepts { expires: 60 });
    world.add_server(SECONDARY, answering(439));
    confirm_outbound(&mut world);
    world.begin();

    world.run_for(2 * MINUTE);

    assert!(world.server().accepted.len() > 1);
    let contact = last_register(&mut world, PRIMARY)
        .header(HeaderName::Contact)
        .map(str::to_owned);
    assert!(contact.is_some_and(|contact| contact.contains("reg-id=1")));
}

#[test]
fn the_sites_own_node_is_nobodys_spare() {
    let mut profile = profile();
    profile.targets.push(target(TargetRole::LocalNode, NODE));
    let mut world = World::new(profile, Registrar::Accepts { expires: 600 });
    world.add_server(NODE, Registrar::Accepts { expires: 600 });
    confirm_outbound(&mut world);
    world.begin();

    world.run_for(5 * MINUTE);

    assert!(world.flow_to(NODE).is_none());
}

#[test]
fn a_device_that_leaves_takes_back_what_both_servers_have() {
    let mut world = registered();

    world.input(Input::Shutdown);
    world.run_for(SECOND);

    assert!(world.stopped);
    for at in [PRIMARY, SECONDARY] {
        assert_eq!(last_register(&mut world, at).expires(), Some(0), "{at}");
    }
}

#[test]
fn another_account_of_a_slot_registers_with_both_servers_when_the_old_one_has_left_both() {
    let mut world = registered();
    let mut changed = with_secondary();
    changed.slots[0].account = Some(account("yard"));

    let now = world.now;
    let _in_place = world.device.reconfigure(now, changed);
    world.pump();
    world.run_for(2 * SECOND);

    for at in [PRIMARY, SECONDARY] {
        let accepted = &world.server_at(at).accepted;
        let lifetimes: Vec<_> = accepted.iter().map(Message::expires).collect();
        assert_eq!(lifetimes, [Some(3600), Some(0), Some(3600)], "{at}");
        let contact = last_register(&mut world, at)
            .header(HeaderName::Contact)
            .map(str::to_owned);
        assert!(contact.is_some_and(|contact| contact.contains("yard")), "{at}");
    }
}

fn with_secondary() -> Profile {
    let mut profile = profile();
    profile.targets.push(target(TargetRole::Secondary, SECONDARY));
    profile
}

/// A device that is registered with two servers that keep several flows of one device.
fn registered() -> World {
    registered_with(with_secondary())
}

/// The first server is lost and comes back; gives the time at which there is a connection to it again.
fn lose_and_regain_first(world: &mut World) -> std::time::Instant {
    world.set_reach(PRIMARY, Reach::Fails(Cause::TcpRefused));
    world.close_connections(PRIMARY);
    assert_eq!(role(world), TargetRole::Secondary);
    world.set_reach(PRIMARY, Reach::Open);
    world.run_until(3 * MINUTE, |world| world.flow_to(PRIMARY).is_some());
    world.now
}

fn registered_with(profile: Profile) -> World {
    let mut world = World::new(profile, Registrar::Accepts { expires: 3600 });
    world.add_server(SECONDARY, Registrar::Accepts { expires: 3600 });
    confirm_outbound(&mut world);
    world.begin();
    world.run_for(2 * SECOND);
    assert_eq!(world.shown(0), "Successful");
    world
}

fn confirm_outbound(world: &mut World) {
    for server in world.servers.values_mut() {
        server.extra_headers.push(("Require", "outbound".to_owned()));
    }
}

fn answering(status: u16) -> Registrar {
    Registrar::Answers {
        status,
        headers: Vec::new(),
    }
}

fn role(world: &World) -> TargetRole {
    world.registration(0).target.expect("it is registered").role
}

fn last_register(world: &mut World, at: &str) -> Message {
    let last = world.server_at(at).registers.last();
    last.expect("the device has registered").1.clone()
}

/// Asserts that a call is answered over the flow to each server.
fn assert_called_over_both(world: &mut World) {
    for at in [PRIMARY, SECONDARY] {
        let session = call_over(world, at, &[]);
        world.run_for(SECOND);
        assert_eq!(world.server_at(at).statuses(session).last(), Some(&200), "{at}");
        hang_up(world, at, session);
        world.run_for(SECOND);
    }
}

/// Calls the device's page slot over its flow to a server.
fn call_over(world: &mut World, at: &str, headers: &[(&str, &str)]) -> SessionId {
    let flow = mirrored(world.flow_to(at).expect("the device is connected"));
    let (now, (offer, _)) = (world.now, offer(SecurityOffer::Standard));
    let uri = "sip:hall@198.51.100.7:40000;transport=tls";
    let session = world.server_at(at).call(now, flow, uri, Some(offer), headers);
    world.pump();
    session
}

fn hang_up(world: &mut World, at: &str, session: SessionId) {
    let now = world.now;
    world.server_at(at).agent.hang_up(now, session, Vec::new(), None);
    world.pump();
}
