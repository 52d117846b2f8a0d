//! What happens at a time: a look whether a talker is silent, and the reports of the legs.

use std::collections::VecDeque;
use std::time::Instant;

use rand_core::Rng;

use super::{Media, Plane, Transmit};
use crate::bridge::{Event, REPORT_INTERVAL, Role, TALKER_SILENCE};
use crate::report::canonical_name;

/// What a leg waits for; each leg has at most one timer of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Looks whether a talking leg has been silent for [`TALKER_SILENCE`].
    Silence(usize),
    /// Sends the leg's report, every [`REPORT_INTERVAL`].
    Report(usize),
    /// Sends the next packet of the signal that the leg's peer hears.
    Prompt(usize),
}

/// What reports need.
#[derive(Debug)]
pub(super) struct Reporting {
    // Legs whose report is due.
    pub(super) due: VecDeque<usize>,
    /// The clock of the reports, which begins with the first timer.
    clock: Option<Clock>,
    canonical_name: String,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    epoch: Instant,
    now: Instant,
}

impl Reporting {
    pub(super) fn new(rng: &mut impl Rng) -> Reporting {
        Reporting {
            due: VecDeque::new(),
            clock: None,
            canonical_name: canonical_name(rng),
        }
    }
}

impl Plane {
    /// Does what is due at this time.
    pub(super) fn fire_timers(&mut self, now: Instant) {
        let epoch = self.reporting.clock.map_or(now, |clock| clock.epoch);
        self.reporting.clock = Some(Clock { epoch, now });
        while let Some((due, timer)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, timer));
            match timer {
                Timer::Silence(slot) => self.check_silence(now, due, slot),
                Timer::Report(slot) => self.make_report_due(now, slot),
                Timer::Prompt(slot) => self.make_prompt_due(now, slot),
            }
        }
    }

    /// Stops the timers of a leg.
    pub(super) fn stop_timers(&mut self, slot: usize, media: &mut Media) {
        if let Some(due) = media.silence_due.take() {
            self.timers.remove(&(due, Timer::Silence(slot)));
        }
        if let Some(due) = media.report_due.take() {
            self.timers.remove(&(due, Timer::Report(slot)));
        }
        if let Some(prompt) = media.prompt.take() {
            self.timers.remove(&(prompt.due, Timer::Prompt(slot)));
        }
    }

    /// Starts the silence timer of a leg that talks, unless it runs.
    pub(super) fn watch(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        if media.role != Role::Listener && media.silence_due.is_none() {
            let due = now + TALKER_SILENCE;
            media.silence_due = Some(due);
            self.timers.insert((due, Timer::Silence(slot)));
        }
    }

    fn check_silence(&mut self, now: Instant, due: Instant, slot: usize) {
        let Some(leg) = self.legs.get_mut(slot) else {
            return;
        };
        let Some(media) = leg.media.as_mut() else { return };
        // Packets do not move the timer, so that they cost nothing; it finds out when it fires.
        let again = media.ingress.heard().map_or(due, |heard| heard + TALKER_SILENCE);
        media.silence_due = (again > now).then_some(again);
        match media.silence_due {
            Some(again) => {
                self.timers.insert((again, Timer::Silence(slot)));
            }
            None => self.events.push_back(Event::TalkerSilent { leg: leg.id }),
        }
    }

    /// Sets the time of a leg's first report at random within the interval, so that the legs of a page do not
    /// all report at once.
    pub(super) fn schedule_report(&mut self, now: Instant, slot: usize) {
        let share = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        let Some(media) = self.media_mut(slot) else { return };
        if media.reports() && media.report_due.is_none() {
            let due = now + REPORT_INTERVAL.mul_f64(share);
            media.report_due = Some(due);
            self.timers.insert((due, Timer::Report(slot)));
        }
    }

    fn make_report_due(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.media_mut(slot) else { return };
        let due = now + REPORT_INTERVAL;
        media.report_due = Some(due);
        self.timers.insert((due, Timer::Report(slot)));
        self.reporting.due.push_back(slot);
    }

    pub(super) fn write_report(&mut self, slot: usize, buffer: &mut Vec<u8>) -> Option<Transmit> {
        let clock = self.reporting.clock?;
        let leg = self.legs.get_mut(slot)?;
        let media = leg.media.as_mut()?;
        let to = media.ingress.destination();
        let reception = media.ingress.reception(clock.now);
        let elapsed = clock.now.saturating_duration_since(clock.epoch);
        let written = media
            .egress
            .report(elapsed, reception, &self.reporting.canonical_name, buffer);
        (written && !to.ip().is_unspecified()).then_some(Transmit {
            leg: leg.id,
            to,
            length: buffer.len(),
        })
    }
}
