//! What a switch knows of one account, and how it learns it.
//!
//! A switch serves from its own copy: a [`Snapshot`] says everything, a [`Change`] says what differs from an
//! epoch before it, and nothing else ever alters a [`Directory`]. Epochs decide what to do with each:
//!
//! ```text
//!            snapshot, epoch e > own               change, since own to f > own
//!   (empty) ─────────────────────▶ (serving, e) ────────────────────────▶ (serving, f)
//!      │ change                        │ change since another: SnapshotWanted
//!      └─▶ SnapshotWanted              │ older or equal: Ignored
//! ```
//!
//! A change applies as a whole or not at all.

mod check;
mod edit;
mod extension;
mod feed;
mod permission;
mod records;

use std::collections::{BTreeMap, BTreeSet};

pub use check::DirectoryError;
pub use extension::{ExtensionRecord, ExtensionRole, Urgency};
pub use feed::{Applied, Change, Edit, Epoch, Snapshot, Update};
pub use permission::{Action, Decision, PIN_DIGITS, Permission, Subject, Who, is_pin};
pub use records::{Credential, CredentialSecret, DigestAlgorithm, Generation, User, UserKind};

use crate::{AccountId, AuthorizationId, Extension, Secret, SipUser};

/// Users of one account: ten times the largest installation the design speaks of.
pub const USERS_MAX: usize = 100_000;
/// Extensions of one account: each user has one, and there is room for as many groups.
pub const EXTENSIONS_MAX: usize = 200_000;
/// Members of one page group or alert: a page reaches at most this many listeners by unicast.
pub const MEMBERS_MAX: usize = 10_000;
/// Permissions of one account: one for each user and an exception each.
pub const PERMISSIONS_MAX: usize = 200_000;
/// Edits of one change: what is larger is sent as a snapshot.
pub const EDITS_MAX: usize = 10_000;
/// Generations of one credential that are valid at a time: the one in use and the one being rotated in.
pub const GENERATIONS_MAX: usize = 2;

/// The records of one account with the look-ups a switch needs, each in logarithmic time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    account: AccountId,
    /// `None` until the first snapshot.
    epoch: Option<Epoch>,
    realm: String,
    domain: String,
    default_algorithm: DigestAlgorithm,
    user_by_name: BTreeMap<SipUser, User>,
    /// Never empty, at most [`GENERATIONS_MAX`], newest generation first, all of one user and algorithm.
    credentials_by_authorization_id: BTreeMap<AuthorizationId, Vec<Credential>>,
    /// Inverse of the map above, without empty sets. Outside an edit each set has one id, so that a user's
    /// challenge is determined.
    authorization_ids_by_user: BTreeMap<SipUser, BTreeSet<AuthorizationId>>,
    extension_by_number: BTreeMap<Extension, ExtensionRecord>,
    /// Inverse of the users that stand in `extension_by_number`, without empty sets.
    extensions_by_user: BTreeMap<SipUser, BTreeSet<Extension>>,
    pin_by_permission: BTreeMap<(Action, Who, Subject), Option<Secret>>,
}

impl Directory {
    /// Makes the empty directory of an account, which knows nobody until a snapshot has come.
    #[must_use]
    pub fn new(account: AccountId) -> Self {
        Self {
            account,
            epoch: None,
            realm: String::new(),
            domain: String::new(),
            default_algorithm: DigestAlgorithm::Sha256,
            user_by_name: BTreeMap::new(),
            credentials_by_authorization_id: BTreeMap::new(),
            authorization_ids_by_user: BTreeMap::new(),
            extension_by_number: BTreeMap::new(),
            extensions_by_user: BTreeMap::new(),
            pin_by_permission: BTreeMap::new(),
        }
    }

    /// The account all records belong to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The epoch served, `None` before the first snapshot.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The digest realm: a fixed id of the account, the same in every zone and node. Empty before the first snapshot.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The SIP domain of the account. Empty before the first snapshot.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Finds a user.
    #[must_use]
    pub fn user(&self, user: &str) -> Option<&User> {
        self.user_by_name.get(user)
    }

    /// Lists all users in the order of their names.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.user_by_name.values()
    }

    /// Finds the valid generations of a credential, newest first; an empty slice for an unknown id.
    #[must_use]
    pub fn credentials(&self, authorization_id: &str) -> &[Credential] {
        self.credentials_by_authorization_id
            .get(authorization_id)
            .map_or(&[], Vec::as_slice)
    }

    /// The authorization id a user registers with.
    #[must_use]
    pub fn authorization_id(&self, user: &str) -> Option<&AuthorizationId> {
        self.authorization_ids_by_user.get(user).and_then(BTreeSet::first)
    }

    /// The algorithm to challenge a user with: its credential's, or the account's default for a user that is
    /// unknown or has no credential, so that the challenge does not tell who exists.
    #[must_use]
    pub fn challenge_algorithm(&self, user: &str) -> DigestAlgorithm {
        self.authorization_id(user)
            .and_then(|id| self.credentials(id.as_str()).first())
            .map_or(self.default_algorithm, |credential| credential.algorithm)
    }

    /// Finds what is dialled.
    #[must_use]
    pub fn extension(&self, extension: &str) -> Option<&ExtensionRecord> {
        self.extension_by_number.get(extension)
    }

    /// Lists all extensions in the order of their numbers.
    pub fn extensions(&self) -> impl Iterator<Item = &ExtensionRecord> {
        self.extension_by_number.values()
    }

    /// Lists the extensions a user belongs to, as their phone, slot or member.
    pub fn extensions_of(&self, user: &str) -> impl Iterator<Item = &ExtensionRecord> {
        self.extensions_by_user
            .get(user)
            .into_iter()
            .flatten()
            .filter_map(|number| self.extension_by_number.get(number))
    }

    /// Decides whether a user may do what dialling an extension means, by the most specific permission:
    /// this user on this extension, this user on any, any user on this extension, any user on any.
    /// Nothing is allowed that no permission allows.
    #[must_use]
    pub fn decide(&self, caller: &SipUser, target: &ExtensionRecord) -> Decision<'_> {
        let action = target.role.action();
        let this = Subject::Extension(target.extension.clone());
        let keys = [
            (action, Who::User(caller.clone()), this.clone()),
            (action, Who::User(caller.clone()), Subject::Any),
            (action, Who::Anyone, this),
            (action, Who::Anyone, Subject::Any),
        ];
        let found = keys.iter().find_map(|key| self.pin_by_permission.get(key));
        match found {
            Some(None) => Decision::Allowed,
            Some(Some(pin)) => Decision::PinWanted(pin),
            None => Decision::Denied,
        }
    }

    /// Applies what came over the feed.
    ///
    /// # Errors
    ///
    /// Names the first record that breaks a rule of the directory; the directory is then as it was before.
    pub fn apply(&mut self, update: Update) -> Result<Applied, DirectoryError> {
        match update {
            Update::Snapshot(snapshot) => self.apply_snapshot(snapshot),
            Update::Change(change) => self.apply_change(change),
        }
    }
}

#[cfg(test)]
mod tests;
