//! The sections of the file, and the rules between them.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::entry::{At, Entry, one_of, parse_at};
use super::reading::Reading;
use crate::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Directory, DirectoryError, Epoch, ExtensionRecord,
    ExtensionRole, Generation, Permission, Snapshot, Subject, Urgency, User, UserKind, Who,
};
use crate::nearest::nearest;
use crate::{AccountId, AuthorizationId, DeviceId, Extension, Secret, SipUser, SlotKind};

const FILE_KEYS: &[&str] = &[
    "account",
    "realm",
    "domain",
    "algorithm",
    "phone",
    "device",
    "page-group",
    "alert",
    "drill",
    "permission",
];
const PHONE_KEYS: &[&str] = &[
    "user",
    "name",
    "authorization-id",
    "password",
    "algorithm",
    "extension",
];
const DEVICE_KEYS: &[&str] = &[
    "user",
    "name",
    "authorization-id",
    "password",
    "algorithm",
    "extension",
    "device",
    "kind",
];
const PAGE_GROUP_KEYS: &[&str] = &["extension", "name", "members", "urgency"];
const ALERT_KEYS: &[&str] = &["extension", "name", "members"];
const PERMISSION_KEYS: &[&str] = &["who", "may", "what", "pin"];

const ALGORITHMS: &[&str] = &["sha-256", "md5"];
const SLOT_KINDS: &[&str] = &["page", "ring", "alert"];
const URGENCIES: &[&str] = &["normal", "priority"];
const ACTIONS: &[&str] = &["call", "page", "alert"];

/// Bytes of a password: a digest takes any length, a person or a generator none beyond.
const PASSWORD_LENGTH_MAX: usize = 128;
/// Digits of a PIN, which is typed on a telephone: fewer are guessed, more are mistyped.
const PIN_LENGTHS: std::ops::RangeInclusive<usize> = 4..=16;

/// The records read so far, in a directory that knows the rules, with the lines they stand on.
struct Records<'r, 'a> {
    reading: &'r mut Reading<'a>,
    directory: Directory,
    snapshot: Snapshot,
    line_by_record: BTreeMap<(&'static str, String), usize>,
    /// Users and extensions as their entries write them, right or wrong: where an entry was refused, naming it
    /// elsewhere is no further error.
    named: BTreeSet<String>,
}

/// Reads all sections; `None` if the head is not complete. What is wrong is in the reading's errors.
pub(super) fn read(reading: &mut Reading<'_>, table: &DeTable<'_>) -> Option<Snapshot> {
    let file = Entry::new(reading, 1, table, FILE_KEYS);
    let sections = ["phone", "device", "page-group", "alert", "drill", "permission"];
    let [phones, devices, page_groups, alerts, drills, permissions] =
        sections.map(|section| file.tables(reading, section));

    let mut records = Records::new(reading, &file)?;
    for phone in phones {
        records.read_user(phone, PHONE_KEYS);
    }
    for device in devices {
        records.read_user(device, DEVICE_KEYS);
    }
    for group in page_groups {
        records.read_group(group, PAGE_GROUP_KEYS, |members, urgency| {
            ExtensionRole::PageGroup { members, urgency }
        });
    }
    for alert in alerts {
        records.read_group(alert, ALERT_KEYS, |members, _| ExtensionRole::Alert { members });
    }
    for drill in drills {
        records.read_group(drill, ALERT_KEYS, |members, _| ExtensionRole::Drill { members });
    }
    for permission in permissions {
        records.read_permission(permission);
    }
    records.check();
    Some(records.snapshot)
}

impl<'r, 'a> Records<'r, 'a> {
    fn new(reading: &'r mut Reading<'a>, file: &Entry<'_>) -> Option<Self> {
        let account: Option<At<AccountId>> = file.required(reading, "account");
        let domain = file.required_text(reading, "domain");
        let realm = file.text(reading, "realm");
        let default_algorithm = algorithm(reading, file);
        let (account, domain) = (account?, domain?);
        let realm = realm.map_or(
            At {
                line: account.line,
                value: account.value.as_str(),
            },
            |realm| realm,
        );
        let mut directory = Directory::new(account.value.clone());
        if let Err(error) = directory.set_names(realm.value.to_owned(), domain.value.to_owned()) {
            let (line, key) = match &error {
                DirectoryError::BadName { what: "realm", .. } => (realm.line, "realm"),
                _ => (domain.line, "domain"),
            };
            reading.refuse(
                line,
                key,
                &error.to_string(),
                "a name like pbx.example.com would be right",
            );
        }
        let snapshot = Snapshot {
            account: account.value.clone(),
            epoch: Epoch(1),
            realm: realm.value.to_owned(),
            domain: domain.value.to_owned(),
            default_algorithm: default_algorithm?,
            users: Vec::new(),
            credentials: Vec::new(),
            extensions: Vec::new(),
            permissions: Vec::new(),
        };
        Some(Self {
            reading,
            directory,
            snapshot,
            line_by_record: BTreeMap::new(),
            named: BTreeSet::new(),
        })
    }

    fn entry<'t>(&mut self, table: At<&'t DeTable<'t>>, known: &[&'static str]) -> Entry<'t> {
        let entry = Entry::new(self.reading, table.line, table.value, known);
        let names = ["user", "extension"].into_iter().filter_map(|key| entry.raw(key));
        self.named.extend(names.map(str::to_owned));
        entry
    }

    /// Reads a phone, or a device if the keys of one are known here.
    fn read_user(&mut self, table: At<&DeTable<'_>>, known: &[&'static str]) {
        let entry = self.entry(table, known);
        let user: Option<At<SipUser>> = entry.required(self.reading, "user");
        let authorization_id: Option<At<AuthorizationId>> = entry.parsed(self.reading, "authorization-id");
        let password = password(self.reading, &entry);
        let algorithm = algorithm(self.reading, &entry);
        let extension: Option<At<Extension>> = entry.parsed(self.reading, "extension");
        let name = entry.text(self.reading, "name");
        let kind = self.user_kind(&entry, known, user.as_ref());
        let (Some(user), Some(password), Some(algorithm), Some((kind, slot))) =
            (user, password, algorithm, kind)
        else {
            return;
        };
        let name = name.map_or(user.value.as_str(), |name| name.value).to_owned();
        let authorization_id = match authorization_id {
            Some(id) => id,
            None => {
                let text = At {
                    line: user.line,
                    value: user.value.as_str(),
                };
                let Some(id) = parse_at(self.reading, "authorization-id", text) else {
                    return;
                };
                id
            }
        };
        self.add_user(
            user.line,
            User {
                user: user.value.clone(),
                name: name.clone(),
                kind,
            },
        );
        self.add_credential(
            authorization_id.line,
            Credential {
                authorization_id: authorization_id.value,
                user: user.value.clone(),
                algorithm,
                generation: Generation(1),
                secret: CredentialSecret::Password(password),
            },
        );
        if let Some(At {
            line,
            value: extension,
        }) = extension
        {
            let user = user.value;
            let role = match slot {
                Some(kind) => ExtensionRole::Slot { kind, user },
                None => ExtensionRole::Phone { user },
            };
            self.add_extension(
                line,
                ExtensionRecord {
                    extension,
                    name,
                    role,
                },
            );
        }
    }

    /// What registers, and for a device what its extension does.
    fn user_kind(
        &mut self,
        entry: &Entry<'_>,
        known: &[&'static str],
        user: Option<&At<SipUser>>,
    ) -> Option<(UserKind, Option<SlotKind>)> {
        if !known.contains(&"device") {
            return Some((UserKind::Phone, None));
        }
        let device: Option<At<DeviceId>> = entry.parsed(self.reading, "device");
        let kind = entry.word(self.reading, "kind", SLOT_KINDS)?;
        let kind = [SlotKind::Page, SlotKind::Ring, SlotKind::Alert]
            .into_iter()
            .find(|slot| slot.as_str() == kind);
        let device = match (device, user) {
            (Some(device), _) => device,
            (None, Some(user)) => parse_at(
                self.reading,
                "device",
                At {
                    line: user.line,
                    value: user.value.as_str(),
                },
            )?,
            (None, None) => return None,
        };
        Some((UserKind::Device(device.value), kind))
    }

    fn read_group(
        &mut self,
        table: At<&DeTable<'_>>,
        known: &[&'static str],
        role: impl FnOnce(Vec<SipUser>, Urgency) -> ExtensionRole,
    ) {
        let entry = self.entry(table, known);
        let extension: Option<At<Extension>> = entry.required(self.reading, "extension");
        let name = entry.text(self.reading, "name");
        let urgency = entry
            .word(self.reading, "urgency", URGENCIES)
            .map(|word| match word {
                "priority" => Urgency::Priority,
                _ => Urgency::Normal,
            });
        let listed = entry.required_texts(self.reading, "members");
        let members = listed
            .into_iter()
            .filter_map(|member| self.known_user("members", member))
            .collect();
        if let (Some(extension), Some(urgency)) = (extension, urgency) {
            let name = name
                .map_or(extension.value.as_str(), |name| name.value)
                .to_owned();
            let record = ExtensionRecord {
                extension: extension.value,
                name,
                role: role(members, urgency),
            };
            self.add_extension(extension.line, record);
        }
    }

    fn read_permission(&mut self, table: At<&DeTable<'_>>) {
        let entry = Entry::new(self.reading, table.line, table.value, PERMISSION_KEYS);
        let whos: Vec<_> = entry
            .required_texts(self.reading, "who")
            .into_iter()
            .filter_map(|who| self.who(who))
            .collect();
        let listed = entry.required_texts(self.reading, "may");
        let actions: Vec<_> = listed
            .into_iter()
            .filter_map(|action| self.action(action))
            .collect();
        let listed = entry.required_texts(self.reading, "what");
        let subjects: Vec<_> = listed
            .into_iter()
            .filter_map(|subject| self.subject(subject))
            .collect();
        let pin = match entry.text(self.reading, "pin") {
            Some(pin) if !is_pin(pin.value) => {
                self.reading
                    .refuse(pin.line, "pin", "not a PIN", "4 to 16 digits would be right");
                return;
            }
            pin => pin.map(|pin| Secret::from(pin.value)),
        };
        for who in &whos {
            for action in &actions {
                for subject in &subjects {
                    let (who, subject) = (who.clone(), subject.clone());
                    self.add_permission(
                        table.line,
                        Permission {
                            who,
                            action: *action,
                            subject,
                            pin: pin.clone(),
                        },
                    );
                }
            }
        }
    }

    fn who(&mut self, text: At<&str>) -> Option<Who> {
        if text.value == "*" {
            Some(Who::Anyone)
        } else {
            self.known_user("who", text).map(Who::User)
        }
    }

    fn action(&mut self, text: At<&str>) -> Option<Action> {
        let word = one_of(self.reading, "may", text, ACTIONS)?;
        [Action::Call, Action::Page, Action::Alert]
            .into_iter()
            .find(|action| action.to_string() == word)
    }

    fn subject(&mut self, text: At<&str>) -> Option<Subject> {
        if text.value == "*" {
            return Some(Subject::Any);
        }
        let extension: At<Extension> = parse_at(self.reading, "what", text)?;
        if self.directory.extension(text.value).is_none() {
            if self.named.contains(text.value) {
                return None;
            }
            let numbers = self
                .directory
                .extensions()
                .map(|record| record.extension.as_str());
            let right = suggestion(
                text.value,
                numbers,
                "an extension of this file, or \"*\", would be right",
            );
            self.reading.refuse(
                text.line,
                "what",
                &format!("there is no extension {}", text.value),
                &right,
            );
            return None;
        }
        Some(Subject::Extension(extension.value))
    }

    fn known_user(&mut self, key: &str, text: At<&str>) -> Option<SipUser> {
        let user: At<SipUser> = parse_at(self.reading, key, text)?;
        if self.directory.user(text.value).is_none() {
            if self.named.contains(text.value) {
                return None;
            }
            let users = self.directory.users().map(|user| user.user.as_str());
            let right = suggestion(
                text.value,
                users,
                "the user of a [[phone]] or [[device]] would be right",
            );
            self.reading.refuse(
                text.line,
                key,
                &format!("there is no user {}", text.value),
                &right,
            );
            return None;
        }
        Some(user.value)
    }

    fn add_user(&mut self, line: usize, user: User) {
        let added = self.directory.add_user(user.clone());
        if self.note("user", user.user.to_string(), line, added) {
            self.snapshot.users.push(user);
        }
    }

    fn add_credential(&mut self, line: usize, credential: Credential) {
        let id = credential.authorization_id.to_string();
        let added = self.directory.add_credential(credential.clone());
        if self.note("authorization-id", id, line, added) {
            self.snapshot.credentials.push(credential);
        }
    }

    fn add_extension(&mut self, line: usize, record: ExtensionRecord) {
        let added = self.directory.add_extension(record.clone());
        if self.note("extension", record.extension.to_string(), line, added) {
            self.snapshot.extensions.push(record);
        }
    }

    fn add_permission(&mut self, line: usize, permission: Permission) {
        let Permission {
            who, action, subject, ..
        } = &permission;
        let key = format!("{who} {action} {subject}");
        let added = self.directory.add_permission(permission.clone());
        if self.note("permission", key, line, added) {
            self.snapshot.permissions.push(permission);
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
        match added {
            Ok(()) => {
                self.line_by_record.insert((kind, key), line);
                true
            }
            Err(error) => {
                let other = self.line_by_record.get(&(kind, key)).copied().unwrap_or(0);
                let problem = format!("{error}; the other is on line {other}");
                self.reading
                    .refuse(line, kind, &problem, "each may stand there once");
                false
            }
        }
    }

    /// Applies the rules that need the whole directory.
    fn check(&mut self) {
        for record in &self.snapshot.extensions {
            if let Err(error) = self.directory.check_extension(&record.extension) {
                let key = ("extension", record.extension.to_string());
                let line = self.line_by_record.get(&key).copied().unwrap_or(1);
                self.reading.refuse(
                    line,
                    "extension",
                    &error.to_string(),
                    "another number or another member would be right",
                );
            }
        }
        if let Err(error) = self.directory.check_totals() {
            self.reading
                .refuse(1, "", &error.to_string(), "several accounts would be right");
        }
    }
}

fn algorithm(reading: &mut Reading<'_>, entry: &Entry<'_>) -> Option<DigestAlgorithm> {
    entry
        .word(reading, "algorithm", ALGORITHMS)
        .map(|word| match word {
            "md5" => DigestAlgorithm::Md5,
            _ => DigestAlgorithm::Sha256,
        })
}

fn password(reading: &mut Reading<'_>, entry: &Entry<'_>) -> Option<Secret> {
    let text = entry.required_text(reading, "password")?;
    if !(1..=PASSWORD_LENGTH_MAX).contains(&text.value.len()) || text.value.chars().any(char::is_control) {
        let right = format!("1 to {PASSWORD_LENGTH_MAX} bytes without control characters would be right");
        reading.refuse(text.line, "password", "not a password", &right);
        return None;
    }
    Some(Secret::from(text.value))
}

fn is_pin(text: &str) -> bool {
    PIN_LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(word, known).map_or(otherwise.to_owned(), |suggestion| {
        format!("did you mean {suggestion}?")
    })
}
