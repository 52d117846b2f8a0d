//! What a sender passes on to multicast zones: the sound of its pages, rings and alerts, before its own volume.
//!
//! Sound is taken in the rhythm of the output, and packets leave with it: an output that stands still takes no page of the
//! zones with it, as the shell keeps the rhythm by its own clock.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use media::codec::Codec;
use media::resample::Resampler;
use media::sample::SampleRate;
use media::send::{Sender, SenderConfig};
use model::config::ZoneNumber;
use paging::SoundId;
use rand_chacha::ChaCha20Rng;

use crate::profile::SendingProfile;

/// Where a sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) zone: ZoneNumber,
    /// It is played here, too.
    pub(crate) plays_here: bool,
}

/// All that is being sent.
#[derive(Default)]
pub(crate) struct Transmitter {
    transmission_by_sound: BTreeMap<SoundId, Transmission>,
    packets: VecDeque<(SocketAddrV4, Vec<u8>)>,
    /// Why packets do not leave.
    problem: Option<String>,
}

/// One sound on its way to one zone.
struct Transmission {
    route: Route,
    group: SocketAddrV4,
    codec: Codec,
    packet_time: Duration,
    sender: Sender,
    resampler: Resampler,
    /// Samples at the codec's rate that do not fill a packet yet.
    pending: Vec<i16>,
}

impl Transmitter {
    /// Sends these sounds by these routes from here on, and no others.
    pub(crate) fn set_routes(
        &mut self,
        now: Instant,
        route_by_sound: &BTreeMap<SoundId, Route>,
        profile: &SendingProfile,
        rate: SampleRate,
        rng: &mut ChaCha20Rng,
    ) {
        let packets = &mut self.packets;
        self.transmission_by_sound.retain(|sound, transmission| {
            let route = route_by_sound.get(sound);
            let stays = route.is_some_and(|route| transmission.is_like(route.zone, profile));
            match route {
                Some(route) if stays => transmission.route = *route,
                Some(_) | None => transmission.finish(now, packets),
            }
            stays
        });
        for (sound, route) in route_by_sound {
            if !self.transmission_by_sound.contains_key(sound)
                && let Some(transmission) = Transmission::new(*route, profile, rate, rng)
            {
                self.transmission_by_sound.insert(*sound, transmission);
            }
        }
    }

    /// Takes the next samples of a sound, if it is sent; says whether it is played here as well.
    pub(crate) fn take(&mut self, now: Instant, sound: SoundId, samples: &[i16]) -> bool {
        let Some(transmission) = self.transmission_by_sound.get_mut(&sound) else {
            return true;
        };
        transmission.take(now, samples, &mut self.packets);
        transmission.route.plays_here
    }

    pub(crate) fn is_sending(&self) -> bool {
        !self.transmission_by_sound.is_empty()
    }

    /// Says whether a sound is played here.
    pub(crate) fn is_played_here(&self, sound: SoundId) -> bool {
        let transmission = self.transmission_by_sound.get(&sound);
        transmission.is_none_or(|transmission| transmission.route.plays_here)
    }

    /// The next packet, and where it goes.
    pub(crate) fn poll(&mut self) -> Option<(SocketAddrV4, Vec<u8>)> {
        self.packets.pop_front()
    }

    /// Notes why packets do not leave, or that they do; says whether that is different.
    pub(crate) fn set_problem(&mut self, problem: Option<String>) -> bool {
        let has_changed = self.problem != problem;
        self.problem = problem;
        has_changed
    }

    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The zones that are sent to, in the order of their numbers.
    pub(crate) fn zones(&self) -> Vec<ZoneNumber> {
        let transmissions = self.transmission_by_sound.values();
        let mut zones: Vec<ZoneNumber> = transmissions
            .map(|transmission| transmission.route.zone)
            .collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    }
}

impl Transmission {
    /// `None` for a zone that may not be sent to.
    fn new(route: Route, profile: &SendingProfile, rate: SampleRate, rng: &mut ChaCha20Rng) -> Option<Self> {
        let codec = profile.codec;
        let config = SenderConfig {
            codec,
            payload_type: codec.static_payload_type()?,
            packet_time: profile.packet_time,
            telephone_event: None,
            key: None,
        };
        Some(Self {
            route,
            group: *profile.group_by_zone.get(&route.zone)?,
            codec,
            packet_time: profile.packet_time,
            sender: Sender::new(&config, rng).ok()?,
            resampler: Resampler::new(rate, codec.sample_rate()),
            pending: Vec::new(),
        })
    }

    fn is_like(&self, zone: ZoneNumber, profile: &SendingProfile) -> bool {
        self.route.zone == zone
            && profile.group_by_zone.get(&zone) == Some(&self.group)
            && self.codec == profile.codec
            && self.packet_time == profile.packet_time
    }

    fn take(&mut self, now: Instant, samples: &[i16], packets: &mut VecDeque<(SocketAddrV4, Vec<u8>)>) {
        self.resampler.process(samples, &mut self.pending);
        let frame_samples = self.sender.frame_samples();
        while let Some(frame) = self.pending.get(..frame_samples) {
            let mut packet = Vec::new();
            // Only a key can come to its end, and there is none.
            if self.sender.packetize(now, frame, &mut packet).is_ok() {
                packets.push_back((self.group, packet));
            }
            self.pending.drain(..frame_samples);
        }
    }

    /// Sends what does not fill a packet, with silence behind it.
    fn finish(&mut self, now: Instant, packets: &mut VecDeque<(SocketAddrV4, Vec<u8>)>) {
        let missing = self.sender.frame_samples().saturating_sub(self.pending.len());
        if !self.pending.is_empty() {
            let silence = vec![0; missing];
            self.pending.extend(silence);
            self.take(now, &[], packets);
        }
    }
}
