//! The client transactions of one agent: which response belongs to which request, and what is sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;

use super::client_invite::{self, ClientInvite};
use super::client_non_invite::{self, ClientNonInvite};
use super::{Class, ClientKey, Effect, Effects, Outbox, Outgoing, Timers, TransactionId};
use crate::flow::{ConnectionId, Flow};
use crate::message::Message;
use crate::schedule::Schedule;

/// What a response was to the client transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseOutcome {
    /// The transaction's user is to see it.
    Deliver(TransactionId),
    /// A retransmission, dealt with.
    Absorbed,
    /// It belongs to no transaction (RFC 6026 8.9: discarded).
    Stray,
}

/// All live client transactions.
pub(crate) struct Clients {
    timers: Timers,
    client_by_id: BTreeMap<TransactionId, Client>,
    id_by_key: BTreeMap<ClientKey, TransactionId>,
    id_by_connection: BTreeSet<(ConnectionId, TransactionId)>,
    schedule: Schedule<TransactionId>,
}

struct Client {
    key: ClientKey,
    flow: Flow,
    machine: Machine,
    /// Kept until the final response to a non-INVITE, or the 2xx to an INVITE.
    request: Option<Message>,
    /// The ACK for a 300-699 response to INVITE.
    ack: Option<Bytes>,
}

enum Machine {
    Invite(ClientInvite),
    NonInvite(ClientNonInvite),
}

impl Clients {
    pub(crate) fn new(timers: Timers) -> Self {
        Self {
            timers,
            client_by_id: BTreeMap::new(),
            id_by_key: BTreeMap::new(),
            id_by_connection: BTreeSet::new(),
            schedule: Schedule::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.client_by_id.len()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// Starts a transaction and sends its request.
    pub(crate) fn start(
        &mut self,
        id: TransactionId,
        now: Instant,
        flow: Flow,
        key: ClientKey,
        request: Message,
        out: &mut Outbox,
    ) {
        let reliable = flow.transport.is_reliable();
        let machine = if key.is_invite() {
            Machine::Invite(ClientInvite::start(reliable, now, &self.timers))
        } else {
            Machine::NonInvite(ClientNonInvite::start(reliable, now, &self.timers))
        };
        out.push_back(Outgoing::Transmit(
            flow,
            Bytes::copy_from_slice(request.as_bytes()),
        ));
        self.id_by_key.insert(key.clone(), id);
        self.id_by_connection.insert((flow.connection, id));
        let client = Client {
            key,
            flow,
            machine,
            request: Some(request),
            ack: None,
        };
        self.schedule.set(id, client.machine.next_timeout());
        self.client_by_id.insert(id, client);
    }

    /// Takes a response that has passed the checks of the message layer.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        key: &ClientKey,
        class: Class,
        response: &Message,
        out: &mut Outbox,
    ) -> ResponseOutcome {
        let Some(id) = self.id_by_key.get(key).copied() else {
            return ResponseOutcome::Stray;
        };
        let Some(client) = self.client_by_id.get_mut(&id) else {
            return ResponseOutcome::Stray;
        };
        let effects = match &mut client.machine {
            Machine::Invite(machine) => {
                machine.step(client_invite::Input::Response(class), now, &self.timers)
            }
            Machine::NonInvite(machine) => {
                machine.step(client_non_invite::Input::Response(class), now, &self.timers)
            }
        };
        let deliver = effects.contains(&Effect::Deliver);
        if effects.contains(&Effect::SendAck) && client.ack.is_none() {
            client.ack = client
                .request
                .as_ref()
                .and_then(|request| super::acknowledge(request, response));
        }
        self.settle(id, effects, out);
        if deliver {
            ResponseOutcome::Deliver(id)
        } else {
            ResponseOutcome::Absorbed
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(id) = self.schedule.take_due(now) {
            let Some(client) = self.client_by_id.get_mut(&id) else {
                continue;
            };
            let effects = match &mut client.machine {
                Machine::Invite(machine) => match machine.running().take_due(now) {
                    Some(timer) => machine.step(client_invite::Input::Timer(timer), now, &self.timers),
                    None => Effects::new(),
                },
                Machine::NonInvite(machine) => match machine.running().take_due(now) {
                    Some(timer) => machine.step(client_non_invite::Input::Timer(timer), now, &self.timers),
                    None => Effects::new(),
                },
            };
            self.settle(id, effects, out);
        }
    }

    /// Ends what `failed` says cannot be carried on.
    pub(crate) fn handle_flow_failed(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        failed: impl Fn(&Flow) -> bool,
        out: &mut Outbox,
    ) {
        let ids: Vec<TransactionId> = self
            .id_by_connection
            .range((connection, TransactionId::FIRST)..=(connection, TransactionId::LAST))
            .map(|(_, id)| *id)
            .filter(|id| {
                self.client_by_id
                    .get(id)
                    .is_some_and(|client| failed(&client.flow))
            })
            .collect();
        for id in ids {
            let Some(client) = self.client_by_id.get_mut(&id) else {
                continue;
            };
            let effects = match &mut client.machine {
                Machine::Invite(machine) => machine.step(client_invite::Input::FlowFailed, now, &self.timers),
                Machine::NonInvite(machine) => {
                    machine.step(client_non_invite::Input::FlowFailed, now, &self.timers)
                }
            };
            self.settle(id, effects, out);
        }
    }

    /// Sends an INVITE no more that has no response. One that comes all the same finds the transaction.
    pub(crate) fn withdraw(&mut self, now: Instant, id: TransactionId, out: &mut Outbox) {
        if let Some(Client {
            machine: Machine::Invite(machine),
            ..
        }) = self.client_by_id.get_mut(&id)
        {
            let effects = machine.step(client_invite::Input::Withdraw, now, &self.timers);
            self.settle(id, effects, out);
        }
    }

    /// Ends an INVITE that is no longer waited for; its user learns of it as of a timeout. `false` says that it has ended
    /// before, so that its user learns nothing.
    pub(crate) fn give_up(&mut self, now: Instant, id: TransactionId, out: &mut Outbox) -> bool {
        let Some(Client {
            machine: Machine::Invite(machine),
            ..
        }) = self.client_by_id.get_mut(&id)
        else {
            return false;
        };
        let effects = machine.step(client_invite::Input::GiveUp, now, &self.timers);
        let is_told = effects.contains(&Effect::TimedOut);
        self.settle(id, effects, out);
        is_told
    }

    /// The request, as long as it may be needed.
    pub(crate) fn request(&self, id: TransactionId) -> Option<&Message> {
        self.client_by_id
            .get(&id)
            .and_then(|client| client.request.as_ref())
    }

    /// Does what the machine wants done, then files the transaction under its next deadline or drops it.
    fn settle(&mut self, id: TransactionId, effects: Effects, out: &mut Outbox) {
        let Some(client) = self.client_by_id.get_mut(&id) else {
            return;
        };
        for effect in effects {
            match effect {
                Effect::Send => {
                    if let Some(request) = &client.request {
                        out.push_back(Outgoing::Transmit(
                            client.flow,
                            Bytes::copy_from_slice(request.as_bytes()),
                        ));
                    }
                }
                Effect::SendAck => {
                    if let Some(ack) = &client.ack {
                        out.push_back(Outgoing::Transmit(client.flow, ack.clone()));
                    }
                }
                Effect::TimedOut => out.push_back(Outgoing::TimedOut(id)),
                Effect::FlowFailed => out.push_back(Outgoing::FlowFailed(id)),
                Effect::Deliver | Effect::SendTrying => {}
            }
        }
        if client.machine.needs_no_request() {
            client.request = None;
        }
        if client.machine.is_terminated() {
            self.schedule.set(id, None);
            if let Some(client) = self.client_by_id.remove(&id) {
                self.id_by_key.remove(&client.key);
                self.id_by_connection.remove(&(client.flow.connection, id));
            }
            out.push_back(Outgoing::Over(id));
        } else {
            self.schedule.set(id, client.machine.next_timeout());
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

    fn needs_no_request(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.has_final_response(),
            Self::NonInvite(machine) => machine.has_final_response(),
        }
    }
}
