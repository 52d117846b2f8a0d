//! `POST`, `PATCH` and `DELETE` of a common area.

use model::Extension;
use model::inventory::{Holder, HolderId, HolderKind, HolderProfile, Remark};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scope;

use super::super::shapes::{Named, Policy, number_of};
use super::super::sites;
use super::read::Language;
use super::settings::devices_of;
use super::{area, country, name, number, time_zone};
use crate::answer::{Created, Done};
use crate::asking::tell_in_turn;
use crate::call::{Call, bits};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// The package that everybody has: a service of one's own has nothing to sell.
const PACKAGE: &str = "Standard";
/// Where somebody is of whom nothing is said, where nothing holds for the account.
const COUNTRY: &str = "US";
const TIME_ZONE: &str = "UTC";
/// Digits of a number that nobody has chosen: as few as there are free ones of, from the first of these on.
const DIGITS: std::ops::RangeInclusive<u32> = 4..=9;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct NewArea {
    #[expect(
        dead_code,
        reason = "it is part of the published API; there are no calling plans here"
    )]
    #[schemars(length(max = 100))]
    calling_plans: Option<Vec<WantedPlan>>,
    country_iso_code: Option<String>,
    display_name: String,
    extension_number: Option<i64>,
    site_id: Option<String>,
    timezone: Option<String>,
    template_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(
    dead_code,
    reason = "it is part of the published API; there are no calling plans here"
)]
struct WantedPlan {
    #[serde(rename = "type")]
    kind: Option<i32>,
    billing_subscription_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Change {
    area_code: Option<String>,
    cost_center: Option<String>,
    country_iso_code: Option<String>,
    department: Option<String>,
    display_name: Option<String>,
    emergency_address_id: Option<String>,
    extension_number: Option<i64>,
    outbound_caller_id: Option<String>,
    #[expect(
        dead_code,
        reason = "it is part of the published API; what it sets is not done here"
    )]
    policy: Option<Policy>,
    site_id: Option<String>,
    timezone: Option<String>,
    default_transcription_language: Option<Language>,
}

pub(crate) async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<NewArea>,
) -> Result<Created<Named>, Refusal> {
    if let Some(template) = body.template_id.filter(|id| !id.is_empty()) {
        let template: String = template.chars().take(100).collect();
        return Err(Refusal::invalid(format_args!(
            "The template type error or the template does not exist:{template}."
        )));
    }
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let site = sites::chosen(&mut scope, body.site_id.as_deref()).await?;
    let defaults = scope.holder_defaults().await?;
    let extension = match body.extension_number {
        Some(chosen) => number(chosen)?,
        None => free_number(&mut scope).await?,
    };
    let area = Holder {
        id: HolderId::from_random(bits()?),
        kind: HolderKind::CommonArea,
        name: name(&body.display_name)?,
        extension,
        package: PACKAGE.to_owned(),
        country: match stated(body.country_iso_code.as_deref()) {
            Some(text) => country(text, defaults.country)?,
            None => defaults.country.map_or_else(|| country(COUNTRY, None), Ok)?,
        },
        time_zone: match stated(body.timezone.as_deref()) {
            Some(text) => time_zone(text, defaults.time_zone.as_ref())?,
            None => defaults
                .time_zone
                .map_or_else(|| time_zone(TIME_ZONE, None), Ok)?,
        },
        site,
    };
    scope.add_holder(&area).await?;
    let detail = format!("{} ({})", area.name, area.extension);
    call.note(&mut writing, "add common area", detail).await?;
    writing.commit().await?;
    Ok(Created(Named {
        id: area.id.to_string(),
        display_name: area.name.to_string(),
    }))
}

/// What a body says, unless it is nothing.
fn stated(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

pub(crate) async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let mut area = area(&call, &mut scope, 404).await?;
    let before = area.name.clone();
    if let Some(text) = &body.display_name {
        area.name = name(text)?;
    }
    // What comes back as it was told changes nothing, also where a number does not tell all of an extension.
    if let Some(chosen) = body
        .extension_number
        .filter(|chosen| *chosen != number_of(&area.extension))
    {
        area.extension = number(chosen)?;
    }
    if let Some(text) = &body.country_iso_code {
        area.country = country(text, Some(area.country))?;
    }
    if let Some(text) = &body.timezone {
        area.time_zone = time_zone(text, Some(&area.time_zone))?;
    }
    if body.site_id.is_some() {
        area.site = sites::chosen(&mut scope, body.site_id.as_deref()).await?;
    }
    if body
        .outbound_caller_id
        .as_deref()
        .is_some_and(|id| !id.is_empty())
    {
        let error = "the account has no outside numbers; leave it out";
        return Err(Refusal::invalid_field("outbound_caller_id", error));
    }
    scope.update_holder(&area).await?;
    let profile = profile(&mut scope, &area, &body).await?;
    scope.set_holder_profile(&area.id, &profile).await?;
    let detail = format!("{} ({})", area.name, area.extension);
    // Its name stands in the files of its devices.
    let renamed = match area.name == before {
        true => Vec::new(),
        false => devices_of(&mut scope, &area).await?,
    };
    call.note(&mut writing, "change common area", detail).await?;
    writing.commit().await?;
    tell_in_turn(&call, renamed);
    Ok(Done)
}

pub(crate) async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let area = area(&call, &mut scope, 404).await?;
    let devices = devices_of(&mut scope, &area).await?;
    scope.remove_holder(&area.id).await?;
    let detail = format!("{} ({})", area.name, area.extension);
    call.note(&mut writing, "remove common area", detail).await?;
    writing.commit().await?;
    tell_in_turn(&call, devices);
    Ok(Done)
}

/// What is kept besides, with what changes of it.
async fn profile(scope: &mut Scope<'_, '_>, area: &Holder, body: &Change) -> Result<HolderProfile, Refusal> {
    let kept = scope.holder_profile(&area.id).await?;
    let text = |field, new: &Option<String>, kept: Option<&Remark>| {
        let text = new.as_deref().or_else(|| kept.map(Remark::as_str));
        Remark::new(text.unwrap_or_default()).map_err(|error| Refusal::invalid_field(field, error))
    };
    let before = kept.as_ref();
    let language = body.default_transcription_language.map(Language::tag);
    let address = match body.emergency_address_id.as_deref() {
        None => before.and_then(|kept| kept.address.clone()),
        Some("") => None,
        Some(id) => Some(super::super::addresses::known(scope, id).await?.id),
    };
    Ok(HolderProfile {
        department: text(
            "department",
            &body.department,
            before.map(|kept| &kept.department),
        )?,
        cost_center: text(
            "cost_center",
            &body.cost_center,
            before.map(|kept| &kept.cost_center),
        )?,
        area_code: text("area_code", &body.area_code, before.map(|kept| &kept.area_code))?,
        language: text(
            "default_transcription_language",
            &language,
            before.map(|kept| &kept.language),
        )?,
        address,
    })
}

async fn free_number(scope: &mut Scope<'_, '_>) -> Result<Extension, Refusal> {
    for digits in DIGITS {
        if let Some(free) = scope.free_number(digits).await? {
            return number(i64::try_from(free).unwrap_or_default());
        }
    }
    Err(Refusal::invalid_field(
        "extension_number",
        "no number is free; choose one",
    ))
}
