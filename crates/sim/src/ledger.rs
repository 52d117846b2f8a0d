//! What is known of each page from outside: who should hear it, what each sink took of it, what the zone reported.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::PageId;
use model::status::PageReport;

use crate::plan::PagePlan;
use crate::site::Member;
use crate::sound::{PERIOD, Tag, Taken};
use crate::station::StationId;

/// One page.
#[derive(Debug)]
pub(crate) struct PageRecord {
    pub(crate) plan: PagePlan,
    pub(crate) tag: Tag,
    pub(crate) members: Vec<Member>,
    pub(crate) talker: StationId,
    pub(crate) called_at: Instant,
    /// Periods that the talker has spoken.
    pub(crate) spoken: u32,
    /// Periods of silence that it has sent since.
    pub(crate) silence: u32,
    /// What the zone says of it.
    pub(crate) start: Option<Start>,
    pub(crate) report: Option<PageReport>,
    pub(crate) reported_at: Option<Instant>,
    pub(crate) taken_by_device: BTreeMap<StationId, Taken>,
    /// Members that knew when it began that they were not registered.
    pub(crate) unready: BTreeSet<StationId>,
}

/// The zone has begun a page.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) page: PageId,
    pub(crate) at: Instant,
    /// Which of the zone's incarnations carries it.
    pub(crate) zone: u32,
}

/// All pages of a run, and what has happened to whom.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) pages: Vec<PageRecord>,
    troubles_by_station: BTreeMap<StationId, Vec<(Instant, Trouble)>>,
    zone_troubles: Vec<Instant>,
}

/// Something that explains why a page was not heard, or why that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A fault hit the station.
    Fault,
    /// Its loudspeaker was not as it should be.
    Sink,
    /// Signalling was lost on its way to or from it.
    SignallingLost,
    /// Sound was lost, late or doubled on its way to or from it.
    SoundDisturbed,
}

impl Ledger {
    /// Enters a page that a talker is going to make.
    pub(crate) fn call(&mut self, now: Instant, plan: PagePlan, talker: StationId, members: Vec<Member>) {
        self.pages.push(PageRecord {
            tag: Tag::of_page(plan.number),
            plan,
            members,
            talker,
            called_at: now,
            spoken: 0,
            silence: 0,
            start: None,
            report: None,
            reported_at: None,
            taken_by_device: BTreeMap::new(),
            unready: BTreeSet::new(),
        });
    }

    pub(crate) fn of_talker(&mut self, talker: StationId) -> Option<&mut PageRecord> {
        self.pages.iter_mut().find(|page| page.talker == talker)
    }

    pub(crate) fn of_page(&mut self, id: &PageId) -> Option<&mut PageRecord> {
        let is_meant = |page: &&mut PageRecord| page.start.as_ref().is_some_and(|start| start.page == *id);
        self.pages.iter_mut().find(is_meant)
    }

    pub(crate) fn trouble(&mut self, now: Instant, station: StationId, trouble: Trouble) {
        self.troubles_by_station
            .entry(station)
            .or_default()
            .push((now, trouble));
    }

    pub(crate) fn zone_trouble(&mut self, now: Instant) {
        self.zone_troubles.push(now);
    }

    /// Whether any of these troubles hit a station between two instants.
    pub(crate) fn had_trouble(
        &self,
        station: StationId,
        from: Instant,
        to: Instant,
        counts: impl Fn(Trouble) -> bool,
    ) -> bool {
        let known = self.troubles_by_station.get(&station);
        known
            .into_iter()
            .flatten()
            .any(|(at, trouble)| (from..=to).contains(at) && counts(*trouble))
    }

    /// Whether the zone had trouble between two instants.
    pub(crate) fn zone_had_trouble(&self, from: Instant, to: Instant) -> bool {
        self.zone_troubles.iter().any(|at| (from..=to).contains(at))
    }
}

impl PageRecord {
    /// How much was spoken.
    pub(crate) fn length(&self) -> Duration {
        PERIOD * self.spoken
    }

    /// How much was sent, the silence at the end included.
    pub(crate) fn sent(&self) -> Duration {
        PERIOD * (self.spoken + self.silence)
    }

    pub(crate) fn is_member(&self, device: StationId) -> bool {
        self.members.iter().any(|member| member.device == device)
    }
}
