//! The web pages of the endpoint: their certificate, their address, and the code that claims a new device.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use anyhow::{Context, Result};
use device::Appliance;
use device_web::{Access, LogBook, Web, WebSetup};
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientCertificates, MinimumVersion, ServerTls};

use crate::identity::StateFolder;
use crate::voice::say;

/// What the device's own authority is called: it issues the certificate of the web pages and nothing else.
const AUTHORITY_NAME: &str = "Oyez endpoint";

/// Serves the pages and says where, and how a new device is claimed.
pub(crate) async fn start(
    appliance: &Appliance,
    state: &StateFolder,
    log_book: LogBook,
    listen: SocketAddr,
) -> Result<Web> {
    let now = SystemTime::now();
    let authority = AuthorityDirectory::open(&state.authority(), AUTHORITY_NAME, now)
        .context("the certificate of the web pages cannot be made")?;
    let identity = authority
        .identity("web", &subjects(), Purpose::Server, now)
        .context("the certificate of the web pages cannot be made")?;
    let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked)?;
    let access = Access::open(state.path())?;
    let claim_code = access.claim_code();
    let web = Web::start(WebSetup {
        appliance: appliance.clone(),
        access,
        log_book,
        listen,
        tls,
    })
    .await?;
    say(&format!("web pages: https://{}/", shown(web.address())));
    if let Some(code) = claim_code {
        say(&format!("claim code: {code}"));
    }
    Ok(web)
}

/// The addresses of this machine, and the name it has for itself, as a browser may use them.
fn subjects() -> Vec<Subject> {
    let mut subjects = vec![
        Subject::Name("localhost".to_owned()),
        Subject::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ];
    for address in net::local_addresses().unwrap_or_default() {
        let subject = Subject::Address(address);
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects
}

/// An address that can be typed into a browser on this machine.
fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
