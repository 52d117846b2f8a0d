//! What the device plays: the audio tick, the arbiter's orders, the state of the output.

use std::time::Instant;

use model::status::{DeviceEvent, SinkHealth, Sounding};
use paging::{Effect, SoundId};

use super::Endpoint;
use crate::call::farewell::Farewell;
use crate::io::CallId;
use crate::refusal::Refusal;

impl Endpoint {
    /// Fills `out` with the next samples for the sink, at the output rate of the profile.
    ///
    /// What is taken here counts as consumed if the sink was last reported healthy. A muted device plays silence.
    pub fn fill(&mut self, now: Instant, out: &mut [i16]) {
        self.sound.filling(now);
        let output = self.sound.output(now);
        self.calls.render(now, output, &mut self.sound.mixing, out);
        if output.is_muted {
            out.fill(0);
        }
        self.settle(now);
    }

    /// Whether [`fill`](Self::fill) has anything to play, or soon will: while this is false a shell need not call it.
    #[must_use]
    pub fn wants_audio(&self) -> bool {
        self.calls.abouts().next().is_some()
    }

    /// Lets calls sound, fall silent or end, as the arbiter says; an error if the requested sound is refused.
    pub(super) fn follow_arbiter(&mut self, now: Instant, effects: &[Effect]) -> Result<(), Refusal> {
        for effect in effects {
            match *effect {
                Effect::Start(sound) | Effect::Resume(sound) => self.sound_begins(now, sound),
                Effect::Duck(_) => {}
                Effect::Suspend(sound) => self.sound_pauses(now, sound),
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
        let (sound, _) = self.sound.arbiter.sounding()?;
        self.sounding_of(now, CallId(sound.0))
    }

    /// What a call that may be heard plays.
    pub(super) fn sounding_of(&self, now: Instant, id: CallId) -> Option<Sounding> {
        let since = self.sound.began(SoundId(id.0))?;
        let about = self.calls.about(id)?;
        Some(Sounding {
            slot: self
                .slots
                .get(about.slot)
                .map(|slot| slot.profile().position.id()),
            page: about.page.clone(),
            what: format!("{} from {}", about.class, about.caller),
            since_ms: crate::clock::millis_since(since, now),
        })
    }

    fn sound_begins(&mut self, now: Instant, sound: SoundId) {
        let id = CallId(sound.0);
        self.calls.set_may_sound(id, true);
        self.sound.begins(now, sound);
        if let Some(sounding) = self.sounding_of(now, id) {
            self.tell(DeviceEvent::Started { sounding });
        }
    }

    fn sound_pauses(&mut self, now: Instant, sound: SoundId) {
        let id = CallId(sound.0);
        self.calls.set_may_sound(id, false);
        if let Some(sounding) = self.sounding_of(now, id) {
            self.tell(DeviceEvent::Stopped { sounding });
        }
        self.sound.ends(sound);
    }
}
