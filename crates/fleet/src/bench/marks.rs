//! Marks in what a talker says, and the same marks in what is heard: how long each has been on its way.

use std::time::{Duration, Instant};

use anyhow::Result;
use media::codec::{Codec, Encoder};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Packets in a second.
const PACKETS_PER_SECOND: usize = 50;
/// Packets without a mark before the first and after the last: whatever plays has begun, and has played all.
const LEAD: usize = 25;
const TAIL: usize = 15;
/// Packets from one mark to the next, at least, and as many more at most. No two stretches of a page are alike, so that marks
/// are told apart.
const GAP_MIN: usize = 5;
const GAP_MORE: u32 = 5;
/// A mark is this tone in one packet; it begins at its crest.
const TONE_HERTZ: f64 = 1_000.0;
const TONE_LEVEL: f64 = 16_000.0;
/// A sample that is a mark's and no noise.
const LOUD: u16 = 2_000;
/// Time after the beginning of a mark in which no other begins.
const MARK_MAX: Duration = Duration::from_millis(60);
/// Longest way of a mark.
const DELAY_MAX: Duration = Duration::from_secs(1);
/// How far a mark may be from where the one before says it is.
const TOLERANCE: Duration = Duration::from_millis(30);
/// Marks at the beginning that all others are laid out from.
const ANCHORS: usize = 8;

/// The numbers of the packets that are marks.
pub(crate) fn places(count: usize, seed: u8) -> Vec<usize> {
    let mut random = ChaCha20Rng::from_seed([seed; 32]);
    let mut place = LEAD;
    (0..count)
        .map(|_| {
            let mark = place;
            place += GAP_MIN + usize::try_from(random.next_u32() % GAP_MORE).unwrap_or(0);
            mark
        })
        .collect()
}

/// The packets of a page with marks in these places.
pub(crate) fn payloads(codec: Codec, places: &[usize]) -> Result<Vec<Vec<u8>>> {
    let rate = codec.sample_rate().hertz();
    let samples = usize::try_from(rate)? / PACKETS_PER_SECOND;
    let mark: Vec<i16> = (0u32..)
        .take(samples)
        .map(|index| {
            let turns = f64::from(index) * TONE_HERTZ / f64::from(rate);
            to_sample((turns * std::f64::consts::TAU).cos() * TONE_LEVEL)
        })
        .collect();
    let silence = vec![0; samples];
    let mut encoder = Encoder::new(codec)?;
    let mut payloads = Vec::new();
    for place in 0..places.last().map_or(0, |last| last + 1) + TAIL {
        let frame = if places.contains(&place) { &mark } else { &silence };
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload)?;
        payloads.push(payload);
    }
    Ok(payloads)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, and no mark is that loud"
)]
fn to_sample(value: f64) -> i16 {
    value as i16
}

/// When marks begin in pieces of sound, each with the time of its first sample.
pub(crate) fn onsets<'a>(pieces: impl IntoIterator<Item = (Instant, &'a [i16])>, rate: u32) -> Vec<Instant> {
    let mut found: Vec<Instant> = Vec::new();
    for (at, samples) in pieces {
        for (index, sample) in (0u32..).zip(samples) {
            if sample.unsigned_abs() < LOUD {
                continue;
            }
            let at = at + Duration::from_secs(1) * index / rate;
            let is_another = found.last().is_none_or(|last| at > *last + MARK_MAX);
            if is_another {
                found.push(at);
            }
        }
    }
    found
}

/// How long each mark that is heard was on its way, in the order in which they were spoken.
pub(crate) fn delays(spoken: &[Instant], heard: &[Instant]) -> Vec<Duration> {
    let found_after = |way: Duration| {
        let found = spoken.iter().filter_map(|at| nearest(heard, *at + way));
        found.count()
    };
    let candidates = spoken.iter().take(ANCHORS).flat_map(|at| {
        let ways = heard.iter().filter_map(|heard| heard.checked_duration_since(*at));
        ways.filter(|way| *way <= DELAY_MAX)
    });
    let Some(mut expected) = candidates.max_by_key(|way| found_after(*way)) else {
        return Vec::new();
    };
    let ways = spoken.iter().filter_map(|at| {
        expected = nearest(heard, *at + expected)?.checked_duration_since(*at)?;
        Some(expected)
    });
    ways.collect()
}

/// What was heard closest to a time, if it is close.
fn nearest(heard: &[Instant], wanted: Instant) -> Option<Instant> {
    let distance = |at: &Instant| {
        let later = at.saturating_duration_since(wanted);
        later + wanted.saturating_duration_since(*at)
    };
    let closest = heard.iter().min_by_key(|at| distance(at))?;
    (distance(closest) < TOLERANCE).then_some(*closest)
}

#[cfg(test)]
mod tests {
    use media::codec::Decoder;

    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    fn times(places: &[usize]) -> Vec<Instant> {
        let start = Instant::now();
        places
            .iter()
            .map(|place| start + PACKET * u32::try_from(*place).unwrap())
            .collect()
    }

    #[test]
    fn marks_are_found_in_what_is_decoded_where_they_were_spoken() {
        for codec in [Codec::Pcmu, Codec::G722] {
            let places = places(20, 1);
            let mut decoder = Decoder::new(codec).unwrap();
            let mut samples = Vec::new();
            for payload in payloads(codec, &places).unwrap() {
                decoder.decode(&payload, &mut samples).unwrap();
            }
            let start = Instant::now();

            let found = onsets([(start, &samples[..])], codec.sample_rate().hertz());

            assert_eq!(found.len(), places.len());
            for (found, place) in found.iter().zip(&places) {
                let late = *found - (start + PACKET * u32::try_from(*place).unwrap());
                assert!(late < Duration::from_millis(3), "{codec:?}: {late:?}");
            }
        }
    }

    #[test]
    fn marks_that_are_heard_late_find_their_own_and_lost_ones_are_left_out() {
        let spoken = times(&places(40, 2));
        let way = |number: usize| Duration::from_millis(280 + number as u64 % 7);
        let mut heard: Vec<Instant> = (0..).zip(&spoken).map(|(number, at)| *at + way(number)).collect();
        // The first was over before anything played, and one was lost later.
        heard.remove(20);
        heard.remove(0);

        let found = delays(&spoken, &heard);

        let expected: Vec<Duration> = (1..40).filter(|number| *number != 20).map(way).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_nobody_hears_has_no_delay() {
        assert!(delays(&times(&places(5, 3)), &[]).is_empty());
        assert!(delays(&[], &times(&places(5, 3))).is_empty());
    }
}
