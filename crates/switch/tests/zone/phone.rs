//! A phone or endpoint as the zone meets it: a user agent with a script.

use std::time::Instant;

use media::codec::Codec;
use media::sdp::{self, Direction, LocalMedia, Negotiated, PendingOffer, SecurityOffer};
use media::srtp::Suite;
use model::status::Receipt;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sip::digest::{Algorithm, ClientCredentials, Secret};
use sip::flow::{Flow, Transport};
use sip::message::{HeaderName, Message, Method, OwnedMethod, StatusCode};
use sip::user_agent::{
    Body, Config, EndCause, Event, OutgoingRequest, Output, Reply, RequestId, Sequence, ServerId, SessionId,
    UserAgent,
};

use crate::world::{DOMAIN, phone_flow};

/// What a phone does with an INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// 180, then 200, and a receipt at the end.
    Endpoint,
    /// 180, then 200.
    Answer,
    /// 180, and whatever the test does then.
    Ring,
    /// Nothing at all.
    Ignore,
    /// A refusal.
    Refuse(u16),
    /// A refusal with a Warning.
    Explain(u16, &'static str),
    /// 200 with a description that takes the keys out.
    StripKeys,
    /// 200 without any description.
    Undescribed,
}

/// What a phone answers a re-INVITE with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reinvited {
    /// 200 without a description.
    Undescribed,
    /// Its media are at [`MOVED_PORT`] from here on.
    Moved,
    /// It has no media any more.
    Declined,
}

/// Where the media of a phone move to.
pub(crate) const MOVED_PORT: u16 = 41_000;

pub(crate) struct Phone {
    pub(crate) agent: UserAgent,
    pub(crate) user: String,
    pub(crate) flow: Flow,
    pub(crate) script: Script,
    pub(crate) reinvited: Reinvited,
    /// Headers of its 200 to an INVITE.
    pub(crate) answer_headers: Vec<(&'static str, &'static str)>,
    pub(crate) password: String,
    pub(crate) security: SecurityOffer,
    /// It hears nothing any more.
    pub(crate) is_deaf: bool,
    /// What is on its way to it, where that is a slow one.
    pub(crate) late: Option<Vec<Message>>,
    /// Keeps what it sends and the statuses it receives.
    pub(crate) tap: bool,
    pub(crate) tapped: Vec<String>,
    pub(crate) heard: Vec<u16>,
    /// Answers challenges as this user.
    pub(crate) credentials_of: Option<String>,
    /// Writes its address of record with this user part.
    pub(crate) address_user: Option<String>,
    /// Says it is this user when it calls.
    pub(crate) from_user: Option<String>,
    pub(crate) keep_alives: u32,
    /// Requests outside calls.
    pub(crate) questions: u32,
    pub(crate) registers: Vec<RequestId>,
    /// Final answers to REGISTER, challenges left out.
    pub(crate) register_statuses: Vec<u16>,
    pub(crate) responses: Vec<Message>,
    /// INVITEs received.
    pub(crate) invites: Vec<Message>,
    /// Sessions the zone set up or tried to.
    pub(crate) incoming: Vec<SessionId>,
    /// The call this phone placed.
    pub(crate) outgoing: Option<SessionId>,
    pub(crate) progress: Vec<u16>,
    pub(crate) rejected: Vec<Message>,
    pub(crate) answers: Vec<Message>,
    pub(crate) negotiated: Vec<Negotiated>,
    /// INFOs that it got.
    pub(crate) informed: Vec<Message>,
    pub(crate) ended: Vec<EndCause>,
    /// BYEs that the test answers.
    pub(crate) byes: Vec<(ServerId, Message)>,
    pub(crate) holds_byes: bool,
    pub(crate) receipt: Option<Receipt>,
    /// Answers the offer of a 200 in its ACK, without telephone events.
    pub(crate) answers_without_keys: bool,
    offered: Vec<u8>,
    offer: Option<PendingOffer>,
    register_sequence: u32,
    rng: ChaCha20Rng,
}

impl Phone {
    pub(crate) fn new(number: usize, user: &str, transport: Transport) -> Self {
        let seed = [u8::try_from(number % 251).unwrap() + 1; 32];
        let mut config = Config::new(format!("phone-{number}"));
        config.methods.push(OwnedMethod::from(Method::Update));
        let is_secure = transport.is_secure();
        Self {
            agent: UserAgent::new(seed, config),
            user: user.to_owned(),
            flow: phone_flow(number, transport),
            script: Script::Answer,
            reinvited: Reinvited::Undescribed,
            answer_headers: Vec::new(),
            password: format!("secret-{user}"),
            security: if is_secure {
                SecurityOffer::Standard
            } else {
                SecurityOffer::Disabled
            },
            is_deaf: false,
            late: None,
            tap: false,
            tapped: Vec::new(),
            heard: Vec::new(),
            credentials_of: None,
            address_user: None,
            from_user: None,
            keep_alives: 0,
            questions: 0,
            registers: Vec::new(),
            register_statuses: Vec::new(),
            responses: Vec::new(),
            invites: Vec::new(),
            incoming: Vec::new(),
            outgoing: None,
            progress: Vec::new(),
            rejected: Vec::new(),
            answers: Vec::new(),
            negotiated: Vec::new(),
            informed: Vec::new(),
            ended: Vec::new(),
            byes: Vec::new(),
            holds_byes: false,
            receipt: None,
            answers_without_keys: false,
            offered: Vec::new(),
            offer: None,
            register_sequence: 0,
            rng: ChaCha20Rng::from_seed(seed),
        }
    }

    /// Answers the BYEs that were held, each with the receipt.
    pub(crate) fn release_byes(&mut self, now: Instant) {
        for (transaction, message) in std::mem::take(&mut self.byes) {
            let mut reply = Reply::new(StatusCode::OK);
            reply.body = self.receipt.as_ref().map(receipt_body);
            self.agent.respond(now, transaction, reply);
            self.ended.push(EndCause::Bye { transaction, message });
        }
    }

    /// Makes it one that takes no UPDATE, before it has said anything.
    pub(crate) fn take_no_update(&mut self) {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        self.agent = UserAgent::new(seed, Config::new("phone"));
    }

    pub(crate) fn contact(&self) -> String {
        format!(
            "<sip:{}@{};transport={}>",
            self.user,
            self.flow.local,
            self.flow.transport.uri_token()
        )
    }

    pub(crate) fn credentials(&self) -> ClientCredentials {
        let (user, password) = match &self.credentials_of {
            Some(other) => (other, format!("secret-{other}")),
            None => (&self.user, self.password.clone()),
        };
        ClientCredentials {
            username: format!("id-{user}"),
            password: Secret::new(password),
            weakest: Algorithm::Md5,
        }
    }

    /// Makes the next REGISTER older than the last one.
    pub(crate) fn rewind_registers(&mut self) {
        self.register_sequence = self.register_sequence.saturating_sub(3);
    }

    /// Sends a REGISTER with its contact for ten minutes.
    pub(crate) fn register(&mut self, now: Instant) {
        let contact = format!("{};expires=600", self.contact());
        self.register_with(now, &[("Contact", &contact)]);
    }

    /// Sends a REGISTER with these headers.
    pub(crate) fn register_with(&mut self, now: Instant, headers: &[(&str, &str)]) {
        let address = format!(
            "<sip:{}@{DOMAIN}>",
            self.address_user.as_ref().unwrap_or(&self.user)
        );
        self.register_sequence += 2;
        let mut request = OutgoingRequest::new(
            OwnedMethod::from(Method::Register),
            format!("sip:{DOMAIN}"),
            address.clone(),
            address,
        );
        request.headers = owned(headers);
        request.credentials = Some(self.credentials());
        request.sequence = Some(Sequence {
            call_id: format!("register-{}", self.flow.local),
            number: self.register_sequence,
        });
        request.large_datagram = true;
        let id = self.agent.request(now, self.flow, request);
        self.registers.push(id);
    }

    /// Calls an extension with an offer.
    pub(crate) fn call(&mut self, now: Instant, number: &str) {
        self.call_uri(now, &format!("sip:{number}@{DOMAIN}"));
    }

    /// Calls a URI with an offer.
    pub(crate) fn call_uri(&mut self, now: Instant, uri: &str) {
        let offer = self.offer();
        self.invite(now, uri, &[], Some(offer));
    }

    /// Makes an offer, whose answer will be checked.
    pub(crate) fn offer(&mut self) -> Body {
        let (text, offer) = sdp::offer(&self.local_media(0), &mut self.rng).unwrap();
        self.offer = Some(offer);
        Body::sdp(text)
    }

    /// Calls an extension with these headers and this body.
    pub(crate) fn call_with(
        &mut self,
        now: Instant,
        number: &str,
        headers: &[(&str, &str)],
        body: Option<Body>,
    ) {
        self.invite(now, &format!("sip:{number}@{DOMAIN}"), headers, body);
    }

    fn invite(&mut self, now: Instant, uri: &str, headers: &[(&str, &str)], body: Option<Body>) {
        let from = format!("<sip:{}@{DOMAIN}>", self.from_user.as_ref().unwrap_or(&self.user));
        let mut request =
            OutgoingRequest::new(OwnedMethod::from(Method::Invite), uri, from, format!("<{uri}>"));
        request.headers = owned(headers);
        request.body = body;
        request.credentials = Some(self.credentials());
        request.large_datagram = true;
        self.outgoing = Some(self.agent.invite(now, self.flow, request));
    }

    /// Ends the call it placed.
    pub(crate) fn hang_up(&mut self, now: Instant) {
        let session = self.outgoing.expect("a call was placed");
        self.agent.hang_up(now, session, Vec::new(), None);
    }

    /// Ends the call it was called for, with a receipt if it has one.
    pub(crate) fn hang_up_incoming(&mut self, now: Instant) {
        let session = *self.incoming.last().expect("it was called");
        let body = self.receipt.as_ref().map(receipt_body);
        self.agent.hang_up(now, session, Vec::new(), body);
    }

    /// Answers the call that rings.
    pub(crate) fn answer(&mut self, now: Instant) {
        let session = *self.incoming.last().expect("it was called");
        let invite = self.invites.last().expect("it was called").clone();
        self.answer_session(now, session, &invite, false);
    }

    pub(crate) fn local_media(&self, version: u64) -> LocalMedia {
        LocalMedia {
            address: self.flow.local.ip(),
            port: 40_000,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            security: self.security,
            suites: vec![Suite::AesCm128HmacSha1_80],
            ptime: std::time::Duration::from_millis(20),
            direction: Direction::SendReceive,
            session_id: 77,
            session_version: version,
            rtcp_mux: false,
            channel_is_secure: self.flow.transport.is_secure(),
        }
    }

    pub(crate) fn receive(&mut self, now: Instant, message: Message) {
        if self.tap {
            self.heard.extend(message.status().map(StatusCode::code));
        }
        if let Some(late) = &mut self.late {
            late.push(message);
        } else if !self.is_deaf {
            if message.status() == Some(StatusCode::OK) && !message.body().is_empty() {
                self.offered = message.body().to_vec();
            }
            self.agent.handle_message(now, self.flow, message);
        }
    }

    /// What was on its way to the phone arrives, and its way is fast from here on.
    pub(crate) fn release_late(&mut self, now: Instant) {
        for message in self.late.take().unwrap_or_default() {
            self.receive(now, message);
        }
    }

    /// Deals with events; returns the next octets to send.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<(Flow, Vec<u8>)> {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit { flow, bytes } if !self.is_deaf => {
                    if self.tap {
                        self.tapped.push(String::from_utf8_lossy(&bytes).into_owned());
                    }
                    if self.answers_without_keys && !self.offered.is_empty() && bytes.starts_with(b"ACK ") {
                        return Some((flow, self.with_answer(&bytes)));
                    }
                    return Some((flow, bytes.to_vec()));
                }
                Output::Transmit { .. } => {}
                Output::Event(event) => self.handle(now, event),
            }
        }
        None
    }

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Invite { session, message, .. } => self.called(now, session, &message),
            Event::Progress { message, .. } => self.progress.extend(message.status().map(StatusCode::code)),
            Event::Answered { message, .. } => {
                let accepted = self.offer.as_ref().map(|offer| offer.accept(message.body()));
                self.negotiated
                    .extend(accepted.map(|accepted| accepted.expect("the zone's answer is sound")));
                self.answers.push(message);
            }
            Event::Rejected { message, .. } => self.rejected.extend(message),
            Event::Ended {
                cause: EndCause::Bye { transaction, message },
                ..
            } => {
                if self.holds_byes {
                    self.byes.push((transaction, message));
                } else {
                    let mut reply = Reply::new(StatusCode::OK);
                    reply.body = self.receipt.as_ref().map(receipt_body);
                    self.agent.respond(now, transaction, reply);
                    self.ended.push(EndCause::Bye { transaction, message });
                }
            }
            Event::Ended { cause, .. } => self.ended.push(cause),
            Event::Request { transaction, .. } => {
                self.questions += 1;
                self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
            }
            Event::SessionRequest {
                transaction, message, ..
            } => {
                let mut reply = Reply::new(StatusCode::OK);
                reply.body = self.describe_again(&message);
                self.agent.respond(now, transaction, reply);
                if message.method() == Some(Method::Info) {
                    self.informed.push(message);
                }
            }
            Event::Response { request, outcome, .. } => {
                if let Ok(response) = outcome {
                    if self.registers.contains(&request) {
                        self.register_statuses
                            .extend(response.status().map(StatusCode::code));
                    }
                    self.responses.push(response);
                }
            }
            Event::Confirmed { .. } | Event::Refreshed { .. } => {}
        }
    }

    fn called(&mut self, now: Instant, session: SessionId, message: &Message) {
        self.incoming.push(session);
        self.invites.push(message.clone());
        if !matches!(self.script, Script::Ignore) {
            self.agent
                .provisional(now, session, Reply::new(StatusCode::RINGING));
        }
        match self.script {
            Script::Endpoint => {
                self.receipt = page_of(message).map(|page| heard(&page));
                self.answer_session(now, session, message, true);
            }
            Script::Answer => self.answer_session(now, session, message, false),
            Script::Ring | Script::Ignore => {}
            Script::Refuse(status) => {
                self.agent
                    .reject(now, session, Reply::new(StatusCode::new(status).unwrap()));
            }
            Script::Explain(status, warning) => {
                let reply = Reply::new(StatusCode::new(status).unwrap());
                self.agent.reject(now, session, reply.header("Warning", warning));
            }
            Script::StripKeys => {
                let (text, _) = sdp::answer(message.body(), &self.local_media(0), &mut self.rng).unwrap();
                let kept = text.lines().filter(|line| !line.starts_with("a=crypto"));
                let text: String = kept.map(|line| format!("{line}\r\n")).collect();
                let text = text.replace("RTP/SAVP", "RTP/AVP");
                self.agent
                    .answer(now, session, Reply::new(StatusCode::OK).body(Body::sdp(text)));
            }
            Script::Undescribed => self.agent.answer(now, session, Reply::new(StatusCode::OK)),
        }
    }

    /// An ACK with an answer in it, which the agent never makes.
    fn with_answer(&mut self, ack: &[u8]) -> Vec<u8> {
        let (answer, _) = sdp::answer(&self.offered, &self.local_media(0), &mut self.rng).unwrap();
        let body = without_keys(&answer);
        let described = format!(
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let ack = String::from_utf8(ack.to_vec()).unwrap();
        ack.replace("Content-Length: 0\r\n\r\n", &described).into_bytes()
    }

    /// What it says of its media in the middle of a call.
    fn describe_again(&mut self, request: &Message) -> Option<Body> {
        if request.body().is_empty() || self.reinvited == Reinvited::Undescribed {
            return None;
        }
        let media = LocalMedia {
            port: MOVED_PORT,
            ..self.local_media(2)
        };
        let (text, negotiated) = sdp::answer(request.body(), &media, &mut self.rng).unwrap();
        self.negotiated.push(negotiated);
        Some(Body::sdp(match self.reinvited {
            Reinvited::Declined => text.replace(&format!("m=audio {MOVED_PORT}"), "m=audio 0"),
            Reinvited::Moved | Reinvited::Undescribed => text,
        }))
    }

    fn answer_session(&mut self, now: Instant, session: SessionId, invite: &Message, promises_receipt: bool) {
        let answered = sdp::answer(invite.body(), &self.local_media(0), &mut self.rng);
        let Ok((text, negotiated)) = answered else {
            return self
                .agent
                .reject(now, session, Reply::new(StatusCode::NOT_ACCEPTABLE_HERE));
        };
        self.negotiated.push(negotiated);
        let mut reply = Reply::new(StatusCode::OK).body(Body::sdp(text));
        for (name, value) in &self.answer_headers {
            reply = reply.header(*name, *value);
        }
        if promises_receipt && let Some(page) = page_of(invite) {
            reply = reply.header("Oyez-Page", page);
        }
        self.agent.answer(now, session, reply);
    }
}

/// A description without telephone events.
pub(crate) fn without_keys(description: &str) -> String {
    let kept = description
        .lines()
        .filter(|line| !line.contains("telephone-event") && !line.contains("fmtp:101"));
    kept.map(|line| format!("{line}\r\n")).collect()
}

pub(crate) fn page_of(invite: &Message) -> Option<String> {
    invite.header(HeaderName::Other("Oyez-Page")).map(str::to_owned)
}

/// A receipt of a page that was played as a whole.
pub(crate) fn heard(page: &str) -> Receipt {
    Receipt {
        page: page.parse().unwrap(),
        played_ms: 4_000,
        expected_ms: 4_000,
        lost: 0,
        concealed_ms: 0,
        interrupted_ms: 0,
        first_audio_ms: Some(40),
        level_dbfs: Some(-20.0),
        muted: false,
        sink_healthy: true,
    }
}

pub(crate) fn receipt_body(receipt: &Receipt) -> Body {
    Body {
        content_type: Receipt::CONTENT_TYPE.to_owned(),
        bytes: serde_json::to_vec(receipt).unwrap(),
    }
}

pub(crate) fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
