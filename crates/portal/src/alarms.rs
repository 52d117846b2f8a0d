//! What somebody has to look at: written into the audit once for each burst, and shown on the first page for a day.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use model::inventory::{AuditEntry, Timestamp};
use store::{Scope, Store, StoreError, Transaction, timestamp};

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
/// How long after an alarm the next of its kind is kept.
pub const AGAIN_MS: u64 = web::TOLD_EVERY_MS;
/// Alarms that are shown of one kind.
const OF_KIND_MAX: u32 = 5;

/// What an alarm of guesses at a zone says: under which name, and from where.
#[must_use]
pub fn guessed_at_zone(user: &str, from: &str) -> String {
    format!("as {user} from {from}")
}

/// The name under which somebody guessed at a zone.
pub(crate) fn name_guessed(alarm: &AuditEntry) -> Option<&str> {
    let told = Some(&alarm.detail).filter(|_| alarm.action == GUESSED_EXTENSION)?;
    let (name, _) = told.strip_prefix("as ")?.rsplit_once(" from ")?;
    Some(name)
}

/// Raises an alarm in every account, for whose affair it is, is not known; says whether it is kept. Where one of its kind was kept just
/// before it is not, so that whoever comes from many addresses, or asks for many, fills no audit: it is to be raised again later.
///
/// # Errors
///
/// When the database fails.
pub(crate) async fn raise_in_all(
    transaction: &mut Transaction<'_>,
    alarm: &AuditEntry,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (mut is_kept, mut is_left_out) = (false, false);
    for account in transaction.accounts().await? {
        let mut scope = transaction.account(&account.id);
        if is_told(&mut scope, &alarm.action, now).await? {
            is_left_out = true;
        } else {
            scope.add_alarm(alarm).await?;
            is_kept = true;
        }
    }
    if is_kept {
        let action = &alarm.action;
        tracing::warn!(action, "somebody has to look; Audit in the portal says at what");
    }
    Ok(!is_left_out)
}

/// Says whether somebody was told of the same just before. What is dated later than now was told before the clock was set back.
async fn is_told(scope: &mut Scope<'_, '_>, action: &str, now: Timestamp) -> Result<bool, StoreError> {
    let since = Timestamp(now.0.saturating_sub(AGAIN_MS));
    Ok(!scope.audit_of_action(action, since..=now, 1).await?.is_empty())
}

/// Raises an alarm in every account, and says whether it is kept: where it is not, it is to be raised again at the next occasion that is
/// [`AGAIN_MS`] later.
#[must_use]
pub async fn raise(store: &Store, alarm: &AuditEntry, now: Timestamp) -> bool {
    let raised = async {
        let mut writing = store.write().await?;
        let is_kept = raise_in_all(&mut writing, alarm, now).await?;
        writing.commit().await?;
        Ok::<_, StoreError>(is_kept)
    };
    raised.await.unwrap_or_else(|error| {
        let action = &alarm.action;
        tracing::error!(error = %chain(&error), action, "an alarm cannot be kept");
        false
    })
}

/// Raises an alarm of wrong tries, the last from an address, and has it noted whether it is kept. Who is answered does not wait for it,
/// so that the time of an answer tells nothing.
pub fn raise_guessed(
    store: &Arc<Store>,
    (by, action): (&str, &str),
    from: IpAddr,
    note: impl FnOnce(bool) + Send + 'static,
) {
    let (store, now) = (Arc::clone(store), timestamp(SystemTime::now()));
    let alarm = AuditEntry {
        at: now,
        by: by.to_owned(),
        action: action.to_owned(),
        detail: format!("last from {}", from.to_canonical()),
    };
    tokio::spawn(async move { note(raise(&store, &alarm, now).await) });
}

/// The alarms of the last day, the last first. One that is dated later was raised before the clock was set back; past a day nobody knows
/// when.
pub(crate) async fn of_late(
    scope: &mut Scope<'_, '_>,
    now: Timestamp,
) -> Result<Vec<AuditEntry>, StoreError> {
    let since = Timestamp(now.0.saturating_sub(SHOWN_MS));
    let until = Timestamp(now.0.saturating_add(SHOWN_MS));
    let mut found = Vec::new();
    for action in ALL {
        found.extend(scope.audit_of_action(action, since..=until, OF_KIND_MAX).await?);
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

    /// An alarm of a kind.
    fn alarm(action: &str, at: Timestamp) -> AuditEntry {
        AuditEntry {
            at,
            by: "zone".to_owned(),
            action: action.to_owned(),
            detail: "desk".to_owned(),
        }
    }

    /// A store with [`account`].
    pub(crate) async fn opened() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account()).await.unwrap();
        writing.commit().await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn an_alarm_that_cannot_be_kept_is_said_not_to_be() {
        let (_folder, store) = opened().await;
        let raised = async |at| raise(&store, &alarm(GUESSED, at), at).await;
        assert!(raised(Timestamp(0)).await);
        let _turn = store.write().await.unwrap();

        // Nothing but the turn of writers is waited for.
        tokio::time::pause();

        assert!(!raised(Timestamp(AGAIN_MS + 1)).await);
    }

    #[tokio::test]
    async fn a01_an_alarm_within_a_minute_of_another_of_its_kind_is_not_kept_and_said_not_to_be() {
        let (_folder, store) = opened().await;
        let mut kept = Vec::new();
        for (action, at) in [
            (GUESSED, 0),
            (GUESSED, AGAIN_MS),
            (GUESSED_CODES, AGAIN_MS),
            (GUESSED, AGAIN_MS + 1),
        ] {
            kept.push(raise(&store, &alarm(action, Timestamp(at)), Timestamp(at)).await);
        }
        assert_eq!(kept, [true, false, true, true]);
        // One that could not be told before keeps its time.
        let late = Timestamp(9 * AGAIN_MS);
        assert!(raise(&store, &alarm(GUESSED, Timestamp(AGAIN_MS)), late).await);
    }

    #[tokio::test]
    async fn a01_an_alarm_of_before_the_clock_was_set_back_silences_none_and_is_shown() {
        let (_folder, store) = opened().await;
        let later = [SHOWN_MS + 1_000, 3 * SHOWN_MS].map(Timestamp);
        for at in later {
            assert!(raise(&store, &alarm(GUESSED, at), at).await);
        }
        let now = Timestamp(1_000);

        assert!(raise(&store, &alarm(GUESSED, now), now).await);

        let mut reading = store.read().await.unwrap();
        let shown = of_late(&mut reading.account(&account().id), now).await.unwrap();
        let shown: Vec<_> = shown.into_iter().map(|entry| entry.at).collect();
        assert_eq!(shown, [later[0], now]);
    }

    #[tokio::test]
    async fn w08_whoever_raises_alarms_pushes_nothing_out_of_what_people_and_programs_did() {
        let (_folder, store) = opened().await;
        let (account, done) = (account(), done());
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account.id);
        scope.add_audit(&done).await.unwrap();
        scope.add_audit_of_program(&done).await.unwrap();
        let most = u64::try_from(AUDIT_MAX).unwrap();
        for number in 1..=most + 1 {
            let at = Timestamp(number * (AGAIN_MS + 1));
            let alarm = alarm(GUESSED_EXTENSION, at);
            assert!(raise_in_all(&mut writing, &alarm, at).await.unwrap());
        }

        let all = writing.account(&account.id).audit(20_000).await.unwrap();
        assert_eq!(all.len() - 2, usize::try_from(AUDIT_MAX).unwrap());
        assert!(all.ends_with(&[done.clone(), done]));
    }
}
