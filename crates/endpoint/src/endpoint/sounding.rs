//! What the device plays: the audio tick, the arbiter's orders, the state of the output.

use std::time::Instant;

use model::status::{DeviceEvent, Signals, SinkHealth, SoundOrigin, Sounding, StopReason};
use paging::{Effect, SoundId};

use super::Endpoint;
use crate::call::farewell::Farewell;
use crate::clock::millis_since;
use crate::io::CallId;
use crate::refusal::Refusal;

impl Endpoint {
    /// Fills `out` with the next samples for the sink, at the output rate of the profile.
    ///
    /// What is taken here counts as consumed if the sink was last reported healthy. A muted device plays silence.
    pub fn fill(&mut self, now: Instant, out: &mut [i16]) {
        self.sound.filling(now);
        let output = self.sound.output(now);
        self.route_to_zones(now);
        let mixing = &mut self.sound.mixing;
        mixing.begin(out.len());
        let transmitter = &mut self.multicast.transmitter;
        self.calls.render(now, output, mixing, transmitter);
        self.locals.render(now, mixing, transmitter);
        self.multicast.render(now, mixing);
        mixing.finish(out);
        self.send_to_zones();
        if output.is_muted {
            out.fill(0);
        }
        self.settle(now);
    }

    /// Whether [`fill`](Self::fill) has anything to play, or soon will: while this is false a shell need not call it.
    #[must_use]
    pub fn wants_audio(&self) -> bool {
        self.calls.abouts().next().is_some()
            || !self.locals.is_empty()
            || self.multicast.next_timeout().is_some()
    }

    /// Lets sounds be heard, fall silent or end, as the arbiter says; an error if the requested sound is refused.
    pub(super) fn follow_arbiter(&mut self, now: Instant, effects: &[Effect]) -> Result<(), Refusal> {
        for effect in effects {
            match *effect {
                Effect::Start(sound) | Effect::Resume(sound) => self.sound_begins(now, sound),
                Effect::Duck(sound) => self.multicast.duck(sound),
                Effect::Suspend(sound) => self.sound_pauses(now, sound),
                Effect::Stop { sound, by } if self.locals.get(sound).is_some() => {
                    self.end_locals(now, vec![sound], StopReason::PreEmpted, Farewell::PreEmpted(by));
                }
                Effect::Stop { sound, .. } if self.multicast.stream(sound).is_some() => {
                    self.silence(now, sound, StopReason::PreEmpted);
                }
                Effect::Stop { sound, by } => self.hang_up(now, CallId(sound.0), Farewell::PreEmpted(by)),
                Effect::Refuse { refusal, .. } => return Err(Refusal::Sound(refusal)),
            }
        }
        Ok(())
    }

    pub(super) fn handle_sink(&mut self, health: SinkHealth) {
        if health != SinkHealth::Healthy {
            self.calls.note_fault();
        }
        if self.sound.set_health(health) {
            self.tell(DeviceEvent::SinkChanged {
                sink: self.sound.status(),
            });
        }
    }

    pub(super) fn handle_muted(&mut self, is_muted: bool) {
        if self.sound.set_muted(is_muted) {
            self.tell(DeviceEvent::SinkChanged {
                sink: self.sound.status(),
            });
        }
    }

    /// What sounds at full level.
    pub(super) fn sounding(&self, now: Instant) -> Option<Sounding> {
        let (sound, _) = self.sound.top()?;
        self.sounding_of(now, sound)
    }

    /// What is told of a sound that may be heard.
    pub(super) fn sounding_of(&self, now: Instant, sound: SoundId) -> Option<Sounding> {
        let since_ms = millis_since(self.sound.began(sound)?, now);
        if let Some(local) = self.locals.get(sound) {
            return Some(Sounding {
                class: local.class,
                origin: local.origin(),
                drill: local.is_drill(),
                slot: local.starter.slot().cloned(),
                announcement: local.number(),
                multicast: None,
                page: None,
                tone: local.tone_name().map(str::to_owned),
                what: format!("{} from {}", local.what(), local.starter.name()),
                since_ms,
            });
        }
        let Some(about) = self.calls.about(CallId(sound.0)) else {
            return self.sounding_of_stream(now, sound);
        };
        let ring = self.calls.ring(about.id);
        Some(Sounding {
            class: about.class,
            origin: SoundOrigin::SlotCall,
            drill: about.is_drill,
            slot: self
                .slots
                .get(about.slot)
                .map(|slot| slot.profile().position.id()),
            announcement: None,
            multicast: None,
            page: about.page.clone(),
            tone: ring.and_then(|ring| ring.tone_name()).map(str::to_owned),
            what: format!("{} from {}", about.class, about.caller),
            since_ms,
        })
    }

    /// Says what strobe and relay do where that has changed.
    pub(super) fn publish_signals(&mut self) {
        let signals = self.sound.top().map_or_else(Signals::default, |(sound, class)| {
            let is_drill = match self.locals.get(sound) {
                Some(local) => local.is_drill(),
                None => self
                    .calls
                    .about(CallId(sound.0))
                    .is_some_and(|about| about.is_drill),
            };
            Signals::during(class, is_drill, &self.sound.profile().relay)
        });
        if self.sound.set_signals(signals) {
            self.tell(DeviceEvent::SignalsChanged { signals });
        }
    }

    /// Takes the loudspeaker from a sound for good.
    pub(super) fn silence(&mut self, now: Instant, sound: SoundId, why: StopReason) {
        self.set_may_sound(sound, false);
        self.tell_stopped(now, sound, why);
        let effects = self.sound.arbiter.release(sound);
        // A release refuses nobody.
        self.follow_arbiter(now, &effects).ok();
    }

    fn sound_begins(&mut self, now: Instant, sound: SoundId) {
        self.set_may_sound(sound, true);
        if self.sound.began(sound).is_some() {
            // It was heard quietly.
            return;
        }
        self.sound.begins(now, sound);
        if let Some(sounding) = self.sounding_of(now, sound) {
            self.tell(DeviceEvent::Started { sounding });
        }
    }

    fn sound_pauses(&mut self, now: Instant, sound: SoundId) {
        self.set_may_sound(sound, false);
        self.tell_stopped(now, sound, StopReason::Paused);
    }

    fn tell_stopped(&mut self, now: Instant, sound: SoundId, why: StopReason) {
        if let Some(sounding) = self.sounding_of(now, sound) {
            self.tell(DeviceEvent::Stopped { sounding, why });
        }
        self.sound.ends(sound);
    }

    fn set_may_sound(&mut self, sound: SoundId, may_sound: bool) {
        self.calls.set_may_sound(CallId(sound.0), may_sound);
        self.locals.set_may_sound(sound, may_sound);
        self.multicast.set_may_sound(sound, may_sound);
    }
}
