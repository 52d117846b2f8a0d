//! Proving the second factor: the code of an app, or a recovery code.

use model::inventory::{AdministratorId, TokenHash};
use store::{Scope, SecondFactor, StoreError};
use web::{OneTimeSecret, drawn_recovery_code, typed_recovery_code};

use super::now;
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
