//! Changing and removing, with what it takes along.

use model::directory::{Credential, CredentialSecret};

use super::*;
use crate::{RemoveDeviceError, RotateLineError, Store};

fn group(members: &[HolderId]) -> PageGroup {
    PageGroup {
        id: GroupId::from_random(1),
        name: name("Everywhere"),
        extension: "700".parse().unwrap(),
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members: members.iter().cloned().map(GroupMember::Holder).collect(),
    }
}

/// A hall with a loudspeaker, in a page group.
async fn furnished(store: &Store) -> (Holder, Device, Line) {
    let (hall, speaker) = (holder(701), device(1));
    let line = line(&speaker, &hall);
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&hall).await.unwrap();
    scope.add_device(&speaker).await.unwrap();
    scope.add_line(&line).await.unwrap();
    scope
        .add_group(&group(std::slice::from_ref(&hall.id)))
        .await
        .unwrap();
    writing.commit().await.unwrap();
    (hall, speaker, line)
}

#[tokio::test]
async fn a_holder_is_renamed_and_renumbered_and_its_number_can_be_given_anew() {
    let (_folder, store) = opened!();
    let (mut hall, ..) = furnished(&store).await;
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_holder(&holder(702)).await.unwrap();

    (hall.name, hall.extension) = (name("Great hall"), "702".parse().unwrap());
    let taken = scope.update_holder(&hall).await.unwrap_err();
    assert!(matches!(taken, NumberTaken::By { .. }), "{taken}");
    hall.extension = "711".parse().unwrap();
    assert!(scope.update_holder(&hall).await.unwrap());

    assert_eq!(scope.holder(&hall.id).await.unwrap(), Some(hall.clone()));
    scope
        .add_holder(&Holder {
            id: HolderId::from_random(9),
            ..holder(701)
        })
        .await
        .unwrap();
    let mut other = writing.account(&id("two"));
    assert!(!other.update_holder(&hall).await.unwrap());
    assert!(!other.remove_holder(&hall.id).await.unwrap());
}

#[tokio::test]
async fn a_removed_holder_takes_its_lines_and_memberships_along_and_frees_its_number() {
    let (_folder, store) = opened!();
    let (hall, speaker, _) = furnished(&store).await;
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));

    assert!(scope.remove_holder(&hall.id).await.unwrap());

    assert!(!scope.remove_holder(&hall.id).await.unwrap());
    assert_eq!(scope.lines_of_device(&speaker.id).await.unwrap(), []);
    assert_eq!(scope.groups().await.unwrap(), [group(&[])]);
    scope.add_holder(&hall).await.unwrap();
}

#[tokio::test]
async fn a_device_is_renamed_and_removed_once_nothing_is_assigned_to_it() {
    let (_folder, store) = opened!();
    let (_, mut speaker, line) = furnished(&store).await;
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    speaker.name = name("Speaker");
    speaker.description = Description::new("").unwrap();

    assert!(scope.update_device(&speaker).await.unwrap());
    assert_eq!(scope.device(&speaker.id).await.unwrap(), Some(speaker.clone()));
    let assigned = scope.remove_device(&speaker.id).await.unwrap_err();
    assert!(matches!(assigned, RemoveDeviceError::Assigned));
    scope.remove_line(&line.id).await.unwrap();
    assert!(scope.remove_device(&speaker.id).await.unwrap());
    assert!(!scope.remove_device(&speaker.id).await.unwrap());
    scope.add_device(&speaker).await.unwrap();
    assert!(!writing.account(&id("two")).update_device(&speaker).await.unwrap());
}

#[tokio::test]
async fn a_page_group_gets_other_members_and_is_removed_without_them() {
    let (_folder, store) = opened!();
    let (hall, ..) = furnished(&store).await;
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let gate = holder(702);
    scope.add_holder(&gate).await.unwrap();
    let mut changed = group(std::slice::from_ref(&gate.id));
    changed.extension = hall.extension.clone();
    assert!(scope.update_group(&changed).await.is_err());
    changed.extension = "799".parse().unwrap();

    assert!(scope.update_group(&changed).await.unwrap());

    assert_eq!(scope.group(&changed.id).await.unwrap(), Some(changed.clone()));
    assert!(scope.remove_group(&changed.id).await.unwrap());
    assert_eq!(scope.groups().await.unwrap(), []);
    assert_eq!(scope.holders(None).await.unwrap().len(), 2);
    scope.add_group(&group(&[])).await.unwrap();
}

#[tokio::test]
async fn a_rotated_line_keeps_the_password_before_until_it_is_ended() {
    let (_folder, store) = opened!();
    let (.., line) = furnished(&store).await;
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let good = |credentials: Vec<Credential>| -> Vec<(u32, String)> {
        let one = |credential: Credential| match credential.secret {
            CredentialSecret::Password(password) => (credential.generation.0, password.reveal().to_owned()),
            CredentialSecret::Ha1(_) => panic!("a hash"),
        };
        credentials.into_iter().map(one).collect()
    };
    assert!(
        scope
            .rotate_line(&line.id, &Secret::from("second"))
            .await
            .unwrap()
    );
    let early = scope.rotate_line(&line.id, &Secret::from("third")).await;
    assert!(matches!(early, Err(RotateLineError::EarlierIsGood)), "{early:?}");

    let directory = scope.directory().await.unwrap().unwrap();
    let first = line.password.reveal().to_owned();
    assert_eq!(
        good(directory.credentials),
        [(2, "second".to_owned()), (1, first)]
    );
    assert!(scope.end_earlier_password(&line.id).await.unwrap());
    assert!(!scope.end_earlier_password(&line.id).await.unwrap());
    let directory = scope.directory().await.unwrap().unwrap();
    assert_eq!(good(directory.credentials), [(2, "second".to_owned())]);
    let third = scope.rotate_line(&line.id, &Secret::from("third")).await;
    assert!(third.unwrap());
    let mut other = writing.account(&id("two"));
    let rotated = other.rotate_line(&line.id, &Secret::from("other")).await;
    assert!(!rotated.unwrap());
}
