//! The network between the zone and its stations: what becomes of each packet.
//!
//! ```text
//!   station ── address translator ── line (cut at times) ── weather (loss, delay, …) ── line of the zone ── zone
//! ```
//!
//! Datagrams are lost, late, out of order and doubled. A stream keeps its octets in order; what a line loses comes later,
//! and what is lost for longer than a system's patience ends the stream.

mod stream;
mod translator;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(crate) use stream::{Direction, End, StreamId, Streams};
pub(crate) use translator::Translators;

use crate::chance::{Chance, Purpose};
use crate::scenario::Weather;

/// Longest detour.
const DETOUR_MAX: Duration = Duration::from_millis(120);
/// Shortest time after which a system repeats what a stream has lost.
pub(crate) const REPEAT_MIN: Duration = Duration::from_millis(200);
/// Longest time for the first repetition.
const REPEAT_MAX: Duration = Duration::from_millis(400);
/// Time after which the shells' systems give up a stream whose octets are not acknowledged (`TCP_USER_TIMEOUT`).
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Time after which the shells give up an attempt to connect.
pub(crate) const DIAL_PATIENCE: Duration = Duration::from_secs(4);

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is lost.
    Lost(Loss),
    /// It arrives at these instants, with this sender's address.
    Arrives {
        from: SocketAddr,
        at: Vec<Instant>,
        /// It comes so late, or so often, that a listener may hear it.
        disturbed: bool,
    },
}

/// Why a datagram is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A line is cut.
    Cut,
    /// By the weather.
    Weather,
    /// It is sent to an address that leads nowhere from there.
    NoRoute,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network {
    chance: Chance,
    weather: Weather,
    /// Of a thousand questions to the DNS, those that fail.
    dns_permille: u16,
    pub(crate) translators: Translators,
    pub(crate) streams: Streams,
    /// Until when the lines of these hosts are cut.
    cut_until: BTreeMap<IpAddr, Instant>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed, Purpose::Network),
            weather: Weather::CALM,
            dns_permille: 0,
            translators: Translators::default(),
            streams: Streams::default(),
            cut_until: BTreeMap::new(),
        }
    }

    pub(crate) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Sets how many of a thousand questions to the DNS fail.
    pub(crate) fn set_dns(&mut self, permille: u16) {
        self.dns_permille = permille;
    }

    /// Cuts a host's line.
    pub(crate) fn cut(&mut self, host: IpAddr, until: Instant) {
        let known = self.cut_until.entry(host).or_insert(until);
        *known = (*known).max(until);
    }

    /// When the lines of both hosts are whole.
    fn whole_at(&self, one: IpAddr, other: IpAddr, now: Instant) -> Option<Instant> {
        [one, other]
            .iter()
            .filter_map(|host| self.cut_until.get(host))
            .copied()
            .filter(|until| *until > now)
            .max()
    }

    /// Sends a datagram of a station to the zone.
    pub(crate) fn send_out(&mut self, now: Instant, from: SocketAddr, to: SocketAddr) -> Fate {
        let outside = self.translators.outside_of(now, from);
        self.transport(now, from.ip(), to.ip(), outside)
    }

    /// Sends a datagram of the zone to what it takes for a station's address.
    pub(crate) fn send_in(&mut self, now: Instant, from: SocketAddr, to: SocketAddr) -> Fate {
        match self.translators.inside_of(now, to) {
            Some(inside) => self.transport(now, from.ip(), inside.ip(), from),
            None => Fate::Lost(Loss::NoRoute),
        }
    }

    fn transport(&mut self, now: Instant, one: IpAddr, other: IpAddr, from: SocketAddr) -> Fate {
        if self.whole_at(one, other, now).is_some() {
            return Fate::Lost(Loss::Cut);
        }
        if self.chance.happens(self.weather.loss_permille) {
            return Fate::Lost(Loss::Weather);
        }
        let doubled = self.chance.happens(self.weather.double_permille);
        let mut disturbed = false;
        let at = (0..=usize::from(doubled))
            .map(|_copy| {
                let mut transit = self.transit();
                if self.chance.happens(self.weather.detour_permille) {
                    disturbed = true;
                    transit += self.chance.duration(Duration::ZERO, DETOUR_MAX);
                }
                now + transit
            })
            .collect();
        Fate::Arrives { from, at, disturbed }
    }

    /// When octets that are sent on a stream arrive; `None` if that is beyond a system's patience.
    pub(crate) fn stream_arrival(&mut self, now: Instant, station: IpAddr, zone: IpAddr) -> Option<Instant> {
        let mut at = now + self.transit();
        if self.chance.happens(self.weather.loss_permille) {
            at += self.chance.duration(REPEAT_MIN, REPEAT_MAX);
        }
        if let Some(whole) = self.whole_at(station, zone, now) {
            // Repetitions come at growing distances, so the first one after the cut is late in proportion.
            let cut = whole - now;
            at = whole + self.chance.duration(REPEAT_MIN, REPEAT_MIN + cut / 2);
        }
        (at - now < PATIENCE).then_some(at)
    }

    /// A place at which a message on a stream is cut in two, if it is.
    pub(crate) fn cut_place(&mut self, length: usize) -> Option<usize> {
        if length > 1 && self.chance.happens(100) {
            Some(1 + self.chance.index(length - 1))
        } else {
            None
        }
    }

    /// The time in which a shell's other half answers: a socket opened by another thread, a report handed over.
    pub(crate) fn errand(&mut self) -> Duration {
        self.chance
            .duration(Duration::from_micros(20), Duration::from_millis(2))
    }

    /// The time a packet takes.
    pub(crate) fn transit(&mut self) -> Duration {
        self.weather.delay + self.chance.duration(Duration::ZERO, self.weather.jitter)
    }

    /// Whether a question to the DNS fails.
    pub(crate) fn dns_fails(&mut self) -> bool {
        self.chance.happens(self.dns_permille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_line_loses_datagrams_and_delays_streams_until_it_is_whole() {
        let now = Instant::now();
        let mut network = Network::new(1);
        let (inside, zone) = (address("198.18.0.1:5060"), address("192.0.2.1:5060"));
        network.cut(inside.ip(), now + Duration::from_secs(5));

        assert_eq!(network.send_out(now, inside, zone), Fate::Lost(Loss::Cut));
        let arrival = network.stream_arrival(now, inside.ip(), zone.ip());
        assert!(arrival.is_some_and(|at| at > now + Duration::from_secs(5)));
        let later = now + Duration::from_secs(5);
        assert!(matches!(
            network.send_out(later, inside, zone),
            Fate::Arrives { .. }
        ));
    }

    #[test]
    fn a_stream_does_not_survive_a_cut_longer_than_a_systems_patience() {
        let now = Instant::now();
        let mut network = Network::new(1);
        let (inside, zone) = (address("198.18.0.1:5060"), address("192.0.2.1:5060"));
        network.cut(inside.ip(), now + PATIENCE);

        assert_eq!(network.stream_arrival(now, inside.ip(), zone.ip()), None);
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }
}
