//! Zones take a state of the directory once.

use super::*;

#[tokio::test]
async fn a_state_that_would_be_told_as_something_else_becomes_another_state() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let epoch = scope.epoch().await.unwrap();
    assert_eq!(scope.feed_position().await.unwrap(), None);
    for _ in 0..2 {
        assert!(!scope.set_feed_position(epoch, "as before").await.unwrap());
    }
    assert_eq!(scope.epoch().await.unwrap(), epoch);

    assert!(scope.set_feed_position(epoch, "as something else").await.unwrap());

    let next = scope.epoch().await.unwrap();
    assert!(next > epoch);
    assert!(!scope.set_feed_position(next, "as something else").await.unwrap());
    let told = scope.feed_position().await.unwrap();
    assert_eq!(told, Some((next, "as something else".to_owned())));
    assert_eq!(writing.account(&id("two")).feed_position().await.unwrap(), None);
}
