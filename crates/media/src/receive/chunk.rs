//! A piece of sound on its way to the sink.

use crate::sample::signed;

/// Where the sound of a chunk comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From packets, or from a pause between them.
    Received,
    /// Made up in place of a lost packet.
    Concealed,
    /// Made up without moving along the timeline.
    Filler,
}

/// Samples at the sink's rate, all of one kind, and how far the sink took them.
pub(super) struct Chunk {
    pub(super) samples: Vec<i16>,
    pub(super) kind: Kind,
    // What the former codec would have gone on with.
    pub(super) splice: Vec<i16>,
    cursor: usize,
}

impl Chunk {
    pub(super) fn with_capacity(longest: usize) -> Chunk {
        let samples = Vec::with_capacity(longest);
        Chunk {
            samples,
            kind: Kind::Filler,
            splice: Vec::with_capacity(longest),
            cursor: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cursor >= self.samples.len()
    }

    /// Samples the sink has not taken yet.
    pub(super) fn remaining(&self) -> i64 {
        signed(self.samples.len().saturating_sub(self.cursor))
    }

    /// Makes room for the next sound.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.cursor = 0;
    }

    /// Moves as many samples as there are and fit to the front of `out`, and `out` behind them.
    pub(super) fn take(&mut self, out: &mut &mut [i16]) -> usize {
        let ready = self.samples.get(self.cursor..).unwrap_or_default();
        let count = ready.len().min(out.len());
        let (front, rest) = std::mem::take(out)
            .split_at_mut_checked(count)
            .unwrap_or_default();
        for (to, from) in front.iter_mut().zip(ready) {
            *to = *from;
        }
        self.cursor += count;
        *out = rest;
        count
    }
}
