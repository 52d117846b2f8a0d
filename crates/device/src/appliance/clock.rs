//! The last good time: what a server that was who it should be has said, kept over restarts.

use std::fs;
use std::path::{Path, PathBuf};

use net::tls::CertificateClock;

/// The file in the state folder that keeps it, in seconds since 1970.
const FILE: &str = "clock";
/// How much later a time has to be to be kept: the floor need not be exact, and a disk has so many writes.
const KEPT_EVERY: u64 = 24 * 60 * 60;
/// How far a server's time may be ahead of a clock that is possible, in seconds.
const AHEAD_MAX: u64 = 24 * 60 * 60;

/// The clock that certificates are checked by, with the floor that was kept.
pub(super) fn restored(state: &Path) -> CertificateClock {
    let clock = CertificateClock::default();
    if let Some(kept) = kept(&state.join(FILE)) {
        clock.raise(kept);
    }
    clock
}

fn kept(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Raises the floor to a time that was heard while the machine's own clock says `now`, and keeps it.
pub(super) fn hear(state: &Path, clock: &CertificateClock, now: u64, time: u64) {
    let time = believed(clock.floor(), now, time);
    if !clock.raise(time) {
        return;
    }
    let file: PathBuf = state.join(FILE);
    if kept(&file).is_some_and(|kept| time < kept.saturating_add(KEPT_EVERY)) {
        return;
    }
    let new = file.with_extension("new");
    let written = fs::write(&new, time.to_string()).and_then(|()| fs::rename(&new, &file));
    if let Err(error) = written {
        tracing::warn!(%error, "the last good time cannot be kept");
    }
}

/// A floor is never lowered, so a server whose clock is fast does not carry it off where this machine's own is possible: behind
/// the floor it is wrong for certain, and only then the server alone is believed.
fn believed(floor: u64, now: u64, time: u64) -> u64 {
    if now < floor {
        time
    } else {
        time.min(now.saturating_add(AHEAD_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_was_heard_is_the_floor_after_a_restart_too() {
        let state = tempfile::tempdir().unwrap();
        let clock = restored(state.path());
        let built = clock.floor();

        hear(state.path(), &clock, built - 1, built + 10 * KEPT_EVERY);
        hear(state.path(), &clock, built - 1, built);

        assert_eq!(clock.floor(), built + 10 * KEPT_EVERY);
        assert_eq!(restored(state.path()).floor(), built + 10 * KEPT_EVERY);
    }

    #[test]
    fn a_server_whose_clock_is_fast_is_believed_by_a_day_unless_ours_is_impossible() {
        let (floor, fast) = (1_000_000_000, 2_000_000_000);
        assert_eq!(believed(floor, floor, floor + AHEAD_MAX), floor + AHEAD_MAX);
        assert_eq!(believed(floor, floor, floor + AHEAD_MAX + 1), floor + AHEAD_MAX);
        assert_eq!(believed(floor, floor, fast), floor + AHEAD_MAX);
        assert_eq!(believed(floor, floor - 1, fast), fast);
    }

    #[test]
    fn a_file_that_is_garbled_or_older_than_the_program_changes_nothing() {
        let state = tempfile::tempdir().unwrap();
        let built = CertificateClock::default().floor();
        for garbled in ["", "yesterday", "-5", "99999999999999999999999", "12"] {
            fs::write(state.path().join(FILE), garbled).unwrap();
            assert_eq!(restored(state.path()).floor(), built);
        }
    }
}
