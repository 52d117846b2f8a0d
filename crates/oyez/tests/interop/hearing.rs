//! What was spoken, and how much of it is in a recording.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audio::{ALIGNED_RATE, Sound, aligned, compare};
use hound::{SampleFormat, WavSpec, WavWriter};
use peers::Media;

/// Speech that begins with a word at its first sample.
const SPEECH: &[u8] = include_bytes!("../../assets/page.wav");
/// Furthest that a window may be from its place.
const LAG_MAX: Duration = Duration::from_millis(20);
/// The speech as a phone is given it.
pub(crate) struct Speech {
    pub(crate) media: Media,
    pub(crate) sound: Sound,
    pub(crate) file: PathBuf,
}

impl Speech {
    /// Writes the speech into `folder` as a phone wants it that sends such media.
    pub(crate) fn new(folder: &Path, media: Media) -> Self {
        let (rate, channels) = (media.rate(), media.channels());
        let sound = Sound::read("page.wav", SPEECH, rate).unwrap();
        let file = folder.join(format!("speech-{rate}-{channels}.wav"));
        let spec = WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(&file, spec).unwrap();
        for sample in &sound.samples {
            for _channel in 0..channels {
                writer.write_sample(*sample).unwrap();
            }
        }
        writer.finalize().unwrap();
        Self { media, sound, file }
    }

    /// How much of the speech is in the recording `file`.
    pub(crate) fn heard_in(&self, file: &Path) -> Figures {
        let recording = Sound::open(file, 0).unwrap();
        let found = compare(
            (&self.sound.samples, self.sound.rate),
            (&recording.samples, recording.rate),
            LAG_MAX,
        )
        .unwrap_or_else(|| panic!("{} is silent", file.display()));
        Figures {
            correlation: found.median(),
            weakest: found.windows.iter().copied().fold(1.0, f64::min),
            beginning_db: found.beginning_db,
            intelligibility: self.intelligibility(recording, found.begins_at),
            begins_at: found.begins_at,
        }
    }

    /// Short-time objective intelligibility of a recording in which the speech begins after so many seconds.
    fn intelligibility(&self, recording: Sound, begins_at: f64) -> f64 {
        let clean = self.sound.clone().at_rate(ALIGNED_RATE);
        let aligned = aligned(&clean, recording, begins_at);
        peers::stoi((&clean.samples, ALIGNED_RATE), (&aligned, ALIGNED_RATE)).unwrap()
    }
}

/// How much of a speech is in a recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Median correlation of 500 ms windows in the telephone band, each within ±20 ms of its place.
    pub(crate) correlation: f64,
    /// The least of these correlations.
    pub(crate) weakest: f64,
    /// Level of the first 200 ms against the rest, in decibels.
    pub(crate) beginning_db: f64,
    /// Short-time objective intelligibility.
    pub(crate) intelligibility: f64,
    /// Seconds from the start of the recording to the first sample of the speech.
    pub(crate) begins_at: f64,
}

impl Figures {
    /// What a path in G.711 has to reach.
    pub(crate) fn are_good(&self) -> bool {
        self.correlation >= 0.95 && self.beginning_db.abs() <= 1.0
    }

    /// What a path with Opus in it has to reach: it changes the wave, not what is understood.
    pub(crate) fn are_good_for_opus(&self) -> bool {
        self.correlation >= 0.9 && self.intelligibility >= 0.9 && self.beginning_db.abs() <= 1.0
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "correlation {:.4} (weakest {:.3}), first 200 ms {:+.2} dB, STOI {:.3}, begins at {:.2} s",
            self.correlation, self.weakest, self.beginning_db, self.intelligibility, self.begins_at
        )
    }
}
