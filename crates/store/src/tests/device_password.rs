//! What the passwords of the own pages of devices are made of.

use super::*;
use crate::{DEVICE_SECRETS_KEPT, DeviceSecret, GivenPassword};

fn secret(generation: u32, is_for_all: bool) -> DeviceSecret {
    DeviceSecret {
        generation,
        made_at: Timestamp(generation.into()),
        is_for_all,
        secret: Secret::new(format!("secret {generation}")),
    }
}

/// Begins this generation.
async fn begin(scope: &mut crate::Scope<'_, '_>, of: &DeviceSecret) {
    let made = scope
        .add_device_secret(&of.secret, of.is_for_all, of.made_at)
        .await;
    assert_eq!(made.unwrap(), *of);
}

/// The generations that are kept, the last first.
async fn kept(scope: &mut crate::Scope<'_, '_>) -> Vec<u32> {
    let all = scope.device_secrets().await.unwrap();
    all.iter().map(|secret| secret.generation).collect()
}

#[tokio::test]
async fn the_secrets_of_an_account_are_counted_and_the_last_comes_first() {
    let (place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    assert_eq!(scope.device_secret().await.unwrap(), None);
    let (first, second) = (secret(1, true), secret(2, false));
    begin(&mut scope, &first).await;
    begin(&mut scope, &second).await;
    writing.commit().await.unwrap();
    drop(store);

    let store = place.open().await.unwrap();

    let mut reading = store.read().await.unwrap();
    let mut scope = reading.account(&id("one"));
    assert_eq!(scope.device_secret().await.unwrap().as_ref(), Some(&second));
    assert_eq!(scope.device_secrets().await.unwrap(), [second, first]);
    let of_others = reading.account(&id("two")).device_secrets().await.unwrap();
    assert_eq!(of_others, [], "they are one account's");
}

#[tokio::test]
async fn so_many_secrets_are_kept_and_besides_what_a_device_was_given_last() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_device(&device(1)).await.unwrap();
    let given = GivenPassword {
        generation: 2,
        at: NOW,
    };
    scope.note_given_password(&device(1).id, given).await.unwrap();
    for generation in 1..=DEVICE_SECRETS_KEPT {
        begin(&mut scope, &secret(generation, false)).await;
    }
    assert_eq!(kept(&mut scope).await, [4, 3, 2, 1]);

    for generation in [5, 6] {
        begin(&mut scope, &secret(generation, false)).await;
    }

    assert_eq!(kept(&mut scope).await, [6, 5, 4, 3, 2]);
    assert_eq!(scope.given_password(&device(1).id).await.unwrap(), Some(given));
    let given = GivenPassword {
        generation: 6,
        at: NOW,
    };
    scope.note_given_password(&device(1).id, given).await.unwrap();
    begin(&mut scope, &secret(7, false)).await;
    assert_eq!(kept(&mut scope).await, [7, 6, 5, 4]);
    let of_others = writing.account(&id("two")).given_password(&device(1).id).await;
    assert_eq!(of_others.unwrap(), None, "it is one account's");
}

#[tokio::test]
async fn devices_count_as_behind_that_were_here_and_were_not_given_the_last() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    for number in [1, 2, 3] {
        let mut scope = writing.account(&id("one"));
        scope.add_device(&device(number)).await.unwrap();
        let here = Attempt {
            at: NOW,
            mac: Some(device(number).mac),
            source: "192.0.2.1".to_owned(),
            file: String::new(),
            outcome: AttemptOutcome::Served,
            proved: true,
            times: 1,
            detail: String::new(),
        };
        // The third has never been here.
        if number < 3 {
            assert!(
                !writing
                    .is_seen_besides(&here.source, device(1).mac)
                    .await
                    .unwrap()
            );
            writing.add_attempt(&here).await.unwrap();
        }
    }
    let mut is_shared = async |source, number| writing.is_seen_besides(source, device(number).mac).await;
    assert!(is_shared("192.0.2.1", 1).await.unwrap());
    assert!(!is_shared("192.0.2.2", 1).await.unwrap());
    let mut scope = writing.account(&id("one"));
    assert_eq!(scope.count_without_password_of(1).await.unwrap(), 2);
    let given = GivenPassword {
        generation: 1,
        at: NOW,
    };
    scope.note_given_password(&device(1).id, given).await.unwrap();
    assert_eq!(scope.count_without_password_of(1).await.unwrap(), 1);
    assert_eq!(scope.count_without_password_of(2).await.unwrap(), 2);

    // The first may have any; what the second was given is kept.
    for generation in 1..DEVICE_SECRETS_KEPT {
        begin(&mut scope, &secret(generation, false)).await;
    }
    assert_eq!(scope.count_that_may_lose_password().await.unwrap(), 0);
    begin(&mut scope, &secret(DEVICE_SECRETS_KEPT, false)).await;
    assert_eq!(scope.count_that_may_lose_password().await.unwrap(), 0);
    begin(&mut scope, &secret(DEVICE_SECRETS_KEPT + 1, false)).await;
    assert_eq!(scope.count_that_may_lose_password().await.unwrap(), 1);
    scope.note_given_password(&device(2).id, given).await.unwrap();
    assert_eq!(scope.count_that_may_lose_password().await.unwrap(), 0);
}
