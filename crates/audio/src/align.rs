//! A recording put under the speech that it is of, part by part.

use std::time::Duration;

use crate::{Sound, compare};

/// Samples a second of aligned sound.
pub const ALIGNED_RATE: u32 = 16_000;
/// Samples of a part that is looked for by itself, and how far around its place: 500 and 100 ms.
const PART: usize = 8_000;
const PLAY: usize = 1_600;
/// Furthest that a window of a comparison may be from its place.
const LAG_MAX: Duration = Duration::from_millis(20);

/// The samples of `recording` that lie under those of `speech`, both at [`ALIGNED_RATE`], where the speech begins after `begins_at` seconds
/// of the recording. A loudspeaker follows the network by longer and shorter pauses, which nobody hears and a measure of
/// intelligibility takes for distortion; so each part of the speech is looked for around its place.
pub fn aligned(speech: &Sound, recording: Sound, begins_at: f64) -> Vec<i16> {
    let speech = speech.clone().at_rate(ALIGNED_RATE);
    let mut recording = recording.at_rate(ALIGNED_RATE).samples;
    // Where the next part begins if nothing moves.
    let mut place = samples_in(begins_at);
    recording.resize(
        (place + speech.samples.len() + PART + PLAY).max(recording.len()),
        0,
    );
    let mut aligned = Vec::with_capacity(speech.samples.len());
    for part in speech.samples.chunks(PART) {
        let around = place.saturating_sub(PLAY);
        let near = recording.get(around..place + PART + PLAY).unwrap_or_default();
        // A pause, or a part too short to be looked for, lies where the one before it ends.
        if let Some(found) = compare((part, ALIGNED_RATE), (near, ALIGNED_RATE), LAG_MAX) {
            place = around + samples_in(found.begins_at).min(2 * PLAY);
        }
        let end = (place + part.len()).min(recording.len());
        aligned.extend(recording.get(place..end).unwrap_or_default());
        place += part.len();
    }
    aligned
}

/// Samples in so many seconds at the rate of aligned sound.
fn samples_in(seconds: f64) -> usize {
    let micros = Duration::from_secs_f64(seconds.max(0.0)).as_micros();
    usize::try_from(micros * u128::from(ALIGNED_RATE) / 1_000_000).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_moved_apart_lie_where_they_were_spoken() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../oyez/assets/page.wav");
        let speech = Sound::open(&page, ALIGNED_RATE).unwrap();
        let (before, after) = speech.samples.split_at(3 * PART);
        let pause = [0; 640];
        let moved = Sound {
            samples: [&[0; 4_000], before, &pause, after].concat(),
            rate: ALIGNED_RATE,
        };

        let found = aligned(&speech, moved, 0.25);

        let parts = speech.samples.chunks(PART).zip(found.chunks(PART));
        let different = parts.filter(|(spoken, found)| spoken != found).count();
        assert_eq!((found.len(), different), (speech.samples.len(), 0));
    }
}
