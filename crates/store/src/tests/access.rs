//! Who comes in by the link of the first start.

use super::*;
use crate::{Store, Transaction};

fn owner(number: u128) -> Administrator {
    Administrator {
        id: AdministratorId::from_random(number),
        email: format!("owner{number}@example.com"),
        role: Role::Owner,
        password: None,
    }
}

async fn found(transaction: &mut Transaction<'_>) -> Option<AdministratorId> {
    found_rather(transaction, "nobody@example.com").await
}

async fn found_rather(transaction: &mut Transaction<'_>, rather: &str) -> Option<AdministratorId> {
    let owner = transaction.owner_without_password(rather).await.unwrap();
    owner.map(|owner| owner.administrator.id)
}

async fn with_owners(store: &Store) -> Transaction<'_> {
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in [1, 2] {
        scope.add_administrator(&owner(number)).await.unwrap();
    }
    writing
}

#[tokio::test]
async fn an_invited_owner_is_not_the_first_one_unless_its_address_is_asked_for() {
    let (_folder, store) = opened!();
    let [first, second] = [1, 2].map(|number| owner(number).id);
    let mut writing = with_owners(&store).await;
    for (invited, other) in [(&first, &second), (&second, &first)] {
        let mut scope = writing.account(&id("one"));
        scope.invite(invited, TokenHash([7; 32]), NOW).await.unwrap();
        assert_eq!(found(&mut writing).await.as_ref(), Some(other));
        for named in [1, 2].map(owner) {
            let named_first = found_rather(&mut writing, &named.email).await;
            assert_eq!(named_first, Some(named.id));
        }
        writing
            .account(&id("one"))
            .end_invitations(invited)
            .await
            .unwrap();
    }
    let password = PasswordHash("$argon2id$".to_owned());
    let mut scope = writing.account(&id("one"));
    scope.set_password(&first, &password).await.unwrap();
    assert_eq!(found(&mut writing).await, None);
}

#[tokio::test]
async fn the_only_owner_is_found_again_whose_password_was_taken_away_though_invited_once() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_administrator(&owner(1)).await.unwrap();
    let admin = Administrator {
        role: Role::Admin,
        password: Some(PasswordHash("$argon2id$".to_owned())),
        ..owner(2)
    };
    scope.add_administrator(&admin).await.unwrap();
    scope.invite(&owner(1).id, TokenHash([7; 32]), NOW).await.unwrap();

    assert_eq!(found(&mut writing).await, Some(owner(1).id));
}
