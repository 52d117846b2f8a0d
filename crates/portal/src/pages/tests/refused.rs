//! What is said of whoever a zone refuses, at Check of the device whose it is.

use model::inventory::Timestamp;
use model::status::{RegistrationRefusal, ZoneEvent};

use super::devices::{MAC, lines};
use super::*;

/// A zone refuses somebody who registers under a name.
fn refuse(visit: &Visit, name: &str, why: RegistrationRefusal, at: u64) {
    let refused = ZoneEvent::RegistrationRefused {
        account: None,
        user: name.to_owned(),
        from: "192.0.2.77:5061".to_owned(),
        why,
    };
    visit.registrations.note(&refused, Timestamp(at));
}

#[tokio::test]
async fn a_wrong_password_stays_the_cause_while_tries_are_slowed_and_the_time_of_the_next_is_told() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "701").await;
    let device = visit.add_device(MAC, "other", hall.as_str()).await;
    let user = lines(&visit, &device).await[0].user.to_string();
    let cause = "the authorization ID or the password is wrong (401)";
    for (why, at, next) in [
        (RegistrationRefusal::WrongCredentials, 1_000, None),
        (RegistrationRefusal::TooManyAttempts, 2_000, Some("00:01:02")),
        (RegistrationRefusal::WrongCredentials, 9_000, Some("00:01:09")),
    ] {
        refuse(&visit, &user, why, at);

        let page = visit.get(&format!("{device}/check")).await.text;

        assert!(
            page.contains("Registration refused") && page.contains(cause),
            "{page}"
        );
        let slowed = page.split_once("its tries over TLS or TCP are slowed: one after 01 Jan 1970 ");
        let told = slowed.and_then(|(_, rest)| rest.split_once(" UTC is looked at"));
        assert_eq!(told.map(|(time, _)| time), next, "{page}");
    }
}

#[tokio::test]
async fn a_device_that_registers_as_what_is_not_its_user_name_is_told_which_it_is() {
    let visit = Visit::of(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "701").await;
    let device = visit.add_device(MAC, "other", hall.as_str()).await;
    let line = lines(&visit, &device).await[0].clone();
    let id = line.authorization_id.to_string();
    for (name, what) in [(id.as_str(), "authorization ID"), ("701", "extension")] {
        refuse(&visit, name, RegistrationRefusal::OtherUser, 2_000);
        let told = format!(
            "somebody from 192.0.2.77:5061 registered as {name} and was refused: that is its {what}; the user name is {}",
            line.user
        );

        let page = visit.get(&format!("{device}/check")).await.text;

        assert!(page.contains(&told), "{told}: {page}");
    }
    refuse(
        &visit,
        line.user.as_str(),
        RegistrationRefusal::WrongCredentials,
        2_001,
    );
    let page = visit.get(&format!("{device}/check")).await.text;
    assert!(
        !page.contains("registered as"),
        "something later is known: {page}"
    );
}
