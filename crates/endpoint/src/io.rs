//! What goes into a core and what comes out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use bytes::Bytes;
use model::config::ZoneNumber;
use model::status::{Cause, DeviceEvent, ProvisioningStep, SinkHealth};
use sip::flow::{ConnectionId, Flow};
use sip::framing::FramingError;
use sip::locate::{Answer, Query, Target};
use sip::message::Message;

use crate::local::SoundOrder;

/// Numbers an attempt to connect; never reused by one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectToken(pub u64);

/// Numbers a call, and with it its media socket; never reused by one core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "call-{}", self.0)
    }
}

/// The multicast zones that a shell is to listen to, and how it is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonePlan {
    /// The zones with their addresses; all others are to be left.
    pub group_by_zone: BTreeMap<ZoneNumber, SocketAddrV4>,
    /// The network interface; `None` for all, and for the one of the default route to send.
    pub interface: Option<String>,
    /// How many hops packets go.
    pub hops: u8,
}

impl Default for ZonePlan {
    /// No zones.
    fn default() -> Self {
        Self {
            group_by_zone: BTreeMap::new(),
            interface: None,
            hops: 1,
        }
    }
}

/// Something that happened outside a core.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every value is a message, and boxing it costs an allocation"
)]
pub enum Input {
    /// A SIP message arrived whole.
    Sip {
        /// Where it came from.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// A stream or datagram broke the framing; after it a stream is closed by the shell.
    Framing {
        /// Where it came from.
        flow: Flow,
        /// What is wrong.
        error: FramingError,
    },
    /// The answer to a ping (CRLF) arrived on a stream.
    Pong {
        /// Where it came from.
        flow: Flow,
    },
    /// A connection, or for UDP a socket, is ready.
    Connected {
        /// Which attempt.
        token: ConnectToken,
        /// The flow it gives.
        flow: Flow,
    },
    /// A connection could not be made.
    ConnectFailed {
        /// Which attempt.
        token: ConnectToken,
        /// Why; one of the DNS-free causes from `TcpRefused` to `TlsHandshake`.
        cause: Cause,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// The answer to a DNS question.
    Resolved {
        /// The question.
        query: Query,
        /// Its answer.
        answer: Answer,
    },
    /// The socket for a call's media is bound.
    MediaOpened {
        /// Which call.
        call: CallId,
        /// Its address, as the peer is to be told.
        local: SocketAddr,
    },
    /// No socket could be had for a call's media.
    MediaFailed {
        /// Which call.
        call: CallId,
    },
    /// A media packet arrived.
    Media {
        /// On whose socket.
        call: CallId,
        /// The sender's address.
        from: SocketAddr,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A packet arrived that was sent to the group of a zone.
    Zone {
        /// Which zone.
        zone: ZoneNumber,
        /// The sender's address.
        from: SocketAddr,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A zone can be received, or cannot.
    ZoneState {
        /// Which zone.
        zone: ZoneNumber,
        /// Why it cannot, in words.
        problem: Option<String>,
    },
    /// Packets to zones leave, or do not.
    ZoneSending {
        /// Why they do not, in words.
        problem: Option<String>,
    },
    /// The sink is in another state. A core starts with a faulty one.
    Sink(SinkHealth),
    /// The microphone is in another state. A core starts with a faulty one, that is, without any.
    Microphone(SinkHealth),
    /// The output was muted or unmuted.
    Muted(bool),
    /// Somebody at the device itself starts or stops a sound: its web page, its interface, an input.
    Sound(SoundOrder),
    /// How assisted provisioning has ended: the step that failed, if one did. A device without any account shows it.
    Provisioning(Option<ProvisioningStep>),
    /// Leave the network: end every call, take back every binding, close every connection.
    Shutdown,
}

/// Something a core wants done; `E` is what it tells those who watch it.
pub enum Output<E = DeviceEvent> {
    /// Send these bytes, a whole message or a ping.
    Transmit {
        /// Where to.
        flow: Flow,
        /// What.
        bytes: Bytes,
    },
    /// Make a connection and answer with [`Input::Connected`] or [`Input::ConnectFailed`].
    Connect {
        /// Names the attempt.
        token: ConnectToken,
        /// Where to, and the name the server's certificate must carry.
        target: Target,
    },
    /// Give up an attempt to connect.
    Abandon {
        /// Which attempt.
        token: ConnectToken,
    },
    /// Close a connection.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Ask the DNS and answer with [`Input::Resolved`].
    Resolve(Query),
    /// Bind a socket for a call's media and answer with [`Input::MediaOpened`] or [`Input::MediaFailed`].
    OpenMedia {
        /// Which call.
        call: CallId,
        /// The address to bind: the one the signalling uses.
        local: IpAddr,
    },
    /// Close a call's media socket.
    CloseMedia {
        /// Which call.
        call: CallId,
    },
    /// Send a media packet.
    SendMedia {
        /// From whose socket.
        call: CallId,
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Listen to the groups of these zones and of no others; for each, [`Input::ZoneState`] says when it cannot be
    /// done, and when it can again.
    Zones(ZonePlan),
    /// Send a packet to a zone; [`Input::ZoneSending`] says when it cannot be done, and when it can again.
    SendZone {
        /// The zone's address.
        group: SocketAddrV4,
        /// What.
        bytes: Vec<u8>,
    },
    /// Tell whoever watches.
    Event(E),
    /// Everything is closed; the last output.
    Stopped,
}

/// Shows of what is sent the length only: headers and bodies carry credentials and keys.
impl<E: fmt::Debug> fmt::Debug for Output<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit { flow, bytes } => write!(formatter, "Transmit({flow:?}, {} octets)", bytes.len()),
            Self::Connect { token, target } => write!(formatter, "Connect({token:?}, {target:?})"),
            Self::Abandon { token } => write!(formatter, "Abandon({token:?})"),
            Self::Disconnect { connection } => write!(formatter, "Disconnect({connection:?})"),
            Self::Resolve(query) => write!(formatter, "Resolve({query:?})"),
            Self::OpenMedia { call, local } => write!(formatter, "OpenMedia({call:?}, {local:?})"),
            Self::CloseMedia { call } => write!(formatter, "CloseMedia({call:?})"),
            Self::SendMedia { call, to, bytes } => {
                write!(formatter, "SendMedia({call:?}, {to:?}, {} octets)", bytes.len())
            }
            Self::SendZone { group, bytes } => write!(formatter, "SendZone({group}, {} octets)", bytes.len()),
            Self::Zones(plan) => write!(formatter, "Zones({plan:?})"),
            Self::Event(event) => write!(formatter, "Event({event:?})"),
            Self::Stopped => formatter.write_str("Stopped"),
        }
    }
}

impl<E> Output<E> {
    /// The ping of RFC 5626 section 4.4.1.
    pub(crate) fn ping(flow: Flow) -> Self {
        Self::Transmit {
            flow,
            bytes: Bytes::from_static(b"\r\n\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use sip::flow::Transport;

    use super::*;

    #[test]
    fn debug_output_shows_nothing_of_a_message() {
        let address = SocketAddr::from(([192, 0, 2, 1], 5061));
        let output: Output = Output::Transmit {
            flow: Flow {
                transport: Transport::Tls,
                local: address,
                remote: address,
                connection: ConnectionId(1),
            },
            bytes: Bytes::from_static(b"a=crypto:1 x inline:secret"),
        };

        assert!(!format!("{output:?}").contains("inline"));
    }
}
