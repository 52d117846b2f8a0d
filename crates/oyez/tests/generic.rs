//! A generic device: a phone that is set up by hand from what the portal shows, and whose password is changed while it is in use.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use audio::Sound;
use device::place_call;
use endpoint::CallerEvent;
use hound::{SampleFormat, WavSpec, WavWriter};
use model::Secret;
use model::status::{CallRefusal, Verdict, ZoneEvent};
use oyez::cli::SinkKind;
use oyez::state::StateFolder;
use oyez::up::example::EXAMPLE;
use oyez::up::listening::Listening;
use oyez::up::spoken_page;
use oyez::up::stage::{Stage, StageSetup};
use peers::{Account, BROWSER_PROGRAMS, Baresip, Browser, Media, available};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";
/// Longest wait on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Samples a second of G.711.
const RATE: u32 = 8_000;

/// What the portal shows of a generic device.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    domain: String,
    proxy: String,
    user: String,
    authorization_id: String,
    password: String,
}

impl Shown {
    /// Reads the page with the credentials.
    fn on(portal: &Browser) -> Self {
        let script = "const facts = {};
            for (const term of document.querySelectorAll('dt')) facts[term.innerText] = term.nextElementSibling.innerText;
            return facts";
        let facts = portal.run(script, &Value::Array(Vec::new()));
        let fact = |name: &str| facts.get(name).unwrap().as_str().unwrap().to_owned();
        Self {
            domain: fact("SIP Domain"),
            proxy: format!("sip:{};transport=tls", fact("Outbound Proxy")),
            user: fact("User Name"),
            authorization_id: fact("Authorization ID"),
            password: fact("Password"),
        }
    }

    /// Types it into a phone, which registers.
    async fn typed_into_a_phone(&self, authority: &Path, speech: &Path) -> Baresip {
        let (shown, authority, speech) = (self.clone(), authority.to_owned(), speech.to_owned());
        let phone = spawn_blocking(move || {
            let account = Account {
                user: &shown.user,
                authorization_id: &shown.authorization_id,
                password: &shown.password,
                domain: &shown.domain,
                outbound: Some(&shown.proxy),
                transport: "tls",
                authority: Some(&authority),
                media: Media::SecurePcmu,
            };
            Baresip::start(&account, LOOPBACK, &speech)
        });
        phone.await.unwrap()
    }
}

/// The spoken page as the phone wants it, behind so much silence.
fn speech(folder: &Path, silence: Duration) -> PathBuf {
    let file = folder.join("speech.wav");
    let spec = WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(&file, spec).unwrap();
    let silence = usize::try_from(silence.as_secs()).unwrap() * usize::try_from(RATE).unwrap();
    let speech = spoken_page().unwrap().at_rate(RATE).samples;
    for sample in std::iter::repeat_n(0, silence).chain(speech) {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    file
}

/// Waits until a call to the phone rings there.
async fn assert_rings(stage: &Stage) {
    let (events, mut happened) = mpsc::channel(16);
    let silence = Sound {
        samples: vec![0; 16_000],
        rate: 16_000,
    };
    let calling = tokio::spawn(place_call(stage.call_setup("200").unwrap(), silence, events));
    let ringing = async { while !matches!(happened.recv().await.unwrap(), CallerEvent::Ringing { .. }) {} };
    timeout(PATIENCE, ringing).await.unwrap();
    calling.abort();
}

async fn start(folder: &Path) -> Stage {
    let setup = StageSetup {
        state: StateFolder::choose(Some(folder)).unwrap(),
        listening: Listening::FreePorts(LOOPBACK),
        example: EXAMPLE,
        sink: SinkKind::File,
    };
    Stage::start(&setup, &|_| ()).await.unwrap()
}

fn signed_in(stage: &Stage) -> Browser {
    let portal = Browser::start();
    portal.open(&stage.sign_in_url());
    portal.fill_in("New password, at least 8 characters", PASSWORD);
    portal.fill_in("The same password again", PASSWORD);
    portal.press("Sign in");
    portal
}

fn show_credentials(portal: &Browser) -> Shown {
    portal.press("Phones & Devices");
    portal.press("Desk phone");
    portal.press("Provision");
    portal.press("Show the credentials");
    Shown::on(portal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_set_up_by_hand_pages_a_group_and_its_password_is_changed_without_a_missed_call() {
    if !available(BROWSER_PROGRAMS) || !available(&["baresip"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stage = start(folder.path()).await;
    let authority = stage.installation.authority_file.clone();
    let speech = speech(folder.path(), Duration::ZERO);
    let mut zone = stage.subscribe().unwrap();
    let portal = signed_in(&stage);
    let show_credentials = || show_credentials(&portal);

    let first = show_credentials();
    let mut phone = first.typed_into_a_phone(&authority, &speech).await;
    let phone = spawn_blocking(move || {
        phone.dial("700");
        phone.wait_until_closed(PATIENCE);
        phone
    });
    let report = loop {
        if let ZoneEvent::PageEnded { report, .. } = timeout(PATIENCE, zone.recv()).await.unwrap().unwrap() {
            break report;
        }
    };
    let phone = phone.await.unwrap();
    assert_eq!(report.talker.as_str(), first.user);
    let mut verdicts = report.listeners.iter().map(|listener| &listener.verdict);
    assert!(verdicts.all(|verdict| *verdict == Verdict::Heard), "{report:?}");
    assert_eq!(report.listeners.len(), 2);

    // Another password: the phone that has the one before is reached, and so is one that has the new one.
    assert_rings(&stage).await;
    portal.press("Phones & Devices");
    portal.press("Desk phone");
    portal.press("Extension Assignment");
    portal.press("New password…");
    portal.press("Make a new password");
    assert_rings(&stage).await;
    let second = show_credentials();
    assert_ne!(first.password, second.password);
    let renewed = second.typed_into_a_phone(&authority, &speech).await;
    drop(phone);
    assert_rings(&stage).await;

    // The one before is good until it is ended.
    let before = |stage: &Stage| {
        let mut setup = stage.call_setup("700").unwrap();
        setup.profile.account.user = first.user.parse().unwrap();
        setup.profile.account.authorization_id = first.authorization_id.parse().unwrap();
        setup.profile.account.password = Some(Secret::new(first.password.clone()));
        place_call(setup, spoken_page().unwrap(), mpsc::channel(1).0)
    };
    timeout(PATIENCE, before(&stage)).await.unwrap().unwrap();
    portal.press("Phones & Devices");
    portal.press("Desk phone");
    portal.press("Extension Assignment");
    portal.press("End it");
    loop {
        let event = timeout(PATIENCE, zone.recv()).await.unwrap().unwrap();
        if matches!(event, ZoneEvent::DirectoryApplied { .. }) && !portal.page_text().contains("is good too")
        {
            break;
        }
    }
    let refused = timeout(PATIENCE, before(&stage)).await.unwrap();
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("password"), "{why}");
    assert_rings(&stage).await;
    drop(renewed);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_pages_a_group_with_a_pin_by_keying_it_in_and_with_no_other() {
    if !available(BROWSER_PROGRAMS) || !available(&["baresip"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let stage = start(folder.path()).await;
    let authority = stage.installation.authority_file.clone();
    // The phone speaks from the answer on, and hangs up when it has said all.
    let speech = speech(folder.path(), Duration::from_secs(12));
    let mut zone = stage.subscribe().unwrap();
    let portal = signed_in(&stage);
    let shown = show_credentials(&portal);
    portal.press("Page Groups");
    portal.press("Everywhere");
    portal.press("Change");
    portal.choose("#pin-use", "Asked for before each page");
    portal.fill("#pin", "4711");
    portal.pictures("group-pin");
    portal.press("Save");
    assert!(portal.page_text().contains("Asked for before each page"));
    while !matches!(
        timeout(PATIENCE, zone.recv()).await.unwrap().unwrap(),
        ZoneEvent::DirectoryApplied { .. }
    ) {}
    let mut phone = shown.typed_into_a_phone(&authority, &speech).await;

    let wrong = spawn_blocking(move || {
        phone.dial("700");
        phone.press("0815#0815#0815#");
        phone.wait_until_closed(PATIENCE);
        phone
    });
    let mut phone = wrong.await.unwrap();
    loop {
        match timeout(PATIENCE, zone.recv()).await.unwrap().unwrap() {
            ZoneEvent::CallRefused { why, .. } => break assert_eq!(why, CallRefusal::WrongPin),
            ZoneEvent::PageStarted { .. } => panic!("nobody is called before the PIN is right"),
            _ => {}
        }
    }
    let right = spawn_blocking(move || {
        phone.dial("700");
        phone.press("4711#");
        phone.wait_until_closed(PATIENCE);
        phone
    });
    let report = loop {
        if let ZoneEvent::PageEnded { report, .. } = timeout(PATIENCE, zone.recv()).await.unwrap().unwrap() {
            break report;
        }
    };
    drop(right.await.unwrap());

    assert_eq!(report.talker.as_str(), shown.user);
    let mut verdicts = report.listeners.iter().map(|listener| &listener.verdict);
    assert!(verdicts.all(|verdict| *verdict == Verdict::Heard), "{report:?}");
    assert_eq!(report.listeners.len(), 2);

    // The announcer is no talker of the portal, and is asked as well.
    let mut setup = stage.call_setup("700").unwrap();
    setup.profile.pin = None;
    let refused = timeout(
        PATIENCE,
        place_call(setup, spoken_page().unwrap(), mpsc::channel(1).0),
    )
    .await;
    assert!(refused.unwrap().unwrap_err().to_string().contains("needs a PIN"));
    stage.stop().await;
}
