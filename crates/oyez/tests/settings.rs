//! What an administrator keeps in order, in a browser: the settings of the account, sites, templates, and a second factor at the sign-in.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod service_files;

use std::ops::Deref;
use std::time::SystemTime;

use peers::{BROWSER_PROGRAMS, Browser, Program, available};
use serde_json::{Value, json};
use web::{CODE_SECONDS, OneTimeSecret};

use crate::service_files::{own_mac, service, told, written};

const PASSWORD: &str = "correct horse battery";

/// The portal in a browser.
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
        self.pictures(&format!("settings-{name}"));
    }

    fn text_of(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0]).innerText";
        let found = self.run(script, &json!([selector]));
        found.as_str().unwrap_or_default().to_owned()
    }

    fn sign_in_first(&self, link: &str) {
        self.open(link);
        self.fill_in("New password, at least 8 characters", PASSWORD);
        self.fill_in("The same password again", PASSWORD);
        self.press("Sign in");
        self.wait_for_text("h2", "From here to a heard page");
    }

    fn settings(&self) {
        self.press("Account Settings");
        self.shot("account");
        self.fill_in("Account Name", "Harbour Ltd");
        self.fill_in(
            "Several extensions on devices with firmware up to 5.4, in any of their slots",
            "",
        );
        self.press("Save");
        assert_eq!(self.value("#name"), "Harbour Ltd");
        let ticked = self.run(
            "return document.querySelector('[value=many_extensions]').checked",
            &json!([]),
        );
        assert_eq!(ticked, Value::Bool(true));
    }

    /// Moments are those of whoever looks, and every time zone is offered.
    fn times(&self) {
        self.stand_in("America/Vancouver");
        self.press("Account Settings");
        let count = "return document.querySelectorAll('#time_zone-list option').length";
        let count = self.run(count, &json!([])).as_u64();
        assert!(count.is_some_and(|count| count > 100), "{count:?}");
        self.press("Audit");
        let first = "const time = document.querySelector('tbody time'); return [time.title, time.dateTime, time.textContent]";
        let first = self.run(first, &json!([]));
        let [title, moment, shown]: [String; 3] = serde_json::from_value(first).unwrap();
        assert!(
            title.ends_with(" UTC") && moment.ends_with('Z'),
            "{title} {moment}"
        );
        assert!(shown.contains(" GMT-"), "{shown}");
        self.shot("times");
    }

    fn sites(&self) {
        self.press("Sites");
        self.shot("sites-empty");
        for name in ["West quay", "East quay"] {
            self.press("Add");
            self.fill_in("Name", name);
            self.press("Save");
            self.wait_for_text("main", name);
        }
        self.shot("sites");
        self.press("Phones & Devices");
        self.press("Add");
        self.fill_in("Display Name", "Crane speaker");
        let mac = own_mac().map_or_else(|| "02:00:00:00:00:09".to_owned(), |mac| mac.to_string());
        self.fill_in("MAC Address", &mac);
        self.fill_in("Device Type", "Oyez");
        self.fill_in("Model", "Oyez IP Endpoint (oyez)");
        self.fill_in("Site", "West quay");
        self.press("Save");
        self.wait_for_text("h1", "Crane speaker");
        self.press("Sites");
        self.press("West quay");
        self.wait_for_text("main", "Crane speaker");
        self.shot("site");
        self.press("Change");
        self.press("Remove…");
        self.fill_in("Where it goes", "East quay");
        self.shot("site-remove");
        self.press("Remove");
        self.press("East quay");
        self.wait_for_text("main", "Crane speaker");
    }

    fn templates(&self) {
        self.press("Templates");
        self.shot("templates-empty");
        self.press("Add");
        self.fill_in("Name", "Loud");
        self.fill_in("Settings", "audio.page.volu = 0dB");
        self.press("Save");
        self.wait_for_text(".problem", "line 1: audio.page.volu");
        self.shot("template-refused");
        self.fill_in("Settings", "audio.page.vol = 0dB");
        self.press("Save");
        self.wait_for_text("main", "No device has it yet");
        self.fill("#q", "crane");
        self.press("Search");
        self.press("Preview");
        self.wait_for_text("pre", "audio.page.vol = 0dB");
        self.shot("configuration");
        self.press("Choose its template");
        self.fill_in("Template", "Loud");
        self.shot("device-change");
        self.press("Save");
        self.wait_for_text("main", "Loud");
        self.shot("device");
        self.press("Templates");
        self.shot("templates");
    }

    /// Sets the second factor up; gives its secret, the step whose code was used, and a recovery code.
    fn second_factor(&self) -> (OneTimeSecret, u64, String) {
        self.send("header .device");
        self.press("Second factor");
        self.shot("second-factor");
        let secret = OneTimeSecret::read(&self.text_of("#key")).unwrap();
        let step = present_step();
        self.fill_in("Password", PASSWORD);
        self.fill_in("Code", &secret.code(step));
        self.press("Turn it on");
        self.wait_for_text("main", "Keep these recovery codes");
        self.shot("recovery-codes");
        let code = self.text_of(".codes code");
        self.press("I have kept them");
        (secret, step, code)
    }

    fn sign_in_again(&self, code: &str) {
        self.press("Sign out");
        self.fill_in("E-mail address", "you@example.com");
        self.fill_in("Password", PASSWORD);
        self.press("Sign in");
        self.wait_for_text("main", "authenticator app");
        self.shot("sign-in-code");
        self.fill_in("Code", code);
        self.press("Sign in");
    }
}

fn present_step() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs() / CODE_SECONDS
}

#[test]
fn settings_sites_templates_and_a_second_factor_are_kept_in_order() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(service(&written(folder.path())).env("OYEZ_LOG", "info"));
    told(&mut program, "listening on ");
    let portal = Portal(Browser::start());
    portal.sign_in_first(&told(&mut program, "sign in once as the owner: "));

    portal.settings();
    portal.times();
    portal.sites();
    portal.templates();
    let (secret, used, recovery) = portal.second_factor();
    portal.sign_in_again(&secret.code(present_step().max(used + 1)));
    portal.wait_for_text("h2", "From here to a heard page");
    portal.sign_in_again(&recovery);
    portal.wait_for_text("main", "Recovery codes that are left: 9");
    portal.shot("second-factor-on");
    portal.press("Account Settings");
    portal.fill_in("Every administrator proves a second factor at the sign-in", "");
    portal.press("Save");
    portal.press("Administrators");
    portal.shot("administrators");
}
