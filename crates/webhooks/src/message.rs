//! What messages say. Those of the phone API's document have exactly its fields; ours have the same frame.

use model::inventory::{
    Device, EmergencyAddress, Holder, HolderKind, Line, Site, Timestamp, Uplink, WebhookEvent, WebhookMessage,
};
use model::status::PageReport;
use model::{AccountId, Extension, PageId, Secret, SipUser};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The name of the question whether a receiver knows its secret.
pub const URL_VALIDATION: &str = "endpoint.url_validation";

/// What all messages of one thing that has happened have in common.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Whose it is.
    pub account: &'a AccountId,
    /// When it happened.
    pub at: Timestamp,
    /// Names it: 128 bits of the caller's randomness, or an [`event_id`].
    pub id: u128,
}

impl Frame<'_> {
    /// A device has registered for the first time.
    #[must_use]
    pub fn device_registration(&self, device: &Device) -> WebhookMessage {
        let object = json!({
            "device_id": device.id,
            "device_name": device.name.as_str(),
            "mac_address": mac_of(device),
        });
        self.message(WebhookEvent::DeviceRegistration, &object)
    }

    /// A device is up, or it is down; with where it is registered from, and what it says that it is.
    #[must_use]
    pub fn device_state(&self, device: &Device, is_up: bool, since: Timestamp) -> WebhookMessage {
        let event = if is_up {
            WebhookEvent::DeviceUp
        } else {
            WebhookEvent::DeviceDown
        };
        let object = json!({
            "device_id": device.id,
            "device_name": device.name.as_str(),
            "mac_address": mac_of(device),
            "model": device.model,
            "firmware": device.firmware,
            "since": since.0,
        });
        self.message(event, &object)
    }

    /// Another zone serves a device than before.
    #[must_use]
    pub fn device_moved(&self, device: &Device, from: &str, to: &str) -> WebhookMessage {
        let object = json!({
            "device_id": device.id,
            "device_name": device.name.as_str(),
            "mac_address": mac_of(device),
            "from_zone": from,
            "to_zone": to,
        });
        self.message(WebhookEvent::DeviceMoved, &object)
    }

    /// What has to be typed into a generic device is different from before. Its accounts stand only in what those are sent who are
    /// told passwords: the published form has none without.
    #[must_use]
    pub fn generic_device_provision(
        &self,
        device: &Device,
        site: Option<&Site>,
        lines: &[&Line],
        uplink: &Uplink,
    ) -> WebhookMessage {
        let accounts = lines.iter().map(|line| Account::of(line, uplink)).collect();
        let event = WebhookEvent::GenericDeviceProvision;
        let message = self.message(event, &json!(GenericDevice::of(device, site, lines, None)));
        let revealing = self.body(
            event,
            &json!(GenericDevice::of(device, site, lines, Some(accounts))),
        );
        WebhookMessage {
            body_with_passwords: (!lines.is_empty()).then_some(revealing),
            ..message
        }
    }

    /// Somebody raises an emergency alert.
    #[must_use]
    pub fn emergency_alert(&self, alert: &Alert<'_>) -> WebhookMessage {
        let caller = alert.caller;
        let kind = match caller.map(|caller| caller.kind) {
            Some(HolderKind::CommonArea) => "commonAreaPhone",
            Some(HolderKind::User) | None => "user",
        };
        let object = EmergencyAlert {
            call_id: alert.call.as_str(),
            caller: AlertCaller {
                id: caller.map_or(alert.user.as_str(), |caller| caller.id.as_str()),
                extension_number: caller.map(|caller| caller.extension.as_str()),
                timezone: caller.map(|caller| caller.time_zone.as_str()),
                display_name: caller.map(|caller| caller.name.as_str()),
                extension_type: kind,
                site_id: alert.site.map(|site| site.id.as_str()),
                site_name: alert.site.map(|site| site.name.as_str()),
            },
            callee: json!({ "phone_number": alert.dialled }),
            location: json!({ "gps": [], "ip": alert.address.into_iter().collect::<Vec<_>>(), "bssid": [] }),
            router: "ZOOM",
            deliver_to: "SAFETY_TEAM",
            ringing_start_time: alert.started,
            emergency_address: alert.emergency.map_or_else(|| json!({}), written),
        };
        self.message(WebhookEvent::EmergencyAlert, &json!(object))
    }

    /// A page has begun.
    #[must_use]
    pub fn page_started(
        &self,
        page: &PageId,
        extension: &Extension,
        talker: &SipUser,
        listeners: u64,
    ) -> WebhookMessage {
        let object = json!({
            "page": page,
            "extension": extension,
            "talker": talker,
            "listeners": listeners,
        });
        self.message(WebhookEvent::PageStarted, &object)
    }

    /// A page has ended.
    #[must_use]
    pub fn page_ended(&self, report: &PageReport) -> WebhookMessage {
        self.message(WebhookEvent::PageEnded, &json!(report))
    }

    /// An administrator wants to know that it works.
    #[must_use]
    pub fn test(&self, by: &str) -> WebhookMessage {
        self.message(WebhookEvent::Test, &json!({ "requested_by": by }))
    }

    fn message(&self, event: WebhookEvent, object: &Value) -> WebhookMessage {
        WebhookMessage {
            event,
            id: format!("{:032x}", self.id),
            at: self.at,
            body: self.body(event, object),
            body_with_passwords: None,
        }
    }

    fn body(&self, event: WebhookEvent, object: &Value) -> Secret {
        let body = json!({
            "event": event.as_str(),
            "event_ts": self.at.0,
            "payload": { "account_id": self.account, "object": object },
        });
        Secret::new(body.to_string())
    }
}

/// Names what happens to a page or a call once: whoever hears of it twice names it alike.
#[must_use]
pub fn event_id(event: WebhookEvent, of: &PageId) -> u128 {
    let digest = Sha256::new_with_prefix(event.as_str())
        .chain_update([0])
        .chain_update(of.as_str())
        .finalize();
    digest
        .first_chunk()
        .map_or(0, |octets| u128::from_be_bytes(*octets))
}

/// The question whether a receiver knows its secret, with a token that it has not seen.
#[must_use]
pub fn question(plain_token: &str, at: Timestamp) -> String {
    json!({
        "event": URL_VALIDATION,
        "event_ts": at.0,
        "payload": { "plainToken": plain_token },
    })
    .to_string()
}

/// The hardware address as the phone API writes it.
fn mac_of(device: &Device) -> String {
    device.mac.compact().to_ascii_lowercase()
}

/// An emergency alert that is raised.
#[derive(Clone, Copy, Debug)]
pub struct Alert<'a> {
    /// The call.
    pub call: &'a PageId,
    /// Who calls.
    pub user: &'a SipUser,
    /// Whose extension that is, where it is somebody's.
    pub caller: Option<&'a Holder>,
    /// Their site.
    pub site: Option<&'a Site>,
    /// What was dialled.
    pub dialled: &'a Extension,
    /// The IP address that the caller is registered from, where that is known.
    pub address: Option<&'a str>,
    /// Where emergency services are sent for that extension, where that is known.
    pub emergency: Option<&'a EmergencyAddress>,
    /// When it began, as `2026-11-27T08:00:00Z`.
    pub started: &'a str,
}

fn written(address: &EmergencyAddress) -> Value {
    json!({
        "country": address.country.to_string(),
        "address_line1": address.line1.as_str(),
        "address_line2": address.line2.as_str(),
        "city": address.city.as_str(),
        "zip": address.zip.as_str(),
        "state_code": address.state_code.as_str(),
    })
}

/// The published form: of where a call comes from and goes to it has three and nine words, of which one each is true of a call from an
/// own extension to loudspeakers and strobes.
#[derive(Serialize)]
struct EmergencyAlert<'a> {
    call_id: &'a str,
    caller: AlertCaller<'a>,
    callee: Value,
    location: Value,
    router: &'static str,
    deliver_to: &'static str,
    ringing_start_time: &'a str,
    emergency_address: Value,
}

#[derive(Serialize)]
struct AlertCaller<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    extension_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_name: Option<&'a str>,
}

#[derive(Serialize)]
struct GenericDevice<'a> {
    id: &'a str,
    display_name: &'a str,
    device_type: &'a str,
    mac_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<SiteName<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provision: Option<Provision<'a>>,
}

impl<'a> GenericDevice<'a> {
    fn of(
        device: &'a Device,
        site: Option<&'a Site>,
        lines: &[&Line],
        accounts: Option<Vec<Account<'a>>>,
    ) -> Self {
        Self {
            id: device.id.as_str(),
            display_name: device.name.as_str(),
            device_type: device.kind.brand(),
            mac_address: mac_of(device),
            site: site.map(|site| SiteName {
                id: site.id.as_str(),
                name: site.name.as_str(),
            }),
            provision: (!lines.is_empty()).then_some(Provision {
                kind: "manual",
                sip_accounts: accounts,
            }),
        }
    }
}

#[derive(Serialize)]
struct SiteName<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Provision<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_accounts: Option<Vec<Account<'a>>>,
}

#[derive(Serialize)]
struct Account<'a> {
    sip_domain: &'a str,
    outbound_proxy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_outbound_proxy: Option<String>,
    user_name: &'a str,
    authorization_id: &'a str,
    password: &'a str,
}

impl<'a> Account<'a> {
    fn of(line: &'a Line, uplink: &'a Uplink) -> Self {
        Self {
            sip_domain: &uplink.domain,
            outbound_proxy: uplink.outbound_proxy.to_string(),
            secondary_outbound_proxy: uplink.second_outbound_proxy.as_ref().map(ToString::to_string),
            user_name: line.user.as_str(),
            authorization_id: line.authorization_id.as_str(),
            password: line.password.reveal(),
        }
    }
}
