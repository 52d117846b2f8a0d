//! What the transports tell their driver.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use sip::flow::{ConnectionId, Flow};
use sip::framing::FramingError;
use sip::message::Message;

use super::ConnectFailure;
use crate::tls::TlsFailure;

/// Numbers a call of [`super::Transports::connect`]; never reused in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialToken(pub u64);

impl fmt::Display for DialToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "dial {}", self.0)
    }
}

/// An event for the driver of a core. Events of one connection come in order, `Closed` last.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every event is a message, and boxing it costs an allocation"
)]
pub enum Incoming {
    /// A datagram that is no blank keep-alive, not longer than its listener allows. It may be STUN.
    Datagram {
        /// From where and on which socket.
        flow: Flow,
        /// The whole datagram.
        bytes: Vec<u8>,
    },
    /// A whole message on a stream.
    Message {
        /// The connection it came on.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// A stream that cannot be framed any further. What the driver sends within
    /// [`super::LAST_WORDS_TIMEOUT`] is still written; then the connection ends.
    BadMessage {
        /// The connection.
        flow: Flow,
        /// The offence, with what an answer needs where one is possible.
        error: FramingError,
    },
    /// The answer to a keep-alive (RFC 5626 4.4.1) came on a dialled connection.
    Pong {
        /// The connection.
        flow: Flow,
    },
    /// A peer has broken off its TLS handshake, or this side has, for a reason that is evidence ([`TlsFailure::is_evidence`]). Where much
    /// waits for the driver, it is not told.
    HandshakeFailed {
        /// The peer.
        remote: SocketAddr,
        /// Why, in the words of a client: its own certificate is the one of this side.
        cause: TlsFailure,
    },
    /// A peer has opened a connection, and with TLS has finished its handshake.
    Opened {
        /// The connection.
        flow: Flow,
    },
    /// A dial has a connection.
    Connected {
        /// The dial.
        token: DialToken,
        /// Its flow, perhaps shared with other dials.
        flow: Flow,
    },
    /// A dial has failed.
    ConnectFailed {
        /// The dial.
        token: DialToken,
        /// Why.
        cause: ConnectFailure,
    },
    /// A connection has ended. Nothing of it follows.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        cause: CloseCause,
    },
}

impl fmt::Debug for Incoming {
    /// Without the bytes: bodies and credentials must not come into a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram { flow, bytes } => formatter
                .debug_struct("Datagram")
                .field("flow", flow)
                .field("length", &bytes.len())
                .finish(),
            Self::Message { flow, message } => formatter
                .debug_struct("Message")
                .field("flow", flow)
                .field("length", &message.as_bytes().len())
                .finish(),
            Self::BadMessage { flow, .. } => formatter
                .debug_struct("BadMessage")
                .field("flow", flow)
                .finish_non_exhaustive(),
            Self::Pong { flow } => formatter.debug_struct("Pong").field("flow", flow).finish(),
            Self::HandshakeFailed { remote, cause } => formatter
                .debug_struct("HandshakeFailed")
                .field("remote", remote)
                .field("cause", cause)
                .finish(),
            Self::Opened { flow } => formatter.debug_struct("Opened").field("flow", flow).finish(),
            Self::Connected { token, flow } => formatter
                .debug_struct("Connected")
                .field("token", token)
                .field("flow", flow)
                .finish(),
            Self::ConnectFailed { token, cause } => formatter
                .debug_struct("ConnectFailed")
                .field("token", token)
                .field("cause", cause)
                .finish(),
            Self::Closed { connection, cause } => formatter
                .debug_struct("Closed")
                .field("connection", connection)
                .field("cause", cause)
                .finish(),
        }
    }
}

/// Why a connection ended; each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloseCause {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The connection was reset.
    #[error("the connection was reset")]
    Reset,
    /// The peer no longer acknowledges what is sent.
    #[error("the peer vanished")]
    Vanished,
    /// This side closed it.
    #[error("this side closed the connection")]
    Local,
    /// The peer did not read what was sent to it.
    #[error("the peer reads too slowly: its queue overflowed")]
    QueueOverflow,
    /// The peer took nothing for too long.
    #[error("the peer has stopped reading")]
    WriteStalled,
    /// No whole message came on a fresh connection.
    #[error("no message came in time")]
    FirstMessageTimeout,
    /// A message began and did not end.
    #[error("a message was begun and not ended in time")]
    PartialMessageTimeout,
    /// All connections together hold as much of messages that have begun as they may, and this one wanted more.
    #[error("there is no room for the rest of a long message")]
    PartialsFull,
    /// Nothing came for very long.
    #[error("the connection was idle for too long")]
    Idle,
    /// A keep-alive was not answered.
    #[error("a keep-alive was not answered in time")]
    PongMissing,
    /// TLS broke.
    #[error("{0}")]
    Tls(TlsFailure),
    /// Any other error of the network.
    #[error("the connection failed: {0}")]
    Network(String),
}

impl CloseCause {
    pub(super) fn from_io(error: &io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
            return Self::Tls(TlsFailure::from_io(error));
        }
        match error.kind() {
            // A peer that closes TCP without closing TLS first is common and loses nothing: messages are framed.
            io::ErrorKind::UnexpectedEof => Self::PeerClosed,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Self::Reset
            }
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Self::Vanished
            }
            _ => Self::Network(error.to_string()),
        }
    }

    /// True when the peer may still be listening, so that queued bytes and a closing handshake make sense.
    pub(super) fn is_orderly(&self) -> bool {
        match self {
            Self::PeerClosed
            | Self::Local
            | Self::FirstMessageTimeout
            | Self::PartialMessageTimeout
            | Self::PartialsFull
            | Self::Idle
            | Self::PongMissing => true,
            Self::Reset
            | Self::Vanished
            | Self::QueueOverflow
            | Self::WriteStalled
            | Self::Tls(_)
            | Self::Network(_) => false,
        }
    }
}

/// Why bytes were not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection is gone or ending.
    #[error("the connection is closed")]
    Closed,
    /// The peer does not read; the connection is being closed.
    #[error("the peer reads too slowly: the connection is being closed")]
    Overflow,
    /// The kernel's buffer is full; the datagram is lost.
    #[error("the network takes no more datagrams at the moment")]
    Congested,
    /// The datagram is longer than UDP can carry.
    #[error("the message is longer than a datagram can be")]
    TooLong,
    /// The kernel refused the datagram.
    #[error("the datagram could not be sent: {0}")]
    Network(io::ErrorKind),
}
