//! Which challenges of a registrar are answered, and what is shown of the others.

use std::time::Duration;

use endpoint::profile::Account;
use model::status::Cause;

use crate::server::Registrar;
use crate::world::{World, account, profile};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_challenge_by_md5_is_answered_only_where_that_is_allowed_and_named_otherwise() {
    let challenge = "Digest realm=\"example.com\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
    for (answers_md5, cause, sent) in [
        (true, Cause::ChallengedAgain { status: 401 }, 2),
        (false, Cause::NoUsableChallenge, 1),
    ] {
        let mut profile = profile();
        profile.slots[0].account = Some(Account {
            answers_md5,
            ..account("hall")
        });
        let headers = vec![("WWW-Authenticate", challenge.to_owned())];
        let mut world = World::new(profile, Registrar::Answers { status: 401, headers });

        world.begin();
        world.run_for(SECOND);

        assert_eq!(
            (world.shown(0), world.cause(0)),
            ("Rejected by Server", Some(cause))
        );
        assert_eq!(world.server().registers.len(), sent);
    }
}

#[test]
fn a_slot_without_a_password_says_that_the_server_asks_for_one() {
    let mut profile = profile();
    profile.slots[0].account = Some(Account {
        password: None,
        ..account("hall")
    });
    let mut world = World::new(profile, Registrar::challenging("secret"));

    world.begin();
    world.run_for(SECOND);

    assert_eq!(
        (world.shown(0), world.cause(0)),
        ("Rejected by Server", Some(Cause::NoPassword))
    );
}
