//! The media plane of a zone: legs joined by bridges, without sockets and clocks.
//!
//! A page is a bridge with one talking leg and any number of listening ones; a call is one with two legs that do
//! both. Each packet of a talker is kept once and sent to each listener under its own SSRC, numbers and keys:
//!
//! ```text
//!  datagram ─▶ Ingress ─▶ Stream (backlog, renditions) ─▶ Egress of each listener ─▶ datagrams
//! ```
//!
//! Sending is lazy: [`Plane::poll_transmit`] writes one datagram at a time into the caller's buffer, so nothing is
//! queued or allocated for a listener. A listener who joins within [`BACKLOG_TIME_MAX`] of the talker's first packet
//! is sent everything since that packet.
//!
//! Not done here: mixing (a leg hears one talker), recording, RTCP feedback between the legs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use smallvec::SmallVec;

use crate::dtmf::Key;
use crate::ingress::{RejectedPackets, Taken};
use crate::sdp::Negotiated;

mod backlog;
mod egress;
mod leg;
mod rendition;
mod slots;
mod stream;

use backlog::FrameKind;
pub use backlog::{BACKLOG_PACKETS_MAX, BACKLOG_TIME_MAX};
use egress::Listening;
use leg::{Leg, Media};
use slots::Slots;
use stream::Stream;

/// A talker who sent nothing for so long is reported, and again after each further packet and silence.
pub const TALKER_SILENCE: Duration = Duration::from_secs(5);
/// Most legs of a plane: twice what one sending core serves.
pub const LEGS_MAX: usize = 20_000;

/// A leg, named by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// A bridge, named by its owner; it exists while legs are connected to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BridgeId(pub u64);

/// What a leg does in its bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is heard by all others and hears nobody.
    Talker,
    /// It hears the talker; its own packets only tell where it is.
    Listener,
    /// It hears the other such leg of the bridge and is heard by it.
    Both,
}

/// What a plane is told to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// A socket was opened for a leg; its packets are dropped until it is connected.
    Open {
        /// The leg.
        leg: LegId,
    },
    /// The leg's media were agreed. Given again for a connected leg, it applies a renegotiation: the stream towards
    /// the peer goes on with its numbers, and the peer's source is learnt anew if its address changed.
    Connect {
        /// The leg.
        leg: LegId,
        /// What was agreed.
        negotiated: Box<Negotiated>,
        /// The bridge it joins.
        bridge: BridgeId,
        /// What it does there.
        role: Role,
    },
    /// The leg ends; [`Event::Closed`] tells what it did.
    Close {
        /// The leg.
        leg: LegId,
    },
}

/// Why a leg could not be opened or connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are [`LEGS_MAX`] legs.
    TooManyLegs,
    /// The leg was not opened.
    UnknownLeg,
    /// The bridge has a talker, or two legs that talk to each other.
    Occupied,
    /// The codec could not be set up.
    Codec,
}

/// What a plane reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// The first good packet of a leg came.
    FirstPacket {
        /// The leg.
        leg: LegId,
    },
    /// A talking leg has sent nothing, neither RTP nor RTCP, for [`TALKER_SILENCE`].
    TalkerSilent {
        /// The leg.
        leg: LegId,
    },
    /// A key was pressed on a leg.
    Key {
        /// The leg.
        leg: LegId,
        /// The key.
        key: Key,
    },
    /// A command could not be carried out.
    Refused {
        /// The leg of the command.
        leg: LegId,
        /// Why.
        refusal: Refusal,
    },
    /// A leg ended.
    Closed {
        /// The leg.
        leg: LegId,
        /// What it did.
        statistics: LegStatistics,
    },
}

/// What happened on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LegStatistics {
    /// Distinct packets received.
    pub received: u64,
    /// Packets of the peer that never came, by the gaps in their numbers.
    pub lost: u64,
    /// Packets of the peer that were dropped.
    pub rejected: RejectedPackets,
    /// Length of what the peer said, by its timestamps.
    pub duration: Duration,
    /// Interarrival jitter of the peer's packets (RFC 3550).
    pub jitter: Duration,
    /// Packets sent to the peer.
    pub sent: u64,
    /// Octets of payload sent to the peer.
    pub sent_octets: u64,
}

/// A datagram to be sent from the leg's socket; its octets are in the buffer that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The leg.
    pub leg: LegId,
    /// Where to.
    pub to: SocketAddr,
    /// Its length in octets.
    pub length: usize,
}

/// All bridges and legs of a zone.
pub struct Plane {
    rng: ChaCha20Rng,
    slot_by_leg: BTreeMap<LegId, usize>,
    legs: Slots<Leg>,
    // By the slot of the talking leg.
    stream_by_talker: BTreeMap<usize, Stream>,
    bridge_by_id: BTreeMap<BridgeId, Bridge>,
    // Talkers whose stream has something to send; each is in the queue at most once.
    busy: VecDeque<usize>,
    // When the silence of which leg is to be looked at; each leg has at most one entry.
    silences: BTreeSet<(Instant, usize)>,
    events: VecDeque<Event>,
}

/// The legs of a bridge by their slots, in the order of their joining.
#[derive(Debug, Default)]
struct Bridge {
    // Either one talker, or at most two legs that do both.
    talkers: SmallVec<[usize; 2]>,
    listeners: Vec<usize>,
}

impl Plane {
    /// Makes an empty plane; SSRCs and first numbers are drawn from `seed`.
    pub fn new(seed: [u8; 32]) -> Plane {
        Plane {
            rng: ChaCha20Rng::from_seed(seed),
            slot_by_leg: BTreeMap::new(),
            legs: Slots::default(),
            stream_by_talker: BTreeMap::new(),
            bridge_by_id: BTreeMap::new(),
            busy: VecDeque::new(),
            silences: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    /// Carries a command out; what cannot be done is told by [`Event::Refused`].
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        let (leg, done) = match command {
            Command::Open { leg } => (leg, self.open(leg)),
            Command::Connect {
                leg,
                negotiated,
                bridge,
                role,
            } => (leg, self.connect(now, leg, *negotiated, bridge, role)),
            Command::Close { leg } => (leg, self.close(now, leg)),
        };
        if let Err(refusal) = done {
            self.events.push_back(Event::Refused { leg, refusal });
        }
    }

    /// Takes a datagram that came to a leg's socket; `bytes` is decrypted in place and of no use afterwards.
    ///
    /// RTCP that shares the port (RFC 5761) is told apart here.
    pub fn handle_packet(&mut self, now: Instant, leg: LegId, from: SocketAddr, bytes: &mut [u8]) {
        let Some(slot) = self.slot_by_leg.get(&leg).copied() else {
            return;
        };
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        let (first, destination) = (media.ingress.heard().is_none(), media.ingress.destination());
        let receives = media.receives();
        let Ok(taken) = media.ingress.take(now, from, bytes) else {
            return;
        };
        if let Some(stream) = self.stream_by_talker.get_mut(&slot).filter(|_| receives) {
            match &taken {
                Taken::Sound(place, payload) => stream.push(now, *place, FrameKind::Sound, payload),
                Taken::Event(place, payload, _) => stream.push(now, *place, FrameKind::Event, payload),
                Taken::Report => {}
            }
            if stream.wake() {
                self.busy.push_back(slot);
            }
        }
        if first {
            self.events.push_back(Event::FirstPacket { leg });
        }
        if let Taken::Event(_, _, Some(key)) = taken {
            self.events.push_back(Event::Key { leg, key });
        }
        self.watch(now, slot);
        self.follow(now, slot, destination);
    }

    /// Takes a datagram that came to the separate RTCP port of a leg.
    pub fn handle_rtcp(&mut self, now: Instant, leg: LegId, from: SocketAddr, bytes: &mut [u8]) {
        let Some(slot) = self.slot_by_leg.get(&leg).copied() else {
            return;
        };
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        if media.ingress.take_rtcp(now, from, bytes).is_ok() {
            self.watch(now, slot);
        }
    }

    /// Tells whose silence lasts too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, slot)) = self.silences.first().copied().filter(|(due, _)| *due <= now) {
            self.silences.remove(&(due, slot));
            let Some(leg) = self.legs.get_mut(slot) else {
                continue;
            };
            let Some(media) = leg.media.as_mut() else { continue };
            // Packets do not move the timer, so that they cost nothing; it finds out when it fires.
            let again = media.ingress.heard().map_or(due, |heard| heard + TALKER_SILENCE);
            media.silence_due = (again > now).then_some(again);
            match media.silence_due {
                Some(again) => {
                    self.silences.insert((again, slot));
                }
                None => self.events.push_back(Event::TalkerSilent { leg: leg.id }),
            }
        }
    }

    /// When [`Plane::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.silences.first().map(|(due, _)| *due)
    }

    /// Writes the next datagram to be sent into `buffer`, in place of what it holds.
    pub fn poll_transmit(&mut self, buffer: &mut Vec<u8>) -> Option<Transmit> {
        while let Some(talker) = self.busy.front() {
            if let Some(stream) = self.stream_by_talker.get_mut(talker) {
                if let Some(transmit) = next_transmit(stream, &mut self.legs, buffer) {
                    return Some(transmit);
                }
                stream.scan.queued = false;
            }
            self.busy.pop_front();
        }
        None
    }

    /// The next report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What happened on a leg so far.
    pub fn statistics(&self, leg: LegId) -> Option<LegStatistics> {
        let slot = self.slot_by_leg.get(&leg)?;
        self.legs.get(*slot).map(Leg::statistics)
    }

    fn open(&mut self, leg: LegId) -> Result<(), Refusal> {
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

    fn connect(
        &mut self,
        now: Instant,
        leg: LegId,
        negotiated: Negotiated,
        bridge: BridgeId,
        role: Role,
    ) -> Result<(), Refusal> {
        let slot = self.slot_by_leg.get(&leg).copied().ok_or(Refusal::UnknownLeg)?;
        self.check_room(slot, bridge, role)?;
        let present = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut());
        match present.filter(|media| media.bridge == bridge && media.role == role) {
            Some(media) => media.renegotiate(negotiated),
            None => {
                self.disconnect(now, slot);
                self.join(slot, negotiated, bridge, role);
            }
        }
        self.refresh_stream(slot);
        self.watch(now, slot);
        match role {
            Role::Listener => self.tune(now, slot),
            Role::Talker | Role::Both => self.tune_all(now, bridge),
        }
        Ok(())
    }

    fn close(&mut self, now: Instant, leg: LegId) -> Result<(), Refusal> {
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

    fn join(&mut self, slot: usize, negotiated: Negotiated, bridge: BridgeId, role: Role) {
        let media = Media::new(negotiated, bridge, role, &mut self.rng);
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.media = Some(media);
        }
        let bridge = self.bridge_by_id.entry(bridge).or_default();
        match role {
            Role::Listener => bridge.listeners.push(slot),
            Role::Talker | Role::Both => bridge.talkers.push(slot),
        }
    }

    /// Takes a leg out of its bridge, and its stream from those who hear it.
    fn disconnect(&mut self, now: Instant, slot: usize) {
        self.leave_stream(slot);
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.take()) else {
            return;
        };
        if let Some(due) = media.silence_due {
            self.silences.remove(&(due, slot));
        }
        let Some(bridge) = self.bridge_by_id.get_mut(&media.bridge) else {
            return;
        };
        bridge.talkers.retain(|talker| *talker != slot);
        bridge.listeners.retain(|listener| *listener != slot);
        if bridge.talkers.is_empty() && bridge.listeners.is_empty() {
            self.bridge_by_id.remove(&media.bridge);
        }
        if let Some(stream) = self.stream_by_talker.remove(&slot) {
            for listener in stream.listeners {
                if let Some(media) = self.media_mut(listener) {
                    media.hears = None;
                    media.egress.listen(None);
                }
                self.tune(now, listener);
            }
        }
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
        media.egress.listen(Some(Listening { source, serial }));
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

    /// Starts the silence timer of a leg that talks, unless it runs.
    fn watch(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        if media.role != Role::Listener && media.silence_due.is_none() {
            let due = now + TALKER_SILENCE;
            media.silence_due = Some(due);
            self.silences.insert((due, slot));
        }
    }

    /// Where a peer turns out to be behind another address than was signalled, what was sent there was lost: the
    /// beginning of the stream is sent once more, as long as all of it is at hand.
    fn follow(&mut self, now: Instant, slot: usize, former: SocketAddr) {
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
        if stream.is_beginning(now) {
            let serial = stream.first_serial_for(listening.source, true);
            media.egress.listen(Some(Listening { serial, ..listening }));
            if stream.wake() {
                self.busy.push_back(talker);
            }
        }
    }

    fn media(&self, slot: usize) -> Option<&Media> {
        self.legs.get(slot)?.media.as_ref()
    }

    fn media_mut(&mut self, slot: usize) -> Option<&mut Media> {
        self.legs.get_mut(slot)?.media.as_mut()
    }
}

/// Looks for a listener who has not got all of the stream, and writes the next packet for it.
fn next_transmit(stream: &mut Stream, legs: &mut Slots<Leg>, buffer: &mut Vec<u8>) -> Option<Transmit> {
    while stream.scan.remaining > 0 {
        if stream.scan.next >= stream.listeners.len() {
            stream.scan.next = 0;
        }
        let slot = stream.listeners.get(stream.scan.next).copied()?;
        if let Some(transmit) = legs.get_mut(slot).and_then(|leg| serve(stream, leg, buffer)) {
            return Some(transmit);
        }
        stream.scan.next += 1;
        stream.scan.remaining -= 1;
    }
    None
}

/// Writes the next packet of the stream for this listener, if there is one.
fn serve(stream: &Stream, leg: &mut Leg, buffer: &mut Vec<u8>) -> Option<Transmit> {
    let media = leg.media.as_mut()?;
    let sends = media.sends();
    let to = media.ingress.destination();
    let listening = media.egress.listening?;
    let backlog = stream.backlog(listening.source)?;
    let mut serial = listening.serial;
    while let Some((found, frame)) = backlog.at(serial) {
        serial = found + 1;
        media.egress.listening = Some(Listening { serial, ..listening });
        if sends && media.egress.write(frame, buffer) {
            return Some(Transmit {
                leg: leg.id,
                to,
                length: buffer.len(),
            });
        }
    }
    None
}
