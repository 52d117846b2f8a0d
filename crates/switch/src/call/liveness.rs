//! Whether both sides of a conversation are still there.
//!
//! A phone over UDP can vanish without a word, and a muted one may send nothing for hours. So each side is asked from
//! time to time; one that does not answer, or does not know the call, is lost (RFC 3261 §12.2.1.2), and the call with it.

use std::time::{Duration, Instant};

use media::bridge::LegId;
use sip::message::Method;

use super::CallId;
use crate::leg::Stage;
use crate::switch::Switch;

/// How often each side of a conversation is asked whether it is there. With the 32 s a request may go unanswered, no
/// call outlives its parties by more than six minutes.
pub const PROBE_EVERY: Duration = Duration::from_secs(300);

impl Switch {
    /// Asks both sides, and plans to ask again.
    pub(super) fn probe(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        let legs: Vec<LegId> = call.legs.iter().copied().collect();
        self.calls.deadlines.set(id, now + PROBE_EVERY);
        for leg in legs {
            if let Some(leg) = self.calls.leg_by_id.get(&leg)
                && let (Stage::Joined, Some(session)) = (&leg.stage, leg.session)
            {
                self.agent
                    .request_in_session(now, session, Method::Options, Vec::new(), None);
            }
        }
    }
}
