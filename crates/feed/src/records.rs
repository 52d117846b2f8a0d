//! A directory as records under keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::AccountId;
use model::directory::{
    Change, DigestAlgorithm, EDITS_MAX, EXTENSIONS_MAX, Edit, Epoch, GENERATIONS_MAX, PERMISSIONS_MAX,
    Permission, Snapshot, USERS_MAX, Update,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{Part, Record, credential_key, extension_key, is_known, kind_of, user_key};
use crate::wire::shown;

/// Kinds of records that are not known, of which the names are told.
const UNKNOWN_KINDS_MAX: usize = 8;

/// Records of a directory at most: as many as one may have of each kind, and the one of the account.
pub const RECORDS_MAX: usize = USERS_MAX + USERS_MAX * GENERATIONS_MAX + EXTENSIONS_MAX + PERMISSIONS_MAX + 1;

/// Why records make no directory.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// One cannot be read.
    #[error(
        "the record {key} cannot be read: a later version may have written it, and this program has to be brought up to date"
    )]
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// One is not what its key says, so that another might be it as well.
    #[error("the record {key} is under a key that is not its own")]
    OtherKey {
        /// The key.
        key: String,
    },
    /// The one of the account is missing.
    #[error("the record of the account is missing")]
    NoAccount,
    /// A copy is none.
    #[error("the copy of the directory cannot be read")]
    NoCopy(#[source] serde_json::Error),
}

/// SHA-256 of all records.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub(crate) [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from(*self))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        STANDARD.encode(digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let octets = STANDARD.decode(text).ok();
        let octets = octets.and_then(|octets| octets.try_into().ok());
        octets.map(Self).ok_or("no digest")
    }
}

/// A directory at an epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct Records {
    /// Whose.
    pub account: AccountId,
    /// The state they are.
    pub epoch: Epoch,
    /// Each as JSON, which the records of other epochs share.
    pub(crate) by_key: BTreeMap<Arc<str>, Arc<str>>,
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The records hold hashes of passwords.
        write!(
            formatter,
            "Records({} at {}: {})",
            self.account,
            self.epoch.0,
            self.by_key.len()
        )
    }
}

/// What leads from some records to others.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Records that are added or replaced, with their keys.
    pub put: Vec<(Arc<str>, Arc<str>)>,
    /// Keys of those that go.
    pub remove: Vec<Arc<str>>,
}

impl fmt::Debug for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (put, remove) = (self.put.len(), self.remove.len());
        write!(formatter, "Difference({put} put, {remove} removed)")
    }
}

impl Difference {
    /// How many records it touches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.put.len().saturating_add(self.remove.len())
    }

    /// Whether it touches none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Records {
    /// No records yet.
    #[must_use]
    pub fn none(account: AccountId, epoch: Epoch) -> Self {
        Self {
            account,
            epoch,
            by_key: BTreeMap::new(),
        }
    }

    /// The records of a snapshot; of passwords only their hashes.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let account = Record::Account {
            realm: snapshot.realm.clone(),
            domain: snapshot.domain.clone(),
            default_algorithm: snapshot.default_algorithm,
        };
        let users = snapshot.users.iter().map(Record::user);
        let credentials = snapshot.credentials.iter();
        let credentials = credentials.map(|credential| Record::credential(credential, &snapshot.realm));
        let extensions = snapshot.extensions.iter().map(Record::extension);
        let permissions = snapshot.permissions.iter().map(Record::permission);
        let records = users.chain(credentials).chain(extensions).chain(permissions);
        let records = std::iter::once(account).chain(records);
        Self {
            account: snapshot.account.clone(),
            epoch: snapshot.epoch,
            by_key: records.map(|record| record.to_json()).collect(),
        }
    }

    /// The records of another snapshot than the one that these are of: what is the same in both is not made again.
    fn of_next(&self, own: &Snapshot, next: &Snapshot) -> Self {
        let Some(edits) = own.edits_to(next) else {
            return Self::of(next);
        };
        let mut records = self.clone();
        records.epoch = next.epoch;
        for edit in edits {
            records.edit(edit, &next.realm);
        }
        records
    }

    fn edit(&mut self, edit: Edit, realm: &str) {
        let (put, gone) = match edit {
            Edit::PutUser(user) => (Some(Record::user(&user)), None),
            Edit::RemoveUser(user) => (None, Some(user_key(&user))),
            Edit::PutCredential(credential) => (Some(Record::credential(&credential, realm)), None),
            Edit::RemoveCredential(id, generation) => (None, Some(credential_key(&id, generation.0))),
            Edit::PutExtension(record) => (Some(Record::extension(&record)), None),
            Edit::RemoveExtension(extension) => (None, Some(extension_key(&extension))),
            Edit::PutPermission(permission) => (Some(Record::permission(&permission)), None),
            Edit::RemovePermission(action, who, subject) => {
                let permission = Permission {
                    who,
                    action,
                    subject,
                    pin: None,
                };
                (None, Some(Record::permission(&permission).key()))
            }
        };
        self.by_key.extend(put.map(|record| record.to_json()));
        if let Some(key) = gone {
            self.by_key.remove(key.as_str());
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The kinds that this version does not know, of which it leaves the records out: a few of them.
    pub(crate) fn unknown_kinds(&self) -> BTreeSet<String> {
        let mut unknown = BTreeSet::new();
        for key in self.by_key.keys().filter(|key| !is_known(key)) {
            if unknown.len() == UNKNOWN_KINDS_MAX {
                break;
            }
            unknown.insert(shown(kind_of(key)));
        }
        unknown
    }

    /// The snapshot that they are, without records of kinds that are not known.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or the account's is missing.
    pub fn snapshot(&self) -> Result<Snapshot, RecordError> {
        let mut snapshot = Snapshot::empty(
            self.account.clone(),
            String::new(),
            String::new(),
            DigestAlgorithm::Sha256,
        );
        snapshot.epoch = self.epoch;
        let mut has_account = false;
        for (key, json) in self.by_key.iter().filter(|(key, _)| is_known(key)) {
            match Record::read(key, json)?.into_part() {
                Part::Account {
                    realm,
                    domain,
                    default_algorithm,
                } => {
                    has_account = true;
                    snapshot.realm = realm;
                    snapshot.domain = domain;
                    snapshot.default_algorithm = default_algorithm;
                }
                Part::User(user) => snapshot.users.push(user),
                Part::Credential(credential) => snapshot.credentials.push(credential),
                Part::Extension(extension) => snapshot.extensions.push(extension),
                Part::Permission(permission) => snapshot.permissions.push(permission),
            }
        }
        if has_account {
            Ok(snapshot)
        } else {
            Err(RecordError::NoAccount)
        }
    }

    /// The least that brings a directory with these records to others: a change where that is possible.
    ///
    /// # Errors
    ///
    /// When a record cannot be read, or the account's is missing.
    pub(crate) fn update_to(&self, others: &Self) -> Result<Update, RecordError> {
        let difference = self.difference_to(others);
        let edits = if difference.len() <= EDITS_MAX {
            self.edits_of(&difference)?
        } else {
            None
        };
        Ok(match edits {
            Some(edits) => Update::Change(Change {
                account: others.account.clone(),
                since: self.epoch,
                epoch: others.epoch,
                edits,
            }),
            None => Update::Snapshot(others.snapshot()?),
        })
    }

    /// What a difference from these does to a directory; none where no edit does that.
    fn edits_of(&self, difference: &Difference) -> Result<Option<Vec<Edit>>, RecordError> {
        let mut edits = Vec::with_capacity(difference.len());
        for key in difference.remove.iter().filter(|key| is_known(key)) {
            if let Some(json) = self.by_key.get(key) {
                edits.push(Record::read(key, json)?.into_part().removed());
            }
        }
        for (key, json) in difference.put.iter().filter(|(key, _)| is_known(key)) {
            edits.push(Record::read(key, json)?.into_part().put());
        }
        Ok(edits.into_iter().collect())
    }

    /// The hash of all of them, keys included.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for text in self.by_key.iter().flat_map(|(key, json)| [key, json]) {
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Digest(hash.finalize().into())
    }

    /// What leads from these to others.
    #[must_use]
    pub fn difference_to(&self, others: &Self) -> Difference {
        let mut difference = Difference::default();
        let mut own = self.by_key.iter().peekable();
        for (key, json) in &others.by_key {
            while let Some((gone, _)) = own.next_if(|(own, _)| *own < key) {
                difference.remove.push(Arc::clone(gone));
            }
            let before = own.next_if(|(own, _)| *own == key);
            if before.is_none_or(|(_, own)| own != json) {
                difference.put.push((Arc::clone(key), Arc::clone(json)));
            }
        }
        difference.remove.extend(own.map(|(gone, _)| Arc::clone(gone)));
        difference
    }

    /// Everything, as what leads there from nothing.
    #[must_use]
    pub fn everything(&self) -> Difference {
        let put = self.by_key.iter();
        Difference {
            put: put
                .map(|(key, json)| (Arc::clone(key), Arc::clone(json)))
                .collect(),
            remove: Vec::new(),
        }
    }

    /// Goes where a difference leads.
    pub fn apply(&mut self, difference: Difference) {
        for key in difference.remove {
            self.by_key.remove(&key);
        }
        self.by_key.extend(difference.put);
    }
}

/// Makes the records of one snapshot after the other: what two in a row have in common is made once.
#[derive(Debug, Default)]
pub struct Recorder {
    last: Option<(Arc<Snapshot>, Records)>,
}

impl Recorder {
    /// The records of the next snapshot; of passwords only their hashes.
    pub fn next(&mut self, snapshot: &Arc<Snapshot>) -> Records {
        let records = match &self.last {
            Some((last, records)) if Arc::ptr_eq(last, snapshot) => return records.clone(),
            Some((last, records)) => records.of_next(last, snapshot),
            None => Records::of(snapshot),
        };
        self.last = Some((Arc::clone(snapshot), records.clone()));
        records
    }
}
