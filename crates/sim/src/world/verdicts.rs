//! Invariants that are checked at certain moments: when everything has healed, when all is quiet, at the end.

use std::time::Duration;

use model::status::{Shown, Verdict};

use super::World;
use crate::ledger::{PageRecord, Trouble};
use crate::outcome::Invariant;
use crate::station::StationId;

/// So long after it was hit a device may take itself for registered and not be: until a keep-alive tells it, lost packets
/// included.
const DETECTION_TIME: Duration = Duration::from_secs(70);
/// The same after trouble of the zone: until a registration over datagrams is renewed.
const ZONE_DETECTION_TIME: Duration = Duration::from_secs(150);
/// Transactions of the zone for each of its users: registrations, keep-alives of both sides, and what is left of calls.
const TRANSACTIONS_PER_USER_MAX: usize = 16;
/// Transactions of a device for each of its slots.
const TRANSACTIONS_PER_SLOT_MAX: usize = 24;

impl World<'_> {
    /// When a core says that it has stopped, nothing of it is left.
    pub(super) fn check_stopped(&mut self, id: StationId) {
        let Some(station) = self.stations.get(id) else {
            return;
        };
        let open = station.sockets.port_by_call.len();
        if open > 0 {
            let found = format!("{open} media sockets are open when the core has stopped");
            self.broken(Invariant::NothingLeft, Some(id), &found);
        }
    }

    /// Everything that broke has mended itself: all are registered.
    pub(super) fn check_healed(&mut self) {
        for id in self.stations.device_ids() {
            let now = self.now;
            let Some(device) = self.stations.get(id).and_then(|station| station.device()) else {
                self.broken(Invariant::Registered, Some(id), "does not run");
                continue;
            };
            let bad = device
                .status(now)
                .slots
                .into_iter()
                .find(|slot| slot.registration.shown != Shown::Successful);
            if let Some(slot) = bad {
                let found = format!("{slot:?}");
                self.broken(Invariant::Registered, Some(id), &found);
            }
        }
    }

    /// No call is left anywhere, every page has been reported, and the last one was heard by everybody.
    pub(super) fn check_idle(&mut self) {
        self.check_devices_idle();
        self.check_zone_idle();
        self.check_nothing_unexpected();
        for page in 0..self.ledger.pages.len() {
            let finding = self
                .ledger
                .pages
                .get(page)
                .and_then(|page| self.unreported(page).or_else(|| self.untold(page)));
            if let Some((invariant, about, found)) = finding {
                self.broken(invariant, about, &found);
            }
        }
    }

    fn check_devices_idle(&mut self) {
        let now = self.now;
        for id in self.stations.device_ids() {
            let Some(station) = self.stations.get(id) else {
                continue;
            };
            let open = station.sockets.port_by_call.len();
            let Some(device) = station.device() else {
                continue;
            };
            let holdings = device.holdings();
            let sounding = device.status(now).sounding;
            if open > 0 || holdings.calls > 0 || holdings.sessions > 0 || sounding.is_some() {
                let found = format!("{open} media sockets are open; {holdings:?}; {sounding:?} sounds");
                self.broken(Invariant::NothingLeft, Some(id), &found);
            }
        }
    }

    fn check_zone_idle(&mut self) {
        let now = self.now;
        let Some(process) = &self.zone.process else {
            return self.broken(Invariant::Registered, None, "the zone does not run");
        };
        let open = process.ports.port_by_leg.len();
        let holdings = process.switch.holdings();
        let status = process.switch.status(now);
        let is_busy = status
            .accounts
            .iter()
            .any(|account| account.pages > 0 || account.calls > 0);
        if open > 0 || is_busy || holdings.calls > 0 || holdings.legs > 0 || holdings.sessions > 0 {
            let found = format!("the zone has the ports of {open} legs open; {holdings:?}; {status:?}");
            self.broken(Invariant::NothingLeft, None, &found);
        }
    }

    /// What everybody holds is bounded by the size of the site, whatever happens.
    pub(super) fn check_bounds(&mut self) {
        let users = self.directory.users.len();
        if let Some(process) = &self.zone.process {
            let holdings = process.switch.holdings();
            if holdings.bindings > users || holdings.transactions > users * TRANSACTIONS_PER_USER_MAX {
                let found = format!("the zone of {users} users holds {holdings:?}");
                self.broken(Invariant::Bounded, None, &found);
            }
        }
        for id in self.stations.device_ids() {
            let Some(device) = self.stations.get(id).and_then(|station| station.device()) else {
                continue;
            };
            let slots = device.status(self.now).slots.len();
            let holdings = device.holdings();
            if holdings.transactions > slots * TRANSACTIONS_PER_SLOT_MAX {
                let found = format!("a device of {slots} slots holds {holdings:?}");
                self.broken(Invariant::Bounded, Some(id), &found);
            }
        }
    }

    /// Our own cores never say anything malformed to each other.
    fn check_nothing_unexpected(&mut self) {
        let Some(process) = &self.zone.process else {
            return;
        };
        let counters = *process.switch.agent_counters();
        let own = *process.switch.counters();
        self.note_zone(format_args!("counts {own:?} {counters:?}"));
        if is_unexpected(&counters) {
            let found = format!("the zone counts {counters:?}");
            self.broken(Invariant::NothingUnexpected, None, &found);
        }
        for id in self.stations.device_ids() {
            let Some(device) = self.stations.get(id).and_then(|station| station.device()) else {
                continue;
            };
            let (own, counters) = (device.counters(), *device.agent_counters());
            self.note(id, format_args!("counts {own:?} {counters:?}"));
            if own.framing_errors > 0 || own.calls_to_nobody > 0 || is_unexpected(&counters) {
                let found = format!("{own:?} {counters:?}");
                self.broken(Invariant::NothingUnexpected, Some(id), &found);
            }
        }
    }

    /// A page that began and was never reported, though its zone ran on.
    fn unreported(&self, page: &PageRecord) -> Option<(Invariant, Option<StationId>, String)> {
        let number = page.plan.number;
        match &page.start {
            Some(start) if start.zone == self.zone.incarnation && page.report.is_none() => {
                let found = format!("page {number} began and has no report");
                Some((Invariant::Reported, None, found))
            }
            None if page.plan.is_last => {
                let found = "the last page did not begin".to_owned();
                Some((Invariant::LastPageHeard, Some(page.talker), found))
            }
            Some(_) | None => None,
        }
    }

    /// A member that has not heard a page, though no fault explains that.
    fn untold(&self, page: &PageRecord) -> Option<(Invariant, Option<StationId>, String)> {
        let report = page.report.as_ref()?;
        report
            .listeners
            .iter()
            .filter(|listener| listener.verdict != Verdict::Heard)
            .find_map(|listener| {
                let member = page.members.iter().find(|member| member.user == listener.user)?;
                if self.is_explained(page, member.device) {
                    return None;
                }
                let taken = page.taken_by_device.get(&member.device);
                let found = format!(
                    "page {} of {:?}, of which {taken:?}: {listener:?}",
                    page.plan.number,
                    page.length(),
                );
                let invariant = if page.plan.is_last {
                    Invariant::LastPageHeard
                } else {
                    Invariant::ConsumedIsTold
                };
                Some((invariant, Some(member.device), found))
            })
    }

    /// Whether something happened that explains why a device has not heard a page, or why that is not known.
    fn is_explained(&self, page: &PageRecord, device: StationId) -> bool {
        let Some(start) = &page.start else {
            return true;
        };
        let (from, to) = (start.at, page.reported_at.unwrap_or(self.now));
        // Who knows that it is not registered has been hit at some time; whether it recovers is judged elsewhere.
        let (since, zone_since) = if page.unready.contains(&device) {
            (self.start, self.start)
        } else {
            (
                from.checked_sub(DETECTION_TIME).unwrap_or(from),
                from.checked_sub(ZONE_DETECTION_TIME).unwrap_or(from),
            )
        };
        let is_fault = |trouble| trouble == Trouble::Fault || trouble == Trouble::Sink;
        let ledger = &self.ledger;
        ledger.zone_had_trouble(zone_since, to)
            || ledger.had_trouble(device, since, to, is_fault)
            || ledger.had_trouble(device, from, to, |_any| true)
            || ledger.had_trouble(page.talker, from, to, |_any| true)
            || self.is_occupied(page, device)
    }

    /// Whether another page took the device's loudspeaker.
    fn is_occupied(&self, page: &PageRecord, device: StationId) -> bool {
        let (from, to) = (page.called_at, page.reported_at.unwrap_or(self.now));
        self.ledger.pages.iter().any(|other| {
            other.plan.number != page.plan.number
                && other.is_member(device)
                && other.start.as_ref().is_some_and(|start| start.at <= to)
                && other.reported_at.is_none_or(|at| from <= at)
        })
    }

    /// After all devices have taken their leave nothing is left in the zone.
    pub(super) fn check_empty(&mut self) {
        for id in self.stations.device_ids() {
            if self
                .stations
                .get(id)
                .is_some_and(|station| station.core.is_some())
            {
                self.broken(Invariant::NothingLeft, Some(id), "does not stop");
            }
        }
        let Some(process) = &self.zone.process else {
            return;
        };
        let holdings = process.switch.holdings();
        if holdings != switch::status::Holdings::default() {
            let found = format!("all devices have taken their leave, and the zone holds {holdings:?}");
            self.broken(Invariant::NothingLeft, None, &found);
        }
    }
}

/// What never happens between cores of our own, whatever the network does.
fn is_unexpected(counters: &sip::user_agent::Counters) -> bool {
    counters.malformed_answered
        + counters.malformed_dropped
        + counters.responses_malformed
        + counters.refused
        + counters.overflow
        + counters.unsent
        > 0
}
