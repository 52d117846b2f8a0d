//! A stream beside a datagram flow, for requests that are too large for a datagram (RFC 3261 section 18.1.1).
//!
//! ```text
//!              a request is too large            Connected
//!   Unneeded ─────────────────────────▶ Connecting ─────────▶ the stream takes the flow's place
//!                                           │ refused, too late
//!                                           ▼
//!                                        Refused: large datagrams
//! ```
//!
//! The datagram flow serves until the stream is there.

use std::time::{Duration, Instant};

use sip::flow::{Flow, Transport};
use sip::locate::Target;

use super::{Context, Established, Link, LinkChange, State};
use crate::io::ConnectToken;
use crate::uplink::Effects;

/// Time to make the stream. Where a firewall swallows the attempt, a datagram in parts is better than none.
const STREAM_TIME: Duration = Duration::from_secs(2);

/// How requests that are too large for a datagram leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// There was none yet.
    Unneeded,
    /// Over this connection, once it is made.
    Connecting { token: ConnectToken, deadline: Instant },
    /// By datagram after all.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-18.1.1
    //# If an element sends a request over TCP because of these message size
    //# constraints, and that request would have otherwise been sent over
    //# UDP, if the attempt to establish the connection generates either an
    //# ICMP Protocol Not Supported, or results in a TCP reset, the element
    //# SHOULD retry the request, using UDP.
    Refused,
}

impl Link {
    /// Notes that a request is too large for the flow, and makes a stream to the same address.
    pub(crate) fn handle_too_large(&mut self, context: &mut Context<'_>) {
        let State::Up(established) = &mut self.state else {
            return;
        };
        if established.flow.transport != Transport::Udp || established.stream != Stream::Unneeded {
            return;
        }
        let token = context.effects.connect(Target {
            transport: Transport::Tcp,
            address: established.flow.remote,
            server_name: self.target.host.clone(),
        });
        established.stream = Stream::Connecting {
            token,
            deadline: context.now + STREAM_TIME,
        };
    }

    /// Says whether requests of any size are sent by datagram, the server having refused a stream.
    pub(crate) fn takes_large_datagrams(&self) -> bool {
        matches!(&self.state, State::Up(established) if established.stream == Stream::Refused)
    }

    /// The stream that was asked for is there: it takes the place of the datagram flow.
    pub(super) fn stream_connected(&mut self, flow: Flow, context: &mut Context<'_>) -> Option<LinkChange> {
        let keepalive = self.new_keepalive(context);
        let State::Up(established) = &mut self.state else {
            return None;
        };
        established.flow = flow;
        established.stream = Stream::Unneeded;
        established.since = context.now;
        established.heard_at = context.now;
        established.registered_at = None;
        established.keepalive = keepalive;
        Some(LinkChange::Roomy(flow))
    }

    /// The stream that was asked for does not come about.
    pub(super) fn stream_refused(&mut self) -> Option<LinkChange> {
        let State::Up(established) = &mut self.state else {
            return None;
        };
        established.stream = Stream::Refused;
        Some(LinkChange::Roomy(established.flow))
    }
}

impl Established {
    /// Says whether the attempt to connect is the one for its stream.
    pub(super) fn awaits(&self, wanted: ConnectToken) -> bool {
        matches!(self.stream, Stream::Connecting { token, .. } if token == wanted)
    }

    /// When the attempt to make a stream is given up.
    pub(super) fn stream_deadline(&self) -> Option<Instant> {
        match self.stream {
            Stream::Connecting { deadline, .. } => Some(deadline),
            Stream::Unneeded | Stream::Refused => None,
        }
    }

    /// Gives up the attempt to make a stream, if one is under way.
    pub(super) fn abandon_stream(&self, effects: &mut Effects) {
        if let Stream::Connecting { token, .. } = self.stream {
            effects.abandon(token);
        }
    }
}
