//! Signals that the plane lets a leg's peer hear.

use std::time::Instant;

use super::timers::Timer;
use super::{Leg, Plane, Transmit};
use crate::bridge::prompt::Prompt;
use crate::bridge::{LegId, Refusal, Role};
use crate::tone::Signal;

impl Plane {
    /// Gives a leg another role in its bridge; what was agreed and received stays known.
    pub(super) fn turn(&mut self, now: Instant, leg: LegId, role: Role) -> Result<(), Refusal> {
        let slot = self.slot_by_leg.get(&leg).copied();
        let media = slot
            .and_then(|slot| self.media(slot))
            .ok_or(Refusal::UnknownLeg)?;
        let (negotiated, bridge) = (media.negotiated().clone(), media.bridge);
        self.connect(now, leg, negotiated, bridge, role)
    }

    /// Plays a signal to a leg's peer, in place of the one that plays.
    pub(super) fn play(&mut self, now: Instant, leg: LegId, signal: Option<Signal>) -> Result<(), Refusal> {
        let slot = self.slot_by_leg.get(&leg).copied().ok_or(Refusal::UnknownLeg)?;
        self.stop_prompt(slot);
        match signal {
            Some(signal) => self.begin_prompt(now, slot, signal),
            None => self.media(slot).map(|_| ()).ok_or(Refusal::UnknownLeg),
        }
    }

    fn begin_prompt(&mut self, now: Instant, slot: usize, signal: Signal) -> Result<(), Refusal> {
        let media = self.media_mut(slot).ok_or(Refusal::UnknownLeg)?;
        if media.hears.is_some() {
            return Err(Refusal::Occupied);
        }
        let prompt = Prompt::new(now, signal, media.shape(), &mut media.prompted);
        let prompt = prompt.map_err(|_| Refusal::Codec)?;
        media.prompt = Some(Box::new(prompt));
        // Behind a pause: the next packet says so.
        media.egress.listen(None);
        self.timers.insert((now, Timer::Prompt(slot)));
        Ok(())
    }

    /// Begins the signal that plays once more, in the codec and packet time that the leg has agreed on since.
    pub(super) fn play_reshaped(&mut self, now: Instant, slot: usize) -> Result<(), Refusal> {
        let prompt = self.stop_prompt(slot);
        match prompt.filter(|_| self.media(slot).is_some_and(|media| media.hears.is_none())) {
            Some(prompt) => self.begin_prompt(now, slot, prompt.into_signal()),
            None => Ok(()),
        }
    }

    /// Ends the signal that plays.
    fn stop_prompt(&mut self, slot: usize) -> Option<Box<Prompt>> {
        let prompt = self.media_mut(slot).and_then(|media| media.prompt.take())?;
        self.timers.remove(&(prompt.due, Timer::Prompt(slot)));
        Some(prompt)
    }

    pub(super) fn make_prompt_due(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        let Some(prompt) = &mut media.prompt else { return };
        match prompt.advance(now, &mut media.prompted) {
            Some(due) => {
                self.timers.insert((due, Timer::Prompt(slot)));
                self.prompting.push_back(slot);
            }
            None => media.prompt = None,
        }
    }

    pub(super) fn write_prompt(&mut self, slot: usize, buffer: &mut Vec<u8>) -> Option<Transmit> {
        let Leg { id, media } = self.legs.get_mut(slot)?;
        let media = media.as_mut()?;
        let (sends, to) = (media.sends(), media.ingress.destination());
        let frame = media.prompt.as_mut()?.take()?;
        (sends && media.egress.write(frame, buffer)).then_some(Transmit {
            leg: *id,
            to,
            length: buffer.len(),
        })
    }
}
