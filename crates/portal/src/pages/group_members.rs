//! Page Groups → a group: choosing who hears it and who may page it, out of as many as there are.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{self, GroupMember, LinePlace, PageGroup, Pagers};
use model::{SlotKind, SlotPosition};
use serde::Deserialize;
use store::{
    DeviceFilter, GroupError, HolderFilter, Listed, ListedDevice, ListedHolder, NamedMember, NumberTaken,
    Scope,
};

use super::changed::first_names;
use super::gate::{Posted, Visitor};
use super::group::find;
use super::layout::{self, Frame, PAGE_GROUPS};
use super::list::{Asked, ListFrame, ROWS};
use super::next_step::Saved;
use super::problem::Problem;
use super::way::urlencoded;
use super::{Site, line};

#[derive(Template)]
#[template(path = "group_choose.html")]
struct Page {
    frame: Frame,
    /// The group's own page.
    group: String,
    /// Where this form is.
    path: String,
    of: Of,
    is_for_pagers: bool,
    list: ListFrame,
    rows: Vec<Row>,
    /// Where the list begins, as it was asked.
    after: String,
    error: Option<String>,
    saved: Option<Saved>,
}

/// Something that can be chosen.
struct Row {
    value: String,
    name: String,
    /// What else is known of it.
    detail: String,
    /// It is a part of what stands before it.
    is_part: bool,
    /// It was chosen before.
    is_chosen: bool,
}

/// Of what is chosen.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of {
    /// Users and common areas.
    #[default]
    Extensions,
    /// Devices and their page slots.
    Devices,
    Sites,
}

impl Of {
    const ALL: [Self; 3] = [Self::Extensions, Self::Devices, Self::Sites];

    /// Reads what [`Of::as_str`] writes; what is none is the first.
    fn of_word(word: &str) -> Self {
        let of = Self::ALL.into_iter().find(|of| of.as_str() == word);
        of.unwrap_or_default()
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Extensions => "extensions",
            Self::Devices => "devices",
            Self::Sites => "sites",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Extensions => "Users & Common Areas",
            Self::Devices => "Devices & Slots",
            Self::Sites => "Sites",
        }
    }
}

/// What is asked of the list of what can be chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AskedOf {
    of: Of,
    /// How many were added just now.
    added: Option<u32>,
    q: String,
    after: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<AskedOf>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let group = find(&mut scope, &id).await?;
    let page = page(&by, &mut scope, &group, asked, Ends::Members).await?;
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn show_pagers(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<AskedOf>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let group = find(&mut scope, &id).await?;
    let asked = AskedOf {
        of: Of::Extensions,
        ..asked
    };
    let page = page(&by, &mut scope, &group, asked, Ends::Pagers).await?;
    Ok(layout::page(StatusCode::OK, &page))
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    change(&site, &posted, &id, Ends::Members, true).await
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    change(&site, &posted, &id, Ends::Members, false).await
}

pub(super) async fn add_pagers(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    change(&site, &posted, &id, Ends::Pagers, true).await
}

pub(super) async fn remove_pagers(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    change(&site, &posted, &id, Ends::Pagers, false).await
}

/// The two ends of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Members,
    Pagers,
}

impl Ends {
    const fn path(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Pagers => "pagers",
        }
    }

    /// Those that a group has.
    fn of(self, group: &PageGroup) -> Vec<GroupMember> {
        match self {
            Self::Members => group.members.clone(),
            Self::Pagers => match &group.pagers {
                Pagers::Named(named) => named.iter().cloned().map(GroupMember::Holder).collect(),
                Pagers::Everybody | Pagers::Portal => Vec::new(),
            },
        }
    }

    fn put_into(self, group: &mut PageGroup, chosen: Vec<GroupMember>) {
        match self {
            Self::Members => group.members = chosen,
            Self::Pagers => {
                let holders = chosen.into_iter().filter_map(|chosen| match chosen {
                    GroupMember::Holder(holder) => Some(holder),
                    GroupMember::Device(_) | GroupMember::Slot(..) | GroupMember::Site(_) => None,
                });
                group.pagers = Pagers::Named(holders.collect());
            }
        }
    }
}

/// Adds what is ticked, or takes it away.
async fn change(
    site: &Site,
    posted: &Posted,
    id: &str,
    ends: Ends,
    is_added: bool,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let before = find(&mut scope, id).await?;
    let ticked: Vec<GroupMember> = posted.values("member").filter_map(member_of).collect();
    let mut chosen = ends.of(&before);
    let count = chosen.len();
    if is_added {
        chosen.extend(ticked.iter().cloned());
        chosen.sort();
        chosen.dedup();
    } else {
        chosen.retain(|chosen| !ticked.contains(chosen));
    }
    let changed = chosen.len().abs_diff(count);
    let path = format!("{PAGE_GROUPS}/{}", before.id);
    let back = if is_added {
        let of = Of::of_word(posted.value("of")).as_str();
        let [q, after] = ["q", "after"].map(|name| urlencoded(posted.value(name)));
        let ends = ends.path();
        format!("{path}/{ends}?of={of}&q={q}&after={after}&added={changed}")
    } else {
        path
    };
    if changed == 0 {
        return Ok(Redirect::to(&back).into_response());
    }
    let mut after = before.clone();
    ends.put_into(&mut after, chosen);
    let named_before = names_of(&mut scope, &before, ends).await?;
    if let Err(error) = scope.update_group(&after).await {
        let asked = AskedOf {
            of: Of::of_word(posted.value("of")),
            added: None,
            q: posted.value("q").to_owned(),
            after: posted.value("after").to_owned(),
        };
        let mut page = page(by, &mut scope, &before, asked, ends).await?;
        page.error = Some(refusal(error)?);
        return Ok(layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let named_after = names_of(&mut scope, &after, ends).await?;
    let (more, fewer) = if is_added {
        (named_after, named_before)
    } else {
        (named_before, named_after)
    };
    let different = more.into_iter().filter(|name| !fewer.contains(name));
    let detail = format!(
        "{} ({}): {}",
        before.name,
        before.extension,
        first_names(different)
    );
    let action = match (ends, is_added) {
        (Ends::Members, true) => "add members to page group",
        (Ends::Members, false) => "remove members of page group",
        (Ends::Pagers, true) => "let page a group",
        (Ends::Pagers, false) => "end letting page a group",
    };
    by.note(&mut writing, action, detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&back).into_response())
}

/// What a limit says; other failures are problems.
fn refusal(error: GroupError) -> Result<String, Problem> {
    match error {
        GroupError::Number(NumberTaken::Store(error)) => Err(error.into()),
        error => Ok(error.to_string()),
    }
}

/// The names of those that a group has, as they are told.
async fn names_of(scope: &mut Scope<'_, '_>, group: &PageGroup, ends: Ends) -> Result<Vec<String>, Problem> {
    Ok(match ends {
        Ends::Members => {
            let members = scope.named_members(&group.id).await?;
            members.into_iter().map(told_member).collect()
        }
        Ends::Pagers => {
            let pagers = scope.named_pagers(&group.id).await?;
            let told = |(_, name, extension)| format!("{name} ({extension})");
            pagers.into_iter().map(told).collect()
        }
    })
}

fn told_member(named: NamedMember) -> String {
    let NamedMember {
        member,
        name,
        extension,
    } = named;
    match (member, extension) {
        (GroupMember::Holder(_), Some(extension)) => format!("{name} ({extension})"),
        (GroupMember::Slot(_, slot), _) => format!("{name} (Page {})", slot.port()),
        (GroupMember::Site(_), _) => format!("{name} (site)"),
        (GroupMember::Holder(_) | GroupMember::Device(_), _) => name,
    }
}

async fn page(
    by: &Visitor,
    scope: &mut Scope<'_, '_>,
    group: &PageGroup,
    asked: AskedOf,
    ends: Ends,
) -> Result<Page, Problem> {
    let chosen = ends.of(group);
    let place = Asked::at(&asked.q, &asked.after);
    let (list, mut rows) = match asked.of {
        Of::Extensions => extensions(scope, place, ends).await?,
        Of::Devices => devices(scope, place).await?,
        Of::Sites => sites(scope, place).await?,
    };
    for row in &mut rows {
        row.is_chosen = member_of(&row.value).is_some_and(|member| chosen.contains(&member));
    }
    let path = format!("{PAGE_GROUPS}/{}", group.id);
    let title = match ends {
        Ends::Members => format!("Add members to {}", group.name),
        Ends::Pagers => format!("Who may page {}", group.name),
    };
    let told = asked.added.map(|count| match count {
        0 => "Nothing was added: tick what is to be.".to_owned(),
        1 => "One was added.".to_owned(),
        count => format!("{count} were added."),
    });
    let saved = match told {
        Some(told) if ends == Ends::Members && asked.added != Some(0) => {
            Some(Saved::group(scope, &group.id, &group.extension, told).await?)
        }
        told => told.map(|told| Saved { told, next: None }),
    };
    Ok(Page {
        frame: Frame::new(by, title, PAGE_GROUPS),
        path: format!("{path}/{}", ends.path()),
        group: path,
        of: asked.of,
        is_for_pagers: ends == Ends::Pagers,
        list,
        rows,
        after: asked.after,
        error: None,
        saved,
    })
}

async fn extensions(
    scope: &mut Scope<'_, '_>,
    asked: Asked,
    ends: Ends,
) -> Result<(ListFrame, Vec<Row>), Problem> {
    let filter = HolderFilter {
        text: asked.q.clone(),
        ..HolderFilter::default()
    };
    let listed = scope.list_holders(&filter, asked.after().as_ref(), ROWS).await?;
    let list = ListFrame::new(asked, "Name or extension", &listed);
    let row = |listed: ListedHolder| {
        let mut places: Vec<String> = listed
            .lines
            .iter()
            .map(|(line, device)| format!("{device} ({})", line::place_name(line.place)))
            .collect();
        if ends == Ends::Members && !listed.lines.iter().any(|(line, _)| line::is_paged(line.place)) {
            places.push(line::HEARS_NOTHING.to_owned());
        }
        let value = value_of(&GroupMember::Holder(listed.holder.id));
        let name = format!("{} ({})", listed.holder.name, listed.holder.extension);
        Row::new(value, name, places.join(", "))
    };
    Ok((list, listed.rows.into_iter().map(row).collect()))
}

async fn devices(scope: &mut Scope<'_, '_>, asked: Asked) -> Result<(ListFrame, Vec<Row>), Problem> {
    let filter = DeviceFilter {
        text: asked.q.clone(),
        ..DeviceFilter::default()
    };
    let listed = scope.list_devices(&filter, asked.after().as_ref(), ROWS).await?;
    let list = ListFrame::new(asked, "Name, MAC address or extension", &listed);
    let mut rows = Vec::new();
    for ListedDevice { device, lines, .. } in listed.rows {
        let id = device.id;
        let whole = value_of(&GroupMember::Device(id.clone()));
        let is_heard = lines.iter().any(|(line, ..)| line::is_paged(line.place));
        let detail = line::device_hears(is_heard);
        rows.push(Row::new(whole, device.name.to_string(), detail.to_owned()));
        for (line, name, extension) in lines {
            if let LinePlace::Slot(slot) = line.place
                && slot.kind() == SlotKind::Page
            {
                let value = value_of(&GroupMember::Slot(id.clone(), slot));
                let detail = format!("{name} ({extension})");
                let part = Row::new(value, line::place_name(line.place), detail);
                rows.push(Row {
                    is_part: true,
                    ..part
                });
            }
        }
    }
    Ok((list, rows))
}

/// All sites at once: there are not many.
async fn sites(scope: &mut Scope<'_, '_>, asked: Asked) -> Result<(ListFrame, Vec<Row>), Problem> {
    let wanted = asked.q.trim().to_lowercase();
    let mut sites = scope.sites().await?;
    sites.retain(|site| site.name.as_str().to_lowercase().contains(&wanted));
    let listed = Listed {
        rows: sites,
        next: None,
    };
    let list = ListFrame::new(Asked::at(&asked.q, ""), "Name", &listed);
    let row = |site: inventory::Site| {
        let value = value_of(&GroupMember::Site(site.id));
        Row::new(value, site.name.to_string(), "all page slots there".to_owned())
    };
    Ok((list, listed.rows.into_iter().map(row).collect()))
}

impl Row {
    fn new(value: String, name: String, detail: String) -> Self {
        Self {
            value,
            name,
            detail,
            is_part: false,
            is_chosen: false,
        }
    }
}

/// A member as a form has it.
pub(super) fn value_of(member: &GroupMember) -> String {
    match member {
        GroupMember::Holder(id) => format!("extension:{id}"),
        GroupMember::Device(id) => format!("device:{id}"),
        GroupMember::Slot(id, slot) => format!("slot:{}:{id}", slot.port()),
        GroupMember::Site(id) => format!("site:{id}"),
    }
}

/// Reads what [`value_of`] writes.
fn member_of(value: &str) -> Option<GroupMember> {
    let (kind, id) = value.split_once(':')?;
    match kind {
        "extension" => id.parse().ok().map(GroupMember::Holder),
        "device" => id.parse().ok().map(GroupMember::Device),
        "slot" => {
            let (port, id) = id.split_once(':')?;
            let slot = SlotPosition::new(SlotKind::Page, port.parse().ok()?).ok()?;
            Some(GroupMember::Slot(id.parse().ok()?, slot))
        }
        "site" => id.parse().ok().map(GroupMember::Site),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_as_it_was_written_and_nothing_else_is_one() {
        let slot = SlotPosition::new(SlotKind::Page, 51).unwrap();
        for member in [
            GroupMember::Holder("h".parse().unwrap()),
            GroupMember::Device("d".parse().unwrap()),
            GroupMember::Slot("d".parse().unwrap(), slot),
            GroupMember::Site("s".parse().unwrap()),
        ] {
            assert_eq!(member_of(&value_of(&member)), Some(member));
        }
        for text in [
            "",
            "site",
            "site:",
            "slot:0:d",
            "slot:52:d",
            "slot:d",
            "device:a b",
        ] {
            assert_eq!(member_of(text), None, "{text}");
        }
    }
}
