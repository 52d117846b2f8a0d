//! Programs that use the API, and their tokens.

use model::inventory::{ApiClient, ApiClientId, ApiScopes};

use super::audit_links::fits;
use super::*;
use crate::stored::Columns;
use crate::{API_CLIENTS_MAX, API_TOKENS_MAX, AUDIT_MAX, REPEATS_MAX, Repeat};

fn client(number: u128) -> ApiClient {
    ApiClient {
        id: ApiClientId::from_random(number),
        name: name("Stock list"),
        secret: TokenHash([1; 32]),
        scopes: ApiScopes::parse("phone:read:admin").unwrap(),
        added_at: NOW,
    }
}

fn token(number: i64) -> TokenHash {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&number.to_be_bytes());
    TokenHash(octets)
}

#[tokio::test]
async fn a_token_is_its_client_s_until_it_ends_or_the_client_is_removed() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    assert!(scope.add_api_client(&client(1)).await.unwrap());
    assert_eq!(scope.api_clients().await.unwrap(), [client(1)]);
    let ends = NOW.after_seconds(60);
    assert!(
        scope
            .add_api_token(&client(1).id, token(1), ends, NOW)
            .await
            .unwrap()
    );
    assert!(
        !scope
            .add_api_token(&client(2).id, token(2), ends, NOW)
            .await
            .unwrap()
    );
    let mut other = writing.account(&id("two"));
    assert!(
        !other
            .add_api_token(&client(1).id, token(3), ends, NOW)
            .await
            .unwrap()
    );
    assert_eq!(other.remove_api_client(&client(1).id).await.unwrap(), None);

    let known = Some((id("one"), client(1)));
    assert_eq!(writing.api_client(&client(1).id).await.unwrap(), known);
    assert_eq!(writing.bearer(token(1), NOW).await.unwrap(), known);
    assert_eq!(writing.bearer(token(1), ends).await.unwrap(), None);
    assert_eq!(writing.bearer(token(2), NOW).await.unwrap(), None);
    let removed = writing.account(&id("one")).remove_api_client(&client(1).id).await;
    assert_eq!(removed.unwrap(), Some(client(1)));
    assert_eq!(writing.bearer(token(1), NOW).await.unwrap(), None);
}

#[tokio::test]
async fn a_client_has_so_many_tokens_and_an_account_so_many_clients() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in 0..API_CLIENTS_MAX {
        assert!(
            scope
                .add_api_client(&client(u128::try_from(number).unwrap()))
                .await
                .unwrap()
        );
    }
    assert!(!scope.add_api_client(&client(1_000)).await.unwrap());

    for number in 0..=API_TOKENS_MAX {
        let ends = NOW.after_seconds(60 + u64::try_from(number).unwrap());
        scope
            .add_api_token(&client(1).id, token(number), ends, NOW)
            .await
            .unwrap();
    }
    assert_eq!(writing.bearer(token(0), NOW).await.unwrap(), None);
    assert!(writing.bearer(token(1), NOW).await.unwrap().is_some());
    assert!(
        writing
            .bearer(token(API_TOKENS_MAX), NOW)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_token_that_ends_before_all_others_is_good_all_the_same() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_api_client(&client(1)).await.unwrap();
    for number in 0..=API_TOKENS_MAX {
        let life = if number < API_TOKENS_MAX { 3_600 } else { 60 };
        let ends = NOW.after_seconds(life);
        let kept = scope.add_api_token(&client(1).id, token(number), ends, NOW).await;
        assert!(kept.unwrap());
    }
    assert!(
        writing
            .bearer(token(API_TOKENS_MAX), NOW)
            .await
            .unwrap()
            .is_some()
    );
    let mut good = 0;
    for number in 0..=API_TOKENS_MAX {
        good += i64::from(writing.bearer(token(number), NOW).await.unwrap().is_some());
    }
    assert_eq!(good, API_TOKENS_MAX);
}

#[tokio::test]
async fn the_lowest_free_number_is_found_until_there_is_none() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in [11, 12, 14, 701] {
        scope.add_holder(&holder(number)).await.unwrap();
    }
    assert_eq!(scope.free_number(2).await.unwrap(), Some(13));
    assert_eq!(scope.free_number(3).await.unwrap(), Some(101));
    for number in (13..=13).chain(15..=99) {
        scope.add_holder(&holder(number)).await.unwrap();
    }
    assert_eq!(scope.free_number(2).await.unwrap(), None);
}

#[tokio::test]
async fn numbers_with_asterisks_and_leading_zeros_are_in_no_free_number_s_way() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for (id, number) in [(1, "*700"), (2, "1*01"), (3, "0701"), (4, "1001")] {
        let holder = Holder {
            extension: number.parse().unwrap(),
            ..holder(id)
        };
        scope.add_holder(&holder).await.unwrap();
    }
    assert_eq!(scope.free_number(4).await.unwrap(), Some(1002));
}

#[tokio::test]
async fn lines_change_places_with_the_credentials_they_have() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let one = account("one");
    let mut scope = writing.account(&id("one"));
    let (speaker, holders) = (device(1), [holder(701), holder(702)]);
    scope.add_device(&speaker).await.unwrap();
    let place = |port| LinePlace::Slot(SlotPosition::new(model::SlotKind::Page, port).unwrap());
    for (holder, port) in holders.iter().zip(1..) {
        scope.add_holder(holder).await.unwrap();
        let assigned = scope
            .assign(&one, &speaker, holder, place(port), Secret::from("secret"))
            .await;
        assigned.unwrap().unwrap();
    }
    for line in scope.lines_of_device(&speaker.id).await.unwrap() {
        let rotated = scope.rotate_line(&line.id, &Secret::from("another")).await;
        assert!(rotated.unwrap());
    }
    let earlier = scope.earlier_passwords().await.unwrap();
    assert_eq!(earlier.len(), 2);
    let before = scope.lines_of_device(&speaker.id).await.unwrap();
    let moves = [(before[0].id.clone(), place(2)), (before[1].id.clone(), place(1))];

    scope.move_lines(&one, &speaker, &moves).await.unwrap().unwrap();

    let after = scope.lines_of_device(&speaker.id).await.unwrap();
    assert_eq!(
        (&after[0].user, &after[1].user),
        (&before[1].user, &before[0].user)
    );
    assert_eq!(scope.earlier_passwords().await.unwrap(), earlier);
    assert_eq!(scope.former_lines(&speaker.id).await.unwrap(), []);
    let taken = [(after[0].id.clone(), place(2))];
    assert!(scope.move_lines(&one, &speaker, &taken).await.unwrap().is_err());
}

#[tokio::test]
async fn w08_programs_push_nothing_out_of_what_people_did() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let entry = |by: &str, number: i64| AuditEntry {
        at: NOW,
        by: by.to_owned(),
        action: "get token".to_owned(),
        detail: number.to_string(),
    };
    scope.add_audit(&entry("owner@example.com", 0)).await.unwrap();
    for number in 1..=AUDIT_MAX {
        let entry = entry("API client Script", number);
        scope.add_audit_of_program(&entry).await.unwrap();
        // A server walks past all that a transaction has made of a row to come to the last.
        if number % 200 == 0 {
            writing.commit().await.unwrap();
            writing = store.write().await.unwrap();
            scope = writing.account(&id("one"));
        }
    }
    let all = scope.audit(20_000).await.unwrap();
    assert_eq!(all.len(), 1 + usize::try_from(AUDIT_MAX).unwrap());
    assert_eq!(fits(&mut scope).await, all.len());

    let one_more = entry("API client Script", AUDIT_MAX + 1);
    scope.add_audit_of_program(&one_more).await.unwrap();

    let all = scope.audit(20_000).await.unwrap();
    assert_eq!(all.len(), 1 + usize::try_from(AUDIT_MAX).unwrap());
    assert_eq!(fits(&mut scope).await, all.len());
    let details: Vec<&str> = all
        .iter()
        .rev()
        .take(2)
        .map(|entry| entry.detail.as_str())
        .collect();
    assert_eq!(details, ["0", "2"]);
}

#[tokio::test]
async fn a_request_is_known_by_its_key_for_a_day_and_so_many_of_them() {
    let (folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_api_client(&client(1)).await.unwrap();
    let script = client(1).id;
    let (request, other) = (token(-1), token(-2));
    macro_rules! assert_begins {
        ($key:expr, $request:expr, $now:expr, $known:pat) => {
            let begun = scope
                .begin_repeatable(&script, token($key), $request, $now)
                .await;
            let begun = begun.unwrap();
            assert!(matches!(&begun, $known), "{begun:?}");
        };
    }
    assert_begins!(0, request, NOW, Repeat::First);
    assert_begins!(0, request, NOW, Repeat::Begun);
    let sql = "SELECT request FROM api_repeat";
    let row = scope.transaction.row(sql, &[]).await.unwrap().unwrap();
    let kept = Columns::of("api_repeat", row).hash().unwrap();
    assert_ne!(kept, request, "a PIN in it could be guessed from that");
    let claim = Secret::from("{\"code\":\"K7QX\"}");
    let answer = (201, &claim);
    for (at, is_answered) in [(NOW.0 - 1, false), (NOW.0 + 1, false), (NOW.0, true)] {
        let (key, at) = (token(0), Timestamp(at));
        scope.answer_repeatable(&script, key, at, answer).await.unwrap();
        let known = scope.begin_repeatable(&script, key, request, NOW).await;
        let is_known = matches!(known.unwrap(), Repeat::Answered { .. });
        assert_eq!(is_known, is_answered, "{at:?}");
    }
    let last = Timestamp(NOW.0 + 24 * 60 * 60 * 1_000 - 1);
    let again = scope.begin_repeatable(&script, token(0), request, last).await;
    let Repeat::Answered { status: 201, body } = again.unwrap() else {
        panic!("it was answered");
    };
    assert_eq!(body.reveal(), claim.reveal());
    assert_begins!(0, other, NOW, Repeat::Other);
    let before = Timestamp(NOW.0 - 1);
    scope.forget_repeatable(&script, token(0), before).await.unwrap();
    assert_begins!(0, other, NOW, Repeat::Other);
    scope.forget_repeatable(&script, token(0), NOW).await.unwrap();
    assert_begins!(0, request, NOW, Repeat::First);
    scope.transaction.forget_overdue_repeats(last).await.unwrap();
    assert_begins!(0, request, NOW, Repeat::Begun);
    let day_after = Timestamp(last.0 + 1);
    scope.transaction.forget_overdue_repeats(day_after).await.unwrap();
    assert_begins!(0, request, NOW, Repeat::First);

    let later = Timestamp(NOW.0 + 1);
    for key in 1..REPEATS_MAX {
        assert_begins!(key, request, later, Repeat::First);
    }
    assert_begins!(0, request, later, Repeat::Begun);
    assert_begins!(REPEATS_MAX, request, later, Repeat::First);
    assert_begins!(0, request, later, Repeat::First);
    let over = Timestamp(later.0 + 24 * 60 * 60 * 1_000);
    assert_begins!(5, request, over, Repeat::First);

    let answer = (201, &claim);
    scope
        .answer_repeatable(&script, token(5), over, answer)
        .await
        .unwrap();
    let mut foreign = writing.account(&id("two"));
    let known = foreign.begin_repeatable(&script, token(5), request, over).await;
    assert!(known.is_err(), "{known:?}");
    drop(folder);
}
