//! Everything together: virtual time, who takes part, and what is carried where.

mod acts;
mod datagrams;
mod judging;
mod reach;
mod stations;
mod strangers;
mod streams;
mod verdicts;
mod zone;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::agenda::{Agenda, Event};
use crate::chance::{Chance, Purpose};
use crate::ledger::Ledger;
use crate::network::Network;
use crate::outcome::{Invariant, Outcome, Tally, Violation};
use crate::plan::{Act, Plan};
use crate::scenario::{Defect, Scenario};
use crate::site::{Roster, Site};
use crate::station::{Core, Station, StationId};
use crate::trace::{Echo, Trace};
use crate::zone::Zone;

/// Events at one instant after which time is said to stand still.
const EVENTS_AT_ONCE_MAX: u32 = 50_000;

/// A run.
pub(crate) struct World<'a> {
    seed: u64,
    start: Instant,
    now: Instant,
    agenda: Agenda,
    network: Network,
    stations: Stations,
    zone: Zone,
    roster: Roster,
    defect: Option<Defect>,
    cores: Chance,
    ledger: Ledger,
    trace: Trace<'a>,
    tally: Tally,
    violation: Option<Violation>,
}

/// All stations: devices first.
struct Stations {
    list: Vec<Station>,
    id_by_address: BTreeMap<IpAddr, StationId>,
    devices: usize,
}

impl Stations {
    fn new(list: Vec<Station>, devices: usize) -> Self {
        let id_by_address = list
            .iter()
            .map(|station| (station.address, station.incarnation.station))
            .collect();
        Self {
            list,
            id_by_address,
            devices,
        }
    }

    fn get(&self, id: StationId) -> Option<&Station> {
        self.list.get(id.0)
    }

    fn get_mut(&mut self, id: StationId) -> Option<&mut Station> {
        self.list.get_mut(id.0)
    }

    fn core_mut(&mut self, id: StationId) -> Option<&mut Core> {
        self.get_mut(id)?.core.as_mut()
    }

    fn at(&self, address: IpAddr) -> Option<StationId> {
        self.id_by_address.get(&address).copied()
    }

    fn talker(&self, page: usize) -> StationId {
        StationId(self.devices + page)
    }

    fn device_ids(&self) -> impl Iterator<Item = StationId> + use<> {
        (0..self.devices).map(StationId)
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, scenario: &Scenario, echo: Echo<'a>) -> Self {
        let start = Instant::now();
        let mut network = Network::new(seed);
        let site = Site::draw(seed, scenario, &mut network.translators);
        let plan = Plan::draw(seed, scenario);
        network.set_dns(plan.dns_permille);
        let mut agenda = Agenda::default();
        for (at, act) in plan.acts {
            agenda.add(start + at, Event::Act(act));
        }
        Self {
            seed,
            start,
            now: start,
            agenda,
            network,
            stations: Stations::new(site.stations, site.devices),
            zone: Zone::new(site.zone),
            roster: site.roster,
            defect: scenario.defect,
            cores: Chance::new(seed, Purpose::Cores),
            ledger: Ledger::default(),
            trace: Trace::new(echo),
            tally: Tally::default(),
            violation: None,
        }
    }

    /// Runs to the end of the plan, or to the first broken invariant.
    pub(crate) fn run(mut self) -> Outcome {
        let mut events_at_once = 0;
        while let Some((at, event)) = self.agenda.pop() {
            if at > self.now {
                self.now = at;
                events_at_once = 0;
            }
            events_at_once += 1;
            if events_at_once > EVENTS_AT_ONCE_MAX {
                let found = format!("{EVENTS_AT_ONCE_MAX} events at one instant; the next is {event:?}");
                self.broken(Invariant::Progress, None, &found);
            }
            self.tally.events += 1;
            let is_last = matches!(event, Event::Act(Act::CheckEmpty));
            self.take(event);
            if is_last || self.violation.is_some() {
                break;
            }
        }
        Outcome {
            seed: self.seed,
            trace_hash: self.trace.hash(),
            elapsed: self.elapsed(),
            tally: self.tally,
            violation: self.violation,
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Datagram { from, to, bytes } => self.datagram_arrives(from, to, bytes),
            Event::Stream { stream, event } => self.stream_event(stream, event),
            Event::SocketReady { station, token, flow } => self.socket_ready(station, token, flow),
            Event::DialOverdue { stream } => self.dial_overdue(stream),
            Event::Resolved {
                station,
                query,
                fails,
            } => self.resolved(station, query, fails),
            Event::WakeStation(station) => self.wake_station(station),
            Event::WakeZone(incarnation) => self.wake_zone(incarnation),
            Event::WakePlane(incarnation) => self.wake_plane(incarnation),
            Event::LegOpened { zone, leg } => self.leg_opened(zone, leg),
            Event::BridgeReport { zone, event } => self.bridge_reports(zone, event),
            Event::SinkPeriod(station) => self.sink_period(station),
            Event::Speech(station) => self.speech(station),
            Event::Act(act) => self.act(act),
        }
    }

    /// Whether this station has this defect.
    fn has(&self, defect: Defect, id: StationId) -> bool {
        self.defect == Some(defect) && id == StationId(0)
    }

    /// Virtual time since the start.
    fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Notes something about a station.
    fn note(&mut self, about: StationId, what: fmt::Arguments<'_>) {
        let at = self.elapsed();
        let name = self.stations.get(about).map_or("nobody", |station| &station.name);
        self.trace.note(at, Some(about), format_args!("{name}: {what}"));
    }

    /// Notes something about the zone.
    fn note_zone(&mut self, what: fmt::Arguments<'_>) {
        let at = self.elapsed();
        self.trace.note(at, None, format_args!("zone: {what}"));
    }

    /// An invariant does not hold. The first one counts.
    fn broken(&mut self, invariant: Invariant, about: Option<StationId>, found: &str) {
        if self.violation.is_some() {
            return;
        }
        let at = self.elapsed();
        let found = match about.and_then(|id| self.stations.get(id)) {
            Some(station) => format!("{}: {found}", station.name),
            None => found.to_owned(),
        };
        self.violation = Some(Violation {
            invariant,
            at,
            found,
            trace: self.trace.tail(about),
        });
    }
}
