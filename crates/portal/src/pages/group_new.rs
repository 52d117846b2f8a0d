//! Page Groups → Add.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::Extension as Number;
use model::inventory::{DisplayName, GroupId, Holder, HolderId, PageGroup};

use super::form::{Choice, Control, Field, FormPage};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PAGE_GROUPS};
use super::problem::{Problem, taken};
use super::{Site, chance};

pub(super) struct Fields([Field; 3]);

impl Fields {
    /// What stands there.
    pub(super) fn of(holders: &[Holder], group: &PageGroup) -> Self {
        let Self([name, extension, member]) = Self::new(holders);
        let members = group.members.iter().map(HolderId::as_str);
        Self([
            name.filled(group.name.as_str()),
            extension.filled(group.extension.as_str()),
            member.ticked(&members.collect::<Vec<_>>()),
        ])
    }

    pub(super) fn typed(holders: &[Holder], posted: &Posted) -> Self {
        Self(Self::new(holders).0.map(|field| field.typed(posted)))
    }

    /// Those that are ticked, of those there are.
    pub(super) fn members(holders: &[Holder], posted: &Posted) -> Vec<HolderId> {
        let ticked: BTreeSet<&str> = posted.values("member").collect();
        let members = holders
            .iter()
            .filter(|holder| ticked.contains(holder.id.as_str()));
        members.map(|holder| holder.id.clone()).collect()
    }

    /// Marks the number.
    pub(super) fn refuse_extension(&mut self, why: &str) {
        let [_, extension, _] = &mut self.0;
        extension.refuse(why);
    }

    /// The form for one that is there.
    pub(super) fn edit_page(self, by: &Visitor, group: &PageGroup) -> FormPage {
        let path = format!("{PAGE_GROUPS}/{}", group.id);
        FormPage {
            frame: Frame::new(by, format!("Change {}", group.name), PAGE_GROUPS),
            action: path.clone(),
            removal: Some(format!("{path}/remove")),
            ..self.page(by)
        }
    }

    fn new(holders: &[Holder]) -> Self {
        let member = |holder: &Holder| {
            Choice::new(
                holder.id.as_str(),
                format!("{} ({})", holder.name, holder.extension),
            )
        };
        let members = holders.iter().map(member).collect();
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call it, 3 characters at least.",
                Control::Text(&[]),
            ),
            Field::new(
                "extension",
                "Extension Number",
                "What people dial to page all members: up to 16 digits.",
                Control::Text(&[]),
            ),
            Field::new(
                "member",
                "Members",
                "Their page slots hear the page.",
                Control::Boxes(members),
            ),
        ])
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Add a page group", PAGE_GROUPS),
            introduction: "A page group is one number that pages every member at once.",
            action: "/page-groups/add".to_owned(),
            back: PAGE_GROUPS.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            removal: None,
        }
    }

    /// Makes the group that was typed, or marks what is wrong.
    pub(super) fn group(&mut self, members: Vec<HolderId>, id: GroupId) -> Option<PageGroup> {
        let [name, extension, member] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_extension = extension.take(extension.value.trim().parse::<Number>());
        if members.is_empty() {
            member.refuse("choose at least one member");
            return None;
        }
        Some(PageGroup {
            id,
            name: parsed_name?,
            extension: parsed_extension?,
            members,
        })
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let holders = reading.account(&by.account).holders(None).await?;
    Ok(Fields::new(&holders).page(&by).answer())
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let holders = scope.holders(None).await?;
    let mut fields = Fields::typed(&holders, &posted);
    let members = Fields::members(&holders, &posted);
    let Some(group) = fields.group(members, GroupId::from_random(chance::bits()?)) else {
        return Ok(fields.page(by).answer());
    };
    if let Err(error) = scope.add_group(&group).await {
        fields.refuse_extension(&taken(error)?);
        return Ok(fields.page(by).answer());
    }
    let detail = format!("{} ({})", group.name, group.extension);
    by.note(&mut writing, "add page group", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(PAGE_GROUPS).into_response())
}
