//! Media without I/O: SDP, RTP, SRTP, codecs, jitter buffer, tones, bridges.
//!
//! # What it is
//!
//! - [`sdp`]: offers and answers for one audio stream, with SDES keys; [`codec`] names, encodes and decodes.
//! - [`rtp`], [`rtcp`], [`srtp`]: packets, reports, and their protection.
//! - [`receive`] and [`send`]: one leg's ends at a device: from datagrams to the samples a sink takes, and from
//!   frames of samples to datagrams.
//! - [`bridge`]: a zone's media plane, which sends each talker's packets to all who listen.
//! - [`conceal`], [`resample`], [`mix`], [`limiter`], [`agc`], [`tone`], [`level`], [`dtmf`]: what is done with samples and keys.
//!
//! Everything runs in virtual time: whoever holds the sockets, the sound device and the clock hands over
//! datagrams and [`Instant`](std::time::Instant)s and takes out datagrams, samples and events.
//!
//! # What it deliberately does not do
//!
//! No sockets, threads, clocks, files or sound devices. No DTLS-SRTP, ICE, video or stereo. No mixing of
//! several talkers into one stream of a bridge; [`mix`] is for the sounds of one device.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use media::codec::Codec;
//! use media::receive::{Receiver, ReceiverConfig};
//! use media::sample::SampleRate;
//! use media::send::{Sender, SenderConfig};
//! use rand_core::SeedableRng;
//!
//! let mut rng = rand_chacha::ChaCha20Rng::from_seed([0; 32]);
//! let packet_time = Duration::from_millis(20);
//! let config =
//!     SenderConfig { codec: Codec::Pcmu, payload_type: 0, packet_time, telephone_event: None, key: None };
//! let mut sender = Sender::new(&config, &mut rng)?;
//! let remote = "192.0.2.1:4000".parse()?;
//! let mut receiver = Receiver::new(&ReceiverConfig {
//!     remote,
//!     formats: vec![(0, Codec::Pcmu)],
//!     telephone_event: None,
//!     key: None,
//!     output_rate: SampleRate::Hz48000,
//! });
//!
//! let mut now = Instant::now();
//! let mut packet = Vec::new();
//! let mut sound = [0; 960];
//! for _ in 0..50 {
//!     sender.packetize(now, &[1_000; 160], &mut packet)?;
//!     receiver.handle_packet(now, remote, &mut packet);
//!     receiver.pull(now, &mut sound);
//!     now += packet_time;
//! }
//! assert!(receiver.statistics().played_samples > 45_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod agc;
pub mod bridge;
pub mod codec;
pub mod conceal;
mod delay;
pub mod dtmf;
mod ingress;
mod jitter;
mod latch;
pub mod level;
pub mod limiter;
pub mod mix;
pub mod receive;
mod report;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod sample;
pub mod sdp;
pub mod send;
mod sequence;
pub mod srtp;
pub mod tone;

// The ends of a leg are made where the call is and run where the sound is.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<receive::Receiver>();
    is_send::<send::Sender>();
    is_send::<bridge::Plane>();
};
