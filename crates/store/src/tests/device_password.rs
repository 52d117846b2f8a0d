//! The password of the own pages of devices.

use super::*;
use crate::DevicePassword;

#[tokio::test]
async fn the_devices_of_an_account_have_one_password_and_the_one_before_is_remembered() {
    let (place, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    assert_eq!(scope.device_password().await.unwrap(), None);
    for (number, password) in (1..).zip(["first", "second", "third"]) {
        let at = Timestamp(number);
        scope
            .set_device_password(&Secret::from(password), at)
            .await
            .unwrap();
    }
    writing.commit().await.unwrap();
    drop(store);
    let store = place.open().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let expected = DevicePassword {
        current: Secret::from("third"),
        earlier: Some(Secret::from("second")),
        changed_at: Timestamp(3),
    };
    let found = reading.account(&id("one")).device_password().await.unwrap();
    assert_eq!(found, Some(expected));
    let of_others = reading.account(&id("two")).device_password().await.unwrap();
    assert_eq!(of_others, None, "it is one account's");
}
