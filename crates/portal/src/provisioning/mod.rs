//! The provisioning server: devices fetch their configuration here, and get their certificates.
//!
//! A certificate is asked for in the handshake and judged here, where it is known what is asked for. So a device without one, or
//! with a wrong one, is told what is wrong, and the try is kept for whoever looks for its cause. Nobody learns whether a device is
//! known by asking for it: that is looked up only for who has proved to be it.

mod enrolment;
mod file;
mod proof;
mod refusals;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use model::inventory::{TokenHash, Uplink};
use net::authority::Authority;
use net::tls::{ClientAuthorities, ServerTlsError};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use store::Store;
use web::{Throttle, bound, harden};

use self::proof::Authorities;
use self::refusals::Refusals;

pub use enrolment::claim_code_hash;
pub(crate) use file::chain;

/// Octets of a request for a certificate.
const REQUEST_LENGTH_MAX: usize = 64 * 1024;

/// What the server is made of.
pub struct ProvisioningSetup {
    /// What is known.
    pub store: Arc<Store>,
    /// Signs the certificates of those who have a claim code.
    pub authority: Arc<Authority>,
    /// Authorities of manufacturers, whose certificates are as good.
    pub manufacturers: Vec<CertificateDer<'static>>,
    /// Where devices are sent to register.
    pub uplink: Uplink,
}

/// Makes the server's site.
///
/// # Errors
///
/// When an authority's certificate cannot be used.
pub fn router(setup: ProvisioningSetup) -> Result<Router, ServerTlsError> {
    let manufacturers = match setup.manufacturers.as_slice() {
        [] => None,
        some => Some(ClientAuthorities::new(some)?),
    };
    let authorities = Authorities {
        own: ClientAuthorities::new(&[setup.authority.certificate().clone()])?,
        manufacturers,
    };
    let server = Server(Arc::new(Shared {
        store: setup.store,
        authority: setup.authority,
        authorities,
        uplink: setup.uplink,
        guesses: Mutex::default(),
        refusals: Mutex::default(),
    }));
    Ok(Router::new()
        .route("/{file}", get(file::serve))
        .route("/enrol", post(enrolment::enrol))
        .layer(DefaultBodyLimit::max(REQUEST_LENGTH_MAX))
        .layer(from_fn(bound))
        .layer(from_fn(harden))
        .with_state(server))
}

/// What every request has at hand.
#[derive(Clone)]
struct Server(Arc<Shared>);

struct Shared {
    store: Arc<Store>,
    authority: Arc<Authority>,
    authorities: Authorities,
    uplink: Uplink,
    /// Tries to guess a claim code.
    guesses: Mutex<Throttle>,
    /// Requests of those who proved nothing: each is answered, but only so many are written down.
    refusals: Mutex<Refusals>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Server")
    }
}

impl Server {
    fn guesses(&self) -> MutexGuard<'_, Throttle> {
        self.0.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a claim code be tried, or says how long to wait. The try counts as a wrong one until it proves right: others that come
    /// meanwhile are not let in on its account.
    fn begin_guess(&self, from: IpAddr) -> Result<(), Duration> {
        let (mut guesses, now) = (self.guesses(), Instant::now());
        guesses.admit(now, from)?;
        guesses.note_failure(now, from);
        Ok(())
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

pub(crate) fn sha256(octets: &[u8]) -> TokenHash {
    TokenHash(Sha256::digest(octets).into())
}

#[cfg(test)]
mod tests;
