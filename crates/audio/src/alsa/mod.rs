//! A sink that plays into a sound card, or into whatever else ALSA calls a device.

mod library;
mod microphone;

use std::ffi::CString;
use std::path::PathBuf;
use std::time::Duration;

pub use self::microphone::AlsaMicrophone;

use self::library::{OpenError, Output, Refusal};
use crate::{Sink, SinkError};

/// Sound that the device holds before it is played: what comes late by less than this is not missed.
const LATENCY: Duration = Duration::from_millis(80);
/// Longest wait for room: a device that plays has room after a fraction of its latency.
const STALL: Duration = Duration::from_secs(1);
/// Times a device may lose its place while it takes the samples of one call.
const RECOVERIES_MAX: u32 = 3;
/// What a frame may hold, the best first: each channel gets the same.
const CHANNELS: [u16; 2] = [2, 1];
/// ALSA's device that swallows everything.
const NULL_DEVICE: &str = "null";

/// Plays through `libasound.so.2`, which is looked for when there is something to play. The device is open for as long as a
/// stretch takes, so that between them it is others'.
pub struct Alsa {
    device: String,
    rate: u32,
    output: Option<Output>,
}

impl Alsa {
    /// Will play into `device`, a name as `aplay -L` lists them; `rate` is in samples a second. Nothing is opened yet.
    pub fn new(device: &str, rate: u32) -> Self {
        Self {
            device: device.to_owned(),
            rate,
            output: None,
        }
    }

    fn open(&self) -> Result<Output, SinkError> {
        let device = CString::new(self.device.as_str()).map_err(|_| self.failed("its name holds a zero"))?;
        let mut refusal = None;
        for channels in CHANNELS {
            match Output::open(&device, channels, self.rate, LATENCY) {
                Ok(output) => return Ok(output),
                Err(OpenError::Library(source)) => {
                    return Err(SinkError::NoLibrary {
                        reason: source.to_string(),
                    });
                }
                Err(OpenError::Device(refused)) => refusal = Some(refused),
            }
        }
        let reason = refusal.map_or_else(String::new, Refusal::text);
        Err(SinkError::Device {
            device: self.device.clone(),
            reason,
        })
    }

    fn failed(&self, reason: impl Into<String>) -> SinkError {
        SinkError::Output {
            name: self.name(),
            reason: reason.into(),
        }
    }

    /// Waits for room, or mends what made the device refuse.
    fn make_room(&self, output: &mut Output, refusal: &Refusal) -> Result<(), SinkError> {
        if !refusal.is_full() {
            return output
                .recover(refusal)
                .map_err(|refusal| self.failed(refusal.text()));
        }
        match output.wait(STALL) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.failed("it has stalled")),
            Err(refusal) => output
                .recover(&refusal)
                .map_err(|refusal| self.failed(refusal.text())),
        }
    }

    fn play(&self, output: &mut Output, samples: &[i16]) -> Result<(), SinkError> {
        let channels = usize::from(output.channels());
        let frames: Vec<i16> = samples
            .iter()
            .flat_map(|sample| std::iter::repeat_n(*sample, channels))
            .collect();
        let mut left = frames.as_slice();
        let mut recoveries = 0;
        while !left.is_empty() {
            match output.write(left) {
                Ok(0) => return Err(self.failed("it takes no frame")),
                Ok(taken) => left = left.get(taken * channels..).unwrap_or_default(),
                Err(refusal) => {
                    if !refusal.is_full() {
                        recoveries += 1;
                    }
                    if recoveries > RECOVERIES_MAX {
                        return Err(self.failed(refusal.text()));
                    }
                    self.make_room(output, &refusal)?;
                }
            }
        }
        Ok(())
    }
}

impl Sink for Alsa {
    fn name(&self) -> String {
        format!("alsa:{}", self.device)
    }

    fn is_audible(&self) -> bool {
        self.device != NULL_DEVICE
    }

    fn probe(&mut self) -> Option<Result<(), SinkError>> {
        Some(self.open().map(drop))
    }

    fn begin(&mut self, _label: &str) -> Result<(), SinkError> {
        // A device that lets one in at a time is closed first.
        self.output = None;
        self.output = Some(self.open()?);
        Ok(())
    }

    fn write(&mut self, samples: &[i16]) -> Result<(), SinkError> {
        let mut output = self.output.take().ok_or(SinkError::NotOpen)?;
        self.play(&mut output, samples)?;
        self.output = Some(output);
        Ok(())
    }

    fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
        let Some(mut output) = self.output.take() else {
            return Ok(None);
        };
        match output.drain() {
            Ok(()) => Ok(None),
            // It had played everything before.
            Err(refusal) if refusal.is_underrun() => Ok(None),
            Err(refusal) => Err(self.failed(refusal.text())),
        }
    }
}
