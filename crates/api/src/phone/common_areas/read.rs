//! `GET /phone/common_areas/{commonAreaId}`.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::addresses::ShortAddress;
use super::super::shapes::{CallingPlan, CountryName, PhoneNumber, Policy, SiteName, number_of};
use super::area;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// A common area.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    area_code: String,
    calling_plans: Vec<CallingPlan>,
    cost_center: String,
    country: CountryName,
    department: String,
    display_name: String,
    extension_number: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_transcription_language: Option<Language>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency_address: Option<ShortAddress>,
    id: String,
    outbound_caller_ids: Vec<CallerId>,
    phone_numbers: Vec<PhoneNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
}

/// A number that callers are shown; there is none here.
#[derive(Serialize, JsonSchema)]
struct CallerId {
    is_default: bool,
    name: String,
    number: String,
}

/// A language that can be spoken at a common area.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
pub(crate) enum Language {
    #[serde(rename = "en-US")]
    EnglishOfTheStates,
    #[serde(rename = "en-GB")]
    English,
    #[serde(rename = "es-US")]
    SpanishOfTheStates,
    #[serde(rename = "fr-CA")]
    FrenchOfCanada,
    #[serde(rename = "da-DK")]
    Danish,
    #[serde(rename = "de-DE")]
    German,
    #[serde(rename = "es-ES")]
    Spanish,
    #[serde(rename = "fr-FR")]
    French,
    #[serde(rename = "it-IT")]
    Italian,
    #[serde(rename = "nl-NL")]
    Dutch,
    #[serde(rename = "pt-PT")]
    Portuguese,
    #[serde(rename = "ja")]
    Japanese,
    #[serde(rename = "ko-KR")]
    Korean,
    #[serde(rename = "pt-BR")]
    PortugueseOfBrazil,
    #[serde(rename = "zh-CN")]
    Chinese,
}

impl Language {
    /// The tag as it is kept.
    pub(crate) fn tag(self) -> String {
        let tag = serde_json::to_value(self).ok();
        tag.and_then(|tag| tag.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    fn of_tag(tag: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(tag)).ok()
    }
}

pub(crate) async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let area = area(&call, &mut scope, 400).await?;
    let profile = scope.holder_profile(&area.id).await?;
    let site = match &area.site {
        Some(site) => scope.site(site).await?,
        None => None,
    };
    let address = scope.address_of(&area).await?;
    let text = |text: Option<&model::inventory::Remark>| {
        text.map_or_else(String::new, |text| text.as_str().to_owned())
    };
    let profile = profile.as_ref();
    Ok(Found(Shown {
        area_code: text(profile.map(|profile| &profile.area_code)),
        calling_plans: Vec::new(),
        cost_center: text(profile.map(|profile| &profile.cost_center)),
        country: CountryName::of(area.country),
        department: text(profile.map(|profile| &profile.department)),
        display_name: area.name.to_string(),
        extension_number: number_of(&area.extension),
        default_transcription_language: profile
            .and_then(|profile| Language::of_tag(profile.language.as_str())),
        emergency_address: address.as_ref().map(ShortAddress::of),
        id: area.id.to_string(),
        outbound_caller_ids: Vec::new(),
        phone_numbers: Vec::new(),
        policy: None,
        site: site.as_ref().map(SiteName::of),
    }))
}
