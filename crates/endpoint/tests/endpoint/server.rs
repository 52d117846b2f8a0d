//! A SIP server for one device: a user agent with a scripted registrar.

use std::time::Instant;

use sip::digest::{Algorithm, Authenticator, Ha1, Limits, Secret, Verdict};
use sip::flow::Flow;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{
    Body, Config, EndCause, Event, OutgoingRequest, Output, Reply, ServerId, SessionId, UserAgent,
};

/// How a registrar answers.
pub(crate) enum Registrar {
    /// 200 with this time to live.
    Accepts { expires: u32 },
    /// 401 until the password is right, then 200.
    Challenges {
        authenticator: Box<Authenticator>,
        password: &'static str,
    },
    /// Always this status, with these headers.
    Answers {
        status: u16,
        headers: Vec<(&'static str, String)>,
    },
    /// 423 with this Min-Expires, until at least that is asked for.
    WantsAtLeast { min_expires: u32 },
    /// 423 with a Min-Expires that is always a minute more than what was asked for.
    WantsEverMore,
    /// Nothing.
    Silent,
}

impl Registrar {
    pub(crate) fn challenging(password: &'static str) -> Self {
        let authenticator = Authenticator::new([9; 32], "account-1".to_owned(), Limits::default());
        Self::Challenges {
            authenticator: Box::new(authenticator),
            password,
        }
    }
}

pub(crate) struct Server {
    pub(crate) agent: UserAgent,
    pub(crate) registrar: Registrar,
    /// Headers of every 200 to a REGISTER.
    pub(crate) extra_headers: Vec<(&'static str, String)>,
    pub(crate) answers_pings: bool,
    /// Registers what has no `reg-id`, whatever the registrar says to the rest.
    pub(crate) plain_contacts_only: bool,
    /// This user gets 503, whatever the registrar says to the others.
    pub(crate) unserved_user: Option<&'static str>,
    /// Registrations that were accepted, latest last, as they came.
    pub(crate) accepted: Vec<Message>,
    /// Every REGISTER with the time it came at.
    pub(crate) registers: Vec<(Instant, Message)>,
    /// Every other request outside calls.
    pub(crate) others: Vec<Message>,
    /// Status and body of the answers to requests in the middle of calls.
    pub(crate) responses: Vec<(u16, Vec<u8>)>,
    /// Requests of the device in the middle of calls, which the test answers.
    pub(crate) asked: Vec<(ServerId, Message)>,
    /// What the agent told about calls.
    pub(crate) call_log: Vec<(Instant, CallLog)>,
}

/// What happened to a call the server made.
#[derive(Debug)]
pub(crate) enum CallLog {
    Progress(SessionId, StatusCode),
    Answered(SessionId, Message),
    Rejected(SessionId, StatusCode, Option<Message>),
    HungUp(SessionId, Option<Message>),
    ByeFromDevice(SessionId, Message),
    Ended,
}

impl Server {
    pub(crate) fn new(seed: u8, registrar: Registrar) -> Self {
        let mut config = Config::new("test server");
        config.methods.push(Method::Register.into());
        Self {
            agent: UserAgent::new([seed; 32], config),
            registrar,
            extra_headers: Vec::new(),
            answers_pings: true,
            plain_contacts_only: false,
            unserved_user: None,
            accepted: Vec::new(),
            registers: Vec::new(),
            others: Vec::new(),
            responses: Vec::new(),
            asked: Vec::new(),
            call_log: Vec::new(),
        }
    }

    /// Calls a user of the device over a flow.
    pub(crate) fn call(
        &mut self,
        now: Instant,
        flow: Flow,
        uri: &str,
        offer: Option<String>,
        headers: &[(&str, &str)],
    ) -> SessionId {
        let mut invite = OutgoingRequest::new(
            Method::Invite,
            uri,
            "\"Front desk\" <sip:1001@example.com>",
            format!("<{uri}>"),
        );
        invite.body = offer.map(Body::sdp);
        invite.headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.agent.invite(now, flow, invite)
    }

    /// Takes the agent's outputs: bytes to send are returned, events are dealt with.
    pub(crate) fn pump(&mut self, now: Instant) -> Vec<(Flow, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => sent.push((flow, bytes.to_vec())),
                Output::Event(event) => self.handle_event(now, event),
            }
        }
        sent
    }

    /// Statuses of responses to a call, provisional ones first.
    pub(crate) fn statuses(&self, session: SessionId) -> Vec<u16> {
        self.call_log
            .iter()
            .filter_map(|(_, log)| match log {
                CallLog::Progress(id, status) | CallLog::Rejected(id, status, _) if *id == session => {
                    Some(status.code())
                }
                CallLog::Answered(id, message) if *id == session => message.status().map(StatusCode::code),
                _ => None,
            })
            .collect()
    }

    /// The device's answer that refused a call.
    pub(crate) fn rejection(&self, session: SessionId) -> Option<&Message> {
        self.call_log.iter().find_map(|(_, log)| match log {
            CallLog::Rejected(id, _, message) if *id == session => message.as_ref(),
            _ => None,
        })
    }

    pub(crate) fn answered_at(&self, session: SessionId) -> Option<(Instant, &Message)> {
        self.call_log.iter().find_map(|(at, log)| match log {
            CallLog::Answered(id, message) if *id == session => Some((*at, message)),
            _ => None,
        })
    }

    /// The device's answer to our BYE.
    pub(crate) fn bye_answer(&self, session: SessionId) -> Option<(Instant, &Message)> {
        self.call_log.iter().find_map(|(at, log)| match log {
            CallLog::HungUp(id, Some(message)) if *id == session => Some((*at, message)),
            _ => None,
        })
    }

    /// The device's BYE.
    pub(crate) fn bye_of_device(&self, session: SessionId) -> Option<(Instant, &Message)> {
        self.call_log.iter().find_map(|(at, log)| match log {
            CallLog::ByeFromDevice(id, message) if *id == session => Some((*at, message)),
            _ => None,
        })
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        let log = match event {
            Event::Request {
                transaction, message, ..
            } => {
                if message.method() == Some(Method::Register) {
                    self.registers.push((now, message.clone()));
                    if let Some(reply) = self.judge(now, &message) {
                        self.agent.respond(now, transaction, reply);
                    }
                } else {
                    self.others.push(message);
                    self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
                }
                return;
            }
            Event::Progress { session, message } => {
                CallLog::Progress(session, message.status().expect("a response has a status"))
            }
            Event::Answered { session, message } => CallLog::Answered(session, message),
            Event::Rejected {
                session,
                status,
                message,
                ..
            } => CallLog::Rejected(session, status, message),
            Event::Ended {
                session,
                cause: EndCause::HungUp { answer },
            } => CallLog::HungUp(session, answer),
            Event::Ended {
                session,
                cause: EndCause::Bye { transaction, message },
            } => {
                self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
                CallLog::ByeFromDevice(session, message)
            }
            Event::Ended { .. } => CallLog::Ended,
            Event::Response { outcome, .. } => {
                let answer = outcome.expect("the device answers");
                let status = answer.status().expect("a response has a status").code();
                self.responses.push((status, answer.body().to_vec()));
                return;
            }
            Event::SessionRequest {
                transaction, message, ..
            } => {
                self.asked.push((transaction, message));
                return;
            }
            Event::Invite { .. } | Event::Confirmed { .. } | Event::Refreshed { .. } => return,
        };
        self.call_log.push((now, log));
    }

    fn judge(&mut self, now: Instant, register: &Message) -> Option<Reply> {
        let asked = register.expires().unwrap_or(3600);
        let contact = register.header(HeaderName::Contact).unwrap_or_default();
        if self.unserved_user.is_some_and(|user| contact.contains(user)) {
            return Some(Reply::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        if self.plain_contacts_only && !contact.contains("reg-id") {
            return Some(self.accept(register, asked));
        }
        match &mut self.registrar {
            Registrar::Silent => None,
            Registrar::Accepts { expires } => {
                let expires = (*expires).min(asked);
                Some(self.accept(register, expires))
            }
            Registrar::WantsAtLeast { min_expires } if asked != 0 && asked < *min_expires => {
                let status = StatusCode::INTERVAL_TOO_BRIEF;
                Some(Reply::new(status).header("Min-Expires", min_expires.to_string()))
            }
            Registrar::WantsEverMore => {
                let min_expires = (asked + 60).to_string();
                Some(Reply::new(StatusCode::INTERVAL_TOO_BRIEF).header("Min-Expires", min_expires))
            }
            Registrar::WantsAtLeast { .. } => Some(self.accept(register, asked)),
            Registrar::Answers { status, headers } => {
                let status = StatusCode::new(*status).expect("tests use valid statuses");
                Some(headers.iter().fold(Reply::new(status), |reply, (name, value)| {
                    reply.header(*name, value.clone())
                }))
            }
            Registrar::Challenges {
                authenticator,
                password,
            } => {
                let password = Secret::from(*password);
                let verdict = register.header(HeaderName::Authorization).map(|header| {
                    let uri = register.request_uri().unwrap_or_default();
                    authenticator.verify(now, header, "REGISTER", uri, &|username| {
                        Some(Ha1::new(Algorithm::Sha256, username, "account-1", &password))
                    })
                });
                if matches!(verdict, Some(Verdict::Accepted { .. })) {
                    return Some(self.accept(register, asked));
                }
                let challenge = authenticator.challenge(now, Algorithm::Sha256, false);
                Some(Reply::new(StatusCode::UNAUTHORIZED).header("WWW-Authenticate", challenge))
            }
        }
    }

    fn accept(&mut self, register: &Message, expires: u32) -> Reply {
        self.accepted.push(register.clone());
        let contact = register
            .header(HeaderName::Contact)
            .unwrap_or_default()
            .to_owned();
        let mut reply = Reply::new(StatusCode::OK);
        if expires > 0 {
            reply = reply.contact(format!("{contact};expires={expires}"));
        }
        self.extra_headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.header(*name, value.clone()))
    }
}
