//! An endpoint in this process, whose output notes when it is handed which samples.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use audio::{Sink, SinkError};
use device::{Device, DeviceSetup};
use endpoint::Profile;
use endpoint::profile::Identity as Name;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig};
use model::status::Shown;
use net::resolver::Resolver;
use tokio::time::sleep;

use super::identity::Identity;
use super::population::{DOMAIN, Population, password};
use super::site::Running;

/// Longest time until it is registered, and how often it is looked whether it is.
const REGISTERED_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Pieces that may wait to be asked for: a minute, longer than any call.
const PIECES_KEPT: usize = 3_000;

/// Samples, and when they were written.
type Piece = (Instant, Vec<i16>);

/// The only loudspeaker of a zone.
pub(crate) struct OwnOutput {
    device: Device,
    written: Receiver<Piece>,
}

impl OwnOutput {
    /// Samples a second of the output.
    pub(crate) const RATE: SampleRate = SampleRate::Hz48000;

    /// Starts the endpoint and waits until it is registered.
    pub(crate) async fn register(zone: &Running, identity: &Identity) -> Result<Self> {
        let user = Population::user(0);
        let text = format!(
            "sip.proxy = {DOMAIN}\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\n\
             sip.u1.user = {user}\nsip.u1.pwd = {}\naudio.page.tone = None\n",
            zone.tls,
            password(&user),
        );
        let config = Document::parse(&text)
            .and_then(|document| EndpointConfig::from_document(&document))
            .map_err(|errors| anyhow!("the configuration is wrong: {errors:?}"))?;
        let name = Name {
            device: user.parse()?,
            user_agent: "Oyez-Endpoint/fleet".to_owned(),
            instance: None,
        };
        let (notes, written) = sync_channel(PIECES_KEPT);
        let device = Device::start(DeviceSetup {
            profile: Profile::from_config(&config, name, Self::RATE),
            tls: identity.policy()?,
            resolver: Resolver::from_system(),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            sink: Box::new(Noting(notes)),
            microphone: None,
            control: None,
        })
        .await?;
        let end = Instant::now() + REGISTERED_MAX;
        loop {
            let status = device.status().await.context("the endpoint has ended")?;
            let is_registered = |shown| shown == Shown::Successful;
            if status
                .slots
                .iter()
                .any(|slot| is_registered(slot.registration.shown))
            {
                return Ok(Self { device, written });
            }
            if Instant::now() > end {
                bail!("the endpoint does not get registered: {:?}", status.slots);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What was written since this was asked last.
    pub(crate) fn written(&mut self) -> Vec<Piece> {
        self.written.try_iter().collect()
    }

    /// Takes the registration back.
    pub(crate) async fn stop(self) {
        self.device.stop().await;
    }
}

struct Noting(SyncSender<Piece>);

impl Sink for Noting {
    fn name(&self) -> String {
        "noting".to_owned()
    }

    fn is_audible(&self) -> bool {
        true
    }

    fn begin(&mut self, _label: &str) -> Result<(), SinkError> {
        Ok(())
    }

    fn write(&mut self, samples: &[i16]) -> Result<(), SinkError> {
        let piece = (Instant::now(), samples.to_vec());
        self.0.try_send(piece).map_err(|_| SinkError::NotOpen)
    }

    fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
        Ok(None)
    }
}
