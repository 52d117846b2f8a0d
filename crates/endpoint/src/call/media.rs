//! The media of one call: what comes in, and the packets that keep the way open.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::dtmf::Key;
use media::receive::{Pulled, ReceiveStatistics, Received, Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::Negotiated;
use media::send::SendError;
use rand_chacha::ChaCha20Rng;

use crate::speech::Speech;

/// Pause behind the first packet; until media comes, each pause is twice the one before. The first packet may overtake
/// the answer, whose keys it needs to be taken, and the peer may wait for it to learn where the media is to go.
const KEEPALIVE_FIRST: Duration = Duration::from_millis(20);
/// Longest pause until media comes.
const KEEPALIVE_BEFORE_MEDIA: Duration = Duration::from_secs(1);
/// Once media comes, this is enough to keep a NAT binding (most last 30 s or more).
const KEEPALIVE_WITH_MEDIA: Duration = Duration::from_secs(5);

/// Packets to the caller that may wait to be sent: what one audio tick fills, with room for ticks that are made up for.
const WAITING_MAX: usize = 32;

/// Both directions of a call's audio.
pub(crate) struct CallMedia {
    receiver: Receiver,
    speech: Speech,
    /// Packets that are to be sent at once, at most [`WAITING_MAX`].
    waiting: VecDeque<Vec<u8>>,
    /// `None` before the answer: nothing is sent until then.
    keepalive_at: Option<Instant>,
    /// Pause behind the next packet that goes out before media comes.
    pause: Duration,
    /// When the last packet of the peer came.
    heard_at: Option<Instant>,
    /// Telephone events were agreed.
    takes_keys: bool,
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
        Ok(Self {
            receiver: Receiver::new(&ReceiverConfig::new(negotiated, output_rate)),
            speech: Speech::new(negotiated, output_rate, rng)?,
            waiting: VecDeque::new(),
            keepalive_at: None,
            pause: KEEPALIVE_FIRST,
            heard_at: None,
            takes_keys: negotiated.telephone_event.is_some(),
        })
    }

    /// Follows what the caller has answered to our unchanged description: what comes is taken, and what goes out goes where it
    /// says, at once, so that a way through a NAT opens there.
    pub(crate) fn renegotiate(&mut self, now: Instant, negotiated: &Negotiated) {
        // The output rate is the receiver's own.
        let config = ReceiverConfig::new(negotiated, SampleRate::Hz8000);
        self.receiver.renegotiate(&config);
        self.speech.follow(negotiated);
        self.takes_keys = negotiated.telephone_event.is_some();
        if self.keepalive_at.is_some() {
            self.keepalive_at = Some(now);
        }
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

    /// Takes a packet; gives the key if the peer has pressed one.
    pub(crate) fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Option<Key> {
        let key = match self.receiver.handle_packet(now, from, bytes) {
            Received::Accepted { .. } | Received::Consumed => None,
            Received::Key(key) => Some(key),
            Received::Rejected(_) => return None,
        };
        self.heard_at = Some(now);
        key
    }

    /// Lets the peer hear samples at the output rate.
    pub(crate) fn say(&mut self, now: Instant, samples: &[i16]) {
        let waiting = &mut self.waiting;
        self.speech.say(now, samples, |packet| {
            if waiting.len() < WAITING_MAX {
                waiting.push_back(packet);
            }
        });
        // Who hears something knows the way.
        self.keepalive_at = Some(now + KEEPALIVE_WITH_MEDIA);
    }

    /// The next packet to be sent, with its destination: sound, or the keep-alive that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let to = self.receiver.destination();
        let is_known = !to.ip().is_unspecified() && to.port() != 0;
        if let Some(packet) = self.waiting.pop_front() {
            return is_known.then_some((to, packet));
        }
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
        if !is_known {
            return None;
        }
        Some((to, self.speech.keepalive(now)?))
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
        self.speech.packet_time()
    }

    /// Says whether the peer can be heard to press keys.
    pub(crate) fn takes_keys(&self) -> bool {
        self.takes_keys
    }
}

#[cfg(test)]
mod tests {
    use media::codec::Codec;
    use media::sdp::{Direction, OpusParameters};
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn as_many_packets_to_the_caller_wait_as_the_limit_and_not_one_more() {
        for (said, sent) in [(WAITING_MAX, WAITING_MAX), (WAITING_MAX + 1, WAITING_MAX)] {
            let remote = SocketAddr::from(([192, 0, 2, 1], 4_000));
            let negotiated = Negotiated {
                remote_rtp: remote,
                remote_rtcp: remote,
                codec: Codec::Pcmu,
                send_payload_type: 0,
                receive_payload_type: 0,
                telephone_event: None,
                send_telephone_event: None,
                ptime: Duration::from_millis(20),
                direction: Direction::SendReceive,
                crypto: None,
                rtcp_mux: false,
                opus: OpusParameters::default(),
            };
            let mut rng = ChaCha20Rng::from_seed([1; 32]);
            let mut media = CallMedia::new(&negotiated, SampleRate::Hz8000, &mut rng).unwrap();
            let now = Instant::now();

            media.say(now, &vec![0; said * 160]);

            let packets = std::iter::from_fn(|| media.handle_timeout(now));
            assert_eq!(packets.count(), sent);
        }
    }
}
