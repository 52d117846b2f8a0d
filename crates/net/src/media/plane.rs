//! The thread that carries a zone's media.
//!
//! ```text
//!   driver ── bounded queue + waker ──▶ thread ── Plane (pure) ──▶ thread ── bounded queue ──▶ driver
//!                                       │  ▲
//!                                       ▼  │ epoll, never blocking on a socket
//!                                 a pair of sockets per leg
//! ```
//!
//! Each round takes, in this order and with a budget each: commands, timers, received packets, packets to send, legs to be
//! opened, events. What a full kernel buffer does not take is lost, as on any network; an event waits instead.
//!
//! Media and signalling come by different ways, and neither end of what a peer says is lost by that. A peer that has been
//! answered sends at once: as long as commands wait, the sockets of legs that are not connected are not read. A peer that
//! hangs up has just sent: what its sockets hold is sent on before they are closed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ::media::bridge::{Command, Event, LegId, Plane};
use mio::{Events, Poll, Token, Waker};
use tokio::sync::mpsc;

use super::PACKET_BYTES_MAX;
use super::ports::{MediaAddresses, OpenError, PortRange};
use super::sockets::Sockets;

/// Commands that may wait: a page to the most legs that a plane can have, opened and connected.
const COMMANDS_MAX: usize = 65_536;
/// Commands carried out in one round, and legs opened in one, so that packets do not wait for long.
const COMMANDS_PER_ROUND: usize = 64;
/// Packets received from one socket in one round, so that one flooded leg does not silence the others.
const PACKETS_PER_SOCKET: usize = 32;
/// Packets sent in one round: about 3 ms of work.
const TRANSMITS_PER_ROUND: usize = 1_024;
/// Sockets reported by one look at the kernel.
const READY_MAX: usize = 1_024;
/// Pause before events are offered again to a driver whose queue is full.
const EVENT_PAUSE: Duration = Duration::from_millis(10);

/// Sockets have higher numbers.
const WAKER: Token = Token(0);

/// How a media plane is made.
#[derive(Debug, Clone)]
pub struct MediaPlaneConfig {
    /// The addresses its sockets are bound to.
    pub bind: MediaAddresses,
    /// The address that peers of its family are told, where a 1:1 NAT stands before this machine.
    pub advertise: Option<IpAddr>,
    /// The ports.
    pub ports: PortRange,
    /// The seed of the plane's randomness, from the system's.
    pub seed: [u8; 32],
}

/// What a media plane tells its driver.
#[derive(Debug)]
pub enum MediaEvent {
    /// A leg has its sockets.
    Opened {
        /// The leg.
        leg: LegId,
        /// The address for the session description: the advertised or bound one, with the RTP port. RTCP is on the
        /// next port.
        address: SocketAddr,
    },
    /// A leg has no sockets.
    OpenFailed {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: OpenError,
    },
    /// An event of the pure plane.
    Bridge(Event),
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The thread is too busy.
    #[error("the media thread is overloaded")]
    Full,
    /// The thread has ended.
    #[error("the media thread has ended")]
    Stopped,
}

/// A thing that a media plane counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaCounter {
    /// Packets received.
    Received,
    /// Packets sent.
    Sent,
    /// Packets that the kernel did not take.
    NotSent,
    /// Packets longer than [`PACKET_BYTES_MAX`].
    TooLong,
}

const COUNTERS: usize = 4;

/// The counters of a media plane, from zero at the start.
#[derive(Debug, Default)]
pub struct MediaCounters([AtomicU64; COUNTERS]);

impl MediaCounters {
    /// The count of one thing.
    #[must_use]
    pub fn count(&self, counter: MediaCounter) -> u64 {
        self.0
            .get(counter as usize)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn add(&self, counter: MediaCounter) {
        if let Some(count) = self.0.get(counter as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A running media plane. Dropping it ends its thread and closes its sockets.
#[derive(Debug)]
pub struct MediaPlane {
    commands: SyncSender<Command>,
    openings: SyncSender<Opening>,
    waker: Arc<Waker>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A leg that is to have sockets of the family of an address. It gets no command before it has told that it is open, so
/// commands need not wait behind the openings of a large page.
#[derive(Debug)]
struct Opening {
    leg: LegId,
    local: IpAddr,
}

#[derive(Debug, Default)]
struct Shared {
    stops: AtomicBool,
    counters: MediaCounters,
}

impl MediaPlane {
    /// Starts the thread; `events` is the driver's queue.
    ///
    /// # Errors
    /// The system gives no thread or no descriptor.
    pub fn start(config: &MediaPlaneConfig, events: mpsc::Sender<MediaEvent>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (commands, command_queue) = sync_channel(COMMANDS_MAX);
        let (openings, opening_queue) = sync_channel(COMMANDS_MAX);
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            poll,
            commands: command_queue,
            openings: opening_queue,
            events,
            event_waits: false,
            sockets: Sockets::new(config.ports, config.bind, config.advertise),
            plane: Plane::new(config.seed),
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("media".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            commands,
            openings,
            waker,
            shared,
            thread: Some(thread),
        })
    }

    /// Opens a leg with sockets of the family of `local`, the address that its signalling uses; [`MediaEvent::Opened`] or
    /// [`MediaEvent::OpenFailed`] answers.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn open(&self, leg: LegId, local: IpAddr) -> Result<(), CommandError> {
        self.wake_after(self.openings.try_send(Opening { leg, local }))
    }

    /// Gives a command to the plane. [`Command::Close`] also closes the leg's sockets.
    ///
    /// # Errors
    /// The thread has more commands than it can hold, or has ended.
    pub fn command(&self, command: Command) -> Result<(), CommandError> {
        self.wake_after(self.commands.try_send(command))
    }

    fn wake_after<T>(&self, queued: Result<(), TrySendError<T>>) -> Result<(), CommandError> {
        queued.map_err(|error| match error {
            TrySendError::Full(_) => CommandError::Full,
            TrySendError::Disconnected(_) => CommandError::Stopped,
        })?;
        // A waker fails only when its thread has ended.
        self.waker.wake().map_err(|_| CommandError::Stopped)
    }

    /// The counters since the start.
    #[must_use]
    pub fn counters(&self) -> &MediaCounters {
        &self.shared.counters
    }
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Release);
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the media thread has panicked");
        }
    }
}

/// What the thread owns.
struct Worker {
    poll: Poll,
    commands: Receiver<Command>,
    openings: Receiver<Opening>,
    events: mpsc::Sender<MediaEvent>,
    /// The driver's queue was full at the last look.
    event_waits: bool,
    sockets: Sockets,
    plane: Plane,
    shared: Arc<Shared>,
}

/// Nobody takes the events any more.
#[derive(Debug)]
struct DriverGone;

impl Worker {
    fn run(mut self) {
        let mut ready = Events::with_capacity(READY_MAX);
        let mut packet = Vec::with_capacity(PACKET_BYTES_MAX);
        let mut is_finished = true;
        loop {
            if let Err(error) = self.poll.poll(&mut ready, self.patience(is_finished))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the media thread cannot wait for packets and ends");
                return;
            }
            if self.shared.stops.load(Ordering::Acquire) {
                return;
            }
            self.sockets.mark_readable(&ready);
            match self.round(&mut packet) {
                Ok(finished) => is_finished = finished,
                Err(DriverGone) => return,
            }
        }
    }

    /// Does a share of everything that waits, and says whether nothing is left.
    fn round(&mut self, packet: &mut Vec<u8>) -> Result<bool, DriverGone> {
        let commands_left = self.carry_out_commands(packet);
        let now = Instant::now();
        if self.plane.next_timeout().is_some_and(|due| due <= now) {
            self.plane.handle_timeout(now);
        }
        let packets_left = self.receive(now, commands_left);
        let transmits_left = self.transmit(packet);
        let openings_left = self.open_legs();
        self.tell()?;
        let commands_can_go_on = (commands_left || openings_left) && !self.event_waits;
        Ok(!(commands_can_go_on || packets_left || transmits_left))
    }

    /// How long the thread may wait for something to happen.
    fn patience(&self, is_finished: bool) -> Option<Duration> {
        if !is_finished {
            return Some(Duration::ZERO);
        }
        let timer = self
            .plane
            .next_timeout()
            .map(|due| due.saturating_duration_since(Instant::now()));
        let event = self.event_waits.then_some(EVENT_PAUSE);
        timer.into_iter().chain(event).min()
    }

    /// True when some may be left.
    fn carry_out_commands(&mut self, packet: &mut Vec<u8>) -> bool {
        if self.event_waits {
            // A driver that takes no answers gets nothing done; otherwise its answers would heap up here.
            return true;
        }
        for _command in 0..COMMANDS_PER_ROUND {
            let Ok(command) = self.commands.try_recv() else {
                return false;
            };
            self.carry_out(command, packet);
        }
        true
    }

    fn carry_out(&mut self, command: Command, packet: &mut Vec<u8>) {
        match &command {
            Command::Connect { leg, negotiated, .. } => self.sockets.connect(*leg, negotiated.rtcp_mux),
            Command::Close { leg } => {
                self.finish(*leg, packet);
                self.sockets.close(*leg, self.poll.registry());
            }
            Command::Turn { .. } | Command::Play { .. } => {}
        }
        self.plane.handle_command(Instant::now(), command);
    }

    /// Takes what has come to a leg, and sends it to those who hear it: the peer may have hung up before this thread got round
    /// to its last packets. No other packets are received meanwhile, so this ends. Nothing waits for a listener that leaves.
    fn finish(&mut self, leg: LegId, packet: &mut Vec<u8>) {
        let mut buffer = [0; PACKET_BYTES_MAX + 1];
        for token in self.sockets.tokens(leg) {
            self.receive_from(Instant::now(), token, &mut buffer);
        }
        while self.plane.owes(leg) && self.transmit(packet) {}
    }

    /// True when some may be left. The bridge does not learn of a leg without sockets, since nobody would close it there.
    fn open_legs(&mut self) -> bool {
        if self.event_waits {
            return true;
        }
        for _leg in 0..COMMANDS_PER_ROUND {
            let Ok(Opening { leg, local }) = self.openings.try_recv() else {
                return false;
            };
            if self.sockets.open(leg, local, self.poll.registry()) {
                self.plane.handle_opened(leg);
            }
        }
        true
    }

    /// True when some are left that can be read now.
    fn receive(&mut self, now: Instant, commands_left: bool) -> bool {
        let mut buffer = [0; PACKET_BYTES_MAX + 1];
        let mut packets_left = false;
        for token in self.sockets.take_readable() {
            if commands_left && !self.sockets.is_connected(token) {
                // The command that connects the leg may be among them: its first packets are the first word.
                self.sockets.keep_readable(token);
                continue;
            }
            if self.receive_from(now, token, &mut buffer) {
                // The kernel reports a socket once; what is left in it has to be remembered.
                self.sockets.keep_readable(token);
                packets_left = true;
            }
        }
        packets_left
    }

    /// Takes at most [`PACKETS_PER_SOCKET`] packets of one socket, and says whether there may be more.
    fn receive_from(&mut self, now: Instant, token: Token, buffer: &mut [u8]) -> bool {
        for _packet in 0..PACKETS_PER_SOCKET {
            let Some((leg, length, from)) = self.sockets.receive(token, buffer) else {
                return false;
            };
            match buffer
                .get_mut(..length)
                .filter(|bytes| bytes.len() <= PACKET_BYTES_MAX)
            {
                Some(bytes) => {
                    self.shared.counters.add(MediaCounter::Received);
                    self.plane.handle_packet(now, leg, from, bytes);
                }
                None => self.shared.counters.add(MediaCounter::TooLong),
            }
        }
        true
    }

    fn transmit(&mut self, packet: &mut Vec<u8>) -> bool {
        for _packet in 0..TRANSMITS_PER_ROUND {
            let Some(transmit) = self.plane.poll_transmit(packet) else {
                return false;
            };
            let sent = packet
                .get(..transmit.length)
                .is_some_and(|bytes| self.sockets.send(&transmit, bytes));
            self.shared.counters.add(if sent {
                MediaCounter::Sent
            } else {
                MediaCounter::NotSent
            });
        }
        true
    }

    /// Offers events as long as the driver has room.
    fn tell(&mut self) -> Result<(), DriverGone> {
        loop {
            let permit = match self.events.try_reserve() {
                Ok(permit) => permit,
                Err(mpsc::error::TrySendError::Full(())) => {
                    self.event_waits = true;
                    return Ok(());
                }
                Err(mpsc::error::TrySendError::Closed(())) => return Err(DriverGone),
            };
            let next = self
                .sockets
                .next_outcome()
                .or_else(|| self.plane.poll_event().map(MediaEvent::Bridge));
            match next {
                Some(event) => permit.send(event),
                None => {
                    self.event_waits = false;
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
