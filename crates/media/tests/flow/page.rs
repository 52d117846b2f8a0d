//! A page from a talker's frames through a bridge to a listener's sink, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::bridge::{BridgeId, Command, LegId, Plane, Role};
use media::codec::Codec;
use media::receive::{Received, Receiver, ReceiverConfig};
use media::sample::SampleRate;
use media::sdp::{CryptoPair, Direction, Negotiated};
use media::send::{Sender, SenderConfig};
use media::srtp::{MasterKey, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const FRAME: Duration = Duration::from_millis(20);
const TALKER: LegId = LegId(1);
const BRIDGE: BridgeId = BridgeId(7);

#[test]
fn a_page_arrives_whole_at_a_listener_who_joins_late() {
    let mut site = Site::new();
    let talker_side = site.connect(TALKER, Role::Talker, Codec::Pcmu);
    let mut talker = Sender::new(&SenderConfig::new(&talker_side), &mut site.rng).unwrap();
    let mut packet = Vec::new();
    let mut now = site.start;
    let mut receiver = None;
    let mut out = [0; 480];
    let mut heard = Vec::new();
    let mut said = Vec::new();

    for number in 0..150_u32 {
        let frame = speech(number, 160);
        said.extend_from_slice(&frame);
        talker.packetize(now, &frame, &mut packet).unwrap();
        site.plane.handle_packet(now, TALKER, address(1), &mut packet);
        if number == 75 {
            let listener_side = site.connect(LegId(2), Role::Listener, Codec::Pcmu);
            receiver = Some(Receiver::new(&ReceiverConfig::new(
                &listener_side,
                SampleRate::Hz8000,
            )));
        }
        if let Some(receiver) = &mut receiver {
            site.deliver(now, receiver);
            receiver.pull(now, &mut out[..160]);
            heard.extend_from_slice(&out[..160]);
        }
        now += FRAME;
    }
    let receiver = receiver.as_mut().unwrap();
    while !receiver.drained() {
        receiver.pull(now, &mut out[..160]);
        heard.extend_from_slice(&out[..160]);
        now += FRAME;
    }

    let statistics = receiver.statistics();
    assert_eq!(statistics.packets, 150);
    assert_eq!(
        (statistics.lost, statistics.late, statistics.concealed_samples),
        (0, 0, 0)
    );
    assert_eq!(statistics.played_samples, 150 * 160);
    let begin = heard.iter().position(|&sample| sample != 0).unwrap();
    let expected: Vec<i16> = said
        .iter()
        .map(|&s| media::codec::g711::decode_mu_law(media::codec::g711::encode_mu_law(s)))
        .collect();
    let first = expected.iter().position(|&sample| sample != 0).unwrap();
    assert_eq!(heard[begin..begin + 20_000], expected[first..first + 20_000]);
}

fn speech(number: u32, length: usize) -> Vec<i16> {
    (0..length)
        .map(|index| {
            let t = (number as usize * length + index) as f32 / 8_000.0;
            let envelope = 0.6 + 0.4 * (t * 9.0).sin();
            (6_000.0 * envelope * ((t * 900.0).sin() + 0.5 * (t * 2_700.0).sin())) as i16 + 50
        })
        .collect()
}

struct Site {
    plane: Plane,
    rng: ChaCha20Rng,
    start: Instant,
    buffer: Vec<u8>,
}

impl Site {
    fn new() -> Site {
        let rng = ChaCha20Rng::from_seed([3; 32]);
        Site {
            plane: Plane::new([1; 32]),
            rng,
            start: Instant::now(),
            buffer: Vec::new(),
        }
    }

    /// Connects a leg with fresh keys; what the peer on it has negotiated.
    fn connect(&mut self, leg: LegId, role: Role, codec: Codec) -> Negotiated {
        let suite = Suite::AesCm128HmacSha1_80;
        let send = MasterKey::generate(suite, &mut self.rng);
        let receive = MasterKey::generate(suite, &mut self.rng);
        let ours = Negotiated {
            remote_rtp: address(u16::try_from(leg.0).unwrap()),
            remote_rtcp: address(u16::try_from(leg.0).unwrap()),
            codec,
            send_payload_type: codec.static_payload_type().unwrap_or(111),
            receive_payload_type: codec.static_payload_type().unwrap_or(111),
            telephone_event: Some(101),
            send_telephone_event: Some(101),
            ptime: FRAME,
            direction: Direction::SendReceive,
            crypto: Some(CryptoPair { send, receive }),
            rtcp_mux: true,
            opus: Default::default(),
        };
        let mut theirs = ours.clone();
        theirs.remote_rtp = zone();
        theirs.crypto = ours.crypto.clone().map(|pair| CryptoPair {
            send: pair.receive,
            receive: pair.send,
        });
        self.plane.handle_opened(leg);
        let negotiated = Box::new(ours);
        self.plane.handle_command(
            self.start,
            Command::Connect {
                leg,
                negotiated,
                bridge: BRIDGE,
                role,
            },
        );
        theirs
    }

    fn deliver(&mut self, now: Instant, receiver: &mut Receiver) {
        while let Some(transmit) = self.plane.poll_transmit(&mut self.buffer) {
            assert_eq!(transmit.to, address(2));
            let received = receiver.handle_packet(now, zone(), &mut self.buffer);
            assert!(matches!(received, Received::Accepted { .. }), "{received:?}");
        }
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1_000 + port))
}

fn zone() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 2], 5_000))
}
