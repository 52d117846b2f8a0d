//! A directory fed with snapshots and changes.

use super::*;
use crate::SlotKind;

#[test]
fn a_snapshot_is_looked_up_by_user_authorization_id_and_extension() {
    let directory = directory();

    assert_eq!(directory.user("hall").unwrap().name, "hall loudspeaker");
    assert_eq!(directory.credentials("hall-auth")[0].user, user("hall"));
    assert_eq!(directory.authorization_id("hall").unwrap().as_str(), "hall-auth");
    assert_eq!(
        directory.extension("700").unwrap().role.users(),
        [user("hall"), user("desk")]
    );
    let numbers: Vec<_> = directory
        .extensions_of("hall")
        .map(|record| record.extension.as_str())
        .collect();
    assert_eq!(numbers, ["101", "700"]);
    assert_eq!(directory.epoch(), Some(Epoch(5)));
    assert!(directory.user("nobody").is_none() && directory.credentials("nobody").is_empty());
}

#[test]
fn an_update_is_applied_ignored_or_answered_with_a_wish_by_its_epoch() {
    for (update, expected, epoch) in [
        (Update::Snapshot(at(snapshot(), 4)), Applied::Ignored, 5),
        (Update::Snapshot(at(snapshot(), 5)), Applied::Ignored, 5),
        (
            Update::Snapshot(at(snapshot(), 9)),
            Applied::Done { revoked: vec![] },
            9,
        ),
        (Update::Change(change(5, vec![])), Applied::Ignored, 5),
        (
            Update::Change(change(6, vec![])),
            Applied::Done { revoked: vec![] },
            6,
        ),
        (Update::Change(change(7, vec![])), Applied::SnapshotWanted, 5),
        (
            Update::Change(since(5, change(9, vec![]))),
            Applied::Done { revoked: vec![] },
            9,
        ),
        (
            Update::Change(since(4, change(9, vec![]))),
            Applied::SnapshotWanted,
            5,
        ),
    ] {
        let mut directory = directory();

        assert_eq!(directory.apply(update.clone()), Ok(expected), "{update:?}");
        assert_eq!(directory.epoch(), Some(Epoch(epoch)));
    }
}

#[test]
fn a_directory_that_knows_nothing_wants_a_snapshot_first() {
    let mut directory = Directory::new(account());

    assert_eq!(
        directory.apply(Update::Change(change(1, vec![]))),
        Ok(Applied::SnapshotWanted)
    );
    assert_eq!(directory.epoch(), None);
    assert_eq!(directory.challenge_algorithm("anybody"), DigestAlgorithm::Sha256);
}

#[test]
fn another_accounts_update_is_refused() {
    let mut directory = directory();
    let other = Snapshot {
        account: "other".parse().unwrap(),
        ..at(snapshot(), 9)
    };

    let refused = directory.apply(Update::Snapshot(other));

    assert!(matches!(refused, Err(DirectoryError::WrongAccount { .. })));
}

#[test]
fn a_change_puts_and_removes_records() {
    let mut directory = directory();

    let applied = apply(
        &mut directory,
        vec![
            Edit::PutUser(device("yard")),
            Edit::PutCredential(credential("yard", "yard-auth", 1)),
            Edit::PutExtension(page_group("700", &["hall", "yard"])),
            Edit::RemoveExtension(extension("200")),
            Edit::RemoveCredential(auth("desk-auth"), Generation(1)),
            Edit::RemoveUser(user("desk")),
        ],
    );

    assert_eq!(
        applied,
        Ok(Applied::Done {
            revoked: vec![user("desk")]
        })
    );
    assert!(directory.user("desk").is_none() && directory.extension("200").is_none());
    assert_eq!(directory.extensions_of("desk").count(), 0);
    assert_eq!(directory.extensions_of("yard").count(), 1);
    assert_eq!(directory.authorization_id("yard").unwrap().as_str(), "yard-auth");
}

#[test]
fn a_change_that_breaks_a_rule_leaves_everything_as_it_was() {
    let mut directory = directory();
    let before = format!("{directory:?}");

    let refused = apply(
        &mut directory,
        vec![
            Edit::PutUser(User {
                name: "first".into(),
                ..device("hall")
            }),
            Edit::PutUser(User {
                name: "second".into(),
                ..device("hall")
            }),
            Edit::PutUser(device("yard")),
            Edit::PutCredential(credential("yard", "yard-auth", 1)),
            Edit::PutCredential(credential("hall", "hall-auth", 2)),
            Edit::RemoveCredential(auth("hall-auth"), Generation(1)),
            Edit::RemoveExtension(extension("700")),
            Edit::PutExtension(page_group("101", &["yard"])),
            Edit::RemovePermission(Action::Call, Who::Anyone, Subject::Any),
            Edit::PutPermission(permission(
                Who::User(user("desk")),
                Action::Page,
                Subject::Any,
                Some("9"),
            )),
            Edit::RemoveUser(user("desk")),
        ],
    );

    assert!(
        matches!(refused, Err(DirectoryError::UnknownUser { .. })),
        "{refused:?}"
    );
    assert_eq!(format!("{directory:?}"), before);
}

#[test]
fn a_user_may_change_its_authorization_id_in_one_change_in_either_order() {
    let put = Edit::PutCredential(credential("hall", "hall-two", 1));
    let remove = Edit::RemoveCredential(auth("hall-auth"), Generation(1));
    for edits in [vec![put.clone(), remove.clone()], vec![remove, put]] {
        let mut directory = directory();

        assert_eq!(
            apply(&mut directory, edits),
            Ok(Applied::Done { revoked: vec![] })
        );
        assert_eq!(directory.authorization_id("hall").unwrap().as_str(), "hall-two");
        assert!(directory.credentials("hall-auth").is_empty());
    }
}

#[test]
fn two_generations_are_valid_and_the_newest_comes_first() {
    let mut directory = directory();

    apply(
        &mut directory,
        vec![Edit::PutCredential(credential("hall", "hall-auth", 2))],
    )
    .unwrap();

    let generations: Vec<_> = directory
        .credentials("hall-auth")
        .iter()
        .map(|c| c.generation.0)
        .collect();
    assert_eq!(generations, [2, 1]);
    let third = apply(
        &mut directory,
        vec![Edit::PutCredential(credential("hall", "hall-auth", 3))],
    );
    assert!(matches!(
        third,
        Err(DirectoryError::TooMany {
            limit: GENERATIONS_MAX,
            ..
        })
    ));
    let rotated = vec![
        Edit::PutCredential(credential("hall", "hall-auth", 3)),
        Edit::RemoveCredential(auth("hall-auth"), Generation(1)),
    ];
    assert_eq!(
        apply(&mut directory, rotated),
        Ok(Applied::Done { revoked: vec![] })
    );
}

#[test]
fn a_user_whose_last_credential_goes_is_revoked() {
    let mut directory = directory();

    let edits = vec![Edit::RemoveCredential(auth("hall-auth"), Generation(1))];

    assert_eq!(
        apply(&mut directory, edits),
        Ok(Applied::Done {
            revoked: vec![user("hall")]
        })
    );
}

#[test]
fn a_user_whose_credential_becomes_anothers_is_revoked() {
    let mut directory = directory();

    let edits = vec![
        Edit::PutUser(device("yard")),
        Edit::PutCredential(credential("yard", "hall-auth", 1)),
    ];

    assert_eq!(
        apply(&mut directory, edits),
        Ok(Applied::Done {
            revoked: vec![user("hall")]
        })
    );
}

#[test]
fn a_snapshot_revokes_whom_it_does_not_name() {
    let mut directory = directory();
    let mut smaller = at(snapshot(), 9);
    smaller.users.retain(|known| known.user != user("desk"));
    smaller.credentials.retain(|known| known.user != user("desk"));
    smaller.extensions.clear();

    let applied = directory.apply(Update::Snapshot(smaller));

    assert_eq!(
        applied,
        Ok(Applied::Done {
            revoked: vec![user("desk")]
        })
    );
}

#[test]
fn the_challenge_is_the_credentials_algorithm_and_the_default_for_everybody_else() {
    let mut old_phone = snapshot();
    old_phone.credentials[1].algorithm = DigestAlgorithm::Md5;
    let directory = fed(old_phone);

    assert_eq!(directory.challenge_algorithm("desk"), DigestAlgorithm::Md5);
    assert_eq!(directory.challenge_algorithm("hall"), DigestAlgorithm::Sha256);
    assert_eq!(directory.challenge_algorithm("nobody"), DigestAlgorithm::Sha256);
}

#[test]
fn an_extension_that_answers_by_itself_never_belongs_to_a_phone() {
    let slot = |kind| ExtensionRole::Slot {
        kind,
        user: user("desk"),
    };
    for (role, is_refused) in [
        (slot(SlotKind::Page), true),
        (slot(SlotKind::Alert), true),
        (slot(SlotKind::Ring), false),
    ] {
        let record = ExtensionRecord {
            extension: extension("300"),
            name: String::new(),
            role,
        };

        let applied = apply(&mut directory(), vec![Edit::PutExtension(record.clone())]);

        assert_eq!(applied.is_err(), is_refused, "{record:?}");
        if let Err(error) = applied {
            assert_eq!(
                error,
                DirectoryError::AutoAnswerOnPhone {
                    extension: extension("300"),
                    user: user("desk")
                }
            );
        }
    }
}

#[test]
fn a_device_that_becomes_a_phone_while_it_auto_answers_is_refused() {
    let mut directory = directory();
    let phone = User {
        kind: UserKind::Phone,
        ..device("hall")
    };

    let refused = apply(&mut directory, vec![Edit::PutUser(phone)]);

    assert!(matches!(refused, Err(DirectoryError::AutoAnswerOnPhone { .. })));
}

#[test]
fn a_snapshot_with_a_record_twice_is_refused() {
    refuse(|s| s.users.push(device("hall")), "user hall stands there twice");
    refuse(
        |s| s.credentials.push(credential("hall", "hall-auth", 1)),
        "credential hall-auth (generation 1) stands there twice",
    );
    refuse(
        |s| s.extensions.push(page_group("700", &[])),
        "extension 700 stands there twice",
    );
    refuse(
        |s| s.extensions.push(page_group("701", &["hall", "hall"])),
        "extension 701 has the member hall twice",
    );
    refuse(
        |s| {
            s.permissions
                .push(permission(Who::Anyone, Action::Call, Subject::Any, Some("1")));
        },
        "permission for anyone to call any extension stands there twice",
    );
}

#[test]
fn a_snapshot_with_a_number_both_a_phones_and_a_groups_is_refused() {
    refuse(
        |s| s.extensions.push(page_group("200", &[])),
        "extension 200 answers by itself, so it cannot belong to a phone (desk)",
    );
    refuse(
        |s| {
            let role = ExtensionRole::Phone { user: user("hall") };
            s.extensions.push(ExtensionRecord {
                extension: extension("9"),
                name: String::new(),
                role,
            });
        },
        "extension 9 rings a phone, but hall is a slot of a device",
    );
}

#[test]
fn a_snapshot_that_names_somebody_unknown_is_refused() {
    refuse(
        |s| s.extensions.push(page_group("701", &["ghost"])),
        "extension 701 names the user ghost, who is not there",
    );
    refuse(
        |s| s.credentials.push(credential("ghost", "ghost", 1)),
        "credential ghost names the user ghost, who is not there",
    );
}

#[test]
fn a_snapshot_with_a_challenge_that_could_not_be_determined_is_refused() {
    refuse(
        |s| s.credentials.push(credential("hall", "second", 1)),
        "user hall has a second authorization id, second; a user registers with one",
    );
    let by_md5 = || Credential {
        algorithm: DigestAlgorithm::Md5,
        ..credential("hall", "hall-auth", 2)
    };
    refuse(
        |s| s.credentials.push(by_md5()),
        "the generations of hall-auth differ in user or algorithm",
    );
    refuse(
        |s| s.credentials[0].secret = CredentialSecret::Ha1(Secret::from("ABC")),
        "the hash of hall-auth must be 64 lower-case hexadecimal digits",
    );
}

#[test]
fn a_snapshot_with_names_that_no_message_can_carry_is_refused() {
    let right = "must be 1 to 253 visible ASCII characters other than \" and \\";
    refuse(|s| s.realm = "a\"b".into(), &format!("realm \"a\\\"b\" {right}"));
    refuse(|s| s.domain = String::new(), &format!("domain \"\" {right}"));
    let long = "x".repeat(254);
    refuse(
        |s| s.domain = "x".repeat(254),
        &format!("domain {long:?} {right}"),
    );
}

#[test]
fn the_most_specific_permission_decides() {
    let mut given = snapshot();
    given.permissions = vec![
        permission(Who::Anyone, Action::Page, Subject::Any, Some("any-any")),
        permission(
            Who::Anyone,
            Action::Page,
            Subject::Extension(extension("700")),
            Some("any-700"),
        ),
        permission(
            Who::User(user("desk")),
            Action::Page,
            Subject::Any,
            Some("desk-any"),
        ),
        permission(
            Who::User(user("desk")),
            Action::Page,
            Subject::Extension(extension("700")),
            None,
        ),
    ];
    let directory = fed(given);
    let decide = |caller: &str, target: &str| match directory
        .decide(&user(caller), directory.extension(target).unwrap())
    {
        Decision::Allowed => "allowed".to_owned(),
        Decision::PinWanted(pin) => pin.reveal().to_owned(),
        Decision::Denied => "denied".to_owned(),
    };

    assert_eq!(decide("desk", "700"), "allowed");
    assert_eq!(decide("desk", "101"), "desk-any");
    assert_eq!(decide("hall", "700"), "any-700");
    assert_eq!(decide("hall", "101"), "any-any");
    assert_eq!(decide("hall", "200"), "denied");
}

#[test]
fn each_role_asks_for_its_own_action() {
    let device_user = || user("hall");
    let members = Vec::new;
    for (role, action) in [
        (ExtensionRole::Phone { user: device_user() }, Action::Call),
        (
            ExtensionRole::Slot {
                kind: SlotKind::Ring,
                user: device_user(),
            },
            Action::Call,
        ),
        (
            ExtensionRole::Slot {
                kind: SlotKind::Page,
                user: device_user(),
            },
            Action::Page,
        ),
        (
            ExtensionRole::PageGroup {
                members: members(),
                urgency: Urgency::Normal,
            },
            Action::Page,
        ),
        (
            ExtensionRole::Slot {
                kind: SlotKind::Alert,
                user: device_user(),
            },
            Action::Alert,
        ),
        (ExtensionRole::Alert { members: members() }, Action::Alert),
        (ExtensionRole::Drill { members: members() }, Action::Alert),
    ] {
        assert_eq!(role.action(), action, "{role:?}");
        assert_eq!(role.auto_answers(), action != Action::Call, "{role:?}");
    }
}

#[test]
fn a_permission_to_drill_is_none_to_raise_the_alert() {
    let mut given = snapshot();
    for (number, role) in [
        (
            "911",
            ExtensionRole::Alert {
                members: vec![user("hall")],
            },
        ),
        (
            "912",
            ExtensionRole::Drill {
                members: vec![user("hall")],
            },
        ),
    ] {
        given.extensions.push(ExtensionRecord {
            extension: extension(number),
            name: String::new(),
            role,
        });
    }
    let drill = Subject::Extension(extension("912"));
    given.permissions = vec![permission(Who::User(user("desk")), Action::Alert, drill, None)];
    let directory = fed(given);
    let decide = |target: &str| directory.decide(&user("desk"), directory.extension(target).unwrap());

    assert_eq!(decide("912"), Decision::Allowed);
    assert_eq!(decide("911"), Decision::Denied);
}

#[test]
fn the_numbers_of_members_and_edits_are_limited() {
    let names: Vec<String> = (0..=MEMBERS_MAX).map(|number| format!("u{number}")).collect();
    let mut full = snapshot();
    full.users.extend(names.iter().map(|name| device(name)));
    let members = |count: usize| {
        let members = names.iter().take(count).map(|name| user(name)).collect();
        let role = ExtensionRole::PageGroup {
            members,
            urgency: Urgency::Normal,
        };
        Edit::PutExtension(ExtensionRecord {
            extension: extension("702"),
            name: String::new(),
            role,
        })
    };
    let mut directory = fed(full);

    assert!(apply(&mut directory, vec![members(MEMBERS_MAX)]).is_ok());
    assert!(matches!(
        apply(&mut directory, vec![members(MEMBERS_MAX + 1)]),
        Err(DirectoryError::TooMany { .. })
    ));

    let edits = |count| vec![Edit::RemoveUser(user("nobody")); count];
    assert!(apply(&mut directory, edits(EDITS_MAX)).is_ok());
    assert!(matches!(
        apply(&mut directory, edits(EDITS_MAX + 1)),
        Err(DirectoryError::TooMany { .. })
    ));
}

#[test]
fn the_numbers_of_users_extensions_and_permissions_are_limited() {
    let mut directory = directory();
    for number in directory.users().count()..USERS_MAX {
        directory.add_user(device(&format!("u{number}"))).unwrap();
    }
    for number in directory.extensions().count()..EXTENSIONS_MAX {
        directory
            .add_extension(page_group(&format!("*{number}"), &[]))
            .unwrap();
    }
    for number in 1..PERMISSIONS_MAX {
        let who = Who::User(user(&format!("p{number}")));
        directory
            .add_permission(permission(who, Action::Call, Subject::Any, None))
            .unwrap();
    }
    assert_eq!(directory.check_totals(), Ok(()));

    for (edit, what) in [
        (Edit::PutUser(device("one-more")), "users"),
        (Edit::PutExtension(page_group("*000", &[])), "extensions"),
        (
            Edit::PutPermission(permission(
                Who::User(user("one-more")),
                Action::Call,
                Subject::Any,
                None,
            )),
            "permissions",
        ),
    ] {
        let refused = apply(&mut directory, vec![edit]);

        assert!(
            matches!(refused, Err(DirectoryError::TooMany { what: named, .. }) if named == what),
            "{refused:?}"
        );
        assert_eq!(directory.check_totals(), Ok(()));
    }
}

fn directory() -> Directory {
    fed(snapshot())
}

fn fed(snapshot: Snapshot) -> Directory {
    let mut directory = Directory::new(account());
    assert_eq!(
        directory.apply(Update::Snapshot(snapshot)),
        Ok(Applied::Done { revoked: vec![] })
    );
    directory
}

/// A loudspeaker 101, a phone 200, and a group 700 of both, at epoch 5.
fn snapshot() -> Snapshot {
    let slot = ExtensionRole::Slot {
        kind: SlotKind::Page,
        user: user("hall"),
    };
    let phone = ExtensionRole::Phone { user: user("desk") };
    Snapshot {
        account: account(),
        epoch: Epoch(5),
        realm: "realm-1".into(),
        domain: "example.com".into(),
        default_algorithm: DigestAlgorithm::Sha256,
        users: vec![
            device("hall"),
            User {
                kind: UserKind::Phone,
                ..device("desk")
            },
        ],
        credentials: vec![
            credential("hall", "hall-auth", 1),
            credential("desk", "desk-auth", 1),
        ],
        extensions: vec![
            ExtensionRecord {
                extension: extension("101"),
                name: "Hall".into(),
                role: slot,
            },
            ExtensionRecord {
                extension: extension("200"),
                name: "Desk".into(),
                role: phone,
            },
            page_group("700", &["hall", "desk"]),
        ],
        permissions: vec![permission(Who::Anyone, Action::Call, Subject::Any, None)],
    }
}

fn refuse(spoil: impl Fn(&mut Snapshot), expected: &str) {
    let mut spoilt = snapshot();
    spoil(&mut spoilt);

    let error = Directory::new(account())
        .apply(Update::Snapshot(spoilt))
        .unwrap_err();

    assert_eq!(error.to_string(), expected);
}

fn at(snapshot: Snapshot, epoch: u64) -> Snapshot {
    Snapshot {
        epoch: Epoch(epoch),
        ..snapshot
    }
}

fn change(epoch: u64, edits: Vec<Edit>) -> Change {
    Change {
        account: account(),
        since: Epoch(epoch - 1),
        epoch: Epoch(epoch),
        edits,
    }
}

fn since(epoch: u64, change: Change) -> Change {
    Change {
        since: Epoch(epoch),
        ..change
    }
}

/// Applies edits as the change that comes next.
fn apply(directory: &mut Directory, edits: Vec<Edit>) -> Result<Applied, DirectoryError> {
    let next = directory.epoch().unwrap().next();
    directory.apply(Update::Change(change(next.0, edits)))
}

fn account() -> AccountId {
    "acme".parse().unwrap()
}

fn user(name: &str) -> SipUser {
    name.parse().unwrap()
}

fn auth(name: &str) -> AuthorizationId {
    name.parse().unwrap()
}

fn extension(number: &str) -> Extension {
    number.parse().unwrap()
}

fn device(name: &str) -> User {
    User {
        user: user(name),
        name: format!("{name} loudspeaker"),
        kind: UserKind::Device(format!("device-{name}").parse().unwrap()),
    }
}

fn credential(name: &str, id: &str, generation: u32) -> Credential {
    Credential {
        authorization_id: auth(id),
        user: user(name),
        algorithm: DigestAlgorithm::Sha256,
        generation: Generation(generation),
        secret: CredentialSecret::Password(Secret::from("secret")),
    }
}

fn page_group(number: &str, members: &[&str]) -> ExtensionRecord {
    let members = members.iter().map(|name| user(name)).collect();
    let role = ExtensionRole::PageGroup {
        members,
        urgency: Urgency::Normal,
    };
    ExtensionRecord {
        extension: extension(number),
        name: String::new(),
        role,
    }
}

fn permission(who: Who, action: Action, subject: Subject, pin: Option<&str>) -> Permission {
    Permission {
        who,
        action,
        subject,
        pin: pin.map(Secret::from),
    }
}
