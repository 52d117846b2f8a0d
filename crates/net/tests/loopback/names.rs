//! The resolver against a scripted name server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use net::resolver::{RECORDS_MAX, Resolver};
use sip::locate::{Answer, Naptr, Query, Record, RecordKind, Srv};
use tokio::net::UdpSocket;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const NAPTR: u16 = 35;
const NAME_ERROR: u8 = 3;
const SERVER_FAILURE: u8 = 2;

#[tokio::test]
async fn each_kind_of_record_is_answered() {
    let server = Server::start([
        ("example.com", NAPTR, Script::Records(vec![(NAPTR, naptr())])),
        (
            "_sips._tcp.example.com",
            SRV,
            Script::Records(vec![(SRV, srv("sip.example.com"))]),
        ),
        (
            "sip.example.com",
            A,
            Script::Records(vec![(A, vec![192, 0, 2, 1]), (A, vec![192, 0, 2, 2])]),
        ),
        (
            "sip.example.com",
            AAAA,
            Script::Records(vec![(
                AAAA,
                "2001:db8::1"
                    .parse::<std::net::Ipv6Addr>()
                    .unwrap()
                    .octets()
                    .to_vec(),
            )]),
        ),
    ])
    .await;
    let resolver = server.resolver();

    assert_eq!(
        resolver.answer(&query(RecordKind::Naptr, "example.com")).await,
        Answer::Records(vec![Record::Naptr(Naptr {
            order: 10,
            preference: 20,
            flags: "s".to_owned(),
            services: "SIPS+D2T".to_owned(),
            regexp: String::new(),
            replacement: "_sips._tcp.example.com".to_owned(),
        })])
    );
    assert_eq!(
        resolver
            .answer(&query(RecordKind::Srv, "_sips._tcp.example.com"))
            .await,
        Answer::Records(vec![Record::Srv(Srv {
            priority: 1,
            weight: 2,
            port: 5061,
            target: "sip.example.com".to_owned()
        })])
    );
    assert_eq!(
        resolver.answer(&query(RecordKind::A, "sip.example.com")).await,
        Answer::Records(vec![address("192.0.2.1"), address("192.0.2.2")])
    );
    assert_eq!(
        resolver.answer(&query(RecordKind::Aaaa, "sip.example.com")).await,
        Answer::Records(vec![address("2001:db8::1")])
    );
}

#[tokio::test]
async fn an_alias_on_the_way_is_no_record() {
    let answer = vec![(CNAME, name("real.example.com")), (A, vec![192, 0, 2, 1])];
    let server = Server::start([("alias.example.com", A, Script::Aliased(answer))]).await;

    assert_eq!(
        server
            .resolver()
            .answer(&query(RecordKind::A, "alias.example.com"))
            .await,
        Answer::Records(vec![address("192.0.2.1")])
    );
}

#[tokio::test]
async fn a_name_that_is_not_there_and_a_name_without_such_a_record_are_no_data() {
    let server = Server::start([
        ("missing.example.com", A, Script::Code(NAME_ERROR)),
        ("empty.example.com", A, Script::Records(Vec::new())),
    ])
    .await;
    let resolver = server.resolver();

    for missing in ["missing.example.com", "empty.example.com"] {
        assert_eq!(
            resolver.answer(&query(RecordKind::A, missing)).await,
            Answer::NoData,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_answer_is_a_failure_and_no_missing_record() {
    let server = Server::start([("broken.example.com", A, Script::Code(SERVER_FAILURE))]).await;

    assert_eq!(
        server
            .resolver()
            .answer(&query(RecordKind::A, "broken.example.com"))
            .await,
        Answer::Failed
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_a_failure_in_bounded_time() {
    let server = Server::start([("silent.example.com", A, Script::Silence)]).await;
    let start = tokio::time::Instant::now();

    assert_eq!(
        server
            .resolver()
            .answer(&query(RecordKind::A, "silent.example.com"))
            .await,
        Answer::Failed
    );

    assert!(
        start.elapsed() <= net::resolver::QUERY_TIMEOUT,
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_answer_is_asked_for_once() {
    let server = Server::start([(
        "sip.example.com",
        A,
        Script::Records(vec![(A, vec![192, 0, 2, 1])]),
    )])
    .await;
    let resolver = server.resolver();

    for _ in 0..3 {
        resolver.answer(&query(RecordKind::A, "sip.example.com")).await;
    }

    assert_eq!(server.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a13_an_answer_of_too_many_records_is_cut() {
    let records = (0..=u8::try_from(RECORDS_MAX).unwrap())
        .map(|last| (A, vec![192, 0, 2, last]))
        .collect();
    let server = Server::start([("many.example.com", A, Script::Records(records))]).await;

    let Answer::Records(records) = server
        .resolver()
        .answer(&query(RecordKind::A, "many.example.com"))
        .await
    else {
        panic!("no records");
    };

    assert_eq!(records.len(), RECORDS_MAX);
}

#[tokio::test]
async fn what_is_no_name_is_no_data_and_not_asked() {
    let server = Server::start([]).await;
    let resolver = server.resolver();

    for wrong in ["", ".", &"a".repeat(64), &"a.".repeat(200)] {
        assert_eq!(
            resolver.answer(&query(RecordKind::A, wrong)).await,
            Answer::NoData,
            "{wrong}"
        );
    }

    assert_eq!(server.asked.load(Ordering::Relaxed), 0);
}

fn query(kind: RecordKind, name: &str) -> Query {
    Query {
        kind,
        name: name.to_owned(),
    }
}

fn address(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

/// What the name server does with a question.
#[derive(Clone)]
enum Script {
    /// Answers with records of the name asked for.
    Records(Vec<(u16, Vec<u8>)>),
    /// Answers with an alias first; the records after it are of the alias.
    Aliased(Vec<(u16, Vec<u8>)>),
    /// Answers with an error.
    Code(u8),
    /// Says nothing.
    Silence,
}

/// A name server on a free port that follows a script by name and type.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start<const QUESTIONS: usize>(script: [(&'static str, u16, Script); QUESTIONS]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let script: HashMap<_, _> = script
            .into_iter()
            .map(|(name, kind, script)| ((self::name(name), kind), script))
            .collect();
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = respond(&buffer[..length], &script) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        Self { address, asked }
    }

    fn resolver(&self) -> Resolver {
        Resolver::with_name_servers(&[self.address]).unwrap()
    }
}

/// Answers a question (RFC 1035 section 4.1).
fn respond(message: &[u8], script: &HashMap<(Vec<u8>, u16), Script>) -> Option<Vec<u8>> {
    let end_of_name = 12 + message[12..].iter().position(|octet| *octet == 0)? + 1;
    let asked = message[12..end_of_name].to_ascii_lowercase();
    let kind = u16::from_be_bytes([message[end_of_name], message[end_of_name + 1]]);
    let (code, records, is_aliased) = match script.get(&(asked, kind)) {
        Some(Script::Records(records)) => (0, records.clone(), false),
        Some(Script::Aliased(records)) => (0, records.clone(), true),
        Some(Script::Code(code)) => (*code, Vec::new(), false),
        Some(Script::Silence) => return None,
        None => (NAME_ERROR, Vec::new(), false),
    };
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let mut answer = message[..2].to_vec();
    // A response to a recursive query, from a server that recurses; one question.
    answer.extend([0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0]);
    answer.extend(&message[12..end_of_name + 4]);
    for (index, (kind, data)) in records.into_iter().enumerate() {
        match (is_aliased, index) {
            // The name in the question, 12 octets into the message.
            (false, _) | (true, 0) => answer.extend([0xC0, 12]),
            (true, _) => answer.extend(name("real.example.com")),
        }
        answer.extend(kind.to_be_bytes());
        // Class IN, 300 s.
        answer.extend([0, 1, 0, 0, 1, 44]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

fn naptr() -> Vec<u8> {
    let mut data = vec![0, 10, 0, 20];
    for text in ["s", "SIPS+D2T", ""] {
        data.push(u8::try_from(text.len()).unwrap());
        data.extend(text.as_bytes());
    }
    data.extend(name("_sips._tcp.example.com"));
    data
}

fn srv(target: &str) -> Vec<u8> {
    let mut data = vec![0, 1, 0, 2];
    data.extend(5_061_u16.to_be_bytes());
    data.extend(name(target));
    data
}

fn name(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in text.split('.') {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}
