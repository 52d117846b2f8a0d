//! What a caller says: samples in, packets out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::dtmf::Key;
use media::receive::{Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::Negotiated;
use media::send::SendError;
use model::Secret;
use rand_chacha::ChaCha20Rng;

use crate::speech::Speech;

/// How long each key of a PIN is pressed.
const PRESSED: Duration = Duration::from_millis(100);
/// From the beginning of one key to that of the next: its packets, the repeated ones at its end, and a pause.
const KEY_EVERY: Duration = Duration::from_millis(260);
/// From the beginning of the last key to the first word, where nobody says that the PIN is right: a server looks it up first.
const SETTLES: Duration = Duration::from_secs(1);

/// The media of an answered call.
pub(super) struct Voice {
    speech: Speech,
    sent: Duration,
    /// Only follows where the peer's packets come from; what it says is not heard.
    receiver: Receiver,
    /// Keys that are still to be pressed, and when the next one is.
    keys: VecDeque<Key>,
    next_key_at: Option<Instant>,
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
            keys: VecDeque::new(),
            next_key_at: None,
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

    /// Keys in a PIN from a moment on, with `#` behind it. Silence is to be handed to [`key_in`](Self::key_in) meanwhile.
    pub(super) fn begin_keys(&mut self, from: Instant, pin: &Secret) {
        self.keys = pin
            .reveal()
            .chars()
            .chain(['#'])
            .filter_map(Key::from_char)
            .collect();
        // The other side has to be ready for the first one.
        self.next_key_at = Some(from + KEY_EVERY);
    }

    /// Sends silence, and the keys when their time has come; it is no speech.
    pub(super) fn key_in(&mut self, now: Instant, silence: &[i16], emit: impl FnMut(Vec<u8>)) {
        if self.next_key_at.is_some_and(|at| at <= now) {
            self.next_key_at = self.keys.pop_front().map(|key| {
                self.speech.press(key, PRESSED);
                now + if self.keys.is_empty() { SETTLES } else { KEY_EVERY }
            });
        }
        self.speech.say(now, silence, emit);
    }

    /// Says whether there are keys still to be pressed, or the last one has yet to settle.
    pub(super) fn has_keys(&self) -> bool {
        self.next_key_at.is_some()
    }

    /// How much speech was sent.
    pub(super) fn sent(&self) -> Duration {
        self.sent
    }
}
