//! The task that owns the switch core: gives it inputs and the time, carries out its outputs.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use media::bridge::Command;
use model::directory::Update;
use model::status::{ZoneEvent, ZoneStatus};
use net::control::StatusRequest;
use net::deadline::until;
use net::media::{MediaEvent, MediaPlane};
use net::reply_budget::ReplyBudget;
use net::transport::{Incoming, Transports};
use sip::flow::{Flow, Transport};
use sip::message::Message;
use switch::{Input, Output, Switch};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Inputs of one kind taken before the others get their turn.
const BUDGET: usize = 64;

/// What the owner of a zone, or a control client, asks of its driver.
#[derive(Debug)]
pub(crate) enum Request {
    /// The state.
    Status(oneshot::Sender<ZoneStatus>),
    /// The state as a line of JSON.
    StatusLine(StatusRequest),
    /// To end.
    Stop,
}

/// Owns the core.
pub(crate) struct Driver {
    switch: Switch,
    transports: Transports,
    media: MediaPlane,
    budget: ReplyBudget,
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
            budget: ReplyBudget::default(),
            events,
            lines,
        }
    }

    /// Tells the core what the directory feed says.
    pub(crate) fn apply(&mut self, update: Update) {
        self.give(Input::Directory(update));
    }

    /// Runs until it is told to stop or its queues are gone. Inputs in the order of their urgency: timers, the media
    /// thread, the network, the directory, requests.
    pub(crate) async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut media_events: mpsc::Receiver<MediaEvent>,
        mut updates: mpsc::Receiver<Update>,
        mut requests: mpsc::Receiver<Request>,
    ) {
        let mut network = Vec::with_capacity(BUDGET);
        let mut media = Vec::with_capacity(BUDGET);
        loop {
            let timer = self.switch.next_timeout();
            tokio::select! {
                biased;
                () = until(timer) => {
                    self.switch.handle_timeout(Instant::now());
                    self.carry_out();
                }
                count = media_events.recv_many(&mut media, BUDGET) => {
                    if count == 0 {
                        tracing::error!("the media thread has ended");
                        return;
                    }
                    media.drain(..).for_each(|event| self.take_media_event(event));
                }
                count = incoming.recv_many(&mut network, BUDGET) => {
                    if count == 0 {
                        return;
                    }
                    network.drain(..).for_each(|event| self.take_incoming(event));
                }
                Some(update) = updates.recv() => self.apply(update),
                request = requests.recv() => match request {
                    Some(Request::Status(answer)) => {
                        // Who has gone meanwhile needs no answer.
                        let _is_told = answer.send(self.switch.status(Instant::now())).is_ok();
                    }
                    Some(Request::StatusLine(answer)) => {
                        let line = line(&self.switch.status(Instant::now()));
                        let _is_told = answer.send(line).is_ok();
                    }
                    Some(Request::Stop) | None => return,
                },
            }
        }
    }

    fn take_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Datagram { flow, bytes } => {
                self.budget.earn(flow.remote.ip(), bytes.len());
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
            // A zone dials nobody, and connections are known by their messages.
            Incoming::Opened { .. }
            | Incoming::Connected { .. }
            | Incoming::ConnectFailed { .. }
            | Incoming::Pong { .. } => {}
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
                Output::OpenMedia { leg } => self.command(Command::Open { leg }),
                Output::Media(command) => self.command(command),
                Output::Event(event) => self.tell(event),
                Output::Disconnect { connection } => self.transports.close(connection),
            }
        }
    }

    fn transmit(&mut self, flow: &Flow, bytes: Bytes) {
        // Requests go to registered phones only; responses go to whoever asked, or to whom he pretends to be.
        let is_to_anyone = flow.transport == Transport::Udp && bytes.starts_with(b"SIP/2.0 ");
        if is_to_anyone && !self.budget.take(Instant::now(), flow.remote.ip(), bytes.len()) {
            tracing::debug!("the reply budget of a datagram source is used up");
            return;
        }
        if let Err(error) = self.transports.send(flow, bytes) {
            tracing::debug!(%error, "not sent");
        }
    }

    fn command(&self, command: Command) {
        if let Err(error) = self.media.command(command) {
            tracing::error!(%error, "a media command is lost");
        }
    }

    fn tell(&self, event: ZoneEvent) {
        if self.lines.receiver_count() > 0 {
            // Nobody listening is the usual case.
            let _listeners = self.lines.send(line(&event).into()).unwrap_or(0);
        }
        let _subscribers = self.events.send(event).unwrap_or(0);
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}
