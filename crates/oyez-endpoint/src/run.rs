//! `oyez-endpoint run`: a device from its configuration file.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use audio::{NullSink, Recorder, Sink};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{Document, EndpointConfig, TlsVersion};
use model::status::DeviceEvent;
use model::text_of;
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::cli::RunArguments;
use crate::identity::StateFolder;
use crate::status::registration_text;
use crate::voice::{Failure, say};

/// Rate of the samples that the sink is given.
const OUTPUT_RATE: SampleRate = SampleRate::Hz48000;

/// Open files of a device whose slots all have a call: a connection and two media ports each, and some more.
const OPEN_FILES_WANTED: u64 = 1_024;

/// Runs the command until it is interrupted or told to end.
pub(crate) async fn run(arguments: RunArguments) -> Result<(), Failure> {
    let config = read(&arguments.config)?;
    let tls = client_tls(&config).map_err(Failure::BadConfiguration)?;
    let choice = SinkChoice::read(&config.sink)?;
    let state = StateFolder::choose(arguments.state.as_deref())?;
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
    let sink = choice.open(&state)?;
    let mut profile = Profile::from_config(&config, identity, OUTPUT_RATE);
    profile.sound.sink = sink.name();
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for a signal")?;
    let device = Device::start(DeviceSetup {
        profile,
        tls,
        resolver: Resolver::from_system().map_err(|error| anyhow!(error))?,
        bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        sink,
        control: Some(state.control()),
    })
    .await
    .map_err(|error| anyhow!(error))?;
    let mut reports = device.subscribe();
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
    device.stop().await;
    Ok(())
}

fn read(path: &Path) -> Result<EndpointConfig, Failure> {
    let octets = fs::read(path)
        .with_context(|| {
            format!(
                "{}: cannot be read; name a readable file with --config",
                path.display()
            )
        })
        .map_err(Failure::BadConfiguration)?;
    let text = text_of(octets)
        .map_err(|error| Failure::BadConfiguration(anyhow!("{}:{}: {error}", path.display(), error.line)))?;
    let wrong = |errors: Vec<model::config::ConfigError>| {
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("{}: {error}", path.display()))
            .collect();
        Failure::BadConfiguration(anyhow!(lines.join("\n")))
    };
    let document = Document::parse(&text).map_err(wrong)?;
    for unknown in document.unknown_keys() {
        tracing::warn!(key = %unknown.key, line = unknown.line, "this key means nothing here; it is kept as it is");
    }
    EndpointConfig::from_document(&document).map_err(wrong)
}

fn client_tls(config: &EndpointConfig) -> Result<ClientTls> {
    let security = &config.security;
    let trust = match (&security.trusted_ca_file, security.validates_server) {
        (_, false) => Trust::Anyone,
        (Some(file), true) => Trust::Authorities(certificates_from_file(Path::new(file))?),
        (None, true) => Trust::Platform,
    };
    let minimum = match security.tls_version_min {
        TlsVersion::Tls12 => MinimumVersion::Tls12,
        TlsVersion::Tls13 => MinimumVersion::Tls13,
    };
    Ok(ClientTls::new(ClientTlsConfig {
        trust,
        minimum,
        identity: None,
    })?)
}

/// Where sound goes, of what is built into this program.
enum SinkChoice {
    /// WAV files in this folder, or in the state folder's own.
    Files(Option<PathBuf>),
    /// Nowhere.
    Null,
}

impl SinkChoice {
    fn read(choice: &str) -> Result<Self, Failure> {
        match choice.split_once(':') {
            Some(("wav", folder)) => Ok(Self::Files(Some(PathBuf::from(folder)))),
            None if choice == "auto" => Ok(Self::Files(None)),
            None if choice == "null" => Ok(Self::Null),
            _ => Err(Failure::BadConfiguration(anyhow!(
                "oyez.sink: `{choice}` is not built into this program; `wav:FOLDER`, `auto` or `null` would be right"
            ))),
        }
    }

    fn open(self, state: &StateFolder) -> Result<Box<dyn Sink>> {
        Ok(match self {
            Self::Files(folder) => {
                let folder = folder.unwrap_or_else(|| state.recordings());
                Box::new(Recorder::new(&folder, "endpoint", OUTPUT_RATE.hertz())?)
            }
            Self::Null => Box::new(NullSink),
        })
    }
}

fn narrate(report: &DeviceReport) -> Option<String> {
    match report {
        DeviceReport::Recorded(file) => Some(format!("recorded {}", file.display())),
        DeviceReport::Event(event, _) => match event {
            DeviceEvent::RegistrationChanged { slot, registration } => {
                Some(format!("{slot}: {}", registration_text(registration)))
            }
            DeviceEvent::Started { sounding } => Some(format!("sounding: {}", sounding.what)),
            DeviceEvent::Stopped { sounding } => Some(format!("stopped: {}", sounding.what)),
            DeviceEvent::CallRefused { slot, status, why } => {
                Some(format!("{slot}: refused a call with {status}: {why}"))
            }
            DeviceEvent::PagePlayed { receipt } => Some(format!(
                "played {} ms of page {}, {} packets lost, interrupted for {} ms",
                receipt.played_ms, receipt.page, receipt.lost, receipt.interrupted_ms
            )),
            DeviceEvent::SinkChanged { .. } => None,
        },
    }
}
