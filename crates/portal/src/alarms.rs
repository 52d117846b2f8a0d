//! What somebody has to look at: written into the audit once for each burst, and shown on the first page for a day, or until somebody
//! dismisses it.

use std::ops::RangeInclusive;

use model::inventory::{AuditEntry, Timestamp};
use store::{Scope, StandingAlarm, Store, StoreError, Transaction};

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

/// How long an alarm is shown.
const SHOWN_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long after an alarm the next of its kind is kept.
pub(crate) const AGAIN_MS: u64 = 60_000;
/// Alarms that are shown of one kind.
const OF_KIND_MAX: u32 = 5;
/// Alarms of one kind and moment that are looked through for one that is raised again.
const OF_MOMENT_MAX: u32 = 100;

/// Raises an alarm in every account, for whose affair it is, is not known; says whether it is kept. It is about the device whose name
/// somebody has used, where there is one. Where one of its kind was kept just before it is not, so that whoever comes from many addresses,
/// or asks for many, fills no audit: it is to be raised again later. Whether that one was dismissed makes no difference.
///
/// # Errors
///
/// When the database fails.
async fn raise_in_all(
    transaction: &mut Transaction<'_>,
    alarm: &AuditEntry,
    name: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (mut is_kept, mut is_left_out) = (false, false);
    for account in transaction.accounts().await? {
        let mut scope = transaction.account(&account.id);
        if is_there(&mut scope, alarm).await? {
            // It was left out elsewhere, and is raised again for that.
            continue;
        }
        if is_told(&mut scope, &alarm.action, now).await? {
            is_left_out = true;
        } else {
            let device = match name {
                Some(name) => match scope.device_of_name(name).await {
                    // What cannot be read of a device keeps no alarm back, and none of its kind after it.
                    Err(StoreError::Damaged { .. }) => None,
                    read => read?,
                },
                None => None,
            };
            scope
                .add_alarm(alarm, device.as_ref().map(|device| &device.id))
                .await?;
            is_kept = true;
        }
    }
    if is_kept {
        let action = &alarm.action;
        tracing::warn!(action, "somebody has to look; Audit in the portal says at what");
    }
    Ok(!is_left_out)
}

/// Says whether that very alarm is kept.
async fn is_there(scope: &mut Scope<'_, '_>, alarm: &AuditEntry) -> Result<bool, StoreError> {
    let kept = scope
        .audit_of_action(&alarm.action, alarm.at..=alarm.at, OF_MOMENT_MAX)
        .await?;
    Ok(kept.contains(alarm))
}

/// Says whether somebody was told of the same just before. What is dated later than now was told before the clock was set back.
async fn is_told(scope: &mut Scope<'_, '_>, action: &str, now: Timestamp) -> Result<bool, StoreError> {
    let since = Timestamp(now.0.saturating_sub(AGAIN_MS));
    Ok(!scope.audit_of_action(action, since..=now, 1).await?.is_empty())
}

/// Raises an alarm in every account, about the device whose name somebody has used, and says whether it is kept: where it is not, it is to
/// be raised again [`AGAIN_MS`] later.
pub(crate) async fn raise(store: &Store, alarm: &AuditEntry, name: Option<&str>, now: Timestamp) -> bool {
    let raised = async {
        let mut writing = store.write().await?;
        let is_kept = raise_in_all(&mut writing, alarm, name, now).await?;
        writing.commit().await?;
        Ok::<_, StoreError>(is_kept)
    };
    raised.await.unwrap_or_else(|error| {
        let action = &alarm.action;
        tracing::error!(error = %chain(&error), action, "an alarm cannot be kept");
        false
    })
}

/// The time of the alarms that are shown: the last day. One that is dated later was raised before the clock was set back; past a day nobody
/// knows when.
fn shown_time(now: Timestamp) -> RangeInclusive<Timestamp> {
    Timestamp(now.0.saturating_sub(SHOWN_MS))..=Timestamp(now.0.saturating_add(SHOWN_MS))
}

/// The alarms of the last day that nobody has dismissed, the last first.
pub(crate) async fn of_late(
    scope: &mut Scope<'_, '_>,
    now: Timestamp,
) -> Result<Vec<StandingAlarm>, StoreError> {
    scope.standing_alarms(shown_time(now), OF_KIND_MAX).await
}

/// What is dismissed with an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissed {
    /// It alone.
    Alone,
    /// All of its kind that were raised before it as well; those that came since nobody has seen.
    WithEarlier,
}

/// Dismisses what of these is shown, and gives it, the last first; none where there is no such alarm.
pub(crate) async fn dismiss(
    scope: &mut Scope<'_, '_>,
    number: i64,
    what: Dismissed,
    now: Timestamp,
) -> Result<Option<Vec<AuditEntry>>, StoreError> {
    let Some(alarm) = scope.alarm(number).await? else {
        return Ok(None);
    };
    let numbers = match what {
        Dismissed::Alone => number..=number,
        Dismissed::WithEarlier => i64::MIN..=number,
    };
    let dismissed = scope
        .dismiss_alarms(&alarm.action, numbers, shown_time(now))
        .await?;
    Ok(Some(dismissed))
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
        let raised = async |at| raise(&store, &alarm(GUESSED, at), None, at).await;
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
            kept.push(raise(&store, &alarm(action, Timestamp(at)), None, Timestamp(at)).await);
        }
        assert_eq!(kept, [true, false, true, true]);
        // One that could not be told before keeps its time.
        let late = Timestamp(9 * AGAIN_MS);
        assert!(raise(&store, &alarm(GUESSED, Timestamp(AGAIN_MS)), None, late).await);
    }

    #[tokio::test]
    async fn an_alarm_that_is_raised_again_for_one_account_is_kept_once_in_the_others() {
        let (_folder, store) = opened().await;
        let other = Account {
            id: "other".parse().unwrap(),
            domain: "pbx.example.org".to_owned(),
            ..account()
        };
        let mut writing = store.write().await.unwrap();
        writing.add_account(&other).await.unwrap();
        let told = alarm(GUESSED, Timestamp(0));
        writing.account(&other.id).add_alarm(&told, None).await.unwrap();
        writing.commit().await.unwrap();
        let raised = alarm(GUESSED, Timestamp(1));

        assert!(!raise(&store, &raised, None, Timestamp(1)).await);
        assert!(raise(&store, &raised, None, Timestamp(2 + AGAIN_MS)).await);

        let mut reading = store.read().await.unwrap();
        for (id, expected) in [(&account().id, 1), (&other.id, 2)] {
            let kept = reading.account(id).audit(9).await.unwrap();
            assert_eq!(kept.len(), expected, "{kept:?}");
            assert_eq!(kept[0], raised);
        }
    }

    #[tokio::test]
    async fn a01_an_alarm_of_before_the_clock_was_set_back_silences_none_and_is_shown() {
        let (_folder, store) = opened().await;
        let later = [SHOWN_MS + 1_000, 3 * SHOWN_MS].map(Timestamp);
        for at in later {
            assert!(raise(&store, &alarm(GUESSED, at), None, at).await);
        }
        let now = Timestamp(1_000);

        assert!(raise(&store, &alarm(GUESSED, now), None, now).await);

        let mut reading = store.read().await.unwrap();
        let shown = of_late(&mut reading.account(&account().id), now).await.unwrap();
        let shown: Vec<_> = shown.into_iter().map(|alarm| alarm.entry.at).collect();
        assert_eq!(shown, [later[0], now]);
    }

    /// The moments of the alarms that are shown.
    async fn shown(store: &Store, now: Timestamp) -> Vec<u64> {
        let mut reading = store.read().await.unwrap();
        let shown = of_late(&mut reading.account(&account().id), now).await.unwrap();
        shown.into_iter().map(|alarm| alarm.entry.at.0).collect()
    }

    /// Dismisses the first alarm that is shown and what goes with it; how many went.
    async fn dismiss_first(store: &Store, what: Dismissed, now: Timestamp) -> usize {
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account().id);
        let first = of_late(&mut scope, now).await.unwrap()[0].number;
        let dismissed = dismiss(&mut scope, first, what, now).await.unwrap();
        writing.commit().await.unwrap();
        dismissed.unwrap().len()
    }

    #[tokio::test]
    async fn a01_a_dismissed_alarm_silences_the_next_for_a_minute_and_no_longer() {
        let (_folder, store) = opened().await;
        let raised = async |at| raise(&store, &alarm(GUESSED, Timestamp(at)), None, Timestamp(at)).await;
        assert!(raised(1).await);
        assert_eq!(
            dismiss_first(&store, Dismissed::WithEarlier, Timestamp(1)).await,
            1
        );

        assert!(!raised(1 + AGAIN_MS).await, "whoever guesses on fills no list");
        assert_eq!(shown(&store, Timestamp(1 + AGAIN_MS)).await, [0_u64; 0]);

        assert!(raised(2 + AGAIN_MS).await);
        assert_eq!(shown(&store, Timestamp(2 + AGAIN_MS)).await, [2 + AGAIN_MS]);
    }

    #[tokio::test]
    async fn all_of_a_kind_are_dismissed_beside_those_of_other_kinds_and_of_later() {
        let (_folder, store) = opened().await;
        let at = |minute: u64| Timestamp(minute * (AGAIN_MS + 1));
        for minute in 0..=u64::from(OF_KIND_MAX) {
            assert!(raise(&store, &alarm(GUESSED, at(minute)), None, at(minute)).await);
        }
        let beside = at(19);
        assert!(raise(&store, &alarm(GUESSED_CODES, beside), None, beside).await);
        let other = at(20);
        assert!(raise(&store, &alarm(PROBED, other), None, other).await);
        assert_eq!(dismiss_first(&store, Dismissed::Alone, other).await, 1);
        let all = 1 + usize::try_from(OF_KIND_MAX).unwrap();
        assert_eq!(
            shown(&store, other).await.len(),
            all,
            "five of six, and one beside them"
        );
        let seen = {
            let mut reading = store.read().await.unwrap();
            let mut scope = reading.account(&account().id);
            of_late(&mut scope, other).await.unwrap()[1].number
        };
        assert!(raise(&store, &alarm(GUESSED, other), None, other).await);
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account().id);

        let dismissed = dismiss(&mut scope, seen, Dismissed::WithEarlier, other).await;

        assert_eq!(
            dismissed.unwrap().unwrap().len(),
            all,
            "also those that are not shown"
        );
        writing.commit().await.unwrap();
        assert_eq!(shown(&store, other).await, [other.0, beside.0]);
        let mut writing = store.write().await.unwrap();
        let mut scope = writing.account(&account().id);
        let missing = dismiss(&mut scope, 0, Dismissed::Alone, other).await;
        assert_eq!(missing.unwrap(), None);
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
            assert!(raise_in_all(&mut writing, &alarm, None, at).await.unwrap());
        }

        let all = writing.account(&account.id).audit(20_000).await.unwrap();
        assert_eq!(all.len() - 2, usize::try_from(AUDIT_MAX).unwrap());
        assert!(all.ends_with(&[done.clone(), done]));
    }
}
