//! Takes out of what a microphone hears what the loudspeaker beside it plays.

use aec3::nodes::audio::AudioFormat;
use aec3::pipelines::linear::{self, LinearPipeline};

/// Frames a second that the canceller works in.
const FRAMES: u32 = 100;
/// Rates that it works at.
const RATES: [u32; 3] = [16_000, 32_000, 48_000];

/// Cancels the echo of one loudspeaker in one microphone. How long the sound is on its way it finds out itself.
pub struct EchoCanceller {
    pipeline: LinearPipeline,
    /// Samples that have been played and heard and do not fill a frame yet.
    played: Frames,
    heard: Frames,
    result: Vec<f32>,
}

/// Samples gathered into frames of 10 ms.
struct Frames {
    length: usize,
    samples: Vec<f32>,
}

impl EchoCanceller {
    /// Makes one that has heard nothing; `None` for a rate that it does not work at.
    #[must_use]
    pub fn new(rate: u32) -> Option<Self> {
        if !RATES.contains(&rate) {
            return None;
        }
        let format = AudioFormat::ten_ms(rate, 1);
        // The level of a room is its caller's to hear as it is, and noise is left where it is: only the echo goes.
        let pipeline = linear::builder(format, format)
            .enable_noise_suppression(false)
            .enable_gain_controller2(false)
            .build()
            .ok()?;
        let length = usize::try_from(rate / FRAMES).ok()?;
        Some(Self {
            pipeline,
            played: Frames::new(length),
            heard: Frames::new(length),
            result: vec![0.0; length],
        })
    }

    /// Takes what the loudspeaker is given to play.
    pub fn played(&mut self, samples: &[i16]) {
        let pipeline = &mut self.pipeline;
        self.played.gather(samples, |frame| {
            // A frame that is not taken is one that is not cancelled.
            let _is_taken = pipeline.handle_render_frame(frame).is_ok();
        });
    }

    /// Takes what the microphone has heard, and appends it without the echo to `clean`: as much as fills whole frames.
    pub fn heard(&mut self, samples: &[i16], clean: &mut Vec<i16>) {
        let (pipeline, result) = (&mut self.pipeline, &mut self.result);
        self.heard.gather(samples, |frame| {
            let is_made = pipeline.process_capture_frame(frame, result).unwrap_or(false);
            let made: &[f32] = if is_made { result } else { frame };
            clean.extend(made.iter().map(|sample| to_sample(*sample)));
        });
    }
}

impl Frames {
    fn new(length: usize) -> Self {
        Self {
            length,
            samples: Vec::new(),
        }
    }

    fn gather(&mut self, samples: &[i16], mut take: impl FnMut(&[f32])) {
        self.samples
            .extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
        let mut frames = self.samples.chunks_exact(self.length);
        for frame in &mut frames {
            take(frame);
        }
        let rest = frames.remainder().to_vec();
        self.samples = rest;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, and clipping is what is wanted"
)]
fn to_sample(value: f32) -> i16 {
    (value * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;
    const PERIOD: usize = 960;

    /// Noise in syllables, which a canceller can learn a room from.
    fn far_speech(seconds: usize) -> Vec<i16> {
        let mut state = 7_u32;
        let mut smooth = 0.0_f32;
        (0..48_000 * seconds)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 8) as f32 / 8_388_608.0 - 1.0;
                smooth += (noise - smooth) * 0.3;
                let syllable = (index as f32 / 48_000.0 * 25.0).sin().max(0.0);
                to_sample(smooth * syllable * 0.6)
            })
            .collect()
    }

    /// What a room makes of it: the sound on its way through the card and the air, and three of its walls.
    fn echo(played: &[i16]) -> Vec<i16> {
        let paths = [(5_760, 0.35), (6_240, 0.18), (7_300, -0.12), (9_100, 0.06)];
        (0..played.len())
            .map(|index| {
                let sum: f32 = paths
                    .iter()
                    .map(|(delay, gain)| {
                        let at = index.checked_sub(*delay).and_then(|at| played.get(at));
                        at.map_or(0.0, |sample| f32::from(*sample) * gain)
                    })
                    .sum();
                to_sample(sum / 32_768.0)
            })
            .collect()
    }

    fn power(samples: &[i16]) -> f64 {
        samples
            .iter()
            .map(|sample| f64::from(*sample).powi(2))
            .sum::<f64>()
            + 1.0
    }

    fn cancel(played: &[i16], heard: &[i16]) -> Vec<i16> {
        let mut canceller = EchoCanceller::new(RATE).unwrap();
        let mut clean = Vec::new();
        for (played, heard) in played.chunks(PERIOD).zip(heard.chunks(PERIOD)) {
            canceller.played(played);
            canceller.heard(heard, &mut clean);
        }
        clean
    }

    #[test]
    fn the_echo_of_the_loudspeaker_is_taken_out_within_seconds() {
        let played = far_speech(10);
        let heard = echo(&played);

        let clean = cancel(&played, &heard);

        for second in [1, 2, 4, 9] {
            let within = 48_000 * second..48_000 * (second + 1);
            let erle = 10.0 * (power(&heard[within.clone()]) / power(&clean[within])).log10();
            println!("echo return loss enhancement in second {second}: {erle:.1} dB");
            if second == 9 {
                assert!(erle > 20.0, "{erle} dB");
            }
        }
    }

    #[test]
    fn who_speaks_in_the_room_is_heard_while_the_loudspeaker_is_silent() {
        let said = far_speech(4);
        let silence = vec![0; said.len()];

        let clean = cancel(&silence, &said);

        let within = 48_000..clean.len();
        let change = 10.0 * (power(&clean[within.clone()]) / power(&said[within])).log10();
        assert!(change.abs() < 1.5, "{change} dB");
    }

    #[test]
    fn every_sample_comes_out_and_a_rate_that_is_not_known_is_refused() {
        let said = far_speech(1);
        let clean = cancel(&said, &said[..1_500]);
        assert_eq!(clean.len(), 1_440, "whole frames of 10 ms");
        assert!(EchoCanceller::new(44_100).is_none());
    }
}
