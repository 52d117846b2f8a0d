//! Requests that are challenged (RFC 3261 22, RFC 7616, RFC 8760).

use sip::digest::{Algorithm, ClientCredentials, Secret};
use sip::flow::Transport;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{ChallengeFault, Event, OutgoingRequest, REALMS_MAX, Reply, RequestId, Sequence};

use crate::lone::{Lone, header, in_dialog, invite, ms, outgoing, request};

const MD5: &str = r#"Digest realm="example.com", nonce="n1", algorithm=MD5, qop="auth""#;
const SHA256: &str = r#"Digest realm="example.com", nonce="n2", algorithm=SHA-256, qop="auth""#;
const STALE: &str = r#"Digest realm="example.com", nonce="n3", algorithm=MD5, qop="auth", stale=true"#;

#[test]
fn a_challenge_is_answered_once_with_the_next_number() {
    let mut lone = Lone::new(Transport::Tls);
    let (request, first) = register(&mut lone);
    assert_eq!(header(&first, "Authorization"), "(none)");

    lone.answer(&first, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);

    let second = lone.sent();
    assert_eq!(
        second.cseq().unwrap().sequence,
        first.cseq().unwrap().sequence + 1
    );
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    assert_eq!(header(&second, "From"), header(&first, "From"));
    assert_ne!(
        second.top_via().unwrap().branch(),
        first.top_via().unwrap().branch()
    );
    let answer = header(&second, "Authorization");
    assert!(
        answer.contains(r#"nonce="n1""#) && answer.contains(r#"uri="sip:example.com""#),
        "{answer}"
    );
    assert!(!answer.contains("secret"));
    lone.expect_no_event();
    lone.answer(&second, StatusCode::OK, &[]);
    assert_eq!(outcome(&mut lone, request).status(), Some(StatusCode::OK));
}

#[test]
fn whoever_is_challenged_leaves_no_state_and_is_challenged_again() {
    let mut lone = Lone::new(Transport::Udp);
    let challenge = |lone: &mut Lone| {
        lone.receive(&request("OPTIONS", "z9hG4bK1", ""));
        let Event::Request { transaction, .. } = lone.event() else {
            panic!("the owner is asked");
        };
        let reply = Reply::new(StatusCode::UNAUTHORIZED).header("WWW-Authenticate", MD5);
        lone.agent.respond(lone.now, transaction, reply);
        lone.sent()
    };

    let first = challenge(&mut lone);
    let second = challenge(&mut lone);

    assert_eq!(first.status(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(header(&first, "To"), header(&second, "To"));
    assert_eq!(lone.agent.transactions(), 0);
}

#[test]
fn a_challenged_invite_leaves_no_state_and_neither_does_what_follows_it() {
    for transport in [Transport::Udp, Transport::Tls] {
        let mut lone = Lone::new(transport);
        let challenge = |lone: &mut Lone| {
            let session = lone.called(&invite("z9hG4bK1"));
            let reply = Reply::new(StatusCode::PROXY_AUTHENTICATION_REQUIRED).without_state();
            lone.agent
                .reject(lone.now, session, reply.header("Proxy-Authenticate", MD5));
            lone.sent()
        };

        let first = challenge(&mut lone);
        let second = challenge(&mut lone);

        assert_eq!(first.status(), Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
        assert_eq!(header(&first, "To"), header(&second, "To"));
        assert_eq!(lone.agent.transactions() + lone.agent.sessions(), 0);
        let tag = first.to().expect("To").tag().expect("a tag").to_owned();
        lone.receive(&in_dialog("ACK", 1, &tag, "z9hG4bK1"));
        assert_eq!(lone.agent.counters().without_dialog, 0);
        lone.receive(&request("CANCEL", "z9hG4bK1", ""));
        assert_eq!(lone.sent_status(), 481);
        assert_eq!(lone.agent.transactions(), 0);
        lone.expect_no_event();
    }
}

#[test]
fn a_refusal_after_a_provisional_response_is_sent_until_it_is_acknowledged() {
    let mut lone = Lone::new(Transport::Udp);
    let session = lone.called(&invite("z9hG4bK1"));
    lone.agent
        .provisional(lone.now, session, Reply::new(StatusCode::RINGING));
    lone.sent();

    lone.agent.reject(
        lone.now,
        session,
        Reply::new(StatusCode::FORBIDDEN).without_state(),
    );
    lone.pass(ms(500));

    assert_eq!(lone.sent_lines(), ["403", "403"]);
    assert_eq!(lone.agent.transactions(), 1);
}

#[test]
fn any_other_refusal_is_sent_until_it_is_acknowledged_and_its_invite_comes_up_once() {
    for status in [400, 403, 483, 486, 503] {
        let mut lone = Lone::new(Transport::Udp);
        let session = lone.called(&invite("z9hG4bK1"));
        let status = StatusCode::new(status).unwrap();
        lone.agent.reject(lone.now, session, Reply::new(status));
        let answer = lone.sent();

        lone.receive(&invite("z9hG4bK1"));
        lone.pass(ms(500));

        lone.expect_no_event();
        assert_eq!(lone.sent_lines().len(), 2, "for the copy, and by the timer");
        let tag = answer.to().expect("To").tag().expect("a tag").to_owned();
        lone.receive(&in_dialog("ACK", 1, &tag, "z9hG4bK1"));
        lone.pass(ms(5_000));
        lone.expect_nothing_sent();
    }
}

#[test]
fn the_strongest_algorithm_is_chosen() {
    let mut lone = Lone::new(Transport::Tls);
    let (_, first) = register(&mut lone);

    lone.answer(
        &first,
        StatusCode::UNAUTHORIZED,
        &[("WWW-Authenticate", MD5), ("WWW-Authenticate", SHA256)],
    );

    assert!(header(&lone.sent(), "Authorization").contains("SHA-256"));
}

#[test]
fn a_second_challenge_is_final_unless_it_says_stale() {
    let mut lone = Lone::new(Transport::Tls);
    let (request, first) = register(&mut lone);
    lone.answer(&first, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);
    let second = lone.sent();
    lone.answer(&second, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", STALE)]);
    let third = lone.sent();
    assert!(header(&third, "Authorization").contains(r#"nonce="n3""#));
    lone.expect_no_event();

    lone.answer(&third, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", STALE)]);

    lone.expect_nothing_sent();
    assert_eq!(
        outcome(&mut lone, request).status(),
        Some(StatusCode::UNAUTHORIZED)
    );

    let (request, first) = register(&mut lone);
    lone.answer(&first, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);
    let second = lone.sent();
    lone.answer(&second, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);
    lone.expect_nothing_sent();
    assert_eq!(
        outcome(&mut lone, request).status(),
        Some(StatusCode::UNAUTHORIZED)
    );
}

#[test]
fn a_proxy_and_the_server_behind_it_each_get_an_answer_and_both_stay_in_the_request() {
    let mut lone = Lone::new(Transport::Tls);
    let (request, first) = register(&mut lone);
    let proxy = MD5.replace("example.com", "proxy");
    lone.answer(
        &first,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        &[("Proxy-Authenticate", &proxy)],
    );
    let second = lone.sent();
    assert!(header(&second, "Proxy-Authorization").contains("nc=00000001"));
    assert_eq!(header(&second, "Authorization"), "(none)");

    lone.answer(&second, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", SHA256)]);

    let third = lone.sent();
    let (to_proxy, to_server) = (
        header(&third, "Proxy-Authorization"),
        header(&third, "Authorization"),
    );
    assert!(to_proxy.contains(r#"nonce="n1""#) && to_proxy.contains("nc=00000002"));
    assert!(to_server.contains(r#"nonce="n2""#) && to_server.contains("nc=00000001"));
    lone.answer(
        &third,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        &[("Proxy-Authenticate", &proxy)],
    );
    lone.expect_nothing_sent();
    assert_eq!(unanswered(&mut lone, request), Some(ChallengeFault::Repeated));
}

#[test]
fn the_challenges_of_two_proxies_in_one_response_are_both_answered() {
    let mut lone = Lone::new(Transport::Tls);
    let (_, first) = register(&mut lone);
    let (one, other) = (
        MD5.replace("example.com", "one"),
        MD5.replace("example.com", "other"),
    );

    lone.answer(
        &first,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        &[("Proxy-Authenticate", &one), ("Proxy-Authenticate", &other)],
    );

    let answers: Vec<String> = lone
        .sent()
        .headers(HeaderName::ProxyAuthorization)
        .map(str::to_owned)
        .collect();
    assert_eq!(answers.len(), 2);
    assert!(answers[0].contains(r#"realm="one""#) && answers[1].contains(r#"realm="other""#));
}

#[test]
fn four_realms_are_answered_and_no_fifth() {
    let mut lone = Lone::new(Transport::Tls);
    let (request, mut sent) = register(&mut lone);
    for number in 0..REALMS_MAX {
        let challenge = MD5.replace("example.com", &format!("realm-{number}"));
        lone.answer(
            &sent,
            StatusCode::UNAUTHORIZED,
            &[("WWW-Authenticate", &challenge)],
        );
        sent = lone.sent();
    }
    assert_eq!(sent.headers(HeaderName::Authorization).count(), REALMS_MAX);

    lone.answer(&sent, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);

    lone.expect_nothing_sent();
    assert_eq!(unanswered(&mut lone, request), Some(ChallengeFault::NotUsable));
}

#[test]
fn a03_a_challenge_weaker_than_the_credentials_allow_is_not_answered() {
    for (challenges, is_answered) in [(vec![MD5], false), (vec![MD5, SHA256], true)] {
        let mut lone = Lone::new(Transport::Tls);
        let mut request = with_credentials(outgoing(Method::Options));
        if let Some(credentials) = &mut request.credentials {
            credentials.weakest = Algorithm::Sha256;
        }
        let request = lone.agent.request(lone.now, lone.flow, request);
        let first = lone.sent();
        let headers: Vec<_> = challenges
            .into_iter()
            .map(|challenge| ("WWW-Authenticate", challenge))
            .collect();

        lone.answer(&first, StatusCode::UNAUTHORIZED, &headers);

        if is_answered {
            assert!(header(&lone.sent(), "Authorization").contains("SHA-256"));
        } else {
            lone.expect_nothing_sent();
            assert_eq!(unanswered(&mut lone, request), Some(ChallengeFault::NotUsable));
        }
    }
}

#[test]
fn a_challenge_that_cannot_be_answered_goes_up() {
    for challenge in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\", nonce=\"n\", algorithm=FOO",
        "Digest",
    ] {
        let mut lone = Lone::new(Transport::Tls);
        let (request, first) = register(&mut lone);

        lone.answer(
            &first,
            StatusCode::UNAUTHORIZED,
            &[("WWW-Authenticate", challenge)],
        );

        assert_eq!(
            outcome(&mut lone, request).status(),
            Some(StatusCode::UNAUTHORIZED),
            "{challenge}"
        );
    }
}

#[test]
fn a_challenge_without_credentials_goes_up() {
    let mut lone = Lone::new(Transport::Tls);
    let request = lone.agent.request(lone.now, lone.flow, outgoing(Method::Options));
    let first = lone.sent();

    lone.answer(&first, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);

    assert_eq!(
        unanswered(&mut lone, request),
        Some(ChallengeFault::NoCredentials)
    );
}

#[test]
fn a_proxy_challenges_an_invite_and_the_ack_of_the_2xx_repeats_the_answer() {
    let mut lone = Lone::new(Transport::Tls);
    let (_, first) = lone.call_with(with_credentials(outgoing(Method::Invite)));
    lone.answer(
        &first,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        &[("Proxy-Authenticate", MD5)],
    );
    assert_eq!(lone.sent().method(), Some(Method::Ack));
    let second = lone.sent();
    assert_eq!(second.method(), Some(Method::Invite));
    lone.expect_no_event();

    lone.answer(&second, StatusCode::OK, &[]);

    let ack = lone.sent();
    assert_eq!(
        header(&ack, "Proxy-Authorization"),
        header(&second, "Proxy-Authorization")
    );
    assert_eq!(ack.cseq().unwrap().sequence, second.cseq().unwrap().sequence);
    assert!(matches!(lone.event(), Event::Answered { .. }));
}

#[test]
fn a_challenged_bye_is_sent_again_in_the_dialog() {
    let mut lone = Lone::new(Transport::Tls);
    let (session, invite) = lone.call_with(with_credentials(outgoing(Method::Invite)));
    lone.answer(&invite, StatusCode::OK, &[]);
    lone.event();
    lone.sent_lines();
    lone.agent.hang_up(lone.now, session, Vec::new(), None);
    let first = lone.sent();

    lone.answer(
        &first,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        &[("Proxy-Authenticate", SHA256)],
    );

    let second = lone.sent();
    assert_eq!(second.method(), Some(Method::Bye));
    assert_eq!(
        second.cseq().unwrap().sequence,
        first.cseq().unwrap().sequence + 1
    );
    lone.expect_no_event();
    lone.answer(&second, StatusCode::OK, &[]);
    assert!(matches!(lone.event(), Event::Ended { .. }));
}

#[test]
fn a_call_hung_up_while_it_is_challenged_is_not_placed_again() {
    let mut lone = Lone::new(Transport::Tls);
    let (session, first) = lone.call_with(with_credentials(outgoing(Method::Invite)));
    lone.agent.hang_up(lone.now, session, Vec::new(), None);

    lone.answer(&first, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);

    assert_eq!(lone.sent_lines(), ["ACK"]);
    assert!(matches!(lone.event(), Event::Ended { .. }));
}

#[test]
fn a_challenged_call_that_then_hears_nothing_times_out_once() {
    let mut lone = Lone::new(Transport::Udp);
    let (_, first) = lone.call_with(with_credentials(outgoing(Method::Invite)));
    lone.answer(&first, StatusCode::UNAUTHORIZED, &[("WWW-Authenticate", MD5)]);

    lone.pass(ms(100_000));

    assert!(matches!(
        lone.event(),
        Event::Rejected {
            status: StatusCode::REQUEST_TIMEOUT,
            ..
        }
    ));
    lone.expect_no_event();
    assert_eq!(lone.agent.transactions() + lone.agent.sessions(), 0);
}

#[test]
fn no_debug_output_shows_a_secret() {
    let mut request = with_credentials(outgoing(Method::Invite));
    request.headers.push((
        "Authorization".to_owned(),
        "Digest response=\"feedbeef\"".to_owned(),
    ));
    request.body = Some(sip::user_agent::Body::sdp("a=crypto:1 AES inline:feedbeef"));

    let shown = format!("{request:?}");

    assert!(
        !shown.contains("feedbeef") && !shown.contains("secret"),
        "{shown}"
    );
    assert!(
        shown.contains("Authorization") && shown.contains("application/sdp"),
        "{shown}"
    );
}

fn with_credentials(mut request: OutgoingRequest) -> OutgoingRequest {
    request.credentials = Some(ClientCredentials {
        username: "alice".to_owned(),
        password: Secret::from("secret"),
        weakest: Algorithm::Md5,
    });
    request
}

fn register(lone: &mut Lone) -> (RequestId, Message) {
    let mut request = with_credentials(outgoing(Method::Register));
    request.uri = "sip:example.com".to_owned();
    request.sequence = Some(Sequence {
        call_id: "kept".to_owned(),
        number: 3,
    });
    let id = lone.agent.request(lone.now, lone.flow, request);
    (id, lone.sent())
}

fn outcome(lone: &mut Lone, expected: RequestId) -> Message {
    match lone.event() {
        Event::Response { request, outcome, .. } if request == expected => outcome.expect("a response"),
        other => panic!("{other:?}"),
    }
}

/// Why the challenge that a request ended with was not answered.
fn unanswered(lone: &mut Lone, expected: RequestId) -> Option<ChallengeFault> {
    match lone.event() {
        Event::Response {
            request, unanswered, ..
        } if request == expected => unanswered,
        other => panic!("{other:?}"),
    }
}
