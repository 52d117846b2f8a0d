//! Another profile for a running device.

use std::time::Instant;

use super::{Endpoint, Phase, SLOTS_MAX, draw};
use crate::profile::{Profile, SlotProfile};
use crate::slot::Slot;

/// What came of another profile.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
#[must_use = "a profile that was not taken has to be given to another core"]
pub enum Reconfigured {
    /// It applies: at once, and for slots with another account as soon as the old binding has been taken back.
    InPlace,
    /// It names other servers or another device: the device keeps its profile, and has to leave and be made anew.
    NeedsRestart,
}

impl Endpoint {
    /// Takes another profile. Slots whose account stays keep their registration, and running calls go on as they began; other
    /// slots register anew. Nothing changes where the profile [needs a restart](Reconfigured::NeedsRestart).
    pub fn reconfigure(&mut self, now: Instant, profile: Profile) -> Reconfigured {
        if !self.profile.stands_where(&profile) {
            return Reconfigured::NeedsRestart;
        }
        if matches!(self.phase, Phase::Leaving | Phase::Stopped) {
            return Reconfigured::InPlace;
        }
        let wanted: Vec<SlotProfile> = profile.slots.iter().take(SLOTS_MAX).cloned().collect();
        for index in 0..self.slots.len() {
            let due = self.slots.get_mut(index).map(|slot| {
                let position = slot.profile().position;
                let profile = wanted.iter().find(|profile| profile.position == position);
                slot.take_profile(now, profile.cloned())
            });
            self.send_registers(now, index, due.unwrap_or_default());
        }
        for profile in wanted {
            if !self
                .slots
                .iter()
                .any(|slot| slot.profile().position == profile.position)
            {
                let call_id = format!("{:032x}", draw(&mut self.rng));
                self.slots
                    .push(Slot::new(profile, self.profile.times.registration, &call_id));
            }
        }
        self.calls.set_volumes(&profile.sound);
        self.locals.set_volumes(&profile.sound);
        self.change_zones(now, &profile.multicast);
        let effects = self.sound.set_profile(profile.sound.clone());
        self.profile = profile;
        // Nothing was asked for, so nothing is refused.
        let _is_followed = self.follow_arbiter(now, &effects).is_ok();
        self.settle(now);
        Reconfigured::InPlace
    }

    /// Lets the slots that have left register as what they are to be; says whether there was any.
    pub(super) fn seat_successors(&mut self, now: Instant) -> bool {
        if self.phase != Phase::Running {
            return false;
        }
        let mut has_seated = false;
        for slot in self.slots.iter_mut().filter(|slot| slot.has_left()) {
            let call_id = format!("{:032x}", draw(&mut self.rng));
            slot.succeed(self.profile.times.registration, &call_id);
            has_seated = true;
        }
        if has_seated {
            self.register_idle(now);
        }
        has_seated
    }
}

impl Profile {
    /// Says whether another profile has the same device register with the same servers in the same way.
    fn stands_where(&self, other: &Self) -> bool {
        self.device == other.device
            && self.user_agent == other.user_agent
            && self.instance == other.instance
            && self.domain == other.domain
            && self.registrar == other.registrar
            && self.sips == other.sips
            && self.targets == other.targets
            && self.sound.output_rate == other.sound.output_rate
            && self.times.registration == other.times.registration
            && self.times.uplink == other.times.uplink
    }
}
