//! Whom a client believes, and how it names what it does not.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use net::authority::{Authority, CERTIFICATE_VALIDITY, Purpose, Subject};
use net::tls::{
    CertificateClock, ClientCertificates, ClientTls, ClientTlsConfig, ClockVerdict, Identity, MinimumVersion,
    ServerTls, TlsFailure, Trust,
};
use net::transport::{Channel, CloseCause, ConnectFailure, Incoming, ListenerKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::side::{Side, client_tls, dial, identity, register, server_tls};

const LOWEST: MinimumVersion = MinimumVersion::Tls12;

#[tokio::test]
async fn a_certificate_is_checked_by_its_alternative_names() {
    let authority = authority();
    let policy = client_tls(&authority, LOWEST);
    let server = listening(server_tls(
        &authority,
        &[
            "sip.example.com",
            "*.wild.example.com",
            "192.0.2.7",
            "2001:db8::7",
        ],
        LOWEST,
    ));
    let mut client = Side::client();

    for accepted in [
        "sip.example.com",
        "SIP.Example.COM",
        "a.wild.example.com",
        "192.0.2.7",
        "2001:db8::7",
    ] {
        assert_eq!(
            attempt(&mut client, server.local(), accepted, &policy).await,
            None,
            "{accepted}"
        );
    }
    for refused in [
        "example.com",
        "x.sip.example.com",
        "a.b.wild.example.com",
        "wild.example.com",
        "192.0.2.8",
    ] {
        let failure = attempt(&mut client, server.local(), refused, &policy).await;
        let Some(TlsFailure::Name { expected, presented }) = failure else {
            panic!("{refused}: {failure:?}")
        };
        assert_eq!(expected, refused);
        assert!(presented.contains("sip.example.com"), "{presented}");
    }
}

#[tokio::test]
async fn a_server_is_told_from_where_somebody_broke_off_at_its_certificate() {
    let mut server = listening(server_tls(&authority(), &["sip.example.com"], LOWEST));
    let elsewhere = client_tls(&authority(), LOWEST);

    attempt(&mut Side::client(), server.local(), "sip.example.com", &elsewhere).await;

    let Incoming::HandshakeFailed { remote, cause } = server.next().await else {
        panic!("something else than a handshake that failed")
    };
    assert_eq!(
        (remote.ip(), cause),
        (server.local().ip(), TlsFailure::ClientCertificate)
    );
}

#[tokio::test]
async fn a_wildcard_within_a_label_matches_nothing() {
    let authority = authority();
    let policy = client_tls(&authority, LOWEST);
    let server = listening(server_tls(&authority, &["s*.example.com"], LOWEST));

    let failure = attempt(&mut Side::client(), server.local(), "sip.example.com", &policy).await;

    assert!(failure.is_some());
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_own_name() {
    let authority = authority();
    let now = SystemTime::now();
    let long_ago = now - CERTIFICATE_VALIDITY - Duration::from_secs(3_600);
    let far_ahead = now + Duration::from_secs(30 * 24 * 3_600);

    for (issued_at, trusted, expected) in [
        (long_ago, &authority, TlsFailure::Expired),
        (far_ahead, &authority, TlsFailure::NotYetValid),
        (
            now,
            &Authority::generate("Other", now).unwrap(),
            TlsFailure::Untrusted,
        ),
        (now, &self::authority(), TlsFailure::Untrusted),
    ] {
        let identity = identity(&authority, &["sip.example.com"], issued_at);
        let tls = ServerTls::new(&identity, LOWEST, ClientCertificates::NotAsked).unwrap();
        let server = listening(tls);
        let policy = client_tls(trusted, LOWEST);

        let failure = attempt(&mut Side::client(), server.local(), "sip.example.com", &policy).await;

        assert_eq!(failure, Some(expected));
    }
}

#[tokio::test]
async fn a_client_whose_clock_is_ten_years_behind_checks_certificates_at_the_floor() {
    let decade = Duration::from_secs(10 * 365 * 86_400);
    let then = SystemTime::now() + decade;
    let authority = Authority::generate("Test", then).unwrap();
    let identity = identity(&authority, &["sip.example.com"], then);
    let server = listening(ServerTls::new(&identity, LOWEST, ClientCertificates::NotAsked).unwrap());
    let clock = CertificateClock::default();
    let policy = ClientTls::new(ClientTlsConfig {
        trust: Trust::Authorities(vec![authority.certificate().clone()]),
        clock: clock.clone(),
        ..ClientTlsConfig::default()
    })
    .unwrap();
    let mut client = Side::client();

    let before = attempt(&mut client, server.local(), "sip.example.com", &policy).await;
    clock.raise(then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    let after = attempt(&mut client, server.local(), "sip.example.com", &policy).await;

    assert_eq!(before, Some(TlsFailure::NotYetValid));
    assert_eq!(after, None);
    assert_eq!(clock.now().1, ClockVerdict::Behind);
}

#[tokio::test]
async fn a_client_that_trusts_anyone_connects_to_a_stranger() {
    let server = listening(server_tls(&authority(), &["other.example.com"], LOWEST));
    let policy = ClientTls::new(ClientTlsConfig {
        trust: Trust::Anyone,
        ..ClientTlsConfig::default()
    })
    .unwrap();

    let failure = attempt(&mut Side::client(), server.local(), "sip.example.com", &policy).await;

    assert_eq!(failure, None);
}

#[tokio::test]
async fn a_server_that_is_too_old_is_named() {
    // What a server without TLS 1.3 says to a client that knows nothing older: a fatal protocol_version alert.
    let address = answering(b"\x15\x03\x03\x00\x02\x02\x46").await;
    let policy = client_tls(&authority(), MinimumVersion::Tls13);

    let failure = attempt(&mut Side::client(), address, "sip.example.com", &policy).await;

    assert_eq!(failure, Some(TlsFailure::Version));
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_named() {
    let address = answering(b"SIP/2.0 400 Bad Request\r\n\r\n").await;
    let policy = client_tls(&authority(), LOWEST);

    let failure = attempt(&mut Side::client(), address, "sip.example.com", &policy).await;

    assert_eq!(failure, Some(TlsFailure::NotTls));
}

#[tokio::test]
async fn a_server_that_closes_within_the_handshake_is_named() {
    let address = answering(b"").await;
    let policy = client_tls(&authority(), LOWEST);

    let failure = attempt(&mut Side::client(), address, "sip.example.com", &policy).await;

    assert_eq!(failure, Some(TlsFailure::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_in_the_handshake_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let policy = client_tls(&authority(), LOWEST);
    let address = silent.local_addr().unwrap();

    let failure = attempt(&mut Side::client(), address, "sip.example.com", &policy).await;

    assert_eq!(failure, Some(TlsFailure::Timeout));
}

#[tokio::test]
async fn a_name_that_is_none_is_named() {
    let policy = client_tls(&authority(), LOWEST);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

    let failure = attempt(
        &mut Side::client(),
        listener.local_addr().unwrap(),
        "not a name",
        &policy,
    )
    .await;

    assert_eq!(failure, Some(TlsFailure::ServerName("not a name".to_owned())));
}

#[tokio::test]
async fn a_server_that_wants_certificates_lets_in_who_has_one() {
    let authority = authority();
    let clients = ClientCertificates::Required(vec![authority.certificate().clone()]);
    let identity = identity(&authority, &["zone.example.com"], SystemTime::now());
    let mut server = listening(ServerTls::new(&identity, LOWEST, clients).unwrap());
    let trust = Trust::Authorities(vec![authority.certificate().clone()]);
    let with = ClientTlsConfig {
        trust: trust.clone(),
        minimum: LOWEST,
        identity: Some(identity),
        ..ClientTlsConfig::default()
    };
    let without = ClientTlsConfig {
        trust,
        minimum: LOWEST,
        identity: None,
        ..ClientTlsConfig::default()
    };

    let mut known = Side::client();
    let flow = known
        .connected(tls(
            server.local(),
            "zone.example.com",
            &ClientTls::new(with).unwrap(),
        ))
        .await;
    assert_eq!(server.opened().await.remote, flow.local);

    // With TLS 1.3 the client has finished before the server refuses it, so it learns of it afterwards.
    let mut unknown = Side::client();
    unknown
        .connected(tls(
            server.local(),
            "zone.example.com",
            &ClientTls::new(without).unwrap(),
        ))
        .await;
    assert_eq!(
        unknown.closed().await,
        CloseCause::Tls(TlsFailure::ClientCertificate)
    );
}

#[tokio::test]
async fn p12_a_server_that_wants_certificates_follows_no_chain_with_more_than_one_way() {
    let [authority, namesake] = [authority(), authority()];
    let clients = ClientCertificates::Required(vec![authority.certificate().clone()]);
    let server_identity = identity(&authority, &["zone.example.com"], SystemTime::now());
    let server = listening(ServerTls::new(&server_identity, LOWEST, clients).unwrap());
    let subject = Subject::Name("feed.example.com".to_owned());
    let issued = authority
        .issue(&[subject], Purpose::Client, SystemTime::now())
        .unwrap();
    let [first, second] = [&authority, &namesake].map(Authority::certificate_pem);
    let chain = format!("{}{first}{second}", issued.certificate_pem);
    let config = ClientTlsConfig {
        trust: Trust::Authorities(vec![authority.certificate().clone()]),
        minimum: LOWEST,
        identity: Some(Identity::from_pem(chain.as_bytes(), issued.key_pem.as_bytes()).unwrap()),
        ..ClientTlsConfig::default()
    };

    let mut client = Side::client();
    client
        .connected(tls(
            server.local(),
            "zone.example.com",
            &ClientTls::new(config).unwrap(),
        ))
        .await;

    assert_eq!(
        client.closed().await,
        CloseCause::Tls(TlsFailure::ClientCertificate)
    );
}

#[tokio::test]
async fn a_renewed_identity_serves_the_next_handshake_and_leaves_open_connections() {
    let authority = authority();
    let tls_of_server = server_tls(&authority, &["old.example.com"], LOWEST);
    let mut server = listening(tls_of_server.clone());
    let policy = client_tls(&authority, LOWEST);
    let mut early = Side::client();
    let flow = early
        .connected(tls(server.local(), "old.example.com", &policy))
        .await;
    let opened = server.opened().await;

    tls_of_server.replace_identity(&identity(&authority, &["new.example.com"], SystemTime::now()));

    assert_eq!(
        attempt(&mut Side::client(), server.local(), "new.example.com", &policy).await,
        None
    );
    early.transports.send(&flow, register(1)).unwrap();
    let (at_server, _) = loop {
        match server.next().await {
            Incoming::Message { flow, message } => break (flow, message),
            Incoming::Opened { .. } | Incoming::Closed { .. } => {}
            other => panic!("not a message: {other:?}"),
        }
    };
    assert_eq!(at_server, opened);
}

fn authority() -> Authority {
    Authority::generate("Test", SystemTime::now()).unwrap()
}

fn listening(tls: ServerTls) -> Side {
    Side::listening(ListenerKind::Tls(tls))
}

fn tls(address: SocketAddr, server_name: &str, policy: &ClientTls) -> net::transport::Dial {
    dial(
        address,
        Channel::Tls {
            server_name: server_name.to_owned(),
            policy: policy.clone(),
        },
    )
}

/// Why a dial fails in TLS, if it does.
async fn attempt(
    client: &mut Side,
    address: SocketAddr,
    server_name: &str,
    policy: &ClientTls,
) -> Option<TlsFailure> {
    client.transports.connect(tls(address, server_name, policy));
    match client.next().await {
        Incoming::Connected { .. } => None,
        Incoming::ConnectFailed {
            cause: ConnectFailure::Tls(failure),
            ..
        } => Some(failure),
        other => panic!("neither connected nor failed in TLS: {other:?}"),
    }
}

/// A server that answers the first bytes of its one client with `answer`, and closes.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; 16 * 1024];
        assert!(stream.read(&mut hello).await.unwrap() > 0);
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    address
}
