//! Everything random of a run, drawn from its seed.

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// What a sequence of draws is for. Each has a sequence of its own, so that one more draw for the network does not change
/// the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who takes part and how each is set up.
    Site,
    /// What happens when.
    Plan,
    /// The fate of each packet.
    Network,
    /// The seeds of cores.
    Cores,
}

/// A sequence of draws.
#[derive(Debug)]
pub(crate) struct Chance(ChaCha20Rng);

impl Chance {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(match purpose {
            Purpose::Site => 1,
            Purpose::Plan => 2,
            Purpose::Network => 3,
            Purpose::Cores => 4,
        });
        Self(rng)
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The modulus prefers small numbers by less than one in a billion for the bounds of a simulation.
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// An index below `length`; 0 where `length` is 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(length)).unwrap_or(0)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub(crate) fn happens(&mut self, permille: u16) -> bool {
        self.below(1_000) < u64::from(permille)
    }

    /// A duration of at least `from` and less than `to`, to the microsecond.
    pub(crate) fn duration(&mut self, from: Duration, to: Duration) -> Duration {
        let span = to.saturating_sub(from).as_micros();
        from + Duration::from_micros(self.below(u64::try_from(span).unwrap_or(u64::MAX)))
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.index(from.len())).copied()
    }

    /// The sequence itself, for who draws by himself.
    pub(crate) fn rng(&mut self) -> &mut impl Rng {
        &mut self.0
    }

    /// The seed of a core.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_its_own_sequence_and_repeats_it() {
        let draw = |purpose| Chance::new(7, purpose).below(u64::MAX);

        assert_eq!(draw(Purpose::Plan), draw(Purpose::Plan));
        assert_ne!(draw(Purpose::Plan), draw(Purpose::Network));
    }

    #[test]
    fn what_happens_a_thousand_times_in_a_thousand_always_happens_and_zero_never() {
        let mut chance = Chance::new(1, Purpose::Site);

        assert!((0..1_000).all(|_| chance.happens(1_000) && !chance.happens(0)));
    }

    #[test]
    fn durations_stay_within_their_bounds() {
        let mut chance = Chance::new(1, Purpose::Site);
        let (from, to) = (Duration::from_millis(3), Duration::from_millis(5));

        assert!((0..1_000).all(|_| (from..to).contains(&chance.duration(from, to))));
        assert_eq!(chance.duration(from, from), from);
    }
}
