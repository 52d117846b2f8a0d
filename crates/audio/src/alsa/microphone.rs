//! A microphone of a sound card, or of whatever else ALSA calls a device.

use std::ffi::CString;
use std::time::Duration;

use super::library::{Input, OpenError, Refusal};
use super::{RECOVERIES_MAX, STALL};
use crate::{Microphone, MicrophoneError};

/// Sound that the device keeps until it is taken.
const LATENCY: Duration = Duration::from_millis(80);
/// What a frame may hold, the best first: several channels are averaged.
const CHANNELS: [u16; 2] = [1, 2];

/// Hears through `libasound.so.2`, which is looked for when there is something to hear. The device is open for as long as it listens,
/// so that otherwise it is others'.
pub struct AlsaMicrophone {
    device: String,
    rate: u32,
    input: Option<Input>,
}

impl AlsaMicrophone {
    /// Will hear by `device`, a name as `arecord -L` lists them; `rate` is in samples a second. Nothing is opened yet.
    pub fn new(device: &str, rate: u32) -> Self {
        Self {
            device: device.to_owned(),
            rate,
            input: None,
        }
    }

    fn open(&self) -> Result<Input, MicrophoneError> {
        let device = CString::new(self.device.as_str()).map_err(|_| self.failed("its name holds a zero"))?;
        let mut refusal = None;
        for channels in CHANNELS {
            match Input::open(&device, channels, self.rate, LATENCY) {
                Ok(input) => return Ok(input),
                Err(OpenError::Library(source)) => {
                    return Err(MicrophoneError::NoLibrary {
                        reason: source.to_string(),
                    });
                }
                Err(OpenError::Device(refused)) => refusal = Some(refused),
            }
        }
        Err(self.failed(refusal.map_or_else(String::new, Refusal::text)))
    }

    fn failed(&self, reason: impl Into<String>) -> MicrophoneError {
        MicrophoneError::Input {
            name: self.name(),
            reason: reason.into(),
        }
    }

    fn hear(&self, input: &mut Input, samples: &mut [i16]) -> Result<(), MicrophoneError> {
        let failed = |refusal: Refusal| self.failed(refusal.text());
        let channels = usize::from(input.channels());
        let mut frames = vec![0; samples.len() * channels];
        let (mut taken, mut recoveries) = (0, 0);
        while taken < frames.len() {
            let left = frames.get_mut(taken..).unwrap_or_default();
            match input.read(left) {
                Ok(count) => taken += count * channels,
                Err(refusal) if refusal.is_full() => match input.wait(STALL) {
                    Ok(true) => {}
                    Ok(false) => return Err(self.failed("it has stalled")),
                    Err(refusal) => input.recover(&refusal).map_err(failed)?,
                },
                Err(refusal) => {
                    recoveries += 1;
                    if recoveries > RECOVERIES_MAX {
                        return Err(failed(refusal));
                    }
                    input.recover(&refusal).map_err(failed)?;
                }
            }
        }
        for (sample, frame) in samples.iter_mut().zip(frames.chunks_exact(channels)) {
            let sum: i32 = frame.iter().map(|sample| i32::from(*sample)).sum();
            let mean = sum / i32::from(input.channels());
            *sample = i16::try_from(mean).unwrap_or_default();
        }
        Ok(())
    }
}

impl Microphone for AlsaMicrophone {
    fn name(&self) -> String {
        format!("alsa:{}", self.device)
    }

    fn probe(&mut self) -> Result<(), MicrophoneError> {
        self.open().map(drop)
    }

    fn begin(&mut self) -> Result<(), MicrophoneError> {
        // A device that lets one in at a time is closed first.
        self.input = None;
        self.input = Some(self.open()?);
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<(), MicrophoneError> {
        let mut input = self.input.take().ok_or(MicrophoneError::NotOpen)?;
        self.hear(&mut input, samples)?;
        self.input = Some(input);
        Ok(())
    }

    fn end(&mut self) {
        self.input = None;
    }
}
