//! A directory that changes bring to a snapshot is the one that the snapshot makes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeSet;

use model::directory::{
    Action, Applied, Credential, CredentialSecret, DigestAlgorithm, Directory, DirectoryError, EDITS_MAX,
    Epoch, ExtensionRecord, ExtensionRole, Generation, Permission, Snapshot, Subject, Update, Urgency, User,
    UserKind, Who,
};
use model::{Secret, SipUser, SlotKind};
use proptest::collection::vec;
use proptest::prelude::*;

/// So few that two snapshots share most of them, and that some break a rule.
const USERS: u8 = 5;

fn empty() -> Snapshot {
    Snapshot::empty(
        "acme".parse().unwrap(),
        "acme".to_owned(),
        "pbx.example".to_owned(),
        DigestAlgorithm::Sha256,
    )
}

fn user(number: u8) -> SipUser {
    format!("u{number}").parse().unwrap()
}

fn users() -> impl Strategy<Value = Vec<User>> {
    let user = (0..USERS, 0..2_u8, any::<bool>()).prop_map(|(number, name, is_phone)| User {
        user: user(number),
        name: name.to_string(),
        kind: if is_phone && number == 0 {
            UserKind::Phone
        } else {
            UserKind::Device(format!("d{number}").parse().unwrap())
        },
    });
    vec(user, 0..8)
}

fn credentials() -> impl Strategy<Value = Vec<Credential>> {
    let credential = (0..USERS, 0..20_u8, 1..3_u32, 0..2_u8).prop_map(|(id, other, generation, secret)| {
        Credential {
            authorization_id: format!("a{id}").parse().unwrap(),
            // Seldom somebody else's.
            user: user(if other < USERS { other } else { id }),
            algorithm: DigestAlgorithm::Md5,
            generation: Generation(generation),
            secret: CredentialSecret::Password(Secret::new(secret.to_string())),
        }
    });
    vec(credential, 0..6)
}

fn extensions() -> impl Strategy<Value = Vec<ExtensionRecord>> {
    let role = prop_oneof![
        (0..USERS).prop_map(|number| ExtensionRole::Phone { user: user(number) }),
        (0..USERS).prop_map(|number| ExtensionRole::Slot {
            kind: SlotKind::Page,
            user: user(number)
        }),
        vec(0..USERS, 0..3).prop_map(|members| ExtensionRole::PageGroup {
            members: members.into_iter().map(user).collect(),
            urgency: Urgency::Normal
        }),
    ];
    let extension = (0..9_u8, role).prop_map(|(number, role)| ExtensionRecord {
        extension: format!("70{number}").parse().unwrap(),
        name: String::new(),
        role,
    });
    vec(extension, 0..4)
}

fn permissions() -> impl Strategy<Value = Vec<Permission>> {
    let permission =
        (0..USERS, any::<bool>(), 0..3_u8, any::<bool>()).prop_map(|(number, is_call, extension, asks)| {
            Permission {
                who: if number == 0 {
                    Who::Anyone
                } else {
                    Who::User(user(number))
                },
                action: if is_call { Action::Call } else { Action::Page },
                subject: match extension {
                    0 => Subject::Any,
                    number => Subject::Extension(format!("70{number}").parse().unwrap()),
                },
                pin: asks.then(|| Secret::from("4711")),
            }
        });
    vec(permission, 0..4)
}

/// A snapshot with what is left when most records that stand there twice, or name nobody, are taken out.
fn snapshot() -> impl Strategy<Value = Snapshot> {
    let records = (users(), credentials(), extensions(), permissions());
    (records, any::<u8>(), 0..20_u8).prop_map(
        |((mut users, mut credentials, mut extensions, mut permissions), mended, domain)| {
            if mended > 25 {
                users.sort_by(|one, other| one.user.cmp(&other.user));
                users.dedup_by(|one, other| one.user == other.user);
                let known: BTreeSet<SipUser> = users.iter().map(|user| user.user.clone()).collect();
                let mut seen = BTreeSet::new();
                credentials.retain(|one| {
                    known.contains(&one.user) && seen.insert((one.authorization_id.clone(), one.generation))
                });
                let mut seen = BTreeSet::new();
                extensions.retain(|one| {
                    one.role.users().iter().all(|user| known.contains(user))
                        && seen.insert(one.extension.clone())
                });
                let mut seen = BTreeSet::new();
                permissions.retain(|one| seen.insert((one.action, one.who.clone(), one.subject.clone())));
            }
            Snapshot {
                domain: if domain == 0 {
                    "other.example"
                } else {
                    "pbx.example"
                }
                .to_owned(),
                users,
                credentials,
                extensions,
                permissions,
                ..empty()
            }
        },
    )
}

/// Whom an update has revoked of those who could register before.
fn revoked(before: &Directory, applied: Result<Applied, DirectoryError>) -> Option<BTreeSet<SipUser>> {
    match applied {
        Ok(Applied::Done { revoked }) => {
            let could = |user: &SipUser| before.authorization_id(user.as_str()).is_some();
            Some(revoked.into_iter().filter(could).collect())
        }
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_update_leads_where_the_snapshot_leads_and_is_refused_where_that_is(
        states in vec(snapshot(), 1..6),
    ) {
        let mut held = empty();
        let mut by_updates = Directory::new(held.account.clone());
        by_updates.apply(Update::Snapshot(held.clone())).unwrap();
        for (epoch, next) in (5..).zip(states) {
            let next = Snapshot { epoch: Epoch(epoch), ..next };
            let before = by_updates.clone();
            let mut by_snapshot = before.clone();
            let whole = revoked(&before, by_snapshot.apply(Update::Snapshot(next.clone())));
            let update = held.update_to(&next);
            let updated = revoked(&before, by_updates.apply(update));
            prop_assert_eq!(&updated, &whole);
            prop_assert_eq!(&by_updates, &by_snapshot);
            if whole.is_some() {
                held = next;
            }
        }
    }
}

#[test]
fn what_no_edit_changes_and_what_stands_there_twice_is_told_as_a_whole() {
    let mut from = empty();
    from.users.push(User {
        user: user(1),
        name: String::new(),
        kind: UserKind::Phone,
    });
    assert_eq!(from.edits_to(&from), Some(Vec::new()));
    let alter = |alter: fn(&mut Snapshot)| {
        let mut other = from.clone();
        alter(&mut other);
        from.edits_to(&other)
    };
    assert_eq!(alter(|other| other.account = "else".parse().unwrap()), None);
    assert_eq!(alter(|other| other.realm = "else".to_owned()), None);
    assert_eq!(alter(|other| other.domain = "else".to_owned()), None);
    assert_eq!(
        alter(|other| other.default_algorithm = DigestAlgorithm::Md5),
        None
    );
    assert_eq!(alter(|other| other.users.extend(other.users.clone())), None);
}

#[test]
fn an_update_has_so_many_edits_and_one_more_is_a_snapshot() {
    let with = |count: usize| {
        let mut snapshot = empty();
        snapshot.users.extend((0..count).map(|number| User {
            user: format!("u{number}").parse().unwrap(),
            name: String::new(),
            kind: UserKind::Phone,
        }));
        snapshot
    };
    assert!(matches!(
        with(0).update_to(&with(EDITS_MAX)),
        Update::Change(change) if change.edits.len() == EDITS_MAX
    ));
    assert!(matches!(
        with(0).update_to(&with(EDITS_MAX + 1)),
        Update::Snapshot(_)
    ));
}
