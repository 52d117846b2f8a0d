//! What the links want done.

use std::collections::VecDeque;

use sip::flow::{ConnectionId, Flow};
use sip::locate::{Query, Target};

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
    /// Close a connection.
    Disconnect(ConnectionId),
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

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.queue.push_back(Effect::Disconnect(connection));
    }

    pub(crate) fn ping(&mut self, flow: Flow) {
        self.queue.push_back(Effect::Ping(flow));
    }

    pub(crate) fn ask_options(&mut self, flow: Flow) {
        self.queue.push_back(Effect::AskOptions(flow));
    }
}
