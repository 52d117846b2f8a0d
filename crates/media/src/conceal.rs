//! Concealment of lost G.711 packets in the manner of its Appendix I: the last pitch periods are repeated and
//! fade.
//!
//! Unlike the appendix, nothing is delayed while packets arrive: the step between what was heard and what is
//! repeated is bent smooth instead of being overlapped. So a stream without loss passes untouched, from its
//! first sample.

use crate::sample::{SampleRate, to_float, to_sample};

/// Range of pitch periods that are looked for, in tenths of a millisecond: voices of 67 to 200 Hz.
const PITCH_TENTHS_MIN: usize = 50;
const PITCH_TENTHS_MAX: usize = 150;
/// How much of the past must resemble itself one period earlier, in tenths of a millisecond.
const TEMPLATE_TENTHS: usize = 200;
/// After so long a single repeated period would begin to buzz, so three are repeated in turn, and the fade
/// begins.
const SINGLE_PERIOD_TENTHS: usize = 100;
/// At this age the concealed sound has faded to silence.
const FADED_TENTHS: usize = 600;
/// Length of the crossfade back into received sound.
const RETURN_TENTHS: usize = 40;
/// Periods that are repeated in turn once one has become too few.
const PERIODS: usize = 3;

/// Extrapolates one stream of samples over its gaps.
#[derive(Debug)]
pub struct Concealer {
    lengths: Lengths,
    // The newest samples heard, oldest first; always `lengths.history` long.
    history: Vec<f32>,
    // Sound to be repeated: empty between gaps.
    cycle: Vec<f32>,
    cursor: usize,
    period: usize,
    /// Step between the last sample heard and the first repeated one.
    step: f32,
    /// Samples concealed since the last one heard.
    age: usize,
}

/// The constants above in samples of the stream's rate.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    pitch_min: usize,
    pitch_max: usize,
    template: usize,
    single: usize,
    faded: usize,
    crossfade: usize,
}

impl Concealer {
    /// Makes a concealer for a stream that has been silent so far.
    pub fn new(rate: SampleRate) -> Concealer {
        let per_millisecond = usize::try_from(rate.hertz() / 1_000).unwrap_or(8);
        let samples = |tenths: usize| tenths * per_millisecond / 10;
        let pitch_max = samples(PITCH_TENTHS_MAX);
        let history = pitch_max * PERIODS + pitch_max / 4 + 1;
        let lengths = Lengths {
            pitch_min: samples(PITCH_TENTHS_MIN),
            pitch_max,
            template: samples(TEMPLATE_TENTHS),
            single: samples(SINGLE_PERIOD_TENTHS),
            faded: samples(FADED_TENTHS),
            crossfade: samples(RETURN_TENTHS),
        };
        Concealer {
            lengths,
            history: vec![0.0; history],
            cycle: Vec::with_capacity(history),
            cursor: 0,
            period: 0,
            step: 0.0,
            age: 0,
        }
    }

    /// Takes received samples, and blends their beginning with the concealed sound before them, if there was
    /// any.
    pub fn receive(&mut self, samples: &mut [i16]) {
        if self.age > 0 {
            let length = self.lengths.crossfade.min(samples.len());
            let span = to_float(length + 1);
            for (index, sample) in samples.iter_mut().take(length).enumerate() {
                let share = to_float(index + 1) / span;
                *sample = to_sample(self.next_sample() * (1.0 - share) + f32::from(*sample) * share);
            }
            self.age = 0;
            self.cycle.clear();
        }
        self.remember(samples);
    }

    /// Appends `count` samples that continue what was heard, ever quieter.
    pub fn conceal(&mut self, count: usize, output: &mut Vec<i16>) {
        if self.age == 0 {
            self.begin_gap();
        }
        for _ in 0..count {
            let sample = to_sample(self.next_sample());
            output.push(sample);
        }
    }

    fn remember(&mut self, samples: &[i16]) {
        let newest = samples.len().min(self.history.len());
        self.history.copy_within(newest.., 0);
        let tail = samples.iter().rev().take(newest);
        for (slot, &sample) in self.history.iter_mut().rev().zip(tail) {
            *slot = f32::from(sample);
        }
    }

    fn begin_gap(&mut self) {
        self.period = self.pitch_period();
        self.fill_cycle(self.period);
        let before_cycle = self.history.len().saturating_sub(self.period + 1);
        let last = self.history.last().copied().unwrap_or(0.0);
        self.step = last - self.history.get(before_cycle).copied().unwrap_or(last);
    }

    /// Makes the last `length` samples repeatable: their end passes over into what was heard before their
    /// beginning.
    fn fill_cycle(&mut self, length: usize) {
        self.cycle.clear();
        let start = self.history.len().saturating_sub(length);
        let (before, cycle) = self.history.split_at_checked(start).unwrap_or_default();
        self.cycle.extend_from_slice(cycle);
        let overlap = (self.period / 4).max(1);
        let span = to_float(overlap + 1);
        let lead = before.iter().rev().take(overlap);
        for ((index, sample), &earlier) in self.cycle.iter_mut().rev().take(overlap).enumerate().zip(lead) {
            let share = to_float(overlap - index) / span;
            *sample = *sample * (1.0 - share) + earlier * share;
        }
        self.cursor = 0;
    }

    fn next_sample(&mut self) -> f32 {
        if self.age >= self.lengths.faded {
            return 0.0;
        }
        if self.age == self.lengths.single {
            let phase = self.cursor % self.period.max(1);
            let here = self.cycle.get(self.cursor).copied().unwrap_or(0.0);
            self.fill_cycle(self.period * PERIODS);
            self.cursor = phase;
            self.step = here - self.cycle.get(phase).copied().unwrap_or(here);
        }
        let repeated = self.cycle.get(self.cursor).copied().unwrap_or(0.0);
        self.cursor = if self.cursor + 1 < self.cycle.len() {
            self.cursor + 1
        } else {
            0
        };
        let sample = (repeated + self.bend()) * self.gain();
        self.age += 1;
        sample
    }

    /// What is left of the step after the last seam; gone after a quarter of a period.
    fn bend(&self) -> f32 {
        let since = if self.age >= self.lengths.single {
            self.age - self.lengths.single
        } else {
            self.age
        };
        let length = (self.period / 4).max(1);
        self.step * to_float(length.saturating_sub(since)) / to_float(length)
    }

    fn gain(&self) -> f32 {
        let fading = self.age.saturating_sub(self.lengths.single);
        1.0 - to_float(fading) / to_float(self.lengths.faded - self.lengths.single)
    }

    /// The lag at which the newest sound resembles itself most.
    fn pitch_period(&self) -> usize {
        let template_start = self.history.len().saturating_sub(self.lengths.template);
        let template = self.history.get(template_start..).unwrap_or_default();
        let similarity = |lag: usize| {
            let start = template_start.saturating_sub(lag);
            let earlier = self
                .history
                .get(start..start + template.len())
                .unwrap_or_default();
            let energy: f32 = earlier.iter().map(|sample| sample * sample).sum();
            let product: f32 = template.iter().zip(earlier).map(|(a, b)| a * b).sum();
            product / energy.max(1.0).sqrt()
        };
        let lags = self.lengths.pitch_min..=self.lengths.pitch_max;
        lags.map(|lag| (lag, similarity(lag)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(self.lengths.pitch_max, |(lag, _)| lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::Hz8000;

    #[test]
    fn without_loss_nothing_is_touched_from_the_first_sample_on() {
        let mut concealer = Concealer::new(RATE);
        let said = voice(150.0, 800);
        let mut heard = said.clone();

        heard.chunks_mut(160).for_each(|frame| concealer.receive(frame));

        assert_eq!(heard, said);
    }

    #[test]
    fn a_steady_voice_goes_on_through_a_lost_packet() {
        for pitch in [80.0, 120.0, 150.0, 195.0] {
            let said = voice(pitch, 1_600);
            let (heard, _) = with_a_gap(&said, 800, 80);

            let error = |range: std::ops::Range<usize>| -> f64 {
                let difference = range
                    .clone()
                    .map(|n| (f64::from(heard[n]) - f64::from(said[n])).powi(2))
                    .sum::<f64>();
                difference / range.map(|n| f64::from(said[n]).powi(2)).sum::<f64>()
            };
            assert!(error(800..880) < 0.1, "{pitch} Hz: {:.3}", error(800..880));
        }
    }

    #[test]
    fn the_seams_of_a_gap_do_not_click() {
        for lost in [40, 80, 160, 320, 640] {
            let said = voice(120.0, 2_400);
            let (heard, _) = with_a_gap(&said, 800, lost);
            assert!(
                steepest(&heard) <= steepest(&said) * 6 / 5,
                "{lost} lost: {}",
                steepest(&heard)
            );
        }
    }

    #[test]
    fn a_swelling_voice_does_not_click_where_it_is_repeated() {
        let swelling = |n: usize| {
            let time = to_float(n) / 8_000.0;
            to_sample(150.0 * (time / 0.02).exp() * (std::f32::consts::TAU * 80.0 * time + 1.0).sin())
        };
        let said: Vec<i16> = (0..800).map(swelling).collect();
        let mut concealer = Concealer::new(RATE);
        let mut heard = said.clone();

        heard.chunks_mut(160).for_each(|frame| concealer.receive(frame));
        concealer.conceal(400, &mut heard);

        let natural = steepest(&said);
        assert!(
            steepest(&heard) <= 2 * natural,
            "{} where the voice has {natural}",
            steepest(&heard)
        );
    }

    #[test]
    fn a_long_gap_has_faded_after_60_ms_and_sound_returns_within_4_ms() {
        let said = voice(120.0, 3_200);
        let (heard, _) = with_a_gap(&said, 800, 1_600);

        assert!(heard[1_279] != 0 || heard[1_270] != 0, "still fading at 59 ms");
        assert!(heard[1_280..2_400].iter().all(|&sample| sample == 0));
        assert_eq!(heard[2_432..], said[2_432..]);
    }

    #[test]
    fn the_repeated_sound_only_gets_quieter() {
        let said = voice(120.0, 1_600);
        let (heard, _) = with_a_gap(&said, 800, 640);
        let powers: Vec<f32> = heard[800..1_440].chunks(160).map(crate::level::power).collect();
        assert!(powers.windows(2).all(|pair| pair[1] < pair[0]), "{powers:?}");
    }

    #[test]
    fn silence_is_concealed_by_silence() {
        let (heard, _) = with_a_gap(&[0; 1_600], 800, 160);
        assert!(heard.iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_gap_before_any_sound_is_silent() {
        let mut output = Vec::new();
        Concealer::new(RATE).conceal(1_000, &mut output);
        assert_eq!(output, [0; 1_000]);
    }

    #[test]
    fn noise_at_full_scale_does_not_wrap() {
        let mut state = 1_u32;
        let noise: Vec<i16> = (0..1_600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if state >> 31 == 0 { i16::MAX } else { i16::MIN }
            })
            .collect();
        let (heard, _) = with_a_gap(&noise, 800, 320);
        assert_eq!(heard.len(), 1_600);
    }

    /// Hears `said` without `lost` samples from `start` on.
    fn with_a_gap(said: &[i16], start: usize, lost: usize) -> (Vec<i16>, Concealer) {
        let mut concealer = Concealer::new(RATE);
        let mut heard = said[..start].to_vec();
        heard.chunks_mut(160).for_each(|frame| concealer.receive(frame));
        concealer.conceal(lost, &mut heard);
        let mut rest = said[start + lost..].to_vec();
        rest.chunks_mut(160).for_each(|frame| concealer.receive(frame));
        heard.extend_from_slice(&rest);
        (heard, concealer)
    }

    /// A steady tone with three harmonics.
    fn voice(pitch: f32, samples: usize) -> Vec<i16> {
        let step = std::f32::consts::TAU * pitch / 8_000.0;
        (0..samples)
            .map(|n| {
                let angle = step * to_float(n);
                to_sample(
                    6_000.0 * (angle.sin() + 0.6 * (2.0 * angle + 1.0).sin() + 0.4 * (3.0 * angle).cos()),
                )
            })
            .collect()
    }

    fn steepest(samples: &[i16]) -> i32 {
        samples
            .windows(2)
            .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
            .max()
            .unwrap()
    }
}
