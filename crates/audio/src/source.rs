//! Sound from WAV files and streams, brought to one channel and one rate.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::riff;

/// Longest sound, in seconds: longer than any page may last.
pub const SOURCE_SECONDS_MAX: u32 = 600;
/// Largest WAV file or stream, in bytes: the longest sound as 48,000 stereo samples of 32 bit.
pub const SOURCE_BYTES_MAX: u64 = SOURCE_SECONDS_MAX as u64 * 48_000 * 8 + 65_536;
/// Rates that are taken, in samples a second.
pub(crate) const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// The highest rate at which anything is played.
const PLAYED_RATE_MAX: u32 = 48_000;
/// Channels that are taken; they are averaged.
pub(crate) const CHANNELS_MAX: u16 = 32;
/// Frames that the resampler works on at a time.
const CHUNK: usize = 1_024;

/// Mono samples and their rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples a second.
    pub rate: u32,
}

/// Why there is no sound to be had from a file: one sentence with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read.
    #[error("{name} cannot be read: {source}")]
    Unreadable {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is no sound file of a kind that is taken, or a broken one.
    #[error("{name} is no sound that can be played ({what}); convert it to 16-bit PCM")]
    NotPlayable {
        /// The file.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// It is longer than a page may be.
    #[error("{name} is longer than {SOURCE_SECONDS_MAX} seconds; cut it into parts")]
    TooLong {
        /// The file.
        name: String,
    },
    /// It holds no sample.
    #[error("{name} holds no sound")]
    Empty {
        /// The file.
        name: String,
    },
}

impl Sound {
    /// Reads a WAV file, brought to `rate` samples a second.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not playable, too long or empty.
    pub fn open(path: &Path, rate: u32) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        match fs::File::open(path) {
            Ok(file) => Self::read(&name, file, rate),
            Err(source) => Err(SourceError::Unreadable { name, source }),
        }
    }

    /// Reads a WAV stream to its end, brought to `rate` samples a second. Lengths in its header are not believed: what has come
    /// is what there is.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); `name` stands in the error.
    pub fn read(name: &str, stream: impl Read, rate: u32) -> Result<Self, SourceError> {
        // One byte more than may be tells a stream that is too long from one that has ended.
        let mut limited = stream.take(SOURCE_BYTES_MAX + 1);
        let mut failing = Failing {
            stream: io::BufReader::new(&mut limited),
            error: None,
        };
        let decoded = decode(name, &mut failing);
        if let Some(source) = failing.error {
            return Err(SourceError::Unreadable {
                name: name.to_owned(),
                source,
            });
        }
        let sound = decoded?;
        if limited.limit() == 0 {
            return Err(SourceError::TooLong {
                name: name.to_owned(),
            });
        }
        sound.fitting(name, rate)
    }

    /// The sound at `rate`, if it is neither too long nor empty.
    pub(crate) fn fitting(self, name: &str, rate: u32) -> Result<Self, SourceError> {
        if self.samples.len() > longest(self.rate) {
            return Err(SourceError::TooLong {
                name: name.to_owned(),
            });
        }
        if self.samples.is_empty() {
            return Err(SourceError::Empty {
                name: name.to_owned(),
            });
        }
        Ok(self.at_rate(rate))
    }

    /// The same sound at another rate. A rate of 0 leaves it as it is.
    #[must_use]
    pub fn at_rate(self, rate: u32) -> Self {
        if rate == self.rate || rate == 0 || self.samples.is_empty() {
            return self;
        }
        match resample(&self.samples, self.rate, rate) {
            Some(samples) => Self { samples, rate },
            None => self,
        }
    }

    /// Its length in seconds.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sound has far fewer than 2^52 samples"
    )]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }
}

/// Samples of the longest sound at a rate. What has more a second than is ever played may last less: it takes as much memory.
pub(crate) fn longest(rate: u32) -> usize {
    let rate = rate.min(PLAYED_RATE_MAX);
    usize::try_from(u64::from(rate) * u64::from(SOURCE_SECONDS_MAX)).unwrap_or(usize::MAX)
}

/// Decodes frame by frame, so that only mono samples are kept; stops one sample behind the longest sound.
fn decode(name: &str, stream: impl Read) -> Result<Sound, SourceError> {
    let not_playable = |what: String| SourceError::NotPlayable {
        name: name.to_owned(),
        what,
    };
    let stream = riff::plain(stream).map_err(not_playable)?;
    let mut reader = WavReader::new(stream).map_err(|error| not_playable(error.to_string()))?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) {
        return Err(not_playable(format!("{} samples a second", spec.sample_rate)));
    }
    if spec.channels == 0 || spec.channels > CHANNELS_MAX {
        return Err(not_playable(format!("{} channels", spec.channels)));
    }
    // The samples end where the bytes do, whatever the header promises.
    let samples = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => mix(reader.samples::<f32>().map_while(Result::ok), spec),
        (SampleFormat::Int, bits @ 8..=32) => {
            let scale = 1.0 / 2f32.powi(i32::from(bits) - 1);
            let scaled = reader
                .samples::<i32>()
                .map_while(Result::ok)
                .map(|sample| narrow(sample) * scale);
            mix(scaled, spec)
        }
        (_, bits) => return Err(not_playable(format!("{bits} bits a sample"))),
    };
    Ok(Sound {
        samples,
        rate: spec.sample_rate,
    })
}

/// Averages the channels of whole frames.
fn mix(mut flat: impl Iterator<Item = f32>, spec: WavSpec) -> Vec<i16> {
    let share = 1.0 / f32::from(spec.channels);
    let frames = std::iter::from_fn(|| {
        let mut sum = 0.0;
        for _channel in 0..spec.channels {
            sum += flat.next()?;
        }
        Some(to_i16(sum * share))
    });
    frames.take(longest(spec.sample_rate).saturating_add(1)).collect()
}

/// A stream that remembers its failure: to the decoder it is merely an end.
struct Failing<R> {
    stream: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for Failing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.error = Some(error);
                    return Err(kind.into());
                }
                Ok(count) => return Ok(count),
            }
        }
    }
}

fn resample(samples: &[i16], from: u32, to: u32) -> Option<Vec<i16>> {
    let input: Vec<f32> = samples
        .iter()
        .map(|sample| f32::from(*sample) / 32_768.0)
        .collect();
    let mut resampler = Fft::<f32>::new(from as usize, to as usize, CHUNK, 1, FixedSync::Both).ok()?;
    let adapter = InterleavedSlice::new(&input, 1, input.len()).ok()?;
    let output = resampler.process_all(&adapter, input.len(), None).ok()?;
    Some(output.take_data().into_iter().map(to_i16).collect())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the range of the target"
)]
pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[expect(
    clippy::cast_precision_loss,
    reason = "24 of 32 bits are more than a loudspeaker has"
)]
fn narrow(sample: i32) -> f32 {
    sample as f32
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "test signals are made by rounding"
)]
mod tests {
    use std::io::Cursor;

    use hound::WavWriter;

    use super::*;

    fn wav(spec: WavSpec, samples: &[i32]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        samples
            .iter()
            .for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16) -> WavSpec {
        WavSpec {
            channels,
            sample_rate,
            bits_per_sample,
            sample_format: SampleFormat::Int,
        }
    }

    #[test]
    fn samples_of_every_width_are_brought_to_sixteen_bits() {
        for (bits, value) in [(8, 64), (16, 16_384), (24, 4_194_304), (32, 1 << 30)] {
            let sound = Sound::read("x", &wav(spec(1, 8_000, bits), &[value])[..], 8_000).unwrap();
            assert_eq!(sound.samples, [16_384], "{bits} bits");
        }
    }

    #[test]
    fn channels_are_averaged() {
        let sound = Sound::read("x", &wav(spec(2, 8_000, 16), &[100, 300, -50, 50])[..], 8_000).unwrap();
        assert_eq!(sound.samples, [200, 0]);
    }

    #[test]
    fn an_odd_rate_keeps_length_and_pitch() {
        let tone: Vec<i32> = (0..44_100)
            .map(|n| ((f64::from(n) / 44_100.0 * 1_000.0 * std::f64::consts::TAU).sin() * 8_000.0) as i32)
            .collect();
        let sound = Sound::read("x", &wav(spec(1, 44_100, 16), &tone)[..], 8_000).unwrap();
        assert!((sound.seconds() - 1.0).abs() < 0.01, "{}", sound.seconds());
        let crossings = sound
            .samples
            .windows(2)
            .filter(|pair| (pair[0] < 0) != (pair[1] < 0))
            .count();
        assert!((1_990..=2_010).contains(&crossings), "{crossings}");
    }

    #[test]
    fn lengths_in_the_header_are_not_believed() {
        let mut bytes = wav(spec(1, 8_000, 16), &[1, 2, 3]);
        for length in [0, 0x7fff_fffe, 0x8000_0000, u32::MAX] {
            for field in [4..8, 40..44] {
                bytes[field].copy_from_slice(&length.to_le_bytes());
            }
            assert_eq!(
                Sound::read("-", &bytes[..], 8_000).unwrap().samples,
                [1, 2, 3],
                "{length:#x}"
            );
        }
    }

    #[test]
    fn a_stream_that_fails_half_way_is_unreadable_and_not_merely_short() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let whole = wav(spec(1, 8_000, 16), &[1, 2, 3]);

        for length in [10, 48] {
            let error = Sound::read("notice.wav", whole[..length].chain(Broken), 8_000).unwrap_err();
            assert!(
                error.to_string().contains("the disk is gone"),
                "after {length} bytes: {error}"
            );
        }
    }

    #[test]
    fn what_is_no_sound_is_named_with_a_remedy() {
        let faults: [(Vec<u8>, &str); 4] = [
            (b"ID3 an mp3".to_vec(), "convert it"),
            (wav(spec(1, 8_000, 16), &[]), "holds no sound"),
            (wav(spec(1, 2, 16), &[1]), "samples a second"),
            (wav(spec(33, 8_000, 16), &[0; 33]), "33 channels"),
        ];
        for (bytes, words) in faults {
            let error = Sound::read("notice.wav", &bytes[..], 8_000)
                .unwrap_err()
                .to_string();
            assert!(error.contains("notice.wav") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_longest_sound_is_taken_and_one_sample_more_is_not() {
        let longest = vec![0; (SOURCE_SECONDS_MAX * 4_000) as usize];
        let mut longer = longest.clone();
        longer.push(0);
        Sound::read("x", &wav(spec(1, 4_000, 16), &longest)[..], 4_000).unwrap();
        let error = Sound::read("x", &wav(spec(1, 4_000, 16), &longer)[..], 4_000).unwrap_err();
        assert!(matches!(error, SourceError::TooLong { .. }), "{error}");
    }

    #[test]
    fn an_endless_stream_is_cut_off() {
        let mut begin = wav(spec(1, 8_000, 16), &[0]);
        begin[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        let endless = begin[..].chain(io::repeat(0));
        assert!(matches!(
            Sound::read("-", endless, 8_000),
            Err(SourceError::TooLong { .. })
        ));
    }
}
