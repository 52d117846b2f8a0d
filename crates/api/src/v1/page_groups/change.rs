//! Adding, changing and removing page groups.

use std::collections::BTreeSet;

use model::Secret;
use model::directory::{PIN_DIGITS, Urgency, is_pin};
use model::inventory::{DisplayName, GroupId, GroupMember, HolderId, PageGroup, Pagers};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scope;

use super::members::Member;
use super::{GroupShown, PagersShown, UrgencyShown, group, refused};
use crate::answer::{Created, Done, Found};
use crate::call::{Call, bits};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// A page group that is to be.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct NewGroup {
    name: String,
    extension: String,
    #[serde(flatten)]
    further: Further,
}

/// What is to be changed of one.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Changed {
    name: Option<String>,
    extension: Option<String>,
    #[serde(flatten)]
    further: Further,
}

#[derive(Deserialize, JsonSchema)]
struct Further {
    urgency: Option<UrgencyShown>,
    /// Everybody, where a new group does not say.
    pagers: Option<PagersShown>,
    /// Who may page it, where `pagers` is `named`.
    pager_ids: Option<Vec<String>>,
    /// What is keyed in before a page from a telephone: 4 to 16 digits, or an empty text for none. It is never answered.
    #[schemars(extend("writeOnly" = true, "pattern" = "^([0-9]{4,16})?$"))]
    pin: Option<String>,
    /// All of its members.
    members: Option<Vec<Member>>,
}

/// Members that come, and members that go.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct MemberChanges {
    add: Option<Vec<Member>>,
    remove: Option<Vec<Member>>,
}

pub(crate) async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<NewGroup>,
) -> Result<Created<GroupShown>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let mut group = PageGroup {
        id: GroupId::from_random(bits()?),
        name: name(&body.name)?,
        extension: extension(&body.extension)?,
        urgency: Urgency::Normal,
        pagers: Pagers::Everybody,
        members: Vec::new(),
    };
    body.further.put(&mut group, &mut scope).await?;
    let pin = body.further.pin()?;
    scope.add_group(&group).await.map_err(refused)?;
    let (pin_set, change) = put_pin(&mut scope, &group, pin).await?;
    let detail = format!("{}{change}", told(&group));
    call.note(&mut writing, "add page group", detail).await?;
    writing.commit().await?;
    Ok(Created(GroupShown::of(&group, pin_set)))
}

pub(crate) async fn change(
    call: Call,
    _: Nothing,
    Json(body): Json<Changed>,
) -> Result<Found<GroupShown>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let mut group = group(&call, &mut scope).await?;
    if let Some(text) = &body.name {
        group.name = name(text)?;
    }
    if let Some(text) = &body.extension {
        group.extension = extension(text)?;
    }
    body.further.put(&mut group, &mut scope).await?;
    let pin = body.further.pin()?;
    scope.update_group(&group).await.map_err(refused)?;
    let (pin_set, change) = put_pin(&mut scope, &group, pin).await?;
    let detail = format!("{}{change}", told(&group));
    call.note(&mut writing, "change page group", detail).await?;
    writing.commit().await?;
    Ok(Found(GroupShown::of(&group, pin_set)))
}

pub(crate) async fn change_members(
    call: Call,
    _: Nothing,
    Json(body): Json<MemberChanges>,
) -> Result<Found<GroupShown>, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let mut group = group(&call, &mut scope).await?;
    let add = body.add.unwrap_or_default();
    let remove = body.remove.unwrap_or_default();
    if add.len().max(remove.len()) > PageGroup::MEMBERS_MAX {
        let error = format!("{} at a time at most", PageGroup::MEMBERS_MAX);
        return Err(Refusal::invalid_field("add", error));
    }
    let mut members: BTreeSet<GroupMember> = group.members.iter().cloned().collect();
    for member in &add {
        members.insert(member.read("add", &mut scope).await?);
    }
    for member in &remove {
        members.remove(&member.read("remove", &mut scope).await?);
    }
    let members: Vec<GroupMember> = members.into_iter().collect();
    let pin_set = scope.has_group_pin(&group.id).await?;
    if members != group.members {
        group.members = members;
        scope.update_group(&group).await.map_err(refused)?;
        call.note(&mut writing, "change page group", told(&group)).await?;
        writing.commit().await?;
    }
    Ok(Found(GroupShown::of(&group, pin_set)))
}

pub(crate) async fn remove(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let group = group(&call, &mut scope).await?;
    scope.remove_group(&group.id).await?;
    call.note(&mut writing, "remove page group", told(&group)).await?;
    writing.commit().await?;
    Ok(Done)
}

impl Further {
    /// Puts what is said in its place; what is left out stays.
    async fn put(&self, group: &mut PageGroup, scope: &mut Scope<'_, '_>) -> Result<(), Refusal> {
        if let Some(urgency) = self.urgency {
            group.urgency = urgency.read();
        }
        if let Some(pagers) = self.pagers(&group.pagers, scope).await? {
            group.pagers = pagers;
        }
        if let Some(members) = &self.members {
            if members.len() > PageGroup::MEMBERS_MAX {
                return Err(refused(store::GroupError::TooManyMembers));
            }
            let mut read = BTreeSet::new();
            for member in members {
                read.insert(member.read("members", scope).await?);
            }
            group.members = read.into_iter().collect();
        }
        Ok(())
    }

    /// The PIN that the group is to have from here on, or none; nothing where it stays.
    fn pin(&self) -> Result<Option<Option<Secret>>, Refusal> {
        match self.pin.as_deref() {
            None => Ok(None),
            Some("") => Ok(Some(None)),
            Some(digits) if is_pin(digits) => Ok(Some(Some(Secret::from(digits)))),
            Some(_) => {
                let (least, most) = (PIN_DIGITS.start(), PIN_DIGITS.end());
                let right =
                    format!("not a PIN: {least} to {most} digits, or nothing for none, would be right");
                Err(Refusal::invalid_field("pin", right))
            }
        }
    }

    async fn pagers(&self, before: &Pagers, scope: &mut Scope<'_, '_>) -> Result<Option<Pagers>, Refusal> {
        let ids = match (self.pagers, &self.pager_ids) {
            (None, None) => return Ok(None),
            (Some(PagersShown::Everybody | PagersShown::Portal), Some(ids)) if !ids.is_empty() => {
                return Err(Refusal::invalid_field("pager_ids", "only where pagers is named"));
            }
            (Some(PagersShown::Everybody), _) => return Ok(Some(Pagers::Everybody)),
            (Some(PagersShown::Portal), _) => return Ok(Some(Pagers::Portal)),
            (Some(PagersShown::Named), None) if matches!(before, Pagers::Named(_)) => return Ok(None),
            (Some(PagersShown::Named), Some(ids)) => ids,
            (None, Some(ids)) if matches!(before, Pagers::Named(_)) => ids,
            (Some(PagersShown::Named), None) => {
                return Err(Refusal::invalid_field("pager_ids", "name who may page the group"));
            }
            (None, Some(_)) => {
                return Err(Refusal::invalid_field("pager_ids", "only where pagers is named"));
            }
        };
        if ids.len() > PageGroup::PAGERS_MAX {
            return Err(refused(store::GroupError::TooManyPagers));
        }
        let mut named = BTreeSet::new();
        for id in ids {
            let missing =
                || Refusal::invalid_field("pager_ids", format_args!("there is no user or common area {id}"));
            let id: HolderId = id.parse().map_err(|_| missing())?;
            scope.holder(&id).await?.ok_or_else(missing)?;
            named.insert(id);
        }
        Ok(Some(Pagers::Named(named.into_iter().collect())))
    }
}

/// Gives a group the PIN that was wished for; says whether it has one then, and for the audit what has changed.
async fn put_pin(
    scope: &mut Scope<'_, '_>,
    group: &PageGroup,
    pin: Option<Option<Secret>>,
) -> Result<(bool, String), Refusal> {
    let change = match pin {
        Some(pin) => scope.set_group_pin(&group.id, pin.as_ref()).await?,
        None => None,
    };
    let told = change.map_or_else(String::new, |change| format!("; PIN {change}"));
    Ok((scope.has_group_pin(&group.id).await?, told))
}

fn name(text: &str) -> Result<DisplayName, Refusal> {
    DisplayName::new(text).map_err(|error| Refusal::invalid_field("name", error))
}

fn extension(text: &str) -> Result<model::Extension, Refusal> {
    text.parse()
        .map_err(|error| Refusal::invalid_field("extension", error))
}

fn told(group: &PageGroup) -> String {
    format!("{} ({})", group.name, group.extension)
}
