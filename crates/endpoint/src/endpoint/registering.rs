//! Registrations: what the uplinks and the registrar's answers mean for the slots.

use std::time::Instant;

use model::SipUser;
use model::status::Cause;
use sip::flow::Flow;
use sip::message::{Message, Method};
use sip::user_agent::OutgoingRequest;

use super::{Asked, Endpoint, Phase};
use crate::profile::Account;
use crate::registration::{self, Answer, Judgement, Outcome, Register};
use crate::slot::{LaneId, Slot};
use crate::uplink::Change;

impl Endpoint {
    pub(super) fn follow_uplinks(&mut self, now: Instant, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Serving(flow) => self.register_all(now, flow),
                Change::Lost { flow, cause } => {
                    for lane in self.slots.iter_mut().flat_map(Slot::lanes_mut) {
                        lane.registration.handle_flow_lost(flow, &cause);
                    }
                    // A connection that is closed ends its sessions, and a socket stays open.
                    self.calls.handle_unreachable(now, flow);
                }
                Change::Unreachable(cause) => {
                    for lane in self.slots.iter_mut().flat_map(Slot::lanes_mut) {
                        lane.registration.handle_no_flow(&cause);
                    }
                }
            }
        }
    }

    /// Sends a REGISTER that a slot's machine asks for.
    pub(super) fn send_register(&mut self, now: Instant, index: usize, due: (LaneId, Register)) {
        let (lane_id, due) = due;
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Some(lane) = slot.lane_mut(lane_id) else {
            return;
        };
        let names_flow = lane.names_flow;
        let sequence = lane.sequence.advance();
        let Some(account) = slot.account() else { return };
        let target = self.uplinks.target_of(due.flow);
        let mut request = registration::request::register(
            &self.profile,
            account,
            target,
            due.flow,
            due.expires,
            names_flow.then_some(lane_id.0),
            sequence,
        );
        request.large_datagram = self.uplinks.takes_large_datagrams(due.flow);
        let id = self.agent.request(now, due.flow, request);
        self.asked_by_request.insert(
            id,
            Asked::Register {
                slot: index,
                lane: lane_id,
                attempt: due.attempt,
            },
        );
    }

    /// Sends the REGISTERs that a slot's machines ask for.
    pub(super) fn send_registers(&mut self, now: Instant, index: usize, due: Vec<(LaneId, Register)>) {
        for due in due {
            self.send_register(now, index, due);
        }
    }

    pub(super) fn handle_register_outcome(
        &mut self,
        now: Instant,
        (index, id): (usize, LaneId),
        attempt: u64,
        answer: Answer,
    ) {
        let sips = self.profile.sips;
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let account = slot.account().cloned();
        let Some(lane) = slot.lane_mut(id) else { return };
        let names_flow = lane.names_flow;
        let response = answer.outcome.as_ref().ok();
        if let Some(response) = response {
            lane.sequence.observe(response);
        }
        if names_flow && answer.lacks_outbound() {
            let again = lane.registration.again(now, attempt);
            lane.names_flow = false;
            return again
                .into_iter()
                .for_each(|again| self.send_register(now, index, (id, again)));
        }
        let flow_timer = response.and_then(registration::flow_timer);
        let seen_at = response.and_then(registration::seen_at);
        let keeps_flows = names_flow && response.is_some_and(registration::keeps_flows);
        let Some(flow) = lane.registration.flow_of_attempt(attempt) else {
            return;
        };
        let contact = account.map(|account| registration::request::contact_uri(&account, flow, sips));
        let wish = lane.registration.wish();
        let outcome = Outcome::read(answer, contact.as_deref().unwrap_or_default(), wish);
        let judgement = lane
            .registration
            .handle_outcome(now, attempt, outcome, &mut self.rng);
        if judgement == Judgement::Served {
            if self.uplinks.has_moved(flow, seen_at) {
                // The registrar knows the way to the device again; the dialogs of its calls lead to the old address.
                self.calls.handle_unreachable(now, flow);
            }
            self.uplinks.handle_registered_at(flow, seen_at);
            self.uplinks
                .handle_keeps_flows(now, flow, keeps_flows, &mut self.rng);
        }
        self.follow_judgement(now, (index, id), flow, flow_timer, judgement);
    }

    pub(super) fn ask_options(&mut self, now: Instant, flow: Flow) {
        let uri = registration::request::registrar_uri(&self.profile);
        let to = format!("<{uri}>");
        let from = self.slots.iter().find_map(Slot::account).map_or_else(
            || to.clone(),
            |account| {
                registration::request::address_of_record(account, &self.profile.domain, self.profile.sips)
            },
        );
        let mut request = OutgoingRequest::new(Method::Options, uri, from, to);
        request.route = self
            .uplinks
            .target_of(flow)
            .and_then(|target| registration::request::route(target, flow.transport))
            .into_iter()
            .collect();
        let id = self.agent.request(now, flow, request);
        self.asked_by_request.insert(id, Asked::Keepalive { flow });
    }

    /// Notes the answer to an OPTIONS that keeps a datagram flow open, and registers anew what the registrar knows at
    /// another address than the one an address translator has given the device since: nobody else can tell it. Each
    /// slot is asked, as one that was refreshed meanwhile is known at the right one. Answers to REGISTER start
    /// nothing: a translator that changes the address with every packet would never let the slots come to rest.
    pub(super) fn handle_options_answered(&mut self, now: Instant, flow: Flow, answer: &Message) {
        self.uplinks.handle_keepalive_answer(now, flow);
        if let Some(seen_at) = registration::seen_at(answer) {
            self.register_where(now, |slot| {
                let mut lanes = slot.lanes_mut();
                let moved = lanes.find(|lane| lane.registration.has_moved(flow, seen_at))?;
                let register = moved.registration.handle_flow_up(now, flow)?;
                Some((moved.id, register))
            });
        }
    }

    fn register_all(&mut self, now: Instant, flow: Flow) {
        self.register_where(now, |slot| slot.serve_over(now, flow));
    }

    /// Registers what stands on nothing while a server serves: a slot that the server refused stays with another one, and
    /// has lost it; or the spare has come up.
    pub(super) fn register_idle(&mut self, now: Instant) {
        if let Some(flow) = self.uplinks.serving() {
            self.register_where(now, |slot| {
                let is_idle = slot.main().registration.is_idle();
                is_idle.then(|| slot.serve_over(now, flow)).flatten()
            });
        }
        if let Some(flow) = self.uplinks.spare_flow() {
            self.register_where(now, |slot| slot.spare_over(now, flow));
        }
    }

    fn register_where(&mut self, now: Instant, register: impl Fn(&mut Slot) -> Option<(LaneId, Register)>) {
        if self.phase != Phase::Running {
            return;
        }
        // A user that moves to another slot has the same contact there: it registers when the old binding is taken back, which
        // would take the new one with it.
        let leaving: Vec<SipUser> = self
            .slots
            .iter()
            .filter(|slot| slot.is_leaving())
            .filter_map(|slot| slot.account().map(|account| account.user.clone()))
            .collect();
        for index in 0..self.slots.len() {
            let due = self
                .slots
                .get_mut(index)
                .filter(|slot| {
                    let registers = |account: &Account| !leaving.contains(&account.user);
                    slot.account().is_some_and(registers)
                })
                .and_then(&register);
            if let Some(due) = due {
                self.send_register(now, index, due);
            }
        }
    }

    fn follow_judgement(
        &mut self,
        now: Instant,
        (index, id): (usize, LaneId),
        flow: Flow,
        flow_timer: Option<std::time::Duration>,
        judgement: Judgement,
    ) {
        let (cause, retry_after) = match judgement {
            Judgement::Settled => return,
            Judgement::Again(register) => return self.send_register(now, index, (id, register)),
            Judgement::Served => {
                self.uplinks.handle_served(now, flow, flow_timer, &mut self.rng);
                return self.finish_move(now);
            }
            Judgement::TooLarge => {
                return self.uplinks.handle_too_large(now, flow, &mut self.rng);
            }
            Judgement::Silent { sent_at } if !self.uplinks.heard_since(flow, sent_at) => {
                let changes = self.uplinks.handle_dead(now, flow, &mut self.rng);
                return self.follow_uplinks(now, changes);
            }
            // The connection lives, and the registrar behind it does not.
            Judgement::Silent { .. } => (Cause::Timeout, None),
            Judgement::Unserved { cause, retry_after } => (cause, retry_after),
        };
        // Where others are served over the same flow, the trouble is this slot's and not the target's.
        if !self.slots.iter().any(|slot| slot.is_bound_to(now, flow)) {
            let changes = self
                .uplinks
                .handle_unserved(now, flow, &cause, retry_after, &mut self.rng);
            self.follow_uplinks(now, changes);
        }
    }

    /// Closes the flow that the device has moved away from, once no slot needs it.
    fn finish_move(&mut self, now: Instant) {
        let Some(left) = self.uplinks.retiring() else {
            return;
        };
        if !self.slots.iter().any(|slot| slot.is_bound_to(now, left)) {
            self.uplinks.finish_move(now, &mut self.rng);
        }
    }
}
