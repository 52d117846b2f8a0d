//! Starting and stopping a device.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use audio::{Microphone, Sink};
use endpoint::{Profile, SoundOrder};
use model::status::{DeviceEvent, DeviceStatus, ProvisioningStep};
use net::control::{ControlError, ControlSocket, EVENTS_KEPT};
use net::resolver::Resolver;
use net::tls::ClientTls;
use net::transport::BindError;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::capture::Capture;
use crate::driver::{Driver, Request};
use crate::network::Network;
use crate::player::Player;

/// Pieces of sound kept for one who listens slowly: a second.
const PIECES_KEPT: usize = 50;
/// Requests of the owner and of control clients kept for the driver.
const REQUESTS_KEPT: usize = 16;

/// Everything a device is made of.
pub struct DeviceSetup {
    /// What the core is told.
    pub profile: Profile,
    /// Whom to trust over TLS, and what to show.
    pub tls: ClientTls,
    /// Who answers DNS questions.
    pub resolver: Resolver,
    /// The address of the datagram socket, and of media sockets with other ports.
    pub bind: SocketAddr,
    /// Where sound goes, at the profile's output rate.
    pub sink: Box<dyn Sink>,
    /// By what the room is heard, at the same rate, where there is anything.
    pub microphone: Option<Box<dyn Microphone>>,
    /// The control socket, where one is wanted.
    pub control: Option<PathBuf>,
}

/// Another configuration for a running device.
pub struct Reconfiguration {
    /// What the core is told from here on, at the same output rate.
    pub profile: Profile,
    /// Whom to trust from here on, where that changes: the device connects anew.
    pub tls: Option<ClientTls>,
    /// Where sound goes from here on, where that changes.
    pub sink: Option<Box<dyn Sink>>,
    /// By what the room is heard from here on, where that changes; inside, `None` for nothing.
    pub microphone: Option<Option<Box<dyn Microphone>>>,
}

impl fmt::Debug for Reconfiguration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reconfiguration")
    }
}

/// What a running device tells.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceReport {
    /// An event of the core, and when it came out of it.
    Event(DeviceEvent, Instant),
    /// What it played is in this file.
    Recorded(PathBuf),
}

/// Why a device did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The control socket cannot be made.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The sink's thread cannot be started.
    #[error("the sound thread cannot be started")]
    Sound(#[source] io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
}

/// Why a sound was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Something more important sounds, there is no such announcement, or the device leaves the network.
    #[error("{0}")]
    Refused(String),
    /// The device has ended.
    #[error("the endpoint is ending")]
    Ended,
}

/// A running device. Dropping it ends it at once; [`stop`](Self::stop) takes its registrations back first.
#[derive(Debug)]
pub struct Device {
    requests: mpsc::Sender<Request>,
    reports: broadcast::Sender<DeviceReport>,
    listeners: broadcast::Sender<Arc<[i16]>>,
    driver: JoinHandle<()>,
    control: Vec<JoinHandle<()>>,
}

impl Device {
    /// Binds everything and starts the driver on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// Names the first thing that cannot be had.
    pub async fn start(setup: DeviceSetup) -> Result<Self, StartError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(StartError::Randomness)?;
        let (requests, request_receiver) = mpsc::channel(REQUESTS_KEPT);
        let (reports, _) = broadcast::channel(EVENTS_KEPT);
        let (lines, _) = broadcast::channel::<Arc<str>>(EVENTS_KEPT);
        let (listeners, _) = broadcast::channel(PIECES_KEPT);
        let socket = match &setup.control {
            Some(path) => Some(ControlSocket::bind(path).await?),
            None => None,
        };
        let mut network = Network::bind(setup.bind, setup.tls, setup.resolver)?;
        network.mark(setup.profile.media.marking);
        let player = Player::start(setup.sink).map_err(StartError::Sound)?;
        let rate = setup.profile.sound.output_rate.hertz();
        let capture = Capture::start(setup.microphone, rate).map_err(StartError::Sound)?;

        let mut control = Vec::new();
        if let Some(socket) = socket {
            let (status, mut asked) = mpsc::channel(REQUESTS_KEPT);
            control.push(tokio::spawn(socket.serve(status, lines.clone())));
            let requests = requests.clone();
            control.push(tokio::spawn(async move {
                while let Some(answer) = asked.recv().await {
                    if requests.send(Request::StatusLine(answer)).await.is_err() {
                        return;
                    }
                }
            }));
        }
        let driver = Driver::new(
            seed,
            setup.profile,
            network,
            (player, capture),
            reports.clone(),
            lines,
            listeners.clone(),
        );
        let driver = tokio::spawn(driver.run(request_receiver));
        Ok(Self {
            requests,
            reports,
            listeners,
            driver,
            control,
        })
    }

    /// The device's reports from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<DeviceReport> {
        self.reports.subscribe()
    }

    /// What the loudspeaker plays from now on, in pieces of 20 ms at the output rate; nothing while it is silent.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<[i16]>> {
        self.listeners.subscribe()
    }

    /// The device's state; `None` when it has ended.
    pub async fn status(&self) -> Option<DeviceStatus> {
        let (answer, status) = oneshot::channel();
        self.requests.send(Request::Status(answer)).await.ok()?;
        status.await.ok()
    }

    /// Starts or stops a sound of the device itself.
    ///
    /// # Errors
    ///
    /// Says why it is not started.
    pub async fn order(&self, order: SoundOrder) -> Result<(), OrderError> {
        let (answer, outcome) = oneshot::channel();
        let request = Request::Sound(order, answer);
        self.requests.send(request).await.map_err(|_| OrderError::Ended)?;
        outcome
            .await
            .map_err(|_| OrderError::Ended)?
            .map_err(OrderError::Refused)
    }

    /// Goes on with another configuration. What stays the same is not disturbed; where the servers change, the device leaves
    /// and registers anew as soon as no page is under way.
    pub async fn reconfigure(&self, change: Reconfiguration) {
        // A device that has ended needs no configuration.
        let _is_told = self
            .requests
            .send(Request::Reconfigure(Box::new(change)))
            .await
            .is_ok();
    }

    /// Shows how provisioning has ended: the step that failed, if one did.
    pub(crate) async fn show_provisioning(&self, failed: Option<ProvisioningStep>) {
        // A device that has ended shows nothing.
        let _is_told = self.requests.send(Request::Provisioning(failed)).await.is_ok();
    }

    /// Ends calls, takes the registrations back, and ends.
    pub async fn stop(self) {
        self.end().await;
    }

    /// As [`stop`](Self::stop), for a device that others hold as well.
    pub(crate) async fn end(&self) {
        if self.requests.send(Request::Stop).await.is_ok() {
            // The driver lets go of its requests when it has ended.
            self.requests.closed().await;
        }
        // The control socket goes with its task: another device may take its place.
        for task in &self.control {
            task.abort();
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.driver.abort();
        for task in &self.control {
            task.abort();
        }
    }
}
