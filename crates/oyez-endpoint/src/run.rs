//! `oyez-endpoint run`: a device from its configuration file.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use device::appliance::{ApplianceError, Plan, Provisioning};
use device::{Appliance, DeviceReport};
use device_web::{LogBook, Syslog};
use endpoint::profile::Identity;
use model::config::{ConfigError, Document};
use model::status::{DeviceEvent, MulticastMode};
use model::text_of;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::cli::{RunArguments, WebAddress};
use crate::identity::StateFolder;
use crate::status::{registration_text, sounding_text};
use crate::voice::{self, Failure, say};
use crate::web;

/// Open files of a device whose slots all have a call: a connection and two media ports each, and some more.
const OPEN_FILES_WANTED: u64 = 1_024;

/// Runs the command until it is interrupted or told to end.
pub(crate) async fn run(arguments: RunArguments, log_book: LogBook) -> Result<(), Failure> {
    let source = arguments.config.as_deref().map(Source::read).transpose()?;
    if let Some(source) = &source {
        warn(&source.document);
    }
    let state = StateFolder::choose(arguments.state.as_deref())?;
    let file = source
        .as_ref()
        .map(|source| (source.document.clone(), source.folder()));
    let plan = Plan::new(state.path(), file).map_err(|error| failure(source.as_ref(), error))?;
    state.prepare()?;
    let instance = state.instance()?;
    let identity = Identity {
        device: instance
            .trim_start_matches("urn:uuid:")
            .parse()
            .context("a UUID is a device id")?,
        user_agent: concat!("Oyez-Endpoint/", env!("CARGO_PKG_VERSION")).to_owned(),
        instance: Some(instance),
    };
    if let Err(error) = net::raise_open_files(OPEN_FILES_WANTED) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for a signal")?;
    let appliance = plan
        .start(identity, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
        .await
        .map_err(|error| failure(source.as_ref(), error))?;
    let _syslog = Syslog::start(appliance.clone(), log_book.clone());
    let web = match arguments.web {
        WebAddress::Off => None,
        WebAddress::At(listen) => match web::start(&appliance, &state, log_book, listen).await {
            Ok(web) => Some(web),
            // Whoever has set it up by other means is paged without the pages too.
            Err(error) if is_set_up(&appliance).await => {
                let error = Failure::Failed(error.context("there are no web pages and no API"));
                voice::complain(&error);
                tracing::error!(%error);
                None
            }
            Err(error) => {
                appliance.stop().await;
                return Err(error.into());
            }
        },
    };
    let mut reports = appliance.subscribe();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("cannot wait for an interrupt")?;
                break;
            }
            report = reports.recv() => match report {
                Ok(report) => narrate(&report).iter().for_each(|line| say(line)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(anyhow!("the device has ended by itself").into()),
            },
        }
    }
    drop(web);
    appliance.stop().await;
    Ok(())
}

/// Whether it has something to do without its pages: slots, multicast zones, or a server that may give it some.
async fn is_set_up(appliance: &Appliance) -> bool {
    let status = appliance.status().await;
    let is_used =
        status.is_some_and(|status| !status.slots.is_empty() || status.multicast.mode != MulticastMode::Off);
    let may_be_provisioned = !matches!(
        appliance.provisioning(),
        Provisioning::Off | Provisioning::NoServer
    );
    is_used || may_be_provisioned
}

/// Names the keys that ask for what is not done.
fn warn(document: &Document) {
    for unknown in document.unknown_keys() {
        tracing::warn!(key = %unknown.key, line = unknown.line, "this key means nothing here; it is kept as it is");
    }
    for idle in document.idle_keys() {
        let (key, line, words) = (&idle.key, idle.line, idle.words.join(","));
        if words.is_empty() {
            tracing::warn!(%key, line, "this key has no effect in this version");
        } else {
            tracing::warn!(%key, line, %words, "these words of this key have no effect in this version");
        }
    }
}

fn failure(source: Option<&Source>, error: ApplianceError) -> Failure {
    match (source, error) {
        (Some(source), ApplianceError::Configuration(errors)) => wrong(&source.path, &errors),
        (None, error @ ApplianceError::Configuration(_)) => Failure::BadConfiguration(anyhow!(error)),
        (_, error) => Failure::Failed(anyhow!(error)),
    }
}

/// The configuration file: what it says, and where.
struct Source {
    path: PathBuf,
    document: Document,
}

impl Source {
    fn read(path: &Path) -> Result<Self, Failure> {
        let octets = fs::read(path)
            .with_context(|| {
                format!(
                    "{}: cannot be read; name a readable file with --config",
                    path.display()
                )
            })
            .map_err(Failure::BadConfiguration)?;
        let text = text_of(octets).map_err(|error| {
            Failure::BadConfiguration(anyhow!("{}:{}: {error}", path.display(), error.line))
        })?;
        let document = Document::parse(&text).map_err(|errors| wrong(path, &errors))?;
        Ok(Self {
            path: path.to_owned(),
            document,
        })
    }

    /// The folder that paths in the file begin at.
    fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).to_owned()
    }
}

fn wrong(path: &Path, errors: &[ConfigError]) -> Failure {
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("{}: {error}", path.display()))
        .collect();
    Failure::BadConfiguration(anyhow!(lines.join("\n")))
}

fn narrate(report: &DeviceReport) -> Option<String> {
    match report {
        DeviceReport::Recorded(file) => Some(format!("recorded {}", file.display())),
        DeviceReport::Event(event, _) => match event {
            DeviceEvent::RegistrationChanged { slot, registration } => {
                Some(format!("{slot}: {}", registration_text(registration)))
            }
            DeviceEvent::Started { sounding } => Some(format!("sounding: {}", sounding_text(sounding))),
            DeviceEvent::Stopped { sounding, .. } => Some(format!("stopped: {}", sounding_text(sounding))),
            DeviceEvent::SoundRefused { what, why } => Some(format!("{what} is not played: {why}")),
            DeviceEvent::CallRefused { slot, status, why } => {
                Some(format!("{slot}: refused a call with {status}: {why}"))
            }
            DeviceEvent::PagePlayed { receipt } => Some(format!(
                "played {} ms of page {}, {} packets lost, interrupted for {} ms",
                receipt.played_ms, receipt.page, receipt.lost, receipt.interrupted_ms
            )),
            DeviceEvent::CheckSync => Some("the server asks to fetch the configuration again".to_owned()),
            DeviceEvent::ZoneChanged {
                zone,
                problem: Some(problem),
            } => Some(format!("multicast zone {zone} cannot be received: {problem}")),
            DeviceEvent::ZoneChanged { zone, problem: None } => {
                Some(format!("multicast zone {zone} can be received"))
            }
            DeviceEvent::ZoneSendingChanged {
                problem: Some(problem),
            } => Some(format!("multicast zones cannot be sent to: {problem}")),
            DeviceEvent::ZoneSendingChanged { problem: None } => {
                Some("multicast zones can be sent to".to_owned())
            }
            DeviceEvent::SinkChanged { .. }
            | DeviceEvent::SignalsChanged { .. }
            | DeviceEvent::MessagesChanged { .. }
            | DeviceEvent::MicrophoneChanged { .. } => None,
        },
    }
}
