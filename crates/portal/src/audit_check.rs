//! Whether the audit is as it was kept: the links of its entries gone through, and what to say of them.

use std::collections::BTreeMap;

use model::AccountId;
use model::inventory::Timestamp;
use serde::{Deserialize, Serialize};
use store::{AuditFault, AuditList, AuditVerified, Store, StoreError};
use tokio::sync::Mutex;

use crate::checkpoint::Checkpoint;
use crate::pages::wording::shown;
use crate::provisioning::chain;

/// Longest text of an entry that is told, in characters: something else has written it.
const TEXT_MAX: usize = 200;
/// How long a verdict is shown before the audit is gone through again: who asks for a page often has nothing done more often.
const SHOWN_MS: u64 = 60_000;

/// What a service answers who asks for its audit to be verified.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAnswer {
    /// What was found.
    Report(AuditReport),
    /// Why nothing can be said.
    Problem(String),
}

/// What was found where the audit was gone through.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuditReport {
    /// Entries that fit.
    pub entries: u64,
    /// When the first of them was kept; null where there is none.
    pub since: Option<String>,
    /// Entries of before there were links, of which nothing can be said.
    pub unlinked: u64,
    /// When the last of these was kept; null where there is none.
    pub unlinked_until: Option<String>,
    /// How many entries each list had so far, and the link of its last one: with that of an earlier time it shows whether an earlier
    /// state was put back.
    pub checkpoint: String,
    /// The first thing that does not fit, in a sentence; null where everything fits.
    pub fault: Option<String>,
    /// Why the checkpoint that was asked for is not contained, in a sentence; null where it is, none was asked for, or something does not fit.
    #[serde(default)]
    pub missing: Option<String>,
}

impl From<AuditVerified> for AuditReport {
    fn from(verified: AuditVerified) -> Self {
        Self {
            entries: verified.entries,
            since: verified.since.map(shown),
            unlinked: verified.unlinked,
            unlinked_until: verified.unlinked_until.map(shown),
            checkpoint: Checkpoint::of(&verified.ends).to_string(),
            fault: verified.fault.as_ref().map(sentence),
            missing: None,
        }
    }
}

/// Goes through the audit of an account for whoever asks the service, and looks whether it contains an earlier checkpoint.
pub async fn answer(store: &Store, account: &AccountId, from: Option<&Checkpoint>) -> AuditAnswer {
    match report(store, account, from).await {
        Ok(report) => AuditAnswer::Report(report),
        Err(error) => AuditAnswer::Problem(chain(&error)),
    }
}

async fn report(
    store: &Store,
    account: &AccountId,
    from: Option<&Checkpoint>,
) -> Result<AuditReport, StoreError> {
    let mut reading = store.read().await?;
    let mut scope = reading.account(account);
    let mut report: AuditReport = scope.verify_audit().await?.into();
    // Of entries that do not fit nothing more can be said.
    if let Some(from) = from
        && report.fault.is_none()
    {
        report.missing = from.missing_in(&mut scope).await?;
    }
    if let Some(fault) = &report.fault {
        tracing::warn!(fault, "the audit was changed by something else than this program");
    }
    Ok(report)
}

/// What was found of late, and when, account by account.
#[derive(Default)]
pub(crate) struct Verdicts(Mutex<BTreeMap<AccountId, (Timestamp, AuditReport)>>);

impl Verdicts {
    /// What was found within the last minute or, where nothing was, is found at this moment, and when that was. Who asks meanwhile waits
    /// for it: the audit is gone through once at a time.
    pub(crate) async fn of(
        &self,
        store: &Store,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(Timestamp, AuditReport), StoreError> {
        let mut found = self.0.lock().await;
        let is_fresh =
            |(at, _): &&(Timestamp, AuditReport)| now.0.checked_sub(at.0).is_some_and(|age| age < SHOWN_MS);
        if let Some(fresh) = found.get(account).filter(is_fresh) {
            return Ok(fresh.clone());
        }
        let report = report(store, account, None).await?;
        found.insert(account.clone(), (now, report.clone()));
        Ok((now, report))
    }
}

fn sentence(fault: &AuditFault) -> String {
    match fault {
        AuditFault::Bounds(list) => format!(
            "where the list of {} begins and ends was removed or changed, or service.key is another",
            of(*list)
        ),
        AuditFault::Entry { id, entry } => format!(
            "entry {id} does not fit: {}, {}: {}, {}; it was changed or put there, or what stood before it was changed or removed",
            shown(entry.at),
            in_line(&entry.by),
            in_line(&entry.action),
            in_line(&entry.detail)
        ),
        AuditFault::End { list, missing } => match missing {
            // As many as were kept stand there, or more, and others.
            0 => format!(
                "what stands last of {} is not what was kept last: entries were exchanged, or an earlier state of the database was put back",
                of(*list)
            ),
            1 => format!("the last entry of {} is missing", of(*list)),
            missing => format!("the last {missing} entries of {} are missing", of(*list)),
        },
    }
}

/// A text of an entry without what would begin a line of its own or steer a terminal.
fn in_line(text: &str) -> String {
    let tame = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(TEXT_MAX).map(tame).collect()
}

/// A list in a sentence.
pub(crate) const fn of(list: AuditList) -> &'static str {
    match list {
        AuditList::People => "what people did",
        AuditList::Programs => "what programs did",
        AuditList::Alarms => "alarms",
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::AuditEntry;
    use store::AuditEnd;

    use super::*;
    use crate::alarms::tests::{account, done};

    #[test]
    fn w08_what_was_put_into_the_audit_stays_in_the_line_that_tells_of_it() {
        let fault = |length: usize| AuditFault::Entry {
            id: 7,
            entry: AuditEntry {
                at: Timestamp(0),
                by: "a\u{1b}[2Jb\r\nc".to_owned(),
                action: "x".repeat(length),
                detail: String::new(),
            },
        };
        let said = sentence(&fault(TEXT_MAX));
        assert!(
            said.starts_with("entry 7 does not fit: 01 Jan 1970 00:00:00 UTC, a [2Jb  c: x"),
            "{said}"
        );
        assert!(!said.contains(char::is_control), "{said}");
        assert_eq!(sentence(&fault(TEXT_MAX + 1)), said);
    }

    #[test]
    fn an_end_that_does_not_fit_is_told_by_what_is_missing_if_something_is() {
        let list = AuditList::People;
        for (missing, told) in [
            (
                0,
                "what stands last of what people did is not what was kept last: ",
            ),
            (1, "the last entry of what people did is missing"),
            (2, "the last 2 entries of what people did are missing"),
        ] {
            let said = sentence(&AuditFault::End { list, missing });
            assert!(said.starts_with(told), "{said}");
        }
    }

    #[test]
    fn w08_a_checkpoint_tells_how_many_entries_there_were_and_what_the_last_one_is_linked_by() {
        let end = |list, place, octet| AuditEnd {
            list,
            place,
            link: vec![octet; 32],
        };
        let verified = AuditVerified {
            ends: vec![end(AuditList::People, 12, 0xab), end(AuditList::Alarms, 0, 0)],
            ..AuditVerified::default()
        };

        let report = AuditReport::from(verified);

        assert_eq!(
            report.checkpoint,
            "people 12 abababababababab, alarms 0 0000000000000000"
        );
    }

    #[tokio::test]
    async fn what_was_found_is_shown_for_a_minute_and_then_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let (account, entry) = (account(), done());
        let begun = Timestamp(1_000_000);
        let verdicts = Verdicts::default();
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account).await.unwrap();
        writing.commit().await.unwrap();
        let entries = async |after: u64| {
            let now = Timestamp(begun.0 + after);
            let (at, report) = verdicts.of(&store, &account.id, now).await.unwrap();
            (at.0 - begun.0, report.entries)
        };
        assert_eq!(entries(1).await, (1, 0));
        let mut writing = store.write().await.unwrap();
        writing.account(&account.id).add_audit(&entry).await.unwrap();
        writing.commit().await.unwrap();

        assert_eq!(entries(SHOWN_MS).await, (1, 0));
        assert_eq!(entries(SHOWN_MS + 1).await, (SHOWN_MS + 1, 1));
        // A clock that is set back makes nothing fresh.
        assert_eq!(entries(0).await, (0, 1));
    }
}
