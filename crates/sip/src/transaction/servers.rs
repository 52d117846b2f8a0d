//! The server transactions of one agent: which request is a retransmission, and what it is answered with.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;

use super::key::MergeKey;
use super::server_invite::{self, ServerInvite};
use super::server_non_invite::{self, ServerNonInvite};
use super::{Class, Effect, Effects, Outbox, Outgoing, ServerKey, Timers, TransactionId};
use crate::flow::{ConnectionId, Flow, Source};
use crate::message::Message;
use crate::schedule::Schedule;

/// A request that belongs to no transaction.
pub(crate) struct Arrival {
    pub(crate) key: ServerKey,
    /// `None` inside a dialog, where requests cannot be merged.
    pub(crate) merge_key: Option<MergeKey>,
    /// Where the request came from: what the limit per flow counts.
    pub(crate) flow: Flow,
    /// Where responses go (RFC 3261 18.2.2, RFC 3581 4).
    pub(crate) reply_flow: Flow,
    pub(crate) request: Message,
}

/// What an ACK was to the INVITE server transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AckOutcome {
    /// The ACK of a 300-699 response, dealt with.
    Absorbed,
    /// The dialog is to see it: it belongs to no transaction, or to one that was answered 2xx.
    ToDialog,
}

/// All live server transactions.
pub(crate) struct Servers {
    timers: Timers,
    room: Room,
    server_by_id: BTreeMap<TransactionId, Server>,
    id_by_key: BTreeMap<ServerKey, TransactionId>,
    id_by_merge_key: BTreeMap<MergeKey, TransactionId>,
    count_by_flow: BTreeMap<Flow, usize>,
    count_by_source: BTreeMap<Source, usize>,
    /// Transactions over transports that are not reliable.
    datagram_count: usize,
    id_by_connection: BTreeSet<(ConnectionId, TransactionId)>,
    schedule: Schedule<TransactionId>,
}

/// How many transactions there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) total: usize,
    pub(crate) per_source: usize,
    pub(crate) per_flow: usize,
}

struct Server {
    key: ServerKey,
    merge_key: Option<MergeKey>,
    flow: Flow,
    reply_flow: Flow,
    machine: Machine,
    /// Kept until the final response.
    request: Option<Message>,
    /// The latest response.
    response: Option<Bytes>,
}

enum Machine {
    Invite(ServerInvite),
    NonInvite(ServerNonInvite),
}

impl Servers {
    pub(crate) fn new(timers: Timers, room: Room) -> Self {
        Self {
            timers,
            room,
            server_by_id: BTreeMap::new(),
            id_by_key: BTreeMap::new(),
            id_by_merge_key: BTreeMap::new(),
            count_by_flow: BTreeMap::new(),
            count_by_source: BTreeMap::new(),
            datagram_count: 0,
            id_by_connection: BTreeSet::new(),
            schedule: Schedule::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.server_by_id.len()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Whether a request from `flow` finds no room. Datagrams, whose senders may be forged and whose transactions
    /// stay for 64*T1, leave a quarter of the room to connections; one source leaves room to the others, however many
    /// flows it makes.
    pub(crate) fn is_full(&self, flow: &Flow) -> bool {
        let Room {
            total,
            per_source,
            per_flow,
        } = self.room;
        self.server_by_id.len() >= total
            || (!flow.transport.is_reliable() && self.datagram_count >= total - total / 4)
            || self.count_by_source.get(&source(flow)).copied().unwrap_or(0) >= per_source
            || self.count_by_flow.get(flow).copied().unwrap_or(0) >= per_flow
    }

    /// Whether the request has arrived before by another path (RFC 3261 8.2.2.2).
    pub(crate) fn is_merged(&self, merge_key: &MergeKey) -> bool {
        self.id_by_merge_key.contains_key(merge_key)
    }

    /// Starts a transaction for a request that `is_full` and `handle_retransmission` have let pass.
    pub(crate) fn start(&mut self, id: TransactionId, now: Instant, arrival: Arrival) {
        let Arrival {
            key,
            merge_key,
            flow,
            reply_flow,
            request,
        } = arrival;
        let reliable = flow.transport.is_reliable();
        let machine = if key.is_invite() {
            Machine::Invite(ServerInvite::start(reliable, now, &self.timers))
        } else {
            Machine::NonInvite(ServerNonInvite::start(reliable, now, &self.timers))
        };
        self.id_by_key.insert(key, id);
        self.id_by_connection.insert((flow.connection, id));
        if let Some(merge_key) = merge_key {
            self.id_by_merge_key.insert(merge_key, id);
        }
        *self.count_by_flow.entry(flow).or_insert(0) += 1;
        *self.count_by_source.entry(source(&flow)).or_insert(0) += 1;
        self.datagram_count += usize::from(!reliable);
        self.schedule.set(id, machine.next_timeout());
        let server = Server {
            key,
            merge_key,
            flow,
            reply_flow,
            machine,
            request: Some(request),
            response: None,
        };
        self.server_by_id.insert(id, server);
    }

    /// Deals with a request that has arrived before; `false` says that it has not.
    pub(crate) fn handle_retransmission(&mut self, now: Instant, key: &ServerKey, out: &mut Outbox) -> bool {
        let Some(id) = self.id_by_key.get(key).copied() else {
            return false;
        };
        self.step(
            now,
            id,
            server_invite::Input::Request,
            server_non_invite::Input::Request,
            out,
        );
        true
    }

    /// Takes an ACK; its key is that of its INVITE.
    pub(crate) fn handle_ack(&mut self, now: Instant, key: &ServerKey, out: &mut Outbox) -> AckOutcome {
        let Some(id) = self.id_by_key.get(key).copied() else {
            return AckOutcome::ToDialog;
        };
        let Some(Server {
            machine: Machine::Invite(machine),
            ..
        }) = self.server_by_id.get_mut(&id)
        else {
            return AckOutcome::ToDialog;
        };
        let effects = machine.step(server_invite::Input::Ack, now, &self.timers);
        let outcome = if effects.contains(&Effect::Deliver) {
            AckOutcome::ToDialog
        } else {
            AckOutcome::Absorbed
        };
        self.settle(id, effects, out);
        outcome
    }

    /// The transaction that a CANCEL with this key (its INVITE's) is about.
    pub(crate) fn id(&self, key: &ServerKey) -> Option<TransactionId> {
        self.id_by_key.get(key).copied()
    }

    /// The request, until it has its final response.
    pub(crate) fn request(&self, id: TransactionId) -> Option<&Message> {
        self.server_by_id
            .get(&id)
            .filter(|server| server.machine.is_proceeding())?
            .request
            .as_ref()
    }

    /// Where responses to this transaction go.
    pub(crate) fn reply_flow(&self, id: TransactionId) -> Option<Flow> {
        self.server_by_id.get(&id).map(|server| server.reply_flow)
    }

    /// Sends a response of the user; one after the final response is not sent, nor is a provisional response to
    /// anything but INVITE (RFC 4320 4.1).
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        id: TransactionId,
        class: Class,
        response: Bytes,
        out: &mut Outbox,
    ) {
        let Some(server) = self.server_by_id.get_mut(&id) else {
            return;
        };
        let is_not_allowed = class == Class::Provisional && !server.key.is_invite();
        if is_not_allowed || !server.machine.is_proceeding() {
            return;
        }
        server.response = Some(response);
        self.step(
            now,
            id,
            server_invite::Input::Respond(class),
            server_non_invite::Input::Respond(class),
            out,
        );
    }

    /// Whether a response of any kind has been sent, 100 included.
    pub(crate) fn has_responded(&self, id: TransactionId) -> bool {
        self.server_by_id
            .get(&id)
            .is_some_and(|server| server.response.is_some())
    }

    /// Drops a transaction, and with it the answer to retransmissions.
    pub(crate) fn forget(&mut self, id: TransactionId, out: &mut Outbox) {
        self.remove(id, out);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.schedule.take_due(now) {
            let Some(server) = self.server_by_id.get_mut(&id) else {
                continue;
            };
            let effects = match &mut server.machine {
                Machine::Invite(machine) => match machine.running().take_due(now) {
                    Some(timer) => machine.step(server_invite::Input::Timer(timer), now, &self.timers),
                    None => Effects::new(),
                },
                Machine::NonInvite(machine) => match machine.running().take_due(now) {
                    Some(timer) => machine.step(server_non_invite::Input::Timer(timer), now, &self.timers),
                    None => Effects::new(),
                },
            };
            self.settle(id, effects, out);
        }
    }

    /// Drops the transactions of a connection or socket that is gone.
    ///
    /// RFC 6026 7.1 keeps them, to absorb retransmissions; none can arrive on a connection that is gone.
    pub(crate) fn drop_connection(&mut self, connection: ConnectionId, out: &mut Outbox) {
        let ids: Vec<TransactionId> = self
            .id_by_connection
            .range((connection, TransactionId::FIRST)..=(connection, TransactionId::LAST))
            .map(|(_, id)| *id)
            .collect();
        for id in ids {
            self.remove(id, out);
        }
    }

    fn step(
        &mut self,
        now: Instant,
        id: TransactionId,
        invite: server_invite::Input,
        non_invite: server_non_invite::Input,
        out: &mut Outbox,
    ) {
        let Some(server) = self.server_by_id.get_mut(&id) else {
            return;
        };
        let effects = match &mut server.machine {
            Machine::Invite(machine) => machine.step(invite, now, &self.timers),
            Machine::NonInvite(machine) => machine.step(non_invite, now, &self.timers),
        };
        self.settle(id, effects, out);
    }

    /// Does what the machine wants done, then files the transaction under its next deadline or drops it.
    fn settle(&mut self, id: TransactionId, effects: Effects, out: &mut Outbox) {
        let Some(server) = self.server_by_id.get_mut(&id) else {
            return;
        };
        for effect in effects {
            match effect {
                Effect::SendTrying => {
                    server.response = server
                        .request
                        .as_ref()
                        .and_then(|request| super::trying(request).ok());
                    server.send_again(out);
                }
                Effect::Send => server.send_again(out),
                Effect::TimedOut | Effect::FlowFailed | Effect::Deliver | Effect::SendAck => {}
            }
        }
        if !server.machine.is_proceeding() {
            server.request = None;
        }
        if server.machine.is_terminated() {
            self.remove(id, out);
        } else {
            self.schedule.set(id, server.machine.next_timeout());
        }
    }

    fn remove(&mut self, id: TransactionId, out: &mut Outbox) {
        self.schedule.set(id, None);
        let Some(server) = self.server_by_id.remove(&id) else {
            return;
        };
        self.id_by_key.remove(&server.key);
        self.id_by_connection.remove(&(server.flow.connection, id));
        self.datagram_count -= usize::from(!server.flow.transport.is_reliable());
        if let Some(merge_key) = &server.merge_key {
            self.id_by_merge_key.remove(merge_key);
        }
        count_down(&mut self.count_by_flow, server.flow);
        count_down(&mut self.count_by_source, source(&server.flow));
        out.push_back(Outgoing::Over(id));
    }
}

fn count_down<K: Ord>(count_by_key: &mut BTreeMap<K, usize>, key: K) {
    if let Entry::Occupied(mut entry) = count_by_key.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

/// Whose requests are counted together.
fn source(flow: &Flow) -> Source {
    Source::of(flow.remote.ip())
}

impl Server {
    fn send_again(&self, out: &mut Outbox) {
        if let Some(response) = &self.response {
            out.push_back(Outgoing::Transmit(self.reply_flow, response.clone()));
        }
    }
}

impl Machine {
    fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Invite(machine) => machine.next_timeout(),
            Self::NonInvite(machine) => machine.next_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_terminated(),
            Self::NonInvite(machine) => machine.is_terminated(),
        }
    }

    fn is_proceeding(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_proceeding(),
            Self::NonInvite(machine) => machine.is_proceeding(),
        }
    }
}
