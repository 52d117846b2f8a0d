//! What people call those whom reports of pages name by numbers and SIP users.

use std::collections::BTreeMap;

use model::inventory::Timestamp;
use model::{Extension, SipUser};
use store::{KeptPageReport, NamedUser, Scope, StoreError};

use crate::talk::{BEGIN_PAGE, TALKER_PREFIX, begun_detail};

/// What people call whoever speaks from the portal.
pub(super) const PORTAL: &str = "the portal";
/// How far from the end of a page it is written down at most that it has begun, in milliseconds: what is spoken lasts ten minutes, and a
/// short page may be over before.
const BEGUN_WITHIN_MS: u64 = 20 * 60 * 1_000;
/// Pages that begin in that time, of which whose they are is looked for: more than can be spoken.
const ENTRIES_MAX: u32 = 4_000;

/// The names of today.
pub(super) struct Names {
    by_number: BTreeMap<Extension, String>,
    by_user: BTreeMap<SipUser, NamedUser>,
    /// Who has asked for the page of one report that was spoken from the portal.
    asked_by: Option<String>,
}

impl Names {
    /// Of what the rows of a list name: what was dialled and who spoke.
    pub(super) async fn of_rows(
        scope: &mut Scope<'_, '_>,
        reports: &[KeptPageReport],
    ) -> Result<Self, StoreError> {
        let numbers = reports.iter().map(|kept| kept.report.extension.clone());
        let talkers = reports.iter().map(|kept| kept.report.talker.clone());
        Ok(Self {
            by_number: scope.names_of_numbers(&numbers.collect()).await?,
            by_user: scope.named_users(&talkers.collect()).await?,
            asked_by: None,
        })
    }

    /// Of what one report names, with its listeners.
    pub(super) async fn of_one(scope: &mut Scope<'_, '_>, kept: &KeptPageReport) -> Result<Self, StoreError> {
        let report = &kept.report;
        let listeners = report.listeners.iter().map(|listener| &listener.user);
        let users = listeners.chain([&report.talker]).cloned().collect();
        let asked_by = if is_portal(&report.talker) {
            asked_by(scope, kept).await?
        } else {
            None
        };
        Ok(Self {
            by_number: scope.names_of_numbers(&[report.extension.clone()].into()).await?,
            by_user: scope.named_users(&users).await?,
            asked_by,
        })
    }

    /// What those are called who have a number.
    pub(super) fn number(&self, extension: &Extension) -> Option<&str> {
        self.by_number.get(extension).map(String::as_str)
    }

    /// What a page went to, with the name that the number has today.
    pub(super) fn target(&self, extension: &Extension) -> String {
        self.number(extension).map_or_else(
            || extension.to_string(),
            |name| format!("{extension} (now {name})"),
        )
    }

    /// Who has spoken, as people know them.
    pub(super) fn talker(&self, user: &SipUser) -> String {
        if is_portal(user) {
            let of = |by: &String| format!("{PORTAL}, for {by}");
            return self.asked_by.as_ref().map_or_else(|| PORTAL.to_owned(), of);
        }
        self.user(user).map_or_else(
            || user.to_string(),
            |named| format!("{} ({})", named.holder, named.extension),
        )
    }

    /// Where the line of a user stands today.
    pub(super) fn user(&self, user: &SipUser) -> Option<&NamedUser> {
        self.by_user.get(user)
    }
}

fn is_portal(user: &SipUser) -> bool {
    user.as_str().starts_with(TALKER_PREFIX)
}

/// Who has asked for a page that was spoken from the portal or by the API, as the audit tells it.
async fn asked_by(scope: &mut Scope<'_, '_>, kept: &KeptPageReport) -> Result<Option<String>, StoreError> {
    let KeptPageReport { at, report, .. } = kept;
    let (from, until) = (
        at.0.saturating_sub(BEGUN_WITHIN_MS),
        at.0.saturating_add(BEGUN_WITHIN_MS),
    );
    let begun = Timestamp(from)..=Timestamp(until);
    let detail = begun_detail(&report.extension, &report.page);
    let entries = scope.audit_of_action(BEGIN_PAGE, begun, ENTRIES_MAX).await?;
    let found = entries.into_iter().find(|entry| entry.detail == detail);
    Ok(found.map(|entry| entry.by))
}
