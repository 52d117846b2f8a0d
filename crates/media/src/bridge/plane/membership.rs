//! Legs come, join bridges, hear one another and go.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Leg, Listening, Media, Plane, Stream};
use crate::bridge::{BridgeId, Event, LEGS_MAX, LegId, Refusal, Role};
use crate::sdp::Negotiated;

impl Plane {
    pub(super) fn open(&mut self, leg: LegId) -> Result<(), Refusal> {
        if self.slot_by_leg.contains_key(&leg) {
            return Ok(());
        }
        if self.slot_by_leg.len() >= LEGS_MAX {
            return Err(Refusal::TooManyLegs);
        }
        let slot = self.legs.insert(Leg { id: leg, media: None });
        self.slot_by_leg.insert(leg, slot);
        Ok(())
    }

    pub(super) fn connect(
        &mut self,
        now: Instant,
        leg: LegId,
        negotiated: Negotiated,
        bridge: BridgeId,
        role: Role,
    ) -> Result<(), Refusal> {
        let slot = self.slot_by_leg.get(&leg).copied().ok_or(Refusal::UnknownLeg)?;
        self.check_room(slot, bridge, role)?;
        let stays = self
            .media(slot)
            .is_some_and(|media| media.bridge == bridge && media.role == role);
        let present = if stays {
            self.legs.get_mut(slot).and_then(|leg| leg.media.take())
        } else {
            self.disconnect(now, slot)
        };
        // What was received and sent under a key stays known, in whatever bridge the leg is.
        let former = present.as_ref().map(Media::shape);
        let media = match present {
            Some(media) => media.renegotiate(negotiated, bridge, role),
            None => Media::new(negotiated, bridge, role, &mut self.rng),
        };
        let is_reshaped = former.is_some_and(|former| former != media.shape());
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.media = Some(media);
        }
        if is_reshaped {
            self.play_reshaped(now, slot)?;
        }
        if !stays {
            self.join(slot, bridge, role);
        }
        self.refresh_stream(slot);
        self.watch(now, slot);
        self.schedule_report(now, slot);
        match role {
            Role::Listener => self.tune(now, slot),
            Role::Talker | Role::Both => self.tune_all(now, bridge),
        }
        Ok(())
    }

    pub(super) fn close(&mut self, now: Instant, leg: LegId) -> Result<(), Refusal> {
        let slot = self.slot_by_leg.remove(&leg).ok_or(Refusal::UnknownLeg)?;
        let statistics = self.legs.get(slot).map(Leg::statistics).unwrap_or_default();
        self.disconnect(now, slot);
        self.legs.remove(slot);
        self.events.push_back(Event::Closed { leg, statistics });
        Ok(())
    }

    /// Whether the bridge has room for one more leg of this role.
    fn check_room(&self, slot: usize, bridge: BridgeId, role: Role) -> Result<(), Refusal> {
        let talkers = self
            .bridge_by_id
            .get(&bridge)
            .map(|bridge| bridge.talkers.as_slice())
            .unwrap_or_default();
        let others = talkers.iter().filter(|&&talker| talker != slot);
        let pairs = others
            .clone()
            .filter_map(|&talker| self.media(talker))
            .all(|media| media.role == Role::Both);
        let room = match role {
            Role::Listener => usize::MAX,
            Role::Both if pairs => 1,
            Role::Both | Role::Talker => 0,
        };
        if others.count() > room {
            Err(Refusal::Occupied)
        } else {
            Ok(())
        }
    }

    fn join(&mut self, slot: usize, bridge: BridgeId, role: Role) {
        let bridge = self.bridge_by_id.entry(bridge).or_default();
        match role {
            Role::Listener => bridge.listeners.push(slot),
            Role::Talker | Role::Both => bridge.talkers.push(slot),
        }
    }

    /// Takes a leg out of its bridge, and its stream from those who hear it.
    fn disconnect(&mut self, now: Instant, slot: usize) -> Option<Media> {
        self.leave_stream(slot);
        let mut media = self.legs.get_mut(slot)?.media.take()?;
        self.stop_timers(slot, &mut media);
        if let Some(bridge) = self.bridge_by_id.get_mut(&media.bridge) {
            bridge.talkers.retain(|talker| *talker != slot);
            bridge.listeners.retain(|listener| *listener != slot);
            if bridge.talkers.is_empty() && bridge.listeners.is_empty() {
                self.bridge_by_id.remove(&media.bridge);
            }
        }
        let listeners = self
            .stream_by_talker
            .remove(&slot)
            .map(|stream| stream.listeners)
            .unwrap_or_default();
        for listener in listeners {
            if let Some(media) = self.media_mut(listener) {
                media.hears = None;
                media.egress.listen(None);
            }
            self.tune(now, listener);
        }
        Some(media)
    }

    /// Gives a talking leg its stream; another one if its packets are of another make than before.
    fn refresh_stream(&mut self, slot: usize) {
        let Some(media) = self.media(slot).filter(|media| media.role != Role::Listener) else {
            return;
        };
        let shape = media.shape();
        if self
            .stream_by_talker
            .get(&slot)
            .is_some_and(|stream| stream.shape() == shape)
        {
            return;
        }
        let former = self.stream_by_talker.insert(slot, Stream::new(shape));
        for listener in former.into_iter().flat_map(|stream| stream.listeners) {
            if let Some(media) = self.media_mut(listener) {
                media.hears = None;
            }
        }
    }

    fn tune_all(&mut self, now: Instant, bridge: BridgeId) {
        let Some(bridge) = self.bridge_by_id.get(&bridge) else {
            return;
        };
        let members: Vec<usize> = bridge.talkers.iter().chain(&bridge.listeners).copied().collect();
        for member in members {
            self.tune(now, member);
        }
    }

    /// Lets a leg hear whom it should hear, in the encoding it needs.
    fn tune(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.media(slot) else { return };
        let wanted = self.talker_for(slot, media);
        let shape = media.shape();
        let joins = media.hears != wanted;
        if joins {
            self.leave_stream(slot);
        }
        let Some(talker) = wanted else { return };
        let Some(stream) = self.stream_by_talker.get_mut(&talker) else {
            return;
        };
        let Some(leg) = self.legs.get_mut(slot) else {
            return;
        };
        let Some(media) = leg.media.as_mut() else { return };
        let Ok(source) = stream.source_for(shape) else {
            self.events.push_back(Event::Refused {
                leg: leg.id,
                refusal: Refusal::Codec,
            });
            return;
        };
        if !joins
            && media
                .egress
                .listening
                .is_some_and(|listening| listening.source == source)
        {
            return;
        }
        if joins {
            media.hears = Some(talker);
            stream.listeners.push(slot);
        }
        let serial = stream.first_serial_for(source, joins && stream.is_beginning(now));
        media.egress.listen(Some(Listening {
            source,
            serial,
            repeated: false,
        }));
        if stream.wake() {
            self.busy.push_back(talker);
        }
    }

    /// Whom a leg hears: a listener the (first) talker, one of two who talk to each other the other one.
    fn talker_for(&self, slot: usize, media: &Media) -> Option<usize> {
        let talkers = &self.bridge_by_id.get(&media.bridge)?.talkers;
        match media.role {
            Role::Talker => None,
            Role::Listener | Role::Both => talkers.iter().copied().find(|talker| *talker != slot),
        }
    }

    fn leave_stream(&mut self, slot: usize) {
        let Some(media) = self.media_mut(slot) else { return };
        media.egress.listen(None);
        let Some(talker) = media.hears.take() else { return };
        if let Some(stream) = self.stream_by_talker.get_mut(&talker) {
            stream.listeners.retain(|listener| *listener != slot);
            stream.scan.remaining = stream.listeners.len();
        }
    }

    /// Where a peer turns out to be behind another address than was signalled, what was sent there was lost:
    /// the beginning of the stream is sent once more, as long as all of it is at hand.
    pub(super) fn follow(&mut self, now: Instant, slot: usize, former: SocketAddr) {
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        if media.ingress.destination() == former {
            return;
        }
        let (Some(talker), Some(listening)) = (media.hears, media.egress.listening) else {
            return;
        };
        let Some(stream) = self.stream_by_talker.get_mut(&talker) else {
            return;
        };
        // Once only: a peer that moves to and fro must not multiply what it sends.
        if stream.is_beginning(now) && !listening.repeated {
            let serial = stream.first_serial_for(listening.source, true);
            media.egress.listen(Some(Listening {
                serial,
                repeated: true,
                ..listening
            }));
            if stream.wake() {
                self.busy.push_back(talker);
            }
        }
    }
}
