//! What has happened: a hash of everything, and the last of it in words.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::station::StationId;

/// Lines kept of the whole run.
const TAIL_LINES: usize = 40;
/// Lines kept of each station.
const STATION_LINES: usize = 40;
/// Start of a hash and factor of each step (FNV-1a, 64 bits).
const HASH_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Takes each line as it is written.
pub(crate) type Echo<'a> = Option<&'a mut dyn FnMut(&str)>;

/// The trace of a run.
pub(crate) struct Trace<'a> {
    hash: u64,
    tail: VecDeque<String>,
    tail_by_station: BTreeMap<StationId, VecDeque<String>>,
    echo: Echo<'a>,
}

impl<'a> Trace<'a> {
    pub(crate) fn new(echo: Echo<'a>) -> Self {
        Self {
            hash: HASH_BASIS,
            tail: VecDeque::new(),
            tail_by_station: BTreeMap::new(),
            echo,
        }
    }

    /// Notes something in words. `about` is the station it concerns, if it concerns one.
    pub(crate) fn note(&mut self, at: Duration, about: Option<StationId>, what: fmt::Arguments<'_>) {
        let line = format!("{:>11.6} {what}", at.as_secs_f64());
        self.mix(line.as_bytes());
        if let Some(echo) = &mut self.echo {
            echo(&line);
        }
        if let Some(station) = about {
            let tail = self.tail_by_station.entry(station).or_default();
            keep(tail, line.clone(), STATION_LINES);
        }
        keep(&mut self.tail, line, TAIL_LINES);
    }

    /// Notes a packet in the hash only: there are too many for words.
    pub(crate) fn packet(&mut self, at: Duration, bytes: &[u8]) {
        self.mix(&at.as_nanos().to_le_bytes());
        self.mix(bytes);
    }

    /// The hash of everything noted so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines, about one station where one is given.
    pub(crate) fn tail(&self, about: Option<StationId>) -> Vec<String> {
        let of_station = about.and_then(|station| self.tail_by_station.get(&station));
        of_station.unwrap_or(&self.tail).iter().cloned().collect()
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(HASH_PRIME);
        }
    }
}

fn keep(tail: &mut VecDeque<String>, line: String, most: usize) {
    if tail.len() >= most {
        tail.pop_front();
    }
    tail.push_back(line);
}

/// What a message is, in a few words.
pub(crate) struct Summary<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(self.0).unwrap_or("(octets)");
        if text.trim().is_empty() {
            return formatter.write_str("(line breaks)");
        }
        let mut lines = text.lines();
        let start = lines.next().unwrap_or_default();
        let sequence = lines.find_map(|line| line.strip_prefix("CSeq: "));
        write!(formatter, "{start} [{}]", sequence.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_tells_traces_apart_and_the_tail_keeps_the_last_lines() {
        let (mut one, mut other) = (Trace::new(None), Trace::new(None));
        for number in 0..=TAIL_LINES {
            one.note(Duration::ZERO, None, format_args!("line {number}"));
            other.note(Duration::from_nanos(1), None, format_args!("line {number}"));
        }

        assert_eq!(one.hash(), other.hash(), "times are shown to the microsecond");
        assert_eq!(one.tail(None).len(), TAIL_LINES);
        other.packet(Duration::ZERO, &[1]);
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn a_station_has_a_tail_of_its_own() {
        let mut trace = Trace::new(None);
        trace.note(Duration::ZERO, Some(StationId(1)), format_args!("mine"));
        trace.note(Duration::ZERO, None, format_args!("the world's"));

        assert_eq!(trace.tail(Some(StationId(1))).len(), 1);
        assert_eq!(trace.tail(None).len(), 2);
    }
}
