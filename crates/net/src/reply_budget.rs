//! A budget of bytes per source for answers to datagrams from strangers.
//!
//! The source of a datagram can be forged, so an answer to someone not yet authenticated may hit a victim. The
//! budget bounds how much can be aimed at one source, whatever is sent to us in its name. Whoever has shown who it is has a
//! larger budget of its own, so that what strangers send in its name does not keep the answers from it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sip::flow::Source;

/// Bytes that one source may be sent at once: about forty challenges, enough for a whole site's phones behind
/// one address to begin.
pub const BURST_BYTES: u64 = 32 * 1024;
/// Bytes per second that one source may be sent in the long run.
pub const BYTES_PER_SECOND: u64 = 8 * 1024;
/// Bytes that one source whose peers have shown who they are may be sent at once: a thousand answers with descriptions.
pub const KNOWN_BURST_BYTES: u64 = 1024 * 1024;
/// Bytes per second that such a source may be sent in the long run.
pub const KNOWN_BYTES_PER_SECOND: u64 = 256 * 1024;
/// Sources remembered at most, each in about 100 bytes. Beyond it the one that was silent longest is forgotten.
pub const SOURCES_MAX: usize = 16_384;

/// The budget; pure, the time is an argument.
#[derive(Debug)]
pub struct ReplyBudget {
    burst_bytes: u64,
    bytes_per_second: u64,
    sources_max: usize,
    bucket_by_source: HashMap<Source, Bucket>,
    /// The sources in the order of their last use, for eviction without a scan.
    source_by_use: BTreeMap<u64, Source>,
    uses: u64,
}

#[derive(Debug)]
struct Bucket {
    bytes: u64,
    filled: Instant,
    last_use: u64,
}

impl Default for ReplyBudget {
    fn default() -> Self {
        Self::new(BURST_BYTES, BYTES_PER_SECOND, SOURCES_MAX)
    }
}

impl ReplyBudget {
    /// The budget of peers that have shown who they are.
    #[must_use]
    pub fn for_known() -> Self {
        Self::new(KNOWN_BURST_BYTES, KNOWN_BYTES_PER_SECOND, SOURCES_MAX)
    }

    /// A budget of other sizes than the constants'.
    #[must_use]
    pub fn new(burst_bytes: u64, bytes_per_second: u64, sources_max: usize) -> Self {
        Self {
            burst_bytes,
            bytes_per_second,
            sources_max: sources_max.max(1),
            bucket_by_source: HashMap::new(),
            source_by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    /// Takes the bytes of one answer to `source`; false means that it must not be sent. An answer is sent
    /// whole or not at all.
    pub fn take(&mut self, now: Instant, source: IpAddr, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.uses += 1;
        let last_use = self.uses;
        let source = Source::of(source);
        let (burst_bytes, bytes_per_second) = (self.burst_bytes, self.bytes_per_second);
        if !self.bucket_by_source.contains_key(&source) {
            self.make_room();
        }
        let bucket = self.bucket_by_source.entry(source).or_insert(Bucket {
            bytes: burst_bytes,
            filled: now,
            last_use,
        });
        self.source_by_use.remove(&bucket.last_use);
        self.source_by_use.insert(last_use, source);
        bucket.last_use = last_use;
        bucket.fill(now, burst_bytes, bytes_per_second);
        match bucket.bytes.checked_sub(bytes) {
            Some(left) => {
                bucket.bytes = left;
                true
            }
            None => false,
        }
    }

    /// Adds the bytes of a datagram that `source` sent: an answer no longer than its question amplifies nothing.
    pub fn earn(&mut self, source: IpAddr, bytes: usize) {
        if let Some(bucket) = self.bucket_by_source.get_mut(&Source::of(source)) {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            bucket.bytes = bucket.bytes.saturating_add(bytes).min(self.burst_bytes);
        }
    }

    /// How many sources are remembered.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.bucket_by_source.len()
    }

    fn make_room(&mut self) {
        while self.bucket_by_source.len() >= self.sources_max {
            let Some((_, oldest)) = self.source_by_use.pop_first() else {
                return;
            };
            self.bucket_by_source.remove(&oldest);
        }
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant, burst_bytes: u64, bytes_per_second: u64) {
        let Some(pause_per_byte) = Duration::from_secs(1)
            .as_nanos()
            .checked_div(u128::from(bytes_per_second))
        else {
            return;
        };
        let elapsed = now.saturating_duration_since(self.filled);
        let earned = elapsed.as_nanos().checked_div(pause_per_byte).unwrap_or_default();
        if earned > 0 {
            let earned = u64::try_from(earned).unwrap_or(u64::MAX);
            self.bytes = self.bytes.saturating_add(earned).min(burst_bytes);
            self.filled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u16) -> IpAddr {
        let [high, low] = last.to_be_bytes();
        IpAddr::from([198, 51, high, low])
    }

    #[test]
    fn a09_questions_pay_for_answers_of_their_length_and_no_more_than_the_burst_is_saved() {
        let now = Instant::now();
        let mut budget = ReplyBudget::new(100, 1, 4);
        assert!(budget.take(now, source(1), 100));
        budget.earn(source(1), 60);
        assert!(budget.take(now, source(1), 60) && !budget.take(now, source(1), 1));
        budget.earn(source(1), 1_000);
        assert!(budget.take(now, source(1), 100) && !budget.take(now, source(1), 1));
    }

    #[test]
    fn a09_a_source_gets_its_burst_and_not_one_byte_more() {
        let now = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 10);

        assert!(budget.take(now, source(1), 600));
        assert!(budget.take(now, source(1), 400));
        assert!(!budget.take(now, source(1), 1));
    }

    #[test]
    fn a09_one_source_does_not_use_up_the_budget_of_another() {
        let now = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 10);
        assert!(budget.take(now, source(1), 1_000));

        assert!(budget.take(now, source(2), 1_000));
    }

    #[test]
    fn a09_the_budget_comes_back_with_time_and_only_up_to_the_burst() {
        let start = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 10);
        assert!(budget.take(start, source(1), 1_000));

        assert!(!budget.take(start + Duration::from_secs(2), source(1), 201));
        assert!(budget.take(start + Duration::from_secs(2), source(1), 200));
        assert!(!budget.take(start + Duration::from_secs(3_600), source(1), 1_001));
        assert!(budget.take(start + Duration::from_secs(3_600), source(1), 1_000));
    }

    #[test]
    fn frequent_asking_does_not_lose_what_time_earns() {
        let start = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 10);
        assert!(budget.take(start, source(1), 1_000));

        for millisecond in 0..10_u64 {
            assert!(!budget.take(start + Duration::from_millis(millisecond), source(1), 1));
        }

        assert!(budget.take(start + Duration::from_millis(10), source(1), 1));
    }

    #[test]
    fn the_table_holds_its_limit_and_forgets_the_longest_silent_source() {
        let now = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 3);
        for last in 1..=3 {
            assert!(budget.take(now, source(last), 1_000));
        }
        assert!(!budget.take(now, source(1), 1));

        assert!(budget.take(now, source(4), 1_000));

        assert_eq!(budget.sources(), 3);
        assert!(
            !budget.take(now, source(1), 1),
            "used more recently than the second"
        );
        assert!(budget.take(now, source(2), 1_000), "forgotten");
    }

    #[test]
    fn a09_the_addresses_of_one_ipv6_subscriber_share_a_budget() {
        let now = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 3);
        assert!(budget.take(now, "2001:db8::1".parse().unwrap(), 1_000));

        assert!(!budget.take(now, "2001:db8::2".parse().unwrap(), 1));
        assert!(budget.take(now, "2001:db8:0:1::1".parse().unwrap(), 1_000));
    }

    #[test]
    fn an_ipv4_source_is_the_same_in_either_notation() {
        let now = Instant::now();
        let mut budget = ReplyBudget::new(1_000, 100, 3);
        assert!(budget.take(now, "192.0.2.1".parse().unwrap(), 1_000));

        assert!(!budget.take(now, "::ffff:192.0.2.1".parse().unwrap(), 1));
    }
}
