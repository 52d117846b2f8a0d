//! Streams: what stands for a TLS connection, seen from both ends.
//!
//! ```text
//!   station's end:  Dialling ── accepted ──▶ Open ── ended, given up, its process gone ──▶ Closed
//!   zone's end:     Dialling ── dialled ───▶ Open ──────────────── the same ─────────────▶ Closed
//! ```
//!
//! Each end has its own view. An end whose host is without power, or whose way is severed, does not answer, and the other
//! one finds that out when it sends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use endpoint::ConnectToken;
use sip::flow::{ConnectionId, Flow, Transport};
use sip::framing::{Side, StreamFramer};

use super::REPEAT_MAX;
use crate::station::{Incarnation, StationId};

/// Numbers a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(u64);

impl StreamId {
    /// The number by which both ends know the connection.
    pub(crate) fn connection(self) -> ConnectionId {
        ConnectionId(self.0)
    }

    pub(crate) fn of(connection: ConnectionId) -> Self {
        Self(connection.0)
    }
}

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the zone.
    Up,
    /// To the station.
    Down,
}

impl Direction {
    pub(crate) fn back(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// How far one end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Dialling,
    Open,
    Closed,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) station: Incarnation,
    pub(crate) token: ConnectToken,
    /// As the station sees it.
    pub(crate) station_flow: Flow,
    /// As the zone sees it.
    pub(crate) zone_flow: Flow,
    pub(crate) up: Way,
    pub(crate) down: Way,
    /// No octet gets through any more, and no end is told.
    pub(crate) is_severed: bool,
}

/// One direction, and the end it leads to.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) end: End,
    pub(crate) framer: StreamFramer,
    /// When the last octets arrive: later ones do not come before them.
    pub(crate) last_arrival: Option<Instant>,
    /// The sender has octets out that nobody will acknowledge.
    pub(crate) is_doomed: bool,
}

impl Way {
    fn new(side: Side) -> Self {
        Self {
            end: End::Dialling,
            framer: StreamFramer::new(side),
            last_arrival: None,
            is_doomed: false,
        }
    }
}

impl Stream {
    pub(crate) fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// The end that sends in this direction.
    pub(crate) fn sender(&mut self, direction: Direction) -> &mut End {
        &mut self.way(direction.back()).end
    }

    /// Whether what either end sends reaches the other soon: both are there, and nothing is stuck before it.
    pub(crate) fn flows(&self, now: Instant) -> bool {
        [&self.up, &self.down].iter().all(|way| {
            let is_stuck = way.last_arrival.is_some_and(|at| at > now + REPEAT_MAX);
            way.end == End::Open && !way.is_doomed && !is_stuck
        }) && !self.is_severed
    }

    fn is_over(&self) -> bool {
        self.up.end == End::Closed && self.down.end == End::Closed
    }
}

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    last: u64,
    stream_by_id: BTreeMap<StreamId, Stream>,
}

impl Streams {
    /// Enters an attempt to connect. `outside` is the station's address as the zone sees it.
    pub(crate) fn dial(
        &mut self,
        station: Incarnation,
        token: ConnectToken,
        local: SocketAddr,
        outside: SocketAddr,
        remote: SocketAddr,
    ) -> StreamId {
        self.last += 1;
        let id = StreamId(self.last);
        let flow = |local, remote| Flow {
            transport: Transport::Tls,
            local,
            remote,
            connection: id.connection(),
        };
        let stream = Stream {
            station,
            token,
            station_flow: flow(local, remote),
            zone_flow: flow(remote, outside),
            up: Way::new(Side::Accepted),
            down: Way::new(Side::Dialled),
            is_severed: false,
        };
        self.stream_by_id.insert(id, stream);
        id
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.stream_by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.stream_by_id.get_mut(&id)
    }

    /// Forgets a stream that is over for both ends.
    pub(crate) fn tidy(&mut self, id: StreamId) {
        if self.stream_by_id.get(&id).is_some_and(Stream::is_over) {
            self.stream_by_id.remove(&id);
        }
    }

    /// The streams of a station that it has not closed.
    pub(crate) fn of_station(&self, station: StationId) -> Vec<StreamId> {
        let is_its = |stream: &Stream| stream.station.station == station && stream.down.end != End::Closed;
        self.ids(is_its)
    }

    /// The stream of an attempt that is under way.
    pub(crate) fn of_attempt(&self, station: Incarnation, token: ConnectToken) -> Option<StreamId> {
        let is_meant = |stream: &Stream| stream.station == station && stream.token == token;
        self.ids(is_meant).first().copied()
    }

    /// The streams that the zone has open.
    pub(crate) fn of_zone(&self) -> Vec<StreamId> {
        self.ids(|stream| stream.up.end == End::Open)
    }

    fn ids(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<StreamId> {
        self.stream_by_id
            .iter()
            .filter(|(_, stream)| wanted(stream))
            .map(|(id, _)| *id)
            .collect()
    }
}
