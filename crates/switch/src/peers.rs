//! The datagram peers that have shown who they are: each of them holds a binding or a leg of a call.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sip::flow::Flow;

/// Counts what each peer over UDP holds. A connection needs no such count: its peer's address cannot be forged.
#[derive(Debug, Default)]
pub(crate) struct DatagramPeers {
    /// No entry is zero.
    held_by_peer: BTreeMap<SocketAddr, usize>,
}

impl DatagramPeers {
    /// Notes that the peer of `flow` holds one thing more.
    pub(crate) fn add(&mut self, flow: &Flow) {
        if !flow.transport.is_reliable() {
            *self.held_by_peer.entry(flow.remote).or_default() += 1;
        }
    }

    /// Notes that the peer of `flow` holds one thing less.
    pub(crate) fn remove(&mut self, flow: &Flow) {
        if flow.transport.is_reliable() {
            return;
        }
        if let Some(held) = self.held_by_peer.get_mut(&flow.remote) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held_by_peer.remove(&flow.remote);
            }
        }
    }

    /// Says whether the peer of `flow` holds anything.
    pub(crate) fn holds(&self, flow: &Flow) -> bool {
        self.held_by_peer.contains_key(&flow.remote)
    }
}
