//! One user agent and a peer that the test plays itself, message by message.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sip::flow::{ConnectionId, Flow, Transport};
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Body, Config, Event, OutgoingRequest, Output, Reply, SessionId, UserAgent};

/// See the [module](self).
pub(crate) struct Lone {
    pub(crate) agent: UserAgent,
    pub(crate) flow: Flow,
    pub(crate) now: Instant,
    sent: VecDeque<(Flow, Message)>,
    events: VecDeque<Event>,
}

impl Lone {
    pub(crate) fn new(transport: Transport) -> Self {
        Self::with_config(transport, Config::new("lone/1"))
    }

    pub(crate) fn with_config(transport: Transport, config: Config) -> Self {
        Self {
            agent: UserAgent::new([7; 32], config),
            flow: Flow {
                transport,
                local: "192.0.2.1:5060".parse().expect("an address"),
                remote: "192.0.2.2:5062".parse().expect("an address"),
                connection: ConnectionId(1),
            },
            now: Instant::now(),
            sent: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Gives the agent a message; lines end as they should whatever the test writes.
    pub(crate) fn receive(&mut self, text: &str) {
        let bytes = text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        match Message::parse_datagram(bytes) {
            Ok(message) => self.agent.handle_message(self.now, self.flow, message),
            Err(error) => self.agent.handle_framing_error(self.now, self.flow, &error),
        }
        self.take();
    }

    /// Answers a request that the agent has sent.
    pub(crate) fn answer(&mut self, request: &Message, status: StatusCode, headers: &[(&str, &str)]) {
        let response = self.response(request, status, "peer", headers);
        self.receive(&response);
    }

    /// A response to a request that the agent has sent, as text.
    pub(crate) fn response(
        &self,
        request: &Message,
        status: StatusCode,
        tag: &str,
        headers: &[(&str, &str)],
    ) -> String {
        let mut builder = request.response(status).to_tag(tag);
        for (name, value) in headers {
            builder = builder.header(HeaderName::Other(name), value);
        }
        String::from_utf8(builder.finish().expect("a sound response").into_bytes()).expect("text")
    }

    /// Lets time pass; what is due happens at its time.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.agent.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.agent.handle_timeout(self.now);
        }
        self.now = end;
        self.take();
    }

    /// The next message the agent has sent.
    pub(crate) fn sent(&mut self) -> Message {
        self.sent_to().1
    }

    /// The next message the agent has sent, and where to.
    pub(crate) fn sent_to(&mut self) -> (Flow, Message) {
        self.take();
        self.sent.pop_front().expect("a message was sent")
    }

    /// The octets of the next message the agent has sent.
    pub(crate) fn sent_octets(&mut self) -> Vec<u8> {
        self.sent().into_bytes()
    }

    /// The status of the next message the agent has sent.
    pub(crate) fn sent_status(&mut self) -> u16 {
        self.sent().status().expect("a response was sent").code()
    }

    /// Panics unless all that was sent has been looked at.
    pub(crate) fn expect_nothing_sent(&mut self) {
        self.take();
        assert!(self.sent.is_empty(), "{:?}", self.sent);
    }

    /// Start lines of everything sent and not looked at, in short; forgets it.
    pub(crate) fn sent_lines(&mut self) -> Vec<String> {
        self.take();
        self.sent
            .drain(..)
            .map(|(_, message)| match (message.status(), message.method()) {
                (Some(status), _) => status.to_string(),
                (None, method) => method.expect("a request").to_string(),
            })
            .collect()
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Event {
        self.take();
        self.events.pop_front().expect("an event is waiting")
    }

    /// Panics if there is an event.
    pub(crate) fn expect_no_event(&mut self) {
        self.take();
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// Sends an INVITE and returns it.
    pub(crate) fn call(&mut self) -> (SessionId, Message) {
        self.call_with(outgoing(Method::Invite))
    }

    /// Sends this INVITE and returns it.
    pub(crate) fn call_with(&mut self, request: OutgoingRequest) -> (SessionId, Message) {
        let session = self.agent.invite(self.now, self.flow, request);
        (session, self.sent())
    }

    /// Calls the peer, who answers at once; returns the ACK as well.
    pub(crate) fn call_answered(&mut self, headers: &[(&str, &str)]) -> (SessionId, Message, Message) {
        let (session, invite) = self.call();
        self.answer(&invite, StatusCode::OK, headers);
        assert!(matches!(self.event(), Event::Answered { .. }));
        let ack = self.sent();
        (session, invite, ack)
    }

    /// Receives an INVITE and returns its session.
    pub(crate) fn called(&mut self, invite: &str) -> SessionId {
        self.receive(invite);
        match self.event() {
            Event::Invite { session, .. } => session,
            other => panic!("{other:?}"),
        }
    }

    /// Receives an INVITE, answers it and gets the ACK; returns the session and our tag.
    pub(crate) fn called_confirmed(&mut self) -> (SessionId, String) {
        let session = self.called(&invite("z9hG4bKi"));
        self.agent.answer(
            self.now,
            session,
            Reply::new(StatusCode::OK).body(Body::sdp("v=0\r\n")),
        );
        let tag = self.sent().to().expect("To").tag().expect("a tag").to_owned();
        self.receive(&in_dialog("ACK", 1, &tag, "z9hG4bKa"));
        assert!(matches!(self.event(), Event::Confirmed { .. }));
        (session, tag)
    }

    fn take(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Event(event) => self.events.push_back(event),
                Output::Transmit { flow, bytes } => {
                    let message = Message::parse_datagram(bytes.to_vec()).expect("a whole message");
                    self.sent.push_back((flow, message));
                }
            }
        }
    }
}

/// A request of ours to the peer.
pub(crate) fn outgoing(method: Method<'_>) -> OutgoingRequest {
    let mut request = OutgoingRequest::new(
        method,
        "sip:bob@192.0.2.2:5062",
        "<sip:alice@example.com>",
        "<sip:bob@example.com>",
    );
    request.contact = Some("<sip:alice@192.0.2.1>".to_owned());
    request
}

/// A request of the peer outside dialogs, without a body.
pub(crate) fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.2:5062;branch={branch};rport\n\
         From: <sip:bob@example.com>;tag=bob\n\
         To: <sip:alice@example.com>\n\
         Call-ID: call-of-bob\n\
         CSeq: 1 {method}\n\
         Contact: <sip:bob@192.0.2.2:5062>\n\
         {more}Content-Length: 0\n\n"
    )
}

/// An INVITE of the peer.
pub(crate) fn invite(branch: &str) -> String {
    request("INVITE", branch, "")
}

/// A request of the peer in the dialog that [`invite`] has made.
pub(crate) fn in_dialog(method: &str, sequence: u32, our_tag: &str, branch: &str) -> String {
    format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.2:5062;branch={branch};rport\n\
         From: <sip:bob@example.com>;tag=bob\n\
         To: <sip:alice@example.com>;tag={our_tag}\n\
         Call-ID: call-of-bob\n\
         CSeq: {sequence} {method}\n\
         Content-Length: 0\n\n"
    )
}

/// A header of a message, for short assertions.
pub(crate) fn header<'a>(message: &'a Message, name: &'static str) -> &'a str {
    message.header(HeaderName::Other(name)).unwrap_or("(none)")
}

/// Milliseconds.
pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
