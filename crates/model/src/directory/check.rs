//! The rules every directory keeps. Each check looks at one record and the records it names.

use std::collections::BTreeSet;

use super::{
    Credential, CredentialSecret, Directory, EXTENSIONS_MAX, ExtensionRecord, ExtensionRole, GENERATIONS_MAX,
    MEMBERS_MAX, PERMISSIONS_MAX, Permission, USERS_MAX, User, UserKind,
};
use crate::{AccountId, AuthorizationId, Extension, SipUser};

/// Longest realm or domain, in bytes: the longest DNS name.
pub(crate) const NAME_LENGTH_MAX: usize = 253;

/// A rule of the directory that an update breaks. The service that sent it is at fault; the switch keeps what it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The update is another account's.
    #[error("this is the directory of account {own}, the update is for {other}")]
    WrongAccount {
        /// The directory's account.
        own: AccountId,
        /// The update's account.
        other: AccountId,
    },
    /// A limit of the directory is passed.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Realm or domain cannot stand in a message.
    #[error("{what} {text:?} must be 1 to 253 visible ASCII characters other than \" and \\")]
    BadName {
        /// "realm" or "domain".
        what: &'static str,
        /// The refused text.
        text: String,
    },
    /// A snapshot holds a record twice.
    #[error("{what} {key} stands there twice")]
    Duplicate {
        /// Kind of record.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// A record names a user that is not there.
    #[error("{by} names the user {user}, who is not there")]
    UnknownUser {
        /// The record that names it.
        by: String,
        /// The missing user.
        user: SipUser,
    },
    /// A user has credentials under two authorization ids.
    #[error("user {user} has a second authorization id, {second}; a user registers with one")]
    SecondAuthorizationId {
        /// The user.
        user: SipUser,
        /// The one too many.
        second: AuthorizationId,
    },
    /// The generations of a credential are not of one user and one algorithm.
    #[error("the generations of {authorization_id} differ in user or algorithm")]
    MixedGenerations {
        /// Whose generations.
        authorization_id: AuthorizationId,
    },
    /// A password hash has the wrong form.
    #[error("the hash of {authorization_id} must be {digits} lower-case hexadecimal digits")]
    BadHash {
        /// Whose hash.
        authorization_id: AuthorizationId,
        /// Digits of its algorithm.
        digits: usize,
    },
    /// A group has a member twice.
    #[error("extension {extension} has the member {user} twice")]
    MemberTwice {
        /// The group.
        extension: Extension,
        /// The member.
        user: SipUser,
    },
    /// An extension that answers by itself would belong to a phone, whose calls it would steal.
    #[error("extension {extension} answers by itself, so it cannot belong to a phone ({user})")]
    AutoAnswerOnPhone {
        /// The extension.
        extension: Extension,
        /// The phone's user.
        user: SipUser,
    },
    /// A phone's extension would belong to a slot of a device.
    #[error("extension {extension} rings a phone, but {user} is a slot of a device")]
    PhoneOnDevice {
        /// The extension.
        extension: Extension,
        /// The device's user.
        user: SipUser,
    },
}

impl Directory {
    pub(crate) fn set_names(&mut self, realm: String, domain: String) -> Result<(), DirectoryError> {
        for (what, text) in [("realm", &realm), ("domain", &domain)] {
            if !is_name(text) {
                return Err(DirectoryError::BadName {
                    what,
                    text: text.clone(),
                });
            }
        }
        self.realm = realm;
        self.domain = domain;
        Ok(())
    }

    pub(crate) fn add_user(&mut self, user: User) -> Result<(), DirectoryError> {
        if self.user_by_name.contains_key(&user.user) {
            return Err(DirectoryError::Duplicate {
                what: "user",
                key: user.user.to_string(),
            });
        }
        self.put_user(user);
        Ok(())
    }

    pub(crate) fn add_credential(&mut self, credential: Credential) -> Result<(), DirectoryError> {
        let known = self.credentials(credential.authorization_id.as_str());
        if known
            .iter()
            .any(|other| other.generation == credential.generation)
        {
            let key = format!(
                "{} (generation {})",
                credential.authorization_id, credential.generation.0
            );
            return Err(DirectoryError::Duplicate {
                what: "credential",
                key,
            });
        }
        self.put_credential(credential);
        Ok(())
    }

    pub(crate) fn add_extension(&mut self, record: ExtensionRecord) -> Result<(), DirectoryError> {
        if let Some(known) = self.extension_by_number.get(&record.extension) {
            return Err(assigned_twice(known, &record));
        }
        self.put_extension(record);
        Ok(())
    }

    pub(crate) fn add_permission(&mut self, permission: Permission) -> Result<(), DirectoryError> {
        let Permission {
            action, who, subject, ..
        } = &permission;
        if self
            .pin_by_permission
            .contains_key(&(*action, who.clone(), subject.clone()))
        {
            let key = format!("for {who} to {action} {subject}");
            return Err(DirectoryError::Duplicate {
                what: "permission",
                key,
            });
        }
        self.put_permission(permission);
        Ok(())
    }

    pub(super) fn check_everything(&self) -> Result<(), DirectoryError> {
        self.check_totals()?;
        self.credentials_by_authorization_id
            .keys()
            .try_for_each(|id| self.check_credentials(id))?;
        self.extension_by_number
            .keys()
            .try_for_each(|extension| self.check_extension(extension))
    }

    pub(crate) fn check_totals(&self) -> Result<(), DirectoryError> {
        let totals = [
            ("users", self.user_by_name.len(), USERS_MAX),
            ("extensions", self.extension_by_number.len(), EXTENSIONS_MAX),
            ("permissions", self.pin_by_permission.len(), PERMISSIONS_MAX),
        ];
        match totals.into_iter().find(|(_, count, limit)| count > limit) {
            Some((what, _, limit)) => Err(DirectoryError::TooMany { what, limit }),
            None => Ok(()),
        }
    }

    /// A user that is gone must not be named by a credential or an extension.
    pub(super) fn check_user(&self, user: &SipUser) -> Result<(), DirectoryError> {
        if self.user_by_name.contains_key(user) {
            return Ok(());
        }
        let credential = self
            .authorization_id(user.as_str())
            .map(|id| format!("credential {id}"));
        let extension = || {
            self.extensions_of(user.as_str())
                .next()
                .map(|record| format!("extension {}", record.extension))
        };
        match credential.or_else(extension) {
            Some(by) => Err(DirectoryError::UnknownUser {
                by,
                user: user.clone(),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn check_credentials(&self, id: &AuthorizationId) -> Result<(), DirectoryError> {
        let generations = self.credentials(id.as_str());
        let Some(newest) = generations.first() else {
            return Ok(());
        };
        if generations.len() > GENERATIONS_MAX {
            return Err(DirectoryError::TooMany {
                what: "generations of a credential",
                limit: GENERATIONS_MAX,
            });
        }
        if generations
            .iter()
            .any(|other| (&other.user, other.algorithm) != (&newest.user, newest.algorithm))
        {
            return Err(DirectoryError::MixedGenerations {
                authorization_id: id.clone(),
            });
        }
        if !generations.iter().all(has_well_formed_secret) {
            let digits = newest.algorithm.hash_digits();
            return Err(DirectoryError::BadHash {
                authorization_id: id.clone(),
                digits,
            });
        }
        self.user_of(&newest.user, || format!("credential {id}"))?;
        let ids = self.authorization_ids_by_user.get(&newest.user);
        match ids.into_iter().flatten().nth(1) {
            Some(second) => Err(DirectoryError::SecondAuthorizationId {
                user: newest.user.clone(),
                second: second.clone(),
            }),
            None => Ok(()),
        }
    }

    pub(crate) fn check_extension(&self, extension: &Extension) -> Result<(), DirectoryError> {
        let Some(record) = self.extension_by_number.get(extension) else {
            return Ok(());
        };
        let users = record.role.users();
        if users.len() > MEMBERS_MAX {
            return Err(DirectoryError::TooMany {
                what: "members of a group",
                limit: MEMBERS_MAX,
            });
        }
        let mut seen = BTreeSet::new();
        for name in users {
            let user = self.user_of(name, || format!("extension {extension}"))?;
            if !seen.insert(name) {
                return Err(DirectoryError::MemberTwice {
                    extension: extension.clone(),
                    user: name.clone(),
                });
            }
            check_kind(record, user)?;
        }
        Ok(())
    }

    fn user_of(&self, user: &SipUser, by: impl FnOnce() -> String) -> Result<&User, DirectoryError> {
        self.user_by_name
            .get(user)
            .ok_or_else(|| DirectoryError::UnknownUser {
                by: by(),
                user: user.clone(),
            })
    }
}

/// A group may page phones by their own means; a number that is one slot's or one phone's belongs to that alone.
fn check_kind(record: &ExtensionRecord, user: &User) -> Result<(), DirectoryError> {
    let (extension, name) = (record.extension.clone(), user.user.clone());
    match (&record.role, &user.kind) {
        (ExtensionRole::Slot { kind, .. }, UserKind::Phone) if kind.auto_answers() => {
            Err(DirectoryError::AutoAnswerOnPhone {
                extension,
                user: name,
            })
        }
        (ExtensionRole::Phone { .. }, UserKind::Device(_)) => Err(DirectoryError::PhoneOnDevice {
            extension,
            user: name,
        }),
        (
            ExtensionRole::Phone { .. }
            | ExtensionRole::PageGroup { .. }
            | ExtensionRole::Slot { .. }
            | ExtensionRole::Alert { .. }
            | ExtensionRole::Drill { .. },
            UserKind::Phone | UserKind::Device(_),
        ) => Ok(()),
    }
}

fn assigned_twice(known: &ExtensionRecord, other: &ExtensionRecord) -> DirectoryError {
    for (phone, automatic) in [(known, other), (other, known)] {
        if let ExtensionRole::Phone { user } = &phone.role
            && automatic.role.auto_answers()
        {
            return DirectoryError::AutoAnswerOnPhone {
                extension: phone.extension.clone(),
                user: user.clone(),
            };
        }
    }
    DirectoryError::Duplicate {
        what: "extension",
        key: other.extension.to_string(),
    }
}

fn has_well_formed_secret(credential: &Credential) -> bool {
    match &credential.secret {
        CredentialSecret::Password(_) => true,
        CredentialSecret::Ha1(hash) => {
            let digits = hash.reveal().as_bytes();
            digits.len() == credential.algorithm.hash_digits()
                && digits
                    .iter()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LENGTH_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}
