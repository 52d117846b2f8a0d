//! A virtual loudspeaker: an endpoint in this process, which enrols and is provisioned as any other.

use std::fs::DirBuilder;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use device::appliance::{Enrolment, OwnCertificate, Plan, Provisioning, enrol};
use device::{Appliance, DeviceReport};
use endpoint::profile::Identity;
use model::config::Document;
use model::inventory::MacAddress;
use model::status::{DeviceEvent, Shown, SlotStatus};
use model::{Secret, SipUser};
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::stage::USER_AGENT;
use crate::failure::Failure;

/// Longest wait for a loudspeaker to be registered.
const REGISTERED_MAX: Duration = Duration::from_secs(10);
/// A certificate that ends sooner than this is replaced at the start.
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What a loudspeaker is told before its first start: everything else it fetches.
#[derive(Debug, Clone)]
pub struct LoudspeakerSetup {
    /// The user that its first slot is provisioned with.
    pub user: SipUser,
    /// Its name.
    pub name: String,
    /// The hardware address it was added under.
    pub mac: MacAddress,
    /// Its state folder.
    pub state: PathBuf,
    /// Where it enrols, and fetches its configuration.
    pub provisioning_url: String,
    /// Whom it trusts.
    pub authority_file: PathBuf,
    /// Where its sound goes, as `oyez.sink` has it.
    pub sink: String,
    /// The address that its sockets are bound to.
    pub bind: IpAddr,
}

impl LoudspeakerSetup {
    /// Whether it needs a claim code to get a certificate. Reads files.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        match OwnCertificate::of(&self.state) {
            OwnCertificate::Installed(facts) => facts.not_after > SystemTime::now() + RENEWED_BEFORE,
            OwnCertificate::Absent | OwnCertificate::Unusable(_) => false,
        }
    }

    /// Makes its state folder, mode 0700, where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn make_state(&self) -> Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.state)
            .with_context(|| format!("cannot make the folder {}", self.state.display()))
    }

    /// Gets its certificate for a claim code.
    ///
    /// # Errors
    ///
    /// Says what went wrong.
    pub async fn enrol(&self, claim_code: Secret) -> Result<(), Failure> {
        let enrolment = Enrolment {
            authority: self.provisioning_url.clone(),
            claim_code,
            trusted_ca_file: Some(self.authority_file.clone()),
            state: self.state.clone(),
            mac: Some(self.mac.to_string()),
        };
        let enrolled = enrol(enrolment).await;
        enrolled.map_err(|error| {
            anyhow!(error).context(format!("the loudspeaker {} cannot be enrolled", self.name))
        })?;
        Ok(())
    }

    /// What a person would type into its pages. What is played is compared with what was said, and is not made louder.
    fn configuration(&self) -> Result<Document> {
        let authority = self.authority_file.display();
        let text = format!(
            "prov.use = 1\nprov.server.method = static\nprov.server.static = {}\noyez.prov.ca = {authority}\n\
             oyez.tls.ca = {authority}\noyez.sink = {}\naudio.agc.use = 0\n",
            self.provisioning_url, self.sink
        );
        Document::parse(&text).map_err(|_| anyhow!("{authority}: cannot be named in a configuration"))
    }

    fn plan(&self) -> Result<Plan> {
        let file = (self.configuration()?, self.state.clone());
        let plan = Plan::new(&self.state, Some(file)).map_err(|error| anyhow!(error))?;
        Ok(plan.with_mac(&self.mac.to_string()))
    }
}

/// One virtual loudspeaker.
pub struct Loudspeaker {
    /// The user it registers as.
    pub user: SipUser,
    /// Its name.
    pub name: String,
    /// Time from its start to its registration.
    pub registered_after: Duration,
    appliance: Appliance,
    reports: broadcast::Receiver<DeviceReport>,
}

impl Loudspeaker {
    /// Starts the endpoint on the current tokio runtime, and waits until it has fetched its configuration and is registered.
    ///
    /// # Errors
    ///
    /// Names what cannot be had, or what its registration says.
    pub async fn start(setup: &LoudspeakerSetup) -> Result<Self, Failure> {
        let began = Instant::now();
        let name = &setup.name;
        let cannot = || format!("the loudspeaker {name} cannot be started");
        let identity = Identity {
            device: setup
                .user
                .as_str()
                .parse()
                .context("a user name is a device id")?,
            user_agent: USER_AGENT.to_owned(),
            instance: None,
        };
        let plan = setup.plan().with_context(cannot)?;
        let appliance = plan
            .start(identity, SocketAddr::new(setup.bind, 0))
            .await
            .map_err(|error| anyhow!(error).context(cannot()))?;
        let mut reports = appliance.subscribe();
        if has_account(&appliance).await {
            // What it kept may be of a zone that listened elsewhere.
            appliance.fetch_configuration();
        }
        if let Err(error) = wait_until_registered(&appliance, &mut reports, name).await {
            appliance.stop().await;
            return Err(error.into());
        }
        Ok(Self {
            user: setup.user.clone(),
            name: name.clone(),
            registered_after: began.elapsed(),
            appliance,
            reports,
        })
    }

    /// Takes its registration back and ends it.
    pub async fn stop(self) {
        self.appliance.stop().await;
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

async fn has_account(appliance: &Appliance) -> bool {
    let status = appliance.status().await;
    status.is_some_and(|status| status.slots.iter().any(|slot| slot.user.is_some()))
}

async fn wait_until_registered(
    appliance: &Appliance,
    reports: &mut broadcast::Receiver<DeviceReport>,
    name: &str,
) -> Result<()> {
    let registered = timeout(REGISTERED_MAX, async {
        // What happened before the subscription is in the status.
        let status = appliance.status().await;
        if status.is_some_and(|status| status.slots.iter().any(is_registered)) {
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
    let cause = cause(appliance).await;
    bail!(
        "the loudspeaker {name} is not registered after {} s{cause}",
        REGISTERED_MAX.as_secs()
    )
}

/// Why it is not registered, as the end of a sentence.
async fn cause(appliance: &Appliance) -> String {
    if let Provisioning::Failed { failure } = appliance.provisioning() {
        return format!(": Assisted Provisioning Failed ({failure})");
    }
    let status = appliance.status().await;
    let slot = status.and_then(|status| status.slots.into_iter().find(|slot| slot.user.is_some()));
    slot.map_or_else(String::new, |slot| {
        let registration = slot.registration;
        let cause = registration.cause.map(|cause| format!(" ({cause})"));
        format!(": {}{}", registration.shown, cause.unwrap_or_default())
    })
}

fn is_registered(slot: &SlotStatus) -> bool {
    slot.registration.shown == Shown::Successful
}
