//! `GET /phone/devices/{deviceId}`.

use model::inventory::{Device, Holder, Line, Uplink};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::shapes::{
    Assignee, DevicePolicy, FirstAssignee, Presence, SiteName, device_type_of, presence_of,
};
use super::SHOW_PASSWORDS;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// A device.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<FirstAssignee>,
    assignees: Vec<Assignee>,
    device_type: String,
    display_name: String,
    id: String,
    mac_address: String,
    provision: Provision,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName>,
    status: Presence,
    #[serde(skip_serializing_if = "Option::is_none")]
    provision_template_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_ip: Option<String>,
    policy: DevicePolicy,
}

/// How the device comes to its configuration.
#[derive(Serialize, JsonSchema)]
struct Provision {
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_accounts: Option<Vec<SipAccount>>,
    #[serde(rename = "type")]
    kind: ProvisionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the document names every type there is")]
enum ProvisionType {
    Assisted,
    Ztp,
    Manual,
}

/// What is typed into a device that is configured by hand, for one of its lines.
#[derive(Serialize, JsonSchema)]
struct SipAccount {
    authorization_id: String,
    outbound_proxy: String,
    /// Given to whoever has the scope that shows passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_outbound_proxy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_line: Option<SharedLine>,
    sip_domain: String,
    user_name: String,
}

/// A line that several devices have; there is none here.
#[derive(Serialize, JsonSchema)]
struct SharedLine {
    alias: String,
    line_subscription: LineSubscription,
    outbound_caller_id: String,
}

#[derive(Serialize, JsonSchema)]
struct LineSubscription {
    display_name: String,
    extension_number: i64,
    phone_number: String,
}

pub(crate) async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let shows_passwords = call.client.scopes.has(SHOW_PASSWORDS);
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let device = super::device(&call, &mut scope, 400).await?;
    let lines = scope.held_lines_of_device(&device.id).await?;
    let template = scope.template_of_device(&device.id).await?;
    let first = lines.first().map(|(_, holder)| holder);
    let site = first
        .and_then(|holder| holder.site.as_ref())
        .or(device.site.as_ref());
    let site = match site {
        Some(site) => scope.site(site).await?,
        None => None,
    };
    drop(reading);
    let reveals = shows_passwords && !device.kind.is_provisioned() && !lines.is_empty();
    if reveals {
        let mut writing = call.store().write().await?;
        let detail = format!("{} ({})", device.name, device.mac);
        call.note(&mut writing, "show credentials", detail).await?;
        writing.commit().await?;
    }
    let users = lines.iter().map(|(line, _)| line.user.as_str());
    let (status, public_ip) = presence_of(call.registrations(), users);
    let setup = call.setup();
    Ok(Found(Shown {
        assignee: first.map(FirstAssignee::of),
        assignees: assignees(&lines),
        device_type: device_type_of(&device),
        display_name: device.name.to_string(),
        id: device.id.to_string(),
        mac_address: device.mac.compact().to_ascii_lowercase(),
        provision: Provision::of(&device, &lines, &setup.uplink, &setup.provisioning_url, reveals),
        site: site.as_ref().map(SiteName::of),
        status,
        provision_template_id: template.map(|template| template.id.to_string()),
        private_ip: None,
        public_ip,
        policy: DevicePolicy::NONE,
    }))
}

/// Each once, in the order of the lines.
fn assignees(lines: &[(Line, Holder)]) -> Vec<Assignee> {
    let is_first = |(index, holder): &(usize, &Holder)| {
        let before = lines.iter().take(*index);
        !before.into_iter().any(|(_, other)| other.id == holder.id)
    };
    let holders = lines.iter().map(|(_, holder)| holder);
    let first = holders.enumerate().filter(is_first);
    first.map(|(_, holder)| Assignee::of(holder)).collect()
}

impl Provision {
    fn of(device: &Device, lines: &[(Line, Holder)], uplink: &Uplink, url: &str, reveals: bool) -> Self {
        if device.kind.is_provisioned() {
            return Self {
                sip_accounts: None,
                kind: ProvisionType::Assisted,
                url: Some(url.to_owned()),
            };
        }
        let account = |(line, _): &(Line, Holder)| SipAccount {
            authorization_id: line.authorization_id.to_string(),
            outbound_proxy: uplink.outbound_proxy.to_string(),
            password: reveals.then(|| line.password.reveal().to_owned()),
            secondary_outbound_proxy: uplink.second_outbound_proxy.as_ref().map(ToString::to_string),
            shared_line: None,
            sip_domain: uplink.domain.clone(),
            user_name: line.user.to_string(),
        };
        Self {
            sip_accounts: Some(lines.iter().map(account).collect()),
            kind: ProvisionType::Manual,
            url: None,
        }
    }
}
