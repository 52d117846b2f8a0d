//! What a device plays into.

use std::io;
use std::path::PathBuf;

/// Takes the samples a device plays: mono, 16 bit, at the rate it was made for.
///
/// Sound comes in stretches. A sink is free to do nothing between them.
pub trait Sink: Send {
    /// What a status calls it: `file:recordings`.
    fn name(&self) -> String;

    /// Whether samples written here come out anywhere. What a sink swallows was not heard.
    fn is_audible(&self) -> bool;

    /// Whether a stretch would begin in good order, tried without a sound. `None` where only a stretch can show it.
    fn probe(&mut self) -> Option<Result<(), SinkError>> {
        None
    }

    /// A stretch of sound begins; `label` names it, in letters, digits and `-`.
    ///
    /// # Errors
    ///
    /// When the sink cannot take sound.
    fn begin(&mut self, label: &str) -> Result<(), SinkError>;

    /// Takes samples of the stretch.
    ///
    /// # Errors
    ///
    /// When they were not taken, or not all; so also outside a stretch.
    fn write(&mut self, samples: &[i16]) -> Result<(), SinkError>;

    /// The stretch is over. Gives the file that holds it, where there is one.
    ///
    /// # Errors
    ///
    /// When its end could not be written.
    fn end(&mut self) -> Result<Option<PathBuf>, SinkError>;
}

/// Why a sink does not take sound: one sentence that names what to look at.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file system refuses.
    #[error("cannot write {}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stretch has reached its longest length.
    #[error("the recording {} is full", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// No stretch has begun, or its beginning failed.
    #[error("no stretch of sound is open")]
    NotOpen,
    /// ALSA is not installed.
    #[error("libasound.so.2 cannot be opened: install the package libasound2 ({reason})")]
    NoLibrary {
        /// What the system said.
        reason: String,
    },
    /// ALSA does not open the device.
    #[error("cannot open the sound device {device}: {reason}; `aplay -L` lists the devices")]
    Device {
        /// Its name.
        device: String,
        /// What ALSA said.
        reason: String,
    },
    /// No sound server is there.
    #[error(
        "no PulseAudio or PipeWire server answers at {}: {reason}; start one for this user, or name its socket in PULSE_SERVER",
        .socket.display()
    )]
    NoServer {
        /// Where it was looked for.
        socket: PathBuf,
        /// What was said there.
        reason: String,
    },
    /// An output that is there fails.
    #[error("the output {name} does not take sound: {reason}")]
    Output {
        /// The sink's name.
        name: String,
        /// What was said about it.
        reason: String,
    },
}

/// Swallows everything, and says so: nobody hears a page that is played into it.
#[derive(Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn name(&self) -> String {
        "null".to_owned()
    }

    fn is_audible(&self) -> bool {
        false
    }

    fn begin(&mut self, _label: &str) -> Result<(), SinkError> {
        Ok(())
    }

    fn write(&mut self, _samples: &[i16]) -> Result<(), SinkError> {
        Ok(())
    }

    fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
        Ok(None)
    }
}
