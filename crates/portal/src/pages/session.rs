//! Sessions: random tokens, which the store knows by their hashes alone.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::inventory::{AdministratorId, Session};
use sha2::{Digest, Sha256};
use store::{StoreError, Transaction};
use web::{cookie, forget_cookie, set_cookie};

use super::{chance, now};
use crate::provisioning::sha256;

/// The `__Host-` makes browsers refuse it from another host or without TLS.
pub(super) const COOKIE: &str = "__Host-oyez-portal";
/// A session ends after this time, however much it is used.
const LIFE_SECONDS: u64 = 12 * 3600;
/// What a token is hashed with to make what the forms of its session carry.
const FORM_TOKEN_USE: &[u8] = b"form token of ";

/// Begins a session, and gives the header by which the browser keeps it.
pub(super) async fn begin(
    writing: &mut Transaction<'_>,
    administrator: AdministratorId,
) -> Result<HeaderMap, StoreError> {
    let token = chance::token()?;
    let session = Session {
        token: sha256(token.as_bytes()),
        administrator,
        expires_at: now().after_seconds(LIFE_SECONDS),
    };
    writing.add_session(&session, now()).await?;
    Ok(set_cookie(COOKIE, &token))
}

/// The header by which a browser forgets its session.
pub(super) fn gone_cookie() -> HeaderMap {
    forget_cookie(COOKIE)
}

/// The token that a browser sends.
pub(super) fn token_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// What forms of a session carry, so that no other site can send one. It follows from the token, which it does not tell.
pub(super) fn form_token(token: &str) -> String {
    let hash = Sha256::new()
        .chain_update(FORM_TOKEN_USE)
        .chain_update(token.as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(hash)
}
