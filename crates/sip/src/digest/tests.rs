//! Client against server, and both against the vectors and the attacks.

use std::time::{Duration, Instant};

use super::*;

const REALM: &str = "account-1";
const URI: &str = "sip:pbx.example.com";

#[test]
fn the_vectors_of_rfc_7616_are_reproduced() {
    //= https://www.rfc-editor.org/rfc/rfc7616#section-3.9.1
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let challenge = Challenge::parse(&format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        ))
        .unwrap();
        let credentials = ClientCredentials {
            username: "Mufasa".into(),
            password: Secret::from("Circle of Life"),
            weakest: Algorithm::Md5,
        };

        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let header = answer(&challenge, &credentials, "GET", "/dir/index.html", 1, cnonce);

        assert!(header.contains(&format!("response=\"{response}\"")), "{header}");
        assert!(header.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
        assert!(header.contains("qop=auth, nc=00000001"));
    }
}

#[test]
fn a_challenge_without_qop_is_answered_as_rfc_2069_did() {
    let challenge =
        Challenge::parse("Digest realm=\"atlanta.com\", nonce=\"84a4cc6f3082121f32b42a2187831a9e\"").unwrap();
    let credentials = ClientCredentials {
        username: "alice".into(),
        password: Secret::from("zanzibar"),
        weakest: Algorithm::Md5,
    };

    let header = answer(
        &challenge,
        &credentials,
        "REGISTER",
        "sip:atlanta.com",
        7,
        "unused",
    );

    // md5(md5("alice:atlanta.com:zanzibar"):nonce:md5("REGISTER:sip:atlanta.com"))
    assert!(
        header.contains("response=\"cfa001234c5ca03725384aec8722b837\""),
        "{header}"
    );
    assert!(!header.contains("unused") && !header.contains("nc=") && !header.contains("algorithm"));
}

#[test]
fn the_right_password_is_accepted_with_either_algorithm() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut server = Server::new(algorithm);
        let challenge = server.challenge();

        assert_eq!(server.judge(&challenge, "secret", 1), accepted());
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_verdict() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();

    let wrong = server.judge(&challenge, "guess", 1);
    let unknown = server.judge_as("nobody", &challenge, "guess", 1);

    assert_eq!(wrong, challenged(false, ChallengeReason::WrongAnswer));
    assert_eq!(unknown, wrong);
}

#[test]
fn both_generations_of_a_password_are_accepted_and_told_apart() {
    let now = Instant::now();
    let mut authenticator = Authenticator::new([7; 32], REALM.into(), Limits::default());
    let new = Ha1::new(Algorithm::Sha256, "7001", REALM, &Secret::from("new"));
    let old = Ha1::new(Algorithm::Sha256, "7001", REALM, &Secret::from("old"));
    let both = new.or_previous(&old);
    let challenge = Challenge::parse(&authenticator.challenge(now, Algorithm::Sha256, false)).unwrap();
    let mut judge = |password: &str, count| {
        let credentials = ClientCredentials {
            username: "7001".into(),
            password: Secret::from(password),
            weakest: Algorithm::Md5,
        };
        let header = answer(&challenge, &credentials, "REGISTER", URI, count, "c");
        authenticator.verify(now, &header, "REGISTER", URI, &|_| Some(both.clone()))
    };

    assert_eq!(
        judge("new", 1),
        Verdict::Accepted {
            username: "7001".into(),
            by_previous: false
        }
    );
    assert_eq!(
        judge("old", 2),
        Verdict::Accepted {
            username: "7001".into(),
            by_previous: true
        }
    );
    assert_eq!(judge("older", 3), challenged(false, ChallengeReason::WrongAnswer));
}

#[test]
fn a_generation_of_another_algorithm_is_left_out() {
    let current = Ha1::new(Algorithm::Sha256, "7001", REALM, &Secret::from("new"));
    let old = Ha1::new(Algorithm::Md5, "7001", REALM, &Secret::from("old"));

    assert!(current.clone().or_previous(&current).previous().is_some());
    assert!(current.or_previous(&old).previous().is_none());
}

#[test]
fn a_hash_from_elsewhere_does_as_well_as_the_password() {
    let hash = Ha1::from_hex(Algorithm::Md5, "939E7578ED9E3C518A452ACEE763BCE9").unwrap();

    assert!(hash.current().matches("939e7578ed9e3c518a452acee763bce9"));
    assert!(Ha1::from_hex(Algorithm::Sha256, "939e7578ed9e3c518a452acee763bce9").is_none());
    assert!(Ha1::from_hex(Algorithm::Md5, "x39e7578ed9e3c518a452acee763bce9").is_none());
}

#[test]
fn a02_a_replayed_answer_is_challenged_and_not_accepted() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    assert_eq!(server.judge(&challenge, "secret", 1), accepted());

    let replayed = server.judge(&challenge, "secret", 1);

    assert_eq!(replayed, challenged(true, ChallengeReason::Replayed));
}

#[test]
fn a02_a_nonce_count_that_goes_back_is_not_accepted() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    assert_eq!(server.judge(&challenge, "secret", 5), accepted());

    assert_eq!(
        server.judge(&challenge, "secret", 4),
        challenged(true, ChallengeReason::Replayed)
    );
    assert_eq!(server.judge(&challenge, "secret", 6), accepted());
}

#[test]
fn a02_a_failed_answer_does_not_use_up_its_nonce_count() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();

    let _wrong = server.judge(&challenge, "guess", 9);

    assert_eq!(server.authenticator.nonces_tracked(), 0);
    assert_eq!(server.judge(&challenge, "secret", 1), accepted());
}

#[test]
fn a02_an_expired_nonce_is_stale_only_for_who_knows_the_password() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    server.now += Duration::from_secs(300);
    assert_eq!(server.judge(&challenge, "secret", 1), accepted());

    server.now += Duration::from_millis(1);

    assert_eq!(
        server.judge(&challenge, "secret", 2),
        challenged(true, ChallengeReason::ExpiredNonce)
    );
    assert_eq!(
        server.judge(&challenge, "guess", 2),
        challenged(false, ChallengeReason::WrongAnswer)
    );
}

#[test]
fn a02_a_forged_or_altered_nonce_is_not_accepted() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    let mut altered = challenge.clone();
    let first = if altered.nonce.starts_with('A') { "B" } else { "A" };
    altered.nonce.replace_range(0..1, first);
    let mut invented = challenge;
    invented.nonce = "00000000000000000000000000000000".into();

    assert_eq!(
        server.judge(&altered, "secret", 1),
        challenged(true, ChallengeReason::ForeignNonce)
    );
    assert_eq!(
        server.judge(&invented, "secret", 1),
        challenged(true, ChallengeReason::ForeignNonce)
    );
    assert_eq!(
        server.judge(&invented, "guess", 1),
        challenged(false, ChallengeReason::WrongAnswer)
    );
}

#[test]
fn a02_a_nonce_pushed_out_of_the_table_is_stale_and_its_replay_refused() {
    let limits = Limits {
        nonces_tracked_max: 2,
        ..Limits::default()
    };
    let mut server = Server::with_limits(Algorithm::Sha256, limits);
    let challenges: Vec<_> = (0..3).map(|_| server.challenge()).collect();
    for challenge in &challenges {
        assert_eq!(server.judge(challenge, "secret", 1), accepted());
    }

    assert_eq!(server.authenticator.nonces_tracked(), 2);
    assert_eq!(
        server.judge(&challenges[0], "secret", 1),
        challenged(true, ChallengeReason::ForgottenNonce)
    );
    assert_eq!(
        server.judge(&challenges[0], "secret", 2),
        challenged(true, ChallengeReason::ForgottenNonce)
    );
    assert_eq!(server.judge(&challenges[1], "secret", 2), accepted());
}

#[test]
fn a02_expired_nonces_leave_the_table() {
    let mut server = Server::new(Algorithm::Sha256);
    for _ in 0..10 {
        let challenge = server.challenge();
        assert_eq!(server.judge(&challenge, "secret", 1), accepted());
    }
    server.now += Duration::from_secs(301);

    for _ in 0..10 {
        let challenge = server.challenge();
        assert_eq!(server.judge(&challenge, "secret", 1), accepted());
    }

    assert_eq!(server.authenticator.nonces_tracked(), 10);
}

#[test]
fn a02_an_answer_without_quality_of_protection_is_refused() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut server = Server::new(algorithm);
        let mut challenge = server.challenge();
        challenge.qop_auth = false;

        assert_eq!(
            server.judge(&challenge, "secret", 1),
            Verdict::Refused(Refusal::NoQop)
        );
    }
}

#[test]
fn a02_neither_ack_nor_cancel_is_challenged() {
    assert!(!may_be_challenged("ACK"));
    assert!(!may_be_challenged("CANCEL"));
    assert!(may_be_challenged("BYE"));
}

#[test]
fn a02_bad_counts_and_empty_parameters_are_refused() {
    for (from, to, verdict) in [
        ("nc=00000001", "nc=00000000", Verdict::Refused(Refusal::Bad("nc"))),
        ("nc=00000001", "nc=1", Verdict::Refused(Refusal::Bad("nc"))),
        ("nc=00000001", "nc=+0000001", Verdict::Refused(Refusal::Bad("nc"))),
        (", nc=00000001", "", Verdict::Refused(Refusal::Missing("nc"))),
        (
            "cnonce=\"c\"",
            "cnonce=\"\"",
            Verdict::Refused(Refusal::Bad("cnonce")),
        ),
        (", cnonce=\"c\"", "", Verdict::Refused(Refusal::Missing("cnonce"))),
        ("qop=auth", "qop=auth-int", Verdict::Refused(Refusal::Bad("qop"))),
        (
            "username=\"7001\", ",
            "",
            Verdict::Refused(Refusal::Missing("username")),
        ),
        (
            "algorithm=SHA-256",
            "algorithm=SHA-512-256",
            Verdict::Refused(Refusal::Bad("algorithm")),
        ),
    ] {
        let mut server = Server::new(Algorithm::Sha256);
        let challenge = server.challenge();
        let header = server.answer("7001", &challenge, "secret", 1);
        assert!(header.contains(from), "{header}");

        assert_eq!(
            server.verify(&header.replace(from, to), "REGISTER", URI),
            verdict,
            "{to}"
        );
    }
}

#[test]
fn a03_an_answer_by_md5_to_a_sha_256_challenge_is_refused() {
    let mut server = Server::new(Algorithm::Sha256);
    let mut challenge = server.challenge();
    challenge.algorithm = Algorithm::Md5;
    let named = server.answer("7001", &challenge, "secret", 1);
    challenge.algorithm_named = false;
    let unnamed = server.answer("7001", &challenge, "secret", 1);

    assert_eq!(
        server.verify(&named, "REGISTER", URI),
        Verdict::Refused(Refusal::OtherAlgorithm)
    );
    assert_eq!(
        server.verify(&unnamed, "REGISTER", URI),
        Verdict::Refused(Refusal::OtherAlgorithm)
    );
}

#[test]
fn a03_a_credential_is_not_accepted_by_another_algorithm_than_its_own() {
    let mut server = Server::new(Algorithm::Sha256);
    let md5 = server.authenticator.challenge(server.now, Algorithm::Md5, false);
    let challenge = Challenge::parse(&md5).unwrap();

    let verdict = server.judge(&challenge, "secret", 1);

    let why = ChallengeReason::WrongAnswer;
    assert_eq!(
        verdict,
        Verdict::Challenge {
            stale: false,
            algorithm: Algorithm::Md5,
            why
        }
    );
}

#[test]
fn a03_a_client_chooses_the_strongest_challenge_wherever_it_stands() {
    let weak = "Digest realm=\"a\", nonce=\"1\", algorithm=MD5, qop=\"auth\"";
    let strong = "Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"";
    let unknown = "Digest realm=\"a\", nonce=\"3\", algorithm=SHA-512-256, qop=\"auth\"";

    for headers in [
        [unknown, weak, strong],
        [strong, unknown, weak],
        [weak, strong, unknown],
    ] {
        assert_eq!(Challenge::choose(headers, Algorithm::Md5).unwrap().nonce(), "2");
    }
}

#[test]
fn a03_a_client_that_allows_no_md5_refuses_it() {
    let weak = "Digest realm=\"a\", nonce=\"1\", qop=\"auth\"";

    let refused = Challenge::choose([weak], Algorithm::Sha256);

    assert_eq!(refused, Err(ChallengeError::TooWeak(Algorithm::Md5)));
}

#[test]
fn a04_an_answer_for_another_realm_is_refused() {
    let mut server = Server::new(Algorithm::Sha256);
    let mut challenge = server.challenge();
    challenge.realm = "account-2".into();

    assert_eq!(
        server.judge(&challenge, "secret", 1),
        Verdict::Refused(Refusal::OtherRealm)
    );
}

#[test]
fn a04_a_nonce_of_another_realm_is_not_accepted_even_under_the_same_key() {
    let mut server = Server::new(Algorithm::Sha256);
    let mut other = Authenticator::new([7; 32], "account-2".into(), Limits::default());
    let mut challenge = Challenge::parse(&other.challenge(server.now, Algorithm::Sha256, false)).unwrap();
    challenge.realm = REALM.into();

    assert_eq!(
        server.judge(&challenge, "secret", 1),
        challenged(true, ChallengeReason::ForeignNonce)
    );
}

#[test]
fn a04_an_answer_for_another_request_uri_is_refused() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    let header = server.answer("7001", &challenge, "secret", 1);

    let verdict = server.verify(&header, "REGISTER", "sip:elsewhere.example.com");

    assert_eq!(verdict, Verdict::Refused(Refusal::OtherUri));
}

#[test]
fn an_answer_for_an_equivalent_request_uri_is_accepted() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    let header = server.answer("7001", &challenge, "secret", 1);

    assert_eq!(
        server.verify(&header, "REGISTER", "sip:PBX.Example.com"),
        accepted()
    );
}

#[test]
fn a04_an_answer_made_for_another_method_is_wrong() {
    let mut server = Server::new(Algorithm::Sha256);
    let challenge = server.challenge();
    let header = server.answer("7001", &challenge, "secret", 1);

    let verdict = server.verify(&header, "INVITE", URI);

    assert_eq!(verdict, challenged(false, ChallengeReason::WrongAnswer));
}

#[test]
fn an_authorization_that_answers_no_challenge_is_challenged() {
    let mut server = Server::new(Algorithm::Sha256);

    let verdict = server.verify(
        "Digest username=\"7001\", realm=\"x\", nonce=\"\", uri=\"sip:x\", response=\"\", algorithm=SHA-256",
        "REGISTER",
        URI,
    );

    assert_eq!(verdict, challenged(false, ChallengeReason::Unanswered));
}

#[test]
fn names_with_quotation_marks_survive_both_ways() {
    let now = Instant::now();
    let (name, realm) = ("o\"brien\\", "the \"realm\"");
    let mut authenticator = Authenticator::new([1; 32], realm.into(), Limits::default());
    let ha1 = Ha1::new(Algorithm::Sha256, name, realm, &Secret::from("p"));
    let challenge = Challenge::parse(&authenticator.challenge(now, Algorithm::Sha256, false)).unwrap();
    let credentials = ClientCredentials {
        username: name.into(),
        password: Secret::from("p"),
        weakest: Algorithm::Md5,
    };
    let header = answer(&challenge, &credentials, "REGISTER", URI, 1, "c");

    let verdict = authenticator.verify(now, &header, "REGISTER", URI, &|asked| {
        assert_eq!(asked, name);
        Some(ha1.clone())
    });

    assert_eq!(
        verdict,
        Verdict::Accepted {
            username: name.into(),
            by_previous: false
        }
    );
}

#[test]
fn exactly_one_challenge_is_made_and_says_stale_only_if_it_is() {
    let mut server = Server::new(Algorithm::Sha256);

    let fresh = server
        .authenticator
        .challenge(server.now, Algorithm::Sha256, false);
    let stale = server
        .authenticator
        .challenge(server.now, Algorithm::Sha256, true);

    assert_eq!(fresh.matches("Digest").count(), 1);
    assert!(!Challenge::parse(&fresh).unwrap().is_stale());
    assert!(Challenge::parse(&stale).unwrap().is_stale());
    assert_ne!(
        Challenge::parse(&fresh).unwrap().nonce(),
        Challenge::parse(&stale).unwrap().nonce()
    );
}

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let credentials = ClientCredentials {
        username: "7001".into(),
        password: Secret::from("hunter2"),
        weakest: Algorithm::Md5,
    };
    let ha1 = Ha1::new(Algorithm::Md5, "7001", REALM, &credentials.password);
    let authenticator = Authenticator::new([0xab; 32], REALM.into(), Limits::default());

    let printed = format!("{credentials:?} {ha1:?} {authenticator:?}");

    assert!(!printed.contains("hunter2") && !printed.contains(ha1.current().as_str()));
    assert!(!printed.contains("171") && !printed.to_lowercase().contains("abab"));
}

/// An authenticator that knows one user, 7001 with the password "secret".
struct Server {
    authenticator: Authenticator,
    algorithm: Algorithm,
    now: Instant,
}

impl Server {
    fn new(algorithm: Algorithm) -> Self {
        Self::with_limits(algorithm, Limits::default())
    }

    fn with_limits(algorithm: Algorithm, limits: Limits) -> Self {
        let mut server = Self {
            authenticator: Authenticator::new([7; 32], REALM.into(), limits),
            algorithm,
            now: Instant::now(),
        };
        // The first nonce carries time and serial zero; tests that alter a nonce want something to alter.
        let _first = server.challenge();
        server.now += Duration::from_secs(1);
        server
    }

    fn challenge(&mut self) -> Challenge {
        Challenge::parse(&self.authenticator.challenge(self.now, self.algorithm, false)).unwrap()
    }

    fn answer(&self, username: &str, challenge: &Challenge, password: &str, count: u32) -> String {
        let credentials = ClientCredentials {
            username: username.into(),
            password: Secret::from(password),
            weakest: Algorithm::Md5,
        };
        answer(challenge, &credentials, "REGISTER", URI, count, "c")
    }

    fn judge(&mut self, challenge: &Challenge, password: &str, count: u32) -> Verdict {
        self.judge_as("7001", challenge, password, count)
    }

    fn judge_as(&mut self, username: &str, challenge: &Challenge, password: &str, count: u32) -> Verdict {
        let header = self.answer(username, challenge, password, count);
        self.verify(&header, "REGISTER", URI)
    }

    fn verify(&mut self, header: &str, method: &str, request_uri: &str) -> Verdict {
        let algorithm = self.algorithm;
        self.authenticator
            .verify(self.now, header, method, request_uri, &|username| {
                (username == "7001").then(|| Ha1::new(algorithm, username, REALM, &Secret::from("secret")))
            })
    }
}

fn accepted() -> Verdict {
    Verdict::Accepted {
        username: "7001".into(),
        by_previous: false,
    }
}

fn challenged(stale: bool, why: ChallengeReason) -> Verdict {
    Verdict::Challenge {
        stale,
        algorithm: Algorithm::Sha256,
        why,
    }
}
