//! Sound on its way to the other side of a call: samples in, packets out.

use std::time::{Duration, Instant};

use media::dtmf::Key;
use media::resample::Resampler;
use media::sample::SampleRate;
use media::sdp::Negotiated;
use media::send::{SendError, Sender, SenderConfig};
use rand_chacha::ChaCha20Rng;

/// The sending side of a call.
pub(crate) struct Speech {
    resampler: Resampler,
    sender: Sender,
    /// Samples at the codec's rate that do not fill a packet yet: fewer than a packet has.
    rest: Vec<i16>,
    packet_time: Duration,
}

impl Speech {
    /// Makes the sending side of an agreed stream, for samples at `input_rate`.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub(crate) fn new(
        negotiated: &Negotiated,
        input_rate: SampleRate,
        rng: &mut ChaCha20Rng,
    ) -> Result<Self, SendError> {
        Ok(Self {
            resampler: Resampler::new(input_rate, negotiated.codec.sample_rate()),
            sender: Sender::new(&SenderConfig::new(negotiated), rng)?,
            rest: Vec::new(),
            packet_time: negotiated.ptime,
        })
    }

    /// Follows what the peer has answered to our unchanged description, which has one codec and one key.
    pub(crate) fn follow(&mut self, negotiated: &Negotiated) {
        self.sender.follow(&SenderConfig::new(negotiated));
        self.packet_time = negotiated.ptime;
    }

    /// Gives each packet that fills up to `emit`. A key at the end of its life gives none any more.
    pub(crate) fn say(&mut self, now: Instant, samples: &[i16], mut emit: impl FnMut(Vec<u8>)) {
        self.resampler.process(samples, &mut self.rest);
        let rest = std::mem::take(&mut self.rest);
        let mut frames = rest.chunks_exact(self.sender.frame_samples());
        for frame in &mut frames {
            let mut packet = Vec::new();
            if self.sender.packetize(now, frame, &mut packet).is_ok() {
                emit(packet);
            }
        }
        self.rest = frames.remainder().to_vec();
    }

    /// Presses a key: the packets of the next samples are those of the key. `false` where the peer takes none, or one is being
    /// pressed.
    pub(crate) fn press(&mut self, key: Key, duration: Duration) -> bool {
        self.sender.press(key, duration)
    }

    /// A packet of silence; none with a key at the end of its life (2^48 packets).
    pub(crate) fn keepalive(&mut self, now: Instant) -> Option<Vec<u8>> {
        let mut packet = Vec::new();
        self.sender.keepalive(now, &mut packet).ok()?;
        Some(packet)
    }

    /// How much sound a packet carries.
    pub(crate) fn packet_time(&self) -> Duration {
        self.packet_time
    }
}
