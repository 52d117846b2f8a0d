//! Starting and stopping a zone.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::SipUser;
use model::directory::{Snapshot, Update};
use model::status::{OngoingPage, RegisteredUser, ZoneEvent, ZoneStatus};
use net::control::{ControlError, ControlSocket, EVENTS_KEPT as CONTROL_EVENTS_KEPT};
use net::media::{MediaPlane, MediaPlaneConfig};
use net::transport::{BindError, Bound, Limits, ListenerConfig, Transports};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::EVENTS_KEPT;
use crate::driver::{Driver, Request};
use crate::inputs::{Inputs, Lost};

/// Events of the transports kept for the driver; past that streams wait and datagrams are dropped.
const INCOMING_KEPT: usize = 8_192;
/// Events of the media thread kept for the driver.
const MEDIA_EVENTS_KEPT: usize = 8_192;
/// Directory updates kept for the driver.
const UPDATES_KEPT: usize = 16;
/// Requests of the owner and of control clients kept for the driver.
const REQUESTS_KEPT: usize = 64;

/// Everything a zone is made of.
#[derive(Debug)]
pub struct ZoneSetup {
    /// What the core is told.
    pub core: switch::Config,
    /// The directory to begin with.
    pub directory: Snapshot,
    /// Where SIP is listened for.
    pub listeners: Vec<ListenerConfig>,
    /// What peers of the transports may cost.
    pub limits: Limits,
    /// Where media is carried.
    pub media: MediaPlaneConfig,
    /// The control socket, where one is wanted.
    pub control: Option<PathBuf>,
}

/// Asks devices to fetch their configuration, through a zone that they are registered with.
#[derive(Clone, Debug)]
pub struct CheckSyncs(mpsc::Sender<Request>);

impl CheckSyncs {
    /// Asks the devices of a user, and tells those that restart when they are told so to restart; says how many were asked. `None`
    /// when the zone has ended.
    pub async fn ask(&self, user: SipUser, restarts: bool) -> Option<usize> {
        let (asked, count) = oneshot::channel();
        let request = Request::CheckSync {
            user,
            restarts,
            asked,
        };
        self.0.send(request).await.ok()?;
        count.await.ok()
    }
}

/// Why a zone did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The control socket cannot be made.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The media thread cannot be started.
    #[error("the media thread cannot be started")]
    Media(#[source] io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
}

/// A running zone. Dropping it ends it at once; [`stop`](Self::stop) says good-bye first.
#[derive(Debug)]
pub struct Zone {
    bound: Vec<Bound>,
    requests: mpsc::Sender<Request>,
    updates: mpsc::Sender<Update>,
    events: broadcast::Sender<ZoneEvent>,
    /// `None` when it has been waited for.
    driver: Option<JoinHandle<Option<Lost>>>,
    /// What serves the control socket.
    control: Vec<JoinHandle<()>>,
}

impl Zone {
    /// Binds everything and starts the driver on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// Names the first thing that cannot be had.
    pub async fn start(setup: ZoneSetup) -> Result<Self, StartError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(StartError::Randomness)?;
        let (incoming_sender, incoming) = mpsc::channel(INCOMING_KEPT);
        let (media_sender, media_events) = mpsc::channel(MEDIA_EVENTS_KEPT);
        let (updates, update_receiver) = mpsc::channel(UPDATES_KEPT);
        let (requests, request_receiver) = mpsc::channel(REQUESTS_KEPT);
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (lines, _) = broadcast::channel::<Arc<str>>(CONTROL_EVENTS_KEPT);

        let control = match &setup.control {
            Some(path) => Some(ControlSocket::bind(path).await?),
            None => None,
        };
        let transports = Transports::bind(setup.listeners, setup.limits, incoming_sender)?;
        let media = MediaPlane::start(&setup.media, media_sender).map_err(StartError::Media)?;

        let mut control_tasks = Vec::new();
        if let Some(control) = control {
            let (status, mut asked) = mpsc::channel(REQUESTS_KEPT);
            control_tasks.push(tokio::spawn(control.serve(status, lines.clone())));
            let requests = requests.clone();
            control_tasks.push(tokio::spawn(async move {
                while let Some(answer) = asked.recv().await {
                    if requests.send(Request::StatusLine(answer)).await.is_err() {
                        return;
                    }
                }
            }));
        }
        let bound = transports.bound().to_vec();
        let mut driver = Driver::new(
            switch::Switch::new(seed, setup.core),
            transports,
            media,
            events.clone(),
            lines,
        );
        driver.apply(Update::Snapshot(setup.directory));
        let driver = tokio::spawn(driver.run(Inputs {
            requests: request_receiver,
            updates: update_receiver,
            media: media_events,
            network: incoming,
        }));
        Ok(Self {
            bound,
            requests,
            updates,
            events,
            driver: Some(driver),
            control: control_tasks,
        })
    }

    /// The listeners with the ports they got.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// The zone's events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ZoneEvent> {
        self.events.subscribe()
    }

    /// Where the directory feed goes.
    pub fn updates(&self) -> mpsc::Sender<Update> {
        self.updates.clone()
    }

    /// The zone's state; `None` when it has ended.
    pub async fn status(&self) -> Option<ZoneStatus> {
        let (answer, status) = oneshot::channel();
        self.requests.send(Request::Status(answer)).await.ok()?;
        status.await.ok()
    }

    /// Where it can be asked who is registered, and which pages go on.
    pub fn roll_call(&self) -> RollCall {
        RollCall(self.requests.clone())
    }

    /// What asks devices to fetch their configuration, for whoever outlives this value.
    #[must_use]
    pub fn check_syncs(&self) -> CheckSyncs {
        CheckSyncs(self.requests.clone())
    }

    /// Waits until the zone has ended by itself, and says what it lost.
    pub async fn ended(&mut self) -> Lost {
        let lost = match &mut self.driver {
            Some(driver) => driver.await.ok().flatten(),
            None => None,
        };
        self.driver = None;
        lost.unwrap_or(Lost::Driver)
    }

    /// Ends the zone: its calls are hung up on, receipts are waited for as at the end of any page, pages are reported, and what
    /// is queued is sent.
    pub async fn stop(mut self) {
        if self.requests.send(Request::Stop).await.is_ok()
            && let Some(driver) = self.driver.take()
            && let Err(error) = driver.await
        {
            tracing::error!(%error, "the zone's driver did not end by itself");
        }
    }
}

/// Asks a zone who is registered, and which pages go on.
#[derive(Clone, Debug)]
pub struct RollCall(mpsc::Sender<Request>);

impl RollCall {
    /// Everybody who is registered at this moment; `None` when the zone has ended.
    pub async fn take(&self) -> Option<Vec<RegisteredUser>> {
        let (answer, registered) = oneshot::channel();
        self.0.send(Request::Registered(answer)).await.ok()?;
        registered.await.ok()
    }

    /// Every page that has begun and is not reported at this moment; `None` when the zone has ended.
    pub async fn pages(&self) -> Option<Vec<OngoingPage>> {
        let (answer, pages) = oneshot::channel();
        self.0.send(Request::Pages(answer)).await.ok()?;
        pages.await.ok()
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        for task in &self.control {
            task.abort();
        }
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use model::directory::DigestAlgorithm;
    use net::media::{MediaAddresses, PortRange};

    use super::*;

    async fn zone() -> Zone {
        Zone::start(ZoneSetup {
            core: switch::Config::new("zone-a", "acme".parse().unwrap()),
            directory: Snapshot::empty(
                "acme".parse().unwrap(),
                "acct-7".to_owned(),
                "acme.example".to_owned(),
                DigestAlgorithm::Sha256,
            ),
            listeners: Vec::new(),
            limits: Limits::default(),
            media: MediaPlaneConfig {
                bind: MediaAddresses::ALL,
                advertise: None,
                ports: PortRange::default(),
                seed: [1; 32],
            },
            control: None,
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_zone_whose_driver_dies_has_ended_though_its_subscribers_wait_on() {
        let mut zone = zone().await;
        let mut events = zone.subscribe();
        zone.driver.as_ref().unwrap().abort();

        assert_eq!(zone.ended().await, Lost::Driver);
        assert_eq!(zone.ended().await, Lost::Driver, "however often it is asked");

        assert!(
            matches!(
                events.try_recv(),
                Ok(_) | Err(broadcast::error::TryRecvError::Empty)
            ),
            "the owner of the zone can still be subscribed to"
        );
    }
}
