//! Whether a zone has what it was given of its directory, as its events tell; and when it is given everything instead.

use std::time::{Duration, Instant};

use model::directory::Epoch;
use model::status::ZoneEvent;

/// Shortest time between two whole directories that a zone is given because its events were missed.
pub const WHOLE_EVERY: Duration = Duration::from_secs(5);

/// What a zone was given last, and whether it has that.
#[derive(Debug)]
pub struct Given {
    epoch: Option<Epoch>,
    applied: Option<Epoch>,
    /// The zone has said that it has something else than what changes lead on from.
    is_lost: bool,
    /// Events were missed while the zone had not said that it has what it was given.
    is_unsure: bool,
    /// The next whole directory for missed events comes no earlier.
    not_before: Instant,
}

impl Given {
    /// A zone that has begun with the directory of an epoch.
    #[must_use]
    pub fn new(now: Instant, epoch: Option<Epoch>) -> Self {
        Self {
            epoch,
            applied: epoch,
            is_lost: false,
            is_unsure: false,
            not_before: now,
        }
    }

    /// The zone is given the directory of an epoch, or what leads to it.
    pub fn note_given(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch);
    }

    /// Something has happened in the zone.
    pub fn handle_event(&mut self, event: &ZoneEvent) {
        match event {
            ZoneEvent::SnapshotWanted { .. } => self.is_lost = true,
            ZoneEvent::DirectoryApplied { epoch, .. } => {
                self.applied = Some(*epoch);
                self.is_unsure &= !self.has_what_it_was_given();
            }
            ZoneEvent::Registered { .. }
            | ZoneEvent::Unregistered { .. }
            | ZoneEvent::RegistrationRefused { .. }
            | ZoneEvent::HandshakeFailed { .. }
            | ZoneEvent::CallRefused { .. }
            | ZoneEvent::AlertRaised { .. }
            | ZoneEvent::PageStarted { .. }
            | ZoneEvent::PageEnded { .. }
            | ZoneEvent::DirectoryRefused { .. } => {}
        }
    }

    /// More has happened than was heard.
    pub fn handle_missed(&mut self) {
        self.is_unsure |= !self.has_what_it_was_given();
    }

    /// When everything is due, if it is.
    #[must_use]
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        if self.is_lost {
            return Some(now);
        }
        self.is_unsure.then_some(self.not_before)
    }

    /// Whether the zone is to be given everything now; says so once.
    pub fn take_wants_whole(&mut self, now: Instant) -> bool {
        let is_due = self.next_timeout(now).is_some_and(|due| due <= now);
        if is_due {
            self.is_lost = false;
            self.is_unsure = false;
            self.not_before = now + WHOLE_EVERY;
        }
        is_due
    }

    fn has_what_it_was_given(&self) -> bool {
        self.applied == self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(epoch: u64) -> ZoneEvent {
        ZoneEvent::DirectoryApplied {
            account: "acme".parse().unwrap(),
            epoch: Epoch(epoch),
        }
    }

    #[test]
    fn a_zone_that_has_what_it_was_given_is_given_no_more_for_events_that_were_missed() {
        let now = Instant::now();
        let mut given = Given::new(now, Some(Epoch(3)));
        given.handle_missed();
        assert!(!given.take_wants_whole(now), "it has begun with that");
        given.note_given(Epoch(4));
        given.handle_event(&applied(4));
        given.handle_missed();
        assert!(!given.take_wants_whole(now));
        given.note_given(Epoch(5));
        given.handle_missed();
        assert!(given.take_wants_whole(now), "nobody knows whether it has 5");
        assert!(!given.take_wants_whole(now), "it is on its way");
    }

    #[test]
    fn events_that_are_missed_again_and_again_do_not_make_everything_be_given_again_and_again() {
        let now = Instant::now();
        let mut given = Given::new(now, None);
        given.note_given(Epoch(1));
        given.handle_missed();
        assert!(given.take_wants_whole(now));
        given.handle_missed();
        assert!(!given.take_wants_whole(now));
        let due = now + WHOLE_EVERY;
        assert_eq!(given.next_timeout(now), Some(due));
        assert!(!given.take_wants_whole(due - Duration::from_nanos(1)));
        assert!(given.take_wants_whole(due), "put off, and not forgotten");

        given.handle_missed();
        given.handle_event(&applied(1));
        assert_eq!(given.next_timeout(due), None, "it has it after all");
    }

    #[test]
    fn a_zone_that_says_it_cannot_go_on_is_given_everything_at_once() {
        let now = Instant::now();
        let mut given = Given::new(now, Some(Epoch(1)));
        for _ in 0..2 {
            given.handle_event(&ZoneEvent::SnapshotWanted {
                account: "acme".parse().unwrap(),
                epoch: Some(Epoch(1)),
            });
            assert!(given.take_wants_whole(now));
        }
        assert!(!given.take_wants_whole(now + WHOLE_EVERY));
    }
}
