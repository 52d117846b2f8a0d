//! One outgoing call that speaks a sound and hangs up.

use std::net::SocketAddr;
use std::time::Instant;

use audio::Sound;
use endpoint::{Caller, CallerEvent, CallerFailure, CallerProfile, Output};
use net::deadline::until;
use net::resolver::Resolver;
use net::tls::ClientTls;
use net::transport::BindError;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::network::Network;
use crate::player::PERIOD;

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
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(CallError::Randomness)?;
    let rate = setup.profile.input_rate;
    let network = Network::bind(setup.bind, setup.tls, setup.resolver)?;
    let sound = sound.at_rate(rate.hertz());
    let call = Call {
        caller: Caller::new(seed, setup.profile),
        network,
        progress,
        sound: sound.samples,
        spoken: 0,
        samples_per_period: rate.samples_in(PERIOD),
        began: Instant::now(),
        answered: None,
    };
    call.run().await
}

struct Call {
    caller: Caller,
    network: Network,
    progress: mpsc::Sender<CallerEvent>,
    sound: Vec<i16>,
    spoken: usize,
    samples_per_period: usize,
    began: Instant,
    answered: Option<Instant>,
}

impl Call {
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
                _ = period.tick(), if talks => self.speak(),
                () = until(timer) => self.caller.handle_timeout(Instant::now()),
                input = self.network.next() => match input {
                    Some(input) => self.caller.handle_input(Instant::now(), input),
                    None => return Err(CallError::NetworkEnded),
                },
            }
        }
    }

    fn speak(&mut self) {
        let now = Instant::now();
        let rest = self.sound.get(self.spoken..).unwrap_or_default();
        if rest.is_empty() {
            self.caller.hang_up(now);
            return;
        }
        let mut samples: Vec<i16> = rest.iter().take(self.samples_per_period).copied().collect();
        self.spoken += samples.len();
        samples.resize(self.samples_per_period, 0);
        self.caller.send_audio(now, &samples);
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
            CallerEvent::Connected | CallerEvent::Ringing { .. } => None,
            CallerEvent::Answered { .. } => {
                self.answered = Some(Instant::now());
                None
            }
            CallerEvent::Ended { sent_ms, by_peer } => Some(Ok(CallOutcome {
                began: self.began,
                answered: self.answered.unwrap_or(self.began),
                sent_ms: *sent_ms,
                by_peer: *by_peer,
            })),
            CallerEvent::Failed { failure, .. } => Some(Err(CallError::Failed(failure.clone()))),
        };
        // Whoever watches may be slower than the call.
        let _is_told = self.progress.try_send(event).is_ok();
        end
    }
}
