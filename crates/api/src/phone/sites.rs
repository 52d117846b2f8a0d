//! `/phone/sites`.

use axum::http::Method;
use model::inventory::{AddressId, EmergencyAddress, Remark, Site, SiteId, SiteProfile, SiteTitle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Scope, SiteError};

use super::addresses::{AddressBody, SiteAddress};
use super::shapes::Policy;
use super::{READ, WRITE};
use crate::answer::{Created, Done, Found};
use crate::call::{Call, bits};
use crate::operation::{Json, Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Sites of a page.
const PAGE_SIZE_MAX: u32 = 300;
/// Ranges of short numbers.
const RANGES_MAX: usize = 10;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/phone/sites", "listPhoneSites", list)
            .summary("List sites")
            .scopes(READ, &["phone:read:list_sites:admin"])
            .rate(Rate::Medium),
        Operation::new(Method::POST, "/phone/sites", "createPhoneSite", add)
            .summary("Add a site")
            .scopes(WRITE, &["phone:write:site:admin"])
            .refuses(&[(400, &[300, 400])]),
        Operation::new(Method::GET, "/phone/sites/{siteId}", "getASite", read)
            .summary("Get a site")
            .scopes(READ, &["phone:read:site:admin"])
            .refuses(&[(400, &[400])]),
        Operation::new(
            Method::PATCH,
            "/phone/sites/{siteId}",
            "updateSiteDetails",
            change,
        )
        .summary("Change a site")
        .scopes(WRITE, &["phone:update:site:admin"])
        .refuses(&[
            (
                400,
                &[300, 400, 405, 13800, 13802, 13803, 13804, 13805, 13806, 13808],
            ),
            (404, &[2001]),
        ]),
        Operation::new(Method::DELETE, "/phone/sites/{siteId}", "deletePhoneSite", delete)
            .summary("Remove a site, and give what it has to another")
            .scopes(WRITE, &["phone:delete:site:admin"])
            .refuses(&[(400, &[300, 400]), (409, &[409])]),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: Option<u32>,
    next_page_token: Option<String>,
    site_name: Option<String>,
}

/// A page of sites.
#[derive(Serialize, JsonSchema)]
struct Page {
    next_page_token: String,
    page_size: u32,
    sites: Vec<Row>,
    total_records: usize,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<SiteCountry>,
    id: String,
    main_auto_receptionist: Receptionist,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_code: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct SiteCountry {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Who answers for a site: a name, and nobody who can be called.
#[derive(Serialize, JsonSchema)]
struct Receptionist {
    #[serde(skip_serializing_if = "Option::is_none")]
    extension_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension_number: Option<i64>,
    id: String,
    name: String,
}

/// A site.
#[derive(Serialize, JsonSchema)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<SiteCountry>,
    id: String,
    main_auto_receptionist: Receptionist,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_extension: Option<ShortExtension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_zone: Option<SipZone>,
    caller_id_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    india_state_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    india_city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    india_sdca_npa: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    india_entity_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_emergency_address: Option<SiteAddress>,
}

/// A zone as the published API knows them; here a site has none of its own.
#[derive(Serialize, JsonSchema)]
struct SipZone {
    id: String,
    name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct ShortExtension {
    #[schemars(extend("default" = 3))]
    length: Option<i32>,
}

/// What is said of a new site. What is taken and not kept: the receptionist to copy, the zone, and what only numbers of the outside need.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "some of the published fields have nothing here to set")]
struct NewSite {
    auto_receptionist_name: String,
    source_auto_receptionist_id: Option<String>,
    default_emergency_address: AddressBody,
    #[schemars(length(min = 1, max = 255))]
    name: String,
    short_extension: Option<ShortExtension>,
    site_code: Option<i32>,
    sip_zone: Option<ChosenZone>,
    force_off_net: Option<ForceOffNet>,
    india_state_code: Option<String>,
    india_city: Option<String>,
    india_sdca_npa: Option<String>,
    india_entity_name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "a site has no zone of its own here")]
struct ChosenZone {
    id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "there are no numbers of the outside here")]
struct ForceOffNet {
    enable: Option<bool>,
    allow_extension_only_users_call_users_outside_site: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "some of the published fields have nothing here to set")]
struct Change {
    name: Option<String>,
    site_code: Option<i32>,
    short_extension: Option<ChangedShortExtension>,
    default_emergency_address: Option<AddressBody>,
    sip_zone: Option<ChosenZone>,
    caller_id_name: Option<String>,
    policy: Option<Policy>,
}

#[derive(Deserialize, JsonSchema)]
struct ChangedShortExtension {
    length: Option<i32>,
    #[schemars(length(max = 10))]
    ranges: Option<Vec<Range>>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "short numbers are not limited to ranges here")]
struct Range {
    range_from: Option<String>,
    range_to: Option<String>,
}

/// A site by id and name.
#[derive(Serialize, JsonSchema)]
struct Made {
    id: String,
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Heir {
    transfer_site_id: String,
}

async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let wanted = asked.site_name.unwrap_or_default().to_lowercase();
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let mut sites = scope.sites().await?;
    sites.retain(|site| site.name.as_str().to_lowercase().contains(&wanted));
    sites.sort_by(|one, other| one.id.cmp(&other.id));
    let total_records = sites.len();
    let after = part.after.unwrap_or_default();
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let rest = sites.into_iter().filter(|site| site.id.as_str() > after.as_str());
    let mut rest: Vec<Site> = rest.take(size.saturating_add(1)).collect();
    let has_more = rest.len() > size;
    rest.truncate(size);
    let next = rest.last().filter(|_| has_more).map(|site| site.id.to_string());
    let mut rows = Vec::new();
    for site in rest {
        let profile = scope.site_profile(&site.id).await?;
        let address = scope.default_address(Some(&site.id)).await?;
        rows.push(Row {
            country: country_of(address.as_ref()),
            id: site.id.to_string(),
            main_auto_receptionist: receptionist_of(&site, profile.as_ref()),
            name: site.name.to_string(),
            site_code: profile.and_then(|profile| profile.code),
        });
    }
    Ok(Found(Page {
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        sites: rows,
        total_records,
    }))
}

async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let site = of_path(&call, &mut scope).await?;
    let profile = scope.site_profile(&site.id).await?;
    let address = scope.default_address(Some(&site.id)).await?;
    let kept = profile.as_ref();
    Ok(Found(Shown {
        country: country_of(address.as_ref()),
        main_auto_receptionist: receptionist_of(&site, kept),
        id: site.id.to_string(),
        name: site.name.to_string(),
        short_extension: kept
            .and_then(|kept| kept.short_length)
            .map(|length| ShortExtension {
                length: Some(length.into()),
            }),
        site_code: kept.and_then(|kept| kept.code),
        policy: None,
        sip_zone: None,
        caller_id_name: kept.map_or_else(String::new, |kept| kept.caller_id_name.to_string()),
        india_state_code: None,
        india_city: None,
        india_sdca_npa: None,
        india_entity_name: None,
        default_emergency_address: address.as_ref().map(SiteAddress::of),
    }))
}

async fn add(call: Call, _: Nothing, Json(body): Json<NewSite>) -> Result<Created<Made>, Refusal> {
    let site = Site {
        id: SiteId::from_random(bits()?),
        name: title("name", &body.name)?,
    };
    let profile = SiteProfile {
        receptionist: title("auto_receptionist_name", &body.auto_receptionist_name)?,
        code: code(body.site_code)?,
        short_length: short_length(body.short_extension.and_then(|short| short.length))?,
        caller_id_name: remark("caller_id_name", "")?,
    };
    let address = address(&site.id, &body.default_emergency_address, None)?;
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    scope.add_site(&site).await.map_err(refused)?;
    scope.set_site_profile(&site.id, &profile).await?;
    super::addresses::keep(&mut scope, &address).await?;
    call.note(&mut writing, "add site", site.name.to_string()).await?;
    writing.commit().await?;
    Ok(Created(Made {
        id: site.id.to_string(),
        name: site.name.to_string(),
    }))
}

async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let mut site = of_path(&call, &mut scope).await?;
    if let Some(name) = &body.name {
        site.name = title("name", name)?;
        scope.update_site(&site).await.map_err(refused)?;
    }
    let kept = scope.site_profile(&site.id).await?;
    let mut profile = kept.unwrap_or(SiteProfile {
        receptionist: site.name.clone(),
        code: None,
        short_length: None,
        caller_id_name: remark("caller_id_name", "")?,
    });
    profile.code = code(body.site_code)?.or(profile.code);
    if let Some(short) = body.short_extension {
        if short.ranges.as_ref().map_or(0, Vec::len) > RANGES_MAX {
            return Err(Refusal::too_many("short_extension.ranges", RANGES_MAX));
        }
        profile.short_length = short_length(short.length)?.or(profile.short_length);
    }
    if let Some(name) = &body.caller_id_name {
        if name.chars().count() > SiteProfile::CALLER_ID_NAME_MAX {
            let most = SiteProfile::CALLER_ID_NAME_MAX;
            return Err(Refusal::invalid_field(
                "caller_id_name",
                format_args!("at most {most} characters"),
            ));
        }
        profile.caller_id_name = remark("caller_id_name", name)?;
    }
    scope.set_site_profile(&site.id, &profile).await?;
    if let Some(body) = &body.default_emergency_address {
        let before = scope.default_address(Some(&site.id)).await?;
        let mut address = address(&site.id, body, before.as_ref())?;
        if let Some(before) = before {
            address.id = before.id;
        }
        super::addresses::keep(&mut scope, &address).await?;
    }
    call.note(&mut writing, "change site", site.name.to_string())
        .await?;
    writing.commit().await?;
    Ok(Done)
}

async fn delete(call: Call, asked: Heir, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let site = of_path(&call, &mut scope).await?;
    if site.id.as_str() == asked.transfer_site_id {
        return Err(Refusal::bad("Unable to transfer to the same site."));
    }
    let heir = match asked.transfer_site_id.parse() {
        Ok(id) => scope.site(&id).await?,
        Err(_) => None,
    };
    let heir = heir.ok_or_else(|| Refusal::bad("Site does not exist."))?;
    scope.remove_site(&site.id, Some(&heir.id)).await?;
    let detail = format!("{}, to {}", site.name, heir.name);
    call.note(&mut writing, "remove site", detail).await?;
    writing.commit().await?;
    Ok(Done)
}

/// Finds the site of an id, or refuses.
pub(super) async fn known(scope: &mut Scope<'_, '_>, id: &str) -> Result<Site, Refusal> {
    let found = match id.parse::<SiteId>() {
        Ok(id) => scope.site(&id).await?,
        Err(_) => None,
    };
    let short: String = id.chars().take(100).collect();
    found.ok_or_else(|| Refusal::invalid(format_args!("Site does not exist: {short}.")))
}

/// The site that a body names, if it names one.
pub(super) async fn chosen(scope: &mut Scope<'_, '_>, id: Option<&str>) -> Result<Option<SiteId>, Refusal> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Some(known(scope, id).await?.id)),
        None => Ok(None),
    }
}

async fn of_path(call: &Call, scope: &mut Scope<'_, '_>) -> Result<Site, Refusal> {
    let found = match call.id::<SiteId>("siteId") {
        Some(id) => scope.site(&id).await?,
        None => None,
    };
    found.ok_or_else(|| Refusal::bad("The site does not exist."))
}

fn refused(error: SiteError) -> Refusal {
    match error {
        SiteError::NameTaken(_) | SiteError::TooMany => Refusal::invalid_field("name", &error),
        SiteError::Store(error) => error.into(),
    }
}

fn title(field: &str, text: &str) -> Result<SiteTitle, Refusal> {
    SiteTitle::new(text).map_err(|error| Refusal::invalid_field(field, error))
}

fn remark(field: &str, text: &str) -> Result<Remark, Refusal> {
    Remark::new(text).map_err(|error| Refusal::invalid_field(field, error))
}

fn code(code: Option<i32>) -> Result<Option<u32>, Refusal> {
    let is_code = |code: &u32| *code <= SiteProfile::CODE_MAX;
    code.map(|code| {
        let code = u32::try_from(code).ok().filter(is_code);
        code.ok_or_else(|| Refusal::bad("Invalid site code length."))
    })
    .transpose()
}

fn short_length(length: Option<i32>) -> Result<Option<u8>, Refusal> {
    let is_length = |length: &u8| SiteProfile::SHORT_LENGTHS.contains(length);
    length
        .map(|length| {
            let length = u8::try_from(length).ok().filter(is_length);
            length.ok_or_else(|| Refusal::invalid("Invalid short extension number length."))
        })
        .transpose()
}

fn address(
    site: &SiteId,
    body: &AddressBody,
    before: Option<&EmergencyAddress>,
) -> Result<EmergencyAddress, Refusal> {
    let stored = before.map(|before| before.country);
    let mut address = body.address(AddressId::from_random(bits()?), stored)?;
    address.site = Some(site.clone());
    address.is_default = true;
    Ok(address)
}

fn country_of(address: Option<&EmergencyAddress>) -> Option<SiteCountry> {
    address.map(|address| SiteCountry {
        code: address.country.to_string(),
        name: None,
    })
}

fn receptionist_of(site: &Site, profile: Option<&SiteProfile>) -> Receptionist {
    Receptionist {
        extension_id: None,
        extension_number: None,
        id: site.id.to_string(),
        name: profile
            .map_or(&site.name, |profile| &profile.receptionist)
            .to_string(),
    }
}
