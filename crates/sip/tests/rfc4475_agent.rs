//! The torture messages of RFC 4475 as a user agent answers them: one exact verdict for each file, as an endpoint
//! and, where that differs, as a registrar.
//!
//! What the message layer alone says of them is in `rfc4475.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message, Method, OwnedMethod};
use sip::user_agent::{Config, Event, Output, UserAgent};

/// File, and what the agent of an endpoint does: answers (with the header that RFC 3261 demands beside the status),
/// passes up, or drops.
const ENDPOINT: [(&str, &str); 50] = [
    ("badaspec", "400"),
    ("badbranch", "400"),
    ("baddate", "passes up INVITE"),
    ("baddn", "400"),
    ("badinv01", "400"),
    ("badvers", "505"),
    ("bcast", "drops"),
    (
        "bext01",
        "420 Unsupported: nothingSupportsThis, nothingSupportsThisEither",
    ),
    ("bigcode", "drops"),
    ("clerr", "400"),
    ("cparam01", "405 Allow"),
    ("cparam02", "405 Allow"),
    ("dblreq", "405 Allow"),
    ("esc01", "passes up INVITE"),
    ("esc02", "501 Allow"),
    ("escnull", "405 Allow"),
    ("escruri", "400"),
    ("insuf", "400"),
    ("intmeth", "501 Allow"),
    ("inv2543", "passes up INVITE"),
    ("invut", "415 Accept: application/sdp"),
    ("longreq", "passes up INVITE"),
    ("ltgtruri", "400"),
    ("lwsdisp", "passes up OPTIONS"),
    ("lwsruri", "400"),
    ("lwsstart", "400"),
    ("mcl01", "400"),
    ("mismatch01", "400"),
    ("mismatch02", "501 Allow"),
    ("mpart01", "405 Allow"),
    ("multi01", "400"),
    ("ncl", "400"),
    ("noreason", "drops"),
    ("novelsc", "416"),
    ("quotbal", "400"),
    ("regaut01", "405 Allow"),
    ("regbadct", "400"),
    ("regescrt", "405 Allow"),
    ("scalar02", "400"),
    ("scalarlg", "drops"),
    ("sdp01", "406 Warning: 399"),
    ("semiuri", "passes up OPTIONS"),
    ("test", "drops"),
    ("transports", "passes up OPTIONS"),
    ("trws", "400"),
    ("unkscm", "416"),
    ("unksm2", "400"),
    ("unreason", "drops"),
    ("wsinv", "481"),
    ("zeromf", "passes up OPTIONS"),
];

/// The files that a registrar, which also takes MESSAGE, treats otherwise: its own rules decide then.
const REGISTRAR: [(&str, &str); 7] = [
    ("cparam01", "passes up REGISTER"),
    ("cparam02", "passes up REGISTER"),
    ("dblreq", "passes up REGISTER"),
    ("escnull", "passes up REGISTER"),
    ("mpart01", "passes up MESSAGE"),
    ("regaut01", "passes up REGISTER"),
    ("regescrt", "passes up REGISTER"),
];

#[test]
fn an_endpoint_has_one_verdict_for_each_torture_message() {
    let found = verdicts(&Config::new("endpoint/1"));

    assert_eq!(found.len(), ENDPOINT.len());
    for (file, verdict) in ENDPOINT {
        assert_eq!(found.get(file).map(String::as_str), Some(verdict), "{file}");
    }
}

#[test]
fn a_registrar_decides_on_what_an_endpoint_does_not_take() {
    let mut config = Config::new("registrar/1");
    config
        .methods
        .extend([Method::Register, Method::Message].map(OwnedMethod::from));
    let found = verdicts(&config);

    let mut expected: BTreeMap<&str, &str> = ENDPOINT.into_iter().collect();
    expected.extend(REGISTRAR);
    for (file, verdict) in expected {
        assert_eq!(found.get(file).map(String::as_str), Some(verdict), "{file}");
    }
}

/// The verdict on each file of the collection, by name.
fn verdicts(config: &Config) -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475");
    fs::read_dir(directory)
        .expect("the collection is in the repository")
        .map(|entry| entry.expect("a readable directory").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| {
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .expect("a plain name")
                .to_owned();
            (name, judge(config, fs::read(&path).expect("a readable file")))
        })
        .collect()
}

/// Gives a fresh agent the octets as one datagram, twice, and then all the time in the world.
fn judge(config: &Config, octets: Vec<u8>) -> String {
    let now = Instant::now();
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: "192.0.2.99:5060".parse().expect("an address"),
        connection: ConnectionId(1),
    };
    let mut agent = UserAgent::new([1; 32], config.clone());
    receive(&mut agent, now, flow, octets.clone());
    let first = drain(&mut agent);
    receive(&mut agent, now, flow, octets);
    let again = drain(&mut agent);
    if first.starts_with(|digit: char| digit.is_ascii_digit()) {
        assert_eq!(first, again, "a retransmission gets the same answer");
    } else {
        assert_eq!(again, "drops", "a retransmission goes no further");
    }
    let mut end = now;
    while let Some(at) = agent.next_timeout() {
        end = at;
        agent.handle_timeout(at);
    }
    drain(&mut agent);
    assert_eq!(
        agent.transactions() + agent.sessions(),
        0,
        "nothing is left behind"
    );
    assert!(end <= now + Duration::from_secs(240), "nothing lasts for ever");
    first
}

fn receive(agent: &mut UserAgent, now: Instant, flow: Flow, octets: Vec<u8>) {
    match Message::parse_datagram(octets) {
        Ok(message) => agent.handle_message(now, flow, message),
        Err(error) => agent.handle_framing_error(now, flow, &error),
    }
}

/// What the agent has done, in the words of the tables.
fn drain(agent: &mut UserAgent) -> String {
    let mut done = Vec::new();
    while let Some(output) = agent.poll_output() {
        done.push(match output {
            Output::Transmit { bytes, .. } => {
                describe(&Message::parse_datagram(bytes.to_vec()).expect("a message"))
            }
            Output::Event(Event::Request { message, .. } | Event::Invite { message, .. }) => {
                format!("passes up {}", message.method().expect("a request"))
            }
            Output::Event(event) => format!("{event:?}"),
        });
    }
    if done.is_empty() {
        "drops".to_owned()
    } else {
        done.join(", then ")
    }
}

/// The status, and the header that goes with it.
fn describe(response: &Message) -> String {
    let status = response.status().expect("a response");
    let value = |name| response.header(name).unwrap_or("(none)");
    match status.code() {
        405 | 501 if response.header(HeaderName::Allow).is_some() => format!("{status} Allow"),
        406 => format!(
            "{status} Warning: {}",
            value(HeaderName::Warning).split(' ').next().unwrap_or_default()
        ),
        415 => format!("{status} Accept: {}", value(HeaderName::Accept)),
        420 => format!("{status} Unsupported: {}", value(HeaderName::Unsupported)),
        _ => status.to_string(),
    }
}
