//! What the switch learns from the directory feed, and only from there.

use model::directory::{Change, DigestAlgorithm, Edit, Epoch, Generation, Update};
use model::status::{RegistrationRefusal, ZoneEvent};
use sip::flow::Transport;
use sip::message::HeaderName;
use switch::{Input, PlainMedia, Switch};

use crate::pages::{end, hall, page};
use crate::stranger;
use crate::world::{World, config, credential, snapshot, user};

fn change(epoch: u64, edits: Vec<Edit>) -> Input {
    Input::Directory(Update::Change(Change {
        account: "acme".parse().unwrap(),
        since: Epoch(epoch - 1),
        epoch: Epoch(epoch),
        edits,
    }))
}

#[test]
fn before_the_directory_has_come_everybody_is_asked_to_wait() {
    let mut world = World::new(&[]);
    world.zone = Switch::new([1; 32], config());
    for (number, method) in [(1, "REGISTER"), (2, "INVITE")] {
        let uri = "sip:anna@acme.example";
        let request = stranger::request(method, uri, number, &[]);

        let answers = world.ask(stranger::flow(Transport::Udp), request);

        assert_eq!(answers[0].status().unwrap().code(), 503, "{method}");
        assert!(answers[0].header(HeaderName::RetryAfter).is_some());
    }
    assert_eq!(world.zone.counters().identity.not_serving, 2);
}

#[test]
fn a_user_that_is_removed_is_reached_no_more_and_its_page_goes_on() {
    let mut world = hall(&["north", "south"]);
    page(&mut world);

    let mut edits = vec![
        Edit::RemoveCredential("id-north".parse().unwrap(), Generation(1)),
        Edit::RemoveExtension("101".parse().unwrap()),
    ];
    let without_north = snapshot(&["talker", "south"]).extensions;
    edits.extend(without_north.into_iter().skip(2).map(Edit::PutExtension));
    edits.push(Edit::RemoveUser(user("north")));

    world.input(change(2, edits));

    assert!(
        matches!(&world.events[..], [.., ZoneEvent::Unregistered { user, .. }, ZoneEvent::DirectoryApplied { .. }]
        | [.., ZoneEvent::DirectoryApplied { .. }, ZoneEvent::Unregistered { user, .. }] if user.as_str() == "north")
    );
    assert_eq!(world.zone.status(world.now).accounts[0].bindings, 2);
    end(&mut world);
    assert_eq!(world.report().heard_count(), 2);
}

#[test]
fn a_missing_change_makes_the_switch_ask_for_a_snapshot() {
    let mut world = World::new(&["anna"]);

    world.input(change(5, Vec::new()));

    assert!(matches!(
        world.events[..],
        [ZoneEvent::SnapshotWanted {
            epoch: Some(Epoch(1)),
            ..
        }]
    ));
}

#[test]
fn an_update_that_breaks_a_rule_is_refused_and_named() {
    let mut world = World::new(&["anna"]);

    world.input(change(
        2,
        vec![Edit::PutCredential(credential("nobody", DigestAlgorithm::Md5))],
    ));

    assert!(matches!(world.events[..], [ZoneEvent::DirectoryRefused { .. }]));
    assert_eq!(world.zone.status(world.now).accounts[0].epoch, Some(Epoch(1)));
}

#[test]
fn a_password_that_is_rotated_works_in_both_generations() {
    let mut world = World::new(&["anna"]);
    let mut rotated = credential("anna", DigestAlgorithm::Sha256);
    rotated.generation = Generation(2);
    rotated.secret = model::directory::CredentialSecret::Password(model::Secret::from("fresh"));
    world.input(change(2, vec![Edit::PutCredential(rotated)]));

    world.register("anna", Transport::Tls);
    let renewed = world.add("anna", Transport::Tls);
    world.phones[renewed].password = "fresh".to_owned();
    world.phones[renewed].register(world.now);
    world.settle();

    assert_eq!(world.phones[renewed].register_statuses, [200]);
}

#[test]
fn a_realm_that_changes_costs_a_challenge_and_nothing_else() {
    let mut world = World::new(&["anna"]);
    let anna = world.register("anna", Transport::Tls);
    let mut renamed = snapshot(&["anna"]);
    renamed.realm = "acct-8".to_owned();
    renamed.epoch = Epoch(2);

    world.input(Input::Directory(Update::Snapshot(renamed)));
    world.phones[anna].register(world.now);
    world.settle();

    assert_eq!(world.phones[anna].register_statuses, [200, 200]);
}

#[test]
fn udp_phones_register_and_call_only_where_the_account_allows_plain_rtp() {
    for (plain, registered, called) in [
        (PlainMedia::Never, 403, 488),
        (PlainMedia::OverClearFlows, 200, 200),
    ] {
        let mut settings = config();
        settings.media.plain = plain;
        let mut world = World::with_config(settings, &["talker", "udp"]);
        world.register("talker", Transport::Tls);
        let udp = world.add("udp", Transport::Udp);

        world.phones[udp].register(world.now);
        world.settle();
        world.phones[udp].call(world.now, "100");
        world.settle();

        assert_eq!(world.phones[udp].register_statuses, [registered], "{plain:?}");
        let refused = world.events.iter().any(|event| {
            matches!(event, ZoneEvent::RegistrationRefused { user, why, .. }
                if user == "udp" && *why == RegistrationRefusal::ClearFlow)
        });
        assert_eq!(refused, registered == 403, "{plain:?}");
        let responses = world.phones[udp]
            .rejected
            .iter()
            .chain(&world.phones[udp].answers);
        let statuses: Vec<u16> = responses
            .map(|response| response.status().unwrap().code())
            .collect();
        assert_eq!(statuses, [called], "{plain:?}");
    }
}
