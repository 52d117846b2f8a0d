//! The media of one call: what comes in, and the packets that keep the way open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::receive::{Pulled, ReceiveStatistics, Received, Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::Negotiated;
use media::send::{SendError, Sender, SenderConfig};
use rand_chacha::ChaCha20Rng;

/// Pause behind the first packet; until media comes, each pause is twice the one before. The first packet may overtake
/// the answer, whose keys it needs to be taken, and the peer may wait for it to learn where the media is to go.
const KEEPALIVE_FIRST: Duration = Duration::from_millis(20);
/// Longest pause until media comes.
const KEEPALIVE_BEFORE_MEDIA: Duration = Duration::from_secs(1);
/// Once media comes, this is enough to keep a NAT binding (most last 30 s or more).
const KEEPALIVE_WITH_MEDIA: Duration = Duration::from_secs(5);

/// Both directions of a call's audio.
pub(crate) struct CallMedia {
    receiver: Receiver,
    sender: Sender,
    packet_time: Duration,
    /// `None` before the answer: nothing is sent until then.
    keepalive_at: Option<Instant>,
    /// Pause behind the next packet that goes out before media comes.
    pause: Duration,
    /// When the last packet of the peer came.
    heard_at: Option<Instant>,
}

impl CallMedia {
    /// Makes the media of an agreed stream.
    ///
    /// # Errors
    /// Fails only if the codec refuses its constant settings.
    pub(crate) fn new(
        negotiated: &Negotiated,
        output_rate: SampleRate,
        rng: &mut ChaCha20Rng,
    ) -> Result<Self, SendError> {
        let sender = Sender::new(
            &SenderConfig {
                codec: negotiated.codec,
                payload_type: negotiated.send_payload_type,
                packet_time: negotiated.ptime,
                telephone_event: negotiated.send_telephone_event,
                key: negotiated.crypto.as_ref().map(|pair| pair.send.clone()),
            },
            rng,
        )?;
        Ok(Self {
            receiver: Receiver::new(&ReceiverConfig::new(negotiated, output_rate)),
            sender,
            packet_time: negotiated.ptime,
            keepalive_at: None,
            pause: KEEPALIVE_FIRST,
            heard_at: None,
        })
    }

    /// Begins to send: from the answer on, so that the peer learns the way through a NAT.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.keepalive_at = Some(now);
    }

    /// The peer has the answer, and by it our keys: what was sent before may have been too early. So it begins again,
    /// unless the way is known to be open.
    pub(crate) fn handle_confirmed(&mut self, now: Instant) {
        if self.keepalive_at.is_some() && self.heard_at.is_none() {
            self.keepalive_at = Some(now);
            self.pause = KEEPALIVE_FIRST;
        }
    }

    /// Takes a packet; says whether it was the peer's.
    pub(crate) fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> bool {
        let is_the_peers = match self.receiver.handle_packet(now, from, bytes) {
            Received::Accepted { .. } | Received::Key(_) | Received::Consumed => true,
            Received::Rejected(_) => false,
        };
        if is_the_peers {
            self.heard_at = Some(now);
        }
        is_the_peers
    }

    /// Makes the keep-alive packet that is due, with its destination.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if self.keepalive_at.is_none_or(|at| now < at) {
            return None;
        }
        let interval = if self.heard_at.is_some() {
            KEEPALIVE_WITH_MEDIA
        } else {
            let doubled = (self.pause * 2).min(KEEPALIVE_BEFORE_MEDIA);
            std::mem::replace(&mut self.pause, doubled)
        };
        self.keepalive_at = Some(now + interval);
        let to = self.receiver.destination();
        if to.ip().is_unspecified() || to.port() == 0 {
            return None;
        }
        let mut packet = Vec::new();
        // A key at the end of its life (2^48 packets) ends the keep-alive, not the page.
        self.sender.keepalive(now, &mut packet).ok()?;
        Some((to, packet))
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.keepalive_at
    }

    /// Takes the next samples of the page.
    pub(crate) fn pull(&mut self, now: Instant, out: &mut [i16]) -> Pulled {
        self.receiver.pull(now, out)
    }

    /// Says whether everything that came has been played.
    pub(crate) fn is_drained(&self) -> bool {
        self.receiver.drained()
    }

    /// When the last packet of the peer came.
    pub(crate) fn heard_at(&self) -> Option<Instant> {
        self.heard_at
    }

    pub(crate) fn statistics(&self) -> ReceiveStatistics {
        self.receiver.statistics()
    }

    /// How much sound a packet of this stream carries.
    pub(crate) fn packet_time(&self) -> Duration {
        self.packet_time
    }
}
