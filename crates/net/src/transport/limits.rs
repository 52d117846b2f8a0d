//! The limits of the transports: what one peer, one address and all together may hold.

use std::time::Duration;

/// Open stream connections at most. The design's 100,000 registrations and room to replace them.
pub const CONNECTIONS_MAX: usize = 120_000;
/// Open stream connections from one source at most. A site of 5,000 endpoints stands behind one NAT address, and
/// after a power cut the dead connections of before are still counted.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 12_000;
/// TLS handshakes under way at most. They only hold memory (about 30 kB each) while the peer is slow.
pub const HANDSHAKES_MAX: usize = 2_048;
/// TLS handshakes under way from one source at most: one address can hold a sixteenth of all places.
pub const HANDSHAKES_PER_SOURCE_MAX: usize = 128;
/// Time from the TCP accept to the end of the TLS handshake, waiting for a place included.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to reach a TCP peer: the first SYN and its two repetitions, after 1 s and 3 s.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(4);
/// Outgoing connections being made at most.
pub const DIALS_MAX: usize = 1_024;
/// Time in which an accepted connection must bring its first whole message.
pub const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Age of a message that has begun and not ended. The longest message (64 KiB) passes a 20 kbit/s line in it.
pub const PARTIAL_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Silence after which a connection is closed: longer than any registration lives.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60 + 5 * 60);
/// Time in which a peer must take at least one byte of what is to be written.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Time for the last words (a 400) after a peer has broken the framing of its stream.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages that may wait to be written on one connection. A driver may answer many requests of one connection
/// before that connection's task runs again, as those of a zone for the thousand legs of a page.
pub const QUEUE_MESSAGES_MAX: usize = 2_048;
/// Bytes that may wait to be written on one connection: as many messages of the usual length.
pub const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that may wait to be written on all connections. A peer that does not read is closed long before, unless
/// many do it together.
pub const QUEUE_BYTES_TOTAL_MAX: usize = 512 * 1024 * 1024;
/// Bytes of a message that has begun which every connection may hold; nearly all messages are shorter.
pub const PARTIAL_BYTES_FREE: usize = 4 * 1024;
/// Bytes beyond those that all connections may hold of messages that have begun. Peers that begin long messages and do not
/// end them close each other's connections, and nobody's who sends short ones.
pub const PARTIAL_BYTES_TOTAL_MAX: usize = 256 * 1024 * 1024;
/// Length of the queue of connections that the kernel has accepted and we have not.
pub const LISTEN_BACKLOG: i32 = 4_096;
/// Time after which the kernel gives up a connection whose sent bytes are not acknowledged.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// First pause after a failed accept; doubled up to [`ACCEPT_PAUSE_MAX`].
pub const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
/// Longest pause after a failed accept.
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Longest datagram taken: what UDP over IPv4 can carry.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;
/// Bytes of the kernel's buffers of a SIP datagram socket: 5,000 registrations at once fit.
pub const DATAGRAM_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The limits of one set of transports; the default is the constants of this module.
#[derive(Debug, Clone)]
pub struct Limits {
    /// See [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// See [`CONNECTIONS_PER_SOURCE_MAX`]. A source is an IPv4 address or an IPv6 /64.
    pub connections_per_source_max: usize,
    /// See [`HANDSHAKES_MAX`].
    pub handshakes_max: usize,
    /// See [`HANDSHAKES_PER_SOURCE_MAX`].
    pub handshakes_per_source_max: usize,
    /// See [`HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// See [`DIAL_TIMEOUT`].
    pub dial_timeout: Duration,
    /// See [`DIALS_MAX`].
    pub dials_max: usize,
    /// See [`FIRST_MESSAGE_TIMEOUT`].
    pub first_message_timeout: Duration,
    /// See [`PARTIAL_MESSAGE_TIMEOUT`].
    pub partial_message_timeout: Duration,
    /// See [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// See [`WRITE_STALL_TIMEOUT`].
    pub write_stall_timeout: Duration,
    /// See [`QUEUE_MESSAGES_MAX`].
    pub queue_messages_max: usize,
    /// See [`QUEUE_BYTES_MAX`].
    pub queue_bytes_max: usize,
    /// See [`QUEUE_BYTES_TOTAL_MAX`].
    pub queue_bytes_total_max: usize,
    /// See [`PARTIAL_BYTES_TOTAL_MAX`].
    pub partial_bytes_total_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            connections_per_source_max: CONNECTIONS_PER_SOURCE_MAX,
            handshakes_max: HANDSHAKES_MAX,
            handshakes_per_source_max: HANDSHAKES_PER_SOURCE_MAX,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            dial_timeout: DIAL_TIMEOUT,
            dials_max: DIALS_MAX,
            first_message_timeout: FIRST_MESSAGE_TIMEOUT,
            partial_message_timeout: PARTIAL_MESSAGE_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            write_stall_timeout: WRITE_STALL_TIMEOUT,
            queue_messages_max: QUEUE_MESSAGES_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            queue_bytes_total_max: QUEUE_BYTES_TOTAL_MAX,
            partial_bytes_total_max: PARTIAL_BYTES_TOTAL_MAX,
        }
    }
}
