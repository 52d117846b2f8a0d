//! Talk, in a browser: somebody speaks, plays a file or has a text read out, and sees who heard it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use oyez::cli::SinkKind;
use oyez::state::StateFolder;
use oyez::up::example::EXAMPLE;
use oyez::up::judge::judge;
use oyez::up::listening::Listening;
use oyez::up::spoken_page;
use oyez::up::stage::{Stage, StageSetup};
use peers::{BROWSER_PROGRAMS, Browser, available};
use serde_json::json;
use tokio::time::timeout;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
const PASSWORD: &str = "correct horse battery";
/// Longest wait on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Octets of a recording a second.
const OCTETS_PER_SECOND: u64 = 96_000;

/// What the loudspeaker in the hall has recorded, the newest last.
fn recordings(state: &StateFolder) -> Vec<PathBuf> {
    let files = fs::read_dir(state.recordings().join("hall")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Waits until so much of a page has come out.
async fn recorded(state: &StateFolder, count: usize, seconds: u64) {
    let is_there = || {
        let files = recordings(state);
        let newest = files.get(count - 1).map(|file| file.metadata().unwrap().len());
        newest.is_some_and(|length| length >= seconds * OCTETS_PER_SECOND)
    };
    let waiting = async {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        while !is_there() {
            looks.tick().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

/// How well the newest recording holds the spoken page.
fn correlation(state: &StateFolder) -> f64 {
    let newest = recordings(state).pop();
    let found = judge(&spoken_page().unwrap(), newest.as_deref());
    println!("{found:?}");
    found.correlation.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoken_played_and_read_out_in_the_browser_is_heard_and_its_talker_sees_by_whom() {
    if !available(BROWSER_PROGRAMS) || !available(&["espeak-ng"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::choose(Some(folder.path())).unwrap();
    let setup = StageSetup {
        state: state.clone(),
        listening: Listening::FreePorts(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        example: EXAMPLE,
        sink: SinkKind::File,
    };
    let stage = Stage::start(&setup, &|_| ()).await.unwrap();
    let browser = Browser::start_hearing(Path::new(PAGE));
    browser.open(&stage.sign_in_url());
    browser.fill_in("New password, at least 8 characters", PASSWORD);
    browser.fill_in("The same password again", PASSWORD);
    browser.press("Sign in");
    browser.press("Talk");
    browser.assert_fits_a_phone();
    browser.pictures("portal-talk");

    // The microphone hears the page over and over: two rounds hold a whole one.
    browser.fill_in("To the extension", "700");
    // The last minute is counted down; here it is nearly all there is.
    let limit = "document.getElementById('talk').dataset.secondsMax = arguments[0]";
    browser.run(limit, &json!([59]));
    browser.click("#speak");
    browser.wait_for_text("#state", "You are heard now. 2 listeners are called.");
    browser.wait_for_text("#left", "You are cut off in");
    browser.pictures("portal-talk-speaking");
    recorded(&state, 1, 16).await;
    browser.click("#stop");
    browser.wait_for_text("#state", "heard by 2 of 2");
    browser.run(limit, &json!([600]));
    let spoken = correlation(&state);
    browser.assert_fits_a_phone();
    browser.pictures("portal-talk-heard");

    browser.attach("#file", Path::new(PAGE));
    browser.click("#play");
    browser.wait_for_text("#state", "It is heard now.");
    browser.wait_for_text("#state", "heard by 2 of 2");
    recorded(&state, 2, 1).await;
    let played = correlation(&state);

    browser.fill_in(
        "Text, at most 1000 characters",
        "All clear. Return to your rooms.",
    );
    browser.click("#read");
    browser.wait_for_text("#state", "It is heard now.");
    browser.wait_for_text("#state", "heard by 2 of 2");

    // A long text stops when it is told to: it would take more than a minute.
    browser.fill_in(
        "Text, at most 1000 characters",
        &"This is a long notice. ".repeat(40),
    );
    browser.click("#read");
    browser.wait_for_text("#state", "It is heard now.");
    browser.click("#stop");
    let said = browser.wait_for_text("#state", "Spoken for");
    let seconds: f64 = said.split(' ').nth(2).unwrap().parse().unwrap();
    assert!(seconds < 30.0, "{said}");

    browser.fill_in("To the extension", "799");
    browser.click("#read");
    browser.wait_for_text("#state", "Extension 799 is neither a page group's");
    browser.pictures("portal-talk-failed");

    // Where what was spoken is shorter than the file, or was cut off, that is said.
    let told = "report({ seconds: arguments[0], listeners: [] }, arguments[1])";
    for (seconds, length, words) in [
        (12.0, 30.0, "The sound is 30.0 s long: the rest was not heard"),
        (600.0, 600.0, "It was ended because nobody can speak longer"),
    ] {
        browser.run(told, &json!([seconds, length]));
        browser.wait_for_text("#state", words);
    }
    browser.run(told, &json!([29.9, 30.0]));
    let said = browser.wait_for_text("#state", "Spoken for 29.9 s");
    assert!(said.ends_with("heard by 0 of 0."), "{said}");
    stage.stop().await;
    assert!(
        played >= 0.95 && spoken >= 0.8,
        "played {played}, spoken {spoken}"
    );
}
