//! From a configuration to what a device is made of.

use std::path::{Path, PathBuf};

use audio::{
    Alsa, AlsaMicrophone, FileMicrophone, Microphone, NullSink, Pulse, PulseMicrophone, Recorder, Sink,
};
use endpoint::Profile;
use endpoint::profile::Identity;
use media::sample::SampleRate;
use model::config::{
    ConfigError, EndpointConfig, MicrophoneChoice, SecurityConfig, Settings, SinkChoice, TlsVersion,
};
use net::tls::{CertificateClock, ClientTls, ClientTlsConfig, MinimumVersion, Trust, certificates_from_file};

use super::tones::load_tones;
use crate::wording::sentence;

/// What a configuration does not say.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) output_rate: SampleRate,
    /// Where recordings go if nothing else is configured.
    pub(super) recordings: PathBuf,
    /// Whether the machine's own outputs may be played into without being named.
    pub(super) uses_outputs: bool,
    /// Where sound files lie that a configuration names.
    pub(super) tones: PathBuf,
    /// Where relative paths of a configuration begin.
    pub(super) beside: PathBuf,
    /// The time that certificates are checked at.
    pub(super) clock: CertificateClock,
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
                    .map_err(|error| unusable(settings, CA_FILE, sentence(&error), right))?,
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
            clock: self.clock.clone(),
        })
        .map_err(|error| unusable(settings, CA_FILE, sentence(&error), right))
    }

    /// Where sound goes.
    pub(super) fn sink(&self, settings: &Settings, choice: &SinkChoice) -> Result<Box<dyn Sink>, Unusable> {
        let recorder = |folder: &Path| {
            let recorder = Recorder::new(folder, "endpoint", self.output_rate.hertz());
            recorder
                .map(|recorder| Box::new(recorder) as Box<dyn Sink>)
                .map_err(|error| {
                    let right = "a folder that can be made and written, as wav:FOLDER";
                    unusable(settings, "oyez.sink", sentence(&error), right)
                })
        };
        match choice {
            SinkChoice::Auto => self.own_output().map_or_else(|| recorder(&self.recordings), Ok),
            SinkChoice::Null => Ok(Box::new(NullSink)),
            SinkChoice::Pulse(sink) => Ok(Box::new(Pulse::new(sink.as_deref(), self.output_rate.hertz()))),
            SinkChoice::Alsa(device) => Ok(Box::new(Alsa::new(device, self.output_rate.hertz()))),
            SinkChoice::Wav(folder) => recorder(&self.beside.join(folder)),
        }
    }
}

impl Surroundings {
    /// By what the room is heard.
    pub(super) fn microphone(&self, choice: &MicrophoneChoice) -> Option<Box<dyn Microphone>> {
        let rate = self.output_rate.hertz();
        match choice {
            MicrophoneChoice::None => None,
            MicrophoneChoice::Auto => self.own_microphone(),
            MicrophoneChoice::Pulse(source) => Some(Box::new(PulseMicrophone::new(source.as_deref(), rate))),
            MicrophoneChoice::Alsa(device) => Some(Box::new(AlsaMicrophone::new(device, rate))),
            MicrophoneChoice::Wav(file) => Some(Box::new(FileMicrophone::new(&self.beside.join(file), rate))),
        }
    }

    /// What the machine itself hears by, if it does.
    fn own_microphone(&self) -> Option<Box<dyn Microphone>> {
        if !self.uses_outputs {
            return None;
        }
        let rate = self.output_rate.hertz();
        let own: [Box<dyn Microphone>; 2] = [
            Box::new(PulseMicrophone::new(None, rate)),
            Box::new(AlsaMicrophone::new("default", rate)),
        ];
        own.into_iter().find_map(|mut microphone| match microphone.probe() {
            Ok(()) => Some(microphone),
            Err(error) => {
                tracing::info!(microphone = microphone.name(), %error, "this is not chosen as the microphone");
                None
            }
        })
    }

    /// What the machine itself sounds through, if it does.
    fn own_output(&self) -> Option<Box<dyn Sink>> {
        if !self.uses_outputs {
            return None;
        }
        let rate = self.output_rate.hertz();
        first_that_opens([
            Box::new(Pulse::new(None, rate)),
            Box::new(Alsa::new("default", rate)),
        ])
    }
}

/// The first output that would take sound and lets it be heard.
fn first_that_opens<const N: usize>(outputs: [Box<dyn Sink>; N]) -> Option<Box<dyn Sink>> {
    outputs.into_iter().find_map(|mut output| match output.probe()? {
        Ok(()) => output.is_audible().then_some(output),
        Err(error) => {
            tracing::info!(output = output.name(), %error, "this is not chosen as the output");
            None
        }
    })
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

#[cfg(test)]
mod tests {
    use audio::SinkError;

    use super::*;

    /// An output by its name: whether it is there, and whether it is heard.
    struct Output(&'static str, bool, bool);

    impl Sink for Output {
        fn name(&self) -> String {
            self.0.to_owned()
        }
        fn is_audible(&self) -> bool {
            self.2
        }
        fn probe(&mut self) -> Option<Result<(), SinkError>> {
            Some(self.1.then_some(()).ok_or(SinkError::NotOpen))
        }
        fn begin(&mut self, _: &str) -> Result<(), SinkError> {
            Ok(())
        }
        fn write(&mut self, _: &[i16]) -> Result<(), SinkError> {
            Ok(())
        }
        fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
            Ok(None)
        }
    }

    #[test]
    fn the_first_output_is_chosen_that_is_there_and_is_heard() {
        let chosen = first_that_opens([
            Box::new(Output("gone", false, true)),
            Box::new(Output("swallows", true, false)),
            Box::new(Output("there", true, true)),
            Box::new(Output("later", true, true)),
        ]);
        assert_eq!(chosen.map(|output| output.name()).as_deref(), Some("there"));
    }

    #[test]
    fn nothing_is_chosen_where_nothing_is_there() {
        let chosen = first_that_opens([Box::new(Output("gone", false, true)), Box::new(NullSink)]);
        assert!(chosen.is_none());
    }
}
