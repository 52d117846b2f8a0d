//! A network that loses, delays, reorders and repeats datagrams, the same way for the same seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// What the network does to datagrams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    /// Each datagram is late by up to so much more, evenly distributed; so they overtake one another.
    pub(crate) jitter: Duration,
    pub(crate) loss_percent: u32,
    pub(crate) duplicate_percent: u32,
}

impl Weather {
    pub(crate) const CALM: Weather = Weather {
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
        loss_percent: 0,
        duplicate_percent: 0,
    };
}

pub(crate) struct Network {
    pub(crate) weather: Weather,
    rng: ChaCha20Rng,
    // A datagram's number keeps those of the same time in order.
    waiting: BTreeMap<(Instant, u64), Vec<u8>>,
    number: u64,
    pub(crate) lost: u64,
    /// Until then nothing arrives; what was sent meanwhile arrives at once.
    pub(crate) closed_until: Option<Instant>,
}

impl Network {
    pub(crate) fn new(weather: Weather, seed: u8) -> Network {
        let rng = ChaCha20Rng::from_seed([seed; 32]);
        Network {
            weather,
            rng,
            waiting: BTreeMap::new(),
            number: 0,
            lost: 0,
            closed_until: None,
        }
    }

    pub(crate) fn send(&mut self, now: Instant, datagram: &[u8]) {
        if self.chance(self.weather.loss_percent) {
            self.lost += 1;
            return;
        }
        let copies = if self.chance(self.weather.duplicate_percent) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let jitter = self
                .weather
                .jitter
                .mul_f64(f64::from(self.rng.next_u32()) / f64::from(u32::MAX));
            let arrival = now + self.weather.delay + jitter;
            let arrival = self.closed_until.map_or(arrival, |opening| arrival.max(opening));
            self.number += 1;
            self.waiting.insert((arrival, self.number), datagram.to_vec());
        }
    }

    pub(crate) fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (&(arrival, _), _) = self.waiting.first_key_value()?;
        if arrival > now {
            None
        } else {
            self.waiting.pop_first().map(|(_, datagram)| datagram)
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }
}
