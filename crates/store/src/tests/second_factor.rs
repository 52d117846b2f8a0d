//! The second factor of administrators, and sign-ins that wait for it.

use super::*;

const STEP: u64 = 57_000_000;

fn somebody() -> Administrator {
    Administrator {
        id: AdministratorId::from_random(1),
        email: "ada@example.com".to_owned(),
        role: Role::Admin,
        password: None,
    }
}

fn codes() -> [TokenHash; 2] {
    [TokenHash([1; 32]), TokenHash([2; 32])]
}

#[tokio::test]
async fn a_second_factor_is_set_up_once_and_no_code_of_it_is_taken_twice() {
    let (_folder, store) = opened!();
    let ada = somebody();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_administrator(&ada).await.unwrap();
    assert!(scope.second_factor(&ada.id).await.unwrap().is_none());
    let secret = Secret::from("GEZDGNBVGY3TQOJQ");
    assert!(
        scope
            .set_second_factor(&ada.id, &secret, STEP, &codes())
            .await
            .unwrap()
    );

    let other = Secret::from("other");
    assert!(!scope.set_second_factor(&ada.id, &other, STEP, &[]).await.unwrap());
    let kept = scope.second_factor(&ada.id).await.unwrap().unwrap();
    assert!(kept.secret.matches("GEZDGNBVGY3TQOJQ"));
    assert_eq!(kept.recovery_codes, 2);
    for (step, is_taken) in [
        (STEP, false),
        (STEP - 1, false),
        (STEP + 1, true),
        (STEP + 1, false),
    ] {
        assert_eq!(scope.use_step(&ada.id, step).await.unwrap(), is_taken, "{step}");
    }
    for is_there in [true, false] {
        let used = scope
            .use_recovery_code(&ada.id, TokenHash([2; 32]))
            .await
            .unwrap();
        assert_eq!(used, is_there);
    }
    assert_eq!(
        scope
            .second_factor(&ada.id)
            .await
            .unwrap()
            .unwrap()
            .recovery_codes,
        1
    );
    scope.set_recovery_codes(&ada.id, &codes()).await.unwrap();
    assert_eq!(
        scope
            .second_factor(&ada.id)
            .await
            .unwrap()
            .unwrap()
            .recovery_codes,
        2
    );
    assert_eq!(scope.with_second_factor().await.unwrap().len(), 1);
    let mut two = writing.account(&id("two"));
    assert!(two.second_factor(&ada.id).await.unwrap().is_none());
    assert!(!two.use_step(&ada.id, STEP + 9).await.unwrap());
    assert!(!two.use_recovery_code(&ada.id, TokenHash([1; 32])).await.unwrap());
    assert!(!two.remove_second_factor(&ada.id).await.unwrap());
    assert!(two.with_second_factor().await.unwrap().is_empty());
    let mut scope = writing.account(&id("one"));
    assert!(scope.remove_second_factor(&ada.id).await.unwrap());
    assert!(!scope.remove_second_factor(&ada.id).await.unwrap());
    assert!(
        !scope
            .use_recovery_code(&ada.id, TokenHash([1; 32]))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_sign_in_that_waits_is_no_session_and_ends_at_its_time_and_with_a_new_password() {
    let (_folder, store) = opened!();
    let ada = somebody();
    let mut writing = store.write().await.unwrap();
    writing.account(&id("one")).add_administrator(&ada).await.unwrap();
    let token = TokenHash([7; 32]);
    let half = Session {
        token,
        administrator: ada.id.clone(),
        expires_at: NOW.after_seconds(60),
    };
    writing.add_half_session(&half, NOW).await.unwrap();

    let found = writing.half_session(token, NOW).await.unwrap().unwrap();
    assert_eq!(
        (found.administrator.email.as_str(), found.account),
        (ada.email.as_str(), id("one"))
    );
    assert!(writing.session(token, NOW).await.unwrap().is_none());
    assert!(
        writing
            .half_session(token, half.expires_at)
            .await
            .unwrap()
            .is_none()
    );
    let hash = PasswordHash("hash".to_owned());
    writing
        .account(&id("one"))
        .set_password(&ada.id, &hash)
        .await
        .unwrap();
    assert!(writing.half_session(token, NOW).await.unwrap().is_none());
    writing.add_half_session(&half, NOW).await.unwrap();
    writing.remove_half_session(token).await.unwrap();
    assert!(writing.half_session(token, NOW).await.unwrap().is_none());
}

#[tokio::test]
async fn who_has_no_second_factor_owes_one_where_the_account_requires_it() {
    let (_folder, store) = opened!();
    let ada = somebody();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_administrator(&ada).await.unwrap();
    assert!(!scope.requires_second_factor().await.unwrap());
    scope.set_requires_second_factor(true).await.unwrap();
    assert!(scope.requires_second_factor().await.unwrap());
    assert!(writing.owes_second_factor(&id("one"), &ada.id).await.unwrap());
    assert!(!writing.owes_second_factor(&id("two"), &ada.id).await.unwrap());
    let mut scope = writing.account(&id("one"));
    let secret = Secret::from("secret");
    scope
        .set_second_factor(&ada.id, &secret, STEP, &[])
        .await
        .unwrap();
    assert!(!writing.owes_second_factor(&id("one"), &ada.id).await.unwrap());
}
