//! `oyez-endpoint run`: a device from its configuration file.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use audio::{NullSink, Recorder, Sink, SinkError};
use device::{Device, DeviceReport, DeviceSetup};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{ConfigError, Document, EndpointConfig, SinkChoice, TlsVersion};
use model::status::DeviceEvent;
use model::text_of;
use net::resolver::Resolver;
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::cli::RunArguments;
use crate::identity::StateFolder;
use crate::status::registration_text;
use crate::tones::load_tones;
use crate::voice::{Failure, say};

/// Rate of the samples that the sink is given.
const OUTPUT_RATE: SampleRate = SampleRate::Hz48000;

/// Open files of a device whose slots all have a call: a connection and two media ports each, and some more.
const OPEN_FILES_WANTED: u64 = 1_024;

/// Runs the command until it is interrupted or told to end.
pub(crate) async fn run(arguments: RunArguments) -> Result<(), Failure> {
    let source = Source::read(&arguments.config)?;
    let config = EndpointConfig::from_document(&source.document).map_err(|errors| source.wrong(&errors))?;
    source.warn();
    let tls = source.client_tls(&config)?;
    let state = StateFolder::choose(arguments.state.as_deref())?;
    // A folder that is configured is tried before anything of the state is made.
    let configured = source.configured_sink(&config.sink)?;
    state.prepare()?;
    let sink = match configured {
        Some(sink) => sink,
        None => recorder(&state.recordings()).map_err(anyhow::Error::new)?,
    };
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
    let mut profile = Profile::from_config(&config, identity, OUTPUT_RATE);
    profile.sound.sink = sink.name();
    load_tones(&config, &state.tones(), &mut profile);
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for a signal")?;
    let device = Device::start(DeviceSetup {
        profile,
        tls,
        resolver: Resolver::from_system(),
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

fn recorder(folder: &Path) -> Result<Box<dyn Sink>, SinkError> {
    Ok(Box::new(Recorder::new(folder, "endpoint", OUTPUT_RATE.hertz())?))
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

    fn wrong(&self, errors: &[ConfigError]) -> Failure {
        wrong(&self.path, errors)
    }

    /// A value that is right by itself and cannot be used here.
    fn unusable(&self, key: &str, problem: String, right: &str) -> Failure {
        self.wrong(&[ConfigError {
            line: self.document.line_of(key),
            key: key.to_owned(),
            problem,
            right: right.to_owned(),
        }])
    }

    /// Names the keys that ask for what is not done.
    fn warn(&self) {
        for unknown in self.document.unknown_keys() {
            tracing::warn!(key = %unknown.key, line = unknown.line, "this key means nothing here; it is kept as it is");
        }
        for idle in self.document.idle_keys() {
            tracing::warn!(key = %idle.key, line = idle.line, "this key has no effect in this version");
        }
    }

    /// A path in the file is taken from the file's folder.
    fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn client_tls(&self, config: &EndpointConfig) -> Result<ClientTls, Failure> {
        let security = &config.security;
        let unusable = |problem: String| {
            let right = "a PEM file with the certificates of the authorities to trust";
            self.unusable("oyez.tls.ca", problem, right)
        };
        let trust = match (&security.trusted_ca_file, security.validates_server) {
            (_, false) => Trust::Anyone,
            (Some(file), true) => Trust::Authorities(
                certificates_from_file(&self.beside(file))
                    .map_err(|error| unusable(format!("{:#}", anyhow!(error))))?,
            ),
            (None, true) => Trust::Platform,
        };
        let minimum = match security.tls_version_min {
            TlsVersion::Tls12 => MinimumVersion::Tls12,
            TlsVersion::Tls13 => MinimumVersion::Tls13,
        };
        ClientTls::new(ClientTlsConfig {
            trust,
            minimum,
            identity: None,
        })
        .map_err(|error| unusable(format!("{:#}", anyhow!(error))))
    }

    /// The sink that is configured; `None` for the state folder's own.
    fn configured_sink(&self, choice: &SinkChoice) -> Result<Option<Box<dyn Sink>>, Failure> {
        match choice {
            SinkChoice::Auto => Ok(None),
            SinkChoice::Null => Ok(Some(Box::new(NullSink))),
            SinkChoice::Wav(folder) => recorder(&self.beside(folder)).map(Some).map_err(|error| {
                let right = "wav: with a folder that can be made and written";
                self.unusable("oyez.sink", format!("{:#}", anyhow!(error)), right)
            }),
        }
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
