//! Edits of the tables, each of which returns the edit that takes it back.

use std::collections::BTreeSet;

use super::{
    Action, Credential, Directory, DirectoryError, Edit, ExtensionRecord, Generation, Permission, Subject,
    User, Who,
};
use crate::{AuthorizationId, Extension, SipUser};

/// The keys whose records an edit may have brought into conflict with a rule.
#[derive(Default)]
struct Touched {
    users: BTreeSet<SipUser>,
    authorization_ids: BTreeSet<AuthorizationId>,
    extensions: BTreeSet<Extension>,
}

impl Directory {
    /// Does all edits and returns the users that may not register any more, or does none of them.
    pub(super) fn edit_all(&mut self, edits: Vec<Edit>) -> Result<Vec<SipUser>, DirectoryError> {
        let mut touched = Touched::default();
        let mut inverses = Vec::with_capacity(edits.len());
        for edit in edits {
            self.note_touched(&edit, &mut touched);
            inverses.extend(self.edit(edit));
        }
        if let Err(error) = self.check_touched(&touched) {
            for inverse in inverses.into_iter().rev() {
                // The inverse of an inverse is the edit that has just been refused.
                let _refused = self.edit(inverse);
            }
            return Err(error);
        }
        Ok(touched
            .users
            .into_iter()
            .filter(|user| !self.may_still_register(user))
            .collect())
    }

    fn note_touched(&self, edit: &Edit, touched: &mut Touched) {
        match edit {
            Edit::PutUser(User { user, .. }) | Edit::RemoveUser(user) => {
                touched.users.insert(user.clone());
                touched
                    .extensions
                    .extend(self.extensions_by_user.get(user).into_iter().flatten().cloned());
            }
            Edit::PutCredential(credential) => {
                touched.users.insert(credential.user.clone());
                self.note_credentials(&credential.authorization_id, touched);
            }
            Edit::RemoveCredential(id, _) => self.note_credentials(id, touched),
            Edit::PutExtension(ExtensionRecord { extension, .. }) | Edit::RemoveExtension(extension) => {
                touched.extensions.insert(extension.clone());
            }
            Edit::PutPermission(_) | Edit::RemovePermission(..) => {}
        }
    }

    /// Whose it is, they may not be any more.
    fn note_credentials(&self, id: &AuthorizationId, touched: &mut Touched) {
        let before = self.credentials(id.as_str()).iter();
        touched
            .users
            .extend(before.map(|credential| credential.user.clone()));
        touched.authorization_ids.insert(id.clone());
    }

    fn check_touched(&self, touched: &Touched) -> Result<(), DirectoryError> {
        self.check_totals()?;
        touched.users.iter().try_for_each(|user| self.check_user(user))?;
        touched
            .authorization_ids
            .iter()
            .try_for_each(|id| self.check_credentials(id))?;
        touched
            .extensions
            .iter()
            .try_for_each(|extension| self.check_extension(extension))
    }

    /// Does one edit; `None` if it changed nothing, otherwise the edit that restores the record.
    fn edit(&mut self, edit: Edit) -> Option<Edit> {
        match edit {
            Edit::PutUser(user) => Some(self.put_user(user)),
            Edit::RemoveUser(user) => self.user_by_name.remove(&user).map(Edit::PutUser),
            Edit::PutCredential(credential) => Some(self.put_credential(credential)),
            Edit::RemoveCredential(id, generation) => {
                self.remove_credential(&id, generation).map(Edit::PutCredential)
            }
            Edit::PutExtension(record) => Some(self.put_extension(record)),
            Edit::RemoveExtension(extension) => self.remove_extension(&extension).map(Edit::PutExtension),
            Edit::PutPermission(permission) => Some(self.put_permission(permission)),
            Edit::RemovePermission(action, who, subject) => self.remove_permission(action, who, subject),
        }
    }

    pub(super) fn put_user(&mut self, user: User) -> Edit {
        let key = user.user.clone();
        match self.user_by_name.insert(key.clone(), user) {
            Some(previous) => Edit::PutUser(previous),
            None => Edit::RemoveUser(key),
        }
    }

    pub(super) fn put_credential(&mut self, credential: Credential) -> Edit {
        let id = credential.authorization_id.clone();
        let generation = credential.generation;
        let previous = self.remove_credential(&id, generation);
        self.authorization_ids_by_user
            .entry(credential.user.clone())
            .or_default()
            .insert(id.clone());
        let generations = self
            .credentials_by_authorization_id
            .entry(id.clone())
            .or_default();
        let newer = generations.partition_point(|other| other.generation > generation);
        generations.insert(newer, credential);
        previous.map_or(Edit::RemoveCredential(id, generation), Edit::PutCredential)
    }

    fn remove_credential(&mut self, id: &AuthorizationId, generation: Generation) -> Option<Credential> {
        let generations = self.credentials_by_authorization_id.get_mut(id)?;
        let position = generations
            .iter()
            .position(|credential| credential.generation == generation)?;
        let removed = generations.remove(position);
        let user_is_left = generations
            .iter()
            .any(|credential| credential.user == removed.user);
        if generations.is_empty() {
            self.credentials_by_authorization_id.remove(id);
        }
        if !user_is_left && let Some(ids) = self.authorization_ids_by_user.get_mut(&removed.user) {
            ids.remove(id);
            if ids.is_empty() {
                self.authorization_ids_by_user.remove(&removed.user);
            }
        }
        Some(removed)
    }

    pub(super) fn put_extension(&mut self, record: ExtensionRecord) -> Edit {
        let number = record.extension.clone();
        let previous = self.remove_extension(&number);
        for user in record.role.users() {
            self.extensions_by_user
                .entry(user.clone())
                .or_default()
                .insert(number.clone());
        }
        self.extension_by_number.insert(number.clone(), record);
        previous.map_or(Edit::RemoveExtension(number), Edit::PutExtension)
    }

    fn remove_extension(&mut self, number: &Extension) -> Option<ExtensionRecord> {
        let removed = self.extension_by_number.remove(number)?;
        for user in removed.role.users() {
            if let Some(numbers) = self.extensions_by_user.get_mut(user) {
                numbers.remove(number);
                if numbers.is_empty() {
                    self.extensions_by_user.remove(user);
                }
            }
        }
        Some(removed)
    }

    pub(super) fn put_permission(&mut self, permission: Permission) -> Edit {
        let Permission {
            who,
            action,
            subject,
            pin,
        } = permission;
        let previous = self
            .pin_by_permission
            .insert((action, who.clone(), subject.clone()), pin);
        match previous {
            Some(pin) => Edit::PutPermission(Permission {
                who,
                action,
                subject,
                pin,
            }),
            None => Edit::RemovePermission(action, who, subject),
        }
    }

    fn remove_permission(&mut self, action: Action, who: Who, subject: Subject) -> Option<Edit> {
        let key = (action, who, subject);
        let pin = self.pin_by_permission.remove(&key)?;
        let (action, who, subject) = key;
        Some(Edit::PutPermission(Permission {
            who,
            action,
            subject,
            pin,
        }))
    }
}
