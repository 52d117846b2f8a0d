//! `GET /phone/common_areas`.

use std::collections::BTreeMap;

use model::inventory::{Device, HolderKind, Site};
use model::{DeviceId, SipUser};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{HolderFilter, ListedHolder};

use super::super::shapes::{
    CallingPlan, PhoneNumber, Presence, SiteName, device_type_of, list_key, number_of, presence_of,
    site_filter,
};
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Common areas of a page.
const PAGE_SIZE_MAX: u32 = 100;
/// The type of device that common areas have here.
const DESK_PHONE: u8 = 2;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    #[schemars(range(max = 100), extend("default" = 30))]
    page_size: Option<u32>,
    next_page_token: Option<String>,
    site_id: Option<String>,
    /// There are no calling plans, so nothing is left out by one.
    #[expect(
        dead_code,
        reason = "it is part of the published API, and narrows nothing here"
    )]
    calling_type: Option<i32>,
    #[schemars(extend("enum" = [1, 2, 3]))]
    common_area_device_type: Option<u8>,
}

/// A page of common areas.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    common_areas: Vec<Row>,
    next_page_token: String,
    page_size: u32,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    calling_plans: Vec<CallingPlan>,
    display_name: String,
    extension_number: i64,
    id: String,
    phone_numbers: Vec<PhoneNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    status: Presence,
    desk_phones: Vec<DeskPhone>,
}

#[derive(Serialize, JsonSchema)]
struct DeskPhone {
    id: String,
    display_name: String,
    device_type: String,
    status: Presence,
}

pub(crate) async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let after = part.after.as_deref().map(list_key).transpose()?;
    match asked.common_area_device_type {
        None | Some(DESK_PHONE) => {}
        Some(1 | 3) => return Ok(Found(Page::empty(part.size))),
        Some(_) => return Err(Refusal::invalid_field("common_area_device_type", "1, 2 or 3")),
    }
    let filter = HolderFilter {
        kind: Some(HolderKind::CommonArea),
        site: site_filter(asked.site_id.as_deref()),
        ..HolderFilter::default()
    };
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let sites = scope.sites().await?;
    let listed = scope.list_holders(&filter, after.as_ref(), part.size).await?;
    let next = listed.next.map(|place| place.to_string());
    Ok(Found(Page {
        common_areas: listed
            .rows
            .iter()
            .map(|row| Row::of(&call, row, &sites))
            .collect(),
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
    }))
}

impl Page {
    const fn empty(page_size: u32) -> Self {
        Self {
            common_areas: Vec::new(),
            next_page_token: String::new(),
            page_size,
        }
    }
}

impl Row {
    fn of(call: &Call, row: &ListedHolder, sites: &[Site]) -> Self {
        let holder = &row.holder;
        let mut users: BTreeMap<&DeviceId, Vec<&SipUser>> = BTreeMap::new();
        for (line, _) in &row.lines {
            users.entry(&line.device).or_default().push(&line.user);
        }
        let presence = |device: Option<&DeviceId>| {
            let of_device = users
                .iter()
                .filter(|(id, _)| device.is_none_or(|device| device == **id));
            let users = of_device.flat_map(|(_, users)| users).map(|user| user.as_str());
            presence_of(call.registrations(), users).0
        };
        let phone = |device: &Device| DeskPhone {
            id: device.id.to_string(),
            display_name: device.name.to_string(),
            device_type: device_type_of(device),
            status: presence(Some(&device.id)),
        };
        Self {
            calling_plans: Vec::new(),
            display_name: holder.name.to_string(),
            extension_number: number_of(&holder.extension),
            id: holder.id.to_string(),
            phone_numbers: Vec::new(),
            site: sites
                .iter()
                .find(|known| Some(&known.id) == holder.site.as_ref())
                .map(SiteName::of),
            status: presence(None),
            desk_phones: row.devices.values().map(phone).collect(),
        }
    }
}
