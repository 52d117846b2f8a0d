//! Streams of multicast zones: how they ask for the loudspeaker, and how they end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use model::config::{MulticastMode, ZoneNumber};
use model::status::{DeviceEvent, MulticastStatus, SoundOrigin, Sounding, StopReason};
use model::{SlotKind, SlotPosition};
use paging::SoundId;

use super::{Endpoint, Phase};
use crate::clock::millis_since;
use crate::io::Output;
use crate::local::{Kind, LocalSound};
use crate::multicast::{Candidate, Route, Taken};
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

    pub(super) fn handle_zone_sending(&mut self, problem: Option<String>) {
        if self.multicast.transmitter.set_problem(problem.clone()) {
            self.tell(DeviceEvent::ZoneSendingChanged { problem });
        }
    }

    pub(super) fn multicast_status(&self) -> MulticastStatus {
        let counters = self.gate.counters;
        self.multicast
            .status(counters.multicast_foreign, counters.multicast_unusable)
    }

    /// Ends one stream that is over, or offers one that waits; says whether there was any.
    pub(super) fn step_zones(&mut self, now: Instant) -> bool {
        if let Some((sound, why)) = self.multicast.over(now) {
            if why == StopReason::TimedOut {
                self.multicast.shut_out(now, sound);
            }
            self.end_stream(now, sound, why);
            return true;
        }
        let order = self.sound.profile().order;
        match self.multicast.waiting(&self.sound.arbiter, order) {
            Some(candidate) => self.offer_stream(now, candidate).is_ok(),
            None => false,
        }
    }

    /// Lets transmissions begin and end with their sounds.
    pub(super) fn follow_sounds(&mut self, now: Instant) {
        let is_sender = self.profile.multicast.mode == MulticastMode::Sender;
        if is_sender || self.multicast.transmitter.is_sending() {
            self.route_to_zones(now);
            self.send_to_zones();
        }
    }

    /// Sends what is heard of slots to their zones.
    pub(super) fn route_to_zones(&mut self, now: Instant) {
        let of_calls = self.calls.abouts().map(|about| {
            let slot = self.slots.get(about.slot);
            let route = slot.and_then(|slot| self.route_of(slot.profile().position));
            (SoundId(about.id.0), route)
        });
        let of_locals = self
            .locals
            .iter()
            .map(|(sound, local)| (sound, self.route_of_local(local)));
        let route_by_sound: BTreeMap<SoundId, Route> = of_calls
            .chain(of_locals)
            .filter(|(sound, _)| self.sound.began(*sound).is_some())
            .filter_map(|(sound, route)| Some((sound, route?)))
            .collect();
        let rate = self.sound.profile().output_rate;
        let sending = &self.profile.multicast.sending;
        let transmitter = &mut self.multicast.transmitter;
        transmitter.set_routes(now, &route_by_sound, sending, rate, &mut self.rng);
    }

    /// Where what sounds at a slot goes.
    fn route_of(&self, position: SlotPosition) -> Option<Route> {
        let multicast = &self.profile.multicast;
        Some(Route {
            zone: multicast.zone_of(position)?,
            // An alert that goes out does not leave this room out.
            plays_here: multicast.sending.plays_here || position.kind() == SlotKind::Alert,
        })
    }

    fn route_of_local(&self, sound: &LocalSound) -> Option<Route> {
        match sound.kind {
            // What is only to be seen here would end what is heard elsewhere.
            Kind::Announcement { .. } if sound.is_silent() => None,
            Kind::Announcement { number, .. } => {
                self.route_of(SlotPosition::new(SlotKind::Alert, number).ok()?)
            }
            Kind::DelayedPage => {
                let id = sound.starter.slot()?;
                let mut positions = self.slots.iter().map(|slot| slot.profile().position);
                self.route_of(positions.find(|position| position.id() == *id)?)
            }
            Kind::Tone => {
                let zone = sound.zone?;
                let is_sent = self.profile.multicast.sends_to(zone.number);
                is_sent.then_some(Route {
                    zone: zone.number,
                    plays_here: zone.plays_here,
                })
            }
        }
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
