//! Takes out of what a microphone hears what the loudspeaker beside it plays.

use aec3::api::config::{EchoCanceller3Config, MaskingThresholds};
use aec3::nodes::audio::AudioFormat;
use aec3::pipelines::linear::{self, LinearPipeline};

/// Frames a second that the canceller works in.
const FRAMES: u32 = 100;
/// Rates that it works at.
const RATES: [u32; 3] = [16_000, 32_000, 48_000];
/// Length of the echo that is learnt, in blocks of 4 ms.
const FILTER_BLOCKS: usize = 30;
/// The most that learning may be taken to leave of an echo's power less, below and above 2 kHz.
const ENHANCEMENT_MAX_LOW: f32 = 100.0;
const ENHANCEMENT_MAX_HIGH: f32 = 50.0;

/// Somebody speaks in the room as soon as what is left of the echo has less than this share of the power that is heard. By default a
/// quarter: beside an echo as loud as the voice, nobody.
const NEAR_END_ECHO_SHARE: f32 = 0.5;
/// And as soon as what is heard has so many times the power of the noise. By default 30, which a voice at the other end of a room has not.
const NEAR_END_NOISE_TIMES: f32 = 20.0;
/// And for so many blocks of 4 ms. By default 12: the first syllable would go with the echo.
const NEAR_END_BLOCKS: usize = 6;
/// While somebody speaks: of what is left of the echo, how many times the power of the voice passes whole, and how many times is taken out.
/// Low frequencies carry the voice, which covers as loud an echo; of high ones the ear hears the echo beside it sooner. By default 1.09 and
/// 1.1, 0.1 and 0.3.
const LOW_PASSES: f32 = 2.0;
const LOW_TAKEN_OUT: f32 = 3.0;
const HIGH_PASSES: f32 = 0.5;
const HIGH_TAKEN_OUT: f32 = 1.0;

/// Cancels the echo of one loudspeaker in one microphone. How long the sound is on its way it finds out itself.
pub struct EchoCanceller {
    pipeline: LinearPipeline,
    /// Samples that have been played and heard and do not fill a frame yet.
    played: Frames,
    heard: Frames,
    result: Vec<f32>,
}

/// What suits a loudspeaker in a room, where the defaults suit a telephone held to the ear: they take whoever speaks in the room for the
/// rest of an echo as soon as the loudspeaker speaks too.
fn tuning() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    let filter = &mut config.filter;
    for main in [&mut filter.main, &mut filter.main_initial] {
        main.length_blocks = FILTER_BLOCKS;
    }
    for shadow in [&mut filter.shadow, &mut filter.shadow_initial] {
        shadow.length_blocks = FILTER_BLOCKS;
    }
    // What is left of the echo is taken for as little as is measured; by default, for a quarter of it at least.
    config.erle.max_l = ENHANCEMENT_MAX_LOW;
    config.erle.max_h = ENHANCEMENT_MAX_HIGH;
    // Somebody in the room is noticed sooner and beside a louder echo, and then less of the voice goes with what is left of the echo.
    let nearend = &mut config.suppressor.dominant_nearend_detection;
    nearend.enr_threshold = NEAR_END_ECHO_SHARE;
    nearend.snr_threshold = NEAR_END_NOISE_TIMES;
    nearend.trigger_threshold = NEAR_END_BLOCKS;
    let tuning = &mut config.suppressor.nearend_tuning;
    tuning.mask_lf = MaskingThresholds::new(LOW_PASSES, LOW_TAKEN_OUT, tuning.mask_lf.emr_transparent);
    tuning.mask_hf = MaskingThresholds::new(HIGH_PASSES, HIGH_TAKEN_OUT, tuning.mask_hf.emr_transparent);
    config
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
            .aec3_config(tuning())
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
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::{Sound, compare};

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

    /// A man who reads the program's page, from a place of it on; slower and deeper by a factor.
    fn voice(slower_percent: u32, from: usize, seconds: usize) -> Vec<i16> {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oyez/assets/page.wav");
        let page = Sound::open(&page, RATE / 100 * slower_percent).unwrap().samples;
        let read = page.iter().cycle().skip(from);
        read.take(48_000 * seconds).copied().collect()
    }

    /// A room that sounds on: the direct sound, two walls, and what dies away by 60 dB in 300 ms.
    struct Room(Vec<(usize, f32)>);

    impl Room {
        fn new() -> Self {
            let mut state = 11_u32;
            let mut paths = vec![(5_760, 0.5), (6_240, 0.25), (7_300, -0.175)];
            for number in 0_u8..60 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let sign = if state & 0x8000_0000 == 0 { 0.15 } else { -0.15 };
                let after = usize::from(number) * 150;
                let level = 10_f32.powf(-f32::from(number) * 150.0 / 14_400.0 * 3.0);
                paths.push((7_000 + after + (state >> 24) as usize, sign * level));
            }
            Self(paths)
        }

        /// The sample that a microphone hears in the place of one that is played.
        fn heard(&self, played: &[i16], index: usize) -> i16 {
            let paths = self.0.iter().map(|(delay, gain)| {
                let at = index.checked_sub(*delay).and_then(|at| played.get(at));
                at.map_or(0.0, |sample| f32::from(*sample) * gain)
            });
            to_sample(paths.sum::<f32>() / 32_768.0)
        }
    }

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a voice of a chosen level, and a place in seconds, are both in range"
    )]
    fn who_speaks_in_the_room_is_understood_while_the_loudspeaker_speaks() {
        const SECONDS: usize = 13;
        const ALONE: usize = 48_000 * 6;
        const LAG: Duration = Duration::from_millis(20);
        let (played, room) = (voice(100, 0, SECONDS), Room::new());
        let echo: Vec<i16> = (0..played.len())
            .map(|index| room.heard(&played, index))
            .collect();
        let clean = cancel(&played, &echo);
        for second in 1..SECONDS {
            let within = 48_000 * second..48_000 * (second + 1);
            let erle = 10.0 * (power(&echo[within.clone()]) / power(&clean[within])).log10();
            println!("nobody speaks: echo return loss enhancement in second {second}: {erle:.1} dB");
            assert!(erle > 20.0, "{erle} dB");
        }

        let voice = voice(115, 200_000, SECONDS);
        for (beside_echo_db, floor) in [(0.0, 0.85), (-6.0, 0.8)] {
            let scale = (power(&echo) / power(&voice)).sqrt() * 10_f64.powf(beside_echo_db / 20.0);
            let mut said: Vec<i16> = voice
                .iter()
                .map(|sample| (f64::from(*sample) * scale) as i16)
                .collect();
            said[..ALONE].fill(0);
            let both: Vec<i16> = said
                .iter()
                .zip(&echo)
                .map(|(said, echo)| said.saturating_add(*echo))
                .collect();

            let clean = cancel(&played, &both);

            let from = ALONE - 4_800;
            let found = compare((&said[ALONE..], RATE), (&clean[from..], RATE), LAG).unwrap();
            let at = from + (found.begins_at * 48_000.0) as usize;
            let [before, after] = [&both[ALONE..], &clean[at..]]
                .map(|heard| peers::stoi((&said[ALONE..], RATE), (heard, RATE)).unwrap());
            println!(
                "both speak, the room by {beside_echo_db} dB beside the echo: {found}, STOI {after:.3} (with the echo {before:.3})"
            );
            assert!(found.median() > floor && after > before, "{found:?}");
        }
    }

    /// What a loudspeaker plays for a far end that says something, and gives back louder what it gets of the room.
    fn loudspeaker_in_a_loop(said: &[i16], mut canceller: Option<EchoCanceller>) -> Vec<i16> {
        const WAY: usize = 7_200;
        const FAR_GAIN: f32 = 3.0;
        let room = Room::new();
        let (mut played, mut clean) = (Vec::new(), Vec::new());
        for period in said.chunks_exact(PERIOD) {
            let begin = played.len();
            for (index, sample) in (begin..).zip(period) {
                let back = index.checked_sub(WAY).and_then(|at| clean.get(at));
                let back = back.map_or(0.0, |sample: &i16| f32::from(*sample) * FAR_GAIN);
                played.push(to_sample((f32::from(*sample) + back) / 32_768.0));
            }
            let heard: Vec<i16> = (begin..played.len())
                .map(|index| room.heard(&played, index))
                .collect();
            match &mut canceller {
                Some(canceller) => {
                    canceller.played(&played[begin..]);
                    canceller.heard(&heard, &mut clean);
                }
                None => clean.extend(heard),
            }
        }
        played
    }

    #[test]
    fn m06_a_loop_of_loudspeaker_and_microphone_does_not_howl() {
        let said = [voice(100, 0, 3), vec![0; 48_000 * 6]].concat();
        let howling = loudspeaker_in_a_loop(&said, None);
        let played = loudspeaker_in_a_loop(&said, EchoCanceller::new(RATE));

        let level = |samples: &[i16], second: usize| {
            let within = 48_000 * second..48_000 * (second + 1);
            10.0 * (power(&samples[within]) / power(&said[..48_000])).log10()
        };
        for second in 3..9 {
            let [with, without] = [&played, &howling].map(|samples| level(samples, second));
            println!("in a loop, second {second}: {with:+.1} dB, without a canceller {without:+.1} dB");
        }
        assert!(level(&howling, 8) > 0.0, "it is a loop");
        assert!(level(&played, 8) < -30.0, "{} dB", level(&played, 8));
    }

    #[test]
    fn every_sample_comes_out_and_a_rate_that_is_not_known_is_refused() {
        let said = far_speech(1);
        let clean = cancel(&said, &said[..1_500]);
        assert_eq!(clean.len(), 1_440, "whole frames of 10 ms");
        assert!(EchoCanceller::new(44_100).is_none());
    }
}
