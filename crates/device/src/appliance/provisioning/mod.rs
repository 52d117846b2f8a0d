//! The provisioning client: finds the server, fetches the files of the device, and gives them to the appliance.
//!
//! ```text
//!   start, request, interval ──▶ fetching ──▶ provisioned ── interval ─▶ fetching
//!                                   │  ▲
//!                                   ▼  │ wait, twice as long each time
//!                                 failed
//! ```
//!
//! A device that cannot fetch its files goes on with the configuration that it has.

mod certificate;
mod enrolment;
mod fetch;
mod plan;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use md5::{Digest, Md5};
use model::Secret;
use model::config::{Document, ProvisioningConfig, Settings};
use model::status::{DeviceEvent, ProvisioningStep};
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};

pub(super) use self::certificate::CertificateFiles;
pub use self::certificate::OwnCertificate;
pub use self::enrolment::{Enrolled, Enrolment, EnrolmentError, enrol};
pub use self::fetch::ProvisioningFailure;
use self::fetch::{Client, authority_of, failure};
use self::plan::Source;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;

use super::{Appliance, Author, Shared, clock};
use crate::start::DeviceReport;

/// The first wait after a failure; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait after a failure.
const WAIT_MAX: Duration = Duration::from_secs(900);
/// A file that the system's DHCP client writes: the server of option 66, 160 or 150.
const DHCP_FILE: &str = "provisioning-server";

/// How provisioning stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Provisioning {
    /// It is switched off.
    Off,
    /// It is on, and no server is known.
    #[default]
    NoServer,
    /// The files are being fetched.
    Fetching,
    /// They were fetched and apply.
    Done {
        /// Their names.
        files: Vec<String>,
    },
    /// They could not be fetched, or cannot apply.
    Failed {
        /// Why.
        failure: ProvisioningFailure,
    },
}

/// What share of a wait after a failure is left to chance, and of the time between two fetches: the devices of a site start with the same
/// power cut, and would come to their server at the same moments for ever after.
const FAILURE_SPREAD: u32 = 4;
const INTERVAL_SPREAD: u32 = 10;

/// How long the first fetch may wait at a device that has an account.
const START_SPREAD: Duration = Duration::from_secs(20);

/// The wait before the first fetch: none for a device that cannot do anything before, and some by chance for one that can, as after a
/// power cut of the whole site.
fn first_wait(has_account: bool, chance: u8) -> Duration {
    if has_account {
        START_SPREAD * u32::from(chance) / u32::from(u8::MAX)
    } else {
        Duration::ZERO
    }
}

/// A wait that is shorter by chance, at most by one part in `parts`.
fn earlier_by_chance(wait: Duration, parts: u32, chance: u8) -> Duration {
    wait - wait / parts * u32::from(chance) / u32::from(u8::MAX)
}

fn chance() -> u8 {
    let mut octet = [0];
    // Without random numbers all wait the same time.
    let _is_filled = getrandom::fill(&mut octet).is_ok();
    octet[0]
}

/// Fetches for as long as the appliance runs: at the start, a device that has an account up to [`START_SPREAD`] later; then when it is
/// asked for, when its time has come, and after failures.
pub(super) async fn run(appliance: Weak<Shared>) {
    let mut failures = 0;
    if let Some(shared) = appliance.upgrade() {
        let wakes = Arc::clone(&shared.fetches.0);
        let has_account = !Appliance(shared).settings().config().slots.is_empty();
        tokio::select! {
            () = wakes.notified() => {}
            () = tokio::time::sleep(first_wait(has_account, chance())) => {}
        }
    }
    loop {
        let Some(shared) = appliance.upgrade() else { return };
        let wakes = Arc::clone(&shared.fetches.0);
        let appliance_now = Appliance(shared);
        // From before the fetch on: what asks for another one meanwhile is heard.
        let mut reports = appliance_now.subscribe();
        let state = fetch(&appliance_now).await;
        let config = appliance_now.settings().config().provisioning;
        let wait = match &state {
            Provisioning::Failed { failure } => {
                tracing::warn!(step = %failure.step, "provisioning failed");
                failures += 1;
                Some(earlier_by_chance(wait_after(failures), FAILURE_SPREAD, chance()))
            }
            Provisioning::Off
            | Provisioning::NoServer
            | Provisioning::Fetching
            | Provisioning::Done { .. } => {
                failures = 0;
                let interval = config.interval;
                interval.map(|interval| earlier_by_chance(interval, INTERVAL_SPREAD, chance()))
            }
        };
        let failed = match &state {
            Provisioning::Failed { failure } => Some(failure.step),
            Provisioning::Off
            | Provisioning::NoServer
            | Provisioning::Fetching
            | Provisioning::Done { .. } => None,
        };
        appliance_now.0.device.show_provisioning(failed).await;
        appliance_now.set_provisioning(state);
        drop(appliance_now);
        let until = wait.map(|wait| Instant::now() + wait);
        tokio::select! {
            () = wakes.notified() => {}
            () = check_sync(&mut reports) => {}
            () = net::deadline::until(until) => {}
        }
    }
}

/// Waits until the server of a slot asks for the configuration to be fetched.
async fn check_sync(reports: &mut broadcast::Receiver<DeviceReport>) {
    loop {
        match reports.recv().await {
            // What was missed may have asked as well.
            Ok(DeviceReport::Event(DeviceEvent::CheckSync, _)) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// The wait after so many failures in a row.
fn wait_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_WAIT * (1 << doublings)).min(WAIT_MAX)
}

async fn fetch(appliance: &Appliance) -> Provisioning {
    let settings = appliance.settings();
    let config = settings.config().provisioning;
    if !config.is_on {
        return Provisioning::Off;
    }
    let Some(server) = server(&config, appliance.state()).await else {
        return Provisioning::NoServer;
    };
    appliance.set_provisioning(Provisioning::Fetching);
    match provision(appliance, &settings, &config, &server).await {
        Ok(files) => Provisioning::Done { files },
        Err(failure) => Provisioning::Failed { failure },
    }
}

/// The configured server, else the one that DHCP has offered.
async fn server(config: &ProvisioningConfig, state: &Path) -> Option<String> {
    if config.server.is_some() || !config.takes_dhcp {
        return config.server.clone();
    }
    let offered = tokio::fs::read_to_string(state.join(DHCP_FILE)).await.ok()?;
    let offered = offered.trim();
    (!offered.is_empty()).then(|| offered.to_owned())
}

async fn provision(
    appliance: &Appliance,
    settings: &Settings,
    config: &ProvisioningConfig,
    server: &str,
) -> Result<Vec<String>, ProvisioningFailure> {
    if !config.is_https {
        let detail =
            "this endpoint fetches its configuration by https alone: set prov.download.method = https";
        return Err(failure(ProvisioningStep::Discovery, detail));
    }
    let source = Source::read(server, &config.folder).ok_or_else(|| {
        let detail = format!("{server} is neither a host nor an https address");
        failure(ProvisioningStep::Discovery, detail)
    })?;
    let (of, trusted) = (appliance.clone(), config.clone());
    // Certificates are files, which the task that feeds the loudspeaker must not wait for.
    let tls = spawn_blocking(move || tls(&of, &trusted))
        .await
        .map_err(|_| failure(ProvisioningStep::Certificate, "the endpoint is ending"))??;
    let client = Client {
        source: &source,
        tls: &tls,
        credential: config.credential.as_ref(),
        heard: AtomicU64::new(0),
    };
    let (mut names, mut documents) = (Vec::new(), Vec::new());
    for name in plan::files(config, appliance.mac()) {
        if let Some(document) = file(&client, &name).await? {
            documents.push(document);
            names.push(name);
        }
    }
    if config.validates_server {
        let (of, time) = (appliance.clone(), client.heard.load(Ordering::Relaxed));
        let hear = move || clock::hear(of.state(), &of.0.surroundings.clock, crate::unix_time(), time);
        // What cannot be kept is told by the log.
        let _is_heard = spawn_blocking(hear).await.is_ok();
    }
    if documents.is_empty() {
        return Err(failure(
            ProvisioningStep::Download,
            format!(
                "the server has neither of {}",
                plan::files(config, appliance.mac()).join(", ")
            ),
        ));
    }
    renew_in_time(appliance, config, &source).await;
    let unusable = |detail: String| failure(ProvisioningStep::File, detail);
    let given = plan::merged(&appliance.0.file, &documents).map_err(unusable)?;
    if given.to_text() != settings.given().to_text() {
        appliance
            .replace_given(Author::Provisioning, given)
            .await
            .map_err(|error| unusable(error.to_string()))?;
    }
    if appliance.settings().config().slots.is_empty() {
        return Err(failure(
            ProvisioningStep::Credentials,
            format!("{} hold no account of a slot", names.join(", ")),
        ));
    }
    Ok(names)
}

/// Has the server renew the device's certificate when a third of its time is left. A server that has not issued it cannot, which is
/// told by the log: the certificate stays, and it is tried again with the next fetch.
async fn renew_in_time(appliance: &Appliance, config: &ProvisioningConfig, source: &Source) {
    if !config.validates_server {
        return;
    }
    let (state, now) = (appliance.state().to_owned(), SystemTime::now());
    let enrolment = Enrolment {
        authority: format!("https://{}{}", authority_of(source), source.folder),
        claim_code: Secret::from(""),
        trusted_ca_file: config
            .trusted_ca_file
            .as_deref()
            .map(|file| appliance.beside(file)),
        state: state.clone(),
        mac: Some(appliance.mac().to_owned()),
    };
    let runtime = Handle::current();
    // The exchange reads and writes files, which the task that feeds the loudspeaker must not wait for.
    let renewed = spawn_blocking(move || match OwnCertificate::of(&state) {
        OwnCertificate::Installed(facts) if facts.renewal_is_due(now) => {
            runtime.block_on(enrol(enrolment)).map(Some)
        }
        OwnCertificate::Installed(_) | OwnCertificate::Absent | OwnCertificate::Unusable(_) => Ok(None),
    });
    match renewed.await {
        Ok(Ok(Some(_))) => tracing::info!("the device's certificate was renewed"),
        Ok(Err(error)) => tracing::warn!(%error, "the device's certificate cannot be renewed"),
        Ok(Ok(None)) | Err(_) => {}
    }
}

/// One file, checked against the checksum beside it where the server has one.
async fn file(client: &Client<'_>, name: &str) -> Result<Option<Document>, ProvisioningFailure> {
    let Some(content) = client.fetch(name).await? else {
        return Ok(None);
    };
    let unusable = |detail: String| failure(ProvisioningStep::File, format!("{name}: {detail}"));
    if let Some(checksum) = client.fetch(&format!("{name}.md5")).await? {
        let expected = String::from_utf8_lossy(&checksum);
        let expected = expected.split_whitespace().next().unwrap_or_default();
        let found = hex(&Md5::digest(&content));
        if !expected.eq_ignore_ascii_case(&found) {
            return Err(unusable(
                "it does not have the checksum of its .md5 file".to_owned(),
            ));
        }
    }
    let text = model::text_of(content).map_err(|error| unusable(error.to_string()))?;
    let document = Document::parse(&text).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        unusable(errors.join("; "))
    })?;
    Ok(Some(document))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Whom to trust, and the device's certificate if it has one.
fn tls(appliance: &Appliance, config: &ProvisioningConfig) -> Result<ClientTls, ProvisioningFailure> {
    device_tls(
        appliance,
        config.trusted_ca_file.as_deref(),
        config.validates_server,
    )
    .map_err(|detail| failure(ProvisioningStep::Certificate, detail))
}

/// Trusts the authorities of a file, the system's, or anyone, and shows the device's certificate if it has one.
pub(super) fn device_tls(
    appliance: &Appliance,
    ca_file: Option<&str>,
    is_validated: bool,
) -> Result<ClientTls, String> {
    let trust = match (ca_file, is_validated) {
        (_, false) => Trust::Anyone,
        (Some(file), true) => {
            let path = appliance.beside(file);
            Trust::Authorities(certificates_from_file(&path).map_err(|error| error.to_string())?)
        }
        (None, true) => Trust::Platform,
    };
    let identity = CertificateFiles::of(appliance.state())
        .identity()
        .map_err(|error| format!("the device's own certificate: {error}"))?;
    ClientTls::new(ClientTlsConfig {
        trust,
        minimum: MinimumVersion::Tls12,
        identity,
        clock: appliance.0.surroundings.clock.clone(),
    })
    .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
