//! What several resources have in their answers and bodies.

use model::Extension;
use model::inventory::{CountryCode, Device, Holder, HolderId, HolderKind, Site, SiteId, countries};
use registrations::{Registration, Registrations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ListKey, Scope};

use crate::refusal::Refusal;

/// Whether something is registered.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Presence {
    Online,
    Offline,
}

/// A site by its name.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct SiteName {
    /// Its id.
    pub(super) id: String,
    /// What people call it.
    pub(super) name: String,
}

/// Whose an extension is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) enum ExtensionType {
    #[serde(rename = "user")]
    User,
    #[serde(rename = "commonArea")]
    CommonArea,
}

/// Who a device is assigned to, as older clients read it.
#[derive(Serialize, JsonSchema)]
pub(super) struct FirstAssignee {
    extension_number: i64,
    id: String,
    name: String,
    extension_type: ExtensionType,
}

/// Who a device is assigned to.
#[derive(Serialize, JsonSchema)]
pub(super) struct Assignee {
    extension_number: i64,
    id: String,
    name: String,
    extension_type: ExtensionType,
    extension_id: String,
}

/// What may be done with a device besides calling; nothing of it is done here.
#[derive(Serialize, JsonSchema)]
pub(super) struct DevicePolicy {
    call_control: Feature,
    hot_desking: Feature,
}

/// Whether a feature is on.
#[derive(Serialize, JsonSchema)]
pub(super) struct Feature {
    status: FeatureState,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the document names every state there is")]
pub(super) enum FeatureState {
    Unsupported,
    On,
    Off,
}

/// Something that was made, by id and name.
#[derive(Serialize, JsonSchema)]
pub(super) struct Named {
    /// Its id.
    pub(super) id: String,
    /// What people call it.
    pub(super) display_name: String,
}

impl DevicePolicy {
    pub(super) const NONE: Self = Self {
        call_control: Feature::NONE,
        hot_desking: Feature::NONE,
    };
}

impl Feature {
    pub(super) const NONE: Self = Self {
        status: FeatureState::Unsupported,
    };
}

impl ExtensionType {
    pub(super) const fn of(kind: HolderKind) -> Self {
        match kind {
            HolderKind::User => Self::User,
            HolderKind::CommonArea => Self::CommonArea,
        }
    }
}

impl FirstAssignee {
    pub(super) fn of(holder: &Holder) -> Self {
        Self {
            extension_number: number_of(&holder.extension),
            id: holder.id.to_string(),
            name: holder.name.to_string(),
            extension_type: ExtensionType::of(holder.kind),
        }
    }
}

impl Assignee {
    pub(super) fn of(holder: &Holder) -> Self {
        Self {
            extension_number: number_of(&holder.extension),
            id: holder.id.to_string(),
            name: holder.name.to_string(),
            extension_type: ExtensionType::of(holder.kind),
            extension_id: holder.id.to_string(),
        }
    }
}

impl SiteName {
    pub(super) fn of(site: &Site) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name.to_string(),
        }
    }
}

/// The number of an extension, for clients know it as one: leading zeros are lost, and what has asterisks is told as 0.
pub(super) fn number_of(extension: &Extension) -> i64 {
    extension.as_str().parse().unwrap_or_default()
}

/// Reads a country of two letters; what is stored is taken as it stands there.
pub(super) fn country(text: &str, stored: Option<CountryCode>) -> Result<CountryCode, String> {
    CountryCode::new(text).map_err(|error| error.to_string())?;
    countries::read(text, stored).map_err(str::to_owned)
}

/// Manufacturer and model in one text.
pub(super) fn device_type_of(device: &Device) -> String {
    match &device.model {
        Some(model) => format!("{} {model}", device.kind.brand()),
        None => device.kind.brand().to_owned(),
    }
}

/// Says whether one of these users is registered, and from where.
pub(super) fn presence_of<'u>(
    registrations: &Registrations,
    users: impl IntoIterator<Item = &'u str>,
) -> (Presence, Option<String>) {
    for user in users {
        let known = registrations.of(user);
        if let Some(address) = known.as_ref().and_then(Registration::address) {
            return (Presence::Online, Some(address.to_owned()));
        }
    }
    (Presence::Offline, None)
}

/// Finds whose an extension is, by the id of either.
pub(super) async fn holder_of(scope: &mut Scope<'_, '_>, id: &str) -> Result<Option<Holder>, Refusal> {
    let Ok(id) = id.parse::<HolderId>() else {
        return Ok(None);
    };
    Ok(scope.holder(&id).await?)
}

/// Reads an id that narrows a list; one that can be no id is nobody's.
pub(super) fn site_filter(id: Option<&str>) -> Option<SiteId> {
    let id = id.filter(|id| !id.is_empty())?;
    Some(id.parse().unwrap_or_else(|_| SiteId::from_random(0)))
}

/// Reads a place in a list that a token of ours names.
pub(super) fn list_key(place: &str) -> Result<ListKey, Refusal> {
    place.parse().map_err(Refusal::bad)
}

/// What somebody pays for calling outside; nobody does here.
#[derive(Serialize, JsonSchema)]
pub(super) struct CallingPlan {
    name: String,
    #[serde(rename = "type")]
    kind: i32,
    billing_account_id: String,
    billing_account_name: String,
    billing_subscription_id: String,
    billing_subscription_name: String,
}

/// A number of the outside; nobody has one here.
#[derive(Serialize, JsonSchema)]
pub(super) struct PhoneNumber {
    display_name: String,
    id: String,
    number: String,
    source: NumberSource,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the document names every source there is")]
enum NumberSource {
    Internal,
    External,
}

/// What may be done besides calling: voicemail, recordings, messages. Nothing of it is done here, so it is taken and not kept.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Policy {}

/// A country.
#[derive(Serialize, JsonSchema)]
pub(super) struct CountryName {
    /// Its two letters.
    code: String,
    /// The digits before its numbers; not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    country_code: Option<String>,
    /// Its name; not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl CountryName {
    pub(super) fn of(country: CountryCode) -> Self {
        Self {
            code: country.to_string(),
            country_code: None,
            name: None,
        }
    }
}
