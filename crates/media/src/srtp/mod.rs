//! SRTP and SRTCP (RFC 3711, 6188, 7714) in place, for the six suites that SDP security descriptions name.
//!
//! A [`Context`] is keyed once and serves one direction of one leg. It keeps a rollover counter and a replay window
//! for each stream (SSRC); they change only after a packet has passed authentication. Left out: key derivation rates
//! other than zero, master key identifiers, and packets without encryption.

mod context;
mod counter_mode;
mod gcm;
#[cfg(test)]
mod hex;
mod key;
mod replay;
mod transform;

pub use context::{Context, PACKET_LENGTH_MAX, STREAMS_MAX, SrtpError};
pub use key::{KeyError, MasterKey, RTCP_PACKETS_PER_KEY, RTP_PACKETS_PER_KEY, Suite};
pub use replay::REPLAY_WINDOW;
