//! What a registration costs the core: REGISTER and its 401, REGISTER with the answer and its 200, over UDP.
//!
//! Run with `cargo bench -p switch`. Parsing is included; making the requests is not. Time goes on by a millisecond
//! for each request, so that transactions live and end as they do at 1,000 requests a second.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark states what it expects by unwrapping it"
)]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher};
use model::Secret;
use model::directory::{
    Credential, CredentialSecret, DigestAlgorithm, Epoch, Generation, Snapshot, Update, User, UserKind,
};
use sip::digest::{Algorithm, Challenge, ClientCredentials, answer};
use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message};
use switch::{Config, Input, Output, PlainMedia, Switch};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Phones that register in turn.
const PHONES: u32 = 5_000;
const REQUEST_URI: &str = "sip:acme.example";

fn main() {
    divan::main();
}

/// A zone with phones around it.
struct Storm {
    zone: Switch,
    now: Instant,
    number: u32,
}

impl Storm {
    fn new() -> Self {
        let mut config = Config::new("bench", "acme".parse().unwrap());
        config.media.plain = PlainMedia::OverClearFlows;
        let mut storm = Self {
            zone: Switch::new([1; 32], config),
            now: Instant::now(),
            number: 0,
        };
        storm
            .zone
            .handle_input(storm.now, Input::Directory(Update::Snapshot(snapshot())));
        while storm.zone.poll_output().is_some() {}
        storm
    }

    /// Gives one datagram to the zone; returns the last thing it sends.
    fn receive(&mut self, flow: Flow, octets: Vec<u8>) -> Option<Vec<u8>> {
        self.now += Duration::from_millis(1);
        if self.zone.next_timeout().is_some_and(|due| due <= self.now) {
            self.zone.handle_timeout(self.now);
        }
        let message = Message::parse_datagram(octets).unwrap();
        self.zone.handle_input(self.now, Input::Sip { flow, message });
        let mut sent = None;
        while let Some(output) = self.zone.poll_output() {
            if let Output::Transmit { bytes, .. } = output {
                sent = Some(bytes.to_vec());
            }
        }
        sent
    }

    fn next(&mut self) -> (Flow, u32) {
        self.number += 1;
        (flow(self.number % PHONES), self.number)
    }
}

fn flow(phone: u32) -> Flow {
    let [_, _, high, low] = phone.to_be_bytes();
    Flow {
        transport: Transport::Udp,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        remote: SocketAddr::from(([10, 1, high, low], 5060)),
        connection: ConnectionId(0),
    }
}

fn snapshot() -> Snapshot {
    let name = |number: u32| format!("phone{number}");
    Snapshot {
        account: "acme".parse().unwrap(),
        epoch: Epoch(1),
        realm: "acct-7".to_owned(),
        domain: "acme.example".to_owned(),
        default_algorithm: DigestAlgorithm::Sha256,
        users: (0..PHONES)
            .map(|number| User {
                user: name(number).parse().unwrap(),
                name: name(number),
                kind: UserKind::Phone,
            })
            .collect(),
        credentials: (0..PHONES)
            .map(|number| Credential {
                authorization_id: name(number).parse().unwrap(),
                user: name(number).parse().unwrap(),
                algorithm: DigestAlgorithm::Sha256,
                generation: Generation(1),
                secret: CredentialSecret::Password(Secret::from("correct horse battery")),
            })
            .collect(),
        extensions: Vec::new(),
        permissions: Vec::new(),
    }
}

fn request(number: u32, sequence: u32, authorization: &str) -> Vec<u8> {
    let phone = number % PHONES;
    format!(
        "REGISTER {REQUEST_URI} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bK-{number}-{sequence};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:phone{phone}@acme.example>;tag=a{number}\r\n\
         To: <sip:phone{phone}@acme.example>\r\n\
         Call-ID: 8f2b6a7e3c9d4e01-{number}\r\n\
         CSeq: {sequence} REGISTER\r\n\
         Contact: <sip:phone{phone}@10.1.0.1:5060;transport=udp>;+sip.instance=\"<urn:uuid:{number:08x}>\"\r\n\
         Expires: 600\r\n\
         User-Agent: Some Phone 1.2.3\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE\r\n\
         Supported: path, outbound\r\n\
         {authorization}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The same REGISTER with the answer to the challenge it met.
fn answered(storm: &mut Storm, flow: Flow, number: u32) -> Vec<u8> {
    let refused = Message::parse_datagram(storm.receive(flow, request(number, 1, "")).unwrap()).unwrap();
    let challenge =
        Challenge::choose(refused.headers(HeaderName::WwwAuthenticate), Algorithm::Sha256).unwrap();
    let credentials = ClientCredentials {
        username: format!("phone{}", number % PHONES),
        password: sip::digest::Secret::from("correct horse battery"),
        weakest: Algorithm::Md5,
    };
    let answer = answer(&challenge, &credentials, "REGISTER", REQUEST_URI, 1, "0a4f113b");
    request(number, 2, &format!("Authorization: {answer}\r\n"))
}

#[divan::bench]
fn challenge(bencher: Bencher<'_, '_>) {
    let storm = RefCell::new(Storm::new());
    bencher
        .with_inputs(|| {
            let (flow, number) = storm.borrow_mut().next();
            (flow, request(number, 1, ""))
        })
        .bench_local_values(|(flow, octets)| storm.borrow_mut().receive(flow, octets));
}

#[divan::bench]
fn accept(bencher: Bencher<'_, '_>) {
    let storm = RefCell::new(Storm::new());
    bencher
        .with_inputs(|| {
            let mut storm = storm.borrow_mut();
            let (flow, number) = storm.next();
            (flow, answered(&mut storm, flow, number))
        })
        .bench_local_values(|(flow, octets)| {
            let sent = storm.borrow_mut().receive(flow, octets).unwrap();
            assert!(sent.starts_with(b"SIP/2.0 200"));
            sent
        });
}
