//! Whoever sends what no user agent of ours would.

use std::net::SocketAddr;

use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::Message;
use switch::Input;

use crate::world::{DOMAIN, World};

/// The flow of a stranger, from the zone's side.
pub(crate) fn flow(transport: Transport) -> Flow {
    let connection = if transport == Transport::Udp { 0 } else { 9_000 };
    Flow {
        transport,
        local: SocketAddr::from(([192, 0, 2, 1], transport.default_port())),
        remote: SocketAddr::from(([203, 0, 113, 66], 5_070)),
        connection: ConnectionId(connection),
    }
}

/// A request with the headers it cannot do without, and these.
pub(crate) fn request(method: &str, uri: &str, number: u32, headers: &[(&str, &str)]) -> Message {
    let mut text = format!(
        "{method} {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.66:5070;branch=z9hG4bK-{method}-{number};rport\r\n\
         CSeq: {number} {method}\r\n"
    );
    for (name, default) in [
        ("Call-ID", "stranger".to_owned()),
        ("From", format!("<sip:mallory@{DOMAIN}>;tag=m")),
        ("To", format!("<{uri}>")),
        ("Max-Forwards", "70".to_owned()),
        ("Contact", "<sip:mallory@203.0.113.66:5070>".to_owned()),
    ] {
        if headers.iter().all(|(given, _)| !given.eq_ignore_ascii_case(name)) {
            text.push_str(&format!("{name}: {default}\r\n"));
        }
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    Message::parse_datagram(text.into_bytes()).unwrap()
}

impl World {
    /// Sends a message as a stranger and returns what comes back.
    pub(crate) fn ask(&mut self, flow: Flow, message: Message) -> Vec<Message> {
        let before = self.stray.len();
        self.input(Input::Sip { flow, message });
        let answers = self.stray[before..].iter();
        answers
            .map(|(_, bytes)| Message::parse_datagram(bytes.clone()).unwrap())
            .collect()
    }

    /// Sends a message as a stranger and returns the status of the one answer.
    pub(crate) fn status_of(&mut self, flow: Flow, message: Message) -> u16 {
        let answers = self.ask(flow, message);
        assert_eq!(answers.len(), 1, "one answer");
        answers[0].status().unwrap().code()
    }
}
