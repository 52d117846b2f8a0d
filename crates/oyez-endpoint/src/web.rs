//! The web pages of the endpoint: their certificate, their address, and the code that claims a new device.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use device::Appliance;
use device_web::{Access, LogBook, Web, WebSetup};
use net::authority::{AuthorityDirectory, Purpose, Subject};
use net::tls::{ClientCertificates, Identity, MinimumVersion, ServerTls};
use tokio::task::{JoinHandle, spawn_blocking};

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
) -> Result<Pages> {
    let folder = state.authority();
    let identity = identity(&folder).context("the certificate of the web pages cannot be made")?;
    let tls = ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked)?;
    let access = Access::open(state.path())?;
    let claim_code = access.claim_code();
    let renewal = tokio::spawn(renew(tls.clone(), folder));
    let renewal = Renewal(renewal);
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
    Ok(Pages {
        _web: web,
        _renewal: renewal,
    })
}

/// The pages, for as long as this is held.
pub(crate) struct Pages {
    _web: Web,
    _renewal: Renewal,
}

/// The task that renews the certificate.
struct Renewal(JoinHandle<()>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often the certificate is looked at: a clock that was set right after the start, or an address that came later, is not waited
/// for longer than that.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(3_600);

/// Issues the certificate anew when its time is running out, or when the machine has other addresses.
async fn renew(tls: ServerTls, folder: PathBuf) {
    loop {
        tokio::time::sleep(RENEWAL_INTERVAL).await;
        let folder = folder.clone();
        match spawn_blocking(move || identity(&folder)).await {
            Ok(Ok(identity)) => tls.replace_identity(&identity),
            Ok(Err(error)) => tracing::warn!(%error, "the certificate of the web pages cannot be renewed"),
            Err(_) => return,
        }
    }
}

/// The certificate of the pages with its key: the one of the folder while it is good, or another one.
fn identity(folder: &Path) -> Result<Identity> {
    let now = SystemTime::now();
    let authority = AuthorityDirectory::open(folder, AUTHORITY_NAME, now)?;
    Ok(authority.identity("web", &subjects(), Purpose::Server, now)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_kept_while_it_is_good_and_made_anew_when_it_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let first = identity(folder.path()).unwrap();

        let kept = identity(folder.path()).unwrap();
        std::fs::write(folder.path().join("web.pem"), "damaged").unwrap();
        let anew = identity(folder.path()).unwrap();

        assert_eq!(first.chain(), kept.chain());
        assert_ne!(first.chain().first(), anew.chain().first());
        assert_eq!(first.chain().last(), anew.chain().last(), "the authority stays");
    }
}
