//! `/account` and `/audit`.

use axum::http::Method;
use model::inventory::{AuditEntry, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::AuditFilter;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{READ, moment};
use crate::answer::Found;
use crate::call::Call;
use crate::operation::{Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Entries of a page.
const PAGE_SIZE_MAX: u32 = 300;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/account", "readAccount", account)
            .summary("Read whose the token is: the account, the client, and its scopes")
            .scopes(READ, &["oyez:account:read"])
            .refuses(&[(404, &[])]),
        Operation::new(Method::GET, "/audit", "listAudit", audit)
            .summary("List what was done in the account, the last first")
            .scopes(READ, &["oyez:audit:read"])
            .rate(Rate::Medium),
    ]
}

/// An account, and the client that asks.
#[derive(Serialize, JsonSchema)]
struct AccountShown {
    id: String,
    name: String,
    /// Its SIP domain.
    domain: String,
    client: ClientShown,
}

#[derive(Serialize, JsonSchema)]
struct ClientShown {
    id: String,
    name: String,
    scopes: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// From this moment on.
    #[schemars(extend("format" = "date-time"))]
    from: Option<String>,
    /// Before this one.
    #[schemars(extend("format" = "date-time"))]
    to: Option<String>,
    /// Only what was done to this kind of thing, such as `device`.
    object: Option<String>,
    next_page_token: Option<String>,
    #[schemars(range(min = 1), extend("default" = 30))]
    page_size: Option<u32>,
}

/// A page of what was done.
#[derive(Serialize, JsonSchema)]
struct Page {
    entries: Vec<Entry>,
    /// Where the list goes on; empty at its end.
    next_page_token: String,
    page_size: u32,
    total_records: u64,
}

#[derive(Serialize, JsonSchema)]
struct Entry {
    #[schemars(extend("format" = "date-time"))]
    at: String,
    by: String,
    action: String,
    detail: String,
}

async fn account(call: Call, _: Nothing, _: Nothing) -> Result<Found<AccountShown>, Refusal> {
    let mut reading = call.store().read().await?;
    let account = call.account_of(&mut reading).await?;
    let scopes = call.client.scopes.to_string();
    Ok(Found(AccountShown {
        id: account.id.to_string(),
        name: account.name.to_string(),
        domain: account.domain,
        client: ClientShown {
            id: call.client.id.to_string(),
            name: call.client.name.to_string(),
            scopes: scopes.split(' ').map(str::to_owned).collect(),
        },
    }))
}

async fn audit(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let filter = AuditFilter {
        from: read("from", asked.from.as_deref())?.unwrap_or(Timestamp(0)),
        to: read("to", asked.to.as_deref())?.unwrap_or(Timestamp(i64::MAX.unsigned_abs())),
        object: asked.object.unwrap_or_default().to_lowercase(),
        list: None,
    };
    let before = part.after.map(|before| before.parse::<i64>().unwrap_or_default());
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let more = part.size.saturating_add(1);
    let mut rows = scope.list_audit(&filter, before, more).await?;
    let total_records = scope.count_audit(&filter).await?;
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let has_more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| has_more).map(|(id, _)| id.to_string());
    Ok(Found(Page {
        entries: rows.into_iter().map(|(_, entry)| Entry::of(entry)).collect(),
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
    }))
}

impl Entry {
    fn of(entry: AuditEntry) -> Self {
        Self {
            at: moment(entry.at),
            by: entry.by,
            action: entry.action,
            detail: entry.detail,
        }
    }
}

fn read(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = |_| Refusal::invalid_field(field, "a moment such as 2026-08-31T12:00:00Z");
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(wrong)?;
    let milliseconds = at.unix_timestamp_nanos() / 1_000_000;
    Ok(Some(Timestamp(u64::try_from(milliseconds).unwrap_or_default())))
}
