//! The records read so far, and the rules between them.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::entry::{At, Entry, parse_at};
use super::reading::Reading;
use crate::directory::{Credential, Directory, DirectoryError, ExtensionRecord, Permission, Snapshot, User};
use crate::nearest::nearest;
use crate::{Extension, SipUser};

/// A snapshot as it grows, beside a directory that knows the rules and the lines the records stand on.
pub(super) struct Records<'r, 'a> {
    pub(super) reading: &'r mut Reading<'a>,
    directory: Directory,
    snapshot: Snapshot,
    line_by_record: BTreeMap<(&'static str, String), usize>,
    /// Users and extensions as their entries write them, right or wrong: where an entry was refused, naming it
    /// elsewhere is no further error.
    named: BTreeSet<String>,
}

impl<'r, 'a> Records<'r, 'a> {
    /// Begins with a snapshot that has names and no records.
    pub(super) fn new(reading: &'r mut Reading<'a>, snapshot: Snapshot) -> Self {
        Self {
            reading,
            directory: Directory::new(snapshot.account.clone()),
            snapshot,
            line_by_record: BTreeMap::new(),
            named: BTreeSet::new(),
        }
    }

    /// Takes an entry of the file apart and remembers what it is named.
    pub(super) fn entry<'t>(&mut self, table: At<&'t DeTable<'t>>, known: &[&'static str]) -> Entry<'t> {
        let entry = Entry::new(self.reading, table.line, table.value, known);
        let names = ["user", "extension"].into_iter().filter_map(|key| entry.raw(key));
        self.named.extend(names.map(str::to_owned));
        entry
    }

    /// A user of this file.
    pub(super) fn known_user(&mut self, key: &str, text: At<&str>) -> Option<SipUser> {
        let user: At<SipUser> = parse_at(self.reading, key, text)?;
        if self.directory.user(text.value).is_some() {
            return Some(user.value);
        }
        let users = self.directory.users().map(|user| user.user.as_str());
        let meant = nearest(text.value, users).map(str::to_owned);
        self.refuse_absent(
            key,
            text,
            "user",
            meant,
            "the user of a [[phone]] or [[device]] would be right",
        );
        None
    }

    /// An extension of this file.
    pub(super) fn known_extension(&mut self, key: &str, text: At<&str>) -> Option<Extension> {
        let extension: At<Extension> = parse_at(self.reading, key, text)?;
        if self.directory.extension(text.value).is_some() {
            return Some(extension.value);
        }
        let numbers = self
            .directory
            .extensions()
            .map(|record| record.extension.as_str());
        let meant = nearest(text.value, numbers).map(str::to_owned);
        self.refuse_absent(
            key,
            text,
            "extension",
            meant,
            "an extension of this file, or \"*\", would be right",
        );
        None
    }

    pub(super) fn add_user(&mut self, line: usize, user: User) {
        let added = self.directory.add_user(user.clone());
        if self.note("user", user.user.to_string(), line, added) {
            self.snapshot.users.push(user);
        }
    }

    pub(super) fn add_credential(&mut self, line: usize, credential: Credential) {
        let id = credential.authorization_id.to_string();
        let added = self.directory.add_credential(credential.clone());
        if self.note("authorization-id", id, line, added) {
            self.snapshot.credentials.push(credential);
        }
    }

    pub(super) fn add_extension(&mut self, line: usize, record: ExtensionRecord) {
        let added = self.directory.add_extension(record.clone());
        if self.note("extension", record.extension.to_string(), line, added) {
            self.snapshot.extensions.push(record);
        }
    }

    pub(super) fn add_permission(&mut self, line: usize, permission: Permission) {
        let key = format!("{} {} {}", permission.who, permission.action, permission.subject);
        let added = self.directory.add_permission(permission.clone());
        if self.note("permission", key, line, added) {
            self.snapshot.permissions.push(permission);
        }
    }

    /// Applies the rules that need the whole directory, and gives the snapshot.
    pub(super) fn finish(self) -> Snapshot {
        for record in &self.snapshot.extensions {
            if let Err(error) = self.directory.check_extension(&record.extension) {
                let key = ("extension", record.extension.to_string());
                let line = self.line_by_record.get(&key).copied().unwrap_or(1);
                let right = "another number or another member would be right";
                self.reading.refuse(line, "extension", &error.to_string(), right);
            }
        }
        if let Err(error) = self.directory.check_totals() {
            self.reading
                .refuse(1, "", &error.to_string(), "several accounts would be right");
        }
        self.snapshot
    }

    fn refuse_absent(
        &mut self,
        key: &str,
        text: At<&str>,
        kind: &str,
        meant: Option<String>,
        otherwise: &str,
    ) {
        if !self.named.contains(text.value) {
            let problem = format!("there is no {kind} {}", text.value);
            let right = meant.map_or(otherwise.to_owned(), |meant| format!("did you mean {meant}?"));
            self.reading.refuse(text.line, key, &problem, &right);
        }
    }

    /// Remembers the line of a record, or refuses it with the line of the record it collides with.
    fn note(
        &mut self,
        kind: &'static str,
        key: String,
        line: usize,
        added: Result<(), DirectoryError>,
    ) -> bool {
        let record = (kind, key);
        let Err(error) = added else {
            self.line_by_record.insert(record, line);
            return true;
        };
        let other = self.line_by_record.get(&record).copied().unwrap_or(1);
        let problem = format!("{error}; the other is on line {other}");
        self.reading
            .refuse(line, kind, &problem, "each may stand there once");
        false
    }
}
