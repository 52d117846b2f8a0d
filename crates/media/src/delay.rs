//! How long the jitter buffer should hold packets back: a histogram of how much later than the fastest they arrive.

use std::time::{Duration, Instant};

use crate::sample::duration_to_ticks;

/// Width of a bin of the histogram.
const BIN: Duration = Duration::from_millis(5);
/// Bins of the histogram; the last one takes all that is later.
const BINS: usize = 200;
/// Of so many packets in a hundred the delay is to be long enough.
const COVERED_PERCENT: u64 = 97;
/// When so many packets have been counted, all counts are halved: what was forgets itself in some ten seconds.
const FORGETTING_WEIGHT: u64 = 256;
/// For so long the fastest packet is the measure for the others; sender's and receiver's clocks may drift apart by
/// 200 ppm, so a measure older than this would be off by a millisecond.
const REFERENCE_AGE: Duration = Duration::from_secs(5);
/// Added to the measured lateness, for what the histogram has not seen.
const MARGIN: Duration = Duration::from_millis(5);

/// The shortest delay asked for, and the one a stream begins with.
pub(crate) const TARGET_MIN: Duration = Duration::from_millis(20);
/// The longest delay asked for; lateness beyond it is met by concealment.
pub(crate) const TARGET_MAX: Duration = Duration::from_secs(1);

/// Measures lateness and proposes a delay.
#[derive(Debug)]
pub(crate) struct DelayEstimator {
    epoch: Option<Instant>,
    /// Lowest transit time of the period at hand and of the one before, in ticks.
    lowest: i64,
    lowest_before: i64,
    period_began: i64,
    counts: [u64; BINS],
    total: u64,
}

impl DelayEstimator {
    /// Makes an estimator that has seen nothing.
    pub(crate) fn new() -> DelayEstimator {
        DelayEstimator {
            epoch: None,
            lowest: i64::MAX,
            lowest_before: i64::MAX,
            period_began: 0,
            counts: [0; BINS],
            total: 0,
        }
    }

    /// Takes the arrival of a packet; says how much later it is than the fastest one, in ticks.
    pub(crate) fn observe(&mut self, now: Instant, position: i64) -> i64 {
        let epoch = *self.epoch.get_or_insert(now);
        let arrival = duration_to_ticks(now.saturating_duration_since(epoch));
        let transit = arrival.saturating_sub(position);
        if arrival.saturating_sub(self.period_began) > duration_to_ticks(REFERENCE_AGE) {
            self.period_began = arrival;
            self.lowest_before = self.lowest;
            self.lowest = i64::MAX;
        }
        self.lowest = self.lowest.min(transit);
        let mut lateness = transit.saturating_sub(self.lowest.min(self.lowest_before)).max(0);
        if lateness > duration_to_ticks(TARGET_MAX) {
            // No jitter, but a network that stood still or a talker whose clock did: it is no measure for the others.
            self.begin_segment();
            self.lowest = transit;
            lateness = 0;
        }
        self.count(lateness);
        lateness
    }

    /// Forgets the fastest packet, since positions have been counted anew; keeps what is known of the jitter.
    pub(crate) fn begin_segment(&mut self) {
        self.lowest = i64::MAX;
        self.lowest_before = i64::MAX;
    }

    /// The delay that suits a sink which takes `quantum` ticks at a time, in ticks.
    pub(crate) fn target(&self, quantum: i64) -> i64 {
        let wanted = self.covered_lateness() + quantum + duration_to_ticks(MARGIN);
        wanted.clamp(duration_to_ticks(TARGET_MIN), duration_to_ticks(TARGET_MAX))
    }

    fn count(&mut self, lateness: i64) {
        let bin = usize::try_from(lateness / duration_to_ticks(BIN))
            .unwrap_or(usize::MAX)
            .min(BINS - 1);
        if let Some(count) = self.counts.get_mut(bin) {
            // Counted in sixteenths, so that halving does not wipe out the rare late packet at once.
            *count += 16;
            self.total += 16;
        }
        if self.total >= FORGETTING_WEIGHT * 16 {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    /// The upper edge of the bin below which the covered share of the packets lies.
    fn covered_lateness(&self) -> i64 {
        let wanted = self.total * COVERED_PERCENT / 100;
        let mut below = 0;
        let mut edge = Duration::ZERO;
        for count in &self.counts {
            if below >= wanted {
                break;
            }
            below += count;
            edge += BIN;
        }
        duration_to_ticks(edge)
    }
}
