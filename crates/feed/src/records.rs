//! A directory as records under keys.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, EXTENSIONS_MAX, Epoch, ExtensionRecord,
    ExtensionRole, GENERATIONS_MAX, Generation, PERMISSIONS_MAX, Permission, Snapshot, Subject, USERS_MAX,
    Urgency, User, UserKind, Who,
};
use model::{AccountId, AuthorizationId, DeviceId, Extension, Secret, SipUser, SlotKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sip::digest::{Algorithm, Ha1};

/// Records of a directory at most: as many as one may have of each kind, and the one of the account.
pub const RECORDS_MAX: usize = USERS_MAX + USERS_MAX * GENERATIONS_MAX + EXTENSIONS_MAX + PERMISSIONS_MAX + 1;
/// What a signature is for, so that none made for something else is taken.
const CONTEXT: &[u8] = b"oyez directory 1\0";

/// Why records make no directory.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// One cannot be read.
    #[error("the record {key} cannot be read; service and zone have to be of versions that know each other")]
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
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
pub struct Digest([u8; 32]);

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
    /// Each as JSON.
    by_key: BTreeMap<String, String>,
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
    pub put: Vec<(String, String)>,
    /// Keys of those that go.
    pub remove: Vec<String>,
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
        let by_key = std::iter::once(account).chain(records).map(|record| {
            let json = serde_json::to_string(&record).unwrap_or_default();
            (record.key(), json)
        });
        Self {
            account: snapshot.account.clone(),
            epoch: snapshot.epoch,
            by_key: by_key.collect(),
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

    /// The snapshot that they are.
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
        for (key, json) in &self.by_key {
            let record: Record = serde_json::from_str(json).map_err(|source| RecordError::Unreadable {
                key: key.clone(),
                source,
            })?;
            has_account |= matches!(record, Record::Account { .. });
            record.put_into(&mut snapshot);
        }
        if has_account {
            Ok(snapshot)
        } else {
            Err(RecordError::NoAccount)
        }
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

    /// What the service signs: that these are the records of the account at the epoch.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let mut statement = CONTEXT.to_vec();
        statement.extend(self.epoch.0.to_be_bytes());
        statement.extend(self.digest().0);
        statement.extend(self.account.as_str().as_bytes());
        statement
    }

    /// What leads from these to others.
    #[must_use]
    pub fn difference_to(&self, others: &Self) -> Difference {
        let put = others
            .by_key
            .iter()
            .filter(|(key, json)| self.by_key.get(*key) != Some(json));
        let remove = self.by_key.keys().filter(|key| !others.by_key.contains_key(*key));
        Difference {
            put: put.map(|(key, json)| (key.clone(), json.clone())).collect(),
            remove: remove.cloned().collect(),
        }
    }

    /// Everything, as what leads there from nothing.
    #[must_use]
    pub fn everything(&self) -> Difference {
        let put = self.by_key.iter();
        Difference {
            put: put.map(|(key, json)| (key.clone(), json.clone())).collect(),
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

/// Records with the service's word for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The records.
    pub records: Records,
    /// The signature of [`Records::statement`].
    pub signature: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    account: AccountId,
    epoch: Epoch,
    signature: String,
    records: BTreeMap<String, String>,
}

impl Held {
    /// Writes a copy; it holds hashes of passwords, and is to be sealed.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let copy = Copy {
            account: self.records.account.clone(),
            epoch: self.records.epoch,
            signature: STANDARD.encode(&self.signature),
            records: self.records.by_key.clone(),
        };
        serde_json::to_vec(&copy).unwrap_or_default()
    }

    /// Reads what [`Held::to_octets`] writes. Whether the service has signed it is still to be seen.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_octets(octets: &[u8]) -> Result<Self, RecordError> {
        let copy: Copy = serde_json::from_slice(octets).map_err(RecordError::NoCopy)?;
        Ok(Self {
            records: Records {
                account: copy.account,
                epoch: copy.epoch,
                by_key: copy.records,
            },
            signature: STANDARD.decode(copy.signature).unwrap_or_default(),
        })
    }
}

/// A record as it travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    Account {
        realm: String,
        domain: String,
        default_algorithm: DigestAlgorithm,
    },
    User {
        user: SipUser,
        name: String,
        device: Option<DeviceId>,
    },
    Credential {
        authorization_id: AuthorizationId,
        user: SipUser,
        algorithm: DigestAlgorithm,
        generation: u32,
        ha1: String,
    },
    Extension {
        extension: Extension,
        name: String,
        role: Role,
    },
    Permission {
        user: Option<SipUser>,
        action: Action,
        extension: Option<Extension>,
        pin: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Role {
    Phone { user: SipUser },
    PageGroup { members: Vec<SipUser>, urgency: Urgency },
    Slot { kind: SlotKind, user: SipUser },
    Alert { members: Vec<SipUser> },
    Drill { members: Vec<SipUser> },
}

impl Record {
    fn user(user: &User) -> Self {
        Self::User {
            user: user.user.clone(),
            name: user.name.clone(),
            device: match &user.kind {
                UserKind::Phone => None,
                UserKind::Device(device) => Some(device.clone()),
            },
        }
    }

    fn credential(credential: &Credential, realm: &str) -> Self {
        let ha1 = match &credential.secret {
            CredentialSecret::Ha1(ha1) => ha1.reveal().to_owned(),
            CredentialSecret::Password(password) => {
                let algorithm = match credential.algorithm {
                    DigestAlgorithm::Md5 => Algorithm::Md5,
                    DigestAlgorithm::Sha256 => Algorithm::Sha256,
                };
                let password = sip::digest::Secret::from(password.reveal());
                let id = credential.authorization_id.as_str();
                Ha1::new(algorithm, id, realm, &password).reveal().to_owned()
            }
        };
        Self::Credential {
            authorization_id: credential.authorization_id.clone(),
            user: credential.user.clone(),
            algorithm: credential.algorithm,
            generation: credential.generation.0,
            ha1,
        }
    }

    fn extension(record: &ExtensionRecord) -> Self {
        let role = match record.role.clone() {
            ExtensionRole::Phone { user } => Role::Phone { user },
            ExtensionRole::PageGroup { members, urgency } => Role::PageGroup { members, urgency },
            ExtensionRole::Slot { kind, user } => Role::Slot { kind, user },
            ExtensionRole::Alert { members } => Role::Alert { members },
            ExtensionRole::Drill { members } => Role::Drill { members },
        };
        Self::Extension {
            extension: record.extension.clone(),
            name: record.name.clone(),
            role,
        }
    }

    fn permission(permission: &Permission) -> Self {
        Self::Permission {
            user: match &permission.who {
                Who::Anyone => None,
                Who::User(user) => Some(user.clone()),
            },
            action: permission.action,
            extension: match &permission.subject {
                Subject::Any => None,
                Subject::Extension(extension) => Some(extension.clone()),
            },
            pin: permission.pin.as_ref().map(|pin| pin.reveal().to_owned()),
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Account { .. } => "account".to_owned(),
            Self::User { user, .. } => format!("user/{user}"),
            Self::Credential {
                authorization_id,
                generation,
                ..
            } => format!("credential/{authorization_id}/{generation}"),
            Self::Extension { extension, .. } => format!("extension/{extension}"),
            Self::Permission {
                user,
                action,
                extension,
                ..
            } => {
                let user = user.as_ref().map_or("", SipUser::as_str);
                let extension = extension.as_ref().map_or("", Extension::as_str);
                format!("permission/{action}/{extension}/{user}")
            }
        }
    }

    fn put_into(self, snapshot: &mut Snapshot) {
        match self {
            Self::Account {
                realm,
                domain,
                default_algorithm,
            } => {
                snapshot.realm = realm;
                snapshot.domain = domain;
                snapshot.default_algorithm = default_algorithm;
            }
            Self::User { user, name, device } => snapshot.users.push(User {
                user,
                name,
                kind: device.map_or(UserKind::Phone, UserKind::Device),
            }),
            Self::Credential {
                authorization_id,
                user,
                algorithm,
                generation,
                ha1,
            } => snapshot.credentials.push(Credential {
                authorization_id,
                user,
                algorithm,
                generation: Generation(generation),
                secret: CredentialSecret::Ha1(Secret::new(ha1)),
            }),
            Self::Extension {
                extension,
                name,
                role,
            } => snapshot.extensions.push(ExtensionRecord {
                extension,
                name,
                role: match role {
                    Role::Phone { user } => ExtensionRole::Phone { user },
                    Role::PageGroup { members, urgency } => ExtensionRole::PageGroup { members, urgency },
                    Role::Slot { kind, user } => ExtensionRole::Slot { kind, user },
                    Role::Alert { members } => ExtensionRole::Alert { members },
                    Role::Drill { members } => ExtensionRole::Drill { members },
                },
            }),
            Self::Permission {
                user,
                action,
                extension,
                pin,
            } => snapshot.permissions.push(Permission {
                who: user.map_or(Who::Anyone, Who::User),
                action,
                subject: extension.map_or(Subject::Any, Subject::Extension),
                pin: pin.map(Secret::new),
            }),
        }
    }
}
