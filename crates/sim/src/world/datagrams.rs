//! Datagrams: SIP and media, between stations and the zone.

use std::net::SocketAddr;

use endpoint::Input;
use sip::message::Message;

use super::World;
use crate::agenda::Event;
use crate::ledger::Trouble;
use crate::network::{Fate, Loss};
use crate::station::{MediaPeer, Socket, StationId};
use crate::trace::Summary;
use crate::zone::{self, ZoneSocket};

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Signalling,
    Media,
}

impl World<'_> {
    /// Sends a datagram of a station.
    pub(super) fn send_out(
        &mut self,
        id: StationId,
        kind: Kind,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let fate = self.network.send_out(self.now, from, to);
        if kind == Kind::Signalling {
            let lost = lost(&fate);
            self.note(id, format_args!("sends {}{lost}", Summary(&bytes)));
        }
        self.follow(Some(id), kind, fate, to, bytes);
    }

    /// Sends a datagram of the zone.
    pub(super) fn send_in(&mut self, kind: Kind, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let fate = self.network.send_in(self.now, from, to);
        let inside = self.network.translators.inside_of(self.now, to);
        let station = inside.and_then(|inside| self.stations.at(inside.ip()));
        if kind == Kind::Signalling {
            let lost = lost(&fate);
            match station {
                Some(id) => {
                    self.note(id, format_args!("is sent {}{lost}", Summary(&bytes)));
                    self.note_farewell(id, &bytes);
                }
                None => self.note_zone(format_args!("sends {} to {to}{lost}", Summary(&bytes))),
            }
        }
        self.follow(station, kind, fate, to, bytes);
    }

    fn follow(&mut self, station: Option<StationId>, kind: Kind, fate: Fate, to: SocketAddr, bytes: Vec<u8>) {
        let trouble = match kind {
            Kind::Signalling => Trouble::SignallingLost,
            Kind::Media => Trouble::SoundDisturbed,
        };
        match fate {
            // Before a translator is learnt it is normal that something is sent to the address behind it.
            Fate::Lost(Loss::NoRoute) => {}
            Fate::Lost(Loss::Cut | Loss::Weather) => {
                self.tally.lost += 1;
                self.trouble(station, trouble);
            }
            Fate::Arrives { from, at, disturbed } => {
                if disturbed && kind == Kind::Media {
                    self.trouble(station, trouble);
                }
                let mut copies = at.into_iter();
                let first = copies.next();
                for later in copies {
                    let bytes = bytes.clone();
                    self.agenda.add(later, Event::Datagram { from, to, bytes });
                }
                if let Some(first) = first {
                    self.agenda.add(first, Event::Datagram { from, to, bytes });
                }
            }
        }
    }

    fn trouble(&mut self, station: Option<StationId>, trouble: Trouble) {
        if let Some(station) = station {
            self.ledger.trouble(station, trouble, self.now, self.now);
        }
    }

    pub(super) fn datagram_arrives(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let at = self.elapsed();
        self.trace.packet(at, &bytes);
        if to.ip() == zone::ADDRESS {
            self.datagram_reaches_zone(from, to, bytes);
        } else if let Some(inside) = self.network.translators.inside_of(self.now, to)
            && let Some(id) = self.stations.at(inside.ip())
        {
            self.datagram_reaches_station(id, from, inside.port(), bytes);
        }
    }

    fn datagram_reaches_zone(&mut self, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        let now = self.now;
        let Some(process) = &mut self.zone.process else {
            return;
        };
        match process.socket(to.port()) {
            Some(ZoneSocket::Sip) => {
                self.tally.messages += 1;
                let flow = zone::datagram_flow(from);
                self.give_zone(match Message::parse_datagram(bytes) {
                    Ok(message) => switch::Input::Sip { flow, message },
                    Err(error) => switch::Input::Framing { flow, error },
                });
            }
            Some(ZoneSocket::Rtp(leg)) => {
                self.tally.packets += 1;
                MediaPeer::count(&mut process.ports.peer_by_port, to.port(), from, &bytes);
                process.plane.handle_packet(now, leg, from, &mut bytes);
                self.settle_plane();
            }
            Some(ZoneSocket::Rtcp(leg)) => {
                self.tally.packets += 1;
                process.plane.handle_rtcp(now, leg, from, &mut bytes);
                self.settle_plane();
            }
            None => {}
        }
    }

    pub(super) fn datagram_reaches_station(
        &mut self,
        id: StationId,
        from: SocketAddr,
        port: u16,
        bytes: Vec<u8>,
    ) {
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        match station.socket(port) {
            Some(Socket::Sip) => {
                self.tally.messages += 1;
                let flow = station.datagram_flow(from);
                self.give(
                    id,
                    match Message::parse_datagram(bytes) {
                        Ok(message) => Input::Sip { flow, message },
                        Err(error) => Input::Framing { flow, error },
                    },
                );
            }
            Some(Socket::Media(call)) => {
                self.tally.packets += 1;
                let now = self.now;
                MediaPeer::count(&mut station.sockets.peer_by_port, port, from, &bytes);
                // Packets come by the hundred a second, change no timer and have no output of their own.
                if let Some(core) = &mut station.core {
                    core.handle_input(now, Input::Media { call, from, bytes });
                }
            }
            None => {}
        }
    }
}

fn lost(fate: &Fate) -> &'static str {
    match fate {
        Fate::Lost(Loss::Cut) => " (lost: the line is cut)",
        Fate::Lost(Loss::Weather) => " (lost)",
        Fate::Lost(Loss::NoRoute) => " (lost: no way there)",
        Fate::Arrives { .. } => "",
    }
}
