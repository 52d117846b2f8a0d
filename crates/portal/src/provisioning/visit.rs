//! A request of somebody, and what is remembered of those before it on the connection.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use model::inventory::{Attempt, AttemptOutcome, MacAddress};
use store::timestamp;
use web::Peer;

use super::names::NAME_LENGTH_MAX;
use super::proof::{Proved, Refusal, is_for};
use super::review::Mismatch;
use super::{Server, sha256};

/// Refusals of one connection, after which it is closed: whoever goes on guessing pays for another handshake.
pub(super) const REFUSALS_MAX: u32 = 32;

/// For so long what a chain has proved is good on its connection: a certificate ends, and its connection may stay open longer.
pub(super) const JUDGED_FOR: Duration = Duration::from_secs(60 * 60);

/// What is remembered of a connection.
#[derive(Default)]
struct Connection {
    /// What its certificate has proved, and when. It takes a signature or more for each authority, and a connection has one certificate.
    identified: Mutex<Option<(SystemTime, Result<Proved, Refusal>)>>,
    refusals: AtomicU32,
}

/// Closes a connection after so many refusals.
pub(super) async fn close_after_refusals(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().cloned();
    let mut response = next.run(request).await;
    if !response.status().is_client_error() {
        return response;
    }
    let connection = peer
        .as_ref()
        .and_then(|peer| peer.remembered.value::<Connection>());
    let before = connection.map(|connection| connection.refusals.fetch_add(1, Ordering::Relaxed));
    if before.is_some_and(|before| before.saturating_add(1) >= REFUSALS_MAX) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) server: &'a Server,
    pub(super) peer: &'a Peer,
    /// What is asked for.
    pub(super) file: &'a str,
    pub(super) now: SystemTime,
}

impl Visit<'_> {
    /// Says which device it is.
    pub(super) fn identified(&self) -> Result<Proved, Refusal> {
        let judge = || {
            self.server
                .0
                .authorities
                .identify(&self.peer.certificates, self.now)
        };
        let Some(connection) = self.peer.remembered.value::<Connection>() else {
            return judge();
        };
        let mut identified = connection
            .identified
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*identified {
            Some((at, proved)) if self.is_soon_after(*at) => proved.clone(),
            Some(_) | None => {
                let proved = judge();
                *identified = Some((self.now, proved.clone()));
                proved
            }
        }
    }

    /// Says whether what was judged at a time is still good. Of requests that came at once a later one may have been first.
    fn is_soon_after(&self, at: SystemTime) -> bool {
        let age = self.now.duration_since(at);
        age.unwrap_or_else(|earlier| earlier.duration()) < JUDGED_FOR
    }

    /// Says whether it is the device that it asks for.
    pub(super) fn prove(&self, mac: MacAddress) -> Result<Proved, Refusal> {
        is_for(mac, self.identified())
    }

    /// The try, as long as nothing proves it.
    pub(super) fn attempt(
        &self,
        mac: Option<MacAddress>,
        outcome: AttemptOutcome,
        detail: String,
    ) -> Attempt {
        Attempt {
            at: timestamp(self.now),
            mac,
            source: self.peer.address.ip().to_canonical().to_string(),
            file: self.file.chars().take(NAME_LENGTH_MAX).collect(),
            outcome,
            proved: false,
            times: 1,
            detail,
        }
    }

    /// Notes a try without waiting for the store.
    pub(super) fn note(&self, attempt: Attempt) {
        self.server.note(attempt, self.peer.address.ip());
    }

    /// Notes that somebody has not proved to be the device, with what that puts under suspicion. What it costs is the same whether
    /// the device is known or not.
    pub(super) fn note_unproved(&self, mac: MacAddress, refusal: Refusal) {
        let Refusal {
            outcome,
            detail,
            is,
            holder,
        } = refusal;
        let own = self.peer.certificates.first().zip(holder);
        let mismatch = own.map(|(own, holder)| Mismatch {
            holder,
            fingerprint: sha256(own),
        });
        if let Some(other) = is.filter(|is| *is != mac) {
            let asked = format!("with the certificate of {other} somebody asked in the name of {mac}");
            self.note(self.attempt(Some(other), outcome, asked));
        }
        let attempt = self.attempt(Some(mac), outcome, detail);
        let proved = is == Some(mac);
        let from = self.peer.address.ip();
        self.server
            .note_with(Attempt { proved, ..attempt }, from, mismatch);
    }
}
