//! How long the jitter buffer should hold packets back: a histogram of how much later than the fastest they
//! arrive.

use std::time::{Duration, Instant};

use crate::sample::duration_to_ticks;

/// Width of a bin of the histogram.
const BIN: Duration = Duration::from_millis(5);
/// Bins of the histogram; the last one takes all that is later.
const BINS: usize = 200;
/// Of so many packets in a hundred the delay is to be long enough.
const COVERED_PERCENT: u64 = 97;
/// When so many packets have been counted, all counts are halved: what was forgets itself in some ten
/// seconds.
const FORGETTING_WEIGHT: u64 = 256;
/// For so long the fastest packet is the measure for the others; sender's and receiver's clocks may drift
/// apart by 200 ppm, so a measure older than this would be off by a millisecond.
const REFERENCE_AGE: Duration = Duration::from_secs(5);
/// Added to the measured lateness, for what the histogram has not seen.
const MARGIN: Duration = Duration::from_millis(5);

/// Asked for while little is known of the line, so that the first words do not find the buffer empty.
const TARGET_BEGIN: Duration = Duration::from_millis(40);
/// So many packets are known little of: a second of sound.
const BEGIN_PACKETS: u64 = 50;
/// The shortest delay asked for.
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
            // No jitter, but a network that stood still or a talker whose clock did: it is no measure for the
            // others.
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
        let least = if self.total < BEGIN_PACKETS * 16 {
            TARGET_BEGIN
        } else {
            TARGET_MIN
        };
        wanted.clamp(duration_to_ticks(least), duration_to_ticks(TARGET_MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn packets_in_step_ask_for_the_shortest_delay() {
        let mut line = Line::new();
        line.run(500, |_| 0);
        assert_eq!(line.target_ms(), 20);
    }

    #[test]
    fn the_first_second_asks_for_two_packets() {
        let mut line = Line::new();
        line.run(BEGIN_PACKETS - 1, |_| 0);
        assert_eq!(line.target_ms(), 40);
        line.run(1, |_| 0);
        assert_eq!(line.target_ms(), 20);
    }

    #[test]
    fn the_sinks_quantum_is_added() {
        let mut line = Line::new();
        line.run(500, |_| 0);
        assert_eq!(line.estimator.target(ticks(40)), ticks(50));
    }

    #[test]
    fn jitter_is_covered_and_forgotten_within_half_a_minute() {
        let mut line = Line::new();
        line.run(500, |number| number * 7 % 60);
        assert!((70..=75).contains(&line.target_ms()), "{} ms", line.target_ms());
        line.run(1_500, |_| 0);
        assert_eq!(line.target_ms(), 20);
    }

    #[test]
    fn one_late_packet_in_a_hundred_does_not_raise_the_delay() {
        let mut line = Line::new();
        line.run(1_000, |number| if number % 100 == 50 { 80 } else { 0 });
        assert_eq!(line.target_ms(), 20);
    }

    #[test]
    fn a_burst_is_not_late() {
        let mut line = Line::new();
        let now = line.now;
        for number in 0..100 {
            assert_eq!(line.estimator.observe(now, number * ticks(20)), 0);
        }
        assert_eq!(line.target_ms(), 20);
    }

    #[test]
    fn clocks_that_drift_apart_do_not_raise_the_delay() {
        let mut line = Line::new();
        // A millisecond every 5 s is 200 ppm.
        line.run(50_000, |number| number / 250);
        assert!(line.target_ms() <= 25, "{} ms", line.target_ms());
    }

    #[test]
    fn a_network_that_stood_still_is_no_jitter() {
        let mut line = Line::new();
        line.run(500, |_| 0);
        line.run(10, |number| 1_500 - number * 20);
        line.run(10, |_| 1_300);
        assert_eq!(line.target_ms(), 20);
    }

    #[test]
    fn the_delay_asked_for_has_an_upper_limit() {
        let mut line = Line::new();
        line.run(500, |number| if number % 2 == 0 { 0 } else { 1_000 });
        assert_eq!(line.estimator.target(0), duration_to_ticks(TARGET_MAX));
    }

    struct Line {
        now: Instant,
        position: i64,
        estimator: DelayEstimator,
    }

    impl Line {
        fn new() -> Line {
            Line {
                now: Instant::now(),
                position: 0,
                estimator: DelayEstimator::new(),
            }
        }

        /// Lets packets arrive, each so many milliseconds late.
        fn run(&mut self, packets: u64, late_ms: impl Fn(u64) -> u64) {
            for number in 0..packets {
                self.estimator
                    .observe(self.now + Duration::from_millis(late_ms(number)), self.position);
                self.now += FRAME;
                self.position += ticks(20);
            }
        }

        fn target_ms(&self) -> i64 {
            self.estimator.target(ticks(10)) / ticks(1)
        }
    }

    fn ticks(milliseconds: u64) -> i64 {
        duration_to_ticks(Duration::from_millis(milliseconds))
    }
}
