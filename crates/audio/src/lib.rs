//! Sound below the line: where samples come from and where they go.
//!
//! [`Sound`] is read from a WAV file or stream, at the rate that is wanted. A [`Sink`] takes what a device plays, in stretches: it is
//! told when sound begins and ends. [`Pulse`] plays through a sound server, [`Alsa`] into sound cards through a library that is opened
//! at run time, so that the program builds and starts without it. [`compare()`] judges whether a recording holds a given sound whole,
//! [`aligned()`] puts it under that sound for other measures.
//!
//! A [`Microphone`] gives what a device hears, and an [`EchoCanceller`] takes out of it what the device plays.
//!
//! This crate does not mix, decode a network's codecs or keep time; those are the pure crates' and their shells'.

mod align;
mod alsa;
pub mod compare;
mod decode;
mod echo;
mod microphone;
mod pulse;
mod recorder;
mod riff;
mod sink;
mod source;

pub use align::{ALIGNED_RATE, aligned};
pub use alsa::{Alsa, AlsaMicrophone};
pub use compare::{Comparison, compare};
pub use echo::EchoCanceller;
pub use microphone::{FileMicrophone, Microphone, MicrophoneError};
pub use pulse::{Pulse, PulseMicrophone};
pub use recorder::{RECORDINGS_KEPT, Recorder, STRETCH_SECONDS_MAX};
pub use sink::{NullSink, Sink, SinkError};
pub use source::{SOURCE_BYTES_MAX, SOURCE_SECONDS_MAX, Sound, SourceError};
