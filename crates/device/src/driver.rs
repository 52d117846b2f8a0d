//! The task that owns the device core: gives it inputs and the time, carries out its outputs, keeps the sink fed.

use std::sync::Arc;
use std::time::Instant;

use endpoint::{Endpoint, Input, Output};
use media::sample::SampleRate;
use model::status::{DeviceEvent, DeviceStatus, SinkHealth, Sounding};
use net::control::StatusRequest;
use net::deadline::until;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::network::Network;
use crate::player::{PERIOD, Player, Report};
use crate::start::DeviceReport;

/// What the owner of a device, or a control client, asks of its driver.
#[derive(Debug)]
pub(crate) enum Request {
    /// The state.
    Status(oneshot::Sender<DeviceStatus>),
    /// The state as a line of JSON.
    StatusLine(StatusRequest),
    /// To end.
    Stop,
}

/// Owns the core.
pub(crate) struct Driver {
    endpoint: Endpoint,
    network: Network,
    player: Player,
    samples_per_period: usize,
    is_recording: bool,
    has_stopped: bool,
    reports: broadcast::Sender<DeviceReport>,
    lines: broadcast::Sender<Arc<str>>,
}

impl Driver {
    pub(crate) fn new(
        endpoint: Endpoint,
        network: Network,
        player: Player,
        rate: SampleRate,
        reports: broadcast::Sender<DeviceReport>,
        lines: broadcast::Sender<Arc<str>>,
    ) -> Self {
        let samples_per_period = rate.samples_in(PERIOD);
        Self {
            endpoint,
            network,
            player,
            samples_per_period,
            is_recording: false,
            has_stopped: false,
            reports,
            lines,
        }
    }

    /// Runs until it is told to stop and the core has said good-bye. Inputs in the order of their urgency: sound, timers, the
    /// sink, requests, the network: whatever floods it, its owner is heard.
    pub(crate) async fn run(
        mut self,
        mut player: mpsc::Receiver<Report>,
        mut requests: mpsc::Receiver<Request>,
    ) {
        let mut period = tokio::time::interval(PERIOD);
        // Sound that was due is made up for: the core counts on as many periods as time has passed.
        period.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut was_sounding = false;
        self.endpoint.start(Instant::now());
        self.carry_out();
        while !self.has_stopped {
            let timer = self.endpoint.next_timeout();
            let sounds = self.endpoint.wants_audio();
            if sounds && !was_sounding {
                period.reset();
            }
            was_sounding = sounds;
            tokio::select! {
                biased;
                _ = period.tick(), if sounds => self.play(),
                () = until(timer) => {
                    self.endpoint.handle_timeout(Instant::now());
                    self.carry_out();
                }
                Some(report) = player.recv() => self.take_report(report),
                request = requests.recv() => match request {
                    Some(Request::Status(answer)) => {
                        // Who has gone meanwhile needs no answer.
                        let _is_told = answer.send(self.endpoint.status(Instant::now())).is_ok();
                    }
                    Some(Request::StatusLine(answer)) => {
                        let _is_told = answer.send(line(&self.endpoint.status(Instant::now()))).is_ok();
                    }
                    Some(Request::Stop) => self.give(Input::Shutdown),
                    None => return,
                },
                input = self.network.next() => match input {
                    Some(input) => self.give(input),
                    None => return,
                },
            }
        }
    }

    fn play(&mut self) {
        let mut samples = vec![0; self.samples_per_period];
        self.endpoint.fill(Instant::now(), &mut samples);
        if self.is_recording {
            let health = self.player.play(samples);
            self.take_health(health);
        }
        self.carry_out();
    }

    fn give(&mut self, input: Input) {
        self.endpoint.handle_input(Instant::now(), input);
        self.carry_out();
    }

    fn take_report(&mut self, report: Report) {
        match report {
            Report::Health(own) => {
                let health = self.player.judge(own);
                self.give(Input::Sink(health));
            }
            Report::Recorded(file) => {
                let _subscribers = self.reports.send(DeviceReport::Recorded(file)).unwrap_or(0);
            }
        }
    }

    fn take_health(&mut self, health: Option<SinkHealth>) {
        if let Some(health) = health {
            self.endpoint.handle_input(Instant::now(), Input::Sink(health));
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => self.network.transmit(&flow, bytes),
                Output::Connect { token, target } => self.network.connect(token, &target),
                Output::Abandon { token } => self.network.abandon(token),
                Output::Disconnect { connection } => self.network.disconnect(connection),
                Output::Resolve(query) => self.network.resolve(query),
                Output::OpenMedia { call, local } => {
                    let opened = self.network.open_media(call, local);
                    self.endpoint.handle_input(Instant::now(), opened);
                }
                Output::CloseMedia { call } => self.network.close_media(call),
                Output::SendMedia { call, to, bytes } => self.network.send_media(call, to, &bytes),
                Output::Event(event) => self.tell(event),
                Output::Stopped => self.has_stopped = true,
            }
        }
    }

    fn tell(&mut self, event: DeviceEvent) {
        match &event {
            DeviceEvent::Started { sounding } => {
                let health = self.player.begin(label(sounding));
                self.is_recording = true;
                self.take_health(health);
            }
            DeviceEvent::Stopped { .. } => {
                let health = self.player.end();
                self.is_recording = false;
                self.take_health(health);
            }
            DeviceEvent::RegistrationChanged { .. }
            | DeviceEvent::CallRefused { .. }
            | DeviceEvent::PagePlayed { .. }
            | DeviceEvent::SinkChanged { .. } => {}
        }
        if self.lines.receiver_count() > 0 {
            let _listeners = self.lines.send(line(&event).into()).unwrap_or(0);
        }
        let _subscribers = self
            .reports
            .send(DeviceReport::Event(event, Instant::now()))
            .unwrap_or(0);
    }
}

/// Names a stretch of sound: by its page where it has one.
fn label(sounding: &Sounding) -> String {
    match &sounding.page {
        Some(page) => format!("page-{page}"),
        None => "sound".to_owned(),
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
}
