//! What waits for somebody to look.

use model::inventory::{HeldDevice, ShownCertificate, Standing};

use super::*;
use crate::SHOWN_CERTIFICATES_MAX;

fn shown(number: u8, standing: Standing) -> ShownCertificate {
    ShownCertificate {
        fingerprint: TokenHash([number; 32]),
        standing,
        first_at: Timestamp(number.into()),
        last_at: Timestamp(number.into()),
        source: "192.0.2.1".to_owned(),
    }
}

#[tokio::test]
async fn certificates_that_were_shown_are_kept_with_their_standing_for_one_account() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let speaker = device(1);
    scope.add_device(&speaker).await.unwrap();
    scope
        .set_shown_certificate(&speaker.id, &shown(1, Standing::Good))
        .await
        .unwrap();
    scope
        .set_shown_certificate(&speaker.id, &shown(2, Standing::Held))
        .await
        .unwrap();
    let later = ShownCertificate {
        first_at: Timestamp(9),
        last_at: Timestamp(9),
        source: "192.0.2.2".to_owned(),
        ..shown(1, Standing::Good)
    };
    scope.set_shown_certificate(&speaker.id, &later).await.unwrap();
    let found = scope.shown_certificates(&speaker.id).await.unwrap();
    let first = ShownCertificate {
        first_at: Timestamp(1),
        ..later
    };
    assert_eq!(found, [first, shown(2, Standing::Held)]);

    let fingerprint = TokenHash([2; 32]);
    assert!(
        scope
            .judge_certificate(&speaker.id, fingerprint, Standing::Blocked)
            .await
            .unwrap()
    );
    let unknown = scope.judge_certificate(&speaker.id, TokenHash([3; 32]), Standing::Blocked);
    assert!(!unknown.await.unwrap());
    let found = scope.shown_certificates(&speaker.id).await.unwrap();
    assert_eq!(found[1].standing, Standing::Blocked);

    let mut other = writing.account(&id("two"));
    assert_eq!(other.shown_certificates(&speaker.id).await.unwrap(), []);
    assert!(
        !other
            .judge_certificate(&speaker.id, fingerprint, Standing::Good)
            .await
            .unwrap()
    );
    let refused = other
        .set_shown_certificate(&speaker.id, &shown(4, Standing::Good))
        .await;
    assert!(matches!(refused, Err(StoreError::Missing { .. })));
}

#[tokio::test]
async fn so_many_certificates_of_a_device_are_kept_and_not_one_more() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let speaker = device(1);
    scope.add_device(&speaker).await.unwrap();
    scope
        .set_shown_certificate(&speaker.id, &shown(0, Standing::Blocked))
        .await
        .unwrap();
    let most = u8::try_from(SHOWN_CERTIFICATES_MAX).unwrap();
    for number in 1..=most {
        scope
            .set_shown_certificate(&speaker.id, &shown(number, Standing::Good))
            .await
            .unwrap();
    }
    let numbers = |found: Vec<ShownCertificate>| -> Vec<u8> {
        found.into_iter().map(|shown| shown.fingerprint.0[0]).collect()
    };
    let kept = numbers(scope.shown_certificates(&speaker.id).await.unwrap());
    assert_eq!(
        (kept.first(), kept.last(), kept.len()),
        (Some(&most), Some(&0), usize::from(most) + 1)
    );
    scope
        .set_shown_certificate(&speaker.id, &shown(most + 1, Standing::Good))
        .await
        .unwrap();
    let kept = numbers(scope.shown_certificates(&speaker.id).await.unwrap());
    assert!(!kept.contains(&1) && kept.contains(&0), "{kept:?}");
    assert_eq!(kept.len(), usize::from(most) + 1);
}

#[tokio::test]
async fn a_device_is_held_once_and_released_by_its_account_alone() {
    let (_place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let speaker = device(1);
    scope.add_device(&speaker).await.unwrap();
    let held = |why: &str| HeldDevice {
        at: NOW,
        why: why.to_owned(),
    };
    assert_eq!(scope.held_device(&speaker.id).await.unwrap(), None);
    assert!(scope.hold_device(&speaker.id, &held("first")).await.unwrap());
    assert!(!scope.hold_device(&speaker.id, &held("second")).await.unwrap());
    let mut other = writing.account(&id("two"));
    assert!(!other.release_device(&speaker.id).await.unwrap());
    assert_eq!(other.held_device(&speaker.id).await.unwrap(), None);
    let mut scope = writing.account(&id("one"));
    assert_eq!(scope.held_device(&speaker.id).await.unwrap(), Some(held("first")));
    assert!(scope.release_device(&speaker.id).await.unwrap());
    assert_eq!(scope.held_device(&speaker.id).await.unwrap(), None);
    assert!(scope.hold_device(&speaker.id, &held("again")).await.unwrap());
    scope.remove_device(&speaker.id).await.unwrap();
}
