//! The sound of one negotiated format: decoded, concealed where it is missing, and brought to the sink's
//! rate.

use crate::codec::opus::OpusDecoder;
use crate::codec::{Codec, CodecError, Decoder, PACKET_MS_MAX};
use crate::conceal::Concealer;
use crate::resample::Resampler;
use crate::sample::{SampleRate, to_float, to_sample, unsigned};

/// Opus extrapolates well for this long; then its sound begins to fade.
const OPUS_FULL_SAMPLES: usize = 40 * 48;
/// At this age extrapolated Opus has faded to silence.
const OPUS_FADED_SAMPLES: usize = 120 * 48;
/// Length of the ramp back to full level, and of a splice: 4 ms.
const RAMP_MS: usize = 4;
/// Opus extrapolates in steps of 2.5 ms only.
const OPUS_STEP_SAMPLES: usize = 120;

/// Decoder, concealment and rate conversion of one format.
pub(crate) struct Voice {
    codec: Codec,
    source: Source,
    resampler: Resampler,
    // Sound at the codec's rate on its way to the resampler.
    decoded: Vec<i16>,
    // What would have followed the last sound, where a piece was left out behind it.
    splice: Vec<i16>,
}

enum Source {
    Waveform {
        decoder: Decoder,
        concealer: Concealer,
    },
    Opus {
        decoder: Box<OpusDecoder>,
        concealed: usize,
        // Fills in while nothing is lost: what the decoder extrapolates, it takes for a part of the stream.
        concealer: Concealer,
    },
}

impl Voice {
    pub(crate) fn new(codec: Codec, output: SampleRate) -> Result<Voice, CodecError> {
        let rate = codec.sample_rate();
        let source = match codec {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => Source::Waveform {
                decoder: Decoder::new(codec)?,
                concealer: Concealer::new(rate),
            },
            Codec::Opus => Source::Opus {
                decoder: Box::new(OpusDecoder::new()?),
                concealed: 0,
                concealer: Concealer::new(rate),
            },
        };
        let longest = rate.samples_in(std::time::Duration::from_millis(1)) * PACKET_MS_MAX;
        Ok(Voice {
            codec,
            source,
            resampler: Resampler::new(rate, output),
            decoded: Vec::with_capacity(longest),
            splice: Vec::with_capacity(longest),
        })
    }

    /// The codec.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// The number of ticks of the media clock in one sample at the codec's rate.
    pub(crate) fn ticks_per_sample(&self) -> i64 {
        i64::from(self.codec.sample_rate().ticks_per_sample())
    }

    /// Decodes a payload; its sound waits for [`Voice::render`] or [`Voice::leave_out`].
    pub(crate) fn decode(&mut self, payload: &[u8]) -> Result<&[i16], CodecError> {
        self.decoded.clear();
        match &mut self.source {
            Source::Waveform { decoder, concealer } => {
                decoder.decode(payload, &mut self.decoded)?;
                concealer.receive(&mut self.decoded);
            }
            Source::Opus {
                decoder,
                concealed,
                concealer,
            } => {
                decoder.decode(payload, &mut self.decoded)?;
                let start = opus_gain(*concealed);
                ramp_up(&mut self.decoded, start);
                concealer.receive(&mut self.decoded);
                *concealed = 0;
            }
        }
        Ok(&self.decoded)
    }

    /// Appends the decoded sound at the sink's rate, without its first `skip` samples.
    pub(crate) fn render(&mut self, skip: usize, output: &mut Vec<i16>) {
        let decoded = self.decoded.get_mut(skip..).unwrap_or_default();
        crossfade(&self.splice, decoded);
        self.splice.clear();
        self.resampler.process(decoded, output);
    }

    /// Drops the decoded sound; what follows is blended with its beginning.
    pub(crate) fn leave_out(&mut self) {
        if self.splice.is_empty() {
            let length = ramp_length(self.codec).min(self.decoded.len());
            self.splice
                .extend_from_slice(self.decoded.get(..length).unwrap_or_default());
        }
    }

    /// Appends `ticks` of sound for what is missing; `next` is the payload directly behind the gap, if it is
    /// here.
    ///
    /// Opus rounds up to its step.
    pub(crate) fn conceal(&mut self, ticks: i64, next: Option<&[u8]>, output: &mut Vec<i16>) {
        let mut count = unsigned(ticks / self.ticks_per_sample()).max(1);
        self.decoded.clear();
        match &mut self.source {
            Source::Waveform { concealer, .. } => concealer.conceal(count, &mut self.decoded),
            Source::Opus {
                decoder,
                concealed,
                concealer,
            } => {
                count = count.next_multiple_of(OPUS_STEP_SAMPLES);
                extrapolate(decoder, *concealed, count, next, &mut self.decoded);
                concealer.receive(&mut self.decoded);
                *concealed = concealed.saturating_add(count);
            }
        }
        self.decoded.resize(count, 0);
        self.render(0, output);
    }

    /// Appends `ticks` of sound between two packets that follow each other, or a packet and its concealment.
    pub(crate) fn hold(&mut self, ticks: i64, output: &mut Vec<i16>) {
        let count = unsigned(ticks / self.ticks_per_sample());
        self.decoded.clear();
        let (Source::Waveform { concealer, .. } | Source::Opus { concealer, .. }) = &mut self.source;
        concealer.conceal(count, &mut self.decoded);
        self.render(0, output);
    }

    /// Lets the decoder know of `ticks` that are lost, and for which [`Voice::hold`] has stood in.
    pub(crate) fn lose(&mut self, ticks: i64) {
        let count = unsigned(ticks / self.ticks_per_sample()).min(OPUS_FADED_SAMPLES);
        if let Source::Opus {
            decoder, concealed, ..
        } = &mut self.source
        {
            self.decoded.clear();
            let count = count.next_multiple_of(OPUS_STEP_SAMPLES);
            extrapolate(decoder, *concealed, count, None, &mut self.decoded);
            *concealed = concealed.saturating_add(count);
        }
    }

    /// What would follow at the sink's rate, to be blended with another codec's beginning; the voice ends
    /// with it.
    pub(crate) fn fade_out(&mut self, output: &mut Vec<i16>) {
        let length = ramp_length(self.codec);
        let ticks = i64::try_from(length).unwrap_or(0) * self.ticks_per_sample();
        self.conceal(ticks, None, output);
    }
}

/// Blends what would have come with what comes instead.
pub(crate) fn crossfade(former: &[i16], present: &mut [i16]) {
    let span = to_float(former.len() + 1);
    for (index, (sample, &old)) in present.iter_mut().zip(former).enumerate() {
        let share = to_float(index + 1) / span;
        *sample = to_sample(f32::from(old) * (1.0 - share) + f32::from(*sample) * share);
    }
}

fn extrapolate(
    decoder: &mut OpusDecoder,
    concealed: usize,
    count: usize,
    next: Option<&[u8]>,
    output: &mut Vec<i16>,
) {
    if concealed >= OPUS_FADED_SAMPLES {
        return;
    }
    let recovered = next.is_some_and(|next| decoder.recover(next, count, output).is_ok());
    if !recovered && decoder.conceal(count, output).is_err() {
        return;
    }
    if recovered {
        return;
    }
    for (index, sample) in output.iter_mut().enumerate() {
        *sample = to_sample(f32::from(*sample) * opus_gain(concealed + index));
    }
}

fn opus_gain(age: usize) -> f32 {
    let fading = age.saturating_sub(OPUS_FULL_SAMPLES);
    (1.0 - to_float(fading) / to_float(OPUS_FADED_SAMPLES - OPUS_FULL_SAMPLES)).max(0.0)
}

fn ramp_up(samples: &mut [i16], from: f32) {
    if from >= 1.0 {
        return;
    }
    let length = ramp_length(Codec::Opus);
    for (index, sample) in samples.iter_mut().take(length).enumerate() {
        let gain = from + (1.0 - from) * to_float(index) / to_float(length);
        *sample = to_sample(f32::from(*sample) * gain);
    }
}

fn ramp_length(codec: Codec) -> usize {
    usize::try_from(codec.sample_rate().hertz() / 1_000).unwrap_or(8) * RAMP_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::g711::encode_mu_law;

    #[test]
    fn what_is_left_out_passes_over_into_what_follows() {
        let mut voice = Voice::new(Codec::Pcmu, SampleRate::Hz8000).unwrap();
        let mut heard = Vec::new();

        voice.decode(&level(4_000)).unwrap();
        voice.leave_out();
        voice.decode(&level(-4_000)).unwrap();
        voice.render(0, &mut heard);

        assert!(heard[0] > 3_500, "{} is where the piece left out began", heard[0]);
        assert!(heard.windows(2).all(|pair| (pair[0] - pair[1]) < 300));
        assert!(heard[32..].iter().all(|&sample| sample < -3_900));
    }

    #[test]
    fn opus_that_has_begun_to_fade_comes_back_without_a_step() {
        let mut encoder = crate::codec::opus::OpusEncoder::new().unwrap();
        let mut voice = Voice::new(Codec::Opus, SampleRate::Hz48000).unwrap();
        let mut heard = Vec::new();
        let mut packet = Vec::new();
        for number in 0..30 {
            packet.clear();
            let tone = |n: usize| to_sample(12_000.0 * (to_float(number * 960 + n) * 0.05).sin());
            encoder
                .encode(&(0..960).map(tone).collect::<Vec<_>>(), &mut packet)
                .unwrap();
            // 80 ms are lost: the sound has lost half of its level.
            if (20..24).contains(&number) {
                voice.conceal(960, None, &mut heard);
            } else {
                voice.decode(&packet).unwrap();
                voice.render(0, &mut heard);
            }
        }

        // The tone itself rises by 600 from sample to sample.
        let steepest = |samples: &[i16]| {
            samples
                .windows(2)
                .map(|pair| pair[0].abs_diff(pair[1]))
                .max()
                .unwrap()
        };
        let join = 24 * 960;
        assert!(
            steepest(&heard[join - 20..join + 20]) < 900,
            "{}",
            steepest(&heard[join - 20..join + 20])
        );
        assert!(heard[join + 960..].iter().any(|sample| sample.abs() > 6_000));
    }

    #[test]
    fn opus_fades_to_silence_within_120_ms() {
        let mut voice = Voice::new(Codec::Opus, SampleRate::Hz48000).unwrap();
        let mut heard = Vec::new();
        let mut packet = Vec::new();
        crate::codec::opus::OpusEncoder::new()
            .unwrap()
            .encode(&[9_000; 960], &mut packet)
            .unwrap();
        voice.decode(&packet).unwrap();

        for _ in 0..7 {
            voice.conceal(960, None, &mut heard);
        }

        assert_eq!(heard[OPUS_FADED_SAMPLES..], [0; 960]);
    }

    #[test]
    fn a_concealed_length_is_exact_for_the_sink() {
        for (codec, ticks) in [
            (Codec::Pcmu, 960),
            (Codec::Pcmu, 240),
            (Codec::G722, 960),
            (Codec::G722, 240),
            (Codec::Opus, 960),
            (Codec::Opus, 120),
        ] {
            let mut voice = Voice::new(codec, SampleRate::Hz48000).unwrap();
            let mut heard = Vec::new();
            voice.conceal(ticks, None, &mut heard);
            assert_eq!(i64::try_from(heard.len()).unwrap(), ticks, "{codec:?}");
        }
    }

    fn level(sample: i16) -> Vec<u8> {
        vec![encode_mu_law(sample); 160]
    }
}
