//! Streams of multicast zones: how they ask for the loudspeaker, and how they end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use model::SlotId;
use model::config::{MulticastMode, ZoneNumber};
use model::status::{DeviceEvent, SoundOrigin, Sounding, StopReason};
use paging::SoundId;

use super::{Endpoint, Phase};
use crate::clock::millis_since;
use crate::io::Output;
use crate::multicast::{Candidate, Taken};
use crate::profile::MulticastProfile;
use crate::refusal::Refusal;

impl Endpoint {
    /// Has the shell listen as the profile says.
    pub(super) fn join_zones(&mut self) {
        if let Some(plan) = self.multicast.set_profile(&self.profile.multicast) {
            self.outputs.push_back(Output::Zones(plan));
        }
    }

    /// Goes by another profile from here on: what it does not have ends.
    pub(super) fn change_zones(&mut self, now: Instant, profile: &MulticastProfile) {
        for sound in self.multicast.outdated(profile) {
            self.end_stream(now, sound, StopReason::Cancelled);
        }
        if self.phase != Phase::Running {
            return;
        }
        if let Some(plan) = self.multicast.set_profile(profile) {
            self.outputs.push_back(Output::Zones(plan));
        }
    }

    /// Ends all streams and has the shell leave all groups.
    pub(super) fn leave_zones(&mut self, now: Instant) {
        for sound in self.multicast.sounds() {
            self.end_stream(now, sound, StopReason::ShutDown);
        }
        if let Some(plan) = self.multicast.set_profile(&MulticastProfile::default()) {
            self.outputs.push_back(Output::Zones(plan));
        }
    }

    /// Takes a packet; says whether anything follows from it.
    pub(super) fn handle_zone_packet(
        &mut self,
        now: Instant,
        zone: ZoneNumber,
        from: SocketAddr,
        bytes: &mut [u8],
    ) -> bool {
        let calls = &mut self.calls;
        // Streams are numbered together with calls, as the arbiter knows both.
        let id = || SoundId(calls.next_id().0);
        let taken = self
            .multicast
            .handle_packet(now, (zone, from), bytes, self.sound.profile(), id);
        match taken {
            Taken::Began(candidate) => {
                let refused = self.offer_stream(now, candidate).err();
                if let (Some(refusal), Some((stream, class))) =
                    (refused, self.multicast.stream(candidate.sound))
                {
                    self.tell(DeviceEvent::SoundRefused {
                        what: format!("{class} from multicast zone {}, {}", stream.zone, stream.source),
                        why: refusal.to_string(),
                    });
                }
                return true;
            }
            Taken::Kept => {}
            Taken::Foreign => self.gate.counters.multicast_foreign += 1,
            Taken::Unusable => self.gate.counters.multicast_unusable += 1,
        }
        false
    }

    pub(super) fn handle_zone_state(&mut self, zone: ZoneNumber, problem: Option<String>) {
        if self.multicast.set_problem(zone, problem.clone()) {
            self.tell(DeviceEvent::ZoneChanged { zone, problem });
        }
    }

    /// Ends one stream that is over, or offers one that waits; says whether there was any.
    pub(super) fn step_zones(&mut self, now: Instant) -> bool {
        if let Some(sound) = self.multicast.over(now) {
            self.end_stream(now, sound, StopReason::Ended);
            return true;
        }
        let order = self.sound.profile().order;
        match self.multicast.waiting(&self.sound.arbiter, order) {
            Some(candidate) => self.offer_stream(now, candidate).is_ok(),
            None => false,
        }
    }

    /// Lets those transmissions end whose sound is over.
    pub(super) fn end_transmissions(&mut self, now: Instant) {
        if self.multicast.transmitter.is_sending() {
            self.route_to_zones(now);
            self.send_to_zones();
        }
    }

    /// Sends what is heard of the slots of zones to the zones.
    pub(super) fn route_to_zones(&mut self, now: Instant) {
        let multicast = &self.profile.multicast;
        let slot = |index: usize| self.slots.get(index).map(|slot| slot.profile().position);
        let of_id = |id: &SlotId| {
            let mut positions = self.slots.iter().map(|slot| slot.profile().position);
            positions.find(|position| position.id() == *id)
        };
        let of_calls = self
            .calls
            .abouts()
            .map(|about| (SoundId(about.id.0), slot(about.slot)));
        let of_delayed = self.locals.delayed_pages().map(|(sound, id)| (sound, of_id(id)));
        let zone_by_sound: BTreeMap<SoundId, ZoneNumber> = if multicast.mode == MulticastMode::Sender {
            of_calls
                .chain(of_delayed)
                .filter(|(sound, _)| self.sound.began(*sound).is_some())
                .filter_map(|(sound, position)| Some((sound, multicast.zone_of(position?)?)))
                .collect()
        } else {
            BTreeMap::new()
        };
        let rate = self.sound.profile().output_rate;
        let transmitter = &mut self.multicast.transmitter;
        transmitter.set_routes(now, &zone_by_sound, &multicast.sending, rate, &mut self.rng);
    }

    /// Gives the packets that are ready.
    pub(super) fn send_to_zones(&mut self) {
        while let Some((group, bytes)) = self.multicast.transmitter.poll() {
            self.outputs.push_back(Output::SendZone { group, bytes });
        }
    }

    /// What is told of a stream.
    pub(super) fn sounding_of_stream(&self, now: Instant, sound: SoundId) -> Option<Sounding> {
        let since_ms = millis_since(self.sound.began(sound)?, now);
        let (stream, class) = self.multicast.stream(sound)?;
        Some(Sounding {
            class,
            origin: SoundOrigin::Multicast,
            drill: false,
            slot: None,
            announcement: None,
            what: format!("{class} from multicast zone {}, {}", stream.zone, stream.source),
            multicast: Some(stream),
            page: None,
            tone: None,
            since_ms,
        })
    }

    fn offer_stream(&mut self, now: Instant, candidate: Candidate) -> Result<(), Refusal> {
        let Candidate { sound, class, rank } = candidate;
        let effects = self.sound.arbiter.request_ranked(sound, class, rank);
        self.follow_arbiter(now, &effects)
    }

    fn end_stream(&mut self, now: Instant, sound: SoundId, why: StopReason) {
        self.silence(now, sound, why);
        self.multicast.end(sound);
    }
}
