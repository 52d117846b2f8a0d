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
use model::inventory::{Attempt, AttemptOutcome, Timestamp, TokenHash, Uplink};
use net::authority::Authority;
use net::tls::{ServerTlsError, TlsFailure};
use sha2::{Digest, Sha256};
use store::{Store, StoreError, timestamp};
use web::{Throttle, bound, harden};

use self::book::{Book, Due, Loud};
use self::enrolment::SignedList;
use self::proof::Authorities;
use self::review::Mismatch;
use crate::alarms;

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

/// A claim code that was let in to be tried. It counts as a wrong one until it proves right.
#[must_use]
#[derive(Clone, Copy)]
struct Guess {
    from: IpAddr,
    is_to_be_told: bool,
}

impl ProvisioningServer {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// When an authority's certificate cannot be used.
    pub fn new(setup: ProvisioningSetup) -> Result<Self, ServerTlsError> {
        let authorities = Authorities::new(setup.authority.certificate(), setup.manufacturers)?;
        Ok(Self(Arc::new(Shared {
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
    /// Tries of those who proved nothing: each is answered, but only so many are written down.
    book: Mutex<Book>,
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
    fn begin_guess(&self, from: IpAddr) -> Result<Guess, Duration> {
        let (mut guesses, now) = (self.guesses(), Instant::now());
        guesses.admit(now, from)?;
        let is_to_be_told = guesses.note_failure(now, from);
        Ok(Guess { from, is_to_be_told })
    }

    /// Has somebody told where a wrong claim code is one of too many. Where that fails, a later wrong one has it told.
    fn tell_of(&self, guess: Guess) {
        if !guess.is_to_be_told {
            return;
        }
        let (kind, server) = (("provisioning", alarms::GUESSED_CODES), self.clone());
        alarms::raise_guessed(&self.0.store, kind, guess.from, move |is_kept| {
            server.guesses().note_raised(Instant::now(), guess.from, is_kept);
        });
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
        if self.book().note(Instant::now(), from, attempt, mismatch) {
            tokio::spawn(self.clone().write_book());
        }
    }

    /// Writes until there is nothing more to write. What the store does not take is lost: it is evidence, and the device tries again. Who
    /// is loud and could not be told of is with what is written later.
    async fn write_book(self) {
        loop {
            let due = self.book().take_due();
            if due.is_empty() {
                return;
            }
            let untold = self.book().take_untold(Instant::now());
            if let Err(error) = self.write(due, untold).await {
                tracing::error!(error = %chain(&error), "tries to fetch a configuration cannot be kept");
                if let Some((loud, at)) = untold {
                    self.book().have_told(loud, at);
                }
            }
        }
    }

    async fn write(&self, due: Vec<Due>, untold: Option<(Loud, Timestamp)>) -> Result<(), StoreError> {
        let mut transaction = self.0.store.write().await?;
        let is_kept = match untold {
            Some(loud) => review::tell_of_loud(&mut transaction, loud, timestamp(self.now())).await?,
            None => true,
        };
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
        if let Some((loud, at)) = untold {
            book.note_told(Instant::now());
            if !is_kept {
                book.have_told(loud, at);
            }
        }
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
