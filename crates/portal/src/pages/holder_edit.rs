//! Users & Rooms → a user or common area: changing and removing it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{
    Device, Holder, HolderDefaults, HolderId, HolderKind, HolderProfile, Site as Place, SiteId,
};
use store::{Scope, StoreError};

use super::changed::changed;
use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::holder_new::{Fields, list_of, saved};
use super::layout::{Frame, USERS_AND_ROOMS};
use super::optional_choice::{label_of, site_field};
use super::problem::{Problem, taken};
use super::{Site, countries, line, resync};

/// Where it is changed.
pub(super) fn path_of(holder: &Holder) -> String {
    format!("{}/{}", list_of(holder.kind), holder.id)
}

/// What people call the kind, in a sentence.
pub(super) const fn kind_name(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::User => "user",
        HolderKind::CommonArea => "common area",
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let holder = find(&mut scope, &id).await?;
    let profile = scope.holder_profile(&holder.id).await?.unwrap_or_default();
    Ok(Fields::of(&scope.sites().await?, &holder, &profile)
        .edit_page(&by, &holder)
        .answer())
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
    let sites = scope.sites().await?;
    let mut fields = Fields::typed(&sites, &posted);
    let stood_there = HolderDefaults {
        country: Some(before.country),
        time_zone: Some(before.time_zone.clone()),
    };
    let kept = scope.holder_profile(&before.id).await?.unwrap_or_default();
    let after = fields.holder(before.kind, before.id.clone(), &stood_there);
    let profile = fields.profile(kept.clone());
    let (Some(after), Some(profile)) = (after, profile) else {
        return Ok(fields.edit_page(by, &before).answer());
    };
    if let Err(error) = scope.update_holder(&after).await {
        fields.refuse_extension(&taken(error)?);
        return Ok(fields.edit_page(by, &before).answer());
    }
    if profile != kept {
        scope.set_holder_profile(&before.id, &profile).await?;
    }
    let action = format!("change {}", kind_name(before.kind));
    // Its name stands in the files of its devices.
    let renamed = match before.name == after.name {
        true => Vec::new(),
        false => devices_of(&mut scope, &after).await?,
    };
    let detail = changes(&sites, (&before, &kept), (&after, &profile));
    by.note(&mut writing, &action, detail).await?;
    writing.commit().await?;
    resync::tell_in_turn(&site, &by.account, renamed);
    Ok(Redirect::to(&saved(&after)).into_response())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let holder = find(&mut scope, &id).await?;
    let along = along(&mut scope, &holder).await?;
    let kind = kind_name(holder.kind);
    let frame = Frame::new(&by, format!("Remove {}", holder.name), USERS_AND_ROOMS);
    let question = if along.is_empty() {
        format!(
            "Remove the {kind} {} with extension {}?",
            holder.name, holder.extension
        )
    } else {
        format!(
            "Remove the {kind} {} with extension {}? This goes along:",
            holder.name, holder.extension
        )
    };
    let page = Confirm::removal(frame, question, along, path_of(&holder));
    Ok(page.answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let holder = find(&mut scope, &id).await?;
    let along = along(&mut scope, &holder).await?;
    let devices = devices_of(&mut scope, &holder).await?;
    scope.remove_holder(&holder.id).await?;
    let action = format!("remove {}", kind_name(holder.kind));
    let mut detail = format!("{} ({})", holder.name, holder.extension);
    for line in along {
        detail.push_str("; ");
        detail.push_str(&line);
    }
    by.note(&mut writing, &action, detail).await?;
    writing.commit().await?;
    resync::tell_in_turn(&site, &by.account, devices);
    Ok(Redirect::to(list_of(holder.kind)).into_response())
}

async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<Holder, Problem> {
    let id: HolderId = id.parse().map_err(|_| Problem::Missing)?;
    scope.holder(&id).await?.ok_or(Problem::Missing)
}

/// The devices that it has a place at; one where it has several is there as often.
async fn devices_of(scope: &mut Scope<'_, '_>, holder: &Holder) -> Result<Vec<Device>, StoreError> {
    let mut devices = Vec::new();
    for held in scope.lines_of_holder(&holder.id).await? {
        devices.extend(scope.device(&held.device).await?);
    }
    Ok(devices)
}

/// What goes when it is removed.
async fn along(scope: &mut Scope<'_, '_>, holder: &Holder) -> Result<Vec<String>, StoreError> {
    let mut along = Vec::new();
    for held in scope.lines_of_holder(&holder.id).await? {
        let device = scope.device(&held.device).await?;
        let device = device.map_or_else(String::new, |device| device.name.to_string());
        along.push(format!(
            "its place {} at {device}, with its credentials",
            line::place_name(held.place)
        ));
    }
    for (extension, name) in scope.groups_with_holder(&holder.id).await? {
        along.push(format!("its membership of {name} ({extension})"));
    }
    Ok(along)
}

/// What is different, in words.
fn changes(
    sites: &[Place],
    (before, kept): (&Holder, &HolderProfile),
    (after, profile): (&Holder, &HolderProfile),
) -> String {
    let sites = site_field(sites);
    let site = |holder: &Holder| label_of(&sites, holder.site.as_ref().map(SiteId::as_str));
    let fields = [
        ("Display Name", before.name.to_string(), after.name.to_string()),
        (
            "Extension Number",
            before.extension.to_string(),
            after.extension.to_string(),
        ),
        ("Package", before.package.clone(), after.package.clone()),
        (
            "Country/Region",
            countries::name_of(before.country),
            countries::name_of(after.country),
        ),
        (
            "Time Zone",
            before.time_zone.to_string(),
            after.time_zone.to_string(),
        ),
        ("Site", site(before), site(after)),
        (
            "Department",
            kept.department.to_string(),
            profile.department.to_string(),
        ),
        (
            "Cost Center",
            kept.cost_center.to_string(),
            profile.cost_center.to_string(),
        ),
    ];
    changed(&format!("{} ({})", before.name, before.extension), &fields)
}
