//! What happens in accounts, for programs that listen: so much of it is kept that one which was away for a moment misses nothing,
//! and that one which was away for longer is told that it did.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::inventory::{Attempt, Timestamp};
use model::status::{OngoingPage, PageReport, ZoneEvent};
use model::{AccountId, Extension, PageId, SipUser};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::v1::moment;

/// Happenings of one kind in one account that are kept: what comes often pushes nothing else out.
pub const HAPPENINGS_MAX: usize = 500;
/// Pages that are known to go on, or to have ended just before; past that the oldest is forgotten.
const PAGES_MAX: usize = 256;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HappeningKind {
    /// A slot is registered, or is no more, or was refused.
    Registration,
    /// A page has begun, or has ended.
    Page,
    /// Somebody has called an alert, or one device's slot for alerts.
    Alert,
    /// A device has tried to fetch its configuration.
    Attempt,
    /// What is assigned where has changed.
    Directory,
}

impl HappeningKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Registration,
        Self::Page,
        Self::Alert,
        Self::Attempt,
        Self::Directory,
    ];

    /// The kind as a stream names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Page => "page",
            Self::Alert => "alert",
            Self::Attempt => "attempt",
            Self::Directory => "directory",
        }
    }
}

/// Something that happened, ready to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) number: u64,
    pub(crate) kind: HappeningKind,
    pub(crate) data: Arc<str>,
}

/// What comes after a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Following {
    /// Something in between is not kept any more.
    pub(crate) has_gap: bool,
    pub(crate) happenings: Vec<Happening>,
    /// The number of the last that has happened, whatever it is.
    pub(crate) last: u64,
}

/// A page that somebody speaks, or of which the report was not kept yet when it was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LivePage {
    pub(crate) page: PageId,
    pub(crate) extension: Extension,
    pub(crate) talker: SipUser,
    pub(crate) started_at: Timestamp,
    pub(crate) listeners: u64,
    /// The zone that carries it, if it is one elsewhere.
    pub(crate) zone: Option<String>,
    /// Once it has ended.
    pub(crate) ended: Option<(Timestamp, PageReport)>,
}

/// What happens; it is shared by whoever hears of it and whoever tells it.
#[derive(Debug, Default)]
pub struct Happenings {
    state: Mutex<State>,
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    rings: BTreeMap<(AccountId, Ring), Kept>,
    /// The number at which happenings of a kind were last missed.
    gaps: BTreeMap<(AccountId, HappeningKind), u64>,
    pages: VecDeque<(AccountId, LivePage)>,
}

/// What is kept apart. Anybody can be refused, and that must push no registration out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ring {
    Of(HappeningKind),
    Refusals,
}

impl Ring {
    const fn kind(self) -> HappeningKind {
        match self {
            Self::Of(kind) => kind,
            Self::Refusals => HappeningKind::Registration,
        }
    }
}

#[derive(Debug, Default)]
struct Kept {
    happenings: VecDeque<Happening>,
    /// The number of the last that was forgotten.
    forgotten: u64,
    /// What was told of pages and calls, as many of it as happenings are kept.
    told: VecDeque<(Change, PageId)>,
}

/// What happens to a page or a call once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Started,
    Ended,
    Called,
}

impl Happenings {
    /// Takes an event of a zone: that of this process, or one elsewhere, which is named. A zone tells again what it does not know to be
    /// heard; that counts once.
    pub fn note(&self, event: &ZoneEvent, zone: Option<&str>, now: Timestamp) {
        if !self.state().is_new(event) {
            return;
        }
        let registration = Ring::Of(HappeningKind::Registration);
        match event {
            ZoneEvent::Registered {
                account,
                user,
                from,
                user_agent,
                transport,
            } => {
                let data = json!({
                    "change": "registered", "user": user, "from": from, "user_agent": user_agent, "transport": transport,
                });
                self.add(account, registration, (data, zone), now);
            }
            ZoneEvent::Unregistered { account, user } => {
                let data = json!({ "change": "gone", "user": user });
                self.add(account, registration, (data, zone), now);
            }
            ZoneEvent::RegistrationRefused {
                account: Some(account),
                user,
                from,
                why,
            } => {
                let data = json!({ "change": "refused", "user": user, "from": from, "cause": why });
                self.add(account, Ring::Refusals, (data, zone), now);
            }
            ZoneEvent::PageStarted {
                account,
                page,
                extension,
                talker,
                listeners,
            } => {
                let begun = OngoingPage {
                    page: page.clone(),
                    extension: extension.clone(),
                    talker: talker.clone(),
                    listeners: *listeners,
                };
                self.state().begin(account, begun, zone, now);
                let data = json!({ "change": "started", "page_id": page, "extension": extension, "listeners": listeners });
                self.add(account, Ring::Of(HappeningKind::Page), (data, zone), now);
            }
            ZoneEvent::PageEnded { account, report } => {
                self.state().end(account, report, now);
                let data = json!({
                    "change": "ended", "page_id": report.page, "extension": report.extension,
                    "duration_ms": report.duration_ms, "heard": report.heard_count(),
                    "listeners": report.listeners.len(),
                });
                self.add(account, Ring::Of(HappeningKind::Page), (data, zone), now);
            }
            ZoneEvent::AlertRaised {
                account,
                call,
                extension,
                caller,
            } => {
                let data =
                    json!({ "change": "called", "page_id": call, "extension": extension, "caller": caller });
                self.add(account, Ring::Of(HappeningKind::Alert), (data, zone), now);
            }
            ZoneEvent::RegistrationRefused { account: None, .. }
            | ZoneEvent::HandshakeFailed { .. }
            | ZoneEvent::CallRefused { .. }
            | ZoneEvent::SnapshotWanted { .. }
            | ZoneEvent::DirectoryApplied { .. }
            | ZoneEvent::DirectoryRefused { .. } => {}
        }
    }

    /// Takes a try to fetch the configuration of a device.
    pub fn note_attempt(&self, account: &AccountId, device: &model::DeviceId, attempt: &Attempt) {
        let data = json!({
            "device_id": device, "outcome": attempt.outcome.as_str(), "source": attempt.source,
            "proved": attempt.proved, "detail": attempt.detail,
        });
        self.add(
            account,
            Ring::Of(HappeningKind::Attempt),
            (data, None),
            attempt.at,
        );
    }

    /// Takes that the directory is in another state.
    pub fn note_directory(&self, account: &AccountId, epoch: u64, now: Timestamp) {
        let data = json!({ "epoch": epoch });
        self.add(account, Ring::Of(HappeningKind::Directory), (data, None), now);
    }

    /// Takes that happenings of some kinds were missed: whoever listens to them is told so.
    pub fn note_gap(&self, account: &AccountId, kinds: &[HappeningKind]) {
        let mut state = self.state();
        state.last += 1;
        let last = state.last;
        for kind in kinds {
            state.gaps.insert((account.clone(), *kind), last);
        }
        drop(state);
        self.tell_news();
    }

    /// Takes all pages that go on in a zone. Of one that is not among them the end was missed: it goes on no longer.
    pub fn settle_pages(
        &self,
        account: &AccountId,
        zone: Option<&str>,
        ongoing: &[OngoingPage],
        now: Timestamp,
    ) {
        let mut state = self.state();
        state.pages.retain(|(of, known)| {
            let is_of_zone = of == account && known.zone.as_deref() == zone;
            let goes_on = ongoing.iter().any(|page| page.page == known.page);
            !is_of_zone || goes_on || known.ended.is_some()
        });
        for page in ongoing {
            state.begin(account, page.clone(), zone, now);
        }
    }

    /// Tells when something has happened.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The number of the last that has happened.
    pub(crate) fn last(&self) -> u64 {
        self.state().last
    }

    /// What has happened in an account after a number, of some kinds.
    pub(crate) fn after(&self, account: &AccountId, kinds: &[HappeningKind], number: u64) -> Following {
        let state = self.state();
        let rings = state
            .rings
            .iter()
            .filter(|((of, ring), _)| of == account && kinds.contains(&ring.kind()));
        let mut following = Following {
            has_gap: false,
            happenings: Vec::new(),
            last: state.last,
        };
        let mut gaps = state.gaps.iter();
        following.has_gap |=
            gaps.any(|((of, kind), at)| of == account && kinds.contains(kind) && *at > number);
        for (_, kept) in rings {
            following.has_gap |= kept.forgotten > number;
            let later = kept.happenings.iter().filter(|one| one.number > number);
            following.happenings.extend(later.cloned());
        }
        following.happenings.sort_by_key(|happening| happening.number);
        following
    }

    /// Pages of an account that go on, the last first.
    pub(crate) fn pages_going_on(&self, account: &AccountId) -> Vec<LivePage> {
        let state = self.state();
        let of_account = state.pages.iter().filter(|(of, _)| of == account);
        let going_on = of_account.filter(|(_, page)| page.ended.is_none());
        going_on.rev().map(|(_, page)| page.clone()).collect()
    }

    /// A page of an account, if it goes on or has ended just before.
    pub(crate) fn page(&self, account: &AccountId, page: &PageId) -> Option<LivePage> {
        let state = self.state();
        let mut pages = state.pages.iter();
        let found = pages.find(|(of, live)| of == account && live.page == *page);
        found.map(|(_, live)| live.clone())
    }

    fn add(&self, account: &AccountId, ring: Ring, (mut data, zone): (Value, Option<&str>), now: Timestamp) {
        if let Some(data) = data.as_object_mut() {
            data.insert("at".to_owned(), json!(moment(now)));
            data.extend(zone.map(|zone| ("zone".to_owned(), json!(zone))));
        }
        let mut state = self.state();
        state.last += 1;
        let happening = Happening {
            number: state.last,
            kind: ring.kind(),
            data: data.to_string().into(),
        };
        let kept = state.rings.entry((account.clone(), ring)).or_default();
        if kept.happenings.len() >= HAPPENINGS_MAX
            && let Some(oldest) = kept.happenings.pop_front()
        {
            kept.forgotten = oldest.number;
        }
        kept.happenings.push_back(happening);
        drop(state);
        self.tell_news();
    }

    fn tell_news(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Says whether something was not told before, and remembers what happens once.
    fn is_new(&mut self, event: &ZoneEvent) -> bool {
        let (account, kind, change, of) = match event {
            ZoneEvent::PageStarted { account, page, .. } => {
                (account, HappeningKind::Page, Change::Started, page)
            }
            ZoneEvent::PageEnded { account, report } => {
                (account, HappeningKind::Page, Change::Ended, &report.page)
            }
            ZoneEvent::AlertRaised { account, call, .. } => {
                (account, HappeningKind::Alert, Change::Called, call)
            }
            _ => return true,
        };
        let kept = self.rings.entry((account.clone(), Ring::Of(kind))).or_default();
        let one = (change, of.clone());
        if kept.told.contains(&one) {
            return false;
        }
        if kept.told.len() >= HAPPENINGS_MAX {
            kept.told.pop_front();
        }
        kept.told.push_back(one);
        true
    }

    /// Knows that a page goes on, or has ended, from now on, if it did not before. A zone that is back tells first which pages go on,
    /// and then how long ago they began.
    fn begin(&mut self, account: &AccountId, begun: OngoingPage, zone: Option<&str>, now: Timestamp) {
        let mut pages = self.pages.iter_mut();
        let known = pages.find(|(of, page)| of == account && page.page == begun.page);
        if let Some((_, page)) = known {
            page.started_at = page.started_at.min(now);
            return;
        }
        if self.pages.len() >= PAGES_MAX {
            let ended = self.pages.iter().position(|(_, page)| page.ended.is_some());
            self.pages.remove(ended.unwrap_or_default());
        }
        let page = LivePage {
            page: begun.page,
            extension: begun.extension,
            talker: begun.talker,
            started_at: now,
            listeners: begun.listeners,
            zone: zone.map(str::to_owned),
            ended: None,
        };
        self.pages.push_back((account.clone(), page));
    }

    fn end(&mut self, account: &AccountId, report: &PageReport, now: Timestamp) {
        let mut pages = self.pages.iter_mut();
        let found = pages.find(|(of, page)| of == account && page.page == report.page);
        if let Some((_, page)) = found {
            page.ended = Some((now, report.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);
    const ALL: &[HappeningKind] = &HappeningKind::ALL;

    fn id(text: &str) -> AccountId {
        text.parse().unwrap()
    }

    fn refused(user: usize) -> ZoneEvent {
        ZoneEvent::RegistrationRefused {
            account: Some(id("one")),
            user: format!("stranger{user}"),
            from: "192.0.2.9:5060".to_owned(),
            why: model::status::RegistrationRefusal::WrongCredentials,
        }
    }

    fn registered() -> ZoneEvent {
        ZoneEvent::Registered {
            account: id("one"),
            user: "hall".parse().unwrap(),
            from: "192.0.2.1:5060".to_owned(),
            user_agent: None,
            transport: None,
        }
    }

    #[test]
    fn so_much_of_a_kind_is_kept_and_who_missed_some_is_told_so() {
        let happenings = Happenings::default();
        for _ in 0..HAPPENINGS_MAX {
            happenings.note_directory(&id("one"), 1, NOW);
        }
        let all = happenings.after(&id("one"), ALL, 0);
        assert!(!all.has_gap && all.happenings.len() == HAPPENINGS_MAX);
        happenings.note_directory(&id("one"), 1, NOW);
        let following = happenings.after(&id("one"), ALL, 0);
        assert!(following.has_gap && following.happenings.len() == HAPPENINGS_MAX);
        assert!(!happenings.after(&id("one"), ALL, 1).has_gap);
        assert!(!happenings.after(&id("one"), &[HappeningKind::Page], 0).has_gap);
    }

    #[test]
    fn w08_a_flood_of_refusals_pushes_no_registration_out() {
        let happenings = Happenings::default();
        happenings.note(&registered(), None, NOW);
        for user in 0..=HAPPENINGS_MAX {
            happenings.note(&refused(user), None, NOW);
        }
        let following = happenings.after(&id("one"), &[HappeningKind::Registration], 0);
        assert_eq!(following.happenings[0].number, 1);
        assert!(following.happenings[0].data.contains("\"registered\""));
        assert_eq!(following.happenings.len(), 1 + HAPPENINGS_MAX);
    }

    #[test]
    fn an_account_hears_nothing_of_another() {
        let happenings = Happenings::default();
        happenings.note(&registered(), None, NOW);
        assert_eq!(happenings.after(&id("two"), ALL, 0).happenings, []);
        assert_eq!(happenings.after(&id("one"), ALL, 0).happenings.len(), 1);
    }

    #[test]
    fn so_many_pages_are_known_and_those_that_have_ended_go_first() {
        let happenings = Happenings::default();
        let start = |number: u128| {
            let event = ZoneEvent::PageStarted {
                account: id("one"),
                page: PageId::from_random(number),
                extension: "700".parse().unwrap(),
                talker: "desk".parse().unwrap(),
                listeners: 1,
            };
            happenings.note(&event, None, NOW);
        };
        let is_known = |number| {
            happenings
                .page(&id("one"), &PageId::from_random(number))
                .is_some()
        };
        start(1);
        start(2);
        happenings.note(&ended(2), None, NOW);
        for number in 3..=PAGES_MAX as u128 {
            start(number);
        }
        assert!(is_known(1) && is_known(2));
        assert_eq!(happenings.pages_going_on(&id("one")).len(), PAGES_MAX - 1);
        start(1_000);
        assert!(is_known(1) && !is_known(2) && is_known(1_000));
        assert!(happenings.page(&id("two"), &PageId::from_random(1)).is_none());
    }

    fn ended(page: u128) -> ZoneEvent {
        let report = PageReport {
            page: PageId::from_random(page),
            extension: "700".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            duration_ms: 1,
            since_start_ms: None,
            since_end_ms: None,
            listeners: Vec::new(),
        };
        ZoneEvent::PageEnded {
            account: id("one"),
            report,
        }
    }

    fn raised(call: u128) -> ZoneEvent {
        ZoneEvent::AlertRaised {
            account: id("one"),
            call: PageId::from_random(call),
            extension: "900".parse().unwrap(),
            caller: "desk".parse().unwrap(),
        }
    }

    #[test]
    fn what_a_zone_tells_again_is_noted_once() {
        let happenings = Happenings::default();
        for now in [NOW, Timestamp(2_000)] {
            for event in [raised(1), started(1), ended(1)] {
                happenings.note(&event, Some("b"), now);
            }
        }
        let told = happenings.after(&id("one"), ALL, 0).happenings;
        let kinds: Vec<HappeningKind> = told.iter().map(|one| one.kind).collect();
        assert_eq!(
            kinds,
            [HappeningKind::Alert, HappeningKind::Page, HappeningKind::Page]
        );

        let last = HAPPENINGS_MAX as u128;
        for call in 2..=last {
            happenings.note(&raised(call), Some("b"), NOW);
        }
        let before = happenings.last();
        happenings.note(&raised(1), Some("b"), NOW);
        assert_eq!(happenings.last(), before, "so many are remembered");
        happenings.note(&raised(last + 1), Some("b"), NOW);
        happenings.note(&raised(1), Some("b"), NOW);
        assert_eq!(happenings.last(), before + 2, "and not one more");
    }

    fn page(number: u128) -> OngoingPage {
        OngoingPage {
            page: PageId::from_random(number),
            extension: "700".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            listeners: 1,
        }
    }

    fn started(number: u128) -> ZoneEvent {
        let OngoingPage {
            page,
            extension,
            talker,
            listeners,
        } = page(number);
        ZoneEvent::PageStarted {
            account: id("one"),
            page,
            extension,
            talker,
            listeners,
        }
    }

    #[test]
    fn a_page_of_which_the_end_was_missed_goes_on_no_longer() {
        let happenings = Happenings::default();
        happenings.note(&started(1), None, NOW);
        happenings.note(&started(2), None, NOW);
        happenings.note(&started(3), Some("b"), NOW);

        happenings.settle_pages(&id("one"), None, &[page(2), page(4)], Timestamp(2_000));
        happenings.note(&started(4), None, Timestamp(1_500));
        happenings.note(&started(4), None, Timestamp(3_000));

        let going_on = happenings.pages_going_on(&id("one"));
        let known: Vec<_> = going_on
            .iter()
            .map(|page| (page.page.clone(), page.started_at.0))
            .collect();
        let number = PageId::from_random;
        assert_eq!(
            known,
            [(number(4), 1_500), (number(3), 1_000), (number(2), 1_000)]
        );
        happenings.settle_pages(&id("one"), Some("b"), &[], NOW);
        assert!(happenings.page(&id("one"), &number(3)).is_none());
    }

    #[test]
    fn whoever_listens_to_what_was_missed_is_told_so_and_nobody_else() {
        let happenings = Happenings::default();
        let (page, directory) = (&[HappeningKind::Page], &[HappeningKind::Directory]);
        happenings.note_gap(&id("one"), page);
        let has_gap = |account: &str, kinds: &[HappeningKind], number| {
            happenings.after(&id(account), kinds, number).has_gap
        };
        assert!(has_gap("one", page, 0) && has_gap("one", ALL, 0));
        assert!(!has_gap("one", directory, 0) && !has_gap("two", ALL, 0));
        assert!(!has_gap("one", page, happenings.last()), "it is told once");
    }

    #[test]
    fn a_call_to_an_alert_is_told_with_who_calls_and_where() {
        let happenings = Happenings::default();
        happenings.note(&raised(1), Some("b"), NOW);
        let told = happenings.after(&id("one"), &[HappeningKind::Alert], 0);
        let data: Value = serde_json::from_str(&told.happenings[0].data).unwrap();
        assert_eq!(
            (
                &data["change"],
                &data["extension"],
                &data["caller"],
                &data["zone"]
            ),
            (&json!("called"), &json!("900"), &json!("desk"), &json!("b"))
        );
    }
}
