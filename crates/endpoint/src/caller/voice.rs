//! What a caller says: samples in, packets out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::receive::{Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::Negotiated;
use media::send::SendError;
use rand_chacha::ChaCha20Rng;

use crate::speech::Speech;

/// The media of an answered call.
pub(super) struct Voice {
    speech: Speech,
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
        Ok(Self {
            speech: Speech::new(negotiated, input_rate, rng)?,
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
        let packet_time = self.speech.packet_time();
        let sent = &mut self.sent;
        self.speech.say(now, samples, |packet| {
            *sent += packet_time;
            emit(packet);
        });
    }

    /// How much speech was sent.
    pub(super) fn sent(&self) -> Duration {
        self.sent
    }
}
