//! The seed: what an administrator does in the portal and at the device, from the first sign-in to a heard page, in a browser.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod installation;
mod service_files;

use std::ops::Deref;

use model::status::{DeviceEvent, PageReport, SoundClass, Verdict, ZoneEvent};
use peers::{BROWSER_PROGRAMS, Browser, Program, available};

use crate::installation::{Hardware, Installation};
use crate::service_files::own_mac;

const PASSWORD: &str = "correct horse battery";

/// What an administrator types of a common area: display name, extension number.
const HALL: (&str, &str) = ("Main hall", "701");
const BELL: (&str, &str) = ("Loud bell", "702");
const ALARM: (&str, &str) = ("Evacuation", "703");

/// Every step of the seed in its order, and what it promises: a registered device with three extensions, each in its slot.
#[tokio::test(flavor = "multi_thread")]
async fn the_seed_leads_from_the_first_sign_in_to_a_page_a_ring_and_an_alert() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let Some(mac) = own_mac() else {
        peers::skip("this machine has no network interface to take a hardware address from");
        return;
    };
    let installation = Installation::start();
    let portal = Portal(Browser::start());
    let mut zone = installation.zone_events().await;
    portal.sign_in(&installation.first_sign_in);
    portal.add_common_areas();
    portal.add_device(&mac.to_string());

    // Provision the device.
    portal.press("Provision");
    portal.shot("provision");
    portal.wait_for_text("main", &installation.provisioning);
    let hardware = Hardware::start(&installation, mac).await;
    let mut events = hardware.events().await;
    hardware.provision(&installation.provisioning, &installation.authority());
    zone.until(|event| matches!(event, ZoneEvent::Registered { .. }))
        .await;
    portal.press("Next: Check");
    portal.wait_for_text(".verdict", "Registered");
    portal.shot("check");
    hardware.shows("Successful");

    // Additional extensions: live in the zone at once, and at the device as soon as it has fetched them.
    portal.assign_bell_and_alarm();
    portal.press("Device");
    zone.until(|event| matches!(event, ZoneEvent::DirectoryApplied { .. }))
        .await;
    events
        .until(|event| matches!(event, DeviceEvent::CheckSync))
        .await;
    for _ in [BELL, ALARM] {
        zone.until(|event| matches!(event, ZoneEvent::Registered { .. }))
            .await;
    }
    portal.wait_for_text("tbody tr:nth-child(3)", "Registered");
    portal.shot("device-registered");
    portal.press("Resync");
    portal.wait_for_text(".done", "asked to fetch its configuration");
    events
        .until(|event| matches!(event, DeviceEvent::CheckSync))
        .await;

    // Page, ring and alert reach the right slots.
    portal.add_phone();
    let talker = Installation::talker(&portal);
    let page = installation.page(&talker, HALL.1).output().unwrap();
    let said = String::from_utf8_lossy(&page.stderr).into_owned();
    assert!(page.status.success(), "{said}");
    let report: PageReport = serde_json::from_slice(&page.stdout).unwrap();
    assert!(
        report
            .listeners
            .iter()
            .all(|listener| listener.verdict == Verdict::Heard)
    );
    assert_eq!(report.listeners.len(), 1);
    events
        .until(|event| sounds(event, "page-1", SoundClass::Page))
        .await;
    for (extension, slot, class) in [
        (BELL.1, "ring-1", SoundClass::Ring),
        (ALARM.1, "alert-1", SoundClass::EmergencyAlert),
    ] {
        let calling = Program::start(&mut installation.page(&talker, extension));
        events.until(|event| sounds(event, slot, class)).await;
        drop(calling);
    }
    portal.see_the_rest();
}

/// The portal, and whoever does the steps in it.
struct Portal(Browser);

impl Deref for Portal {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.0
    }
}

impl Portal {
    /// Looks at the page that is open.
    fn shot(&self, name: &str) {
        self.assert_fits_a_phone();
        self.pictures(&format!("portal-{name}"));
    }

    fn sign_in(&self, link: &str) {
        self.open(link);
        self.shot("first");
        self.fill_in("New password, at least 8 characters", PASSWORD);
        self.fill_in("The same password again", PASSWORD);
        self.press("Sign in");
        self.wait_for_text("h2", "From here to a heard page");
        self.shot("start");
    }

    /// 1. Add a common area.
    fn add_common_areas(&self) {
        self.press("Users & Rooms");
        self.press("Common Area Phones");
        self.shot("common-areas-empty");
        for (name, extension) in [HALL, BELL, ALARM] {
            self.press("Add");
            self.fill_in("Display Name", name);
            self.fill_in("Extension Number", extension);
            self.fill_in("Package", "Standard");
            self.fill_in("Country/Region", "CA");
            self.fill_in("Time Zone", "America/Vancouver");
            if extension == HALL.1 {
                self.shot("common-area-add");
            }
            self.press("Save");
            self.wait_for_text("main", extension);
        }
        self.shot("common-areas");
    }

    /// 2. Add a desk phone.
    fn add_device(&self, mac: &str) {
        self.press("Phones & Devices");
        self.shot("devices-empty");
        self.press("Add");
        self.fill_in("Display Name", "Hall speaker");
        self.fill_in("Description", "Above the main door");
        self.fill_in("MAC Address", mac);
        self.fill_in("Device Type", "Algo");
        self.fill_in("Model", "Algo SIP-based device (algo-sip-based-device)");
        self.fill_in("Assigned To", "Common area: Main hall (701)");
        self.shot("device-add");
        self.press("Save");
        self.wait_for_text("h1", "Hall speaker");
        self.shot("device-new");
    }

    /// Adding additional extensions.
    fn assign_bell_and_alarm(&self) {
        self.press("Back to the device");
        self.press("Extension Assignment");
        self.shot("extensions");
        self.press("Add");
        self.shot("extensions-choose");
        for (name, extension) in [BELL, ALARM] {
            self.fill_in(&format!("{name} ({extension})"), "");
        }
        self.press("Next");
        for (number, kind) in [(1, "Ring"), (2, "Alert")] {
            self.choose(&format!(".field:nth-of-type({}) select", 2 * number - 1), kind);
            self.fill(&format!(".field:nth-of-type({}) input", 2 * number), "1");
        }
        self.shot("extensions-place");
        self.press("Save");
        self.wait_for_text("main", "Alert 1");
        self.shot("extensions-assigned");
    }

    /// A generic device to speak from, whose credentials are shown.
    fn add_phone(&self) {
        self.press("Users & Rooms");
        self.press("Users");
        self.shot("users-empty");
        self.press("Add");
        self.fill_in("Display Name", "Front desk");
        self.fill_in("Extension Number", "201");
        self.fill_in("Country/Region", "CA");
        self.fill_in("Time Zone", "America/Vancouver");
        self.press("Save");
        self.press("Phones & Devices");
        self.press("Add");
        self.fill_in("Display Name", "Desk phone");
        self.fill_in("MAC Address", "02:00:00:00:00:09");
        self.fill_in("Device Type", "Other (generic device)");
        self.fill_in("Model", "None: a generic device");
        self.fill_in("Assigned To", "User: Front desk (201)");
        self.press("Save");
        self.press("Provision");
        self.shot("provision-generic");
        self.press("Show the credentials");
        self.shot("credentials");
    }

    fn see_the_rest(&self) {
        self.press("Page Groups");
        self.shot("groups-empty");
        self.press("Add");
        self.fill_in("Display Name", "Everywhere");
        self.fill_in("Extension Number", "700");
        self.shot("group-add");
        self.press("Save");
        self.shot("group-choose");
        self.fill("#q", "Main hall");
        self.press("Search");
        self.click(".choices label:first-of-type input");
        self.press("Add");
        self.press("Done");
        self.wait_for_text("tbody", "Main hall");
        self.shot("group");
        self.press("Page Groups");
        self.shot("groups");
        self.press("Users & Rooms");
        self.press("Main hall");
        self.shot("common-area-change");
        self.press("Remove…");
        self.shot("common-area-remove");
        self.press("Phones & Devices");
        self.shot("devices");
        self.press("Hall speaker");
        self.press("Change");
        self.shot("device-change");
        self.press("Reports");
        self.shot("reports");
        self.send("tbody a");
        self.shot("report");
        self.press("Oyez");
        self.wait_for_text("h2", "a page was heard");
        self.shot("start-done");
        self.press("Audit");
        self.shot("audit");
        self.press("Sign out");
        self.shot("sign-in");
    }
}

fn sounds(event: &DeviceEvent, slot: &str, class: SoundClass) -> bool {
    matches!(event, DeviceEvent::Started { sounding }
        if sounding.class == class && sounding.slot.as_ref().is_some_and(|found| found.as_str() == slot))
}
