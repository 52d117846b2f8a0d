//! The path of a stranger: `oyez up` as README.md has it, a phone of their own, and a page that is heard, by what stands on the screen alone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hound::{SampleFormat, WavSpec, WavWriter};
use oyez::up::spoken_page;
use peers::{BROWSER_PROGRAMS, Baresip, Browser, Program, available};
use serde_json::Value;

const README: &str = include_str!("../../../README.md");
const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(60);
/// Samples a second of G.711.
const RATE: u32 = 8_000;

/// The clock of somebody who is not to be kept waiting.
struct Stopwatch {
    began: Instant,
    last: Instant,
}

impl Stopwatch {
    /// Tells how long a step took.
    fn tell(&mut self, step: &str) {
        let now = Instant::now();
        eprintln!(
            "{:>6.1} s  {:>6.1} s  {step}",
            now.duration_since(self.last).as_secs_f64(),
            now.duration_since(self.began).as_secs_f64()
        );
        self.last = now;
    }
}

/// What the person says, as the phone wants it.
fn speech(folder: &Path) -> PathBuf {
    let file = folder.join("speech.wav");
    let spec = WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(&file, spec).unwrap();
    for sample in spoken_page().unwrap().at_rate(RATE).samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    file
}

/// What the page shows under a name.
fn shown(portal: &Browser, name: &str) -> String {
    let script = "const terms = [...document.querySelectorAll('dt')];
        return terms.find(term => term.innerText === arguments[0]).nextElementSibling.innerText";
    let found = portal.run(script, &Value::from(vec![name]));
    found.as_str().unwrap().to_owned()
}

/// Somebody of the office gets an extension and a phone, as the portal's own steps have it.
fn add_a_phone(portal: &Browser) {
    portal.press("Users & Rooms");
    portal.press("Users");
    portal.press("Add");
    portal.fill_in("Display Name", "Reception");
    portal.fill_in("Extension Number", "210");
    portal.fill_in("Country/Region", "Canada");
    portal.fill_in("Time Zone", "America/Vancouver");
    portal.press("Save");
    portal.pictures("stranger-saved");
    portal.press("Next: Add a device");
    portal.fill_in("Display Name", "Reception phone");
    portal.fill_in("Device Type", "Other (generic device)");
    portal.fill_in("Model", "None: a generic device");
    portal.pictures("stranger-device");
    portal.press("Save");
    portal.press("Next: Provision it");
    portal.press("Show the credentials");
}

#[test]
fn a_stranger_gets_from_the_readme_to_a_page_of_their_own_that_is_heard() {
    if !available(BROWSER_PROGRAMS) || !available(&["baresip"]) {
        return;
    }
    assert!(
        README.contains("cargo run --release -- up\n"),
        "the README begins with it"
    );
    let folder = tempfile::tempdir().unwrap();
    let speech = speech(folder.path());
    let now = Instant::now();
    let mut stopwatch = Stopwatch {
        began: now,
        last: now,
    };
    // Other ports than it has by itself, for tests run beside one another.
    let mut up = Program::start(
        Command::new(env!("CARGO_BIN_EXE_oyez"))
            .args([
                "up",
                "--sip-port",
                "0",
                "--web-port",
                "0",
                "--media-port",
                "33000",
                "--state",
            ])
            .arg(folder.path().join("state")),
    );
    up.wait_for(&["Heard by 2 of 2"], PATIENCE);
    stopwatch.tell("oyez up has paged its loudspeakers");
    let authority = up.told("Certificate ", PATIENCE);
    let link = up.wait_for(&["/first?token="], PATIENCE).trim().to_owned();
    up.wait_for(&["What happens"], PATIENCE);
    assert!(!up.said().contains("WARN"), "{}", up.said());

    let portal = Browser::start();
    portal.open(&link);
    portal.fill_in("New password, at least 8 characters", PASSWORD);
    portal.fill_in("The same password again", PASSWORD);
    portal.press("Sign in");
    portal.wait_for_text("main", "a page was heard");
    portal.pictures("stranger-start");
    stopwatch.tell("signed in to the portal by the link");
    add_a_phone(&portal);
    portal.pictures("stranger-credentials");
    stopwatch.tell("a phone of one's own has credentials");

    let proxy = shown(&portal, "Outbound Proxy");
    let address: IpAddr = proxy.rsplit_once(':').unwrap().0.parse().unwrap();
    let open = "for (const found of document.querySelectorAll('details')) found.open = true;
        return document.querySelector('.baresip-account').innerText";
    let line = portal.run(open, &Value::Array(Vec::new()));
    portal.pictures("stranger-by-hand");
    assert!(portal.page_text().contains("Dial 700 to page Everywhere"));
    // It converts no sound, and its file is of this kind.
    let line = format!("{};audio_codecs=PCMU/8000/1", line.as_str().unwrap());
    let mut phone = Baresip::with(&line, Some(Path::new(&authority)), address, &speech);
    portal.press("Next: Check");
    portal.wait_for_text(".verdict", "Registered");
    stopwatch.tell("it is registered");

    phone.dial("700");
    phone.wait_until_closed(PATIENCE);
    let ended = up.wait_for(&["page to 700 ended"], PATIENCE);
    assert!(ended.contains("heard by 2 of 2"), "{ended}");
    portal.press("Reports");
    portal.wait_for_text("tbody tr:nth-child(1)", "2 of 2");
    portal.pictures("stranger-reports");
    stopwatch.tell("its page was heard");
}
