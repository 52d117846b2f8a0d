//! A talker, a network and a listener on one clock.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::codec::Codec;
use media::receive::{Received, Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::send::{Sender, SenderConfig};
use media::srtp::MasterKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::network::{Network, Weather};

pub(crate) const FRAME: Duration = Duration::from_millis(20);
/// What the sink takes at a time.
pub(crate) const QUANTUM: Duration = Duration::from_millis(10);

pub(crate) struct Line {
    pub(crate) now: Instant,
    pub(crate) sender: Sender,
    pub(crate) network: Network,
    pub(crate) receiver: Receiver,
    /// All that the sink has heard.
    pub(crate) heard: Vec<i16>,
    pub(crate) received: Vec<Received>,
    next_pull: Instant,
    quantum: usize,
}

pub(crate) fn talker() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}

pub(crate) fn sender(codec: Codec, key: Option<MasterKey>, seed: u8) -> Sender {
    let config = SenderConfig {
        codec,
        payload_type: payload_type(codec),
        packet_time: FRAME,
        telephone_event: Some(101),
        key,
    };
    Sender::new(&config, &mut ChaCha20Rng::from_seed([seed; 32])).unwrap()
}

pub(crate) fn receiver(codec: Codec, key: Option<MasterKey>, output_rate: SampleRate) -> Receiver {
    Receiver::new(&ReceiverConfig {
        remote: talker(),
        formats: vec![(payload_type(codec), codec)],
        telephone_event: Some(101),
        key,
        output_rate,
    })
}

pub(crate) fn payload_type(codec: Codec) -> u8 {
    codec.static_payload_type().unwrap_or(111)
}

impl Line {
    /// A line whose sink runs 7 ms out of step with the talker.
    pub(crate) fn new(codec: Codec, output_rate: SampleRate, weather: Weather) -> Line {
        let now = Instant::now();
        Line {
            now,
            sender: sender(codec, None, 1),
            network: Network::new(weather, 2),
            receiver: receiver(codec, None, output_rate),
            heard: Vec::new(),
            received: Vec::new(),
            next_pull: now + Duration::from_millis(7),
            quantum: output_rate.samples_in(QUANTUM),
        }
    }

    pub(crate) fn pcmu() -> Line {
        Line::new(Codec::Pcmu, SampleRate::Hz8000, Weather::CALM)
    }

    /// Says something in frames of [`FRAME`], each sent when its last sample is spoken.
    pub(crate) fn say(&mut self, samples: &[i16]) {
        let mut packet = Vec::new();
        for frame in samples.chunks_exact(self.sender.frame_samples()) {
            self.pass(FRAME);
            self.sender.packetize(self.now, frame, &mut packet).unwrap();
            self.network.send(self.now, &packet);
        }
    }

    /// Says one frame, and gives its packet to be sent later.
    pub(crate) fn hold_back(&mut self, frame: &[i16]) -> Vec<u8> {
        let mut packet = Vec::new();
        self.pass(FRAME);
        self.sender.packetize(self.now, frame, &mut packet).unwrap();
        packet
    }

    /// Makes the packets of something said, all at once.
    pub(crate) fn burst(&mut self, samples: &[i16]) {
        let mut packet = Vec::new();
        for frame in samples.chunks_exact(self.sender.frame_samples()) {
            self.sender.packetize(self.now, frame, &mut packet).unwrap();
            self.network.send(self.now, &packet);
        }
    }

    /// Lets time pass: datagrams arrive and the sink takes what it needs.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += Duration::from_millis(1);
            while let Some(mut datagram) = self.network.receive(self.now) {
                self.received
                    .push(self.receiver.handle_packet(self.now, talker(), &mut datagram));
            }
            while self.next_pull <= self.now {
                self.pull();
                self.next_pull += QUANTUM;
            }
        }
    }

    /// Lets time pass until all has been played.
    pub(crate) fn drain(&mut self) {
        for _ in 0..500 {
            self.pass(QUANTUM);
            if self.receiver.drained() {
                return;
            }
        }
        panic!("not drained after 5 s");
    }

    fn pull(&mut self) {
        let start = self.heard.len();
        self.heard.resize(start + self.quantum, 0);
        self.receiver.pull(self.now, &mut self.heard[start..]);
    }
}
