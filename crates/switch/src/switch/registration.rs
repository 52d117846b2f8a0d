//! REGISTER requests and what becomes of bindings.

use std::time::Instant;

use model::SipUser;
use model::status::{RegistrationRefusal, ZoneEvent};
use sip::flow::Flow;
use sip::message::{HeaderName, Message, Method, OwnedMethod};
use sip::uri::Uri;
use sip::user_agent::{OutgoingRequest, Reply};

use super::reporting::transport_of;
use super::{Output, Switch};
use crate::config::KeepAliveManner;
use crate::identity::{Sender, Unidentified};
use crate::registrar::{Binding, Effect, LIFETIME_MIN, RegisterOffence};

/// Characters of a name that an event repeats.
const SHOWN_MAX: usize = 64;
/// Two line breaks, to be ignored by whoever receives them.
const LINE_BREAKS: &[u8] = b"\r\n\r\n";

impl Switch {
    /// Answers a REGISTER in the order of RFC 3261 §10.3: domain, credentials, whose address it is, bindings.
    /// The bindings lead where this answer goes, which is not always where the request came from.
    pub(super) fn handle_register(
        &mut self,
        now: Instant,
        flow: Flow,
        way_back: Flow,
        message: &Message,
    ) -> Reply {
        self.counters.registrations.received += 1;
        if !self.identity.is_serving() {
            // A zone that has just started knows no domain; 404 would be taken for a final word.
            self.counters.identity.not_serving += 1;
            return Unidentified::NotServing.reply(HeaderName::Authorization);
        }
        let claimed = match self.address_of_record(&flow, message) {
            Ok(claimed) => claimed,
            Err(offence) => {
                if offence == RegisterOffence::OtherDomain {
                    self.tell_of_other_domain(&flow, message);
                }
                return self.refuse_registration(&offence);
            }
        };
        let answers = HeaderName::Authorization;
        let sender = Sender {
            flow: &flow,
            registrar: &self.registrar,
        };
        let user = match self
            .identity
            .identify(now, &self.directory, message, answers, (&claimed, sender))
        {
            Ok(user) => user,
            Err(reason) => {
                reason.count(&mut self.counters.identity);
                self.tell_of_wrong_answer(&flow, &claimed, &reason);
                return reason.reply(answers);
            }
        };
        let outcome = if claimed != user.as_str() {
            Err(RegisterOffence::OtherUser)
        } else if self.security(&way_back).is_none() {
            // It would show as registered, and no page would ever sound there.
            Err(RegisterOffence::ClearFlow)
        } else {
            self.registrar.register(now, &user, way_back, message)
        };
        match outcome {
            Ok(reply) => {
                self.counters.registrations.accepted += 1;
                self.settle_registrar(now, message);
                reply
            }
            Err(offence) => {
                let why = match offence {
                    RegisterOffence::OtherUser => RegistrationRefusal::OtherUser,
                    RegisterOffence::ClearFlow => RegistrationRefusal::ClearFlow,
                    _ => RegistrationRefusal::BadRequest,
                };
                self.tell_of_refusal(&flow, &claimed, why);
                self.refuse_registration(&offence)
            }
        }
    }

    /// The user whose bindings a REGISTER is about: user part of To, in the canonical form of §10.3 step 5.
    fn address_of_record(&self, flow: &Flow, message: &Message) -> Result<String, RegisterOffence> {
        let domain = message.request_uri().and_then(|uri| Uri::parse(uri).ok());
        if !domain.is_some_and(|uri| self.is_own(&uri, flow)) {
            return Err(RegisterOffence::OtherDomain);
        }
        let address = message.to()?.uri();
        if !address.is_sip() {
            return Err(RegisterOffence::NoAddressOfRecord);
        }
        if !self.is_own(&address, flow) {
            return Err(RegisterOffence::OtherDomain);
        }
        address
            .decoded_user()
            .map(String::from)
            .ok_or(RegisterOffence::NoAddressOfRecord)
    }

    fn refuse_registration(&mut self, offence: &RegisterOffence) -> Reply {
        self.counters.registrations.refused += 1;
        let reply = Reply::new(offence.status());
        match offence {
            RegisterOffence::IntervalTooBrief => {
                reply.header("Min-Expires", LIFETIME_MIN.as_secs().to_string())
            }
            RegisterOffence::ClearFlow => reply.header("Warning", "399 oyez \"media needs SIP over TLS\""),
            RegisterOffence::PathNotSupported => reply.header("Unsupported", "path"),
            _ => reply,
        }
    }

    fn tell_of_wrong_answer(&mut self, flow: &Flow, claimed: &str, reason: &Unidentified) {
        if let Some(why) = reason.refusal() {
            self.tell_of_refusal(flow, claimed, why);
        }
    }

    /// Of users alone: what strangers ask for would be a flood of events.
    fn tell_of_other_domain(&mut self, flow: &Flow, message: &Message) {
        let claimed = message
            .to()
            .ok()
            .and_then(|to| to.uri().decoded_user().map(String::from));
        if let Some(user) = claimed.filter(|user| self.directory.user(user).is_some()) {
            self.tell_of_refusal(flow, &user, RegistrationRefusal::OtherDomain);
        }
    }

    pub(crate) fn tell_of_refusal(&mut self, flow: &Flow, claimed: &str, why: RegistrationRefusal) {
        let account = Some(self.config.account.clone());
        let user = claimed.chars().take(SHOWN_MAX).collect();
        self.emit(ZoneEvent::RegistrationRefused {
            account,
            user,
            from: flow.remote.to_string(),
            why,
        });
    }

    /// Tells of new bindings while the request that made them is at hand.
    fn settle_registrar(&mut self, now: Instant, message: &Message) {
        let user_agent = message
            .header(HeaderName::UserAgent)
            .map(|text| text.chars().take(SHOWN_MAX).collect());
        while let Some(effect) = self.registrar.poll_effect() {
            match effect {
                Effect::Registered { user, flow } => {
                    self.tell_of_registration(user, &flow, user_agent.clone());
                }
                Effect::Unregistered { .. } | Effect::KeepAlive { .. } => self.handle_registrar(now, effect),
            }
        }
    }

    fn tell_of_registration(&mut self, user: SipUser, flow: &Flow, user_agent: Option<String>) {
        let account = self.config.account.clone();
        self.emit(ZoneEvent::Registered {
            account,
            user,
            from: flow.remote.to_string(),
            user_agent,
            transport: Some(transport_of(flow)),
        });
    }

    pub(super) fn handle_registrar(&mut self, now: Instant, effect: Effect) {
        match effect {
            Effect::Registered { user, flow } => self.tell_of_registration(user, &flow, None),
            Effect::Unregistered { user } => {
                let account = self.config.account.clone();
                self.emit(ZoneEvent::Unregistered { account, user });
            }
            Effect::KeepAlive { flow, uri } => {
                self.counters.registrations.keep_alives += 1;
                self.keep_alive(now, flow, uri);
            }
        }
    }

    /// Asks every device that a user is registered from to fetch its configuration anew, and to restart besides if it `restarts` when
    /// it is told so; says how many were asked. What they answer is not waited for.
    pub fn check_sync(&mut self, now: Instant, user: &SipUser, restarts: bool) -> usize {
        let from = format!("<sip:{}>", self.directory.domain());
        let notify = |binding: &Binding| {
            let (uri, to) = (binding.uri.to_string(), format!("<{}>", binding.uri));
            let request = OutgoingRequest::new(OwnedMethod::from(Method::Notify), uri, from.clone(), to);
            let package = format!("check-sync;reboot={restarts}");
            let headers = [("Event", package.as_str()), ("Subscription-State", "terminated")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = OutgoingRequest {
                contact: Some(from.clone()),
                route: binding.path.iter().map(ToString::to_string).collect(),
                headers: headers.into(),
                ..request
            };
            (binding.flow, request)
        };
        let requests: Vec<_> = self.registrar.bindings(user).iter().map(notify).collect();
        let asked = requests.len();
        for (flow, request) in requests {
            self.agent.request(now, flow, request);
        }
        self.settle(now);
        asked
    }

    fn keep_alive(&mut self, now: Instant, flow: Flow, uri: String) {
        match self.config.keep_alive.map(|keep_alive| keep_alive.manner) {
            Some(KeepAliveManner::LineBreaks) => {
                self.outputs.push_back(Output::Transmit {
                    flow,
                    bytes: LINE_BREAKS.into(),
                });
            }
            Some(KeepAliveManner::Options) => {
                let from = format!("<sip:{}>", self.directory.domain());
                let to = format!("<{uri}>");
                let request = OutgoingRequest::new(OwnedMethod::from(Method::Options), uri, from, to);
                self.agent.request(now, flow, request);
            }
            None => {}
        }
    }
}
