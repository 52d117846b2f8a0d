//! A zone of Oyez, as its own program.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::identity::Identity;
use super::site::{Running, Site};

/// Ports of a zone's media: two for each leg of a page to five thousand, and room.
const MEDIA_PORTS: &str = "20000-31999";

/// Starts a zone with this directory file.
pub(crate) async fn start(identity: &Identity, directory: &str) -> Result<Running> {
    let site = Site::new()?;
    site.write("directory.toml", directory)?;
    let config = site.write("zone.toml", &config(&site, identity))?;
    let mut command = Command::new(program("oyez")?);
    command.arg("zone").arg("--config").arg(config);
    site.start("Oyez", &mut command).await
}

/// A program of ours that was built beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find out where this program is")?;
    let program = own.with_file_name(name);
    if !program.exists() {
        bail!("{} is missing; `cargo xtask bench` builds it", program.display());
    }
    Ok(program)
}

fn config(site: &Site, identity: &Identity) -> String {
    let (udp, tls, identity) = (site.udp, site.tls, identity.file().display());
    format!(
        "directory = \"directory.toml\"\ncontrol = \"control.sock\"\n\
         [listen]\nudp = [\"{udp}\"]\ntls = [\"{tls}\"]\n\
         [tls]\ncertificate = \"{identity}\"\nkey = \"{identity}\"\n\
         [media]\nbind = \"127.0.0.1\"\nports = \"{MEDIA_PORTS}\"\nplain = \"over-clear-flows\"\n"
    )
}
