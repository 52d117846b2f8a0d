//! What the SIP user agent reports, and who is told.

use std::time::Instant;

use model::status::DeviceEvent;
use sip::flow::Flow;
use sip::message::{HeaderName, Message, Method, StatusCode};
use sip::user_agent::{Event, Output as AgentOutput, Reply};

use super::{Asked, Endpoint};
use crate::io::Output;
use crate::registration::Answer;

/// The event package by which a server has a device fetch its configuration again. No RFC has it; phones know it.
const CHECK_SYNC: &str = "check-sync";

impl Endpoint {
    /// Says whether a request asks for the configuration to be fetched, and comes over a flow that a slot is registered on: of
    /// anybody else it would be a way to keep a device busy.
    fn is_check_sync(&self, now: Instant, flow: Flow, request: &Message) -> bool {
        let package = request.header(HeaderName::Event).unwrap_or_default();
        let package = package.split(';').next().unwrap_or_default().trim();
        package.eq_ignore_ascii_case(CHECK_SYNC) && self.slots.iter().any(|slot| slot.is_bound_to(now, flow))
    }

    pub(super) fn handle_agent_output(&mut self, now: Instant, output: AgentOutput) {
        match output {
            AgentOutput::Transmit { flow, bytes } => self.outputs.push_back(Output::Transmit { flow, bytes }),
            AgentOutput::Event(event) => self.handle_agent_event(now, event),
        }
    }

    fn handle_agent_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Request {
                transaction,
                flow,
                message,
            } => {
                let status = match message.method() {
                    Some(Method::Options) => StatusCode::OK,
                    Some(Method::Notify) if self.is_check_sync(now, flow, &message) => {
                        self.tell(DeviceEvent::CheckSync);
                        StatusCode::OK
                    }
                    _ => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
                };
                self.agent.respond(now, transaction, Reply::new(status));
            }
            Event::Invite {
                session,
                flow,
                message,
            } => self.handle_invite(now, session, flow, &message),
            Event::Confirmed { session, .. } => {
                let call = self.calls.id_of(session).and_then(|id| self.calls.page_mut(id));
                if let Some(call) = call {
                    call.handle_confirmed(now);
                }
            }
            Event::SessionRequest {
                session,
                transaction,
                message,
            } => {
                self.handle_session_request(now, session, transaction, &message);
            }
            Event::Refreshed { session, message } => self.handle_refreshed(now, session, &message),
            Event::Ended { session, cause } => self.handle_session_ended(now, session, &cause),
            Event::Response {
                request,
                outcome,
                unanswered,
            } => match self.asked_by_request.remove(&request) {
                Some(Asked::Register { slot, lane, attempt }) => {
                    let answer = Answer { outcome, unanswered };
                    self.handle_register_outcome(now, (slot, lane), attempt, answer);
                }
                Some(Asked::Keepalive { flow }) => {
                    if let Ok(answer) = outcome {
                        self.handle_options_answered(now, flow, &answer);
                    }
                }
                None => {}
            },
            // A device core calls nobody.
            Event::Progress { .. } | Event::Answered { .. } | Event::Rejected { .. } => {}
        }
    }
}
