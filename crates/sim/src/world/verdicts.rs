//! Invariants that are checked at certain moments: when everything has healed, when all is quiet, at the end.

use model::status::Verdict;

use super::World;
use crate::ledger::PageRecord;
use crate::outcome::{Excused, Invariant};
use crate::site::Member;
use crate::station::StationId;

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

    /// Everything that broke has mended itself: every device runs, and the zone reaches every user where it is, and
    /// nowhere else.
    pub(super) fn check_healed(&mut self) {
        for id in self.stations.device_ids() {
            if self.stations.get(id).is_none_or(|station| station.core.is_none()) {
                self.broken(Invariant::Registered, Some(id), "does not run");
            }
        }
        for member in self.roster.everybody.clone() {
            let process = self.zone.process.as_ref();
            let bindings = process.map_or(0, |process| process.switch.bindings(&member.user).len());
            if bindings != 1 || !self.reaches(&member) {
                let found = format!(
                    "{} has {bindings} bindings; {}",
                    member.user,
                    self.where_it_is(&member)
                );
                self.broken(Invariant::Registered, Some(member.device), &found);
            }
        }
    }

    /// No call is left anywhere, every page has been reported, and the last one was heard by everybody.
    pub(super) fn check_idle(&mut self) {
        self.check_devices_idle();
        self.check_zone_idle();
        self.check_nothing_unexpected();
        for number in 0..self.ledger.pages.len() {
            let unreported = self
                .ledger
                .pages
                .get(number)
                .and_then(|page| self.unreported(page));
            if let Some((invariant, about, found)) = unreported.or_else(|| self.unheard(number)) {
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

    /// Looks at everybody.
    pub(super) fn look(&mut self) {
        self.check_bounds();
        self.check_reach();
    }

    /// What everybody holds is bounded by the size of the site, whatever happens.
    fn check_bounds(&mut self) {
        let users = self.roster.directory.users.len();
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
        if is_unexpected(&counters) || counters.late_replies > 0 {
            let found = format!("the zone counts {counters:?}");
            self.broken(Invariant::NothingUnexpected, None, &found);
        }
        for id in self.stations.device_ids() {
            let Some(device) = self.stations.get(id).and_then(|station| station.device()) else {
                continue;
            };
            let (own, counters) = (device.counters(), *device.agent_counters());
            self.note(id, format_args!("counts {own:?} {counters:?}"));
            let is_too_late = counters.late_replies > self.ledger.faults(id, self.now);
            if own.framing_errors > 0 || own.calls_to_nobody > 0 || is_unexpected(&counters) || is_too_late {
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

    /// A member that has not heard a page, though nothing explains that. Counts what explains the others.
    fn unheard(&mut self, number: usize) -> Option<(Invariant, Option<StationId>, String)> {
        let mut finding = None;
        let page = self.ledger.pages.get(number)?;
        for listener in page.report.iter().flat_map(|report| &report.listeners) {
            let Some(member) = page.members.iter().find(|member| member.user == listener.user) else {
                continue;
            };
            let excuse = self.excuse(page, member);
            let is_heard = listener.verdict == Verdict::Heard;
            match excuse {
                Some(_) if is_heard => {}
                Some(excuse) => self.tally.excused.count(excuse),
                None => self.tally.owed += 1,
            }
            if excuse.is_none() && !is_heard {
                let taken = page.taken_by_device.get(&member.device);
                let (number, length) = (page.plan.number, page.length());
                let found = format!("page {number} of {length:?}, of which {taken:?}: {listener:?}");
                let invariant = if page.plan.is_last {
                    Invariant::LastPageHeard
                } else {
                    Invariant::HeardUnlessExplained
                };
                finding = finding.or(Some((invariant, Some(member.device), found)));
            }
        }
        finding
    }

    /// What explains that a member has not heard a page, or that it is not known whether it has. Where it was not reached
    /// when the page began, it is judged elsewhere whether it should have been.
    fn excuse(&self, page: &PageRecord, member: &Member) -> Option<Excuse> {
        let Some(start) = &page.start else {
            return Some(Excuse::Unreached);
        };
        let (from, to) = (start.at, page.reported_at.unwrap_or(self.now));
        let ledger = &self.ledger;
        [
            (page.unreached.contains(&member.user), Excuse::Unreached),
            (ledger.zone_had_trouble(from, to), Excuse::Zone),
            (
                ledger.is_outranked(page, member.device, self.now),
                Excuse::Outranked,
            ),
            (
                ledger.was_hindered(member.device, from, to)
                    || ledger.was_disturbed([page.talker, member.device], from, to),
                Excuse::Device,
            ),
            (ledger.was_hindered(page.talker, from, to), Excuse::Talker),
        ]
        .into_iter()
        .find_map(|(holds, excuse)| holds.then_some(excuse))
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
///
/// Replies that are too late do, at devices: the BYE of a page is answered when the page has been played out, and its
/// connection may have been lost by then. So there is one for each fault at most, and none at the zone.
fn is_unexpected(counters: &sip::user_agent::Counters) -> bool {
    counters.malformed_answered
        + counters.malformed_dropped
        + counters.responses_malformed
        + counters.refused
        + counters.overflow
        + counters.unsent
        > 0
}

/// What explains that a page was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excuse {
    Unreached,
    Zone,
    Device,
    Talker,
    Outranked,
}

impl Excused {
    fn count(&mut self, excuse: Excuse) {
        *match excuse {
            Excuse::Unreached => &mut self.unreached,
            Excuse::Zone => &mut self.zone,
            Excuse::Device => &mut self.device,
            Excuse::Talker => &mut self.talker,
            Excuse::Outranked => &mut self.outranked,
        } += 1;
    }
}
