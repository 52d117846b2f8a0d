//! Which target the device hangs on: one link per target, tried in order, with fail-over and fail-back.
//!
//! All slots share the serving link's connection. A later target is tried as soon as those before it have failed,
//! or have been trying for [`HEAD_START`]; the first that comes up serves. When an earlier one is up again and has
//! stayed so for the fail-back time and a random part of the spread, and nothing is playing, the device moves back.
//!
//! Where the registrar that serves keeps several flows of one device (RFC 5626), the first other target is held up as a
//! *spare*: the slots are registered there too, and when the serving flow is lost, it serves without a word.

mod effects;
mod link;
mod search;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::status::{Cause, TargetRole};
use rand_chacha::ChaCha20Rng;
use sip::flow::{ConnectionId, Flow};
use sip::locate::{Answer, Query};

pub(crate) use effects::{Effect, Effects, leave_flow};
use link::{Context, HoldsBack, Link, LinkChange};

use crate::io::ConnectToken;
use crate::jitter;
use crate::keepalive::KeepaliveTimes;
use crate::profile::TargetProfile;
use crate::recovery::RecoveryTimes;

/// How long a target may be trying before the next one is tried beside it.
pub(crate) const HEAD_START: Duration = Duration::from_secs(2);

/// The times of all links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UplinkTimes {
    /// Keep-alive of every flow; `None` sends nothing until a server asks for it with a Flow-Timer.
    pub keepalive: Option<KeepaliveTimes>,
    /// Keep-alive of the flow that serves, where the registrar speaks RFC 5626; `None` is as every flow.
    pub brisk: Option<KeepaliveTimes>,
    /// Waits between attempts.
    pub recovery: RecoveryTimes,
    /// How long an earlier target must have been up before the device moves back to it; `None` stays.
    pub failback: Option<Duration>,
    /// The devices of a site move back spread over this time behind that.
    pub failback_spread: Duration,
}

impl Default for UplinkTimes {
    /// Pings every 20 s with 10 s to answer, every 4 s with 2 s to answer where the registrar speaks RFC 5626 and the flow
    /// serves, and 60 s of proof before moving back within the 60 s that follow.
    fn default() -> Self {
        Self {
            keepalive: Some(KeepaliveTimes::every(Duration::from_secs(20))),
            brisk: Some(KeepaliveTimes {
                interval: Duration::from_secs(4),
                answer: Duration::from_secs(2),
            }),
            recovery: RecoveryTimes::default(),
            failback: Some(Duration::from_secs(60)),
            failback_spread: Duration::from_secs(60),
        }
    }
}

/// What became of the way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Register over this flow from here on.
    Serving(Flow),
    /// This flow is gone.
    Lost { flow: Flow, cause: Cause },
    /// A target has failed, and no other serves.
    Unreachable(Cause),
}

/// All links of a device.
#[derive(Debug)]
pub(crate) struct Uplinks {
    links: Vec<Link>,
    serving: Option<usize>,
    /// The link left behind by a move: it stays up until no slot is registered over it.
    retiring: Option<usize>,
    times: UplinkTimes,
    /// `None` before the start and after the stop.
    started_at: Option<Instant>,
    effects: Effects,
}

impl Uplinks {
    pub(crate) fn new(targets: &[TargetProfile], times: UplinkTimes) -> Self {
        let links = targets
            .iter()
            .map(|target| Link::new(target.clone(), &times))
            .collect();
        Self {
            links,
            serving: None,
            retiring: None,
            times,
            started_at: None,
            effects: Effects::default(),
        }
    }

    /// Takes the effects of the last calls, in order.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.poll()
    }

    pub(crate) fn start(&mut self, now: Instant, rng: &mut ChaCha20Rng) -> Vec<Change> {
        self.started_at = Some(now);
        self.start_wanted(now, rng)
    }

    /// Closes everything for good.
    pub(crate) fn stop(&mut self, now: Instant, rng: &mut ChaCha20Rng) {
        self.started_at = None;
        self.serving = None;
        self.retiring = None;
        for link in &mut self.links {
            link.stop(&mut Context {
                now,
                rng,
                effects: &mut self.effects,
                others_up: false,
            });
        }
    }

    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        query: &Query,
        answer: &Answer,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Change> {
        self.each_link(now, rng, |link, context| {
            link.handle_answer(query, answer, context)
        })
    }

    pub(crate) fn handle_connected(
        &mut self,
        now: Instant,
        token: ConnectToken,
        flow: Flow,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Change> {
        let changes = self.each_link(now, rng, |link, context| {
            link.handle_connected(token, flow, context)
        });
        if !self.links.iter().any(|link| link.flow() == Some(flow)) {
            self.effects.disconnect(flow);
        }
        changes
    }

    pub(crate) fn handle_connect_failed(
        &mut self,
        now: Instant,
        token: ConnectToken,
        cause: &Cause,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Change> {
        self.each_link(now, rng, |link, context| {
            link.handle_connect_failed(token, cause, context)
        })
    }

    pub(crate) fn handle_closed(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Change> {
        self.each_link(now, rng, |link, context| link.handle_closed(connection, context))
    }

    /// Leaves a flow that is up but does not serve, if there is anything else to try.
    pub(crate) fn handle_unserved(
        &mut self,
        now: Instant,
        flow: Flow,
        cause: &Cause,
        retry_after: Option<Duration>,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Change> {
        let alternative = self.links.len() > 1
            || self
                .links
                .iter_mut()
                .any(|link| link.flow() == Some(flow) && link.has_another_address());
        if !alternative {
            return Vec::new();
        }
        self.give_up_flow(now, flow, cause, retry_after, rng)
    }

    /// Says whether anything came over `flow` after `instant`.
    pub(crate) fn heard_since(&self, flow: Flow, instant: Instant) -> bool {
        self.link_of(flow)
            .and_then(Link::heard_at)
            .is_some_and(|heard| heard > instant)
    }

    /// Notes that a request is too large for `flow`: [`Change::Serving`] follows once there is a way for it.
    pub(crate) fn handle_too_large(&mut self, now: Instant, flow: Flow, rng: &mut ChaCha20Rng) {
        let mut context = Context {
            now,
            rng,
            effects: &mut self.effects,
            others_up: true,
        };
        for link in self.links.iter_mut().filter(|link| link.flow() == Some(flow)) {
            link.handle_too_large(&mut context);
        }
    }

    /// Says whether requests of any size are sent over `flow`.
    pub(crate) fn takes_large_datagrams(&self, flow: Flow) -> bool {
        self.link_of(flow).is_some_and(Link::takes_large_datagrams)
    }

    /// Leaves a flow that is dead.
    pub(crate) fn handle_dead(&mut self, now: Instant, flow: Flow, rng: &mut ChaCha20Rng) -> Vec<Change> {
        self.give_up_flow(now, flow, &Cause::Timeout, None, rng)
    }

    /// The flow that the device is moving away from.
    pub(crate) fn retiring(&self) -> Option<Flow> {
        self.retiring
            .and_then(|index| self.links.get(index))
            .and_then(Link::flow)
    }

    /// Closes the flow that the device has moved away from.
    pub(crate) fn finish_move(&mut self, now: Instant, rng: &mut ChaCha20Rng) {
        if let Some(link) = self.retiring.take().and_then(|index| self.links.get_mut(index)) {
            link.stop(&mut Context {
                now,
                rng,
                effects: &mut self.effects,
                others_up: true,
            });
        }
    }

    /// Notes that the registrar accepted a registration over `flow`.
    pub(crate) fn handle_served(
        &mut self,
        now: Instant,
        flow: Flow,
        flow_timer: Option<Duration>,
        rng: &mut ChaCha20Rng,
    ) {
        let mut context = Context {
            now,
            rng,
            effects: &mut self.effects,
            others_up: true,
        };
        for link in self.links.iter_mut().filter(|link| link.flow() == Some(flow)) {
            link.handle_served(flow_timer, &mut context);
        }
    }

    /// Notes whether the registrar behind `flow` keeps several flows of one device.
    pub(crate) fn handle_keeps_flows(
        &mut self,
        now: Instant,
        flow: Flow,
        keeps_flows: bool,
        rng: &mut ChaCha20Rng,
    ) {
        for link in self.links.iter_mut().filter(|link| link.flow() == Some(flow)) {
            link.handle_keeps_flows(keeps_flows);
        }
        self.pace(now, rng);
    }

    /// The flow of the spare, if there is one and it is up.
    pub(crate) fn spare_flow(&self) -> Option<Flow> {
        self.spare()
            .and_then(|index| self.links.get(index))
            .and_then(Link::flow)
    }

    /// Notes that something came over `flow`.
    pub(crate) fn handle_heard(&mut self, now: Instant, flow: Flow) {
        for link in self.links.iter_mut().filter(|link| link.flow() == Some(flow)) {
            link.handle_heard(now);
        }
    }

    /// Notes the address a registration over `flow` came from, as the server saw it.
    pub(crate) fn handle_registered_at(&mut self, flow: Flow, seen_at: Option<SocketAddr>) {
        for link in self.links.iter_mut().filter(|link| link.flow() == Some(flow)) {
            link.handle_registered_at(seen_at);
        }
    }

    /// Says whether the server sees `flow` come from another address than the last registration over it.
    pub(crate) fn has_moved(&self, flow: Flow, seen_at: Option<SocketAddr>) -> bool {
        self.link_of(flow).is_some_and(|link| link.has_moved(seen_at))
    }

    /// Notes the answer to a keep-alive over `flow`.
    pub(crate) fn handle_keepalive_answer(&mut self, now: Instant, flow: Flow) {
        for link in self.links.iter_mut().filter(|link| link.flow() == Some(flow)) {
            link.handle_keepalive_answer(now);
        }
    }

    /// Lets time pass. A device that is `busy` playing is not moved to another target.
    pub(crate) fn handle_timeout(&mut self, now: Instant, busy: bool, rng: &mut ChaCha20Rng) -> Vec<Change> {
        if self.started_at.is_none() {
            return Vec::new();
        }
        let mut changes = self.each_link(now, rng, Link::handle_timeout);
        if busy {
            self.put_off_move_back(now, rng);
        } else {
            changes.extend(self.move_back(now));
            self.pace(now, rng);
        }
        changes
    }

    pub(crate) fn next_timeout(&self, busy: bool) -> Option<Instant> {
        self.started_at?;
        let own = self.links.iter().filter_map(Link::next_timeout);
        let starts = (0..self.links.len()).filter_map(|index| self.start_at(index));
        let failback = if busy {
            None
        } else {
            self.failback().map(|(_, at)| at)
        };
        own.chain(starts).chain(failback).min()
    }

    /// The target behind a flow.
    pub(crate) fn target_of(&self, flow: Flow) -> Option<&TargetProfile> {
        self.link_of(flow).map(Link::target)
    }

    /// The target that serves, or is being tried, or was tried last.
    pub(crate) fn target_shown(&self) -> Option<&TargetProfile> {
        let index = self
            .serving
            .or_else(|| self.links.iter().position(|link| link.trying_since().is_some()))
            .unwrap_or_default();
        self.links.get(index).map(Link::target)
    }

    /// The flow that serves.
    pub(crate) fn serving(&self) -> Option<Flow> {
        self.serving
            .and_then(|index| self.links.get(index))
            .and_then(Link::flow)
    }

    /// When the next connection attempt begins, if nothing serves and nothing is under way.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        self.links.iter().filter_map(Link::retry_at).min()
    }

    fn link_of(&self, flow: Flow) -> Option<&Link> {
        self.links.iter().find(|link| link.flow() == Some(flow))
    }

    fn give_up_flow(
        &mut self,
        now: Instant,
        flow: Flow,
        cause: &Cause,
        retry_after: Option<Duration>,
        rng: &mut ChaCha20Rng,
    ) -> Vec<Change> {
        self.each_link(now, rng, |link, context| {
            if link.flow() == Some(flow) {
                link.give_up_flow(cause.clone(), retry_after, context)
            } else {
                None
            }
        })
    }

    /// Lets every link act, then starts what is wanted as a consequence.
    fn each_link(
        &mut self,
        now: Instant,
        rng: &mut ChaCha20Rng,
        mut act: impl FnMut(&mut Link, &mut Context<'_>) -> Option<LinkChange>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for index in 0..self.links.len() {
            let others_up = self
                .links
                .iter()
                .enumerate()
                .any(|(other, link)| other != index && link.flow().is_some());
            let Some(link) = self.links.get_mut(index) else {
                continue;
            };
            let mut context = Context {
                now,
                rng,
                effects: &mut self.effects,
                others_up,
            };
            if let Some(change) = act(link, &mut context) {
                changes.extend(self.follow(index, change));
            }
        }
        changes.extend(self.start_wanted(now, rng));
        self.stop_needless(now, rng);
        self.pace(now, rng);
        changes
    }

    /// The target that is held up beside the one that serves: the first other one. The site's own node is the last resort,
    /// and carries nobody who needs it not.
    fn spare(&self) -> Option<usize> {
        let serving = self.serving?;
        if !self.links.get(serving)?.keeps_flows() {
            return None;
        }
        let mut others = self.links.iter().enumerate();
        let first =
            others.find(|(index, link)| *index != serving && link.target().role != TargetRole::LocalNode);
        first.map(|(index, _)| index)
    }

    /// Has the flow that serves pinged briskly where its registrar speaks RFC 5626, and the others as usual.
    fn pace(&mut self, now: Instant, rng: &mut ChaCha20Rng) {
        let (serving, brisk) = (self.serving, self.times.brisk);
        for (index, link) in self.links.iter_mut().enumerate() {
            let times = brisk.filter(|_| serving == Some(index) && link.keeps_flows());
            link.pace(
                times,
                &mut Context {
                    now,
                    rng,
                    effects: &mut self.effects,
                    others_up: true,
                },
            );
        }
    }

    /// Gives up targets behind the one that serves: they were tried beside it, and lost the race.
    fn stop_needless(&mut self, now: Instant, rng: &mut ChaCha20Rng) {
        let Some(serving) = self.serving else { return };
        let kept = [self.retiring, self.spare()];
        for (index, link) in self.links.iter_mut().enumerate().skip(serving + 1) {
            let is_busy = link.flow().is_some() || link.trying_since().is_some();
            if is_busy && !kept.contains(&Some(index)) {
                link.stop(&mut Context {
                    now,
                    rng,
                    effects: &mut self.effects,
                    others_up: true,
                });
            }
        }
    }

    fn follow(&mut self, index: usize, change: LinkChange) -> Vec<Change> {
        match change {
            LinkChange::Up(flow) if self.serving.is_none() => {
                self.serving = Some(index);
                vec![Change::Serving(flow)]
            }
            LinkChange::Up(flow) => {
                if self.spare() != Some(index) {
                    // It stays up as a proof that the server is back, and no slot registers over it meanwhile. A server closes a
                    // connection over which nobody says anything.
                    self.effects.ask_options(flow);
                }
                Vec::new()
            }
            LinkChange::Roomy(flow) if self.serving == Some(index) => vec![Change::Serving(flow)],
            LinkChange::Roomy(_) => Vec::new(),
            LinkChange::Lost { flow, cause } => {
                let mut changes = vec![Change::Lost { flow, cause }];
                self.retiring = self.retiring.filter(|left| *left != index);
                if self.serving == Some(index) {
                    self.serving = self.links.iter().position(|link| link.flow().is_some());
                    // The way back is cut: what the device was moving away from serves on.
                    self.retiring = self.retiring.filter(|left| self.serving != Some(*left));
                    changes.extend(self.serving().map(Change::Serving));
                }
                changes
            }
            LinkChange::Failed(cause) if self.serving.is_none() => vec![Change::Unreachable(cause)],
            LinkChange::Failed(_) => Vec::new(),
        }
    }

    fn start_wanted(&mut self, now: Instant, rng: &mut ChaCha20Rng) -> Vec<Change> {
        let mut changes = Vec::new();
        for index in 0..self.links.len() {
            if self.start_at(index).is_none_or(|at| now < at) {
                continue;
            }
            let others_up = self.serving.is_some();
            let Some(link) = self.links.get_mut(index) else {
                continue;
            };
            let mut context = Context {
                now,
                rng,
                effects: &mut self.effects,
                others_up,
            };
            if let Some(change) = link.start(&mut context) {
                changes.extend(self.follow(index, change));
            }
        }
        changes
    }

    /// When link `index` is to begin an attempt: at its own time, but not before every link in front of it
    /// has failed or had its head start, and never while a link in front of it is up.
    fn start_at(&self, index: usize) -> Option<Instant> {
        let link = self.links.get(index)?;
        if link.flow().is_some() || link.trying_since().is_some() {
            return None;
        }
        let own = link.retry_at().or(self.started_at)?;
        if self.spare() == Some(index) {
            return Some(own);
        }
        self.links.iter().take(index).try_fold(own, |at, earlier| {
            match earlier.holds_others_back(HEAD_START) {
                HoldsBack::No => Some(at),
                HoldsBack::Until(until) => Some(at.max(until)),
                HoldsBack::Yes => None,
            }
        })
    }

    fn failback(&self) -> Option<(usize, Instant)> {
        let (serving, time) = (self.serving?, self.times.failback?);
        let (index, since) = self
            .links
            .iter()
            .take(serving)
            .enumerate()
            .find_map(|(index, link)| link.moves_back_from().map(|since| (index, since)))?;
        Some((index, since + time))
    }

    /// A move back that falls into a call is drawn anew: devices whose calls end all at once do not move all at once either.
    fn put_off_move_back(&mut self, now: Instant, rng: &mut ChaCha20Rng) {
        let Some((index, at)) = self.failback().filter(|(_, at)| *at <= now) else {
            return;
        };
        let later = jitter::between(rng, Duration::ZERO, self.times.failback_spread);
        if let Some(link) = self.links.get_mut(index) {
            link.put_off_move_back(now.saturating_duration_since(at) + later);
        }
    }

    fn move_back(&mut self, now: Instant) -> Vec<Change> {
        match self.failback() {
            Some((index, at)) if at <= now => {
                let left = self.serving;
                self.serving = Some(index);
                // What is left behind stays as the spare, or until no slot is registered over it.
                self.retiring = left.filter(|left| self.spare() != Some(*left));
                self.serving().map(Change::Serving).into_iter().collect()
            }
            Some(_) | None => Vec::new(),
        }
    }
}
