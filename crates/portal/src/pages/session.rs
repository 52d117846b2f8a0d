//! Sessions: random tokens, which the store knows by their hashes alone.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::inventory::{AdministratorId, Session};
use sha2::{Digest, Sha256};
use store::{SignedIn, StoreError, Transaction};
use web::{cookie, forget_cookie, set_cookie};

use super::way::{Way, by_sign_in, onward};
use super::{chance, now};
use crate::provisioning::sha256;

/// The `__Host-` makes browsers refuse it from another host or without TLS.
pub(super) const COOKIE: &str = "__Host-oyez-portal";
/// A session ends after this time, however much it is used.
const LIFE_SECONDS: u64 = 12 * 3600;
/// What a browser keeps of a sign-in that waits for the second factor: no page takes it for a session.
const HALF_COOKIE: &str = "__Host-oyez-portal-half";
/// Such a sign-in is over after this time.
const HALF_LIFE_SECONDS: u64 = 10 * 60;
/// What a token is hashed with to make what the forms of its session carry.
const FORM_TOKEN_USE: &[u8] = b"form token of ";

/// Begins a session, and gives the header by which the browser keeps it.
pub(super) async fn begin(
    writing: &mut Transaction<'_>,
    administrator: AdministratorId,
) -> Result<HeaderMap, StoreError> {
    begin_with(writing, administrator, &chance::token()?).await
}

/// Begins a session with a token that the caller has drawn.
pub(super) async fn begin_with(
    writing: &mut Transaction<'_>,
    administrator: AdministratorId,
    token: &str,
) -> Result<HeaderMap, StoreError> {
    let session = Session {
        token: sha256(token.as_bytes()),
        administrator,
        expires_at: now().after_seconds(LIFE_SECONDS),
    };
    writing.add_session(&session, now()).await?;
    Ok(set_cookie(COOKIE, token))
}

/// What a browser gets whose user has proved a password.
pub(super) struct Admitted {
    pub(super) cookie: HeaderMap,
    /// Where it goes on.
    pub(super) to: String,
    /// Nothing else is to be proved.
    pub(super) is_whole: bool,
}

/// Begins a session for whoever has proved a password, or a sign-in that waits for the second factor, on the way to where they were
/// going.
pub(super) async fn admit(
    writing: &mut Transaction<'_>,
    who: &SignedIn,
    way: Option<&Way>,
) -> Result<Admitted, StoreError> {
    let id = who.administrator.id.clone();
    let has_second_factor = writing.account(&who.account).second_factor(&id).await?.is_some();
    if !has_second_factor {
        return Ok(Admitted {
            cookie: begin(writing, id).await?,
            to: onward(way).to_owned(),
            is_whole: true,
        });
    }
    let token = chance::token()?;
    let half = Session {
        token: sha256(token.as_bytes()),
        administrator: id,
        expires_at: now().after_seconds(HALF_LIFE_SECONDS),
    };
    writing.add_half_session(&half, now()).await?;
    Ok(Admitted {
        cookie: set_cookie(HALF_COOKIE, &token),
        to: by_sign_in("/code", way),
        is_whole: false,
    })
}

/// The header by which a browser forgets its session.
pub(super) fn gone_cookie() -> HeaderMap {
    forget_cookie(COOKIE)
}

/// The token that a browser sends.
pub(super) fn token_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// The token that a browser sends of a sign-in that waits for the second factor.
pub(super) fn half_token_of(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, HALF_COOKIE)
}

/// What forms of a session carry, so that no other site can send one. It follows from the token, which it does not tell.
pub(super) fn form_token(token: &str) -> String {
    let hash = Sha256::new()
        .chain_update(FORM_TOKEN_USE)
        .chain_update(token.as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(hash)
}
