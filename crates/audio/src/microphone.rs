//! What a device hears by.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Sound, SourceError};

/// Gives the samples a device hears: mono, 16 bit, at the rate it was made for.
///
/// It listens from its beginning to its end. Between them it is others'.
pub trait Microphone: Send {
    /// What a status calls it: `alsa:default`.
    fn name(&self) -> String;

    /// Whether it would begin in good order.
    ///
    /// # Errors
    ///
    /// When it would not.
    fn probe(&mut self) -> Result<(), MicrophoneError>;

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When it cannot.
    fn begin(&mut self) -> Result<(), MicrophoneError>;

    /// Fills `samples` with the next ones, and waits for them.
    ///
    /// # Errors
    ///
    /// When none come; so also before its beginning.
    fn read(&mut self, samples: &mut [i16]) -> Result<(), MicrophoneError>;

    /// Stops listening.
    fn end(&mut self);
}

/// Why a microphone gives no sound: one sentence that names what to look at.
#[derive(Debug, thiserror::Error)]
pub enum MicrophoneError {
    /// A file that stands for one cannot be read.
    #[error(transparent)]
    File(#[from] SourceError),
    /// It has not begun.
    #[error("the microphone is not open")]
    NotOpen,
    /// ALSA is not installed.
    #[error("libasound.so.2 cannot be opened: install the package libasound2 ({reason})")]
    NoLibrary {
        /// What the system said.
        reason: String,
    },
    /// No sound server is there.
    #[error("no PulseAudio or PipeWire server answers at {}: {reason}", .socket.display())]
    NoServer {
        /// Where it was looked for.
        socket: PathBuf,
        /// What was said there.
        reason: String,
    },
    /// A device that is there fails, or is not there.
    #[error("the microphone {name} gives no sound: {reason}")]
    Input {
        /// Its name.
        name: String,
        /// What was said about it.
        reason: String,
    },
}

/// A WAV file that is heard again and again, in the time that it takes.
pub struct FileMicrophone {
    path: PathBuf,
    rate: u32,
    open: Option<Open>,
}

struct Open {
    samples: Vec<i16>,
    position: usize,
    /// When the next sample is due.
    due: Instant,
}

impl FileMicrophone {
    /// Will hear the file at this path; `rate` is in samples a second.
    #[must_use]
    pub fn new(path: &Path, rate: u32) -> Self {
        Self {
            path: path.to_owned(),
            rate,
            open: None,
        }
    }
}

impl Microphone for FileMicrophone {
    fn name(&self) -> String {
        format!("wav:{}", self.path.display())
    }

    fn probe(&mut self) -> Result<(), MicrophoneError> {
        Sound::open(&self.path, self.rate)?;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), MicrophoneError> {
        self.open = Some(Open {
            samples: Sound::open(&self.path, self.rate)?.samples,
            position: 0,
            due: Instant::now(),
        });
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<(), MicrophoneError> {
        let open = self.open.as_mut().ok_or(MicrophoneError::NotOpen)?;
        let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        open.due += Duration::from_secs(1) * count / self.rate.max(1);
        let heard = open.samples.iter().cycle().skip(open.position);
        for (sample, heard) in samples.iter_mut().zip(heard) {
            *sample = *heard;
        }
        open.position = (open.position + samples.len()) % open.samples.len().max(1);
        wait_until(open.due);
        Ok(())
    }

    fn end(&mut self) {
        self.open = None;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file keeps no time: this is what its sound takes"
)]
fn wait_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}
