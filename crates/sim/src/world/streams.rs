//! Streams: dialling, octets, ends, and how each side finds out.

use std::net::SocketAddr;

use endpoint::{ConnectToken, Input};
use model::status::Cause;
use sip::flow::ConnectionId;
use sip::framing::Framed;

use super::World;
use crate::agenda::{Event, StreamEvent};
use crate::ledger::Trouble;
use crate::network::{DIAL_PATIENCE, Direction, End, PATIENCE, REPEAT_MIN, StreamId};
use crate::station::StationId;
use crate::trace::Summary;
use crate::zone;

/// The answer to a ping (RFC 5626 section 4.4.1).
const PONG: &[u8] = b"\r\n";

impl World<'_> {
    pub(super) fn dial(&mut self, id: StationId, token: ConnectToken, remote: SocketAddr) {
        let Some(station) = self.stations.get_mut(id) else {
            return;
        };
        let incarnation = station.incarnation;
        let local = SocketAddr::new(station.address, station.sockets.stream_port());
        let outside = self.network.translators.outside_of_stream(local);
        let stream = self
            .network
            .streams
            .dial(incarnation, token, local, outside, remote);
        self.note(id, format_args!("dials {}", stream.connection()));
        let arrival = self.network.stream_arrival(self.now, local.ip(), zone::ADDRESS);
        if let Some(at) = arrival {
            self.later(at, stream, StreamEvent::Dialled);
        }
        self.agenda
            .add(self.now + DIAL_PATIENCE, Event::DialOverdue { stream });
    }

    /// A core gives up an attempt: a connection that comes of it is closed.
    pub(super) fn abandon(&mut self, id: StationId, token: ConnectToken) {
        let Some(incarnation) = self.stations.get(id).map(|station| station.incarnation) else {
            return;
        };
        if let Some(stream) = self.network.streams.of_attempt(incarnation, token)
            && let Some(known) = self.network.streams.get_mut(stream)
            && known.down.end == End::Dialling
        {
            known.down.end = End::Closed;
            self.network.streams.tidy(stream);
        }
    }

    pub(super) fn dial_overdue(&mut self, stream: StreamId) {
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if known.down.end != End::Dialling {
            return;
        }
        known.down.end = End::Closed;
        let (id, token) = (known.station.station, known.token);
        if known.up.end == End::Dialling {
            known.up.end = End::Closed;
        }
        self.network.streams.tidy(stream);
        self.note(id, format_args!("{} is not answered", stream.connection()));
        let cause = Cause::TcpTimeout;
        self.give(id, Input::ConnectFailed { token, cause });
    }

    /// Sends octets on a stream, in one or two pieces.
    pub(super) fn send_octets(&mut self, connection: ConnectionId, direction: Direction, mut bytes: Vec<u8>) {
        let stream = StreamId::of(connection);
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if *known.sender(direction) != End::Open {
            return;
        }
        let id = known.station.station;
        match direction {
            Direction::Up => self.note(id, format_args!("sends {}", Summary(&bytes))),
            Direction::Down => {
                self.note(id, format_args!("is sent {}", Summary(&bytes)));
                self.note_farewell(id, &bytes);
            }
        }
        if let Some(place) = self.network.cut_place(bytes.len()) {
            let rest = bytes.split_off(place);
            self.send_piece(stream, direction, bytes);
            bytes = rest;
        }
        self.send_piece(stream, direction, bytes);
    }

    fn send_piece(&mut self, stream: StreamId, direction: Direction, bytes: Vec<u8>) {
        let now = self.now;
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        let station = known.station_flow.local.ip();
        let arrival = self.network.stream_arrival(now, station, zone::ADDRESS);
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        match arrival {
            Some(at) => {
                let way = known.way(direction);
                let at = way.last_arrival.map_or(at, |last| at.max(last));
                way.last_arrival = Some(at);
                if at > now + REPEAT_MIN {
                    let id = known.station.station;
                    self.ledger.trouble(id, Trouble::SignallingLost, now, at);
                }
                self.later(at, stream, StreamEvent::Octets { direction, bytes });
            }
            None => {
                known.is_severed = true;
                self.doom(stream, direction);
            }
        }
    }

    /// Octets in this direction are never acknowledged: their sender gives up.
    fn doom(&mut self, stream: StreamId, direction: Direction) {
        let at = self.now + PATIENCE;
        if let Some(known) = self.network.streams.get_mut(stream)
            && !std::mem::replace(&mut known.way(direction).is_doomed, true)
        {
            self.later(at, stream, StreamEvent::GivenUp { direction });
        }
    }

    /// A station closes its end.
    pub(super) fn station_closes(&mut self, id: StationId, connection: ConnectionId) {
        let stream = StreamId::of(connection);
        self.note(id, format_args!("closes {connection}"));
        self.close_end(stream, Direction::Down, true);
    }

    /// The zone closes its end.
    pub(super) fn zone_closes(&mut self, connection: ConnectionId) {
        self.note_zone(format_args!("closes {connection}"));
        self.close_end(StreamId::of(connection), Direction::Up, true);
    }

    /// Closes the end that this direction leads to. The other one is told, unless the host has no power to.
    pub(super) fn close_end(&mut self, stream: StreamId, direction: Direction, tells: bool) {
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        let was_open = std::mem::replace(&mut known.way(direction).end, End::Closed) == End::Open;
        if was_open && tells {
            self.send_end(stream, direction.back());
        }
        self.network.streams.tidy(stream);
    }

    /// Tells the end that this direction leads to that the stream has ended, if it can be told.
    fn send_end(&mut self, stream: StreamId, direction: Direction) {
        let now = self.now;
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if known.is_severed {
            return;
        }
        let station = known.station_flow.local.ip();
        let arrival = self.network.stream_arrival(now, station, zone::ADDRESS);
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if let Some(at) = arrival {
            let way = known.way(direction);
            let at = way.last_arrival.map_or(at, |last| at.max(last));
            way.last_arrival = Some(at);
            self.later(at, stream, StreamEvent::Ended { direction });
        }
    }

    pub(super) fn stream_event(&mut self, stream: StreamId, event: StreamEvent) {
        match event {
            StreamEvent::Dialled => self.dialled(stream),
            StreamEvent::Accepted => self.accepted(stream),
            StreamEvent::Refused => self.refused(stream),
            StreamEvent::Octets { direction, bytes } => self.octets_arrive(stream, direction, &bytes),
            StreamEvent::Ended { direction } | StreamEvent::GivenUp { direction } => {
                let is_given_up = matches!(event, StreamEvent::GivenUp { .. });
                let direction = if is_given_up { direction.back() } else { direction };
                self.end_learns(stream, direction);
            }
        }
    }

    fn dialled(&mut self, stream: StreamId) {
        let (runs, has_power) = (self.zone.process.is_some(), self.zone.has_power);
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if known.up.end != End::Dialling {
            return;
        }
        let station = known.station_flow.local.ip();
        known.up.end = if runs { End::Open } else { End::Closed };
        if !has_power {
            return;
        }
        let answer = if runs {
            StreamEvent::Accepted
        } else {
            StreamEvent::Refused
        };
        // A TLS handshake takes another turn of packets.
        let handshake = self.network.transit() + self.network.transit();
        if let Some(at) = self.network.stream_arrival(self.now, station, zone::ADDRESS) {
            self.later(at + handshake, stream, answer);
        }
    }

    fn accepted(&mut self, stream: StreamId) {
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if known.down.end == End::Dialling {
            known.down.end = End::Open;
            let (id, token, flow) = (known.station.station, known.token, known.station_flow);
            self.note(id, format_args!("is connected by {}", stream.connection()));
            self.give(id, Input::Connected { token, flow });
        } else {
            // The station has given it up.
            self.send_end(stream, Direction::Up);
        }
    }

    fn refused(&mut self, stream: StreamId) {
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if std::mem::replace(&mut known.down.end, End::Closed) == End::Dialling {
            let (id, token) = (known.station.station, known.token);
            self.note(id, format_args!("{} is refused", stream.connection()));
            let cause = Cause::TcpRefused;
            self.give(id, Input::ConnectFailed { token, cause });
        }
        self.network.streams.tidy(stream);
    }

    fn octets_arrive(&mut self, stream: StreamId, direction: Direction, bytes: &[u8]) {
        let at = self.elapsed();
        self.trace.packet(at, bytes);
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        if known.is_severed {
            // The zone's system knows no such stream and resets it; in the other direction nobody is there.
            match direction {
                Direction::Up => self.end_learns(stream, Direction::Down),
                Direction::Down => self.doom(stream, direction),
            }
            return;
        }
        if known.way(direction).end != End::Open {
            let id = known.station.station;
            let has_power = match direction {
                Direction::Up => self.zone.has_power,
                Direction::Down => self.stations.get(id).is_some_and(|station| station.has_power),
            };
            if has_power {
                self.send_end(stream, direction.back());
            } else {
                self.doom(stream, direction);
            }
            return;
        }
        known.way(direction).framer.push(bytes);
        self.deliver_framed(stream, direction);
    }

    /// Hands on every whole message, and answers pings as the zone's transport does.
    fn deliver_framed(&mut self, stream: StreamId, direction: Direction) {
        while let Some(known) = self.network.streams.get_mut(stream) {
            if known.way(direction).end != End::Open {
                return;
            }
            let id = known.station.station;
            let flow = match direction {
                Direction::Up => known.zone_flow,
                Direction::Down => known.station_flow,
            };
            let framed = match known.way(direction).framer.next() {
                Ok(Some(framed)) => framed,
                Ok(None) => return,
                Err(error) => {
                    match direction {
                        Direction::Up => self.give_zone(switch::Input::Framing { flow, error }),
                        Direction::Down => self.give(id, Input::Framing { flow, error }),
                    }
                    return;
                }
            };
            self.tally.messages += 1;
            match (framed, direction) {
                (Framed::Message(message), Direction::Up) => {
                    self.give_zone(switch::Input::Sip { flow, message });
                }
                (Framed::Message(message), Direction::Down) => self.give(id, Input::Sip { flow, message }),
                (Framed::Ping, _) => self.send_octets(flow.connection, direction.back(), PONG.to_vec()),
                (Framed::Pong, Direction::Down) => self.give(id, Input::Pong { flow }),
                (Framed::Pong, Direction::Up) => {}
            }
        }
    }

    /// An end learns that the stream is over.
    fn end_learns(&mut self, stream: StreamId, direction: Direction) {
        let connection = stream.connection();
        let Some(known) = self.network.streams.get_mut(stream) else {
            return;
        };
        let id = known.station.station;
        if std::mem::replace(&mut known.way(direction).end, End::Closed) == End::Open {
            match direction {
                Direction::Up => {
                    self.note(id, format_args!("the zone finds {connection} closed"));
                    self.give_zone(switch::Input::Closed { connection });
                }
                Direction::Down => {
                    self.note(id, format_args!("finds {connection} closed"));
                    self.give(id, Input::Closed { connection });
                }
            }
        }
        self.network.streams.tidy(stream);
    }

    fn later(&mut self, at: std::time::Instant, stream: StreamId, event: StreamEvent) {
        self.agenda.add(at, Event::Stream { stream, event });
    }
}
