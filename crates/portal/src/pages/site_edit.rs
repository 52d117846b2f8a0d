//! Sites → adding one, changing its name, and removing it.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Site as Place, SiteId, SiteTitle};
use store::{Scope, SiteError, SiteMembers};

use super::changed::changed;
use super::form::{Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, SITES};
use super::optional_choice::{chosen, label_of, site_field};
use super::problem::Problem;
use super::sites::{NAMED_MAX, find};
use super::{Site, chance};

fn name_field() -> Field {
    Field::new(
        "name",
        "Name",
        "What people call the place: a campus, a building, a town.",
        Control::Text(&[]),
    )
}

fn add_page(by: &Visitor, name: Field) -> FormPage {
    FormPage {
        frame: Frame::new(by, "Add a site", SITES),
        introduction: "Users, common areas and devices are put into a site on their own pages.",
        action: format!("{SITES}/add"),
        back: SITES.to_owned(),
        hidden: Vec::new(),
        fields: vec![name],
        button: SAVE,
        removal: None,
    }
}

fn edit_page(by: &Visitor, site: &Place, name: Field) -> FormPage {
    let path = path_of(site);
    FormPage {
        frame: Frame::new(by, format!("Change {}", site.name), SITES),
        introduction: "What belongs to it stays where it is.",
        action: format!("{path}/edit"),
        back: path.clone(),
        removal: Some(format!("{path}/remove")),
        ..add_page(by, name)
    }
}

fn path_of(site: &Place) -> String {
    format!("{SITES}/{}", site.id)
}

/// Puts what is wrong with a name at its field; other failures are problems.
fn refused(error: SiteError) -> Result<String, Problem> {
    match error {
        SiteError::NameTaken(_) | SiteError::TooMany => Ok(error.to_string()),
        SiteError::Store(error) => Err(error.into()),
    }
}

pub(super) async fn show_add(Extension(by): Extension<Visitor>) -> Response {
    add_page(&by, name_field()).answer()
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut field = name_field().typed(&posted);
    let Some(name) = field.take(SiteTitle::new(&field.value)) else {
        return Ok(add_page(by, field).answer());
    };
    let place = Place {
        id: SiteId::from_random(chance::bits()?),
        name,
    };
    let mut writing = site.store().write().await?;
    if let Err(error) = writing.account(&by.account).add_site(&place).await {
        field.refuse(&refused(error)?);
        return Ok(add_page(by, field).answer());
    }
    by.note(&mut writing, "add site", place.name.to_string()).await?;
    writing.commit().await?;
    Ok(Redirect::to(SITES).into_response())
}

pub(super) async fn show_edit(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let place = find(&mut reading.account(&by.account), &id).await?;
    let field = name_field().filled(place.name.as_str());
    Ok(edit_page(&by, &place, field).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let before = find(&mut scope, &id).await?;
    let mut field = name_field().typed(&posted);
    let Some(name) = field.take(SiteTitle::new(&field.value)) else {
        return Ok(edit_page(by, &before, field).answer());
    };
    let after = Place {
        id: before.id.clone(),
        name,
    };
    if let Err(error) = scope.update_site(&after).await {
        field.refuse(&refused(error)?);
        return Ok(edit_page(by, &before, field).answer());
    }
    let pairs = [("Name", before.name.to_string(), after.name.to_string())];
    let detail = changed(before.name.as_str(), &pairs);
    by.note(&mut writing, "change site", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&path_of(&after)).into_response())
}

#[derive(Template)]
#[template(path = "site_remove.html")]
struct Removal {
    frame: Frame,
    site: Place,
    /// What belongs to it, a line each.
    along: Vec<String>,
    /// Where that goes.
    to: Field,
}

impl Removal {
    async fn of(by: &Visitor, scope: &mut Scope<'_, '_>, site: Place) -> Result<Self, Problem> {
        let members = scope.site_members(&site.id, NAMED_MAX).await?;
        let others = scope.sites().await?.into_iter();
        let others: Vec<Place> = others.filter(|other| other.id != site.id).collect();
        Ok(Self {
            frame: Frame::new(by, format!("Remove {}", site.name), SITES),
            along: along(&members),
            to: site_field(&others),
            site,
        })
    }

    fn answer(&self) -> Response {
        let status = if self.to.error.is_some() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        };
        layout::page(status, self)
    }

    fn choices(&self) -> &[super::form::Choice] {
        match &self.to.control {
            Control::Select(choices) => choices,
            _ => &[],
        }
    }
}

/// What belongs to a site, a line for each kind of it.
fn along(members: &SiteMembers) -> Vec<String> {
    let mut along = Vec::new();
    let holders = members
        .holders
        .iter()
        .map(|holder| format!("{} ({})", holder.name, holder.extension));
    if members.holder_count > 0 {
        let named = named(&holders.collect::<Vec<_>>(), members.holder_count);
        along.push(format!(
            "users and common areas, {}: {named}",
            members.holder_count
        ));
    }
    let devices = members
        .devices
        .iter()
        .map(|device| format!("{} ({})", device.name, device.mac));
    if members.device_count > 0 {
        let named = named(&devices.collect::<Vec<_>>(), members.device_count);
        along.push(format!("devices, {}: {named}", members.device_count));
    }
    if !members.groups.is_empty() {
        let named = members
            .groups
            .iter()
            .map(|(name, extension)| format!("{name} ({extension})"));
        let named: Vec<String> = named.collect();
        along.push(format!("its membership of {}", named.join(", ")));
    }
    if members.address_count > 0 {
        along.push(format!("addresses for emergencies: {}", members.address_count));
    }
    along
}

fn named(names: &[String], count: u64) -> String {
    let shown = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let names = names.join(", ");
    match count.saturating_sub(shown) {
        0 => names,
        more => format!("{names}, and {more} more"),
    }
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let place = find(&mut scope, &id).await?;
    Ok(Removal::of(&by, &mut scope, place).await?.answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let place = find(&mut scope, &id).await?;
    let mut asked = Removal::of(by, &mut scope, place).await?;
    asked.to = asked.to.typed(&posted);
    let Some(to) = chosen::<SiteId>(&mut asked.to) else {
        return Ok(asked.answer());
    };
    scope.remove_site(&asked.site.id, to.as_ref()).await?;
    let mut detail = asked.site.name.to_string();
    if !asked.along.is_empty() {
        let heir = label_of(&asked.to, to.as_ref().map(SiteId::as_str));
        detail = format!("{detail}; to {heir}: {}", asked.along.join("; "));
    }
    by.note(&mut writing, "remove site", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(SITES).into_response())
}
