//! Proving the second factor: the code of an app, or a recovery code; wrong ones are slowed down by whom they are for, besides by where
//! they come from.

use std::net::SocketAddr;
use std::time::Instant;

use model::inventory::{AdministratorId, TokenHash};
use store::{Scope, SecondFactor, StoreError};
use web::{OneTimeSecret, drawn_recovery_code, typed_recovery_code};

use super::{GuessedFor, Site, now, sign_in};
use crate::provisioning::sha256;

/// Recovery codes that are drawn at once.
pub(super) const RECOVERY_CODES: usize = 10;
/// What is said of a code that is not taken.
pub(super) const WRONG: &str =
    "The code is wrong, or was used before. Type the one that the app shows next, or a recovery code.";

/// Recovery codes, as they are shown once and as they are kept.
pub(super) struct RecoveryCodes {
    pub(super) shown: Vec<String>,
    pub(super) hashes: Vec<TokenHash>,
}

/// What a code has proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing.
    Wrong,
    /// Its bearer has the app.
    App,
    /// Its bearer has the recovery codes, of which so many are left.
    Recovery { left: u64 },
}

/// The time, in seconds since 1970.
pub(super) fn seconds() -> u64 {
    now().0 / 1_000
}

/// Draws recovery codes for somebody.
pub(super) fn draw_recovery_codes(id: &AdministratorId) -> Result<RecoveryCodes, StoreError> {
    let mut codes = RecoveryCodes {
        shown: Vec::new(),
        hashes: Vec::new(),
    };
    for _ in 0..RECOVERY_CODES {
        let code = drawn_recovery_code().map_err(|_| StoreError::NoRandomness)?;
        codes.hashes.extend(kept(id, &code));
        codes.shown.push(code);
    }
    Ok(codes)
}

/// A recovery code as it is kept: no other administrator's looks like it.
fn kept(id: &AdministratorId, typed: &str) -> Option<TokenHash> {
    let code = typed_recovery_code(typed)?;
    Some(sha256(format!("recovery code of {id}: {code}").as_bytes()))
}

/// Takes a code, which is good once; it is used up when the transaction is committed.
pub(super) async fn prove(
    scope: &mut Scope<'_, '_>,
    id: &AdministratorId,
    factor: &SecondFactor,
    typed: &str,
) -> Result<Proof, StoreError> {
    let secret = OneTimeSecret::read(factor.secret.reveal());
    if let Some(step) = secret.and_then(|secret| secret.step_of(typed, seconds())) {
        let is_first = scope.use_step(id, step).await?;
        return Ok(if is_first { Proof::App } else { Proof::Wrong });
    }
    if let Some(code) = kept(id, typed)
        && scope.use_recovery_code(id, code).await?
    {
        let left = factor.recovery_codes.saturating_sub(1);
        return Ok(Proof::Recovery { left });
    }
    Ok(Proof::Wrong)
}

/// Counts a try as wrong in advance; what is to be told where it is too early. Whoever knows a password guesses from many addresses, so
/// tries are counted for each administrator, too. Says whether it is the last without a wait.
pub(super) fn admit(site: &Site, from: SocketAddr, id: &AdministratorId) -> Result<bool, String> {
    let is_last = sign_in::admit(site, from)?;
    let mut guesses = site.guesses();
    let wait = guesses.admit(Instant::now(), GuessedFor(id.clone()));
    wait.map_err(sign_in::too_early)?;
    Ok(guesses.note_failure(Instant::now(), GuessedFor(id.clone())) || is_last)
}

/// Forgets the tries of whoever knew the code.
pub(super) fn forgive(site: &Site, from: SocketAddr, id: &AdministratorId) {
    site.throttle().note_success(from.ip());
    site.guesses().note_success(GuessedFor(id.clone()));
}
