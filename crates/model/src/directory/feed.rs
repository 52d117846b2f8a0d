//! Snapshots and changes, and the rules of their epochs.

use super::{
    Action, Credential, DigestAlgorithm, Directory, DirectoryError, EDITS_MAX, ExtensionRecord, Generation,
    Permission, Subject, User, Who,
};
use crate::{AccountId, AuthorizationId, Extension, SipUser};

/// Counts the states an account's directory has had.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch the next change leads to; at the last one it stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Everything a switch is told of an account at one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose records.
    pub account: AccountId,
    /// The state they describe.
    pub epoch: Epoch,
    /// The digest realm; quoted as it is, so without `"`, `\` and control characters.
    pub realm: String,
    /// The SIP domain.
    pub domain: String,
    /// What users that are unknown are challenged with.
    pub default_algorithm: DigestAlgorithm,
    /// Who registers.
    pub users: Vec<User>,
    /// Their secrets.
    pub credentials: Vec<Credential>,
    /// What can be dialled.
    pub extensions: Vec<ExtensionRecord>,
    /// Who may dial it.
    pub permissions: Vec<Permission>,
}

impl Snapshot {
    /// The first state of an account without any records.
    #[must_use]
    pub fn empty(
        account: AccountId,
        realm: String,
        domain: String,
        default_algorithm: DigestAlgorithm,
    ) -> Self {
        Self {
            account,
            epoch: Epoch(1),
            realm,
            domain,
            default_algorithm,
            users: Vec::new(),
            credentials: Vec::new(),
            extensions: Vec::new(),
            permissions: Vec::new(),
        }
    }
}

/// What leads from one epoch to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose records.
    pub account: AccountId,
    /// The state after it; it applies to the one before.
    pub epoch: Epoch,
    /// What to do, in order.
    pub edits: Vec<Edit>,
}

/// One step of a change. A `Put` adds a record or replaces the one with the same key; removing what is not there
/// is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Adds or replaces a user.
    PutUser(User),
    /// Removes a user; its credentials and extensions must go in the same change.
    RemoveUser(SipUser),
    /// Adds or replaces one generation of a credential.
    PutCredential(Credential),
    /// Removes one generation of a credential.
    RemoveCredential(AuthorizationId, Generation),
    /// Adds or replaces an extension.
    PutExtension(ExtensionRecord),
    /// Removes an extension.
    RemoveExtension(Extension),
    /// Adds or replaces a permission.
    PutPermission(Permission),
    /// Removes a permission.
    RemovePermission(Action, Who, Subject),
}

/// What comes over the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Everything.
    Snapshot(Snapshot),
    /// A difference.
    Change(Change),
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The directory is at the update's epoch.
    Done {
        /// Users that are gone or whose credentials are: their bindings are to be dropped.
        revoked: Vec<SipUser>,
    },
    /// The update says nothing the directory does not know.
    Ignored,
    /// A change is missing between the directory and the update: a snapshot must be asked for.
    SnapshotWanted,
}

impl Directory {
    pub(super) fn apply_snapshot(&mut self, snapshot: Snapshot) -> Result<Applied, DirectoryError> {
        self.check_account(&snapshot.account)?;
        if self.epoch.is_some_and(|own| snapshot.epoch <= own) {
            return Ok(Applied::Ignored);
        }
        let fresh = Self::from_snapshot(snapshot)?;
        let revoked = self
            .users()
            .filter(|user| !fresh.may_still_register(&user.user))
            .map(|user| user.user.clone());
        let revoked = revoked.collect();
        *self = fresh;
        Ok(Applied::Done { revoked })
    }

    pub(super) fn apply_change(&mut self, change: Change) -> Result<Applied, DirectoryError> {
        self.check_account(&change.account)?;
        let Some(own) = self.epoch else {
            return Ok(Applied::SnapshotWanted);
        };
        if change.epoch <= own {
            return Ok(Applied::Ignored);
        }
        if change.epoch != own.next() {
            return Ok(Applied::SnapshotWanted);
        }
        if change.edits.len() > EDITS_MAX {
            return Err(DirectoryError::TooMany {
                what: "edits",
                limit: EDITS_MAX,
            });
        }
        let revoked = self.edit_all(change.edits)?;
        self.epoch = Some(change.epoch);
        Ok(Applied::Done { revoked })
    }

    fn check_account(&self, account: &AccountId) -> Result<(), DirectoryError> {
        if *account == self.account {
            Ok(())
        } else {
            Err(DirectoryError::WrongAccount {
                own: self.account.clone(),
                other: account.clone(),
            })
        }
    }

    fn from_snapshot(snapshot: Snapshot) -> Result<Self, DirectoryError> {
        let mut fresh = Self::new(snapshot.account);
        fresh.epoch = Some(snapshot.epoch);
        fresh.set_names(snapshot.realm, snapshot.domain)?;
        fresh.default_algorithm = snapshot.default_algorithm;
        for user in snapshot.users {
            fresh.add_user(user)?;
        }
        for credential in snapshot.credentials {
            fresh.add_credential(credential)?;
        }
        for extension in snapshot.extensions {
            fresh.add_extension(extension)?;
        }
        for permission in snapshot.permissions {
            fresh.add_permission(permission)?;
        }
        fresh.check_everything()?;
        Ok(fresh)
    }

    pub(super) fn may_still_register(&self, user: &SipUser) -> bool {
        self.user_by_name.contains_key(user) && self.authorization_ids_by_user.contains_key(user)
    }
}
