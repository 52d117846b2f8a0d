//! Whether the audit is as it was kept: the links of its entries gone through, and what to say of them.

use model::AccountId;
use serde::{Deserialize, Serialize};
use store::{AuditFault, AuditList, AuditVerified, Scope, Store, StoreError};

use crate::pages::wording::shown;
use crate::provisioning::chain;

/// Longest text of an entry that is told, in characters: something else has written it.
const TEXT_MAX: usize = 200;

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
    /// The first thing that does not fit, in a sentence; null where everything fits.
    pub fault: Option<String>,
}

impl From<AuditVerified> for AuditReport {
    fn from(verified: AuditVerified) -> Self {
        Self {
            entries: verified.entries,
            since: verified.since.map(shown),
            unlinked: verified.unlinked,
            unlinked_until: verified.unlinked_until.map(shown),
            fault: verified.fault.as_ref().map(sentence),
        }
    }
}

/// Goes through the audit of an account for whoever asks the service.
pub async fn answer(store: &Store, account: &AccountId) -> AuditAnswer {
    let report = async {
        let mut reading = store.read().await?;
        report(&mut reading.account(account)).await
    };
    match report.await {
        Ok(report) => AuditAnswer::Report(report),
        Err(error) => AuditAnswer::Problem(chain(&error)),
    }
}

/// Goes through the audit of an account.
pub(crate) async fn report(scope: &mut Scope<'_, '_>) -> Result<AuditReport, StoreError> {
    let report: AuditReport = scope.verify_audit().await?.into();
    if let Some(fault) = &report.fault {
        tracing::warn!(fault, "the audit was changed by something else than this program");
    }
    Ok(report)
}

fn sentence(fault: &AuditFault) -> String {
    match fault {
        AuditFault::Bounds(list) => format!(
            "where the list of what {} did begins and ends was removed or changed, or service.key is another",
            of(*list)
        ),
        AuditFault::Entry { id, entry } => format!(
            "entry {id} does not fit: {}, {}: {}, {}; it was changed or put there, or what stood before it was changed or removed",
            shown(entry.at),
            in_line(&entry.by),
            in_line(&entry.action),
            in_line(&entry.detail)
        ),
        AuditFault::End { list, missing } => {
            format!("the last {missing} entries of what {} did are missing", of(*list))
        }
    }
}

/// A text of an entry without what would begin a line of its own or steer a terminal.
fn in_line(text: &str) -> String {
    let tame = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(TEXT_MAX).map(tame).collect()
}

fn of(list: AuditList) -> &'static str {
    match list {
        AuditList::People => "people",
        AuditList::Programs => "programs",
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::{AuditEntry, Timestamp};

    use super::*;

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
}
