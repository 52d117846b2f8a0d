//! Two-way calls: the caller hears the room.

use std::time::Instant;

use model::SlotKind;
use model::status::{DeviceEvent, SinkHealth};
use paging::Class;

use super::Endpoint;
use crate::profile::PageMode;

impl Endpoint {
    /// Takes what the microphone hears, at the output rate, without the echo of what is played: for the callers who are to
    /// hear it.
    pub fn hear(&mut self, now: Instant, samples: &[i16]) {
        let mut heard = samples.to_vec();
        self.sound.apply_microphone_gain(&mut heard);
        self.calls.hear(now, &heard);
        self.settle(now);
    }

    /// Whether a caller is to hear the room: while this is false a shell need not listen to it.
    #[must_use]
    pub fn wants_microphone(&self) -> bool {
        !self.sound.profile().microphone.is_muted && self.calls.is_room_wanted()
    }

    pub(super) fn handle_microphone(&mut self, health: SinkHealth) {
        if self.sound.set_microphone(health) {
            let microphone = self.sound.microphone();
            self.tell(DeviceEvent::MicrophoneChanged { microphone });
        }
    }

    /// What a page is where its slot lets the caller hear the room: a call, if there is anything to hear it by.
    pub(super) fn talked_back(&self, slot: usize, kind: SlotKind, class: Class) -> Class {
        let mode = self.slots.get(slot).map(|slot| slot.profile().mode);
        let is_two_way = mode == Some(PageMode::TwoWay) && kind == SlotKind::Page;
        if is_two_way && class == Class::Page && self.sound.has_microphone() {
            Class::TwoWayCall
        } else {
            class
        }
    }
}
