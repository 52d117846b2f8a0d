//! Signatures that have been accepted: none is accepted twice.

use std::collections::BTreeMap;

use super::signature::Signature;

/// Signatures remembered: 68 requests a second for as long as one is good, at the usual 30 seconds either way.
pub(super) const SIGNATURES_MAX: usize = 4_096;

/// What was accepted of late.
#[derive(Debug, Default)]
pub(super) struct Replays {
    date_by_signature: BTreeMap<Signature, u64>,
    /// A signature of this date or an earlier one may have been forgotten. Its date was out of the window then, and is in it
    /// again if the clock is set back or the window becomes wider.
    forgotten_until: Option<u64>,
}

/// Why a right signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFresh {
    /// It was accepted before, or may have been.
    Seen,
    /// As many as are remembered are still good.
    Full,
}

impl Replays {
    /// Accepts a signature whose date lies in the window, unless it was accepted before. Dates are seconds since 1970.
    pub(super) fn accept(
        &mut self,
        now: u64,
        window: u64,
        date: u64,
        signature: Signature,
    ) -> Result<(), NotFresh> {
        let may_be_forgotten = self.forgotten_until.is_some_and(|until| date <= until);
        if may_be_forgotten || self.date_by_signature.contains_key(&signature) {
            return Err(NotFresh::Seen);
        }
        if self.date_by_signature.len() >= SIGNATURES_MAX {
            self.forget(now, window);
        }
        if self.date_by_signature.len() >= SIGNATURES_MAX {
            return Err(NotFresh::Full);
        }
        self.date_by_signature.insert(signature, date);
        Ok(())
    }

    /// Forgets what is out of the window.
    fn forget(&mut self, now: u64, window: u64) {
        let gone = self
            .date_by_signature
            .extract_if(.., |_, date| date.saturating_add(window) < now)
            .map(|(_, date)| date)
            .max();
        self.forgotten_until = self.forgotten_until.max(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 30;

    fn signature(number: usize) -> Signature {
        let mut signature = [0; 32];
        for (octet, digit) in signature.iter_mut().zip(number.to_be_bytes()) {
            *octet = digit;
        }
        signature
    }

    fn full(date: u64) -> Replays {
        let mut replays = Replays::default();
        for number in 0..SIGNATURES_MAX {
            assert_eq!(replays.accept(date, WINDOW, date, signature(number)), Ok(()));
        }
        replays
    }

    #[test]
    fn w03_so_many_signatures_are_remembered_and_one_more_is_refused_within_the_window() {
        let mut replays = full(1_000);

        let last = replays.accept(1_000 + WINDOW, WINDOW, 1_000, signature(SIGNATURES_MAX));

        assert_eq!(last, Err(NotFresh::Full));
        assert_eq!(replays.date_by_signature.len(), SIGNATURES_MAX);
        assert_eq!(
            replays.accept(1_000, WINDOW, 1_000, signature(0)),
            Err(NotFresh::Seen)
        );
    }

    #[test]
    fn what_is_out_of_the_window_gives_room() {
        let mut replays = full(1_000);

        let next = replays.accept(1_001 + WINDOW, WINDOW, 1_001 + WINDOW, signature(SIGNATURES_MAX));

        assert_eq!(next, Ok(()));
        assert_eq!(replays.date_by_signature.len(), 1);
    }

    #[test]
    fn w03_what_was_forgotten_is_not_accepted_again_when_the_clock_is_set_back_or_the_window_widened() {
        let mut replays = full(1_000);
        replays
            .accept(1_001 + WINDOW, WINDOW, 1_001 + WINDOW, signature(SIGNATURES_MAX))
            .unwrap();

        assert_eq!(
            replays.accept(1_000, WINDOW, 1_000, signature(0)),
            Err(NotFresh::Seen)
        );
        assert_eq!(
            replays.accept(1_001 + WINDOW, 10 * WINDOW, 1_000, signature(1)),
            Err(NotFresh::Seen)
        );
    }
}
