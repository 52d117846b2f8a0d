//! The plane itself: what happens at each command and packet, and what is sent next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use smallvec::SmallVec;

use super::backlog::FrameKind;
use super::egress::Listening;
use super::leg::{Leg, Media};
use super::slots::Slots;
use super::stream::Stream;
use super::{BridgeId, Command, Event, LegId, LegStatistics, Refusal, Transmit};
use crate::ingress::Taken;

mod membership;
mod prompting;
mod timers;

use timers::{Reporting, Timer};

/// Key presses are told as long as fewer events than this wait to be taken; everything else is told in any
/// case, since a leg can cause it only a few times.
const KEYS_WAITING_MAX: usize = 1_024;

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
    timers: BTreeSet<(Instant, Timer)>,
    reporting: Reporting,
    // Legs with a packet of a prompt to be sent.
    prompting: VecDeque<usize>,
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
        let mut rng = ChaCha20Rng::from_seed(seed);
        let reporting = Reporting::new(&mut rng);
        Plane {
            rng,
            slot_by_leg: BTreeMap::new(),
            legs: Slots::default(),
            stream_by_talker: BTreeMap::new(),
            bridge_by_id: BTreeMap::new(),
            busy: VecDeque::new(),
            timers: BTreeSet::new(),
            reporting,
            prompting: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Learns that a leg has a socket; its packets are dropped until it is connected. [`Event::Refused`] tells that there
    /// are too many.
    pub fn handle_opened(&mut self, leg: LegId) {
        let done = self.open(leg);
        self.refuse_unless(leg, done);
    }

    /// Carries a command out; what cannot be done is told by [`Event::Refused`].
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        let (leg, done) = match command {
            Command::Connect {
                leg,
                negotiated,
                bridge,
                role,
            } => (leg, self.connect(now, leg, *negotiated, bridge, role)),
            Command::Turn { leg, role } => (leg, self.turn(now, leg, role)),
            Command::Play { leg, signal } => (leg, self.play(now, leg, signal)),
            Command::Close { leg } => (leg, self.close(now, leg)),
        };
        self.refuse_unless(leg, done);
    }

    fn refuse_unless(&mut self, leg: LegId, done: Result<(), Refusal>) {
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
        // Borrowed field by field: the packet's octets go from the leg to the stream.
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        let (first, destination) = (media.ingress.heard().is_none(), media.ingress.destination());
        let receives = media.receives();
        let Ok(taken) = media.ingress.take(now, from, bytes) else {
            return;
        };
        let frame = match &taken {
            Taken::Sound(place, payload) => Some((place, FrameKind::Sound, payload)),
            Taken::Event(place, payload, _) => Some((place, FrameKind::Event, payload)),
            Taken::Report => None,
        };
        let stream = self.stream_by_talker.get_mut(&slot).filter(|_| receives);
        let is_heard = match taken {
            Taken::Event(_, _, Some(_)) => {
                media.press_is_heard = stream.is_some();
                media.press_is_heard
            }
            Taken::Event(_, _, None) => media.press_is_heard,
            Taken::Sound(..) | Taken::Report => true,
        };
        if let (Some((place, kind, payload)), Some(stream), true) = (frame, stream, is_heard) {
            stream.push(now, *place, kind, payload);
            if stream.wake() {
                self.busy.push_back(slot);
            }
        }
        if first {
            self.events.push_back(Event::FirstPacket { leg });
        }
        if let Taken::Event(_, _, Some(key)) = taken
            && self.events.len() < KEYS_WAITING_MAX
        {
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
        let Some(media) = self.media_mut(slot) else { return };
        if media.ingress.take_rtcp(now, from, bytes).is_ok() {
            self.watch(now, slot);
        }
    }

    /// Tells whose silence lasts too long, and makes reports due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fire_timers(now);
    }

    /// When [`Plane::handle_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(due, _)| *due)
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
        while let Some(slot) = self.prompting.pop_front() {
            if let Some(transmit) = self.write_prompt(slot, buffer) {
                return Some(transmit);
            }
        }
        while let Some(slot) = self.reporting.due.pop_front() {
            if let Some(transmit) = self.write_report(slot, buffer) {
                return Some(transmit);
            }
        }
        None
    }

    /// Says whether something that a leg said may still have to be sent to others.
    pub fn owes(&self, leg: LegId) -> bool {
        self.slot_by_leg
            .get(&leg)
            .and_then(|slot| self.stream_by_talker.get(slot))
            .is_some_and(|stream| stream.scan.queued)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What happened on a leg so far.
    pub fn statistics(&self, leg: LegId) -> Option<LegStatistics> {
        let slot = self.slot_by_leg.get(&leg)?;
        self.legs.get(*slot).map(Leg::statistics)
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
