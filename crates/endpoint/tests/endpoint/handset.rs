//! A telephone: speaks, presses keys and hears.

use media::dtmf::Key;
use media::receive::{Receiver, ReceiverConfig};
use media::sdp::Negotiated;
use media::send::{Sender, SenderConfig};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use endpoint::{CallId, Input};

use crate::world::{Page, RATE, TICK, TICK_SAMPLES, World, talker_address};

pub(crate) struct Handset {
    call: CallId,
    sender: Sender,
    negotiated: Negotiated,
    /// The next packets are lost.
    pub(crate) loses: usize,
    /// Each packet comes so often.
    pub(crate) copies: usize,
}

impl Handset {
    pub(crate) fn new(world: &mut World, page: &Page) -> Self {
        let (_, answer) = world.server().answered_at(page.session).unwrap();
        let negotiated = page.pending.accept(answer.body()).unwrap();
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        Self {
            call: page.call,
            sender: Sender::new(&SenderConfig::new(&negotiated), &mut rng).unwrap(),
            negotiated,
            loses: 0,
            copies: 1,
        }
    }

    /// Says samples at 8 kHz, a packet a tick.
    pub(crate) fn speak(&mut self, world: &mut World, samples: &[i16]) {
        for frame in samples.chunks_exact(TICK_SAMPLES) {
            let mut packet = Vec::new();
            self.sender.packetize(world.now, frame, &mut packet).unwrap();
            if self.loses > 0 {
                self.loses -= 1;
            } else {
                for _ in 0..self.copies {
                    let bytes = packet.clone();
                    world.input(Input::Media {
                        call: self.call,
                        from: talker_address(),
                        bytes,
                    });
                }
            }
            world.run_for(TICK);
        }
    }

    /// Presses keys one after the other.
    pub(crate) fn key_in(&mut self, world: &mut World, keys: &str) {
        for key in keys.chars() {
            assert!(self.sender.press(Key::from_char(key).unwrap(), 4 * TICK));
            while self.sender.is_pressing() {
                self.speak(world, &[0; TICK_SAMPLES]);
            }
            self.speak(world, &[0; 2 * TICK_SAMPLES]);
        }
    }

    /// What the device has let the caller hear so far.
    pub(crate) fn heard(&self, world: &World) -> Vec<i16> {
        let mut config = ReceiverConfig::new(&self.negotiated, RATE);
        config.telephone_event = None;
        let mut receiver = Receiver::new(&config);
        let mut heard = Vec::new();
        let mut now = world.start;
        let sent = world.media_sent.iter().filter(|(_, call, ..)| *call == self.call);
        for (at, _, _, bytes) in sent {
            while now < *at {
                let mut out = [0; TICK_SAMPLES];
                receiver.pull(now, &mut out);
                heard.extend_from_slice(&out);
                now += TICK;
            }
            receiver.handle_packet(*at, self.negotiated.remote_rtp, &mut bytes.clone());
        }
        for _ in 0..10 {
            let mut out = [0; TICK_SAMPLES];
            receiver.pull(now, &mut out);
            heard.extend_from_slice(&out);
            now += TICK;
        }
        heard
    }
}
