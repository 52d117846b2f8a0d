//! The last good time: what a server that was who it should be has said, kept over restarts.

use std::fs;
use std::path::{Path, PathBuf};

use net::tls::CertificateClock;

/// The file in the state folder that keeps it, in seconds since 1970.
const FILE: &str = "clock";
/// How much later a time has to be to be kept: the floor need not be exact, and a disk has so many writes.
const KEPT_EVERY: u64 = 24 * 60 * 60;

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

/// Raises the floor to a time that was heard, and keeps it.
pub(super) fn hear(state: &Path, clock: &CertificateClock, time: u64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_was_heard_is_the_floor_after_a_restart_too() {
        let state = tempfile::tempdir().unwrap();
        let clock = restored(state.path());
        let built = clock.floor();

        hear(state.path(), &clock, built + 10 * KEPT_EVERY);
        hear(state.path(), &clock, built);

        assert_eq!(clock.floor(), built + 10 * KEPT_EVERY);
        assert_eq!(restored(state.path()).floor(), built + 10 * KEPT_EVERY);
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
