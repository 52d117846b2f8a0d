//! Sockets for RTP and RTCP.
//!
//! [`MediaPlane`] is the zone's: a thread of its own that carries packets between sockets and the pure
//! [`media::bridge::Plane`]. [`MediaSockets`] is the endpoint's: each packet goes to the driver, each answer comes back.
//! [`ZoneSockets`] are the endpoint's, too: for its multicast zones, which nobody has called for.

mod endpoint;
mod plane;
mod ports;
mod sockets;
mod zones;

pub use endpoint::{MediaSocketId, MediaSockets, Packet, PacketKind};
pub use plane::{CommandError, MediaCounter, MediaCounters, MediaEvent, MediaPlane, MediaPlaneConfig};
pub use ports::{MediaAddresses, OpenError, PortRange, PortRangeError};
pub use zones::{ZONE_PACKETS_MAX, ZonePacket, ZoneProblem, ZoneSockets};

/// Longest packet taken, in bytes: what an Ethernet frame can carry, and some more for jumbo-minded peers.
pub const PACKET_BYTES_MAX: usize = 2_048;

/// A random number; without randomness all programs merely try the same ports first.
fn roll() -> u16 {
    getrandom::u32().map_or(0, |random| (random >> 16).try_into().unwrap_or_default())
}
