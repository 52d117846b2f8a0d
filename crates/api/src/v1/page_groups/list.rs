//! `GET /page_groups` and `GET /page_groups/{group_id}`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ListKey, ListedGroup};

use super::{GroupShown, PagersShown, group};
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Groups of a page.
const PAGE_SIZE_MAX: u32 = 100;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// Part of a name, or the beginning of an extension.
    search: Option<String>,
    next_page_token: Option<String>,
    #[schemars(range(min = 1), extend("default" = 30))]
    page_size: Option<u32>,
}

/// A page of groups.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    page_groups: Vec<Row>,
    /// Where the list goes on; empty at its end.
    next_page_token: String,
    page_size: u32,
    total_records: u64,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    id: String,
    name: String,
    extension: String,
    pagers: PagersShown,
    /// A PIN is asked for before a page from a telephone.
    pin_set: bool,
    /// How many members it has of each kind.
    holders: u64,
    devices: u64,
    slots: u64,
    sites: u64,
}

pub(crate) async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let after = part.after.as_deref().map(str::parse::<ListKey>);
    let after = after.transpose().map_err(Refusal::bad)?;
    let text = asked.search.unwrap_or_default();
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let listed = scope.list_groups(&text, after.as_ref(), part.size).await?;
    let total_records = scope.count_groups(&text).await?;
    let next = listed.next.map(|place| place.to_string());
    Ok(Found(Page {
        page_groups: listed.rows.iter().map(Row::of).collect(),
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
    }))
}

pub(crate) async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<GroupShown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let group = group(&call, &mut scope).await?;
    let pin_set = scope.has_group_pin(&group.id).await?;
    Ok(Found(GroupShown::of(&group, pin_set)))
}

impl Row {
    fn of(group: &ListedGroup) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name.to_string(),
            extension: group.extension.to_string(),
            pagers: PagersShown::of(&group.pagers),
            pin_set: group.has_pin,
            holders: group.holders,
            devices: group.devices,
            slots: group.slots,
            sites: group.sites,
        }
    }
}
