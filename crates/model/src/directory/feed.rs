//! Snapshots and changes, and the rules of their epochs.

use std::collections::BTreeMap;

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

    /// The edits that lead from here to another snapshot. None where only the other itself does: it differs in what no edit changes,
    /// or holds a record twice, which is to be refused.
    #[must_use]
    pub fn edits_to(&self, other: &Self) -> Option<Vec<Edit>> {
        let names = |snapshot: &Self| {
            let Self { realm, domain, .. } = snapshot;
            (realm.clone(), domain.clone(), snapshot.default_algorithm)
        };
        if self.account != other.account || names(self) != names(other) {
            return None;
        }
        let users = edits(
            [&self.users, &other.users],
            |user| &user.user,
            Edit::PutUser,
            |name| Edit::RemoveUser(name.clone()),
        );
        let credentials = edits(
            [&self.credentials, &other.credentials],
            |credential| (&credential.authorization_id, credential.generation),
            Edit::PutCredential,
            |(id, generation)| Edit::RemoveCredential(id.clone(), generation),
        );
        let extensions = edits(
            [&self.extensions, &other.extensions],
            |record| &record.extension,
            Edit::PutExtension,
            |number| Edit::RemoveExtension(number.clone()),
        );
        let permissions = edits(
            [&self.permissions, &other.permissions],
            |permission| (permission.action, &permission.who, &permission.subject),
            Edit::PutPermission,
            |(action, who, subject)| Edit::RemovePermission(action, who.clone(), subject.clone()),
        );
        Some([users?, credentials?, extensions?, permissions?].concat())
    }

    /// The least that brings a directory that is as this snapshot to another: a change where that is possible.
    #[must_use]
    pub fn update_to(&self, other: &Self) -> Update {
        match self.edits_to(other) {
            Some(edits) if edits.len() <= EDITS_MAX => Update::Change(Change {
                account: other.account.clone(),
                since: self.epoch,
                epoch: other.epoch,
                edits,
            }),
            Some(_) | None => Update::Snapshot(other.clone()),
        }
    }
}

/// The edits that lead from some records to others, each with its key; none where the others have a key twice.
fn edits<'a, R: Clone + PartialEq, K: Ord + Copy>(
    [from, to]: [&'a [R]; 2],
    key: impl Fn(&'a R) -> K,
    put: impl Fn(R) -> Edit,
    remove: impl Fn(K) -> Edit,
) -> Option<Vec<Edit>> {
    let by_key = |records: &'a [R]| -> BTreeMap<K, &'a R> {
        records.iter().map(|record| (key(record), record)).collect()
    };
    let (before, after) = (by_key(from), by_key(to));
    if after.len() < to.len() {
        return None;
    }
    let gone = before.keys().filter(|key| !after.contains_key(key));
    let put_again = after
        .iter()
        .filter(|(key, record)| before.get(key) != Some(record));
    Some(
        gone.map(|key| remove(*key))
            .chain(put_again.map(|(_, record)| put((*record).clone())))
            .collect(),
    )
}

/// What leads from one epoch to a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose records.
    pub account: AccountId,
    /// The state that it applies to.
    pub since: Epoch,
    /// The state after it.
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

impl Update {
    /// The state after it.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Snapshot(snapshot) => snapshot.epoch,
            Self::Change(change) => change.epoch,
        }
    }
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
    /// The change does not begin at the directory's epoch: a snapshot must be asked for.
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
        if change.since != own {
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
