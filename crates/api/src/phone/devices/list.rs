//! `GET /phone/devices`.

use model::inventory::{DeviceType, HolderKind, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{DeviceFilter, ListedDevice};

use super::super::shapes::{
    Assignee, DevicePolicy, FirstAssignee, Presence, SiteName, device_type_of, list_key, presence_of,
    site_filter,
};
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Devices of a page.
const PAGE_SIZE_MAX: u32 = 300;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    #[serde(rename = "type")]
    assignment: IsAssigned,
    assignee_type: Option<AssigneeType>,
    device_source: Option<Source>,
    location_status: Option<Location>,
    site_id: Option<String>,
    device_type: Option<Brand>,
    keyword: Option<String>,
    next_page_token: Option<String>,
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum IsAssigned {
    Assigned,
    Unassigned,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum AssigneeType {
    #[serde(rename = "user")]
    User,
    #[serde(rename = "commonArea")]
    CommonArea,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Source {
    Haas,
    HotDesking,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Location {
    UnknownAddress,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Brand {
    Algo,
    AudioCodes,
    Cisco,
    CyberData,
    Grandstream,
    Poly,
    Yealink,
    Other,
}

/// A page of devices.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    devices: Vec<Row>,
    next_page_token: String,
    page_size: u32,
    total_records: u64,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<FirstAssignee>,
    assignees: Vec<Assignee>,
    device_type: String,
    display_name: String,
    id: String,
    mac_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    status: Presence,
    #[serde(skip_serializing_if = "Option::is_none")]
    provision_template_id: Option<String>,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip: Option<String>,
    policy: DevicePolicy,
}

pub(crate) async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let after = part.after.as_deref().map(list_key).transpose()?;
    let Some(filter) = asked.filter() else {
        return Ok(Found(Page {
            devices: Vec::new(),
            next_page_token: String::new(),
            page_size: part.size,
            total_records: 0,
        }));
    };
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let sites = scope.sites().await?;
    let listed = scope.list_devices(&filter, after.as_ref(), part.size).await?;
    let total_records = scope.count_devices(&filter).await?;
    let next = listed.next.map(|place| place.to_string());
    Ok(Found(Page {
        devices: listed
            .rows
            .iter()
            .map(|row| Row::of(&call, row, &sites))
            .collect(),
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
    }))
}

impl Asked {
    /// What the list is narrowed to; none where nothing of the kind can be here.
    fn filter(&self) -> Option<DeviceFilter> {
        let kind = match self.device_type {
            None => None,
            Some(Brand::Algo) => Some(DeviceType::Algo),
            Some(Brand::Other) => Some(DeviceType::Other),
            Some(
                Brand::AudioCodes
                | Brand::Cisco
                | Brand::CyberData
                | Brand::Grandstream
                | Brand::Poly
                | Brand::Yealink,
            ) => return None,
        };
        match (self.device_source, self.location_status) {
            (Some(Source::Haas | Source::HotDesking), _) | (_, Some(Location::UnknownAddress)) => {
                return None;
            }
            (None, None) => {}
        }
        Some(DeviceFilter {
            text: self.keyword.clone().unwrap_or_default(),
            is_assigned: Some(self.assignment == IsAssigned::Assigned),
            kind,
            assignee: self.assignee_type.map(|assignee| match assignee {
                AssigneeType::User => HolderKind::User,
                AssigneeType::CommonArea => HolderKind::CommonArea,
            }),
            site: site_filter(self.site_id.as_deref()),
        })
    }
}

impl Row {
    fn of(call: &Call, row: &ListedDevice, sites: &[Site]) -> Self {
        let device = &row.device;
        let users = row.lines.iter().map(|(line, _, _)| line.user.as_str());
        let (status, public_ip) = presence_of(call.registrations(), users);
        let first = row
            .lines
            .first()
            .and_then(|(line, _, _)| row.holders.get(&line.holder));
        let site = first
            .and_then(|holder| holder.site.as_ref())
            .or(device.site.as_ref());
        Self {
            assignee: first.map(FirstAssignee::of),
            assignees: row.holders.values().map(Assignee::of).collect(),
            device_type: device_type_of(device),
            display_name: device.name.to_string(),
            id: device.id.to_string(),
            mac_address: device.mac.compact().to_ascii_lowercase(),
            site: sites
                .iter()
                .find(|known| Some(&known.id) == site)
                .map(SiteName::of),
            status,
            provision_template_id: row.template.as_ref().map(ToString::to_string),
            description: device.description.as_str().to_owned(),
            firmware_version: device.firmware.clone(),
            private_ip: None,
            public_ip,
            policy: DevicePolicy::NONE,
        }
    }
}
