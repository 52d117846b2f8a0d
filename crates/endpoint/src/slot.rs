//! A slot: its account, its registration, and what is shown of it.

use std::time::Instant;

use model::status::{Cause, RegistrationStatus, Shown, SlotStatus, Target};
use sip::flow::Flow;
use sip::registration::RegisterSequence;

use crate::clock::millis_since;
use crate::profile::{Account, PageMode, SlotProfile, TargetProfile};
use crate::registration::{Register, Registration, RegistrationTimes};
use crate::tones::ToneSource;
use crate::uplink::Uplinks;

/// Numbers a flow of a device at its registrars: its `reg-id` (RFC 5626 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneId(pub(crate) u8);

/// A registration of a slot over one of the device's flows.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) id: LaneId,
    pub(crate) registration: Registration,
    pub(crate) sequence: RegisterSequence,
    /// Registers with `reg-id`; `false` after a 439 of the way that it takes (RFC 5626 section 4.2.1).
    pub(crate) names_flow: bool,
}

impl Lane {
    /// Registers over a flow of its own, whose way may know more than the one before.
    fn register_over(&mut self, now: Instant, flow: Flow) -> Option<(LaneId, Register)> {
        self.names_flow = true;
        let register = self.registration.handle_flow_up(now, flow)?;
        Some((self.id, register))
    }
}

/// One slot of the device.
#[derive(Debug)]
pub(crate) struct Slot {
    profile: SlotProfile,
    /// The registration where the device is served, and the one at its spare.
    lanes: [Lane; 2],
    shown: Option<Appearance>,
    /// What the slot is to be once the binding of its present account has been taken back.
    successor: Option<SlotProfile>,
    /// The configuration has no slot at this position any more; its place is kept for a later one.
    is_removed: bool,
}

/// What was last published of a slot's registration, and since when it has been so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Appearance {
    shown: Shown,
    cause: Option<Cause>,
    target: Option<Target>,
    since: Instant,
}

impl Slot {
    pub(crate) fn new(profile: SlotProfile, times: RegistrationTimes, call_id: &str) -> Self {
        let lane = |number: u8| Lane {
            id: LaneId(number),
            registration: Registration::new(times),
            sequence: RegisterSequence::new(format!("{call_id}-{number}")),
            names_flow: true,
        };
        Self {
            profile,
            lanes: [lane(1), lane(2)],
            shown: None,
            successor: None,
            is_removed: false,
        }
    }

    /// Takes another profile of its position, or that there is none: at once where the account stays, and otherwise when the
    /// binding has been taken back.
    pub(crate) fn take_profile(
        &mut self,
        now: Instant,
        profile: Option<SlotProfile>,
    ) -> Vec<(LaneId, Register)> {
        self.is_removed = profile.is_none();
        let profile = profile.unwrap_or(SlotProfile {
            position: self.profile.position,
            account: None,
            tone: ToneSource::None,
            passcode: None,
            mode: PageMode::OneWay,
        });
        if self.successor.is_none() && self.profile.account == profile.account {
            self.profile = profile;
            return Vec::new();
        }
        self.successor = Some(profile);
        self.unregister(now)
    }

    /// The registration where the device is served.
    pub(crate) fn main(&self) -> &Lane {
        let [main, _] = &self.lanes;
        main
    }

    /// All registrations.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter()
    }

    /// All registrations.
    pub(crate) fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.lanes.iter_mut()
    }

    /// The registration of a number.
    pub(crate) fn lane_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.id == id)
    }

    /// Registers over the flow that serves from here on, unless that is the one of the spare: that goes on as it is.
    pub(crate) fn serve_over(&mut self, now: Instant, flow: Flow) -> Option<(LaneId, Register)> {
        let [main, spare] = &mut self.lanes;
        if spare.registration.stands_on(flow) {
            std::mem::swap(main, spare);
            return None;
        }
        main.register_over(now, flow)
    }

    /// Registers over the flow of the spare, if the slot is not yet: also where it is still registered over a third one, which
    /// the device has left.
    pub(crate) fn spare_over(&mut self, now: Instant, flow: Flow) -> Option<(LaneId, Register)> {
        let [main, spare] = &mut self.lanes;
        if main.registration.stands_on(flow) || spare.registration.stands_on(flow) {
            return None;
        }
        spare.register_over(now, flow)
    }

    /// Takes all bindings back.
    pub(crate) fn unregister(&mut self, now: Instant) -> Vec<(LaneId, Register)> {
        let due = self.lanes.iter_mut().filter_map(|lane| {
            let register = lane.registration.unregister(now)?;
            Some((lane.id, register))
        });
        due.collect()
    }

    /// Says whether the slot is done with the network for good.
    pub(crate) fn is_off(&self) -> bool {
        self.lanes.iter().all(|lane| lane.registration.is_off())
    }

    /// Says whether the present account has left and another one can take its place.
    pub(crate) fn has_left(&self) -> bool {
        self.successor.is_some() && self.is_off()
    }

    /// Says whether the present account is being taken back.
    pub(crate) fn is_leaving(&self) -> bool {
        self.successor.is_some()
    }

    /// Says whether the configuration has no such slot any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed
    }

    /// Becomes what it is to be, not registered yet.
    pub(crate) fn succeed(&mut self, times: RegistrationTimes, call_id: &str) {
        if let Some(profile) = self.successor.take() {
            let is_removed = self.is_removed;
            *self = Self::new(profile, times, call_id);
            self.is_removed = is_removed;
        }
    }

    pub(crate) fn profile(&self) -> &SlotProfile {
        &self.profile
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        self.profile.account.as_ref()
    }

    /// Says whether a call over `flow` is one the registrar sent.
    pub(crate) fn is_called_over(&self, now: Instant, flow: Flow) -> bool {
        self.lanes
            .iter()
            .any(|lane| lane.registration.is_called_over(now, flow))
    }

    /// Says whether calls over `flow` have their Priority from a server that says so itself.
    pub(crate) fn sets_priority(&self, now: Instant, flow: Flow) -> bool {
        self.lanes
            .iter()
            .any(|lane| lane.registration.sets_priority(now, flow))
    }

    /// Says whether the slot is registered over `flow`.
    pub(crate) fn is_bound_to(&self, now: Instant, flow: Flow) -> bool {
        self.lanes
            .iter()
            .any(|lane| lane.registration.is_bound_to(now, flow))
    }

    /// The status if it differs from what was last published.
    pub(crate) fn changed_status(&mut self, now: Instant, uplinks: &Uplinks) -> Option<RegistrationStatus> {
        let (shown, cause, target) = self.appearance(now, uplinks);
        let same = self.shown.as_ref().is_some_and(|published| {
            published.shown == shown && published.cause == cause && published.target == target
        });
        if same {
            return None;
        }
        self.shown = Some(Appearance {
            shown,
            cause,
            target,
            since: now,
        });
        Some(self.registration_status(now, uplinks))
    }

    /// The status at `now`.
    pub(crate) fn status(&self, now: Instant, uplinks: &Uplinks) -> SlotStatus {
        SlotStatus {
            slot: self.profile.position.id(),
            kind: self.profile.position.kind(),
            user: self.account().map(|account| account.user.clone()),
            registration: self.registration_status(now, uplinks),
        }
    }

    fn registration_status(&self, now: Instant, uplinks: &Uplinks) -> RegistrationStatus {
        if self.account().is_none() {
            return RegistrationStatus::no_account();
        }
        let (shown, cause, target) = self.appearance(now, uplinks);
        let since = self.shown.as_ref().map_or(now, |published| published.since);
        let registration = &self.main().registration;
        let next_try = registration.next_try().or_else(|| match uplinks.serving() {
            Some(_) => None,
            None => uplinks.next_try(),
        });
        RegistrationStatus {
            shown,
            cause,
            since_ms: millis_since(since, now),
            target,
            next_try_ms: next_try.map(|at| millis_since(now, at)),
        }
    }

    fn appearance(&self, now: Instant, uplinks: &Uplinks) -> (Shown, Option<Cause>, Option<Target>) {
        if self.account().is_none() {
            return (Shown::NoAccount, None, None);
        }
        let registration = &self.main().registration;
        let bound = registration
            .binding()
            .filter(|binding| self.is_bound_to(now, binding.flow));
        let cause = registration.trouble().cloned();
        let shown = match (&cause, bound) {
            (Some(cause), _) => cause.shown(),
            (None, Some(_)) => Shown::Successful,
            (None, None) => Shown::Connecting,
        };
        let target = bound
            .and_then(|binding| {
                uplinks
                    .target_of(binding.flow)
                    .map(|target| described(target, Some(binding.flow)))
            })
            .or_else(|| {
                uplinks
                    .target_shown()
                    .map(|target| described(target, uplinks.serving()))
            });
        (shown, cause, target)
    }
}

fn described(target: &TargetProfile, flow: Option<Flow>) -> Target {
    let transport = flow.map(|flow| flow.transport).or(target.transport);
    Target {
        role: target.role,
        address: target.authority(),
        transport: transport.map_or("", sip::flow::Transport::via_token).to_owned(),
    }
}
