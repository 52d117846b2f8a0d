//! What the links want done.

use std::collections::VecDeque;
use std::time::Instant;

use sip::flow::{ConnectionId, Flow, Transport};
use sip::locate::{Query, Target};
use sip::user_agent::UserAgent;

use crate::io::ConnectToken;

/// One effect of a link.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Ask the DNS.
    Resolve(Query),
    /// Connect.
    Connect { token: ConnectToken, target: Target },
    /// Give up an attempt to connect.
    Abandon(ConnectToken),
    /// Close the connection of a flow.
    Disconnect(Flow),
    /// Send the ping of RFC 5626 section 4.4.1.
    Ping(Flow),
    /// Send an OPTIONS: the keep-alive of a datagram flow.
    AskOptions(Flow),
}

/// The effects of all links, in order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    queue: VecDeque<Effect>,
    tokens: u64,
}

impl Effects {
    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.queue.pop_front()
    }

    pub(crate) fn resolve(&mut self, query: Query) {
        self.queue.push_back(Effect::Resolve(query));
    }

    pub(crate) fn connect(&mut self, target: Target) -> ConnectToken {
        self.tokens += 1;
        let token = ConnectToken(self.tokens);
        self.queue.push_back(Effect::Connect { token, target });
        token
    }

    pub(crate) fn abandon(&mut self, token: ConnectToken) {
        self.queue.push_back(Effect::Abandon(token));
    }

    pub(crate) fn disconnect(&mut self, flow: Flow) {
        self.queue.push_back(Effect::Disconnect(flow));
    }

    pub(crate) fn ping(&mut self, flow: Flow) {
        self.queue.push_back(Effect::Ping(flow));
    }

    pub(crate) fn ask_options(&mut self, flow: Flow) {
        self.queue.push_back(Effect::AskOptions(flow));
    }
}

/// Ends what the user agent does over a flow; says which connection is to be closed, if the flow has one of its own.
/// A datagram socket is shared by all flows and stays open.
pub(crate) fn leave_flow(agent: &mut UserAgent, now: Instant, flow: Flow) -> Option<ConnectionId> {
    match flow.transport {
        Transport::Udp => {
            agent.handle_peer_unreachable(now, flow);
            None
        }
        Transport::Tcp | Transport::Tls => {
            agent.handle_flow_failed(now, flow.connection);
            Some(flow.connection)
        }
    }
}
