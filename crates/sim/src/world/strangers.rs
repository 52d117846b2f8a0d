//! A stranger: a host of nobody's that can send to every address, and knows which ports are open.
//!
//! Where media is protected it may even forge the sender: that is what the protection is for. Plain media takes the
//! first sender for its peer, as there is nothing else to know it by; so there the stranger comes second, and forges
//! nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use media::codec::Codec;
use media::sdp::SecurityOffer;
use media::send::{Sender, SenderConfig};

use super::World;
use crate::agenda::Event;
use crate::sound::{PERIOD, Tag};
use crate::station::{MediaPeer, Setup, StationId};
use crate::zone;

/// The stranger's address.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66)), 5_060);
/// Periods of sound it throws at each open port at a time: enough to be heard.
const PERIODS: usize = 10;

impl World<'_> {
    /// The stranger tries everything: to call, to register as somebody, and to talk into every page that is on.
    pub(super) fn intrude(&mut self, near: StationId) {
        self.tally.intrusions += 1;
        self.ledger.has_strangers = true;
        self.note(
            near,
            format_args!("STRANGER calls it, and talks into all that is open"),
        );
        for request in self.forgeries(near) {
            let to = SocketAddr::new(zone::ADDRESS, zone::UDP_PORT);
            self.throw(ADDRESS, to, request);
        }
        self.call_directly(near);
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for packet in self.speech_of_stranger(codec) {
                self.throw_at_zone(&packet);
                self.throw_at_stations(&packet);
            }
        }
    }

    /// An INVITE to everybody and a REGISTER of a device's user, from somebody who knows no password.
    fn forgeries(&mut self, near: StationId) -> Vec<Vec<u8>> {
        let user = self.user_of(near);
        let number = self.tally.intrusions;
        ["INVITE sip:700@acme.example", "REGISTER sip:acme.example"]
            .map(|start| request(start, &user, number))
            .to_vec()
    }

    /// Calls a device past its zone.
    fn call_directly(&mut self, near: StationId) {
        let Some(station) = self.stations.get(near) else {
            return;
        };
        let to = station.datagram_flow(ADDRESS).local;
        let user = self.user_of(near);
        let start = format!("INVITE sip:{user}@{to}");
        let bytes = request(&start, "boss", self.tally.intrusions);
        self.datagram_reaches_station(near, ADDRESS, to.port(), bytes);
    }

    fn user_of(&self, id: StationId) -> String {
        let setup = self.stations.get(id).map(|station| &station.setup);
        match setup {
            Some(Setup::Device(profile)) => profile
                .slots
                .iter()
                .find_map(|slot| Some(slot.account.as_ref()?.user.to_string()))
                .unwrap_or_default(),
            Some(Setup::Talker(profile)) => profile.account.user.to_string(),
            None => String::new(),
        }
    }

    /// Plain RTP packets of a tone of its own.
    fn speech_of_stranger(&mut self, codec: Codec) -> Vec<Vec<u8>> {
        let config = SenderConfig {
            codec,
            payload_type: if codec == Codec::Pcmu { 0 } else { 8 },
            packet_time: PERIOD,
            telephone_event: None,
            key: None,
        };
        let Ok(mut sender) = Sender::new(&config, self.cores.rng()) else {
            return Vec::new();
        };
        let (now, tone) = (self.now, Tag::STRANGER.period());
        (0..PERIODS)
            .filter_map(|_period| {
                let mut packet = Vec::new();
                sender.packetize(now, &tone, &mut packet).ok()?;
                Some(packet)
            })
            .collect()
    }

    fn throw_at_zone(&mut self, packet: &[u8]) {
        let Some(process) = &self.zone.process else {
            return;
        };
        for (port, peer) in process.ports.peer_by_port.clone() {
            let inside = self.network.translators.inside_of(self.now, peer.source);
            let station = inside.and_then(|inside| self.stations.at(inside.ip()));
            let is_protected = station.is_some_and(|station| self.is_protected(station));
            if let Some(from) = sender(&peer, is_protected) {
                let to = SocketAddr::new(zone::ADDRESS, port);
                self.throw(from, to, packet.to_vec());
            }
        }
    }

    fn throw_at_stations(&mut self, packet: &[u8]) {
        for id in (0..self.stations.list.len()).map(StationId) {
            let is_protected = self.is_protected(id);
            let peers = self
                .stations
                .get(id)
                .map(|station| station.sockets.peer_by_port.clone());
            for (port, peer) in peers.unwrap_or_default() {
                if let Some(from) = sender(&peer, is_protected) {
                    self.datagram_reaches_station(id, from, port, packet.to_vec());
                }
            }
        }
    }

    fn is_protected(&self, id: StationId) -> bool {
        let security = match self.stations.get(id).map(|station| &station.setup) {
            Some(Setup::Device(profile)) => profile.media.security,
            Some(Setup::Talker(profile)) => profile.media.security,
            None => return false,
        };
        security == SecurityOffer::Standard
    }

    /// Sends past the weather and the translators.
    fn throw(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let at = self.now + Duration::from_micros(1);
        self.agenda.add(at, Event::Datagram { from, to, bytes });
    }
}

/// The sender that the stranger gives to what it throws at a port with this peer.
fn sender(peer: &MediaPeer, is_protected: bool) -> Option<SocketAddr> {
    if is_protected {
        Some(peer.source)
    } else {
        peer.is_settled().then_some(ADDRESS)
    }
}

fn request(start: &str, user: &str, number: u64) -> Vec<u8> {
    let method = start.split(' ').next().unwrap_or_default();
    format!(
        "{start} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {ADDRESS};rport;branch=z9hG4bK-{method}-{number}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{user}@acme.example>;tag=s{number}\r\n\
         To: <sip:{user}@acme.example>\r\n\
         Call-ID: {method}-{number}@stranger.example\r\n\
         CSeq: 1 {method}\r\n\
         Contact: <sip:{user}@{ADDRESS}>\r\n\
         Alert-Info: <http://stranger.example>;info=alert-autoanswer\r\n\
         Expires: 3600\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
