//! The provisioning server: devices fetch their configuration here, and get their certificates.
//!
//! A certificate is asked for in the handshake and judged here, where it is known what is asked for. So a device without one, or
//! with a wrong one, is told what is wrong, and the try is kept for whoever looks for its cause. Nobody learns whether a device is
//! known by asking for it: that is looked up only for who has proved to be it.

mod book;
#[cfg(test)]
mod corpus;
mod enrolment;
mod file;
mod issuing;
mod manufacturer;
mod names;
mod proof;
mod review;
mod visit;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use model::inventory::{Attempt, AttemptOutcome, TokenHash, Uplink};
use net::authority::Authority;
use net::tls::{ServerTlsError, TlsFailure};
use sha2::{Digest, Sha256};
use store::{Store, StoreError, timestamp};
use web::{Throttle, bound, harden};

use self::book::{Book, Due, Loud};
use self::enrolment::SignedList;
use self::proof::Authorities;
use self::review::Mismatch;
use crate::alarm_queue::AlarmQueue;
use crate::alarms::{GUESSED_CODES, PROBED};

pub use enrolment::{CLAIM_CODE_DAYS, claim_by, claim_code_hash};
pub(crate) use file::{chain, composed, device_password};
pub use issuing::{IssuedByHand, NotIssued, NotKept, issue_by_hand};
pub use manufacturer::{
    ExpiryPolicy, MacPattern, MacPatternError, MacPlace, MacPrefix, MacPrefixError, MacRule, Manufacturer,
    PATTERN_LENGTH_MAX, PREFIX_DIGITS_MAX, PREFIX_DIGITS_MIN,
};
pub use review::Suspicion;
pub(crate) use review::by_turns;

/// Octets of a request for a certificate.
const REQUEST_LENGTH_MAX: usize = 64 * 1024;

/// In the audit: by whom what happens here is done, and alarms are raised.
const BY: &str = "provisioning";

/// What the server is made of.
pub struct ProvisioningSetup {
    /// What is known.
    pub store: Arc<Store>,
    /// Signs the certificates of those who have a claim code.
    pub authority: Arc<Authority>,
    /// Manufacturers whose certificates are as good.
    pub manufacturers: Vec<Manufacturer>,
    /// What becomes of certificates that ask for what is another's, or come beside another.
    pub suspicion: Suspicion,
    /// Where devices are sent to register.
    pub uplink: Uplink,
}

/// The server: its site, and what its listener tells it.
#[derive(Clone)]
pub struct ProvisioningServer(Arc<Shared>);

type Server = ProvisioningServer;

impl ProvisioningServer {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// When an authority's certificate cannot be used.
    pub fn new(setup: ProvisioningSetup) -> Result<Self, ServerTlsError> {
        let authorities = Authorities::new(setup.authority.certificate(), setup.manufacturers)?;
        let alarms_of = |action| AlarmQueue::new(&setup.store, BY, action);
        Ok(Self(Arc::new(Shared {
            guessed: alarms_of(GUESSED_CODES),
            probed: alarms_of(PROBED),
            store: setup.store,
            authority: setup.authority,
            authorities,
            suspicion: setup.suspicion,
            uplink: setup.uplink,
            guesses: Mutex::default(),
            book: Mutex::default(),
            revoked: tokio::sync::Mutex::default(),
        })))
    }

    /// Its site.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/{file}", get(file::serve))
            .route("/enrol", post(enrolment::enrol))
            .route("/revoked.crl", get(enrolment::revoked))
            .layer(DefaultBodyLimit::max(REQUEST_LENGTH_MAX))
            .layer(from_fn(visit::close_after_refusals))
            .layer(from_fn(bound))
            .layer(from_fn(harden))
            .with_state(self.clone())
    }

    /// Notes a TLS handshake that failed: which device it was is not known, only its address.
    pub fn note_handshake_failure(&self, from: SocketAddr, error: &io::Error) {
        let failure = TlsFailure::from_io(error);
        let (outcome, detail) = match &failure {
            TlsFailure::Version => (
                AttemptOutcome::TlsTooOld,
                "it offers nothing later than TLS 1.1".to_owned(),
            ),
            TlsFailure::ClientCertificate => {
                let detail = "it ended the handshake at the certificate of this server";
                (AttemptOutcome::ServerUntrusted, detail.to_owned())
            }
            TlsFailure::ClientKey(why) => (AttemptOutcome::Untrusted, why.clone()),
            TlsFailure::NotTls => (
                AttemptOutcome::HandshakeFailed,
                "it does not speak TLS".to_owned(),
            ),
            _ => (AttemptOutcome::HandshakeFailed, error.to_string()),
        };
        self.note(
            Attempt {
                at: timestamp(self.now()),
                mac: None,
                source: from.ip().to_canonical().to_string(),
                file: String::new(),
                outcome,
                proved: false,
                times: 1,
                detail,
            },
            from.ip(),
        );
    }
}

struct Shared {
    store: Arc<Store>,
    authority: Arc<Authority>,
    authorities: Authorities,
    suspicion: Suspicion,
    uplink: Uplink,
    /// Tries to guess a claim code.
    guesses: Mutex<Throttle>,
    /// Who is told of them.
    guessed: AlarmQueue,
    /// Tries of those who get nothing: each is answered, but only so many are written down.
    book: Mutex<Book>,
    /// Who is told where they are very many.
    probed: AlarmQueue,
    /// The list of what was taken back, as it was signed last.
    revoked: tokio::sync::Mutex<Option<SignedList>>,
}

impl fmt::Debug for ProvisioningServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProvisioningServer")
    }
}

impl ProvisioningServer {
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

    /// Has somebody told where a wrong claim code is one of too many.
    fn tell_of_guess(&self, from: IpAddr) {
        if self.guesses().begin_telling(from) {
            self.0.guessed.raise_guessed(from);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a try without waiting for the store.
    fn note(&self, attempt: Attempt, from: IpAddr) {
        self.note_with(attempt, from, None);
    }

    /// Notes a try as [`ProvisioningServer::note`] does, with what it puts under suspicion.
    fn note_with(&self, attempt: Attempt, from: IpAddr, mismatch: Option<Mismatch>) {
        let at = attempt.at;
        let (begins_to_write, loud) = {
            let mut book = self.book();
            let begins_to_write = book.note(Instant::now(), from, attempt, mismatch);
            (begins_to_write, book.take_loud())
        };
        for one in loud {
            match one {
                Loud::Source(_) => self.0.probed.raise(at, one.detail()),
                Loud::All => self.0.probed.raise_first(at, one.detail()),
            }
        }
        if begins_to_write {
            tokio::spawn(self.clone().write_book());
        }
    }

    /// Writes until there is nothing more to write. What the store does not take is lost: it is evidence, and the device tries again.
    async fn write_book(self) {
        loop {
            let due = self.book().take_due();
            if due.is_empty() {
                return;
            }
            if let Err(error) = self.write(due).await {
                tracing::error!(error = %chain(&error), "tries to fetch a configuration cannot be kept");
            }
        }
    }

    async fn write(&self, due: Vec<Due>) -> Result<(), StoreError> {
        let mut transaction = self.0.store.write().await?;
        let mut rows = Vec::new();
        for Due {
            key,
            attempt,
            mismatch,
            row,
        } in due
        {
            if let Some(row) = row {
                transaction.repeat_attempt(row, attempt.at, attempt.times).await?;
                continue;
            }
            rows.push((key, transaction.add_attempt(&attempt).await?));
            if let (Some(mismatch), Some(asked)) = (mismatch, attempt.mac) {
                let suspicion = self.0.suspicion;
                review::hold(&mut transaction, suspicion, mismatch, asked, attempt.at).await?;
            }
        }
        transaction.commit().await?;
        let mut book = self.book();
        for (key, row) in rows {
            book.note_row(&key, row);
        }
        Ok(())
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
