//! What registrations say of a device that has its configuration, and of one that is set up by hand.

use std::fs;
use std::path::Path;
use std::process::Command;

use model::inventory::MacAddress;
use peers::{BROWSER_PROGRAMS, Program, available, build_program};
use portal::check::Verdict;

use crate::service_files::PATIENCE;
use crate::site::{Signed, Site};

const ALGO: (&str, &str) = ("Algo", "Algo SIP-based device (algo-sip-based-device)");
const GENERIC: (&str, &str) = ("Other (generic device)", "None: a generic device");
const SPEAKER: &str = "Algo 8301/5.5";

fn mac(number: u8) -> MacAddress {
    MacAddress::new([0, 0x22, 0xEE, 0, 1, number])
}

/// What a device of a maker fetches that calls itself `agent`.
fn fetched(site: &Site, number: u8, agent: &str) -> String {
    let mut command = site.asking(number, &format!("algom{}.conf", mac(number).compact()));
    command
        .arg("--cert")
        .arg(site.certificate(mac(number), Signed::Maker))
        .args(["--user-agent", agent]);
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// A device with this configuration, once it says these words of its registration.
fn endpoint(site: &Site, name: &str, configuration: &str, words: &str) -> Program {
    let program = build_program("oyez-endpoint", Path::new(env!("CARGO_BIN_EXE_oyez")));
    let file = site.folder().join(format!("{name}.conf"));
    let authority = site.authority();
    let more = format!("\noyez.sink = null\noyez.tls.ca = {}\n", authority.display());
    fs::write(&file, format!("{configuration}{more}")).unwrap();
    let mut running = Program::start(
        Command::new(program)
            .args(["run", "--web", "off", "--config"])
            .arg(&file)
            .arg("--state")
            .arg(site.folder().join(name))
            .env("OYEZ_LOG", "info"),
    );
    running.wait_for(&[words], PATIENCE);
    running
}

/// The configuration with another value of a key.
fn with(configuration: &str, key: &str, value: &str) -> String {
    let line = |line: &str| match line.starts_with(&format!("{key} = ")) {
        true => format!("{key} = {value}\n"),
        false => format!("{line}\n"),
    };
    configuration.lines().map(line).collect()
}

#[test]
fn each_verdict_on_registrations_is_reached_and_told_slot_by_slot() {
    if !available(BROWSER_PROGRAMS) || !available(&["curl"]) {
        return;
    }
    let site = Site::start();
    for (name, extension) in [
        ("North", "801"),
        ("South", "802"),
        ("East", "803"),
        ("West", "804"),
        ("Attic", "805"),
    ] {
        site.add_common_area(name, extension);
    }
    two_slots(&site);
    site.add_device("Old speaker", mac(2), ALGO, "Common area: North (801)");
    site.assign("East (803)", "2");
    fetched(&site, 2, "Algo 8301/5.4");
    site.checks("Old speaker", Verdict::SlotMissing, "Extension 803: ");
    old_at_the_zone(&site);
    taken_away(&site);
    by_hand(&site);
}

fn two_slots(site: &Site) {
    site.add_device("Two slots", mac(1), ALGO, "Common area: North (801)");
    site.assign("South (802)", "2");
    let configuration = fetched(site, 1, SPEAKER);
    site.checks(
        "Two slots",
        Verdict::FetchedNotRegistered,
        "it has not tried since the service was started",
    );
    let half = with(&configuration, "mcast.pwd1", "wrong");
    let running = endpoint(site, "half", &half, "Rejected by Server");
    let report = site.checks("Two slots", Verdict::PartlyRegistered, "password is wrong (401)");
    let registered: Vec<bool> = report.slots.iter().map(|slot| slot.registered).collect();
    assert_eq!(registered, [true, false]);
    drop(running);
    let running = endpoint(site, "whole", &configuration, "Successful");
    let report = site.checks("Two slots", Verdict::Registered, "Page 2");
    assert!(
        report.slots.iter().all(|slot| slot.state.contains("since ")),
        "{report:?}"
    );
    drop(running);
}

/// A device that fetches its configuration as it should, and speaks another TLS to the zone.
fn old_at_the_zone(site: &Site) {
    site.add_device("Half old", mac(5), ALGO, "Common area: Attic (805)");
    fetched(site, 5, SPEAKER);
    site.checks("Half old", Verdict::FetchedNotRegistered, "it has not tried");
    let mut registering = Command::new("curl");
    registering
        .args(["--silent", "--insecure", "--interface", "127.0.0.5"])
        .args(["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"])
        .arg(format!("https://{}/", site.tls));
    assert!(!registering.output().unwrap().status.success());
    site.checks(
        "Half old",
        Verdict::ZoneTlsTooOld,
        "it offers nothing later than TLS 1.1",
    );
}

/// A device that goes on with what was taken from it: its provisioning was disabled, as the seed recommends.
fn taken_away(site: &Site) {
    site.add_device("Left behind", mac(3), ALGO, "Common area: West (804)");
    let configuration = fetched(site, 3, SPEAKER);
    let running = endpoint(site, "left", &configuration, "Successful");
    site.checks("Left behind", Verdict::Registered, "Page 1");
    site.open_device("Left behind");
    site.portal.press("Extension Assignment");
    site.portal.press("Remove…");
    site.portal.press("Remove");
    drop(running);
    let _restarted = endpoint(site, "left", &configuration, "Rejected by Server");
    site.checks("Left behind", Verdict::TakenAway, "Page 1, taken away");
}

fn by_hand(site: &Site) {
    site.add_device("Desk phone", mac(4), GENERIC, "Common area: West (804)");
    site.checks("Desk phone", Verdict::NotRegistered, "it has not tried");
    let shown = site.credentials("Desk phone");
    let typed = format!(
        "sip.proxy = {}\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\nsip.u1.user = {}\nsip.u1.auth = {}\nsip.u1.pwd = {}\n",
        shown.of("SIP Domain"),
        shown.of("Outbound Proxy"),
        shown.of("User Name"),
        shown.of("Authorization ID"),
        shown.of("Password"),
    );
    let wrong = with(&typed, "sip.u1.pwd", "mistyped");
    let running = endpoint(site, "mistyped", &wrong, "Rejected by Server");
    site.checks("Desk phone", Verdict::Refused, "password is wrong (401)");
    drop(running);
    let _running = endpoint(site, "typed", &typed, "Successful");
    site.checks("Desk phone", Verdict::Registered, "Line 1");
}
