//! The task that owns the switch core: gives it inputs and the time, carries out its outputs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::SipUser;
use model::directory::Update;
use model::status::{OngoingPage, RegisteredUser, ZoneEvent, ZoneStatus};
use net::control::StatusRequest;
use net::media::{CommandError, MediaEvent, MediaPlane};
use net::reply_budget::ReplyBudget;
use net::transport::{Incoming, Transports};
use sip::flow::{Flow, Transport};
use sip::message::Message;
use sip::stun;
use switch::{Input, Output, Switch};
use tokio::sync::{broadcast, oneshot};

use crate::failed_handshakes::FailedHandshakes;
use crate::inputs::{Inputs, Lost, Round};

/// Longest wait at the end for what is queued to be written.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// What the owner of a zone, or a control client, asks of its driver.
#[derive(Debug)]
pub(crate) enum Request {
    /// The state.
    Status(oneshot::Sender<ZoneStatus>),
    /// Who is registered.
    Registered(oneshot::Sender<Vec<RegisteredUser>>),
    /// Which pages go on.
    Pages(oneshot::Sender<Vec<OngoingPage>>),
    /// The state as a line of JSON.
    StatusLine(StatusRequest),
    /// To ask the devices of a user to fetch their configuration, and to restart if they are told to; how many were asked.
    CheckSync {
        /// Whose devices.
        user: SipUser,
        /// They are told to restart.
        restarts: bool,
        /// Where it is told how many.
        asked: oneshot::Sender<usize>,
    },
    /// To end the calls, and then itself.
    Stop,
}

/// Owns the core.
pub(crate) struct Driver {
    switch: Switch,
    transports: Transports,
    media: MediaPlane,
    /// For answers to datagrams of strangers.
    strangers: ReplyBudget,
    /// For answers to datagram peers that hold a binding or a leg.
    known: ReplyBudget,
    failed_handshakes: FailedHandshakes,
    has_stopped: bool,
    events: broadcast::Sender<ZoneEvent>,
    lines: broadcast::Sender<Arc<str>>,
}

impl Driver {
    pub(crate) fn new(
        switch: Switch,
        transports: Transports,
        media: MediaPlane,
        events: broadcast::Sender<ZoneEvent>,
        lines: broadcast::Sender<Arc<str>>,
    ) -> Self {
        Self {
            switch,
            transports,
            media,
            strangers: ReplyBudget::default(),
            known: ReplyBudget::for_known(),
            failed_handshakes: FailedHandshakes::default(),
            has_stopped: false,
            events,
            lines,
        }
    }

    /// Tells the core what the directory feed says.
    pub(crate) fn apply(&mut self, update: Update) {
        self.give(Input::Directory(update));
    }

    /// Runs until it is told to stop and the core has ended its calls, or until it has lost what it cannot go on without, which
    /// it returns. Inputs in the order of
    /// their urgency: timers, then those of [`Inputs`].
    pub(crate) async fn run(mut self, mut inputs: Inputs) -> Option<Lost> {
        let mut round = Round::default();
        while !self.has_stopped {
            let timer = self.switch.next_timeout();
            inputs.next_round(timer, &mut round).await;
            if timer.is_some_and(|due| due <= Instant::now()) {
                self.switch.handle_timeout(Instant::now());
                self.carry_out();
            }
            round
                .requests
                .drain(..)
                .for_each(|request| self.take_request(request));
            round.updates.drain(..).for_each(|update| self.apply(update));
            round
                .media
                .drain(..)
                .for_each(|event| self.take_media_event(event));
            round
                .network
                .drain(..)
                .for_each(|event| self.take_incoming(event));
            if let Some(lost) = round.lost {
                tracing::error!(%lost, "the zone ends");
                break;
            }
        }
        self.transports.shutdown(FAREWELL_MAX).await;
        round.lost
    }

    fn take_request(&mut self, request: Request) {
        match request {
            // Who has gone meanwhile needs no answer.
            Request::Status(answer) => {
                let _is_told = answer.send(self.switch.status(Instant::now())).is_ok();
            }
            Request::Registered(answer) => {
                let _is_told = answer.send(self.switch.registered()).is_ok();
            }
            Request::Pages(answer) => {
                let _is_told = answer.send(self.switch.ongoing_pages()).is_ok();
            }
            Request::StatusLine(answer) => {
                let line = line(&self.switch.status(Instant::now()));
                let _is_told = answer.send(line).is_ok();
            }
            Request::CheckSync {
                user,
                restarts,
                asked,
            } => {
                let count = self.switch.check_sync(Instant::now(), &user, restarts);
                self.carry_out();
                let _is_told = asked.send(count).is_ok();
            }
            Request::Stop => self.give(Input::Shutdown),
        }
    }

    fn take_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Datagram { flow, bytes } => {
                self.strangers.earn(flow.remote.ip(), bytes.len());
                self.known.earn(flow.remote.ip(), bytes.len());
                if stun::is_stun(&bytes) {
                    return self.answer_stun(&flow, &bytes);
                }
                match Message::parse_datagram(bytes) {
                    Ok(message) => self.give(Input::Sip { flow, message }),
                    Err(error) => self.give(Input::Framing { flow, error }),
                }
            }
            Incoming::Message { flow, message } => self.give(Input::Sip { flow, message }),
            Incoming::BadMessage { flow, error } => self.give(Input::Framing { flow, error }),
            Incoming::Closed { connection, cause } => {
                tracing::debug!(%cause, "connection closed");
                self.give(Input::Closed { connection });
            }
            Incoming::HandshakeFailed { remote, cause } => {
                let event = self.failed_handshakes.note(Instant::now(), remote.ip(), &cause);
                event.into_iter().for_each(|event| self.tell(event));
            }
            // A zone dials nobody, and connections are known by their messages.
            Incoming::Opened { .. }
            | Incoming::Connected { .. }
            | Incoming::ConnectFailed { .. }
            | Incoming::Pong { .. } => {}
        }
    }

    /// Answers a keep-alive of RFC 5626 §8.
    fn answer_stun(&mut self, flow: &Flow, datagram: &[u8]) {
        let Some(answer) = stun::answer(datagram, flow.remote) else {
            return;
        };
        if !self.may_answer(flow, answer.len()) {
            tracing::debug!("the reply budget of a datagram source is used up");
        } else if let Err(error) = self.transports.send(flow, answer) {
            tracing::debug!(%error, "not sent");
        }
    }

    fn take_media_event(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Opened { leg, address } => self.give(Input::MediaOpened { leg, address }),
            MediaEvent::OpenFailed { leg, cause } => {
                tracing::warn!(%cause, "no media ports for a leg");
                self.give(Input::MediaFailed { leg });
            }
            MediaEvent::Bridge(event) => self.give(Input::Media(event)),
        }
    }

    fn give(&mut self, input: Input) {
        self.switch.handle_input(Instant::now(), input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => self.transmit(&flow, bytes),
                Output::OpenMedia { leg, local } => told(self.media.open(leg, local)),
                Output::Media(command) => told(self.media.command(command)),
                Output::Event(event) => self.tell(event),
                Output::Disconnect { connection } => self.transports.close(connection),
                Output::Stopped => self.has_stopped = true,
            }
        }
    }

    fn transmit(&mut self, flow: &Flow, bytes: Bytes) {
        // Requests go to registered phones only; responses go to whoever asked, or to whom he pretends to be.
        let is_to_anyone = flow.transport == Transport::Udp && bytes.starts_with(b"SIP/2.0 ");
        if is_to_anyone && !self.may_answer(flow, bytes.len()) {
            tracing::debug!("the reply budget of a datagram source is used up");
            return;
        }
        if let Err(error) = self.transports.send(flow, bytes) {
            tracing::debug!(%error, "not sent");
        }
    }

    /// Takes the bytes of an answer from the budget of its receiver.
    fn may_answer(&mut self, flow: &Flow, bytes: usize) -> bool {
        let budget = if self.switch.is_known(flow) {
            &mut self.known
        } else {
            &mut self.strangers
        };
        budget.take(Instant::now(), flow.remote.ip(), bytes)
    }

    fn tell(&self, event: ZoneEvent) {
        if self.lines.receiver_count() > 0 {
            // Nobody listening is the usual case.
            let _listeners = self.lines.send(line(&event).into()).unwrap_or(0);
        }
        let _subscribers = self.events.send(event).unwrap_or(0);
    }
}

fn told(result: Result<(), CommandError>) {
    if let Err(error) = result {
        tracing::error!(%error, "a media command is lost");
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}
