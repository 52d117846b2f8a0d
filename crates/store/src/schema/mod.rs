//! The tables, as steps that lead from one version to the next.

use crate::audit_links::AuditList;
use crate::engine::Row;
use crate::stored::Columns;
use crate::transaction::{OpenError, Transaction};

/// The steps, in order: the first makes version 1 of an empty database. A step that has been released is never changed.
const STEPS: [&str; 24] = [
    include_str!("0001.sql"),
    include_str!("0002.sql"),
    include_str!("0003.sql"),
    include_str!("0004.sql"),
    include_str!("0005.sql"),
    include_str!("0006.sql"),
    include_str!("0007.sql"),
    include_str!("0008.sql"),
    include_str!("0009.sql"),
    include_str!("0010.sql"),
    include_str!("0011.sql"),
    include_str!("0012.sql"),
    include_str!("0013.sql"),
    include_str!("0014.sql"),
    include_str!("0015.sql"),
    include_str!("0016.sql"),
    include_str!("0017.sql"),
    include_str!("0018.sql"),
    include_str!("0019.sql"),
    include_str!("0020.sql"),
    include_str!("0021.sql"),
    include_str!("0022.sql"),
    include_str!("0023.sql"),
    include_str!("0024.sql"),
];

/// The version that this program works with.
pub(crate) const LAST: usize = STEPS.len();

/// The lists of the audit, and the version since which they have bounds in every account, which no SQL can seal.
const AUDIT_BOUNDS: [(usize, &[AuditList]); 2] = [
    (20, &[AuditList::People, AuditList::Programs]),
    (22, &[AuditList::Alarms]),
];

/// Brings the database to a version.
///
/// # Errors
///
/// When it is of a later version than this program knows, a step fails, or finds there already what it makes: to take up with that would
/// have the audit begin anew.
pub(crate) async fn upgrade(transaction: &mut Transaction<'_>, to: usize) -> Result<(), OpenError> {
    transaction
        .script("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        .await?;
    let found = transaction
        .rows("SELECT version FROM schema_version", &[])
        .await?;
    let had_version = !found.is_empty();
    let version = match found.into_iter().next() {
        Some(row) => version_of(row)?,
        None => {
            transaction
                .execute("INSERT INTO schema_version (version) VALUES (0)", &[])
                .await?;
            0
        }
    };
    if version > LAST {
        return Err(OpenError::TooNew { version, known: LAST });
    }
    for step in STEPS.iter().take(to).skip(version) {
        transaction.script(step).await.map_err(|source| {
            let Some(what) = source.is_there_already().map(str::to_owned) else {
                return source.into();
            };
            if had_version {
                OpenError::SetBack { version, source }
            } else {
                OpenError::Foreign { what, source }
            }
        })?;
        transaction
            .execute("UPDATE schema_version SET version = version + 1", &[])
            .await?;
    }
    for (since, lists) in AUDIT_BOUNDS {
        if version < since && since <= to {
            for id in transaction.account_ids().await? {
                transaction.account(&id).begin_audit(lists).await?;
            }
        }
    }
    Ok(())
}

fn version_of(row: Row) -> Result<usize, OpenError> {
    Ok(Columns::of("schema_version", row).number()?)
}
