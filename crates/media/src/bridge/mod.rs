//! The media plane of a zone: legs joined by bridges, without sockets and clocks.
//!
//! A page is a bridge with one talking leg and any number of listening ones; a call is one with two legs that
//! do both. Each packet of a talker is kept once and sent to each listener under its own SSRC, numbers and
//! keys:
//!
//! ```text
//!  datagram ─▶ Ingress ─▶ Stream (backlog, renditions) ─▶ Egress of each listener ─▶ datagrams
//! ```
//!
//! Sending is lazy: [`Plane::poll_transmit`] writes one datagram at a time into the caller's buffer, so
//! nothing is queued or allocated for a listener. A listener who joins within [`BACKLOG_TIME_MAX`] of the
//! talker's first packet is sent everything since that packet.
//!
//! Not done here: mixing (a leg hears one talker), recording, RTCP feedback between the legs.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dtmf::Key;
use crate::sdp::Negotiated;
use crate::tone::Signal;

mod backlog;
mod egress;
mod leg;
mod plane;
mod prompt;
mod rendition;
mod slots;
mod stream;

pub use crate::ingress::RejectedPackets;
pub use crate::report::REPORT_INTERVAL;
pub use backlog::{BACKLOG_PACKETS_MAX, BACKLOG_TIME_MAX};
pub use plane::Plane;

/// A talker who sent nothing for so long is reported, and again after each further packet and silence.
pub const TALKER_SILENCE: Duration = Duration::from_secs(5);
/// Most legs of a plane: twice what one sending core serves.
pub const LEGS_MAX: usize = 20_000;

/// A leg, named by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// A bridge, named by its owner; it exists while legs are connected to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BridgeId(pub u64);

/// What a leg does in its bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is heard by all others and hears nobody.
    Talker,
    /// It hears the talker; its own packets only tell where it is.
    Listener,
    /// It hears the other such leg of the bridge and is heard by it.
    Both,
}

/// What a plane is told to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// The leg's media were agreed. Given again for a connected leg, it applies a renegotiation: the stream
    /// towards the peer goes on with its numbers, and the peer's source is learnt anew if its address
    /// changed.
    Connect {
        /// The leg.
        leg: LegId,
        /// What was agreed.
        negotiated: Box<Negotiated>,
        /// The bridge it joins.
        bridge: BridgeId,
        /// What it does there.
        role: Role,
    },
    /// A connected leg goes on in its bridge in another role: what it says from here on is heard, or is heard no more.
    Turn {
        /// The leg.
        leg: LegId,
        /// What it does from here on.
        role: Role,
    },
    /// The peer of a leg that hears nobody is played a signal, in place of the one that plays.
    Play {
        /// The leg.
        leg: LegId,
        /// The signal; `None` for silence.
        signal: Option<Signal>,
    },
    /// The leg ends; [`Event::Closed`] tells what it did.
    Close {
        /// The leg.
        leg: LegId,
    },
}

/// Why a leg could not be opened or connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are [`LEGS_MAX`] legs.
    TooManyLegs,
    /// The leg was not opened, or is not connected.
    UnknownLeg,
    /// The bridge has a talker, or two legs that talk to each other; or a leg that hears another one was to be played a signal.
    Occupied,
    /// The codec could not be set up.
    Codec,
}

/// What a plane reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The first good packet of a leg came.
    FirstPacket {
        /// The leg.
        leg: LegId,
    },
    /// A talking leg has sent nothing, neither RTP nor RTCP, for [`TALKER_SILENCE`].
    TalkerSilent {
        /// The leg.
        leg: LegId,
    },
    /// A key was pressed on a leg.
    Key {
        /// The leg.
        leg: LegId,
        /// The key.
        key: Key,
    },
    /// A command could not be carried out.
    Refused {
        /// The leg of the command.
        leg: LegId,
        /// Why.
        refusal: Refusal,
    },
    /// A leg ended.
    Closed {
        /// The leg.
        leg: LegId,
        /// What it did.
        statistics: LegStatistics,
    },
}

/// What happened on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LegStatistics {
    /// Distinct packets received.
    pub received: u64,
    /// Packets of the peer that never came, by the gaps in their numbers.
    pub lost: u64,
    /// Packets of the peer that were dropped.
    pub rejected: RejectedPackets,
    /// Length of what the peer said, by its timestamps; from when it was heard on, where it only listened before.
    pub duration: Duration,
    /// Interarrival jitter of the peer's packets (RFC 3550).
    pub jitter: Duration,
    /// Packets sent to the peer.
    pub sent: u64,
    /// Octets of payload sent to the peer.
    pub sent_octets: u64,
    /// How many of them the peer missed, by its last RTCP report; `None` if it sent none.
    pub reported_lost: Option<u32>,
}

/// A datagram to be sent from the leg's socket; its octets are in the buffer that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The leg.
    pub leg: LegId,
    /// Where to.
    pub to: SocketAddr,
    /// Its length in octets.
    pub length: usize,
}
