//! Which packets of a stream have been seen (RFC 3711 sections 3.3.1 and 3.3.2).

/// Packets behind the newest one that can still be told apart; RFC 3711 section 3.3.2 asks for at least 64.
pub const REPLAY_WINDOW: u64 = 128;

/// Why a packet's index is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stale {
    /// A packet with this index has been accepted before.
    Replayed,
    /// The index is too far behind for a verdict, or lies before the stream's beginning.
    TooOld,
}

/// The newest index of a stream and which of those behind it have been seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReplayWindow {
    newest: u64,
    // Bit n stands for the index `newest - n`; zero means that nothing has been seen yet, else bit 0 is set.
    seen: u128,
}

impl ReplayWindow {
    /// Is the index after the newest one seen; 0 in a fresh window.
    pub(super) fn next(&self) -> u64 {
        if self.seen == 0 { 0 } else { self.newest + 1 }
    }

    /// Extends a sequence number to the packet index nearest to the newest one (RFC 3711 section 3.3.1).
    pub(super) fn estimate(&self, sequence: u16) -> Result<u64, Stale> {
        let sequence = u64::from(sequence);
        if self.seen == 0 {
            return Ok(sequence);
        }
        let rollovers = self.newest >> 16;
        let newest_sequence = self.newest & 0xffff;
        let rollovers = if newest_sequence < 0x8000 && sequence > newest_sequence + 0x8000 {
            rollovers.checked_sub(1).ok_or(Stale::TooOld)?
        } else if newest_sequence >= 0x8000 && newest_sequence - 0x8000 > sequence {
            rollovers + 1
        } else {
            rollovers
        };
        Ok(rollovers << 16 | sequence)
    }

    /// Tells whether a packet of this index may still be accepted.
    pub(super) fn check(&self, index: u64) -> Result<(), Stale> {
        if self.seen == 0 || index > self.newest {
            return Ok(());
        }
        let behind = self.newest - index;
        if behind >= REPLAY_WINDOW {
            return Err(Stale::TooOld);
        }
        if self.seen >> behind & 1 == 1 {
            return Err(Stale::Replayed);
        }
        Ok(())
    }

    /// Notes an accepted packet; to be called only after its authentication.
    pub(super) fn commit(&mut self, index: u64) {
        if self.seen == 0 {
            self.newest = index;
            self.seen = 1;
        } else if index > self.newest {
            let ahead = u32::try_from(index - self.newest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = index;
        } else {
            let behind = u32::try_from(self.newest - index).unwrap_or(u32::MAX);
            self.seen |= 1_u128.checked_shl(behind).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{REPLAY_WINDOW, ReplayWindow, Stale};

    fn window_at(index: u64) -> ReplayWindow {
        let mut window = ReplayWindow::default();
        window.commit(index);
        window
    }

    #[test]
    fn an_index_is_accepted_once_in_any_order() {
        let mut window = window_at(1_000);
        for index in [1_003, 1_001, 1_129, 1_002, 1_005] {
            assert_eq!(window.check(index), Ok(()));
            window.commit(index);
            assert_eq!(window.check(index), Err(Stale::Replayed));
        }
    }

    #[test]
    fn the_window_ends_128_behind_the_newest() {
        let window = window_at(1_000);
        assert_eq!(window.check(1_000 - (REPLAY_WINDOW - 1)), Ok(()));
        assert_eq!(window.check(1_000 - REPLAY_WINDOW), Err(Stale::TooOld));
    }

    #[test]
    fn a_jump_beyond_the_window_forgets_what_lies_behind() {
        let mut window = window_at(10);
        window.commit(10 + REPLAY_WINDOW);
        assert_eq!(window.check(10), Err(Stale::TooOld));
        assert_eq!(window.check(11), Ok(()));
    }

    #[test]
    fn a_sequence_number_extends_to_the_nearest_index() {
        assert_eq!(ReplayWindow::default().estimate(65_535), Ok(65_535));
        assert_eq!(window_at(65_535).estimate(0), Ok(65_536));
        assert_eq!(window_at(65_536).estimate(65_535), Ok(65_535));
        assert_eq!(window_at(3 << 16 | 5).estimate(65_000), Ok(2 << 16 | 65_000));
        assert_eq!(window_at(3 << 16 | 0x8000).estimate(0), Ok(3 << 16));
        assert_eq!(window_at(3 << 16 | 0x8001).estimate(0), Ok(4 << 16));
        assert_eq!(window_at(3 << 16 | 0x7fff).estimate(0xffff), Ok(3 << 16 | 0xffff));
        assert_eq!(window_at(3 << 16 | 0x7ffe).estimate(0xffff), Ok(2 << 16 | 0xffff));
    }

    #[test]
    fn no_packet_precedes_the_beginning() {
        assert_eq!(window_at(5).estimate(65_000), Err(Stale::TooOld));
    }
}
