//! What is known of each page from outside: who should hear it, what each sink took of it, what the zone reported.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::status::PageReport;
use model::{PageId, SipUser};

use crate::plan::PagePlan;
use crate::site::{ALERT, Member};
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
    /// Periods of either that it has sent since the zone hung up.
    pub(crate) sent_in_vain: u32,
    pub(crate) is_hung_up: bool,
    /// What the zone says of it.
    pub(crate) start: Option<Start>,
    pub(crate) report: Option<PageReport>,
    pub(crate) reported_at: Option<Instant>,
    pub(crate) taken_by_device: BTreeMap<StationId, Taken>,
    /// Members that the zone did not reach when it was called for, or when it began.
    pub(crate) unreached: BTreeSet<SipUser>,
}

/// The zone has begun a page.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) page: PageId,
    pub(crate) at: Instant,
    /// Which of the zone's incarnations carries it.
    pub(crate) zone: u32,
}

/// Packets of sound lost, late or doubled on both ways that keep nobody from hearing a page: it has seventy packets or more,
/// the silence at its end included, of which one in twenty may be missing, and jitter has its share of those.
const DISTURBED_MAX: usize = 1;

/// All pages of a run, and what has happened to whom.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) pages: Vec<PageRecord>,
    /// Somebody has talked who may not.
    pub(crate) has_strangers: bool,
    spells_by_station: BTreeMap<StationId, Vec<Spell>>,
    zone_spells: Vec<Spell>,
}

/// Something that explains why a page was not heard, or why that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A fault hit the station or the zone.
    Fault,
    /// Its loudspeaker was not as it should be.
    Sink,
    /// Signalling was lost on its way to or from it.
    SignallingLost,
    /// Sound was lost, late or doubled on its way to or from it.
    SoundDisturbed,
}

/// A trouble, and from when to when it lasted.
#[derive(Clone, Copy, Debug)]
struct Spell {
    trouble: Trouble,
    from: Instant,
    to: Instant,
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
            sent_in_vain: 0,
            is_hung_up: false,
            start: None,
            report: None,
            reported_at: None,
            taken_by_device: BTreeMap::new(),
            unreached: BTreeSet::new(),
        });
    }

    pub(crate) fn of_talker(&mut self, talker: StationId) -> Option<&mut PageRecord> {
        self.pages.iter_mut().find(|page| page.talker == talker)
    }

    pub(crate) fn of_page(&mut self, id: &PageId) -> Option<&mut PageRecord> {
        let is_meant = |page: &&mut PageRecord| page.start.as_ref().is_some_and(|start| start.page == *id);
        self.pages.iter_mut().find(is_meant)
    }

    /// Enters what hit a station, until it is mended.
    pub(crate) fn trouble(&mut self, station: StationId, trouble: Trouble, from: Instant, to: Instant) {
        let spells = self.spells_by_station.entry(station).or_default();
        spells.push(Spell { trouble, from, to });
    }

    /// Enters what hit the zone, until it is mended.
    pub(crate) fn zone_trouble(&mut self, from: Instant, to: Instant) {
        let trouble = Trouble::Fault;
        self.zone_spells.push(Spell { trouble, from, to });
    }

    /// How often such troubles hit a station between two instants.
    pub(crate) fn troubles(
        &self,
        station: StationId,
        from: Instant,
        to: Instant,
        counts: impl Fn(Trouble) -> bool,
    ) -> usize {
        let known = self.spells_by_station.get(&station);
        known
            .into_iter()
            .flatten()
            .filter(|spell| spell.touches(from, to) && counts(spell.trouble))
            .count()
    }

    /// Whether any of these troubles hit a station between two instants.
    pub(crate) fn had_trouble(
        &self,
        station: StationId,
        from: Instant,
        to: Instant,
        counts: impl Fn(Trouble) -> bool,
    ) -> bool {
        self.troubles(station, from, to, counts) > 0
    }

    /// Whether anything but disturbed sound hit a station between two instants.
    pub(crate) fn was_hindered(&self, station: StationId, from: Instant, to: Instant) -> bool {
        self.had_trouble(station, from, to, |trouble| trouble != Trouble::SoundDisturbed)
    }

    /// Whether the sound between two stations was disturbed so much that it may have been too little.
    pub(crate) fn was_disturbed(&self, stations: [StationId; 2], from: Instant, to: Instant) -> bool {
        let disturbed = stations
            .map(|station| self.troubles(station, from, to, |trouble| trouble == Trouble::SoundDisturbed));
        disturbed.iter().sum::<usize>() > DISTURBED_MAX
    }

    /// How many faults have ended connections of a station so far, or may have.
    pub(crate) fn faults(&self, station: StationId, now: Instant) -> u64 {
        let known = self.spells_by_station.get(&station);
        let spells = known.into_iter().flatten().chain(&self.zone_spells);
        let faults = spells.filter(|spell| spell.trouble == Trouble::Fault && spell.from <= now);
        u64::try_from(faults.count()).unwrap_or(u64::MAX)
    }

    /// Whether the zone had trouble between two instants.
    pub(crate) fn zone_had_trouble(&self, from: Instant, to: Instant) -> bool {
        self.zone_spells.iter().any(|spell| spell.touches(from, to))
    }

    /// Whether another page could take a device's loudspeaker from a page, or keep it from it.
    pub(crate) fn is_outranked(&self, page: &PageRecord, device: StationId, now: Instant) -> bool {
        self.pages.iter().any(|other| {
            other.plan.number != page.plan.number
                && other.is_member(device)
                && other.is_alert() >= page.is_alert()
                && other.overlaps(page, now)
        })
    }
}

impl Spell {
    fn touches(&self, from: Instant, to: Instant) -> bool {
        self.from <= to && from <= self.to
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

    /// How much was sent before the zone hung up, if it did.
    pub(crate) fn sent_into_call(&self) -> Duration {
        self.sent().saturating_sub(PERIOD * self.sent_in_vain)
    }

    /// The talker has sent a period.
    pub(crate) fn count_period(&mut self, is_speech: bool) {
        if is_speech {
            self.spoken += 1;
        } else {
            self.silence += 1;
        }
        if self.is_hung_up {
            self.sent_in_vain += 1;
        }
    }

    pub(crate) fn is_member(&self, device: StationId) -> bool {
        self.members.iter().any(|member| member.device == device)
    }

    /// Whether the zone of this incarnation may begin it: once, and once more where an earlier zone has died before it
    /// answered the talker, who calls on.
    pub(crate) fn may_begin(&self, zone: u32) -> bool {
        self.start
            .as_ref()
            .is_none_or(|start| start.zone < zone && self.sent().is_zero())
    }

    /// The zone is called: it chooses those whom it reaches.
    pub(crate) fn is_called_for(&mut self, unreached: BTreeSet<SipUser>) {
        self.unreached = unreached;
    }

    /// It begins, when the ports of its talker are open. Who has come since it was called for is not among those chosen.
    pub(crate) fn begins(&mut self, start: Start, unreached: BTreeSet<SipUser>) {
        self.start = Some(start);
        self.unreached.extend(unreached);
    }

    /// Whether it is an alert, which no page may stop.
    pub(crate) fn is_alert(&self) -> bool {
        self.plan.extension == ALERT
    }

    /// Whether both were on at the same time.
    fn overlaps(&self, other: &Self, now: Instant) -> bool {
        let span = |page: &Self| {
            let start = page.start.as_ref()?.at;
            Some((start, page.reported_at.unwrap_or(now)))
        };
        match (span(self), span(other)) {
            (Some((from, to)), Some((since, until))) => from <= until && since <= to,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::site::ALL;

    const DEVICE: StationId = StationId(0);

    #[test]
    fn what_a_talker_sends_once_the_zone_has_hung_up_is_not_of_the_call() {
        let mut ledger = ledger(Instant::now(), [(ALL, 0), (ALL, 3)]);
        let page = ledger.pages.first_mut().unwrap();
        for is_speech in [true, false] {
            page.count_period(is_speech);
        }

        page.is_hung_up = true;
        page.count_period(false);

        assert_eq!((page.sent(), page.sent_into_call()), (PERIOD * 3, PERIOD * 2));
    }

    #[test]
    fn a_page_begins_once_and_once_more_in_a_zone_that_took_the_place_of_one_that_had_not_answered() {
        let mut ledger = ledger(Instant::now(), [(ALL, 0), (ALL, 3)]);
        let page = ledger.pages.first_mut().unwrap();
        assert!(!page.may_begin(1) && page.may_begin(2));

        page.count_period(true);

        assert!(!page.may_begin(2), "its talker was answered");
        page.start = None;
        assert!(page.may_begin(1));
    }

    #[test]
    fn who_is_reached_when_a_page_is_called_for_and_when_it_begins_is_owed_it() {
        let mut ledger = ledger(Instant::now(), [(ALL, 0), (ALL, 3)]);
        let page = ledger.pages.first_mut().unwrap();
        let users = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let start = page.start.take().unwrap();
        page.is_called_for(users(&["before"]));

        page.is_called_for(users(&["late"]));
        page.begins(start, users(&["lost"]));

        assert_eq!(page.unreached, users(&["late", "lost"]));
    }

    #[test]
    fn a_page_does_not_excuse_an_alert_and_an_alert_excuses_a_page() {
        let now = Instant::now();
        let ledger = ledger(now, [(ALERT, 0), (ALL, 1)]);
        let [alert, page] = ledger.pages.as_slice() else {
            panic!("two pages");
        };

        assert!(!ledger.is_outranked(alert, DEVICE, now));
        assert!(ledger.is_outranked(page, DEVICE, now));
        assert!(!ledger.is_outranked(page, StationId(1), now), "no member");
    }

    #[test]
    fn pages_of_one_class_excuse_each_other_while_both_are_on() {
        let now = Instant::now();
        let together = ledger(now, [(ALL, 0), (ALL, 2)]);
        let apart = ledger(now, [(ALL, 0), (ALL, 3)]);

        assert!(together.is_outranked(&together.pages[1], DEVICE, now));
        assert!(!apart.is_outranked(&apart.pages[1], DEVICE, now));
    }

    #[test]
    fn a_trouble_counts_for_as_long_as_it_lasts() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut ledger = Ledger::default();
        ledger.trouble(DEVICE, Trouble::Fault, at(2), at(4));
        let had = |from, to| ledger.had_trouble(DEVICE, at(from), at(to), |_any| true);

        assert!(had(0, 2) && had(3, 3) && had(4, 9));
        assert!(!had(0, 1) && !had(5, 9));
    }

    /// Two pages to the device, each two seconds long, beginning at these seconds.
    fn ledger(now: Instant, pages: [(&'static str, u64); 2]) -> Ledger {
        let mut ledger = Ledger::default();
        for (number, (extension, second)) in pages.into_iter().enumerate() {
            let plan = PagePlan {
                number,
                extension,
                periods: 1,
                is_last: false,
            };
            let member = Member {
                user: "d000".parse().unwrap(),
                device: DEVICE,
            };
            let at = now + Duration::from_secs(second);
            ledger.call(at, plan, StationId(9), vec![member]);
            let page = ledger.pages.last_mut().unwrap();
            let id = PageId::from_random(u128::try_from(number).unwrap());
            page.start = Some(Start {
                page: id,
                at,
                zone: 1,
            });
            page.reported_at = Some(at + Duration::from_secs(2));
        }
        ledger
    }
}
