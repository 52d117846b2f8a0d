//! One zone that is played.
//!
//! ```text
//!           a packet            the next one of it             silence
//!   Idle ──────────────▶ Idle, ─────────────────────▶ Live ─────────────▶ Idle
//!                        a few openings kept
//! ```
//!
//! Behind a tone a stream is Live for as long after its end as it is played late. Who begins meanwhile goes on in its place: heard
//! behind what waits, without another tone.
//!
//! A stream that goes on for longer than its zone permits ends, and is shut out until it pauses: a sender that never stops must not
//! keep the loudspeaker from everybody else.
//!
//! One packet starts nothing: a stray or forged datagram neither lights the strobe nor ends another page. A stream holds
//! its zone until it is over; what comes from elsewhere meanwhile is dropped.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use media::agc::Leveller;
use media::codec::Codec;
use media::mix::{DUCKED_DB, Gain};
use media::receive::{Received, Receiver, ReceiverConfig};
use media::rtp::{Header, Packet};
use media::sample::SampleRate;
use model::status::{MulticastCodec, StopReason, ZoneStream};
use paging::{Class, SoundId};

use super::Candidate;
use super::held_back::HeldBack;
use crate::profile::{SoundProfile, ZoneProfile};

/// A stream of which nothing has come for so long is over: senders neither pause nor say good-bye, and a network may lose
/// a burst.
pub const STREAM_SILENCE: Duration = Duration::from_secs(1);
/// Streams that may be about to begin: a few senders that start at the same time.
pub const OPENINGS_MAX: usize = 4;
/// Streams of one zone that are shut out: so many senders that never stop are one too many already.
pub const SHUT_OUT_MAX: usize = 4;
/// How far behind the first packet of a stream the second one may be, in packets.
const STEP_MAX: u16 = 5;
/// The payload types of a zone, all of them static (RFC 3551 section 6).
const FORMATS: [(u8, Codec); 3] = [(0, Codec::Pcmu), (8, Codec::Pcma), (9, Codec::G722)];

/// What a packet is.
#[derive(Debug)]
pub(super) enum Judgement {
    /// The second packet of a stream.
    Begins(Opening),
    /// One of the stream, or perhaps the first of one.
    Kept,
    /// It comes from elsewhere than the stream, or its own has gone on for too long.
    Foreign,
    /// It carries no sound that is understood.
    Unusable,
}

/// How loud a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Silent,
    Ducked,
    Full,
}

/// A packet that may be the first of a stream.
#[derive(Debug)]
pub(super) struct Opening {
    from: SocketAddr,
    header: Header,
    at: Instant,
    bytes: Vec<u8>,
}

/// A stream that has gone on for too long.
#[derive(Debug)]
struct ShutOut {
    from: SocketAddr,
    ssrc: u32,
    /// When its last packet came.
    at: Instant,
}

/// One zone.
pub(super) struct Reception {
    profile: ZoneProfile,
    /// The oldest first, at most [`SHUT_OUT_MAX`].
    shut_out: Vec<ShutOut>,
    /// The oldest first, at most [`OPENINGS_MAX`]; none is added while a stream comes.
    openings: Vec<Opening>,
    live: Option<Box<Live>>,
    problem: Option<String>,
}

/// A stream.
struct Live {
    sound: SoundId,
    from: SocketAddr,
    ssrc: u32,
    /// Since when it has had this SSRC.
    began_at: Instant,
    receiver: Receiver,
    codec: Codec,
    /// When its last packet came.
    heard_at: Instant,
    level: Level,
    /// Brings speech to one loudness, ahead of the gain.
    leveller: Option<Leveller>,
    gain: Gain,
    /// A tone is due when it is heard for the first time.
    has_sounded: bool,
    held_back: Option<HeldBack>,
    rate: SampleRate,
}

impl Reception {
    pub(super) fn new(profile: ZoneProfile) -> Self {
        Self {
            profile,
            shut_out: Vec::new(),
            openings: Vec::new(),
            live: None,
            problem: None,
        }
    }

    /// Says whether a profile has the same zone with the same importance.
    pub(super) fn is_like(&self, profile: &ZoneProfile) -> bool {
        self.profile.group == profile.group
            && self.profile.class == profile.class
            && self.profile.rank == profile.rank
    }

    pub(super) fn set_profile(&mut self, profile: ZoneProfile) {
        self.profile = profile;
        let level = self.live.as_ref().map(|live| live.level);
        if let Some(level) = level {
            self.set_level(level);
        }
    }

    /// Takes a packet of the stream, or keeps one that may be the first of one.
    pub(super) fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Judgement {
        if self.is_shut_out(now, from, bytes) {
            return Judgement::Foreign;
        }
        if let Some(live) = self.live.as_deref_mut()
            && (live.from == from || !live.is_draining(now))
        {
            return live.handle_packet(now, from, bytes);
        }
        let Some((header, _)) = sound_of(bytes) else {
            return Judgement::Unusable;
        };
        self.openings
            .retain(|opening| now.saturating_duration_since(opening.at) < STREAM_SILENCE);
        let place = self
            .openings
            .iter()
            .position(|opening| opening.is_before(from, header));
        if let Some(place) = place {
            let opening = self.openings.remove(place);
            self.openings.clear();
            let Some(live) = self.live.as_deref_mut() else {
                return Judgement::Begins(opening);
            };
            live.follow(now, opening, bytes);
            return Judgement::Kept;
        }
        if self.openings.len() >= OPENINGS_MAX {
            self.openings.remove(0);
        }
        self.openings.push(Opening {
            from,
            header,
            at: now,
            bytes: bytes.to_vec(),
        });
        Judgement::Kept
    }

    /// Begins the stream of an opening, whose second packet is `bytes`.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        mut opening: Opening,
        bytes: &mut [u8],
        profile: &SoundProfile,
        sound: SoundId,
    ) -> Candidate {
        let rate = profile.output_rate;
        // Music is as loud as it is meant to be.
        let is_levelled = profile.levels_speech && self.profile.class != Class::BackgroundMusic;
        let mut live = Live {
            sound,
            from: opening.from,
            ssrc: opening.header.ssrc,
            began_at: opening.at,
            receiver: receiver_of(opening.from, rate),
            codec: Codec::Pcmu,
            heard_at: opening.at,
            level: Level::Silent,
            leveller: is_levelled.then(|| Leveller::new(rate)),
            gain: Gain::new(rate, self.profile.volume_db),
            has_sounded: false,
            held_back: None,
            rate,
        };
        live.handle_packet(opening.at, opening.from, &mut opening.bytes);
        live.handle_packet(now, opening.from, bytes);
        self.live = Some(Box::new(live));
        Candidate {
            sound,
            class: self.profile.class,
            rank: self.profile.rank,
        }
    }

    pub(super) fn end(&mut self) {
        self.live = None;
    }

    /// Takes no more of the stream from `now` on until it has paused.
    pub(super) fn shut_out(&mut self, now: Instant) {
        let Some(live) = self.live.as_deref() else {
            return;
        };
        if self.shut_out.len() >= SHUT_OUT_MAX {
            self.shut_out.remove(0);
        }
        self.shut_out.push(ShutOut {
            from: live.from,
            ssrc: live.ssrc,
            at: now,
        });
    }

    fn is_shut_out(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> bool {
        self.shut_out
            .retain(|stream| now.saturating_duration_since(stream.at) < STREAM_SILENCE);
        if self.shut_out.is_empty() {
            return false;
        }
        let Ok(packet) = Packet::parse(bytes) else {
            return false;
        };
        let ssrc = packet.header().ssrc;
        let stream = self
            .shut_out
            .iter_mut()
            .find(|stream| stream.from == from && stream.ssrc == ssrc);
        stream.map(|stream| stream.at = now).is_some()
    }

    /// Makes the stream so loud; the tone plays when it is heard for the first time.
    pub(super) fn set_level(&mut self, level: Level) {
        let volume_db = self.profile.volume_db;
        let Some(live) = self.live.as_deref_mut() else {
            return;
        };
        let target_db = match level {
            Level::Ducked => volume_db + DUCKED_DB,
            Level::Full | Level::Silent => volume_db,
        };
        if live.level == Level::Silent {
            // Nothing is heard that a sudden change could make click.
            live.gain = Gain::new(live.rate, target_db);
        } else {
            live.gain.set(target_db);
        }
        live.level = level;
        if level != Level::Silent && !std::mem::replace(&mut live.has_sounded, true) {
            live.held_back = HeldBack::new(&self.profile.tone, live.rate);
        }
    }

    /// Fills `out` with the next samples of the stream; gives their gain where they are heard.
    pub(super) fn render(&mut self, now: Instant, out: &mut [i16]) -> Option<&mut Gain> {
        let live = self.live.as_deref_mut()?;
        let pulled = live.receiver.pull(now, out);
        if let Some(leveller) = live.leveller.as_mut().filter(|_| pulled.page_samples > 0) {
            leveller.process(out);
        }
        if let Some(held_back) = &mut live.held_back {
            held_back.exchange(out);
        }
        (live.level != Level::Silent).then_some(&mut live.gain)
    }

    /// When the stream is over if nothing comes meanwhile, and why.
    pub(super) fn end_of_stream(&self) -> Option<(Instant, StopReason)> {
        let live = self.live.as_ref()?;
        let delay = live.held_back.as_ref().map(HeldBack::delay).unwrap_or_default();
        let silence = (live.heard_at + STREAM_SILENCE + delay, StopReason::Ended);
        let longest = self.profile.longest;
        let limit = longest.map(|longest| (live.began_at + longest + delay, StopReason::TimedOut));
        [Some(silence), limit]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// Notes why nothing can come; says whether that is different.
    pub(super) fn set_problem(&mut self, problem: Option<String>) -> bool {
        let has_changed = self.problem != problem;
        self.problem = problem;
        has_changed
    }

    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(super) fn sound(&self) -> Option<SoundId> {
        self.live.as_ref().map(|live| live.sound)
    }

    pub(super) fn source(&self) -> Option<SocketAddr> {
        self.live.as_ref().map(|live| live.from)
    }

    pub(super) fn is_heard(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.level != Level::Silent)
    }

    pub(super) fn class(&self) -> Class {
        self.profile.class
    }

    pub(super) fn group(&self) -> SocketAddrV4 {
        self.profile.group
    }

    pub(super) fn candidate(&self) -> Option<Candidate> {
        Some(Candidate {
            sound: self.sound()?,
            class: self.profile.class,
            rank: self.profile.rank,
        })
    }

    pub(super) fn stream(&self) -> Option<ZoneStream> {
        let live = self.live.as_ref()?;
        Some(ZoneStream {
            zone: self.profile.number,
            source: live.from.to_string(),
            codec: match live.codec {
                Codec::Pcma => MulticastCodec::Pcma,
                Codec::G722 => MulticastCodec::G722,
                // Opus is none of the formats.
                Codec::Pcmu | Codec::Opus => MulticastCodec::Pcmu,
            },
        })
    }
}

impl Live {
    /// Says whether it has ended, and only its sound behind the tone is still to be heard.
    fn is_draining(&self, now: Instant) -> bool {
        self.held_back.is_some() && now.saturating_duration_since(self.heard_at) >= STREAM_SILENCE
    }

    /// Goes on with another source, whose second packet is `bytes`.
    fn follow(&mut self, now: Instant, mut opening: Opening, bytes: &mut [u8]) {
        self.from = opening.from;
        self.ssrc = opening.header.ssrc;
        self.began_at = opening.at;
        self.receiver = receiver_of(opening.from, self.rate);
        // Somebody else speaks, as loud as they may.
        self.leveller = self.leveller.take().map(|_| Leveller::new(self.rate));
        self.handle_packet(opening.at, opening.from, &mut opening.bytes);
        self.handle_packet(now, opening.from, bytes);
    }

    fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> Judgement {
        if from != self.from {
            return Judgement::Foreign;
        }
        let Some((header, codec)) = sound_of(bytes) else {
            return Judgement::Unusable;
        };
        match self.receiver.handle_packet(now, from, bytes) {
            Received::Accepted { .. } => {
                self.heard_at = now;
                self.codec = codec;
                if self.ssrc != header.ssrc {
                    // The same sender begins something else.
                    self.ssrc = header.ssrc;
                    self.began_at = now;
                }
                Judgement::Kept
            }
            Received::Key(_) | Received::Consumed => Judgement::Kept,
            // A second stream of the same address, a packet that was here before, one of no place: all cost nothing.
            Received::Rejected(_) => Judgement::Unusable,
        }
    }
}

impl Opening {
    /// Says whether a packet goes on where this one ended.
    fn is_before(&self, from: SocketAddr, header: Header) -> bool {
        let step = header.sequence.wrapping_sub(self.header.sequence);
        self.from == from && self.header.ssrc == header.ssrc && (1..=STEP_MAX).contains(&step)
    }
}

fn receiver_of(source: SocketAddr, output_rate: SampleRate) -> Receiver {
    Receiver::new(&ReceiverConfig {
        remote: source,
        formats: FORMATS.to_vec(),
        telephone_event: None,
        key: None,
        output_rate,
    })
}

/// The header and the codec of a packet, if it carries sound of a zone.
fn sound_of(bytes: &[u8]) -> Option<(Header, Codec)> {
    let packet = Packet::parse(bytes).ok()?;
    let header = packet.header();
    let (_, codec) = FORMATS
        .into_iter()
        .find(|(payload_type, _)| *payload_type == header.payload_type)?;
    codec.payload_samples(packet.payload())?;
    Some((header, codec))
}
