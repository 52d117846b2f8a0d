//! A zone's plane with peers on its legs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::bridge::{BridgeId, Command, Event, LegId, Plane, Role, Transmit};
use media::codec::Codec;
use media::rtcp;
use media::rtp::{Header, Packet};
use media::sdp::{CryptoPair, Direction, Negotiated, OpusParameters};
use media::send::{Sender, SenderConfig};
use media::srtp::{Context, MasterKey, Suite};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::line::{FRAME, payload_type};

pub(crate) const BRIDGE: BridgeId = BridgeId(7);
pub(crate) const TALKER: LegId = LegId(1);
pub(crate) const LISTENER: LegId = LegId(2);

pub(crate) struct Site {
    pub(crate) plane: Plane,
    pub(crate) now: Instant,
    rng: ChaCha20Rng,
}

/// The far end of a leg.
pub(crate) struct Peer {
    pub(crate) leg: LegId,
    pub(crate) address: SocketAddr,
    /// What the zone has agreed with this peer.
    pub(crate) zone_side: Negotiated,
    pub(crate) sender: Sender,
    /// Plain packets that reached the peer.
    pub(crate) packets: Vec<Vec<u8>>,
    pub(crate) reports: Vec<rtcp::Received>,
    crypto: Option<Context>,
}

impl Site {
    pub(crate) fn new() -> Site {
        Site {
            plane: Plane::new([1; 32]),
            now: Instant::now(),
            rng: ChaCha20Rng::from_seed([3; 32]),
        }
    }

    /// A peer behind SRTP; not connected yet.
    pub(crate) fn peer(&mut self, leg: LegId, codec: Codec) -> Peer {
        let suite = Suite::AesCm128HmacSha1_80;
        let send = MasterKey::generate(suite, &mut self.rng);
        let receive = MasterKey::generate(suite, &mut self.rng);
        self.peer_with(leg, codec, Some(CryptoPair { send, receive }))
    }

    /// A peer with plain RTP; not connected yet.
    pub(crate) fn plain_peer(&mut self, leg: LegId, codec: Codec) -> Peer {
        self.peer_with(leg, codec, None)
    }

    fn peer_with(&mut self, leg: LegId, codec: Codec, crypto: Option<CryptoPair>) -> Peer {
        let address = address(leg);
        let zone_side = Negotiated {
            remote_rtp: address,
            remote_rtcp: address,
            codec,
            send_payload_type: payload_type(codec),
            receive_payload_type: payload_type(codec),
            telephone_event: Some(101),
            send_telephone_event: Some(101),
            ptime: FRAME,
            direction: Direction::SendReceive,
            crypto,
            rtcp_mux: true,
            opus: OpusParameters::default(),
        };
        Peer::new(leg, address, zone_side, &mut self.rng)
    }

    pub(crate) fn connect(&mut self, peer: &Peer, role: Role) {
        self.plane.handle_opened(peer.leg);
        self.connect_to(peer, BRIDGE, role);
    }

    pub(crate) fn connect_to(&mut self, peer: &Peer, bridge: BridgeId, role: Role) {
        let negotiated = Box::new(peer.zone_side.clone());
        self.plane.handle_command(
            self.now,
            Command::Connect {
                leg: peer.leg,
                negotiated,
                bridge,
                role,
            },
        );
    }

    pub(crate) fn close(&mut self, leg: LegId) {
        self.plane.handle_command(self.now, Command::Close { leg });
    }

    /// Lets a peer say one frame.
    pub(crate) fn say(&mut self, peer: &mut Peer, frame: &[i16]) {
        let mut packet = Vec::new();
        peer.sender.packetize(self.now, frame, &mut packet).unwrap();
        self.plane
            .handle_packet(self.now, peer.leg, peer.address, &mut packet);
    }

    /// Lets a peer say many frames, one after the other, and delivers them.
    pub(crate) fn say_all(&mut self, talker: &mut Peer, samples: &[i16], listeners: &mut [&mut Peer]) {
        for frame in samples.chunks_exact(talker.sender.frame_samples()) {
            self.say(talker, frame);
            self.deliver(listeners);
            self.pass(FRAME);
        }
    }

    /// Delivers what the plane has to send; says what was sent where, in order.
    pub(crate) fn deliver(&mut self, peers: &mut [&mut Peer]) -> Vec<Transmit> {
        let mut buffer = Vec::new();
        let mut transmits = Vec::new();
        while let Some(transmit) = self.plane.poll_transmit(&mut buffer) {
            assert_eq!(transmit.length, buffer.len());
            transmits.push(transmit);
            let peer = peers.iter_mut().find(|peer| peer.leg == transmit.leg);
            if let Some(peer) = peer.filter(|peer| peer.address == transmit.to) {
                peer.take(&mut buffer);
            }
        }
        transmits
    }

    /// Lets time pass; timers fire at their time.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.plane.next_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.plane.handle_timeout(self.now);
        }
        self.now = end;
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.plane.poll_event()).collect()
    }
}

impl Peer {
    fn new(leg: LegId, address: SocketAddr, zone_side: Negotiated, rng: &mut ChaCha20Rng) -> Peer {
        let config = SenderConfig {
            key: zone_side.crypto.as_ref().map(|pair| pair.receive.clone()),
            ..SenderConfig::new(&zone_side)
        };
        let sender = Sender::new(&config, rng).unwrap();
        let crypto = zone_side.crypto.as_ref().map(|pair| Context::new(&pair.send));
        Peer {
            leg,
            address,
            zone_side,
            sender,
            packets: Vec::new(),
            reports: Vec::new(),
            crypto,
        }
    }

    fn take(&mut self, datagram: &mut [u8]) {
        let is_report = rtcp::is_rtcp(datagram);
        let length = match &mut self.crypto {
            Some(context) if is_report => context.unprotect_rtcp(datagram).unwrap(),
            Some(context) => context.unprotect_rtp(datagram).unwrap(),
            None => datagram.len(),
        };
        if is_report {
            self.reports
                .push(rtcp::Received::parse(&datagram[..length]).unwrap());
        } else {
            self.packets.push(datagram[..length].to_vec());
        }
    }

    pub(crate) fn headers(&self) -> Vec<Header> {
        self.packets
            .iter()
            .map(|packet| Packet::parse(packet).unwrap().header())
            .collect()
    }

    pub(crate) fn payloads(&self) -> Vec<&[u8]> {
        self.packets
            .iter()
            .map(|packet| Packet::parse(packet).unwrap().payload())
            .collect()
    }

    /// Sequence numbers as distances from the first one.
    pub(crate) fn sequence_steps(&self) -> Vec<u16> {
        let headers = self.headers();
        headers
            .iter()
            .map(|header| header.sequence.wrapping_sub(headers[0].sequence))
            .collect()
    }

    /// Timestamps as distances from the first one.
    pub(crate) fn timestamp_steps(&self) -> Vec<u32> {
        let headers = self.headers();
        headers
            .iter()
            .map(|header| header.timestamp.wrapping_sub(headers[0].timestamp))
            .collect()
    }
}

pub(crate) fn address(leg: LegId) -> SocketAddr {
    let [.., high, low] = leg.0.to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 9_000))
}
