//! What somebody has to look at: written into the audit once for each burst, and shown on the first page for a day.

use model::inventory::{AuditEntry, Timestamp};
use store::{Scope, Store, StoreError, Transaction};

use crate::provisioning::chain;

/// In the audit: somebody asks for many devices and proves to be none.
pub(crate) const PROBED: &str = "see many devices asked for without proof";
/// In the audit: somebody guesses passwords or codes of administrators, or links of the first start or of invitations.
pub const GUESSED: &str = "see many wrong passwords";
/// In the audit: somebody guesses the secrets of programs.
pub const GUESSED_SECRETS: &str = "see many wrong secrets of API clients";
/// In the audit: somebody guesses claim codes of devices.
pub(crate) const GUESSED_CODES: &str = "see many wrong claim codes";
/// In the audit: the extension of somebody is guessed at.
pub const GUESSED_EXTENSION: &str = "see many wrong answers at a zone";

/// In the audit: a device is put aside.
pub(crate) const HELD: &str = "hold device";
/// In the audit: the second certificate of a device is put aside.
pub(crate) const SECOND_CERTIFICATE: &str = "hold second certificate";
/// In the audit: a certificate is used from two addresses by turns.
pub(crate) const TWO_ADDRESSES: &str = "see certificate at two addresses";

/// Everything in the audit that somebody has to look at.
const ALL: [&str; 8] = [
    PROBED,
    GUESSED,
    GUESSED_SECRETS,
    GUESSED_CODES,
    GUESSED_EXTENSION,
    HELD,
    SECOND_CERTIFICATE,
    TWO_ADDRESSES,
];

/// How long an alarm is shown.
const SHOWN_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long after an alarm the next of its kind is raised.
const AGAIN_MS: u64 = 60_000;
/// Alarms that are shown of one kind.
const OF_KIND_MAX: u32 = 5;

/// Raises an alarm in every account: whose affair it is, is not known.
///
/// # Errors
///
/// When the database fails.
pub(crate) async fn raise_in_all(
    transaction: &mut Transaction<'_>,
    (by, action): (&str, &str),
    detail: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    tracing::warn!(action, "somebody has to look; Audit in the portal says at what");
    for account in transaction.accounts().await? {
        let mut scope = transaction.account(&account.id);
        if is_told(&mut scope, action, at).await? {
            continue;
        }
        let entry = AuditEntry {
            at,
            by: by.to_owned(),
            action: action.to_owned(),
            detail: detail.to_owned(),
        };
        scope.add_alarm(&entry).await?;
    }
    Ok(())
}

/// Says whether somebody was told of the same just before: whoever comes from many addresses, or asks for many, fills no audit.
async fn is_told(scope: &mut Scope<'_, '_>, action: &str, at: Timestamp) -> Result<bool, StoreError> {
    let since = Timestamp(at.0.saturating_sub(AGAIN_MS));
    Ok(!scope.audit_of_action(action, since, 1).await?.is_empty())
}

/// Raises an alarm in every account, and says whether it is kept: where it is not, it is to be raised again at the next occasion. Who is
/// answered does not wait for it, so that the time of an answer tells nothing.
#[must_use]
pub async fn raise(store: &Store, by: &str, action: &str, detail: String, at: Timestamp) -> bool {
    let raised = async {
        let mut writing = store.write().await?;
        raise_in_all(&mut writing, (by, action), &detail, at).await?;
        writing.commit().await
    };
    let raised = raised.await;
    if let Err(error) = &raised {
        tracing::error!(error = %chain(error), action, "an alarm cannot be kept");
    }
    raised.is_ok()
}

/// The alarms of the last day, the last first.
pub(crate) async fn of_late(
    scope: &mut Scope<'_, '_>,
    now: Timestamp,
) -> Result<Vec<AuditEntry>, StoreError> {
    let since = Timestamp(now.0.saturating_sub(SHOWN_MS));
    let mut found = Vec::new();
    for action in ALL {
        found.extend(scope.audit_of_action(action, since, OF_KIND_MAX).await?);
    }
    found.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use model::inventory::{Account, DisplayName};
    use store::AUDIT_MAX;

    use super::*;

    pub(crate) fn account() -> Account {
        Account {
            id: "acme".parse().unwrap(),
            name: DisplayName::new("Acme").unwrap(),
            domain: "pbx.example.com".to_owned(),
            many_extensions_before_5_5: false,
            generic_devices: true,
        }
    }

    /// What somebody did.
    pub(crate) fn done() -> AuditEntry {
        AuditEntry {
            at: Timestamp(0),
            by: "owner@example.com".to_owned(),
            action: "add device".to_owned(),
            detail: "Gym".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_alarm_that_cannot_be_kept_is_said_not_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let raised = async || raise(&store, "portal", GUESSED, String::new(), Timestamp(0)).await;
        assert!(raised().await);
        let _turn = store.write().await.unwrap();

        // Nothing but the turn of writers is waited for.
        tokio::time::pause();

        assert!(!raised().await);
    }

    #[tokio::test]
    async fn w08_whoever_raises_alarms_pushes_nothing_out_of_what_people_and_programs_did() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (account, done) = (account(), done());
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account).await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.add_audit(&done).await.unwrap();
        scope.add_audit_of_program(&done).await.unwrap();
        let most = u64::try_from(AUDIT_MAX).unwrap();
        for number in 1..=most + 1 {
            let at = Timestamp(number * (AGAIN_MS + 1));
            raise_in_all(&mut writing, ("zone", GUESSED_EXTENSION), "desk", at)
                .await
                .unwrap();
        }

        let all = writing.account(&account.id).audit(20_000).await.unwrap();
        assert_eq!(all.len() - 2, usize::try_from(AUDIT_MAX).unwrap());
        assert!(all.ends_with(&[done.clone(), done]));
    }
}
