//! The life of calls: what a page asks of SIP, what their callers ask in the middle, how they end.

use std::time::Instant;

use media::sdp::Hidden;
use model::status::{DeviceEvent, Receipt, StopReason};
use model::{SlotKind, SlotPosition};
use paging::{Class, SoundId};
use sip::message::{Message, Method, StatusCode};
use sip::user_agent::{Body, EndCause, Reply, ServerId, SessionId};

use super::{Endpoint, PAGE_HEADER};
use crate::call::farewell::Farewell;
use crate::call::page::{PageCall, Step};
use crate::io::{CallId, Output};

impl Endpoint {
    pub(super) fn handle_session_request(
        &mut self,
        now: Instant,
        session: SessionId,
        transaction: ServerId,
        request: &Message,
    ) {
        let reply = match request.method() {
            Some(Method::Invite | Method::Update) if !request.body().is_empty() => {
                self.answer_again(session, request.body())
            }
            Some(Method::Info | Method::Options | Method::Update) if self.calls.id_of(session).is_some() => {
                Reply::new(StatusCode::OK)
            }
            _ => Reply::new(StatusCode::NOT_ACCEPTABLE_HERE),
        };
        self.agent.respond(now, transaction, reply);
    }

    /// Answers a description in the middle of a page: one that repeats what was agreed, as a session timer has it, gets
    /// the same answer again. Anything else leaves the page as it is (RFC 3261 section 14.2).
    fn answer_again(&self, session: SessionId, offer: &[u8]) -> Reply {
        let call = self.calls.id_of(session).and_then(|id| self.calls.page(id));
        match call.and_then(|call| call.answer_to_repeated(offer)) {
            Some(sdp) => Reply::new(StatusCode::OK).body(Body::sdp(sdp)),
            None => Reply::new(StatusCode::NOT_ACCEPTABLE_HERE),
        }
    }

    /// Follows the description that a caller has answered a refresh of ours with. One that is of no use ends the call, as the
    /// caller has been told that it is in force.
    pub(super) fn handle_refreshed(&mut self, now: Instant, session: SessionId, answer: &Message) {
        let Some(id) = self.calls.id_of(session) else {
            return;
        };
        let followed = self
            .calls
            .page_mut(id)
            .map_or(Ok(()), |call| call.follow(now, answer.body()));
        if followed.is_err() {
            self.hang_up(now, id, Farewell::NoMedia);
        }
    }

    pub(super) fn handle_session_ended(&mut self, now: Instant, session: SessionId, cause: &EndCause) {
        let Some(id) = self.calls.id_of(session) else {
            if let EndCause::Bye { transaction, .. } = cause {
                self.agent.respond(now, *transaction, Reply::new(StatusCode::OK));
            }
            return;
        };
        let why = stop_reason(cause);
        let reply = match cause {
            EndCause::Bye { transaction, .. } => Some(*transaction),
            EndCause::FlowFailed
                if self
                    .calls
                    .page_mut(id)
                    .is_some_and(|call| call.handle_orphaned(now)) =>
            {
                return;
            }
            EndCause::FlowFailed
            | EndCause::Cancelled { .. }
            | EndCause::HungUp { .. }
            | EndCause::AckTimeout
            | EndCause::NotAnswered
            | EndCause::Lost => None,
        };
        if let Some(call) = self.calls.page_mut(id) {
            call.handle_bye(now, reply);
            if !call.is_over() {
                return;
            }
        }
        if let Some(transaction) = reply {
            self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
        }
        self.forget(now, id, why);
    }

    /// Does one thing that a call wants done; says whether there was any.
    pub(super) fn step_calls(&mut self, now: Instant) -> bool {
        let Some((id, step)) = self.calls.step(now) else {
            return false;
        };
        match step {
            Step::Answer { sdp: Hidden(sdp) } => self.answer(now, id, sdp),
            Step::Send { to, bytes } => self.outputs.push_back(Output::SendMedia { call: id, to, bytes }),
            Step::Keyed(outcome) => self.handle_keyed(now, id, outcome),
            Step::NotKeyed => self.turn_away(now, id, Farewell::NoPasscode, "no passcode in time"),
            Step::Drained { reply } => {
                let receipt = self.receipt(now, id);
                if let Some(transaction) = reply {
                    self.answer_bye(now, transaction, receipt.as_ref().and_then(receipt_body));
                }
                self.played(receipt);
                self.forget(now, id, StopReason::Ended);
            }
            Step::HangUp(farewell) => self.hang_up(now, id, farewell),
            Step::Sound => {
                if let Err(refusal) = self.request_sound(now, SoundId(id.0), Class::Ring) {
                    self.refuse_call(now, id, &refusal);
                }
            }
            Step::FallSilent => self.silence(now, SoundId(id.0), StopReason::TimedOut),
        }
        true
    }

    fn answer(&mut self, now: Instant, id: CallId, sdp: String) {
        let Some(about) = self.calls.about(id) else {
            return;
        };
        let mut answer = Reply::new(StatusCode::OK).body(Body::sdp(sdp));
        let is_recorded = self.calls.page(id).is_some_and(PageCall::is_recorded);
        if let Some(page) = about.page.as_ref().filter(|_| !is_recorded) {
            // By this the zone knows that a receipt will come, and misses it if it does not.
            answer = answer.header(PAGE_HEADER, page.as_str());
        }
        self.agent.answer(now, about.session, answer);
    }

    pub(super) fn end_all_sounds(&mut self, now: Instant) {
        self.drop_messages();
        let locals = self.locals.ids_where(|_| true);
        self.end_locals(now, locals, StopReason::ShutDown, Farewell::ShutDown);
        let ids: Vec<CallId> = self.calls.abouts().map(|about| about.id).collect();
        for id in ids {
            self.hang_up(now, id, Farewell::ShutDown);
        }
    }

    /// Ends every alert, and every exercise of one: somebody has called the cancel extension, or says so at the device.
    pub(super) fn cancel_alerts(&mut self, now: Instant) {
        let announcements = self.locals.ids_where(|sound| sound.number().is_some());
        self.end_locals(
            now,
            announcements,
            StopReason::Cancelled,
            Farewell::AlertCancelled,
        );
        let alerts = self.calls.abouts().filter(|about| {
            about.class == Class::EmergencyAlert
                || self
                    .slots
                    .get(about.slot)
                    .map(|slot| slot.profile().position)
                    .is_some_and(|position| {
                        position.kind() == SlotKind::Alert && position != SlotPosition::CANCEL
                    })
        });
        // Whoever still keys in a passcode has raised nothing that could be cancelled.
        let ids: Vec<CallId> = alerts
            .map(|about| about.id)
            .filter(|id| !self.calls.is_guarded(*id))
            .collect();
        for id in ids {
            self.hang_up(now, id, Farewell::AlertCancelled);
        }
    }

    /// Ends a call from our side: BYE with the receipt, or a refusal where it has not been answered.
    pub(super) fn hang_up(&mut self, now: Instant, id: CallId, farewell: Farewell) {
        let Some(session) = self.calls.about(id).map(|about| about.session) else {
            return;
        };
        let reason = ("Reason".to_owned(), farewell.reason());
        if self.calls.page(id).is_some_and(PageCall::is_answered) {
            let receipt = if farewell.has_receipt() {
                self.receipt(now, id)
            } else {
                None
            };
            let body = receipt.as_ref().and_then(receipt_body);
            match self.calls.page_mut(id).and_then(PageCall::take_reply) {
                Some(transaction) => self.answer_bye(now, transaction, body),
                None => self.agent.hang_up(now, session, vec![reason], body),
            }
            self.played(receipt);
        } else {
            let reply = Reply::new(farewell.refusal()).header(reason.0, reason.1);
            self.agent.reject(now, session, reply);
        }
        self.forget(now, id, farewell.stop_reason());
    }

    fn answer_bye(&mut self, now: Instant, transaction: ServerId, body: Option<Body>) {
        let mut answer = Reply::new(StatusCode::OK);
        answer.body = body;
        self.agent.respond(now, transaction, answer);
    }

    /// Closes what a call that is over still holds.
    pub(super) fn forget(&mut self, now: Instant, id: CallId, why: StopReason) {
        self.silence(now, SoundId(id.0), why);
        if let Some(call) = self.calls.remove_page(id) {
            self.keep_message(call);
            self.outputs.push_back(Output::CloseMedia { call: id });
        }
        self.calls.remove_ring(id);
    }

    fn receipt(&self, now: Instant, id: CallId) -> Option<Receipt> {
        self.calls
            .page(id)?
            .receipt(self.sound.profile().output_rate, self.sound.output(now))
    }

    fn played(&mut self, receipt: Option<Receipt>) {
        if let Some(receipt) = receipt {
            self.tell(DeviceEvent::PagePlayed { receipt });
        }
    }
}

/// Why what a call played is not heard any more when its caller has ended it.
fn stop_reason(cause: &EndCause) -> StopReason {
    match cause {
        //= https://www.rfc-editor.org/rfc/rfc3326#section-3.1
        //# The forking proxy includes this status code in a Reason header
        //# field in the CANCEL request that it sends to the rest of the
        //# branches.
        EndCause::Cancelled { message }
            if message.reasons().flatten().any(|reason| {
                reason.protocol().eq_ignore_ascii_case("SIP") && reason.cause() == Some(200)
            }) =>
        {
            StopReason::CompletedElsewhere
        }
        EndCause::Bye { .. } | EndCause::Cancelled { .. } | EndCause::HungUp { .. } => StopReason::Ended,
        EndCause::FlowFailed | EndCause::AckTimeout | EndCause::NotAnswered | EndCause::Lost => {
            StopReason::Lost
        }
    }
}

fn receipt_body(receipt: &Receipt) -> Option<Body> {
    let bytes = serde_json::to_vec(receipt).ok()?;
    Some(Body {
        content_type: Receipt::CONTENT_TYPE.to_owned(),
        bytes,
    })
}
