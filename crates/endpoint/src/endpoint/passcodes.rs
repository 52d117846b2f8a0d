//! Calls that are let in by a passcode.

use std::time::Instant;

use model::status::DeviceEvent;
use sip::message::StatusCode;

use super::Endpoint;
use crate::call::Entrance;
use crate::call::farewell::Farewell;
use crate::call::page::PageCall;
use crate::io::CallId;
use crate::passcode::{Outcome, Passcode};
use crate::refusal::Refusal;
use crate::slot::Slot;

impl Endpoint {
    /// The passcode that a call to a slot is asked for.
    ///
    /// # Errors
    ///
    /// Nobody is asked while the lock is closed that wrong passcodes close.
    pub(super) fn passcode_of(&self, now: Instant, slot: usize) -> Result<Option<Passcode>, Refusal> {
        let Some(profile) = self.slots.get(slot).map(Slot::profile) else {
            return Ok(None);
        };
        let lock = self.gate.locks.of(profile.position.kind());
        if let Some(lock) = lock.filter(|lock| profile.passcode.is_some() && lock.is_closed(now)) {
            let seconds = lock.opens_in(now);
            return Err(Refusal::Locked { seconds });
        }
        Ok(profile.passcode.clone())
    }

    pub(super) fn handle_keyed(&mut self, now: Instant, id: CallId, outcome: Outcome) {
        let kind = self.calls.about(id).map(|about| about.kind);
        if let Some(lock) = kind.and_then(|kind| self.gate.locks.of_mut(kind)) {
            lock.note(now, outcome);
        }
        match outcome {
            Outcome::Right => {
                if let Err(refusal) = self.let_in(now, id) {
                    self.tell_turned_away(id, refusal.status(), refusal.to_string());
                    let farewell = if refusal == Refusal::TooManyMessages {
                        Farewell::NoRoom
                    } else {
                        Farewell::Busy
                    };
                    self.hang_up(now, id, farewell);
                }
            }
            Outcome::Wrong => self.gate.counters.wrong_passcodes += 1,
            Outcome::LastWrong => {
                self.gate.counters.wrong_passcodes += 1;
                self.turn_away(now, id, Farewell::WrongPasscode, "wrong passcode");
            }
        }
    }

    /// Does for a call that has been answered what is done for others before.
    fn let_in(&mut self, now: Instant, id: CallId) -> Result<(), Refusal> {
        let Some(about) = self.calls.about(id).cloned() else {
            return Ok(());
        };
        if self.calls.page(id).is_some_and(PageCall::is_recorded) {
            // Whoever has keyed in nothing takes no message's place, so there may be none left.
            self.has_room_for_message()?;
        }
        self.make_room(now, &about, Entrance::LetIn)?;
        self.announce(now, &about)?;
        let tone = self.request_page(now, &about)?;
        if let Some(call) = self.calls.page_mut(id) {
            call.let_in(now, tone);
        }
        Ok(())
    }

    /// Ends a call that has keyed in no right passcode.
    pub(super) fn turn_away(&mut self, now: Instant, id: CallId, farewell: Farewell, why: &str) {
        self.tell_turned_away(id, StatusCode::FORBIDDEN, why.to_owned());
        self.hang_up(now, id, farewell);
    }

    /// The caller has been answered, and learns of it by a BYE: the status is the one it would have got.
    fn tell_turned_away(&mut self, id: CallId, status: StatusCode, why: String) {
        let slot = self.calls.about(id).and_then(|about| self.slots.get(about.slot));
        if let Some(slot) = slot.map(|slot| slot.profile().position.id()) {
            self.gate.counters.calls_refused += 1;
            self.tell(DeviceEvent::CallRefused {
                slot,
                status: status.code(),
                why,
            });
        }
    }
}
