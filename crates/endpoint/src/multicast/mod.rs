//! The multicast zones of a device: plain RTP that nobody has called for.
//!
//! Nobody answers for what comes by multicast, and nobody can be told that it is not heard. So each zone plays one stream
//! at a time, from one source, and asks the arbiter like everything else; what the arbiter ends or refuses is followed
//! all the same, and asks again when the loudspeaker is free for it.

mod held_back;
mod reception;
mod transmission;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use model::config::{MulticastMode, SourceNetwork, ZoneNumber};
use model::status::{MulticastStatus, StopReason, ZoneReception, ZoneStream};
use paging::{Arbiter, Class, Order, Rank, SoundId};

use self::reception::{Judgement, Level, Reception};
pub use self::reception::{OPENINGS_MAX, SHUT_OUT_MAX, STREAM_SILENCE};
pub(crate) use self::transmission::{Route, Transmitter};
use crate::io::ZonePlan;
use crate::profile::{MulticastProfile, SoundProfile};
use crate::sound::Mixing;

/// A stream that wants to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) sound: SoundId,
    pub(crate) class: Class,
    pub(crate) rank: Rank,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A stream begins with it.
    Began(Candidate),
    /// It belongs to a stream, or may be the first of one.
    Kept,
    /// Its source may not speak, or has spoken for too long, or another one speaks already.
    Foreign,
    /// It carries no sound that is understood.
    Unusable,
}

/// The zones that are played.
#[derive(Default)]
pub(crate) struct Multicast {
    reception_by_zone: BTreeMap<ZoneNumber, Reception>,
    mode: MulticastMode,
    sources: Vec<SourceNetwork>,
    plan: ZonePlan,
    pub(crate) transmitter: Transmitter,
}

impl Multicast {
    /// Does as another profile has it; says what the shell is to listen to from here on, if that changes. Streams of zones that
    /// stay as they are go on; the others are to be ended before, see [`outdated`](Self::outdated).
    pub(crate) fn set_profile(&mut self, profile: &MulticastProfile) -> Option<ZonePlan> {
        self.mode = profile.mode;
        self.sources.clone_from(&profile.sources);
        let is_receiver = profile.mode == MulticastMode::Receiver;
        let zones = || profile.zones.iter().filter(|_| is_receiver);
        self.reception_by_zone
            .retain(|number, _| zones().any(|zone| zone.number == *number));
        for zone in zones() {
            match self.reception_by_zone.get_mut(&zone.number) {
                Some(reception) => reception.set_profile(zone.clone()),
                None => {
                    let reception = Reception::new(zone.clone());
                    self.reception_by_zone.insert(zone.number, reception);
                }
            }
        }
        let plan = ZonePlan {
            group_by_zone: zones().map(|zone| (zone.number, zone.group)).collect(),
            interface: profile.interface.clone(),
            hops: profile.hops,
        };
        let has_changed = plan != self.plan;
        self.plan = plan;
        has_changed.then(|| self.plan.clone())
    }

    /// The streams that another profile does not have, or has otherwise.
    pub(crate) fn outdated(&self, profile: &MulticastProfile) -> Vec<SoundId> {
        let is_receiver = profile.mode == MulticastMode::Receiver;
        let stays = |number: ZoneNumber, reception: &Reception| {
            let mut zones = profile.zones.iter();
            is_receiver
                && zones.any(|zone| zone.number == number && reception.is_like(zone))
                && reception
                    .source()
                    .is_none_or(|source| may_speak(&profile.sources, source))
        };
        self.reception_by_zone
            .iter()
            .filter(|(number, reception)| !stays(**number, reception))
            .filter_map(|(_, reception)| reception.sound())
            .collect()
    }

    /// Takes a packet; `id` names the stream that begins with it, if one does.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        (zone, from): (ZoneNumber, SocketAddr),
        bytes: &mut [u8],
        sound: &SoundProfile,
        id: impl FnOnce() -> SoundId,
    ) -> Taken {
        let Some(reception) = self.reception_by_zone.get_mut(&zone) else {
            return Taken::Unusable;
        };
        if !may_speak(&self.sources, from) {
            return Taken::Foreign;
        }
        match reception.handle_packet(now, from, bytes) {
            Judgement::Begins(opening) => Taken::Began(reception.begin(now, opening, bytes, sound, id())),
            Judgement::Kept => Taken::Kept,
            Judgement::Foreign => Taken::Foreign,
            Judgement::Unusable => Taken::Unusable,
        }
    }

    /// Notes why a zone cannot be received, or that it can; says whether that is different.
    pub(crate) fn set_problem(&mut self, zone: ZoneNumber, problem: Option<String>) -> bool {
        self.reception_by_zone
            .get_mut(&zone)
            .is_some_and(|reception| reception.set_problem(problem))
    }

    /// Adds what is heard. What is not is taken all the same, so that the stream is not late when it is.
    pub(crate) fn render(&mut self, now: Instant, mixing: &mut Mixing) {
        let Mixing { mixer, scratch, .. } = mixing;
        for reception in self.reception_by_zone.values_mut() {
            if let Some(gain) = reception.render(now, scratch) {
                mixer.add(scratch, gain);
            }
        }
    }

    /// Lets a stream be heard, or not.
    pub(crate) fn set_may_sound(&mut self, sound: SoundId, may_sound: bool) {
        self.set_level(sound, if may_sound { Level::Full } else { Level::Silent });
    }

    /// Lets a stream be heard quietly.
    pub(crate) fn duck(&mut self, sound: SoundId) {
        self.set_level(sound, Level::Ducked);
    }

    fn set_level(&mut self, sound: SoundId, level: Level) {
        if let Some(reception) = self.reception_mut(sound) {
            reception.set_level(level);
        }
    }

    /// Forgets a stream.
    pub(crate) fn end(&mut self, sound: SoundId) {
        if let Some(reception) = self.reception_mut(sound) {
            reception.end();
        }
    }

    /// The stream with its class, if it is one.
    pub(crate) fn stream(&self, sound: SoundId) -> Option<(ZoneStream, Class)> {
        let mut receptions = self.reception_by_zone.values();
        let reception = receptions.find(|reception| reception.sound() == Some(sound))?;
        Some((reception.stream()?, reception.class()))
    }

    /// Says whether a page is heard.
    pub(crate) fn has_page(&self) -> bool {
        self.reception_by_zone
            .values()
            .any(|reception| reception.is_heard() && reception.class() != Class::BackgroundMusic)
    }

    /// All streams.
    pub(crate) fn sounds(&self) -> Vec<SoundId> {
        self.reception_by_zone
            .values()
            .filter_map(Reception::sound)
            .collect()
    }

    /// A stream that is over at `now`, and why: nothing has come of it for so long, or it has gone on for too long.
    pub(crate) fn over(&self, now: Instant) -> Option<(SoundId, StopReason)> {
        let mut receptions = self.reception_by_zone.values();
        receptions.find_map(|reception| {
            let (at, why) = reception.end_of_stream()?;
            Some((reception.sound()?, why)).filter(|_| at <= now)
        })
    }

    /// Takes no more of a stream until it has paused.
    pub(crate) fn shut_out(&mut self, now: Instant, sound: SoundId) {
        if let Some(reception) = self.reception_mut(sound) {
            reception.shut_out(now);
        }
    }

    /// The most important stream that the arbiter has ended or refused, and for which the loudspeaker is free.
    pub(crate) fn waiting(&self, arbiter: &Arbiter, order: Order) -> Option<Candidate> {
        self.reception_by_zone
            .values()
            .filter_map(Reception::candidate)
            .filter(|candidate| !arbiter.is_wanted(candidate.sound) && arbiter.is_free_for(candidate.class))
            .min_by_key(|candidate| (order.place(candidate.class), Reverse(candidate.rank)))
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.reception_by_zone
            .values()
            .filter_map(Reception::end_of_stream)
            .map(|(at, _)| at)
            .min()
    }

    /// Gives the status; `foreign` and `unusable` packets were dropped.
    pub(crate) fn status(&self, foreign: u64, unusable: u64) -> MulticastStatus {
        let zone = |(number, reception): (&ZoneNumber, &Reception)| ZoneReception {
            zone: *number,
            group: reception.group().to_string(),
            stream: reception.stream(),
            heard: reception.is_heard(),
            problem: reception.problem().map(str::to_owned),
        };
        MulticastStatus {
            mode: self.mode,
            restricted: !self.sources.is_empty(),
            zones: self.reception_by_zone.iter().map(zone).collect(),
            sending: self.transmitter.zones(),
            sending_problem: self.transmitter.problem().map(str::to_owned),
            dropped_foreign: foreign,
            dropped_unusable: unusable,
        }
    }

    fn reception_mut(&mut self, sound: SoundId) -> Option<&mut Reception> {
        let mut receptions = self.reception_by_zone.values_mut();
        receptions.find(|reception| reception.sound() == Some(sound))
    }
}

fn may_speak(sources: &[SourceNetwork], from: SocketAddr) -> bool {
    sources.is_empty() || sources.iter().any(|network| network.contains(from.ip()))
}
