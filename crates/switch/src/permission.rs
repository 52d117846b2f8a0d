//! What an authenticated user may reach by dialling.

use model::directory::{Decision, Directory, ExtensionRecord, ExtensionRole};
use model::{SipUser, SlotKind};

/// Why a dialled extension is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// Nobody has that number.
    #[error("no such extension")]
    Unknown,
    /// No permission lets this caller reach it.
    #[error("the caller has no permission")]
    Denied,
}

/// What dialling an extension leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The extension dialled.
    pub extension: ExtensionRecord,
    /// How the two sides are joined.
    pub manner: Manner,
    /// The caller has to key in a PIN first.
    pub wants_pin: bool,
}

/// How the two sides of a call are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// The caller talks, all who are called listen.
    Page,
    /// The caller and the first who answers talk with each other.
    Conversation,
}

/// Decides where a call of `caller` to `number` leads.
///
/// # Errors
///
/// Says why it leads nowhere.
pub fn destination(directory: &Directory, caller: &SipUser, number: &str) -> Result<Destination, Barred> {
    let extension = directory.extension(number).ok_or(Barred::Unknown)?;
    let wants_pin = match directory.decide(caller, extension) {
        Decision::Allowed => false,
        Decision::PinWanted(_) => true,
        Decision::Denied => return Err(Barred::Denied),
    };
    let manner = match &extension.role {
        ExtensionRole::PageGroup { .. }
        | ExtensionRole::Alert { .. }
        | ExtensionRole::Drill { .. }
        | ExtensionRole::Slot {
            kind: SlotKind::Page, ..
        } => Manner::Page,
        ExtensionRole::Phone { .. }
        | ExtensionRole::Slot {
            kind: SlotKind::Ring | SlotKind::Alert,
            ..
        } => Manner::Conversation,
    };
    Ok(Destination {
        extension: extension.clone(),
        manner,
        wants_pin,
    })
}

#[cfg(test)]
mod tests {
    use model::Secret;
    use model::directory::{
        Action, DigestAlgorithm, Epoch, Permission, Snapshot, Subject, Update, Urgency, User, UserKind, Who,
    };

    use super::*;

    fn directory(role: ExtensionRole, permissions: Vec<Permission>) -> Directory {
        let callee = match &role {
            ExtensionRole::Slot { .. } => UserKind::Device("device".parse().unwrap()),
            _ => UserKind::Phone,
        };
        let person = |name: &str, kind| User {
            user: user(name),
            name: String::new(),
            kind,
        };
        let snapshot = Snapshot {
            account: "acme".parse().unwrap(),
            epoch: Epoch(1),
            realm: "acct-7".to_owned(),
            domain: "acme.example".to_owned(),
            default_algorithm: DigestAlgorithm::Sha256,
            users: vec![person("caller", UserKind::Phone), person("callee", callee)],
            credentials: Vec::new(),
            extensions: vec![ExtensionRecord {
                extension: "700".parse().unwrap(),
                name: "seven hundred".to_owned(),
                role,
            }],
            permissions,
        };
        let mut directory = Directory::new("acme".parse().unwrap());
        directory.apply(Update::Snapshot(snapshot)).unwrap();
        directory
    }

    fn user(name: &str) -> SipUser {
        name.parse().unwrap()
    }

    fn allow(action: Action, pin: Option<&str>) -> Permission {
        Permission {
            who: Who::User(user("caller")),
            action,
            subject: Subject::Any,
            pin: pin.map(Secret::from),
        }
    }

    fn slot(kind: SlotKind) -> ExtensionRole {
        ExtensionRole::Slot {
            kind,
            user: user("callee"),
        }
    }

    #[test]
    fn each_role_is_joined_in_its_own_manner_and_needs_its_own_permission() {
        let members = vec![user("callee")];
        let cases = [
            (
                ExtensionRole::Phone { user: user("callee") },
                Action::Call,
                Manner::Conversation,
            ),
            (slot(SlotKind::Ring), Action::Call, Manner::Conversation),
            (slot(SlotKind::Page), Action::Page, Manner::Page),
            (slot(SlotKind::Alert), Action::Alert, Manner::Conversation),
            (
                ExtensionRole::PageGroup {
                    members: members.clone(),
                    urgency: Urgency::Normal,
                },
                Action::Page,
                Manner::Page,
            ),
            (
                ExtensionRole::Alert {
                    members: members.clone(),
                },
                Action::Alert,
                Manner::Page,
            ),
            (ExtensionRole::Drill { members }, Action::Alert, Manner::Page),
        ];
        for (role, action, manner) in cases {
            let allowed = directory(role.clone(), vec![allow(action, None)]);
            let found = destination(&allowed, &user("caller"), "700").map(|found| found.manner);
            assert_eq!(found, Ok(manner), "{role:?}");

            let others = [Action::Call, Action::Page, Action::Alert]
                .into_iter()
                .filter(|other| *other != action);
            let others = directory(role.clone(), others.map(|other| allow(other, None)).collect());
            assert_eq!(
                destination(&others, &user("caller"), "700"),
                Err(Barred::Denied),
                "{role:?}"
            );
        }
    }

    #[test]
    fn a_permission_is_nobody_elses() {
        let role = ExtensionRole::Phone { user: user("callee") };
        let directory = directory(role, vec![allow(Action::Call, None)]);

        assert_eq!(
            destination(&directory, &user("callee"), "700"),
            Err(Barred::Denied)
        );
        assert_eq!(
            destination(&directory, &user("caller"), "7000"),
            Err(Barred::Unknown)
        );
    }

    #[test]
    fn a_pin_is_asked_for_whatever_is_dialled() {
        let cases = [
            (SlotKind::Page, Action::Page),
            (SlotKind::Ring, Action::Call),
            (SlotKind::Alert, Action::Alert),
        ];
        for (kind, action) in cases {
            let directory = directory(slot(kind), vec![allow(action, Some("4711"))]);
            let found = destination(&directory, &user("caller"), "700").unwrap();
            assert!(found.wants_pin, "{kind:?}");
        }
    }
}
