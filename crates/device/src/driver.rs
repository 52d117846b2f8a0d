//! The task that owns the device core: gives it inputs and the time, carries out its outputs, keeps the sink fed.

use std::sync::Arc;
use std::time::Instant;

use audio::{Microphone, Sink};
use endpoint::{Endpoint, Input, Output, Profile, Reconfigured, SoundOrder};
use model::status::{DeviceEvent, DeviceStatus, ProvisioningStep, SinkHealth, Sounding};
use net::control::StatusRequest;
use net::deadline::until;
use net::tls::ClientTls;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::capture::{Capture, Heard};
use crate::network::Network;
use crate::player::{PERIOD, Player, Report};
use crate::start::{DeviceReport, Reconfiguration};

/// What the owner of a device, or a control client, asks of its driver.
#[derive(Debug)]
pub(crate) enum Request {
    /// The state.
    Status(oneshot::Sender<DeviceStatus>),
    /// The state as a line of JSON.
    StatusLine(StatusRequest),
    /// To start or stop a sound; the answer says why it is not done.
    Sound(SoundOrder, oneshot::Sender<Result<(), String>>),
    /// To show how provisioning has ended.
    Provisioning(Option<ProvisioningStep>),
    /// To go on with another configuration.
    Reconfigure(Box<Reconfiguration>),
    /// To end.
    Stop,
}

/// Owns the core.
pub(crate) struct Driver {
    endpoint: Endpoint,
    network: Network,
    player: Player,
    player_reports: mpsc::Receiver<Report>,
    capture: Capture,
    samples_per_period: usize,
    /// What is being recorded, if anything is.
    stretch: Option<String>,
    /// How many sounds are heard: one, and music quietly beside it.
    audible: usize,
    has_stopped: bool,
    /// Why the sound that was asked for last is not played.
    refusal: Option<String>,
    /// The step at which provisioning failed, for the core that takes the place of this one.
    unprovisioned: Option<ProvisioningStep>,
    succession: Succession,
    reports: broadcast::Sender<DeviceReport>,
    lines: broadcast::Sender<Arc<str>>,
    /// Those who hear in another place what the loudspeaker plays.
    listeners: broadcast::Sender<Arc<[i16]>>,
}

/// The core that takes the place of this one, once this one has left the network.
struct Succession {
    seeds: ChaCha20Rng,
    next: Option<(Profile, Option<ClientTls>)>,
    is_leaving: bool,
    /// The device ends: no other core takes its place.
    is_ending: bool,
}

impl Driver {
    pub(crate) fn new(
        seed: [u8; 32],
        profile: Profile,
        network: Network,
        ((player, player_reports), capture): ((Player, mpsc::Receiver<Report>), Capture),
        reports: broadcast::Sender<DeviceReport>,
        lines: broadcast::Sender<Arc<str>>,
        listeners: broadcast::Sender<Arc<[i16]>>,
    ) -> Self {
        let mut seeds = ChaCha20Rng::from_seed(seed);
        Self {
            samples_per_period: profile.sound.output_rate.samples_in(PERIOD),
            endpoint: Endpoint::new(next_seed(&mut seeds), profile),
            network,
            player,
            player_reports,
            capture,
            stretch: None,
            audible: 0,
            has_stopped: false,
            refusal: None,
            unprovisioned: None,
            succession: Succession {
                seeds,
                next: None,
                is_leaving: false,
                is_ending: false,
            },
            reports,
            lines,
            listeners,
        }
    }

    /// Runs until it is told to stop and the core has said good-bye. Inputs in the order of their urgency: sound, timers, the
    /// sink, requests, the network: whatever floods it, its owner is heard.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
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
                Some(report) = self.player_reports.recv() => self.take_report(report),
                heard = self.capture.next() => self.take_heard(heard),
                request = requests.recv() => match request {
                    Some(Request::Sound(order, answer)) => self.sound(order, answer),
                    Some(Request::Status(answer)) => {
                        // Who has gone meanwhile needs no answer.
                        let _is_told = answer.send(self.endpoint.status(Instant::now())).is_ok();
                    }
                    Some(Request::StatusLine(answer)) => {
                        let _is_told = answer.send(line(&self.endpoint.status(Instant::now()))).is_ok();
                    }
                    Some(Request::Provisioning(failed)) => {
                        self.unprovisioned = failed;
                        self.give(Input::Provisioning(failed));
                    }
                    Some(Request::Reconfigure(change)) => self.reconfigure(*change),
                    Some(Request::Stop) => {
                        self.succession.next = None;
                        self.succession.is_ending = true;
                        self.give(Input::Shutdown);
                    }
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
        self.capture.played(&samples);
        if self.listeners.receiver_count() > 0 {
            let _heard_by = self.listeners.send(Arc::from(samples.as_slice())).unwrap_or(0);
        }
        if self.stretch.is_some() {
            let health = self.player.play(samples);
            self.take_health(health);
        }
        self.carry_out();
    }

    fn take_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Health(health) => {
                self.give(Input::Microphone(health));
            }
            Heard::Samples(samples) => {
                self.endpoint.hear(Instant::now(), &samples);
                self.carry_out();
            }
        }
    }

    fn give(&mut self, input: Input) {
        self.endpoint.handle_input(Instant::now(), input);
        self.carry_out();
    }

    fn sound(&mut self, order: SoundOrder, answer: oneshot::Sender<Result<(), String>>) {
        self.refusal = None;
        self.give(Input::Sound(order));
        // Who has gone meanwhile needs no answer.
        let _is_told = answer.send(self.refusal.take().map_or(Ok(()), Err)).is_ok();
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

    /// Goes on with another configuration: in place where that can be, otherwise by another core, which starts when no page
    /// is under way and this one has taken its bindings back.
    fn reconfigure(&mut self, change: Reconfiguration) {
        if self.succession.is_ending {
            return;
        }
        if let Some(sink) = change.sink {
            self.replace_sink(sink);
        }
        self.network.mark(change.profile.media.marking);
        if let Some(microphone) = change.microphone {
            self.replace_microphone(microphone);
        }
        let in_place = change.tls.is_none()
            && self.succession.next.is_none()
            && self.endpoint.reconfigure(Instant::now(), change.profile.clone()) == Reconfigured::InPlace;
        if !in_place {
            let earlier_tls = self.succession.next.take().and_then(|(_, tls)| tls);
            self.succession.next = Some((change.profile, change.tls.or(earlier_tls)));
        }
        self.carry_out();
    }

    fn replace_microphone(&mut self, microphone: Option<Box<dyn Microphone>>) {
        match self.capture.restart(microphone) {
            Ok(capture) => {
                self.capture = capture;
                let health = self.capture.health();
                self.endpoint
                    .handle_input(Instant::now(), Input::Microphone(health));
            }
            Err(error) => {
                tracing::error!(%error, "the thread of the microphone cannot be started; the microphone stays");
            }
        }
    }

    fn replace_sink(&mut self, sink: Box<dyn Sink>) {
        match Player::start(sink) {
            Ok((player, reports)) => {
                (self.player, self.player_reports) = (player, reports);
                if let Some(label) = self.stretch.clone() {
                    let health = self.player.begin(label);
                    self.take_health(health);
                }
            }
            Err(error) => tracing::error!(%error, "the sound thread cannot be started; the output stays"),
        }
    }

    /// Lets the core leave when another one waits and no page is under way.
    fn leave_if_due(&mut self) {
        if self.succession.next.is_some() && !self.succession.is_leaving && !self.endpoint.is_busy() {
            self.succession.is_leaving = true;
            self.endpoint.handle_input(Instant::now(), Input::Shutdown);
        }
    }

    /// The core has left: the next one begins, or this is the end.
    fn succeed(&mut self) {
        self.succession.is_leaving = false;
        let Some((profile, tls)) = self.succession.next.take() else {
            self.has_stopped = true;
            return;
        };
        if let Some(tls) = tls {
            self.network.set_tls(tls);
        }
        let now = Instant::now();
        self.audible = 0;
        self.endpoint = Endpoint::new(next_seed(&mut self.succession.seeds), profile);
        self.endpoint.handle_input(now, Input::Sink(self.player.health()));
        self.endpoint
            .handle_input(now, Input::Microphone(self.capture.health()));
        self.endpoint
            .handle_input(now, Input::Provisioning(self.unprovisioned));
        self.endpoint.handle_input(now, self.network.zone_sending());
        self.endpoint.start(now);
    }

    fn carry_out(&mut self) {
        self.leave_if_due();
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
                Output::Zones(plan) => self.network.listen(&plan),
                Output::SendZone { group, bytes } => self.network.send_zone(group, &bytes),
                Output::Event(event) => self.tell(event),
                Output::Stopped => self.succeed(),
            }
        }
        self.capture.set_on(self.endpoint.wants_microphone());
    }

    fn tell(&mut self, event: DeviceEvent) {
        match &event {
            DeviceEvent::Started { sounding } => {
                self.audible += 1;
                let health = self.player.begin(label(sounding));
                self.stretch = Some(label(sounding));
                self.take_health(health);
            }
            DeviceEvent::Stopped { .. } => {
                self.audible = self.audible.saturating_sub(1);
                // Music may go on that was heard quietly under what has stopped.
                if self.audible == 0 {
                    let health = self.player.end();
                    self.stretch = None;
                    self.take_health(health);
                }
            }
            DeviceEvent::SoundRefused { why, .. } => self.refusal = Some(why.clone()),
            DeviceEvent::RegistrationChanged { .. }
            | DeviceEvent::CallRefused { .. }
            | DeviceEvent::PagePlayed { .. }
            | DeviceEvent::SignalsChanged { .. }
            | DeviceEvent::MessagesChanged { .. }
            | DeviceEvent::CheckSync
            | DeviceEvent::ZoneChanged { .. }
            | DeviceEvent::ZoneSendingChanged { .. }
            | DeviceEvent::MicrophoneChanged { .. }
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

fn next_seed(seeds: &mut ChaCha20Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    seeds.fill_bytes(&mut seed);
    seed
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
