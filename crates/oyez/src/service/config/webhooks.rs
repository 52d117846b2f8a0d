//! The section of webhooks: where messages may go, whom is believed to be a receiver, and when they are tried again.

use std::path::PathBuf;
use std::time::Duration;

use net::tls::{Trust, certificates_from_file};
use serde::Deserialize;
use webhooks::RetryPlan;
use webhooks::address::AddressPolicy;
use zone::toml_file::{ConfigError, TomlFile};

/// How other programs are told of what happens.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebhooksConfig {
    /// Authorities whose receivers are believed, besides those of the system, in PEM.
    pub ca: Option<PathBuf>,
    /// Messages may go to this machine itself.
    #[serde(default)]
    pub allow_loopback: bool,
    /// Messages may go to link-local addresses.
    #[serde(default)]
    pub allow_link_local: bool,
    /// Messages may go to addresses that are private to a site; they may unless this says no.
    pub allow_private: Option<bool>,
    /// Messages may go over plain HTTP.
    #[serde(default)]
    pub allow_http: bool,
    /// Seconds to wait after the first try that failed, the second, and so on.
    pub retry_after: Option<Vec<u64>>,
    /// Tries that fail in a row after which a receiver is sent no more.
    pub failures_max: Option<u32>,
}

impl WebhooksConfig {
    /// The addresses that messages may go to.
    pub(in crate::service) fn addresses(&self) -> AddressPolicy {
        AddressPolicy {
            loopback: self.allow_loopback,
            link_local: self.allow_link_local,
            private: self.allow_private.unwrap_or(true),
        }
    }

    /// When a message is tried again.
    pub(super) fn plan(&self, file: &TomlFile) -> Result<RetryPlan, ConfigError> {
        let usual = RetryPlan::default();
        let waits = match &self.retry_after {
            Some(seconds) => seconds.iter().copied().map(Duration::from_secs).collect(),
            None => usual.waits().to_vec(),
        };
        let failures_max = self.failures_max.unwrap_or(usual.failures_max());
        RetryPlan::new(waits, failures_max).map_err(|error| {
            let key = match error {
                webhooks::RetryPlanError::Failures => "webhooks.failures-max",
                webhooks::RetryPlanError::TooMany | webhooks::RetryPlanError::Wait => "webhooks.retry-after",
            };
            file.wrong(key, &error.to_string())
        })
    }

    /// Whom is believed.
    pub(super) fn trust(&self, file: &TomlFile) -> Result<Trust, ConfigError> {
        let Some(path) = &self.ca else {
            return Ok(Trust::Platform);
        };
        let read = certificates_from_file(&file.resolve(path));
        read.map(Trust::PlatformAnd).map_err(|error| {
            let what = format!(
                "{}; right would be a file with the certificates of the authorities in PEM",
                device::sentence(&error)
            );
            file.wrong("webhooks.ca", &what)
        })
    }
}
