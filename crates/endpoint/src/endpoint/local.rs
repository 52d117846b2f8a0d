//! Sounds of the device itself: who starts them, and what ends them.

use std::time::Instant;

use model::SlotKind;
use model::status::{DeviceEvent, StopReason};
use paging::SoundId;

use super::{Endpoint, Phase};
use crate::call::farewell::Farewell;
use crate::call::page::PageCall;
use crate::io::CallId;
use crate::local::{Kind, LocalSound, Manner, SoundOrder, Starter, ToneClass, ToneZone};
use crate::playback::Rounds;
use crate::refusal::Refusal;
use crate::tones::ToneSource;

impl Endpoint {
    pub(super) fn handle_order(&mut self, now: Instant, order: SoundOrder) {
        match order {
            SoundOrder::StartAnnouncement { number, is_drill } => {
                let started = self.start_announcement(now, number, is_drill, Starter::Device);
                let kind = if is_drill {
                    "drill of announcement"
                } else {
                    "announcement"
                };
                self.tell_refused(started, &format!("{kind} {number}"));
            }
            SoundOrder::StopAnnouncement { number } => {
                let ids = self.locals.ids_where(|sound| sound.number() == Some(number));
                self.end_locals(now, ids, StopReason::Cancelled, Farewell::AlertCancelled);
            }
            SoundOrder::StartTone {
                tone,
                rounds,
                class,
                zone,
            } => {
                let what = format!("tone {}", tone.name().unwrap_or_default());
                let started = self.start_tone(now, tone, rounds, class, zone);
                self.tell_refused(started, &what);
            }
            SoundOrder::StopTone { name } => {
                let is_meant = |sound: &LocalSound| {
                    sound.kind == Kind::Tone && (name.is_none() || sound.tone_name() == name.as_deref())
                };
                let ids = self.locals.ids_where(is_meant);
                self.end_locals(now, ids, StopReason::Cancelled, Farewell::AlertCancelled);
            }
            SoundOrder::StopAlerts => self.cancel_alerts(now),
        }
    }

    /// Starts an announcement; one that sounds begins again.
    pub(super) fn start_announcement(
        &mut self,
        now: Instant,
        number: u8,
        is_drill: bool,
        starter: Starter,
    ) -> Result<(), Refusal> {
        let alerts = &self.profile.alerts;
        let announcement = alerts
            .announcement(number)
            .ok_or(Refusal::NoAnnouncement(number))?;
        let manner = self.manner(Kind::Announcement { number, is_drill });
        let sound = LocalSound::announcement(now, announcement, is_drill, starter, alerts.length_max, manner);
        let kind = sound.kind;
        let again = self.locals.ids_where(|older| older.kind == kind);
        self.start_local(now, sound, again)
    }

    fn start_tone(
        &mut self,
        now: Instant,
        tone: ToneSource,
        rounds: Rounds,
        class: ToneClass,
        zone: Option<ToneZone>,
    ) -> Result<(), Refusal> {
        if let Some(zone) = zone.filter(|zone| !self.profile.multicast.sends_to(zone.number)) {
            return Err(Refusal::NoZone(zone.number));
        }
        let sound = LocalSound::tone(now, tone, rounds, class, zone, self.manner(Kind::Tone));
        let again = self
            .locals
            .ids_where(|older| older.kind == Kind::Tone && older.tone_name() == sound.tone_name());
        self.start_local(now, sound, again)
    }

    /// Starts a sound in the place of those that it is the same as.
    pub(super) fn start_local(
        &mut self,
        now: Instant,
        sound: LocalSound,
        again: Vec<SoundId>,
    ) -> Result<(), Refusal> {
        if matches!(self.phase, Phase::Leaving | Phase::Stopped) {
            return Err(Refusal::Leaving);
        }
        for id in again {
            self.silence(now, id, StopReason::Restarted);
            self.locals.remove(id);
        }
        // Calls and local sounds are numbered together, as the arbiter knows both.
        let id = SoundId(self.calls.next_id().0);
        let class = sound.class;
        self.locals.insert(id, sound);
        let requested = self.request_sound(now, id, class);
        if requested.is_err() {
            self.locals.remove(id);
        }
        requested
    }

    /// Ends sounds for good, and the calls that have started them.
    pub(super) fn end_locals(
        &mut self,
        now: Instant,
        ids: Vec<SoundId>,
        why: StopReason,
        farewell: Farewell,
    ) {
        for id in ids {
            self.silence(now, id, why);
            if let Some(number) = self.locals.remove(id).and_then(|sound| sound.number()) {
                self.dismiss_callers(now, number, farewell);
            }
        }
    }

    /// Ends one sound that is over; says whether there was any.
    pub(super) fn step_locals(&mut self, now: Instant) -> bool {
        let over = self.locals.over(now);
        if let Some((id, why)) = over {
            self.end_locals(now, vec![id], why, Farewell::AnnouncementOver);
        }
        over.is_some()
    }

    /// Ends the calls that wait for the end of the announcement they have started. Whoever still keys in a passcode has
    /// started none.
    fn dismiss_callers(&mut self, now: Instant, number: u8, farewell: Farewell) {
        let starts_it = |slot: usize| {
            let position = self.slots.get(slot).map(|slot| slot.profile().position);
            position.is_some_and(|position| position.kind() == SlotKind::Alert && position.port() == number)
        };
        let callers: Vec<CallId> = self
            .calls
            .abouts()
            .filter(|about| !about.is_heard() && starts_it(about.slot))
            .map(|about| about.id)
            .filter(|id| !self.calls.page(*id).is_some_and(PageCall::is_guarded))
            .collect();
        for id in callers {
            self.hang_up(now, id, farewell);
        }
    }

    pub(super) fn manner(&self, kind: Kind) -> Manner {
        let sound = self.sound.profile();
        Manner {
            rate: sound.output_rate,
            volume_db: sound.volume_db(kind),
        }
    }

    pub(super) fn tell_refused(&mut self, started: Result<(), Refusal>, what: &str) {
        if let Err(refusal) = started {
            self.tell(DeviceEvent::SoundRefused {
                what: what.to_owned(),
                why: refusal.to_string(),
            });
        }
    }
}
