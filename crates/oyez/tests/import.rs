//! Import in a browser: a list with an error, mended, looked at, applied; its export changes nothing; many rows at once.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use oyez::cli::SinkKind;
use oyez::state::StateFolder;
use oyez::up::example::EXAMPLE;
use oyez::up::listening::Listening;
use oyez::up::stage::{Stage, StageSetup};
use peers::{BROWSER_PROGRAMS, Browser, available};
use serde_json::Value;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";

/// The list: sixty rooms with a loudspeaker each, and another name for one that is there.
fn list() -> String {
    let mut list = "record,name,extension,country,time_zone,mac,type,description,slot,port\n\
                    common_area,Great hall,701,US,UTC,,,,,\n"
        .to_owned();
    for number in 0..60 {
        let (extension, mac) = (8_000 + number, format!("02-00-00-00-08-{number:02x}"));
        list.push_str(&format!(
            "common_area,Room {number},{extension},CA,UTC,,,,,\n\
             device,Room speaker {number},,,,{mac},oyez,By the door,,\n\
             assignment,,{extension},,,{mac},,,page,1\n"
        ));
    }
    list
}

/// Sends a file by the page of the import.
fn send(portal: &Browser, folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    portal.press("Import & Export");
    portal.attach("#file", &file);
    portal.press("Show what it would change");
}

fn shot(portal: &Browser, name: &str) {
    portal.assert_fits_a_phone();
    portal.pictures(&format!("portal-{name}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_an_error_is_mended_looked_at_applied_and_exported() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let setup = StageSetup {
        state: StateFolder::choose(Some(folder.path())).unwrap(),
        listening: Listening::FreePorts(LOOPBACK),
        example: EXAMPLE,
        sink: SinkKind::File,
    };
    let stage = Stage::start(&setup, &|_| ()).await.unwrap();
    let portal = Browser::start();
    portal.open(&stage.sign_in_url());
    portal.fill_in("New password, at least 8 characters", PASSWORD);
    portal.fill_in("The same password again", PASSWORD);
    portal.press("Sign in");
    portal.press("Import & Export");
    shot(&portal, "import");

    let list = list();
    let wrong = list
        .replacen("02-00-00-00-08-02", "02-00-00-00-08-0G", 1)
        .replace("8003,CA", "8003,Kanada");
    send(&portal, folder.path(), "rooms.csv", &wrong);
    portal.wait_for_text("[role=alert]", "Nothing of rooms.csv can be applied");
    let table = portal.wait_for_text("main table", "12 hexadecimal digits");
    assert!(table.contains("two letters of ISO 3166-1, such as CA"), "{table}");
    shot(&portal, "import-wrong");

    send(&portal, folder.path(), "rooms.csv", &list);
    portal.wait_for_text("[role=status]", "would add 180 and change 1");
    portal.wait_for_text("main", "Great hall");
    shot(&portal, "import-changed");
    portal.press("Added (180)");
    shot(&portal, "import-added");
    portal.press("Next page");
    portal.wait_for_text("main", "51 to 100 of 180");
    portal.press("Apply");
    portal.wait_for_text(".done", "Devices added: 60");
    shot(&portal, "import-done");

    portal.press("Phones & Devices");
    portal.fill("#q", "Room speaker");
    portal.press("Search");
    portal.wait_for_text("main", "Room speaker 0");
    shot(&portal, "devices-ticked");
    let export = portal.run(
        "return fetch('/export.csv').then(answer => answer.text())",
        &Value::Array(Vec::new()),
    );
    send(&portal, folder.path(), "export.csv", export.as_str().unwrap());
    portal.wait_for_text(".done", "export.csv changes nothing");
    shot(&portal, "import-nothing");

    portal.press("Phones & Devices");
    portal.fill("#q", "Room speaker");
    portal.press("Search");
    portal.click("[name=all]");
    portal.choose("#action", "Remove");
    portal.press("Go on…");
    portal.wait_for_text("main", "Remove 60 devices?");
    shot(&portal, "bulk-confirm");
    portal.press("Remove");
    portal.wait_for_text(".done", "done for 60 devices");
    portal.press("Users & Rooms");
    shot(&portal, "areas-ticked");
    portal.press("Phones & Devices");
    portal.press("Hall loudspeaker");
    portal.press("Extension Assignment");
    portal.press("Add");
    portal.fill("#q", "Room 1");
    portal.press("Search");
    portal.fill_in("Room 11 (8011)", "");
    portal.fill("#q", "Room 2");
    portal.press("Search");
    portal.wait_for_text("fieldset", "Room 11 (8011)");
    shot(&portal, "choose-searched");
}
