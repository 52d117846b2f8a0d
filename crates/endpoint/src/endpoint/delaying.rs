//! Delayed pages: who may record one, and when it is played.

use std::time::Instant;

use model::SlotKind;
use model::status::{DeviceEvent, MessagesStatus};
use paging::Class;

use super::{Endpoint, Phase};
use crate::call::page::{About, PageCall};
use crate::delayed::{DelayedPage, MESSAGES_MAX, Recorder};
use crate::local::{Kind, LocalSound};
use crate::playback::Playback;
use crate::profile::PageMode;
use crate::refusal::Refusal;
use crate::tones::{BuiltinTone, Recording, ToneSource};

/// What a message is called where tones have names.
const NAME: &str = "message";

impl Endpoint {
    /// What records a call, if it is a page and its slot delays pages.
    ///
    /// # Errors
    ///
    /// As many messages as may be are recorded, wait or are played.
    pub(super) fn recorder_of(&self, about: &About) -> Result<Option<Recorder>, Refusal> {
        let mode = self.slots.get(about.slot).map(|slot| slot.profile().mode);
        // What is more important than a page does not wait, and neither does who cancels an alert, which ranks as a page.
        let is_page = about.kind == SlotKind::Page && about.class == Class::Page;
        let Some(PageMode::Delayed { ends_by_key }) = mode.filter(|_| is_page) else {
            return Ok(None);
        };
        self.has_room_for_message()?;
        let rate = self.sound.profile().output_rate;
        let prompt = ToneSource::Builtin(BuiltinTone::Prompt);
        let prompt = Playback::nothing(rate).instead(&[&prompt]);
        Ok(Some(Recorder::new(rate, prompt, ends_by_key)))
    }

    /// Says whether one more message may be recorded.
    ///
    /// # Errors
    ///
    /// As many messages as may be are recorded, wait or are played.
    pub(super) fn has_room_for_message(&self) -> Result<(), Refusal> {
        let MessagesStatus { recording, waiting } = self.messages();
        let played = self
            .locals
            .ids_where(|sound| sound.kind == Kind::DelayedPage)
            .len();
        if recording + waiting + played < MESSAGES_MAX {
            Ok(())
        } else {
            Err(Refusal::TooManyMessages)
        }
    }

    /// Keeps what a call that is over has recorded, unless it goes on in another dialog, or the device leaves.
    pub(super) fn keep_message(&mut self, call: PageCall) {
        let about = call.about().clone();
        let Some(samples) = call.into_message().filter(|_| self.phase == Phase::Running) else {
            return;
        };
        let Some(slot) = self.slots.get(about.slot).map(|slot| slot.profile()) else {
            return;
        };
        self.delayed.push(DelayedPage {
            slot: slot.position.id(),
            caller: about.caller,
            tone: slot.tone.clone(),
            message: Recording {
                name: NAME.into(),
                samples,
            },
        });
    }

    /// Plays the next message when it would be heard; says whether there was one.
    pub(super) fn step_delayed(&mut self, now: Instant) -> bool {
        let sounding = self.sound.arbiter.sounding();
        let is_free = sounding.is_none_or(|(_, class)| self.sound.arbiter.takes_over(Class::Page, class));
        let Some(page) = self.delayed.pop_if(is_free) else {
            return false;
        };
        let what = format!("delayed page from {}", page.caller);
        let sound = LocalSound::delayed(now, page, self.manner(Kind::DelayedPage));
        let started = self.start_local(now, sound, Vec::new());
        self.tell_refused(started, &what);
        true
    }

    /// Says whether a message waits or is played.
    pub(super) fn has_messages(&self) -> bool {
        self.delayed.count() > 0
            || !self
                .locals
                .ids_where(|sound| sound.kind == Kind::DelayedPage)
                .is_empty()
    }

    /// Forgets what waits to be played.
    pub(super) fn drop_messages(&mut self) {
        self.delayed.clear();
    }

    /// The messages that are recorded and that wait.
    pub(super) fn messages(&self) -> MessagesStatus {
        MessagesStatus {
            recording: self.calls.recording(),
            waiting: self.delayed.count(),
        }
    }

    /// Tells how many messages there are where that has changed.
    pub(super) fn publish_messages(&mut self) {
        let messages = self.messages();
        if self.delayed.set_told(messages) {
            self.tell(DeviceEvent::MessagesChanged { messages });
        }
    }
}
