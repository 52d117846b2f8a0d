//! Pages judged as they happen: who plays what, and what the zone says of it.

use std::collections::BTreeSet;
use std::time::Duration;

use model::status::{PageReport, Verdict};
use model::{PageId, SipUser};
use sip::message::{Message, Method};

use super::World;
use crate::ledger::{PageRecord, Start};
use crate::outcome::Invariant;
use crate::site::talker_user;
use crate::sound::{PERIOD_SAMPLES, Tag, Taken};
use crate::station::StationId;

/// A page can sound at a device for so long after its report.
const SOUNDS_AFTER_REPORT: Duration = Duration::from_secs(40);
/// What a sink may take of a page beyond its length: what a decoder makes up over stalls, and cut periods.
const SURPLUS_MAX: Duration = Duration::from_millis(400);
/// The loudest a page may be, 1 being as loud as it was made: two at a time come to about 2.
const PEAK_MAX: f32 = 1.3;
/// What a report may say too much or too little of a page: the last packets may come after the BYE.
const LENGTH_TOLERANCE: Duration = Duration::from_millis(80);
/// What the measurement may miss: the first and the last period are cut, and so is one beside each gap.
const MEASURE_LOSS: Duration = Duration::from_millis(60);

impl World<'_> {
    /// Listens to what a sink takes.
    pub(super) fn sink_takes(&mut self, id: StationId, sound: &[i16; PERIOD_SAMPLES]) {
        let now = self.now;
        let mut found = None;
        if self.ledger.has_strangers && Tag::STRANGER.strength_in(sound) > 0.0 {
            self.broken(Invariant::NoStranger, Some(id), "plays what a stranger says");
        }
        for page in &mut self.ledger.pages {
            let may_sound =
                page.start.is_some() && page.reported_at.is_none_or(|at| now < at + SOUNDS_AFTER_REPORT);
            if !may_sound {
                continue;
            }
            let strength = page.tag.strength_in(sound);
            if strength <= 0.0 {
                continue;
            }
            let length = page.length();
            let is_member = page.is_member(id);
            let taken = page.taken_by_device.entry(id).or_default();
            taken.add(strength);
            if let Some(what) = offence(taken, length, is_member) {
                found = Some((what, page.plan.number, *taken));
            }
        }
        if let Some((invariant, page, taken)) = found {
            let found = format!("page {page}: {taken:?}");
            self.broken(invariant, Some(id), &found);
        }
    }

    /// Notes whom the zone reaches when the INVITE of a talker comes to it.
    pub(super) fn note_invitation(&mut self, message: &Message) {
        if message.method() != Some(Method::Invite) {
            return;
        }
        let from = message.from().ok();
        let caller = from
            .as_ref()
            .and_then(|from| from.uri().user())
            .unwrap_or_default();
        let Some(number) = self.page_to_begin(caller) else {
            return;
        };
        let unreached = self.unreached(number);
        if let Some(page) = self.ledger.pages.get_mut(number) {
            page.is_called_for(unreached);
        }
    }

    /// The zone says that a page has begun.
    pub(super) fn page_started(&mut self, page: PageId, talker: &SipUser) {
        self.tally.pages += 1;
        let Some(number) = self.page_to_begin(talker.as_str()) else {
            let found = format!("page {page} of {talker} was not called for, or began before");
            return self.broken(Invariant::NothingUnexpected, None, &found);
        };
        let (at, zone) = (self.now, self.zone.incarnation);
        let unreached = self.unreached(number);
        if let Some(known) = self.ledger.pages.get_mut(number) {
            known.begins(Start { page, at, zone }, unreached);
        }
    }

    /// The place in the ledger of the page that this talker has called for and that may begin.
    fn page_to_begin(&self, talker: &str) -> Option<usize> {
        let zone = self.zone.incarnation;
        let mut pages = self.ledger.pages.iter();
        pages.position(|page| talker_user(page.plan.number) == talker && page.may_begin(zone))
    }

    /// Members of a page that the zone does not reach.
    fn unreached(&self, place: usize) -> BTreeSet<SipUser> {
        let page = self.ledger.pages.get(place);
        page.into_iter()
            .flat_map(|page| &page.members)
            .filter(|member| !self.reaches(member))
            .map(|member| member.user.clone())
            .collect()
    }

    /// Notes that the zone hangs up on a talker: what it says until it learns of that is not of the page.
    pub(super) fn note_farewell(&mut self, station: StationId, message: &[u8]) {
        if message.starts_with(b"BYE ")
            && let Some(page) = self.ledger.of_talker(station)
        {
            page.is_hung_up = true;
        }
    }

    /// The zone reports a page.
    pub(super) fn page_reported(&mut self, report: PageReport) {
        let now = self.now;
        for listener in &report.listeners {
            if listener.verdict == Verdict::Heard {
                self.tally.heard += 1;
            } else {
                self.tally.unheard += 1;
                let line = format!(
                    "{}: {:?}, {:?}",
                    listener.user, listener.verdict, listener.receipt
                );
                self.note_zone(format_args!("report: {line}"));
            }
        }
        let Some(known) = self.ledger.of_page(&report.page) else {
            let found = format!("page {} is reported and never began", report.page);
            return self.broken(Invariant::Reported, None, &found);
        };
        if known.report.is_some() {
            let found = format!("page {} is reported twice", report.page);
            return self.broken(Invariant::Reported, None, &found);
        }
        let mut fault = entries(known, &report)
            .or_else(|| lies(known, &report))
            .or_else(|| strangers(&report));
        let (talker, called_at, length) = (known.talker, known.called_at, length(known, &report));
        known.reported_at = Some(now);
        known.report = Some(report);
        let is_explained = self.ledger.zone_had_trouble(called_at, now)
            || self.ledger.had_trouble(talker, called_at, now, |_any| true);
        if !is_explained {
            fault = fault.or(length);
        }
        if let Some((invariant, about, found)) = fault {
            self.broken(invariant, about, &found);
        }
    }
}

/// What is wrong with what a sink has taken so far.
fn offence(taken: &Taken, spoken: Duration, is_member: bool) -> Option<Invariant> {
    if !is_member {
        Some(Invariant::OnlyMembers)
    } else if taken.length > spoken + SURPLUS_MAX || taken.peak > PEAK_MAX {
        Some(Invariant::SoundsOnce)
    } else {
        None
    }
}

type Finding = (Invariant, Option<StationId>, String);

/// A report has an entry for each member, and no other.
fn entries(page: &PageRecord, report: &PageReport) -> Option<Finding> {
    let mut members: Vec<&SipUser> = page.members.iter().map(|member| &member.user).collect();
    let mut reported: Vec<&SipUser> = report.listeners.iter().map(|listener| &listener.user).collect();
    members.sort();
    reported.sort();
    (members != reported).then(|| {
        let (number, wanted, found) = (page.plan.number, members.len(), reported.len());
        let found = format!("page {number} has {wanted} members, and its report {found} entries");
        (Invariant::Reported, None, found)
    })
}

/// Every device of the simulation gives receipts, and is never taken for one that does not.
fn strangers(report: &PageReport) -> Option<Finding> {
    let is_stranger = |verdict: &Verdict| matches!(verdict, Verdict::Answered { .. });
    let stranger = report
        .listeners
        .iter()
        .find(|listener| is_stranger(&listener.verdict))?;
    let found = format!("{} is taken for a device that gives no receipts", stranger.user);
    Some((Invariant::NothingUnexpected, None, found))
}

/// A report says how long the talker spoke.
fn length(page: &PageRecord, report: &PageReport) -> Option<Finding> {
    let told = Duration::from_millis(report.duration_ms);
    let (least, most) = (page.sent_into_call(), page.sent());
    (told + LENGTH_TOLERANCE < least || most + LENGTH_TOLERANCE < told).then(|| {
        let (number, sent) = (page.plan.number, page.sent());
        let found = format!("page {number} is said to have lasted {told:?}, and {sent:?} was sent");
        (Invariant::LengthIsTrue, Some(page.talker), found)
    })
}

/// Who is said to have heard the page has consumed 95 % of it, by the ear of the simulation.
fn lies(page: &PageRecord, report: &PageReport) -> Option<Finding> {
    // A report is about what reached the zone. What may be missing of that is five per cent, the silence at the end included.
    let sent = Duration::from_millis(report.duration_ms);
    let least = page.length().min(sent).saturating_sub(sent / 20 + MEASURE_LOSS);
    report
        .listeners
        .iter()
        .filter(|listener| listener.verdict == Verdict::Heard)
        .find_map(|listener| {
            let member = page.members.iter().find(|member| member.user == listener.user)?;
            let taken = page
                .taken_by_device
                .get(&member.device)
                .copied()
                .unwrap_or_default();
            (taken.length < least).then(|| {
                let found = format!(
                    "page {} of {:?} is said to be heard, and {taken:?}; receipt {:?}",
                    page.plan.number,
                    page.length(),
                    listener.receipt
                );
                (Invariant::HeardIsTrue, Some(member.device), found)
            })
        })
}
