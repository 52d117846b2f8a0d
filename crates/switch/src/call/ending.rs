//! The end of legs and calls.

use std::time::{Duration, Instant};

use media::bridge::LegId;
use model::status::{MissingReason, ZoneEvent};
use paging::LegNumber;
use sip::message::{Message, StatusCode};
use sip::user_agent::{EndCause, Reply, SessionId};

use super::{CallId, CallOffence, ENDING_MAX, Phase};
use crate::leg::{Ports, Stage};
use crate::permission::Manner;
use crate::switch::Switch;

impl Switch {
    /// The dialog of a leg is over.
    pub(crate) fn handle_ended(&mut self, now: Instant, session: SessionId, cause: EndCause) {
        let known = self.calls.leg_of(session).map(|(id, leg)| (id, leg.call));
        let is_broken_off = matches!(&cause, EndCause::Bye { message, .. } if breaks_off(message));
        let is_done_with = matches!(&cause, EndCause::Bye { message, .. } if !says_it_moves(message));
        let (answered, why) = match cause {
            EndCause::Bye { transaction, message } => {
                self.agent.respond(now, transaction, Reply::new(StatusCode::OK));
                (Some(message), MissingReason::NoAnswer)
            }
            EndCause::HungUp { answer } => (answer, MissingReason::PageEnded),
            EndCause::FlowFailed => (None, MissingReason::ConnectionFailed),
            EndCause::Cancelled { .. } | EndCause::AckTimeout | EndCause::NotAnswered | EndCause::Lost => {
                (None, MissingReason::NoAnswer)
            }
        };
        let Some((leg, call)) = known else {
            return;
        };
        if let Some(message) = answered {
            self.take_receipt(leg, &message);
        }
        if !is_done_with && self.lose_attempt(leg, session) {
            return;
        }
        let is_caller = self.is_caller(call, leg);
        self.dialog_over(now, leg, why);
        if is_caller {
            self.end_call(now, call, StatusCode::TEMPORARILY_UNAVAILABLE);
        } else {
            if is_broken_off {
                self.note_broken_off(call);
            }
            self.end_if_alone(now, call);
        }
    }

    /// Tells the ledger of a page whose last listener has left before its talker.
    fn note_broken_off(&mut self, id: CallId) {
        if let Some(call) = self.calls.call_by_id.get_mut(&id)
            && call.called.is_empty()
            && !matches!(call.phase, Phase::Ending)
            && let Some(page) = &mut call.page
        {
            page.break_off();
        }
    }

    /// Refuses a call whose caller has got no final response, and ends it.
    pub(super) fn refuse_call(&mut self, now: Instant, id: CallId, dialled: String, offence: &CallOffence) {
        let Some(leg) = self.calls.call_by_id.get(&id).map(|call| call.caller) else {
            return;
        };
        if let Some(caller) = self.calls.leg_by_id.get(&leg)
            && let Some(session) = caller.session
        {
            let user = caller.user.clone();
            self.refuse(now, session, user, dialled, offence);
            self.dialog_over(now, leg, MissingReason::PageEnded);
        }
        self.end_call(now, id, StatusCode::TEMPORARILY_UNAVAILABLE);
    }

    /// Ends a call: everybody is hung up on, and what they say at the end is waited for. A caller that has not been
    /// answered is refused with `status`.
    pub(crate) fn end_call(&mut self, now: Instant, id: CallId, status: StatusCode) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        if matches!(call.phase, Phase::Ending) {
            return self.finish_if_done(now, id);
        }
        let has_begun = matches!(call.phase, Phase::Talking);
        call.phase = Phase::Ending;
        let (caller, called) = (call.caller, call.called.clone());
        self.calls.deadlines.set(id, now + ENDING_MAX);
        self.dismiss_caller(now, caller, status, has_begun);
        // The length of the page is known once the caller's ports are closed.
        self.close_ports(caller);
        for leg in called {
            self.leave(now, leg, MissingReason::PageEnded);
        }
        self.forget_if_done(now, caller);
        self.finish_if_done(now, id);
    }

    fn dismiss_caller(&mut self, now: Instant, id: LegId, status: StatusCode, has_begun: bool) {
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        let Some(session) = leg.session else {
            return;
        };
        match leg.stage {
            Stage::Opening | Stage::Ready(_) | Stage::Inviting(_) => {
                self.agent.reject(now, session, Reply::new(status));
                self.dialog_over(now, id, MissingReason::PageEnded);
            }
            Stage::Joined => {
                leg.stage = Stage::Leaving;
                // Answered before there was anybody to hear it, the caller has got no status.
                let reason = ("Reason".to_owned(), format!("SIP;cause={}", status.code()));
                let headers = if has_begun { Vec::new() } else { vec![reason] };
                self.agent.hang_up(now, session, headers, None);
            }
            Stage::Leaving | Stage::Over => {}
        }
    }

    /// Ends a call that nobody is left in but its caller.
    pub(super) fn end_if_alone(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        if call.called.is_empty() && !matches!(call.phase, Phase::Opening(_) | Phase::Asking(_)) {
            let status = call.refusals.best();
            self.end_call(now, id, status);
        }
    }

    /// Hangs up on a called leg.
    pub(super) fn leave(&mut self, now: Instant, id: LegId, why: MissingReason) {
        self.withdraw_other(now, id);
        self.retire(id, why.clone());
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        match (leg.session, &leg.stage) {
            (_, Stage::Leaving | Stage::Over) => {}
            (Some(session), _) => {
                leg.stage = Stage::Leaving;
                self.agent.hang_up(now, session, Vec::new(), None);
            }
            (None, _) => self.dialog_over(now, id, why),
        }
    }

    /// The dialog of a leg is over, or there never was one.
    pub(super) fn dialog_over(&mut self, now: Instant, id: LegId, why: MissingReason) {
        self.withdraw_other(now, id);
        self.retire(id, why);
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        leg.stage = Stage::Over;
        if let Some(session) = leg.session.take() {
            self.calls.leg_by_session.remove(&session);
        }
        self.close_ports(id);
        self.forget_if_done(now, id);
    }

    /// Takes a leg off the list of those who may still hear, and tells the ledger.
    fn retire(&mut self, id: LegId, why: MissingReason) {
        let Some(user) = self.calls.leg_by_id.get(&id).map(|leg| leg.user.clone()) else {
            return;
        };
        let Some((_, call)) = self.calls.call_of(id) else {
            return;
        };
        if !call.called.remove(&id) {
            return;
        }
        if let Some(page) = &mut call.page {
            page.failed(&user, LegNumber(id.0), why);
        }
    }

    /// Drops a leg whose dialog and ports are both done with, and perhaps its call with it.
    pub(super) fn forget_if_done(&mut self, now: Instant, id: LegId) {
        let Some(call) = self
            .calls
            .leg_by_id
            .get(&id)
            .filter(|leg| leg.is_done())
            .map(|leg| leg.call)
        else {
            return;
        };
        self.calls.remove(id);
        if let Some(known) = self.calls.call_by_id.get_mut(&call) {
            known.legs.remove(&id);
        }
        self.finish_if_done(now, call);
    }

    fn finish_if_done(&mut self, now: Instant, id: CallId) {
        let is_done = self.calls.call_by_id.get(&id).is_some_and(|call| {
            matches!(call.phase, Phase::Ending)
                && call.legs.is_empty()
                && call.page.as_ref().is_none_or(|page| page.is_settled(now))
        });
        if is_done {
            self.finish(now, id);
        }
    }

    /// What a call waited for has come or is overdue.
    pub(crate) fn handle_call_due(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        match (&call.phase, call.manner) {
            (Phase::Calling, _) | (Phase::Talking, Manner::Page) => self.answers_overdue(now, id),
            (Phase::Talking, Manner::Conversation) => self.probe(now, id),
            (Phase::Ending, _) => self.finish(now, id),
            (Phase::Asking(_), _) => self.go_on_asking(now, id),
            (Phase::Opening(_), _) => {}
        }
    }

    /// Reports a page and forgets the call.
    fn finish(&mut self, now: Instant, id: CallId) {
        let Some(mut call) = self.calls.call_by_id.remove(&id) else {
            return;
        };
        self.calls.deadlines.clear(id);
        if let Some(room) = &call.room {
            self.admission.release(room);
        }
        for leg in std::mem::take(&mut call.legs) {
            self.abandon(leg);
        }
        if let Some(mut page) = call.page {
            // Where the bridge has not told how long the talker spoke, nothing is known to have been said.
            page.ended(now, Duration::ZERO);
            self.counters.calls.pages_reported += 1;
            let account = self.config.account.clone();
            self.emit(ZoneEvent::PageEnded {
                account,
                report: page.report_at(now),
            });
        }
    }

    /// Forgets a leg that is not done with: its dialog runs out by itself.
    fn abandon(&mut self, id: LegId) {
        if let Some(leg) = self.calls.leg_by_id.get(&id)
            && let Ports::Open(_) = leg.ports
        {
            self.close_ports(id);
        }
        if let Some(leg) = self.calls.remove(id)
            && let Some(session) = leg.session
        {
            self.calls.leg_by_session.remove(&session);
        }
    }
}

/// Whether a device that hangs up says that it goes on in another dialog (RFC 3326 section 2). Any other BYE is somebody's who
/// wants no more of the call, over whichever flow.
fn says_it_moves(bye: &Message) -> bool {
    bye.reasons()
        .flatten()
        .any(|reason| reason.protocol().eq_ignore_ascii_case("SIP") && reason.cause() == Some(200))
}

/// Whether a device that hangs up says that it leaves whoever may still speak: the longest time that it gives a page is over (Q.850
/// cause 31), something more important sounds (RFC 4411 section 5.1), or it shuts down.
fn breaks_off(bye: &Message) -> bool {
    bye.reasons().flatten().any(|reason| {
        let of = |protocol: &str| reason.protocol().eq_ignore_ascii_case(protocol);
        let cause = reason.cause();
        of("preemption") || (of("Q.850") && cause == Some(31)) || (of("SIP") && cause == Some(480))
    })
}
