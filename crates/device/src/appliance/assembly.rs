//! From a configuration to what a device is made of.

use std::path::{Path, PathBuf};

use audio::{Alsa, NullSink, Pulse, Recorder, Sink};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{ConfigError, EndpointConfig, SecurityConfig, Settings, SinkChoice, TlsVersion};
use net::tls::{ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};

use super::tones::load_tones;

/// What a configuration does not say.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) output_rate: SampleRate,
    /// Where recordings go if nothing else is configured.
    pub(super) recordings: PathBuf,
    /// Where sound files lie that a configuration names.
    pub(super) tones: PathBuf,
    /// Where relative paths of a configuration begin.
    pub(super) beside: PathBuf,
}

/// A path or file that a configuration names is not what it should be.
pub(super) type Unusable = Vec<ConfigError>;

impl Surroundings {
    /// The core's profile, tones loaded; the sink's name is its owner's to fill in.
    pub(super) fn profile(&self, config: &EndpointConfig, identity: &Identity) -> Profile {
        let mut profile = Profile::from_config(config, identity.clone(), self.output_rate);
        load_tones(config, &self.tones, &mut profile);
        profile
    }

    /// Whom to trust over TLS.
    pub(super) fn client_tls(
        &self,
        settings: &Settings,
        security: &SecurityConfig,
    ) -> Result<ClientTls, Unusable> {
        const CA_FILE: &str = "oyez.tls.ca";
        let right = "a PEM file with the certificates of the authorities to trust";
        let trust = match (&security.trusted_ca_file, security.validates_server) {
            (_, false) => Trust::Anyone,
            (Some(file), true) => Trust::Authorities(
                certificates_from_file(&self.beside.join(file))
                    .map_err(|error| unusable(settings, CA_FILE, chain(&error), right))?,
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
        .map_err(|error| unusable(settings, CA_FILE, chain(&error), right))
    }

    /// Where sound goes.
    pub(super) fn sink(&self, settings: &Settings, choice: &SinkChoice) -> Result<Box<dyn Sink>, Unusable> {
        let recorder = |folder: &Path| {
            let recorder = Recorder::new(folder, "endpoint", self.output_rate.hertz());
            recorder
                .map(|recorder| Box::new(recorder) as Box<dyn Sink>)
                .map_err(|error| {
                    let right = "a folder that can be made and written, as wav:FOLDER";
                    unusable(settings, "oyez.sink", chain(&error), right)
                })
        };
        match choice {
            SinkChoice::Auto => recorder(&self.recordings),
            SinkChoice::Null => Ok(Box::new(NullSink)),
            SinkChoice::Pulse(sink) => Ok(Box::new(Pulse::new(sink.as_deref(), self.output_rate.hertz()))),
            SinkChoice::Alsa(device) => Ok(Box::new(Alsa::new(device, self.output_rate.hertz()))),
            SinkChoice::Wav(folder) => recorder(&self.beside.join(folder)),
        }
    }
}

/// A value that is right by itself and cannot be used here.
fn unusable(settings: &Settings, key: &str, problem: String, right: &str) -> Unusable {
    vec![ConfigError {
        line: settings.effective().line_of(key),
        key: key.to_owned(),
        problem,
        right: right.to_owned(),
    }]
}

/// An error with its causes, in one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let sentence = error.to_string();
        if !text.contains(&sentence) {
            text = format!("{text}: {sentence}");
        }
        cause = error.source();
    }
    text
}
