//! `/page_groups`: numbers that page several at once.

mod change;
mod list;
mod members;

use axum::http::Method;
use model::directory::Urgency;
use model::inventory::{GroupId, HolderId, PageGroup, Pagers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{GroupError, NumberTaken, Scope};

use super::{READ, WRITE};
use crate::call::Call;
use crate::operation::Operation;
use crate::rate::Rate;
use crate::refusal::Refusal;
use members::Member;

pub(super) fn operations() -> Vec<Operation> {
    const PATH: &str = "/page_groups/{group_id}";
    vec![
        Operation::new(Method::GET, "/page_groups", "listPageGroups", list::list)
            .summary("List page groups")
            .scopes(READ, &["oyez:page_groups:read"])
            .rate(Rate::Medium),
        Operation::new(Method::POST, "/page_groups", "addPageGroup", change::add)
            .summary("Add a page group")
            .scopes(WRITE, &["oyez:page_groups:write"])
            .refuses(&[(409, &[])]),
        Operation::new(Method::GET, PATH, "readPageGroup", list::read)
            .summary("Read a page group with its members")
            .scopes(READ, &["oyez:page_groups:read"])
            .refuses(&[(404, &[])]),
        Operation::new(Method::PATCH, PATH, "changePageGroup", change::change)
            .summary("Change a page group; what is left out stays")
            .scopes(WRITE, &["oyez:page_groups:write"])
            .refuses(&[(404, &[]), (409, &[])]),
        Operation::new(Method::DELETE, PATH, "removePageGroup", change::remove)
            .summary("Remove a page group; its members stay")
            .scopes(WRITE, &["oyez:page_groups:write"])
            .refuses(&[(404, &[])]),
        Operation::new(
            Method::POST,
            "/page_groups/{group_id}/members",
            "changeMembers",
            change::change_members,
        )
        .summary("Add members to a page group and remove others, all at once; repeating it changes nothing")
        .scopes(WRITE, &["oyez:page_groups:write"])
        .refuses(&[(404, &[]), (409, &[])]),
    ]
}

/// A page group.
#[derive(Serialize, JsonSchema)]
pub(super) struct GroupShown {
    id: String,
    name: String,
    extension: String,
    urgency: UrgencyShown,
    pagers: PagersShown,
    /// Users and common areas that may page it, where they are named.
    pager_ids: Vec<String>,
    /// A PIN is asked for before a page from a telephone.
    pin_set: bool,
    members: Vec<Member>,
}

/// How the pages of a group rank among others.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UrgencyShown {
    Normal,
    Priority,
}

/// Who may page a group.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PagersShown {
    Everybody,
    /// Those of `pager_ids`, and whoever talks from the portal or by this API.
    Named,
    /// Only whoever talks from the portal or by this API.
    Portal,
}

impl GroupShown {
    pub(super) fn of(group: &PageGroup, pin_set: bool) -> Self {
        let named = match &group.pagers {
            Pagers::Named(named) => named.as_slice(),
            Pagers::Everybody | Pagers::Portal => &[],
        };
        Self {
            id: group.id.to_string(),
            name: group.name.to_string(),
            extension: group.extension.to_string(),
            urgency: UrgencyShown::of(group.urgency),
            pagers: PagersShown::of(&group.pagers),
            pager_ids: named.iter().map(HolderId::to_string).collect(),
            pin_set,
            members: group.members.iter().map(Member::of).collect(),
        }
    }
}

impl UrgencyShown {
    fn of(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Normal => Self::Normal,
            Urgency::Priority => Self::Priority,
        }
    }

    fn read(self) -> Urgency {
        match self {
            Self::Normal => Urgency::Normal,
            Self::Priority => Urgency::Priority,
        }
    }
}

impl PagersShown {
    fn of(pagers: &Pagers) -> Self {
        match pagers {
            Pagers::Everybody => Self::Everybody,
            Pagers::Named(_) => Self::Named,
            Pagers::Portal => Self::Portal,
        }
    }
}

/// Finds the page group of a path.
async fn group(call: &Call, scope: &mut Scope<'_, '_>) -> Result<PageGroup, Refusal> {
    let group = match call.id::<GroupId>("group_id") {
        Some(id) => scope.group(&id).await?,
        None => None,
    };
    group.ok_or_else(|| Refusal::none("page group"))
}

fn refused(error: GroupError) -> Refusal {
    match error {
        GroupError::Number(NumberTaken::Store(error)) => error.into(),
        GroupError::Number(NumberTaken::By { .. }) | GroupError::TooMany => Refusal::conflict(&error),
        GroupError::TooManyMembers => Refusal::invalid_field("members", &error),
        GroupError::TooManyPagers => Refusal::invalid_field("pager_ids", &error),
    }
}
