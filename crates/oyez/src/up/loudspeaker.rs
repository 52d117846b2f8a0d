//! A virtual loudspeaker: a device in this process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::profile::{
    Account, AlertsProfile, PageMode, Profile, RingProfile, SlotProfile, SoundProfile, Times,
};
use endpoint::tones::{BuiltinTone, ToneSource};
use media::sample::SampleRate;
use model::config::PriorityTrust;
use model::status::{DeviceEvent, RelayEvents, Shown, SlotStatus};
use model::{SipUser, SlotKind, SlotPosition};
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::stage::{USER_AGENT, media_profile, target};
use crate::failure::Failure;

/// Longest wait for a loudspeaker to be registered.
const REGISTERED_MAX: Duration = Duration::from_secs(10);

/// One virtual loudspeaker.
pub struct Loudspeaker {
    /// The user it registers as.
    pub user: SipUser,
    /// Its name.
    pub name: String,
    /// Time from its start to its registration.
    pub registered_after: Duration,
    device: Device,
    reports: broadcast::Receiver<DeviceReport>,
}

impl Loudspeaker {
    /// Starts a device with one account on the current tokio runtime, and waits until it is registered.
    ///
    /// # Errors
    ///
    /// Names what cannot be had, or what its registration says.
    pub async fn start(name: &str, setup: DeviceSetup) -> Result<Self, Failure> {
        let account = setup.profile.slots.iter().find_map(|slot| slot.account.as_ref());
        let user = account.context("a loudspeaker has an account")?.user.clone();
        let began = Instant::now();
        let device = Device::start(setup)
            .await
            .map_err(|error| anyhow!(error).context(format!("the loudspeaker {name} cannot be started")))?;
        let mut reports = device.subscribe();
        wait_until_registered(&device, &mut reports, name).await?;
        Ok(Self {
            user,
            name: name.to_owned(),
            registered_after: began.elapsed(),
            device,
            reports,
        })
    }

    /// Takes its registration back and ends it.
    pub async fn stop(self) {
        self.device.stop().await;
    }

    /// Waits for the file that holds what it played of `page`; `None` when it has ended.
    pub(super) async fn recording(&mut self, page: &str) -> Option<PathBuf> {
        loop {
            match self.reports.recv().await {
                Ok(DeviceReport::Recorded(file)) if file.to_string_lossy().contains(page) => {
                    return Some(file);
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// What a device with this account and one page slot is told.
pub(super) fn profile(account: Account, domain: &str, sink: &str, server: SocketAddr) -> Result<Profile> {
    Ok(Profile {
        device: account
            .user
            .as_str()
            .parse()
            .context("a user name is a device id")?,
        user_agent: USER_AGENT.to_owned(),
        instance: None,
        domain: domain.to_owned(),
        registrar: None,
        sips: false,
        targets: vec![target(server)],
        slots: vec![SlotProfile {
            position: SlotPosition::new(SlotKind::Page, 1)?,
            account: Some(account),
            tone: ToneSource::Builtin(BuiltinTone::PageNotification),
            passcode: None,
            mode: PageMode::OneWay,
        }],
        media: media_profile(),
        sound: SoundProfile {
            sink: sink.to_owned(),
            output_rate: SampleRate::Hz48000,
            page_volume_db: 0.0,
            alert_volume_db: 0.0,
            ring_volume_db: 0.0,
            levels_speech: false,
            order: Default::default(),
            relay: RelayEvents::default(),
            microphone: Default::default(),
        },
        ring: RingProfile::default(),
        alerts: AlertsProfile::default(),
        multicast: Default::default(),
        priority: PriorityTrust::Zone,
        times: Times::default(),
    })
}

async fn wait_until_registered(
    device: &Device,
    reports: &mut broadcast::Receiver<DeviceReport>,
    name: &str,
) -> Result<()> {
    let registered = timeout(REGISTERED_MAX, async {
        // What happened before the subscription is in the status.
        if device
            .status()
            .await
            .is_some_and(|status| status.slots.iter().all(is_registered))
        {
            return Ok(());
        }
        loop {
            match reports.recv().await {
                Ok(DeviceReport::Event(DeviceEvent::RegistrationChanged { registration, .. }, _))
                    if registration.shown == Shown::Successful =>
                {
                    return Ok(());
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => bail!("the loudspeaker {name} has ended"),
            }
        }
    });
    if let Ok(outcome) = registered.await {
        return outcome;
    }
    let status = device
        .status()
        .await
        .and_then(|status| status.slots.into_iter().next());
    let cause = status.map_or_else(String::new, |slot| {
        let cause = slot
            .registration
            .cause
            .map(|cause| format!(" ({cause})"))
            .unwrap_or_default();
        format!(": {}{cause}", slot.registration.shown)
    });
    bail!(
        "the loudspeaker {name} is not registered after {} s{cause}",
        REGISTERED_MAX.as_secs()
    )
}

fn is_registered(slot: &SlotStatus) -> bool {
    slot.registration.shown == Shown::Successful
}
