//! Challenges and answers.

use std::time::Instant;

use sip::digest::{
    Algorithm, Authenticator, Challenge, ChallengeReason, ClientCredentials, Ha1, Limits, Refusal, Secret,
    Verdict, answer,
};

const METHOD: &str = "REGISTER";
const URI: &str = "sip:pbx.example.com";
const PASSWORD: &str = "a password that no input holds";
/// Longest name tried: three of them and the rest of an answer stay below the limit of a header value.
const NAME_LENGTH_MAX: usize = 256;

/// Takes the octets for a challenge, for an answer, and for the names in both.
///
/// # Panics
/// If a stranger's answer is accepted, an answer to any challenge cannot be read by a server, or our own exchange does
/// not end in acceptance once and only once.
pub fn digest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check_stranger(text);
    check_challenge(text);
    if text.len() <= NAME_LENGTH_MAX {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            check_exchange(text, algorithm);
        }
    }
}

/// Whatever is in the header, it does not prove the password.
fn check_stranger(header: &str) {
    let mut server = server("realm");
    let now = Instant::now();
    assert!(!server.challenge(now, Algorithm::Sha256, false).is_empty());
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let ha1 = |username: &str| Some(Ha1::new(algorithm, username, "realm", &Secret::from(PASSWORD)));
        let verdict = server.verify(now, header, METHOD, URI, &ha1);
        assert!(!matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
    }
    assert_eq!(server.nonces_tracked(), 0);
}

/// A foreign server's challenge, answered: its parameters come back as they were, so that all we find wrong with the
/// answer is that the nonce is not ours.
fn check_challenge(header: &str) {
    let chosen = Challenge::choose([header], Algorithm::Md5);
    let parsed = Challenge::parse(header);
    assert_eq!(chosen, parsed);
    let Ok(challenge) = parsed else {
        return;
    };
    let header = answered(&challenge, "alice", METHOD, 1);
    let mut server = server(challenge.realm());
    let ha1 = |username: &str| {
        assert_eq!(username, "alice");
        Some(Ha1::new(
            challenge.algorithm(),
            username,
            challenge.realm(),
            &Secret::from(PASSWORD),
        ))
    };
    let verdict = server.verify(Instant::now(), &header, METHOD, URI, &ha1);
    let expected = match verdict {
        Verdict::Challenge {
            stale: true,
            algorithm,
            why: ChallengeReason::ForeignNonce,
        } => algorithm == challenge.algorithm(),
        Verdict::Challenge {
            why: ChallengeReason::Unanswered,
            ..
        } => challenge.nonce().is_empty(),
        Verdict::Refused(Refusal::NoQop) => !challenge.has_quality_of_protection(),
        // Quoting can make the answer longer than what the server reads.
        Verdict::Refused(Refusal::Malformed(_)) => header.len() > 4_096,
        Verdict::Accepted { .. } | Verdict::Challenge { .. } | Verdict::Refused(_) => false,
    };
    assert!(expected, "{verdict:?} of {header:?}");
}

/// Client against server, with this name for user and realm.
fn check_exchange(name: &str, algorithm: Algorithm) {
    let mut server = server(name);
    let now = Instant::now();
    let challenge = server.challenge(now, algorithm, false);
    let challenge = Challenge::parse(&challenge).expect("our own challenge can be read");
    assert_eq!(challenge.realm(), name);
    assert_eq!(challenge.algorithm(), algorithm);
    assert!(!challenge.is_stale());
    let ha1 = |username: &str| Some(Ha1::new(algorithm, username, name, &Secret::from(PASSWORD)));
    let mut judge = |method: &str, count: u32| {
        let header = answered(&challenge, name, METHOD, count);
        server.verify(now, &header, method, URI, &ha1)
    };
    let accepted = Verdict::Accepted {
        username: name.to_owned(),
        by_previous: false,
    };
    let challenged = |stale, why| Verdict::Challenge {
        stale,
        algorithm,
        why,
    };
    assert_eq!(
        judge("INVITE", 1),
        challenged(false, ChallengeReason::WrongAnswer)
    );
    assert_eq!(judge(METHOD, 1), accepted);
    assert_eq!(judge(METHOD, 1), challenged(true, ChallengeReason::Replayed));
    assert_eq!(judge(METHOD, 2), accepted);
}

fn server(realm: &str) -> Authenticator {
    Authenticator::new([7; 32], realm.to_owned(), Limits::default())
}

fn answered(challenge: &Challenge, username: &str, method: &str, count: u32) -> String {
    let credentials = ClientCredentials {
        username: username.to_owned(),
        password: Secret::from(PASSWORD),
        weakest: Algorithm::Md5,
    };
    answer(challenge, &credentials, method, URI, count, "cnonce")
}
