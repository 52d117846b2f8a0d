//! Kamailio as a registrar: one worker for datagrams, one for connections, everything in memory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::identity::Identity;
use super::population::{PASSWORD_PREFIX, REALM};
use super::site::{Running, Site};

/// Where Debian's package keeps the modules.
const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";
/// Shared memory in megabytes: 100 kB for each of the most connections that are measured.
const SHARED_MEMORY: &str = "2048";
/// Private memory of each process in megabytes.
const PRIVATE_MEMORY: &str = "64";

/// Starts Kamailio for up to `connections` connections.
pub(crate) async fn start(identity: &Identity, connections: usize) -> Result<Running> {
    let site = Site::new()?;
    let config = site.write("kamailio.cfg", &config(&site, identity.file(), connections))?;
    let mut command = Command::new("kamailio");
    command
        .args(["-DD", "-E", "-m", SHARED_MEMORY, "-M", PRIVATE_MEMORY, "-f"])
        .arg(config)
        .arg("-Y")
        .arg(site.folder())
        .arg("-w")
        .arg(site.folder());
    site.start("Kamailio", &mut command)
        .await
        .context("Kamailio is needed; `cargo xtask peers` installs it")
}

/// The least that registers with digest. The nonce may be used again, so that it costs no table; a password follows from the
/// user's name, so that it costs no look-up.
fn config(site: &Site, identity: &Path, connections: usize) -> String {
    let (udp, tls, identity) = (site.udp, site.tls, identity.display());
    // Some more than are measured, for those that are being closed.
    let connections = connections + 256;
    let descriptors = connections + 1_024;
    format!(
        r#"#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
socket_workers=1
auto_aliases=no
dns=no
rev_dns=no
enable_tls=yes
tcp_connection_lifetime=3605
tcp_max_connections={connections}
tls_max_connections={connections}
open_files_limit={descriptors}
listen=udp:{udp}
listen=tls:{tls}
mpath="{MODULES}"
loadmodule "tls.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{identity}")
modparam("tls", "private_key", "{identity}")
modparam("tls", "verify_certificate", 0)
modparam("auth", "nonce_expire", 600)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 3600)
request_route {{
    if (method != "REGISTER") {{
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }}
    if (!pv_www_authenticate("{REALM}", "{PASSWORD_PREFIX}$au", "0")) {{
        auth_challenge("{REALM}", "1");
        exit;
    }}
    if (!save("location")) {{
        sl_reply_error();
    }}
    exit;
}}
"#
    )
}
