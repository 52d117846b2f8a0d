//! Where an endpoint fetches its configuration.

use std::time::Duration;

use crate::Secret;
use crate::config::keys::DOWNLOAD_METHODS;
use crate::config::reader::Reader;

/// Where and how an endpoint fetches its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningConfig {
    /// It does, if a server is known.
    pub is_on: bool,
    /// The configured server: a host, or an https address.
    pub server: Option<String>,
    /// What DHCP has offered counts as well.
    pub takes_dhcp: bool,
    /// The files are fetched by https. Nothing is fetched by another method.
    pub is_https: bool,
    /// The server's certificate is checked.
    pub validates_server: bool,
    /// PEM file of the authorities to trust; `None` trusts the system's.
    pub trusted_ca_file: Option<String>,
    /// Folder of the files on the server.
    pub folder: String,
    /// User name and password for the server.
    pub credential: Option<(String, Secret)>,
    /// Incremental files are fetched as well.
    pub is_incremental: bool,
    /// Model in the name of the file that all devices of a model share.
    pub model: String,
    /// How often the files are fetched again.
    pub interval: Option<Duration>,
}

pub(super) fn provisioning(reader: &Reader<'_>) -> ProvisioningConfig {
    let set = |key: &str| Some(reader.text(key).to_owned()).filter(|text| !text.is_empty());
    let hours = reader.seconds("oyez.prov.interval").as_secs();
    ProvisioningConfig {
        is_on: reader.flag("prov.use"),
        server: set("prov.server.static"),
        takes_dhcp: !reader.text("prov.server.method").eq_ignore_ascii_case("static"),
        is_https: reader.choice("prov.download.method", DOWNLOAD_METHODS) == "https",
        validates_server: reader.flag("prov.download.cert"),
        trusted_ca_file: set("oyez.prov.ca"),
        folder: reader.text("prov.download.cfgpath").to_owned(),
        credential: set("prov.auth.user").map(|user| (user, Secret::from(reader.text("prov.auth.pwd")))),
        is_incremental: reader.flag("prov.i"),
        model: reader.text("oyez.prov.model").to_owned(),
        interval: Some(Duration::from_secs(hours * 3_600)).filter(|interval| !interval.is_zero()),
    }
}
