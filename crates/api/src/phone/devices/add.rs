//! `POST /phone/devices`.

use model::DeviceId;
use model::inventory::{Account, Description, Device, DeviceType, Holder, MacAddress, SiteId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::AddDeviceError;

use super::super::shapes::{Named, holder_of};
use super::{assign, kind_of, name, set_template};
use crate::answer::Created;
use crate::call::{Call, bits, now};
use crate::operation::{Json, Nothing};
use crate::refusal::Refusal;

/// Users and common areas that are assigned at once.
const ASSIGNEES_MAX: usize = 10;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct NewDevice {
    assigned_to: Option<String>,
    #[schemars(length(max = 10))]
    assignee_extension_ids: Option<Vec<String>>,
    #[schemars(length(max = 255))]
    display_name: String,
    #[schemars(regex(pattern = r"^([0-9A-Fa-f]{2}[:-]?){5}([0-9A-Fa-f]{2})$"))]
    mac_address: String,
    #[schemars(length(max = 50))]
    model: Option<String>,
    #[serde(rename = "type")]
    #[schemars(length(max = 50))]
    brand: String,
    provision_template_id: Option<String>,
    site_id: Option<String>,
}

pub(crate) async fn add(
    call: Call,
    _: Nothing,
    Json(body): Json<NewDevice>,
) -> Result<Created<Named>, Refusal> {
    let extensions = body.assignee_extension_ids.as_deref().unwrap_or_default();
    if extensions.len() > ASSIGNEES_MAX {
        return Err(Refusal::too_many("`assignee_extension_ids`", ASSIGNEES_MAX));
    }
    let mut writing = call.store().write().await?;
    let account = call.account_of(&mut writing).await?;
    let mut scope = writing.account(&call.account);
    let site = match body.site_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Some(super::super::sites::known(&mut scope, id).await?.id),
        None => None,
    };
    let mut holders = Vec::new();
    for id in body
        .assigned_to
        .iter()
        .filter(|id| !id.is_empty())
        .chain(extensions)
    {
        let holder = holder_of(&mut scope, id).await?;
        let holder =
            holder.ok_or_else(|| Refusal::unknown_extension(format_args!("User not found: {id}")))?;
        if !holders.iter().any(|known: &Holder| known.id == holder.id) {
            holders.push(holder);
        }
    }
    let device = body.device(&account, site)?;
    scope.add_device(&device).await.map_err(|error| match error {
        AddDeviceError::Known { .. } | AddDeviceError::Elsewhere { .. } => {
            Refusal::invalid_field("mac_address", error)
        }
        AddDeviceError::Store(error) => error.into(),
    })?;
    for holder in &holders {
        let assigned = assign(&mut scope, &account, &device, holder).await?;
        assigned.map_err(|error| Refusal::invalid_field("assigned_to", error))?;
    }
    if let Some(template) = &body.provision_template_id {
        set_template(&mut scope, &device, template, 300).await?;
    }
    let detail = format!("{} ({})", device.name, device.mac);
    call.note(&mut writing, "add device", detail).await?;
    writing.commit().await?;
    Ok(Created(Named {
        id: device.id.to_string(),
        display_name: device.name.to_string(),
    }))
}

impl NewDevice {
    fn device(&self, account: &Account, site: Option<SiteId>) -> Result<Device, Refusal> {
        let kind = kind_of(&self.brand, account)?;
        Ok(Device {
            id: DeviceId::from_random(bits()?),
            name: name(&self.display_name)?,
            description: Description::new("")
                .map_err(|error| Refusal::invalid_field("description", error))?,
            mac: mac(&self.mac_address)?,
            kind,
            model: model(kind, self.model.as_deref())?,
            firmware: None,
            site,
            added_at: now(),
        })
    }
}

/// Takes every usual spelling, and besides those the published pattern allows: separators wherever they stand between octets.
fn mac(text: &str) -> Result<MacAddress, Refusal> {
    let bare: String = text
        .chars()
        .filter(|character| !matches!(character, ':' | '-'))
        .collect();
    let mac = bare.parse().or_else(|_| text.parse::<MacAddress>());
    mac.map_err(|error| Refusal::invalid_field("mac_address", error))
}

/// The model of a device of that type, which need not be named.
fn model(kind: DeviceType, named: Option<&str>) -> Result<Option<String>, Refusal> {
    let right = kind.model();
    let named = named.map(str::trim).filter(|named| !named.is_empty());
    match (named, right) {
        (None, _) => Ok(right.map(str::to_owned)),
        (Some(named), Some(right)) if named.eq_ignore_ascii_case(right) => Ok(Some(right.to_owned())),
        (Some(_), Some(right)) => {
            let error = format!("the device model does not exist; {right}, or leave it out");
            Err(Refusal::invalid_field("model", error))
        }
        (Some(_), None) => Err(Refusal::invalid_field(
            "model",
            "a device of type other has no model; leave it out",
        )),
    }
}
