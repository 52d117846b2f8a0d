//! The call itself: the offer, its answer, and what the user agent reports of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::sdp::{self, Direction, LocalMedia, SecurityOffer};
use model::TALKER_PACKAGE;
use model::status::Cause;
use rand_core::Rng;
use sip::flow::Flow;
use sip::message::{Message, Method, StatusCode};
use sip::user_agent::{Body, EndCause, Event, OutgoingRequest, Reply, RequestFailure, SessionId};

use super::keying::refusal;
use super::voice::Voice;
use super::{Caller, CallerEvent, CallerFailure, State};
use crate::registration::request;

/// Packet time offered.
const PACKET_TIME: Duration = Duration::from_millis(20);

impl Caller {
    pub(super) fn call(&mut self, now: Instant, local: SocketAddr) {
        let State::Opening { flow } = self.state else {
            return;
        };
        let (offer, pending) = match sdp::offer(&self.local_media(local, flow), &mut self.rng) {
            Ok(made) => made,
            Err(error) => return self.fail(now, CallerFailure::Offer(error)),
        };
        let account = &self.profile.account;
        let scheme = if self.profile.sips { "sips" } else { "sip" };
        let uri = format!("{scheme}:{}@{}", self.profile.dialled, self.profile.domain);
        let mut invite = OutgoingRequest::new(
            Method::Invite,
            uri.clone(),
            request::address_of_record(account, &self.profile.domain, self.profile.sips),
            format!("<{uri}>"),
        );
        invite.contact = Some(format!(
            "<{}>",
            request::contact_uri(account, flow, self.profile.sips)
        ));
        invite.route = self
            .uplinks
            .target_of(flow)
            .and_then(|target| request::route(target, flow.transport))
            .into_iter()
            .collect();
        if self.profile.pin.is_some() {
            invite
                .headers
                .push(("Recv-Info".to_owned(), TALKER_PACKAGE.to_owned()));
        }
        invite.credentials = request::credentials(account);
        invite.body = Some(Body::sdp(offer));
        invite.large_datagram = self.uplinks.takes_large_datagrams(flow);
        let session = self.agent.invite(now, flow, invite);
        let deadline = now + self.profile.answer_max;
        self.state = State::Calling {
            flow,
            session,
            pending: Box::new(pending),
            local,
            deadline,
        };
    }

    fn local_media(&mut self, local: SocketAddr, flow: Flow) -> LocalMedia {
        LocalMedia {
            address: local.ip(),
            port: local.port(),
            codecs: self.profile.media.codecs.clone(),
            security: self.security,
            suites: self.profile.media.suites.clone(),
            ptime: PACKET_TIME,
            direction: Direction::SendReceive,
            session_id: u64::from(self.rng.next_u32()),
            session_version: 1,
            rtcp_mux: true,
            channel_is_secure: flow.transport.is_secure(),
        }
    }

    pub(super) fn handle_agent_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Progress { message, .. } => {
                let status = message.status().map_or(0, StatusCode::code);
                self.tell(CallerEvent::Ringing { status });
            }
            Event::Answered { session, message } => self.answered(now, session, &message),
            Event::Rejected {
                status,
                message,
                failure,
                ..
            } => {
                self.rejected(now, status, message.as_ref(), failure);
            }
            Event::Ended { cause, .. } => self.session_ended(now, &cause),
            Event::SessionRequest {
                transaction, message, ..
            } => {
                let status = match message.method() {
                    Some(Method::Invite | Method::Update) if !message.body().is_empty() => {
                        StatusCode::NOT_ACCEPTABLE_HERE
                    }
                    _ => StatusCode::OK,
                };
                self.agent.respond(now, transaction, Reply::new(status));
                if message.method() == Some(Method::Info) {
                    self.handle_information(now, &message);
                }
            }
            Event::Request { transaction, .. } => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                self.agent.respond(now, transaction, Reply::new(status));
            }
            // A caller takes no calls.
            Event::Invite { session, .. } => {
                self.agent.reject(now, session, Reply::new(StatusCode::BUSY_HERE));
            }
            // A caller agrees to no session timer, so it refreshes nothing.
            Event::Confirmed { .. } | Event::Response { .. } | Event::Refreshed { .. } => {}
        }
    }

    fn answered(&mut self, now: Instant, session: SessionId, answer: &Message) {
        let State::Calling { pending, .. } = &self.state else {
            return;
        };
        let negotiated = match pending.accept(answer.body()) {
            Ok(negotiated) => negotiated,
            Err(error) => return self.leave(now, session, self.failed_event(CallerFailure::Media(error))),
        };
        match Voice::new(&negotiated, self.profile.input_rate, &mut self.rng) {
            Ok(voice) => self.begin_voice(now, session, answer, (voice, &negotiated)),
            Err(_) => self.leave(now, session, self.failed_event(CallerFailure::Codec)),
        }
    }

    fn rejected(
        &mut self,
        now: Instant,
        status: StatusCode,
        response: Option<&Message>,
        failure: Option<RequestFailure>,
    ) {
        match &self.state {
            &State::Calling { flow, local, .. } if failure == Some(RequestFailure::NeedsStream) => {
                self.state = State::Widening { local };
                self.uplinks.handle_too_large(now, flow, &mut self.rng);
            }
            // A peer that does not know RFC 8643 may refuse RTP/AVP with keys, and take it without them.
            State::Calling { flow, local, .. }
                if status == StatusCode::NOT_ACCEPTABLE_HERE && self.security == SecurityOffer::Optional =>
            {
                let (flow, local) = (*flow, *local);
                self.security = SecurityOffer::Disabled;
                self.state = State::Opening { flow };
                self.call(now, local);
            }
            State::Calling { .. } if failure == Some(RequestFailure::Timeout) => {
                self.fail(now, CallerFailure::NoAnswer);
            }
            State::Calling { .. } => {
                let reason = response
                    .and_then(Message::reason_phrase)
                    .unwrap_or(status.reason())
                    .to_owned();
                self.fail(
                    now,
                    CallerFailure::Refused {
                        status: status.code(),
                        reason,
                    },
                );
            }
            State::Leaving { .. } => self.end_leaving(now),
            State::Idle
            | State::Reaching { .. }
            | State::Opening { .. }
            | State::Widening { .. }
            | State::Keying { .. }
            | State::Talking { .. }
            | State::Over => {}
        }
    }

    fn session_ended(&mut self, now: Instant, cause: &EndCause) {
        if let EndCause::Bye { transaction, message } = cause {
            self.agent.respond(now, *transaction, Reply::new(StatusCode::OK));
            if self.is_talking() {
                self.finish(
                    now,
                    CallerEvent::Ended {
                        sent_ms: self.sent_ms(),
                        by_peer: true,
                    },
                );
                return;
            }
            if self.is_keying() {
                return self.fail(now, refusal(message));
            }
        }
        match &self.state {
            State::Leaving { .. } => self.end_leaving(now),
            State::Keying { .. } | State::Talking { .. } => {
                self.fail(now, CallerFailure::ConnectionLost(Cause::ConnectionClosed));
            }
            State::Idle
            | State::Reaching { .. }
            | State::Opening { .. }
            | State::Widening { .. }
            | State::Calling { .. }
            | State::Over => {}
        }
    }
}
