//! The sections of the file, each read into records.

use toml::de::DeTable;

use super::entry::{At, Entry, one_of, parse_at};
use super::reading::Reading;
use super::records::Records;
use crate::directory::{
    Action, Credential, CredentialSecret, DigestAlgorithm, Directory, DirectoryError, ExtensionRecord,
    ExtensionRole, Generation, Permission, Snapshot, Subject, Urgency, User, UserKind, Who, is_pin,
};
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

/// Reads all sections; `None` if the head is not complete. What is wrong is in the reading's errors.
pub(super) fn read(reading: &mut Reading<'_>, table: &DeTable<'_>) -> Option<Snapshot> {
    let file = Entry::new(reading, 1, table, FILE_KEYS);
    let sections = ["phone", "device", "page-group", "alert", "drill", "permission"];
    let [phones, devices, page_groups, alerts, drills, permissions] =
        sections.map(|section| file.tables(reading, section));

    let head = read_head(reading, &file)?;
    let mut records = Records::new(reading, head);
    for phone in phones {
        read_user(&mut records, phone, PHONE_KEYS);
    }
    for device in devices {
        read_user(&mut records, device, DEVICE_KEYS);
    }
    for group in page_groups {
        let role = |members, urgency| ExtensionRole::PageGroup { members, urgency };
        read_group(&mut records, group, PAGE_GROUP_KEYS, role);
    }
    for alert in alerts {
        read_group(&mut records, alert, ALERT_KEYS, |members, _| {
            ExtensionRole::Alert { members }
        });
    }
    for drill in drills {
        read_group(&mut records, drill, ALERT_KEYS, |members, _| {
            ExtensionRole::Drill { members }
        });
    }
    for permission in permissions {
        read_permission(&mut records, permission);
    }
    Some(records.finish())
}

/// A snapshot with its names and without records.
fn read_head(reading: &mut Reading<'_>, file: &Entry<'_>) -> Option<Snapshot> {
    let account: Option<At<AccountId>> = file.required(reading, "account");
    let domain = file.required_text(reading, "domain");
    let realm = file.text(reading, "realm");
    let default_algorithm = algorithm(reading, file);
    let (account, domain) = (account?, domain?);
    let (realm_line, realm) = match realm {
        Some(realm) => (realm.line, realm.value),
        None => (account.line, account.value.as_str()),
    };
    let mut directory = Directory::new(account.value.clone());
    if let Err(error) = directory.set_names(realm.to_owned(), domain.value.to_owned()) {
        let (line, key) = match &error {
            DirectoryError::BadName { what: "realm", .. } => (realm_line, "realm"),
            _ => (domain.line, "domain"),
        };
        reading.refuse(
            line,
            key,
            &error.to_string(),
            "a name like pbx.example.com would be right",
        );
    }
    let realm = realm.to_owned();
    Some(Snapshot::empty(
        account.value,
        realm,
        domain.value.to_owned(),
        default_algorithm?,
    ))
}

/// Reads a phone, or a device if the keys of one are known here.
fn read_user(records: &mut Records<'_, '_>, table: At<&DeTable<'_>>, known: &[&'static str]) {
    let entry = records.entry(table, known);
    let user: Option<At<SipUser>> = entry.required(records.reading, "user");
    let extension: Option<At<Extension>> = entry.parsed(records.reading, "extension");
    let name = entry.text(records.reading, "name");
    let credential = read_credential(records.reading, &entry, user.as_ref());
    let slot = if known.contains(&"device") {
        read_slot(records.reading, &entry, user.as_ref()).map(Some)
    } else {
        Some(None)
    };
    let (Some(user), Some(credential), Some(slot)) = (user, credential, slot) else {
        return;
    };
    let name = name.map_or(user.value.as_str(), |name| name.value).to_owned();
    let kind = slot
        .as_ref()
        .map_or(UserKind::Phone, |(device, _)| UserKind::Device(device.clone()));
    records.add_user(
        user.line,
        User {
            user: user.value.clone(),
            name: name.clone(),
            kind,
        },
    );
    records.add_credential(credential.line, credential.value);
    if let Some(extension) = extension {
        let user = user.value;
        let role = match slot {
            Some((_, kind)) => ExtensionRole::Slot { kind, user },
            None => ExtensionRole::Phone { user },
        };
        records.add_extension(
            extension.line,
            ExtensionRecord {
                extension: extension.value,
                name,
                role,
            },
        );
    }
}

fn read_credential(
    reading: &mut Reading<'_>,
    entry: &Entry<'_>,
    user: Option<&At<SipUser>>,
) -> Option<At<Credential>> {
    let given: Option<At<AuthorizationId>> = entry.parsed(reading, "authorization-id");
    let password = password(reading, entry);
    let algorithm = algorithm(reading, entry);
    let user = user?;
    let authorization_id = match given {
        Some(id) => id,
        None => parse_at(reading, "authorization-id", user.as_text())?,
    };
    let credential = Credential {
        authorization_id: authorization_id.value,
        user: user.value.clone(),
        algorithm: algorithm?,
        generation: Generation(1),
        secret: CredentialSecret::Password(password?),
    };
    Some(At {
        line: authorization_id.line,
        value: credential,
    })
}

/// Which device a user is a slot of, and what a call to its extension does.
fn read_slot(
    reading: &mut Reading<'_>,
    entry: &Entry<'_>,
    user: Option<&At<SipUser>>,
) -> Option<(DeviceId, SlotKind)> {
    let given: Option<At<DeviceId>> = entry.parsed(reading, "device");
    let word = entry.word(reading, "kind", SLOT_KINDS)?;
    let kinds = SlotKind::ALL;
    let kind = kinds.into_iter().find(|kind| kind.as_str() == word)?;
    let device = match given {
        Some(device) => device,
        None => parse_at(reading, "device", user?.as_text())?,
    };
    Some((device.value, kind))
}

fn read_group(
    records: &mut Records<'_, '_>,
    table: At<&DeTable<'_>>,
    known: &[&'static str],
    role: impl FnOnce(Vec<SipUser>, Urgency) -> ExtensionRole,
) {
    let entry = records.entry(table, known);
    let extension: Option<At<Extension>> = entry.required(records.reading, "extension");
    let name = entry.text(records.reading, "name");
    let urgency = entry
        .word(records.reading, "urgency", URGENCIES)
        .map(|word| match word {
            "priority" => Urgency::Priority,
            _ => Urgency::Normal,
        });
    let listed = entry.required_texts(records.reading, "members");
    let members = listed
        .into_iter()
        .filter_map(|member| records.known_user("members", member))
        .collect();
    if let (Some(extension), Some(urgency)) = (extension, urgency) {
        let name = name
            .map_or(extension.value.as_str(), |name| name.value)
            .to_owned();
        let role = role(members, urgency);
        records.add_extension(
            extension.line,
            ExtensionRecord {
                extension: extension.value,
                name,
                role,
            },
        );
    }
}

/// Reads one permission for each combination of what is listed.
fn read_permission(records: &mut Records<'_, '_>, table: At<&DeTable<'_>>) {
    let entry = records.entry(table, PERMISSION_KEYS);
    let listed = entry.required_texts(records.reading, "who");
    let whos: Vec<_> = listed.into_iter().filter_map(|text| who(records, text)).collect();
    let listed = entry.required_texts(records.reading, "may");
    let actions: Vec<_> = listed
        .into_iter()
        .filter_map(|text| action(records.reading, text))
        .collect();
    let listed = entry.required_texts(records.reading, "what");
    let subjects: Vec<_> = listed
        .into_iter()
        .filter_map(|text| subject(records, text))
        .collect();
    let pin = entry.text(records.reading, "pin");
    if let Some(pin) = pin.filter(|pin| !is_pin(pin.value)) {
        records
            .reading
            .refuse(pin.line, "pin", "not a PIN", "4 to 16 digits would be right");
        return;
    }
    for who in &whos {
        for action in &actions {
            for subject in &subjects {
                let pin = pin.map(|pin| Secret::from(pin.value));
                let (who, action, subject) = (who.clone(), *action, subject.clone());
                records.add_permission(
                    table.line,
                    Permission {
                        who,
                        action,
                        subject,
                        pin,
                    },
                );
            }
        }
    }
}

fn who(records: &mut Records<'_, '_>, text: At<&str>) -> Option<Who> {
    match text.value {
        "*" => Some(Who::Anyone),
        _ => records.known_user("who", text).map(Who::User),
    }
}

fn action(reading: &mut Reading<'_>, text: At<&str>) -> Option<Action> {
    let word = one_of(reading, "may", text, ACTIONS)?;
    [Action::Call, Action::Page, Action::Alert]
        .into_iter()
        .find(|action| action.to_string() == word)
}

fn subject(records: &mut Records<'_, '_>, text: At<&str>) -> Option<Subject> {
    match text.value {
        "*" => Some(Subject::Any),
        _ => records.known_extension("what", text).map(Subject::Extension),
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
