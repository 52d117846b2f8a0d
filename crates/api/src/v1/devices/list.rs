//! `GET /devices`.

use model::inventory::{Device, DeviceType, Site};
use portal::check::{Verdict, examine};
use registrations::Registration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{DeviceFilter, ListKey};

use super::super::shapes::{SiteName, moment};
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Devices of a page: each is examined.
const PAGE_SIZE_MAX: u32 = 100;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    /// Part of a name, a MAC address or an extension.
    search: Option<String>,
    /// Only those with an extension, or those without.
    assigned: Option<bool>,
    #[serde(rename = "type")]
    kind: Option<Type>,
    site_id: Option<String>,
    next_page_token: Option<String>,
    #[schemars(range(min = 1), extend("default" = 30))]
    page_size: Option<u32>,
}

/// What an administrator says a device is.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Type {
    Algo,
    Oyez,
    /// It is configured by hand.
    Other,
}

/// A page of devices, by name.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    devices: Vec<Row>,
    /// Where the list goes on; empty at its end.
    next_page_token: String,
    page_size: u32,
    total_records: u64,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(flatten)]
    device: DeviceShown,
    verdict: Verdict,
    /// Extensions it has.
    slots: usize,
    /// How many of them are registered.
    slots_registered: usize,
}

/// What is kept of a device.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeviceShown {
    id: String,
    name: String,
    description: String,
    mac: String,
    #[serde(rename = "type")]
    kind: Type,
    /// Its model, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The firmware it runs, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    #[schemars(extend("format" = "date-time"))]
    added_at: String,
}

pub(crate) async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let after = part.after.as_deref().map(str::parse::<ListKey>);
    let after = after.transpose().map_err(Refusal::bad)?;
    let filter = asked.filter()?;
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let sites = scope.sites().await?;
    let listed = scope.list_devices(&filter, after.as_ref(), part.size).await?;
    let total_records = scope.count_devices(&filter).await?;
    let mut devices = Vec::new();
    for row in &listed.rows {
        let device = &row.device;
        let examined = examine(&mut reading, &call.account, device, call.registrations()).await?;
        let registered = examined
            .slots
            .iter()
            .filter(|(.., registration)| matches!(registration, Some(Registration::Registered { .. })));
        devices.push(Row {
            device: DeviceShown::of(device, &sites),
            verdict: examined.verdict,
            slots: examined.slots.len(),
            slots_registered: registered.count(),
        });
    }
    let next = listed.next.map(|place| place.to_string());
    Ok(Found(Page {
        devices,
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        total_records,
    }))
}

impl Asked {
    fn filter(&self) -> Result<DeviceFilter, Refusal> {
        let site = self.site_id.as_deref().map(str::parse);
        let site = site.transpose();
        Ok(DeviceFilter {
            text: self.search.clone().unwrap_or_default(),
            is_assigned: self.assigned,
            kind: self.kind.map(|kind| match kind {
                Type::Algo => DeviceType::Algo,
                Type::Oyez => DeviceType::Oyez,
                Type::Other => DeviceType::Other,
            }),
            assignee: None,
            site: site.map_err(|error| Refusal::invalid_field("site_id", error))?,
        })
    }
}

impl DeviceShown {
    pub(super) fn of(device: &Device, sites: &[Site]) -> Self {
        let site = sites.iter().find(|site| Some(&site.id) == device.site.as_ref());
        Self {
            id: device.id.to_string(),
            name: device.name.to_string(),
            description: device.description.as_str().to_owned(),
            mac: device.mac.to_string(),
            kind: match device.kind {
                DeviceType::Algo => Type::Algo,
                DeviceType::Oyez => Type::Oyez,
                DeviceType::Other => Type::Other,
            },
            model: device.model.clone(),
            firmware: device.firmware.clone(),
            site: site.map(SiteName::of),
            added_at: moment(device.added_at),
        }
    }
}
