//! Two attempts at one device: over the flow that was tried first, and over the next one.
//!
//! A flow may be dead without anybody knowing. So a device that says nothing over one flow is called over its next one as
//! well. Both attempts stand until the device has answered over the later one, or one of them fails: a slow flow would
//! otherwise cost the call where the other one is dead. The later one has the last word, for an endpoint that plays a page
//! goes over to the later attempt at it ([`model::ATTEMPT_HEADER`]) and ends the earlier one itself.
//!
//! ```text
//!            no response in FLOW_ANSWER_MAX         180, 200 of the later: the earlier is cancelled, or hung up on
//!   one attempt ───────────────────────▶ two ─────────────────────────────────────────────────────────▶ one
//!                                             │ 200 of the earlier: it is joined; in a page the later one stands on
//!                                             │ one fails or ends: the other one is what is left
//! ```

use std::time::{Duration, Instant};

use media::bridge::LegId;
use media::sdp::{Hidden, PendingOffer, SecurityOffer};
use sip::user_agent::SessionId;

use super::calling::is_ipv4;
use crate::leg::{Leg, Stage, Target};
use crate::switch::Switch;

/// How long a device that has another flow may say nothing at all to an INVITE, not even 100, before it is called over that
/// one as well.
pub const FLOW_ANSWER_MAX: Duration = Duration::from_millis(300);

/// An attempt that stands beside the one its leg is about.
#[derive(Debug)]
pub(crate) struct Attempt {
    number: u32,
    session: SessionId,
    target: Target,
    offer: Box<PendingOffer>,
    /// The same as text.
    description: Hidden<String>,
    /// What it offers of SRTP, by its own flow.
    security: SecurityOffer,
}

impl Leg {
    /// Sets the attempt under way aside.
    fn set_aside(&mut self) -> Option<Attempt> {
        let (session, target) = (self.session?, self.alternatives.last()?.clone());
        match std::mem::replace(&mut self.stage, Stage::Opening) {
            Stage::Inviting(offer) => {
                self.session = None;
                Some(Attempt {
                    number: self.attempts,
                    session,
                    target,
                    offer,
                    description: self.media.description.clone(),
                    security: self.media.security,
                })
            }
            other => {
                self.stage = other;
                None
            }
        }
    }

    /// Goes on with this attempt.
    fn resume(&mut self, attempt: Attempt) {
        self.session = Some(attempt.session);
        self.flow = attempt.target.flow;
        // In the place of the target of the attempt that was under way.
        self.alternatives.pop();
        self.alternatives.push(attempt.target);
        self.stage = Stage::Inviting(attempt.offer);
        self.media.description = attempt.description;
        self.media.security = attempt.security;
    }
}

impl Switch {
    /// Begins to wait for a sign of life over the flow a leg has just been called over, where there is another one.
    pub(super) fn expect_sign(&mut self, now: Instant, id: LegId) {
        if self.has_next_flow(id) {
            self.calls.unheard.set(id, now + FLOW_ANSWER_MAX);
        }
    }

    /// A device that has said nothing is called over its next flow as well.
    pub(crate) fn flow_overdue(&mut self, now: Instant, id: LegId) {
        let session = self.calls.leg_by_id.get(&id).and_then(|leg| leg.session);
        if !self.has_next_flow(id) || !session.is_some_and(|session| self.agent.is_unheard(session)) {
            return;
        }
        // Of three flows the first is given up when the third is tried.
        self.withdraw_other(now, id);
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        let Some(attempt) = leg.set_aside() else {
            return;
        };
        leg.other = Some(attempt);
        leg.alternatives.pop();
        self.counters.legs.other_flow += 1;
        self.move_to_next_flow(id);
        if self.try_invite(now, id).is_some() {
            self.counters.legs.invited += 1;
            self.expect_sign(now, id);
        } else {
            self.fall_back(id);
        }
    }

    /// Whether there is a flow to try beside the one under way: of the same address family, since the leg has ports of one.
    fn has_next_flow(&self, id: LegId) -> bool {
        let targets = self
            .calls
            .leg_by_id
            .get(&id)
            .map(|leg| leg.alternatives.as_slice());
        let Some([.., next, current]) = targets else {
            return false;
        };
        is_ipv4(&next.flow) == is_ipv4(&current.flow)
    }

    /// A response over one of two attempts: the later one makes the earlier needless as soon as the device is known to have it.
    pub(super) fn note_progress(&mut self, now: Instant, id: LegId, session: SessionId) {
        let Some(leg) = self.calls.leg_by_id.get(&id) else {
            return;
        };
        let is_later = leg.session == Some(session) && matches!(leg.stage, Stage::Inviting(_));
        let is_other_earlier = leg
            .other
            .as_ref()
            .is_some_and(|other| other.number < leg.attempts);
        if is_later && is_other_earlier {
            self.withdraw_other(now, id);
        }
    }

    /// The device has answered over one of two attempts: the leg is about that one from here on. What was joined before over the
    /// earlier one is hung up on.
    pub(super) fn choose_answered(&mut self, now: Instant, id: LegId, session: SessionId) {
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        let Some(other) = leg.other.take_if(|other| other.session == session) else {
            return self.note_progress(now, id, session);
        };
        match leg.set_aside() {
            Some(later) => leg.other = Some(later),
            None => {
                if let Some(joined) = leg.session.take() {
                    self.calls.leg_by_session.remove(&joined);
                    self.agent.hang_up(now, joined, Vec::new(), None);
                }
            }
        }
        self.resume(id, other);
    }

    /// An attempt has come to nothing, or the device has left it for the other one. Says whether that one is left.
    pub(super) fn lose_attempt(&mut self, id: LegId, session: SessionId) -> bool {
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return false;
        };
        if leg.other.take_if(|other| other.session == session).is_some() {
            self.calls.leg_by_session.remove(&session);
            return true;
        }
        if leg.other.is_none() {
            return false;
        }
        self.calls.leg_by_session.remove(&session);
        self.fall_back(id)
    }

    /// Goes on with the attempt that is left.
    fn fall_back(&mut self, id: LegId) -> bool {
        let other = self.calls.leg_by_id.get_mut(&id).and_then(|leg| leg.other.take());
        let is_left = other.is_some();
        if let Some(other) = other {
            self.resume(id, other);
        }
        is_left
    }

    fn resume(&mut self, id: LegId, attempt: Attempt) {
        if let Some(leg) = self.calls.leg_by_id.get_mut(&id) {
            self.calls.peers.remove(&leg.flow);
            self.calls.peers.add(&attempt.target.flow);
            leg.resume(attempt);
        }
    }

    /// Cancels the attempt that stands beside the one a leg is about, if there is one.
    pub(super) fn withdraw_other(&mut self, now: Instant, id: LegId) {
        let other = self.calls.leg_by_id.get_mut(&id).and_then(|leg| leg.other.take());
        if let Some(other) = other {
            self.calls.leg_by_session.remove(&other.session);
            self.agent.hang_up(now, other.session, Vec::new(), None);
        }
    }
}
