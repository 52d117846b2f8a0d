//! What a caller says: samples in, packets out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::receive::{Receiver, ReceiverConfig};
use media::resample::Resampler;
use media::sample::SampleRate;
use media::sdp::Negotiated;
use media::send::{SendError, Sender, SenderConfig};
use rand_chacha::ChaCha20Rng;

/// The media of an answered call.
pub(super) struct Voice {
    resampler: Resampler,
    sender: Sender,
    /// Samples at the codec's rate that do not fill a packet yet: fewer than a packet has.
    rest: Vec<i16>,
    packet_time: Duration,
    sent: Duration,
    /// Only follows where the peer's packets come from; what it says is not heard.
    receiver: Receiver,
}

impl Voice {
    pub(super) fn new(
        negotiated: &Negotiated,
        input_rate: SampleRate,
        rng: &mut ChaCha20Rng,
    ) -> Result<Self, SendError> {
        let config = SenderConfig {
            codec: negotiated.codec,
            payload_type: negotiated.send_payload_type,
            packet_time: negotiated.ptime,
            telephone_event: negotiated.send_telephone_event,
            key: negotiated.crypto.as_ref().map(|pair| pair.send.clone()),
        };
        Ok(Self {
            resampler: Resampler::new(input_rate, negotiated.codec.sample_rate()),
            sender: Sender::new(&config, rng)?,
            rest: Vec::new(),
            packet_time: negotiated.ptime,
            sent: Duration::ZERO,
            receiver: Receiver::new(&ReceiverConfig::new(negotiated, input_rate)),
        })
    }

    /// Where packets go.
    pub(super) fn destination(&self) -> SocketAddr {
        self.receiver.destination()
    }

    pub(super) fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        self.receiver.handle_packet(now, from, bytes);
    }

    /// Gives each packet that fills up to `emit`. A key at the end of its life gives none any more.
    pub(super) fn send(&mut self, now: Instant, samples: &[i16], mut emit: impl FnMut(Vec<u8>)) {
        self.resampler.process(samples, &mut self.rest);
        let rest = std::mem::take(&mut self.rest);
        let mut frames = rest.chunks_exact(self.sender.frame_samples());
        for frame in &mut frames {
            let mut packet = Vec::new();
            if self.sender.packetize(now, frame, &mut packet).is_ok() {
                self.sent += self.packet_time;
                emit(packet);
            }
        }
        self.rest = frames.remainder().to_vec();
    }

    /// How much speech was sent.
    pub(super) fn sent(&self) -> Duration {
        self.sent
    }
}
