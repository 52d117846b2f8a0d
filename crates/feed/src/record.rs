//! One record of a directory.

use std::sync::Arc;

use model::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Edit, ExtensionRecord, ExtensionRole, Generation,
    Permission, Subject, Urgency, User, UserKind, Who,
};
use model::{AuthorizationId, DeviceId, Extension, Secret, SipUser, SlotKind};
use serde::{Deserialize, Serialize};
use sip::digest::{Algorithm, Ha1};

use crate::RecordError;

/// A record as it travels.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Record {
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
pub(crate) enum Role {
    Phone { user: SipUser },
    PageGroup { members: Vec<SipUser>, urgency: Urgency },
    Slot { kind: SlotKind, user: SipUser },
    Alert { members: Vec<SipUser> },
    Drill { members: Vec<SipUser> },
}

impl Record {
    pub(crate) fn user(user: &User) -> Self {
        Self::User {
            user: user.user.clone(),
            name: user.name.clone(),
            device: match &user.kind {
                UserKind::Phone => None,
                UserKind::Device(device) => Some(device.clone()),
            },
        }
    }

    pub(crate) fn credential(credential: &Credential, realm: &str) -> Self {
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

    pub(crate) fn extension(record: &ExtensionRecord) -> Self {
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

    pub(crate) fn permission(permission: &Permission) -> Self {
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

    pub(crate) fn key(&self) -> String {
        match self {
            Self::Account { .. } => "account".to_owned(),
            Self::User { user, .. } => user_key(user),
            Self::Credential {
                authorization_id,
                generation,
                ..
            } => credential_key(authorization_id, *generation),
            Self::Extension { extension, .. } => extension_key(extension),
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

    /// As it is kept and travels, with its key.
    pub(crate) fn to_json(&self) -> (Arc<str>, Arc<str>) {
        let json = serde_json::to_string(self).unwrap_or_default();
        (self.key().into(), json.into())
    }

    pub(crate) fn read(key: &str, json: &str) -> Result<Self, RecordError> {
        let key_owned = || key.to_owned();
        let record: Self = serde_json::from_str(json).map_err(|source| RecordError::Unreadable {
            key: key_owned(),
            source,
        })?;
        if record.key() == key {
            Ok(record)
        } else {
            Err(RecordError::OtherKey { key: key_owned() })
        }
    }

    pub(crate) fn into_part(self) -> Part {
        match self {
            Self::Account {
                realm,
                domain,
                default_algorithm,
            } => Part::Account {
                realm,
                domain,
                default_algorithm,
            },
            Self::User { user, name, device } => Part::User(User {
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
            } => Part::Credential(Credential {
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
            } => Part::Extension(ExtensionRecord {
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
            } => Part::Permission(Permission {
                who: user.map_or(Who::Anyone, Who::User),
                action,
                subject: extension.map_or(Subject::Any, Subject::Extension),
                pin: pin.map(Secret::new),
            }),
        }
    }
}

/// The kind of a record, by its key.
pub(crate) fn kind_of(key: &str) -> &str {
    key.split_once('/').map_or(key, |(kind, _)| kind)
}

/// Whether a record is of a kind that this version knows. One of another is left out; what forbids something is therefore never a kind of
/// its own.
pub(crate) fn is_known(key: &str) -> bool {
    matches!(
        kind_of(key),
        "account" | "user" | "credential" | "extension" | "permission"
    )
}

pub(crate) fn user_key(user: &SipUser) -> String {
    format!("user/{user}")
}

pub(crate) fn credential_key(id: &AuthorizationId, generation: u32) -> String {
    format!("credential/{id}/{generation}")
}

pub(crate) fn extension_key(extension: &Extension) -> String {
    format!("extension/{extension}")
}

/// What a record is in a directory.
pub(crate) enum Part {
    Account {
        realm: String,
        domain: String,
        default_algorithm: DigestAlgorithm,
    },
    User(User),
    Credential(Credential),
    Extension(ExtensionRecord),
    Permission(Permission),
}

impl Part {
    /// The edit that puts it there; none for the account's.
    pub(crate) fn put(self) -> Option<Edit> {
        Some(match self {
            Self::Account { .. } => return None,
            Self::User(user) => Edit::PutUser(user),
            Self::Credential(credential) => Edit::PutCredential(credential),
            Self::Extension(extension) => Edit::PutExtension(extension),
            Self::Permission(permission) => Edit::PutPermission(permission),
        })
    }

    /// The edit that takes it away; none for the account's.
    pub(crate) fn removed(self) -> Option<Edit> {
        Some(match self {
            Self::Account { .. } => return None,
            Self::User(user) => Edit::RemoveUser(user.user),
            Self::Credential(credential) => {
                Edit::RemoveCredential(credential.authorization_id, credential.generation)
            }
            Self::Extension(extension) => Edit::RemoveExtension(extension.extension),
            Self::Permission(Permission {
                action, who, subject, ..
            }) => Edit::RemovePermission(action, who, subject),
        })
    }
}
