//! The account of a service: made at the first start, and the store's from then on.

use anyhow::{Result, anyhow};
use model::Secret;
use model::inventory::{Account, Administrator, AdministratorId, Role};
use store::{Store, Transaction};

use super::config::ServiceConfig;
use super::locality;
use crate::failure::Failure;

/// The account as the store has it.
pub(super) struct Opened {
    /// The account.
    pub(super) account: Account,
    /// The token of a link by which its owner signs in; none once they have a password.
    pub(super) first_sign_in: Option<Secret>,
    /// The e-mail address that the owner of the file signs in with; none where they are an owner no more.
    pub(super) owner: Option<String>,
}

/// Opens the account of the store, and makes it with its owner where there is none. What the file says otherwise than the store
/// is warned of, and not taken.
///
/// # Errors
///
/// When the store fails, or has an account of another id.
pub(super) async fn open(store: &Store, config: &ServiceConfig) -> Result<Opened, Failure> {
    let wanted = &config.account;
    let mut transaction = store.write().await.map_err(|error| anyhow!(error))?;
    let known = transaction.accounts().await.map_err(|error| anyhow!(error))?;
    if let Some(other) = known
        .first()
        .filter(|_| !known.iter().any(|one| one.id == wanted.id))
    {
        let what = format!(
            "the state folder belongs to the account `{}`; name that one, or another state folder",
            other.id
        );
        return Err(config.wrong("account.id", &what).into());
    }
    let account = match known.into_iter().find(|one| one.id == wanted.id) {
        Some(account) => account,
        None => make(&mut transaction, config).await?,
    };
    let has_no_password = adopt_owner(&mut transaction, &account, &wanted.owner).await?;
    let owner = transaction
        .administrator_of_email(&wanted.owner)
        .await
        .map_err(|error| anyhow!(error))?;
    let is_owner_known =
        owner.is_some_and(|found| found.account == account.id && found.administrator.role == Role::Owner);
    transaction.commit().await.map_err(|error| anyhow!(error))?;

    let differences = [
        ("account.name", account.name == wanted.name),
        ("account.domain", account.domain == wanted.domain),
        ("account.owner", is_owner_known),
    ];
    for (key, _) in differences.iter().filter(|(_, is_same)| !is_same) {
        let what = "differs from the state folder and has no effect: it counts at the first start only";
        tracing::warn!("{}", config.wrong(key, what));
    }
    Ok(Opened {
        account,
        first_sign_in: has_no_password.then(token).transpose()?,
        owner: is_owner_known.then(|| wanted.owner.clone()),
    })
}

/// Says whether the owner has yet to choose a password. Until then nobody has signed in, and the address may still be put right in the file.
async fn adopt_owner(transaction: &mut Transaction<'_>, account: &Account, wanted: &str) -> Result<bool> {
    let found = transaction
        .owner_without_password(wanted)
        .await
        .map_err(|error| anyhow!(error))?;
    let Some(owner) = found.filter(|owner| owner.account == account.id) else {
        return Ok(false);
    };
    let taken = transaction
        .administrator_of_email(wanted)
        .await
        .map_err(|error| anyhow!(error))?;
    if taken.is_none() {
        let mut scope = transaction.account(&account.id);
        let set = scope.set_email(&owner.administrator.id, wanted).await;
        set.map_err(|error| anyhow!(error))?;
    }
    Ok(true)
}

/// Makes the account with its owner, who has no password yet. Country and time zone of this machine are what it takes for everybody.
///
/// # Errors
///
/// When the store fails.
pub(crate) async fn make(
    transaction: &mut Transaction<'_>,
    config: &ServiceConfig,
) -> Result<Account, Failure> {
    let account = Account {
        id: config.account.id.clone(),
        name: config.account.name.clone(),
        domain: config.account.domain.clone(),
        many_extensions_before_5_5: false,
        generic_devices: true,
    };
    let owner = Administrator {
        id: AdministratorId::from_random(random()?),
        email: config.account.owner.clone(),
        role: Role::Owner,
        password: None,
    };
    transaction
        .add_account(&account)
        .await
        .map_err(|error| anyhow!(error))?;
    let mut scope = transaction.account(&account.id);
    scope
        .add_administrator(&owner)
        .await
        .map_err(|error| anyhow!(error))?;
    scope
        .set_holder_defaults(&locality::of_this_machine())
        .await
        .map_err(|error| anyhow!(error))?;
    Ok(account)
}

/// 128 random bits in hexadecimal digits.
fn token() -> Result<Secret> {
    Ok(Secret::new(format!("{:032x}", random()?)))
}

/// 128 random bits.
pub(crate) fn random() -> Result<u128> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(u128::from_ne_bytes(octets))
}

#[cfg(test)]
mod tests {
    use model::inventory::PasswordHash;
    use std::path::Path;

    use super::*;

    fn config(folder: &Path, id: &str, name: &str, owner: &str) -> ServiceConfig {
        let file = folder.join("service.toml");
        let text = format!(
            "state = \"state\"\n[portal]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n\
             [provisioning]\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1\"\n[account]\nid = \"{id}\"\nname = \"{name}\"\n\
             domain = \"pbx.example.com\"\nowner = \"{owner}\"\n[zone]\noutbound-proxy = \"127.0.0.1\"\n"
        );
        std::fs::write(&file, text).unwrap();
        ServiceConfig::read(&file).unwrap()
    }

    async fn choose_password(store: &Store, email: &str) {
        let mut writing = store.write().await.unwrap();
        let owner = writing.administrator_of_email(email).await.unwrap().unwrap();
        let password = PasswordHash("hash".to_owned());
        let mut scope = writing.account(&owner.account);
        scope
            .set_password(&owner.administrator.id, &password)
            .await
            .unwrap();
        writing.commit().await.unwrap();
    }

    #[tokio::test]
    async fn the_owners_address_can_be_put_right_in_the_file_until_there_is_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let mistyped = config(folder.path(), "acme", "Acme", "yuo@example.com");
        open(&store, &mistyped).await.unwrap();

        let corrected = config(folder.path(), "acme", "Acme", "you@example.com");
        let corrected = open(&store, &corrected).await.unwrap();

        assert!(corrected.first_sign_in.is_some());
        choose_password(&store, "you@example.com").await;
    }

    #[tokio::test]
    async fn a_first_start_makes_account_and_owner_and_a_link_each_time_until_there_is_a_password() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let config = config(folder.path(), "acme", "Acme", "you@example.com");

        let first = open(&store, &config).await.unwrap();
        let second = open(&store, &config).await.unwrap();

        let tokens = [first.first_sign_in, second.first_sign_in].map(|token| token.unwrap());
        assert_ne!(tokens[0].reveal(), tokens[1].reveal());
        choose_password(&store, "you@example.com").await;
        assert!(open(&store, &config).await.unwrap().first_sign_in.is_none());
    }

    #[tokio::test]
    async fn another_id_is_refused_and_other_values_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        open(&store, &config(folder.path(), "acme", "Acme", "you@example.com"))
            .await
            .unwrap();

        choose_password(&store, "you@example.com").await;
        let other = open(&store, &config(folder.path(), "acme", "Other", "me@example.com"))
            .await
            .unwrap();
        let Err(refused) = open(&store, &config(folder.path(), "else", "Acme", "you@example.com")).await
        else {
            panic!("another account is taken");
        };

        assert_eq!(other.account.name.as_str(), "Acme");
        assert!(other.first_sign_in.is_none());
        assert!(matches!(refused, Failure::BadConfiguration(_)));
        let said = refused.to_string();
        assert!(
            said.contains("service.toml:9: account.id: the state folder belongs to the account `acme`"),
            "{said}"
        );
    }
}
