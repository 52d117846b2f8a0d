//! One outgoing call that speaks a sound, or what somebody says meanwhile, and hangs up.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::Sound;
use endpoint::{Caller, CallerEvent, CallerFailure, CallerProfile, Output};
use model::PageId;
use model::inventory::NOTICE_LENGTH_MAX;
use net::deadline::until;
use net::resolver::Resolver;
use net::tls::ClientTls;
use net::transport::BindError;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::network::Network;
use crate::player::PERIOD;

/// Longest time for which a live talker may say nothing at all: after that nobody is there any more.
pub const LIVE_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Longest live speech: as long as the longest sound file, and as what the service has its devices play.
pub const LIVE_MAX: Duration = NOTICE_LENGTH_MAX;

/// Everything a call is made of.
pub struct CallSetup {
    /// Who calls whom, and how.
    pub profile: CallerProfile,
    /// Whom to trust over TLS.
    pub tls: ClientTls,
    /// Who answers DNS questions.
    pub resolver: Resolver,
    /// The address of the datagram socket, and of media sockets with other ports.
    pub bind: SocketAddr,
}

/// How a call that was answered ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOutcome {
    /// When the call was begun.
    pub began: Instant,
    /// When it was answered.
    pub answered: Instant,
    /// Milliseconds of sound that were sent.
    pub sent_ms: u64,
    /// The other side hung up before the sound was over.
    pub by_peer: bool,
    /// The page, where the zone has named it.
    pub page: Option<PageId>,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A socket cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
    /// The call failed or broke off.
    #[error("{0}")]
    Failed(CallerFailure),
    /// The sockets have gone.
    #[error("the network has ended")]
    NetworkEnded,
}

/// Places the call, speaks all of `sound` once it is answered, and hangs up. Events go to `progress` as far as it has room.
///
/// # Errors
///
/// When the call cannot be placed, is refused or breaks off.
pub async fn place_call(
    setup: CallSetup,
    sound: Sound,
    progress: mpsc::Sender<CallerEvent>,
) -> Result<CallOutcome, CallError> {
    let sound = sound.at_rate(setup.profile.input_rate.hertz());
    let speech = Speech::Sound {
        samples: sound.samples,
        spoken: 0,
    };
    Call::new(setup, speech, progress)?.run().await
}

/// Places the call, speaks samples as they come once it is answered, and hangs up when there are no more: the sender is gone, nothing has
/// come for [`LIVE_PAUSE_MAX`], or [`LIVE_MAX`] is over. Samples are at the input rate of the profile; between them there is silence.
///
/// # Errors
///
/// When the call cannot be placed, is refused or breaks off.
pub async fn place_live_call(
    setup: CallSetup,
    samples: mpsc::Receiver<Vec<i16>>,
    progress: mpsc::Sender<CallerEvent>,
) -> Result<CallOutcome, CallError> {
    let speech = Speech::Live(Live::new(samples));
    Call::new(setup, speech, progress)?.run().await
}

/// What is spoken.
enum Speech {
    Sound { samples: Vec<i16>, spoken: usize },
    Live(Live),
}

impl Speech {
    /// Whoever spoke has gone before the call was answered.
    fn is_given_up(&self) -> bool {
        match self {
            Self::Sound { .. } => false,
            Self::Live(live) => live.samples.is_closed() && live.samples.is_empty(),
        }
    }

    /// The samples of the next period; none when all has been said.
    fn next(&mut self, count: usize) -> Option<Vec<i16>> {
        match self {
            Self::Sound { samples, spoken } => {
                let rest = samples.get(*spoken..).unwrap_or_default();
                let next: Vec<i16> = rest.iter().take(count).copied().collect();
                *spoken += next.len();
                (!next.is_empty()).then(|| filled(next, count))
            }
            Self::Live(live) => live.next(count),
        }
    }
}

/// What comes while it is spoken.
struct Live {
    samples: mpsc::Receiver<Vec<i16>>,
    waiting: VecDeque<i16>,
    /// For how long nothing has come.
    pause: Duration,
    spoken: Duration,
}

impl Live {
    fn new(samples: mpsc::Receiver<Vec<i16>>) -> Self {
        Self {
            samples,
            waiting: VecDeque::new(),
            pause: Duration::ZERO,
            spoken: Duration::ZERO,
        }
    }

    fn next(&mut self, count: usize) -> Option<Vec<i16>> {
        let mut is_over = false;
        while self.waiting.len() < count && !is_over {
            match self.samples.try_recv() {
                Ok(more) => self.waiting.extend(more),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => is_over = true,
            }
        }
        self.pause = if self.waiting.is_empty() {
            self.pause + PERIOD
        } else {
            Duration::ZERO
        };
        self.spoken += PERIOD;
        let has_ended = is_over && self.waiting.is_empty();
        if has_ended || self.pause > LIVE_PAUSE_MAX || self.spoken > LIVE_MAX {
            return None;
        }
        let next = self.waiting.drain(..count.min(self.waiting.len())).collect();
        Some(filled(next, count))
    }
}

/// With silence after the samples.
fn filled(mut samples: Vec<i16>, count: usize) -> Vec<i16> {
    samples.resize(count, 0);
    samples
}

struct Call {
    caller: Caller,
    network: Network,
    progress: mpsc::Sender<CallerEvent>,
    speech: Speech,
    samples_per_period: usize,
    began: Instant,
    answered: Option<Instant>,
    page: Option<PageId>,
}

impl Call {
    fn new(setup: CallSetup, speech: Speech, progress: mpsc::Sender<CallerEvent>) -> Result<Self, CallError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(CallError::Randomness)?;
        let rate = setup.profile.input_rate;
        let network = Network::bind(setup.bind, setup.tls, setup.resolver)?;
        Ok(Self {
            caller: Caller::new(seed, setup.profile),
            network,
            progress,
            speech,
            samples_per_period: rate.samples_in(PERIOD),
            began: Instant::now(),
            answered: None,
            page: None,
        })
    }

    async fn run(mut self) -> Result<CallOutcome, CallError> {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Burst);
        self.caller.start(self.began);
        let mut was_talking = false;
        loop {
            if let Some(end) = self.carry_out() {
                return end;
            }
            let talks = self.caller.is_talking();
            if talks && !was_talking {
                period.reset();
            }
            was_talking = talks;
            let timer = self.caller.next_timeout();
            tokio::select! {
                biased;
                _ = period.tick() => self.speak(talks),
                () = until(timer) => self.caller.handle_timeout(Instant::now()),
                input = self.network.next() => match input {
                    Some(input) => self.caller.handle_input(Instant::now(), input),
                    None => return Err(CallError::NetworkEnded),
                },
            }
        }
    }

    fn speak(&mut self, talks: bool) {
        let now = Instant::now();
        if !talks {
            // The keys of a PIN go with the packets of silence.
            let silence = vec![0; self.samples_per_period];
            self.caller.send_audio(now, &silence);
            if self.speech.is_given_up() {
                self.caller.hang_up(now);
            }
            return;
        }
        match self.speech.next(self.samples_per_period) {
            Some(samples) => self.caller.send_audio(now, &samples),
            None => self.caller.hang_up(now),
        }
    }

    /// Carries out the core's outputs; the call's end, when it has come.
    fn carry_out(&mut self) -> Option<Result<CallOutcome, CallError>> {
        let mut end = None;
        while let Some(output) = self.caller.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => self.network.transmit(&flow, bytes),
                Output::Connect { token, target } => self.network.connect(token, &target),
                Output::Abandon { token } => self.network.abandon(token),
                Output::Disconnect { connection } => self.network.disconnect(connection),
                Output::Resolve(query) => self.network.resolve(query),
                Output::OpenMedia { call, local } => {
                    let opened = self.network.open_media(call, local);
                    self.caller.handle_input(Instant::now(), opened);
                }
                Output::CloseMedia { call } => self.network.close_media(call),
                Output::SendMedia { call, to, bytes } => self.network.send_media(call, to, &bytes),
                // A caller has no zones.
                Output::Zones(_) | Output::SendZone { .. } => {}
                Output::Event(event) => end = self.take_event(event).or(end),
                Output::Stopped => {}
            }
        }
        end
    }

    fn take_event(&mut self, event: CallerEvent) -> Option<Result<CallOutcome, CallError>> {
        let end = match &event {
            CallerEvent::Connected | CallerEvent::Ringing { .. } | CallerEvent::Keying => None,
            CallerEvent::Answered { page, .. } => {
                self.page.clone_from(page);
                self.answered = Some(Instant::now());
                None
            }
            CallerEvent::Ended { sent_ms, by_peer } => Some(Ok(CallOutcome {
                began: self.began,
                answered: self.answered.unwrap_or(self.began),
                sent_ms: *sent_ms,
                by_peer: *by_peer,
                page: self.page.clone(),
            })),
            CallerEvent::Failed { failure, .. } => Some(Err(CallError::Failed(failure.clone()))),
        };
        // Whoever watches may be slower than the call.
        let _is_told = self.progress.try_send(event).is_ok();
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIODS_PER_SECOND: u128 = 1_000 / PERIOD.as_millis();

    fn live() -> (mpsc::Sender<Vec<i16>>, Live) {
        let (sender, samples) = mpsc::channel(8);
        (sender, Live::new(samples))
    }

    #[test]
    fn what_came_is_said_in_order_then_silence_then_nothing() {
        let (sender, mut live) = live();
        sender.try_send(vec![1, 2, 3]).unwrap();
        sender.try_send(vec![4]).unwrap();
        assert_eq!(live.next(2), Some(vec![1, 2]));
        assert_eq!(live.next(3), Some(vec![3, 4, 0]));
        assert_eq!(live.next(2), Some(vec![0, 0]));
        sender.try_send(vec![5]).unwrap();
        drop(sender);
        assert_eq!(live.next(2), Some(vec![5, 0]));
        assert_eq!(live.next(2), None);
    }

    #[test]
    fn a_talker_who_is_silent_for_too_long_or_talks_for_too_long_is_hung_up_on() {
        let periods = |time: Duration| u128::from(time.as_secs()) * PERIODS_PER_SECOND;
        let (sender, mut live) = self::live();
        for _ in 0..periods(LIVE_PAUSE_MAX) {
            assert!(live.next(1).is_some());
        }
        assert_eq!(live.next(1), None, "nothing came for {LIVE_PAUSE_MAX:?}");

        let (talker, mut live) = self::live();
        for _ in 0..periods(LIVE_MAX) {
            talker.try_send(vec![1]).unwrap();
            assert_eq!(live.next(1), Some(vec![1]));
        }
        talker.try_send(vec![1]).unwrap();
        assert_eq!(live.next(1), None, "{LIVE_MAX:?} are over");
        drop(sender);
    }
}
