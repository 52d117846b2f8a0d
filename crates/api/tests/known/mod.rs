//! What is there before every operation is asked, and for each operation one request that it can meet: so that its good answer is
//! judged, too. What an operation takes away is another's, and nobody else asks for it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use model::inventory::HolderId;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::TOKEN;

/// Requests by the operations that they are made of.
pub(crate) struct Known {
    requests: Map<String, Value>,
    /// What stands at names of paths, where an operation has nothing of its own.
    usual: Map<String, Value>,
}

impl Known {
    /// Furnishes what has a router, beside what stands in its store already.
    pub(crate) async fn furnish(router: &Router) -> Self {
        let mut furnisher = Furnisher {
            router: router.clone(),
            number: 0,
        };
        let mut known = Self {
            requests: Map::new(),
            usual: Map::new(),
        };
        known.phone(&mut furnisher).await;
        known.v1(&mut furnisher).await;
        known
    }

    /// What schemathesis reads of operations and names: of each that has something of its own, and of all others.
    pub(crate) fn config(&self) -> String {
        let parameters = |values: &Map<String, Value>| {
            let values = values.iter().map(|(name, value)| format!("\"{name}\" = {value}"));
            values.collect::<Vec<_>>().join(", ")
        };
        let mut config = format!("parameters = {{ {} }}\n", parameters(&self.usual));
        for (operation, request) in &self.requests {
            let own = request["path"].as_object();
            if let Some(own) = own.filter(|own| !own.is_empty()) {
                let own = own
                    .iter()
                    .map(|(name, value)| (format!("path.{name}"), value.clone()));
                config.push_str(&format!(
                    "[[operations]]\ninclude-operation-id = \"{operation}\"\nparameters = {{ {} }}\n",
                    parameters(&own.collect())
                ));
            }
        }
        config
    }

    /// The requests, as the hook reads them.
    pub(crate) fn requests(&self) -> String {
        let usual = self.usual.iter();
        let usual = usual.filter_map(|(name, value)| Some((name.strip_prefix("path.")?, value)));
        let usual: Map<String, Value> = usual
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        json!({ "requests": self.requests, "usual": usual }).to_string()
    }

    fn usual(&mut self, name: &str, value: impl Into<Value>) {
        self.usual.insert(name.to_owned(), value.into());
    }

    fn ask(&mut self, operation: &str, path: Value, body: Value) {
        self.ask_with(operation, path, json!({}), body);
    }

    fn ask_with(&mut self, operation: &str, path: Value, query: Value, body: Value) {
        let parts = [("path", path), ("query", query), ("body", body)];
        let request = parts.map(|(name, part)| (name.to_owned(), part)).into_iter();
        let request: Map<String, Value> = request.collect();
        self.requests.insert(operation.to_owned(), request.into());
    }

    async fn phone(&mut self, furnisher: &mut Furnisher) {
        let (one, two) = (HolderId::from_random(1), HolderId::from_random(2));
        for name in ["path.deviceId", "path.commonAreaId", "path.siteId"] {
            self.usual(name, one.as_str());
        }
        self.usual("path.userId", two.as_str());
        self.usual("path.settingType", "desk_phone");
        let area = furnisher.area().await;
        self.ask("deleteCommonArea", json!({ "commonAreaId": area }), Value::Null);
        let area = json!({ "display_name": "Yard", "extension_number": 8_001, "timezone": "UTC" });
        self.ask("addCommonArea", json!({}), area);
        self.ask(
            "updateCommonArea",
            json!({}),
            json!({ "display_name": "Great hall" }),
        );
        self.settings(furnisher).await;
        self.devices(furnisher).await;

        let site = json!({
            "name": "South", "auto_receptionist_name": "Desk", "default_emergency_address": address(),
        });
        let gone = furnisher.add("/v2/phone/sites", site.clone()).await;
        let heir = json!({ "transfer_site_id": one });
        self.ask_with("deletePhoneSite", json!({ "siteId": gone }), heir, Value::Null);
        let mut other = site;
        other["name"] = json!("West");
        self.ask("createPhoneSite", json!({}), other);
        self.ask("updateSiteDetails", json!({}), json!({ "name": "North" }));

        let places = "/v2/phone/emergency_addresses";
        let kept = furnisher.add(places, address()).await;
        self.usual("path.emergencyAddressId", kept);
        let gone = furnisher.add(places, address()).await;
        self.ask(
            "deleteEmergencyAddress",
            json!({ "emergencyAddressId": gone }),
            Value::Null,
        );
        self.ask("addEmergencyAddress", json!({}), address());
        self.ask("updateEmergencyAddress", json!({}), json!({ "city": "Burnaby" }));

        let templates = "/v2/phone/provision_templates";
        let template = |name: &str| json!({ "name": name, "content": "audio.page.vol = 0dB" });
        let kept = furnisher.add(templates, template("Loud")).await;
        self.usual("path.templateId", kept.as_str());
        self.ask(
            "updateProvisionTemplateToDevice",
            json!({}),
            json!({ "provision_template_id": kept }),
        );
        let gone = furnisher.add(templates, template("Louder")).await;
        self.ask(
            "deleteProvisionTemplate",
            json!({ "templateId": gone }),
            Value::Null,
        );
        self.ask("addProvisionTemplate", json!({}), template("Quiet"));
        self.ask(
            "updateProvisionTemplate",
            json!({}),
            json!({ "description": "For halls" }),
        );

        let alerts = "/v2/phone/alert_settings";
        let kept = furnisher.add(alerts, alert("Speakers")).await;
        self.usual("path.alertSettingId", kept);
        let gone = furnisher.add(alerts, alert("Phones")).await;
        self.ask(
            "DeleteAnAlertSetting",
            json!({ "alertSettingId": gone }),
            Value::Null,
        );
        self.ask("AddAnAlertSetting", json!({}), alert("Sites"));
        self.ask("UpdateAnAlertSetting", json!({}), json!({ "frequency": 10 }));
    }

    async fn settings(&mut self, furnisher: &mut Furnisher) {
        let area = furnisher.area().await;
        let device = json!({ "device_id": furnisher.device("algo", None).await });
        self.ask("AddCommonAreaSetting", json!({ "commonAreaId": area }), device);
        self.ask("UpdateCommonAreaSetting", json!({}), json!({ "desk_phones": [] }));
        let area = furnisher.area().await;
        let device = furnisher.device("algo", Some(&area)).await;
        let (path, query) = (json!({ "commonAreaId": area }), json!({ "device_id": device }));
        self.ask_with("deleteCommonAreaSetting", path, query, Value::Null);
    }

    async fn devices(&mut self, furnisher: &mut Furnisher) {
        let area = furnisher.area().await;
        let device = furnisher.device("other", None).await;
        let assigned = json!({ "assignee_extension_ids": [area] });
        self.ask("addExtensionsToADevice", json!({ "deviceId": device }), assigned);
        let area = furnisher.area().await;
        let device = furnisher.device("other", Some(&area)).await;
        let path = json!({ "deviceId": device, "extensionId": area });
        self.ask("deleteExtensionFromADevice", path, Value::Null);
        let gone = furnisher.device("other", None).await;
        self.ask("deleteADevice", json!({ "deviceId": gone }), Value::Null);
        let area = furnisher.area().await;
        let device = furnisher.device("other", Some(&area)).await;
        let moved = json!({ "positions": [{ "extension_id": area, "index": 2 }] });
        self.ask(
            "batchUpdateDeviceLineKeySetting",
            json!({ "deviceId": device }),
            moved,
        );
        self.ask("syncPhoneDevice", json!({}), json!({ "level": 1 }));
        let device = json!({ "display_name": "Gate", "mac_address": "0022EE0B0B0B", "type": "algo" });
        self.ask("addPhoneDevice", json!({}), device);
        self.ask("updateADevice", json!({}), json!({ "display_name": "Reception" }));
        let assigned = json!({ "type": "assigned" });
        self.ask_with("listPhoneDevices", json!({}), assigned, Value::Null);
    }

    async fn v1(&mut self, furnisher: &mut Furnisher) {
        self.usual("query.max_seconds", 1);
        self.ask_with(
            "listenToEvents",
            json!({}),
            json!({ "max_seconds": 1 }),
            Value::Null,
        );
        let area = furnisher.area().await;
        let speaker = furnisher.device("oyez", Some(&area)).await;
        self.usual("path.device_id", speaker.as_str());
        let phone = HolderId::from_random(1);
        self.ask("readCredentials", json!({ "device_id": phone }), Value::Null);
        let area = furnisher.area().await;
        let horn = furnisher.device("algo", Some(&area)).await;
        self.ask("restartDevice", json!({ "device_id": horn }), Value::Null);
        let slots = format!("/api/v1/devices/{speaker}/slots");
        for (port, operation) in [(3, "unassign"), (4, "endEarlierPassword"), (5, "moveExtension")] {
            let area = furnisher.area().await;
            let slot = json!({ "holder_id": area, "assignment_type": "page", "port": port });
            let slot = furnisher.add(&slots, slot).await;
            if port == 4 {
                let rotate = format!("{slots}/{slot}/rotate");
                furnisher.send(&rotate, Value::Null).await;
            }
            let body = match operation {
                "moveExtension" => json!({ "assignment_type": "page", "port": 6 }),
                _ => Value::Null,
            };
            self.ask(operation, json!({ "device_id": speaker, "slot_id": slot }), body);
        }
        let first = furnisher.get(&slots).await["slots"][0]["id"].clone();
        self.usual("path.slot_id", first);
        let area = furnisher.area().await;
        let slot = json!({ "holder_id": area, "assignment_type": "page", "port": 2 });
        self.ask("assign", json!({}), slot);

        let groups = "/api/v1/page_groups";
        let group = |extension: &str| json!({ "name": "Everywhere", "extension": extension });
        let kept = furnisher.add(groups, group("7001")).await;
        self.usual("path.group_id", kept.as_str());
        let gone = furnisher.add(groups, group("7002")).await;
        self.ask("removePageGroup", json!({ "group_id": gone }), Value::Null);
        self.ask("addPageGroup", json!({}), group("7003"));
        self.ask("changePageGroup", json!({}), json!({ "name": "Somewhere" }));
        let member = json!({ "add": [{ "type": "device", "id": speaker }] });
        self.ask("changeMembers", json!({}), member);
        self.ask(
            "pageWithText",
            json!({}),
            json!({ "group_id": kept, "text": "All clear" }),
        );
        self.ask_with(
            "pageWithSound",
            json!({}),
            json!({ "group_id": kept }),
            json!("a sound"),
        );
        self.usual("path.page_id", "page1");

        let hooks = "/api/v1/webhooks";
        let hook = |name: &str| json!({ "url": format!("https://hooks.example.com/{name}"), "events": ["oyez.device_down"] });
        self.usual("path.webhook_id", phone.as_str());
        self.ask("addWebhook", json!({}), hook("added"));
        for operation in [
            "removeWebhook",
            "disableWebhook",
            "rotateWebhookSecret",
            "validateWebhook",
        ] {
            let own = furnisher.add(hooks, hook(operation)).await;
            self.ask(operation, json!({ "webhook_id": own }), Value::Null);
        }
    }
}

fn address() -> Value {
    json!({ "address_line1": "1 Main Street", "city": "Vancouver", "state_code": "BC", "zip": "V5K", "country": "CA" })
}

fn alert(name: &str) -> Value {
    json!({
        "alert_setting_name": name, "module": 3, "rule": 10, "target_type": 2,
        "rule_conditions": [{ "rule_condition_type": 4, "rule_condition_value": "15" }],
        "time_frame_type": "all_day", "time_frame_from": "00:00:00", "time_frame_to": "23:59:59",
        "frequency": 5, "email_recipients": ["a@one.example"], "status": 1,
    })
}

/// Asks the service itself for what is to be there.
struct Furnisher {
    router: Router,
    number: u32,
}

impl Furnisher {
    async fn area(&mut self) -> String {
        self.number += 1;
        let area = json!({
            "display_name": format!("Room {}", self.number), "extension_number": 9_000 + self.number, "timezone": "UTC",
        });
        self.add("/v2/phone/common_areas", area).await
    }

    async fn device(&mut self, kind: &str, area: Option<&str>) -> String {
        self.number += 1;
        let mut device = json!({
            "display_name": format!("Device {}", self.number), "mac_address": format!("0022EE0A{:04X}", self.number), "type": kind,
        });
        if let Some(area) = area {
            device["assigned_to"] = json!(area);
        }
        self.add("/v2/phone/devices", device).await
    }

    /// Adds something; gives its id.
    async fn add(&self, path: &str, body: Value) -> String {
        let added = self.send(path, body).await;
        let mut ids = ["id", "alert_setting_id"]
            .iter()
            .filter_map(|field| added[*field].as_str());
        ids.next().unwrap().to_owned()
    }

    async fn send(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, Value::Null).await
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let octets = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&octets);
        assert!(parts.status.is_success(), "{path} {}: {text}", parts.status);
        serde_json::from_str(&text).unwrap()
    }
}
