//! The plane itself: which leg hears whom, and what happens at each packet and timer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use smallvec::SmallVec;

use super::backlog::FrameKind;
use super::egress::Listening;
use super::leg::{Leg, Media};
use super::slots::Slots;
use super::stream::Stream;
use super::{
    BridgeId, Command, Event, LEGS_MAX, LegId, LegStatistics, REPORT_INTERVAL, Refusal, Role, TALKER_SILENCE,
    Transmit,
};
use crate::ingress::Taken;
use crate::report::canonical_name;
use crate::sdp::Negotiated;

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
    events: VecDeque<Event>,
}

/// What a leg waits for; each leg has at most one timer of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Looks whether a talking leg has been silent for [`TALKER_SILENCE`].
    Silence(usize),
    /// Sends the leg's report, every [`REPORT_INTERVAL`].
    Report(usize),
}

/// What reports need.
#[derive(Debug)]
struct Reporting {
    // Legs whose report is due.
    due: VecDeque<usize>,
    /// The clock of the reports, which begins with the first timer.
    clock: Option<Clock>,
    canonical_name: String,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    epoch: Instant,
    now: Instant,
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
        let reporting = Reporting {
            due: VecDeque::new(),
            clock: None,
            canonical_name: canonical_name(&mut rng),
        };
        Plane {
            rng,
            slot_by_leg: BTreeMap::new(),
            legs: Slots::default(),
            stream_by_talker: BTreeMap::new(),
            bridge_by_id: BTreeMap::new(),
            busy: VecDeque::new(),
            timers: BTreeSet::new(),
            reporting,
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
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        if media.ingress.take_rtcp(now, from, bytes).is_ok() {
            self.watch(now, slot);
        }
    }

    /// Tells whose silence lasts too long, and makes reports due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let epoch = self.reporting.clock.map_or(now, |clock| clock.epoch);
        self.reporting.clock = Some(Clock { epoch, now });
        while let Some((due, timer)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, timer));
            match timer {
                Timer::Silence(slot) => self.check_silence(now, due, slot),
                Timer::Report(slot) => self.make_report_due(now, slot),
            }
        }
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
        while let Some(slot) = self.reporting.due.pop_front() {
            if let Some(transmit) = self.write_report(slot, buffer) {
                return Some(transmit);
            }
        }
        None
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
        let stays = self
            .media(slot)
            .is_some_and(|media| media.bridge == bridge && media.role == role);
        let present = if stays {
            self.legs.get_mut(slot).and_then(|leg| leg.media.take())
        } else {
            self.disconnect(now, slot)
        };
        // What was received and sent under a key stays known, in whatever bridge the leg is.
        let media = match present {
            Some(media) => media.renegotiate(negotiated, bridge, role),
            None => Media::new(negotiated, bridge, role, &mut self.rng),
        };
        if let Some(leg) = self.legs.get_mut(slot) {
            leg.media = Some(media);
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
        if let Some(due) = media.silence_due.take() {
            self.timers.remove(&(due, Timer::Silence(slot)));
        }
        if let Some(due) = media.report_due.take() {
            self.timers.remove(&(due, Timer::Report(slot)));
        }
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

    /// Starts the silence timer of a leg that talks, unless it runs.
    fn watch(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.legs.get_mut(slot).and_then(|leg| leg.media.as_mut()) else {
            return;
        };
        if media.role != Role::Listener && media.silence_due.is_none() {
            let due = now + TALKER_SILENCE;
            media.silence_due = Some(due);
            self.timers.insert((due, Timer::Silence(slot)));
        }
    }

    fn check_silence(&mut self, now: Instant, due: Instant, slot: usize) {
        let Some(leg) = self.legs.get_mut(slot) else {
            return;
        };
        let Some(media) = leg.media.as_mut() else { return };
        // Packets do not move the timer, so that they cost nothing; it finds out when it fires.
        let again = media.ingress.heard().map_or(due, |heard| heard + TALKER_SILENCE);
        media.silence_due = (again > now).then_some(again);
        match media.silence_due {
            Some(again) => {
                self.timers.insert((again, Timer::Silence(slot)));
            }
            None => self.events.push_back(Event::TalkerSilent { leg: leg.id }),
        }
    }

    /// Sets the time of a leg's first report at random within the interval, so that the legs of a page do not
    /// all report at once.
    fn schedule_report(&mut self, now: Instant, slot: usize) {
        let share = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        let Some(media) = self.media_mut(slot) else { return };
        if media.reports() && media.report_due.is_none() {
            let due = now + REPORT_INTERVAL.mul_f64(share);
            media.report_due = Some(due);
            self.timers.insert((due, Timer::Report(slot)));
        }
    }

    fn make_report_due(&mut self, now: Instant, slot: usize) {
        let Some(media) = self.media_mut(slot) else { return };
        let due = now + REPORT_INTERVAL;
        media.report_due = Some(due);
        self.timers.insert((due, Timer::Report(slot)));
        self.reporting.due.push_back(slot);
    }

    fn write_report(&mut self, slot: usize, buffer: &mut Vec<u8>) -> Option<Transmit> {
        let clock = self.reporting.clock?;
        let leg = self.legs.get_mut(slot)?;
        let media = leg.media.as_mut()?;
        let to = media.ingress.destination();
        let reception = media.ingress.reception(clock.now);
        let elapsed = clock.now.saturating_duration_since(clock.epoch);
        let written = media
            .egress
            .report(elapsed, reception, &self.reporting.canonical_name, buffer);
        (written && !to.ip().is_unspecified()).then_some(Transmit {
            leg: leg.id,
            to,
            length: buffer.len(),
        })
    }

    /// Where a peer turns out to be behind another address than was signalled, what was sent there was lost:
    /// the beginning of the stream is sent once more, as long as all of it is at hand.
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
