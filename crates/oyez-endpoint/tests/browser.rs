//! The endpoint's web pages in a real browser: what an administrator does by hand, done by a test.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod caller;
mod cloud;
mod names;
mod pages;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, SystemTime};

use device_web::Syslog;
use media::rtp::Header;
use net::authority::{Authority, Purpose, Subject};
use net::media::ZoneSockets;
use net::resolver::Resolver;
use peers::{Axe, BROWSER_PROGRAMS, View, available};

use crate::caller::{phone, speech};
use crate::cloud::{Cloud, DOMAIN, LOOPBACK, PROXY};
use crate::pages::{Bench, Entry, PASSWORD, PATIENCE, field, log_book};

/// The seed's manual configuration of a generic device, field by field, and then a call to a slot of each kind.
#[test]
fn a_generic_device_is_configured_by_hand_and_each_kind_of_slot_is_called() {
    if !available(BROWSER_PROGRAMS) || !available(&["kamailio", "baresip"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
    let names = names::serve(PROXY, Ipv4Addr::LOCALHOST);
    let bench = Bench::start(Resolver::with_name_servers(&[names]).unwrap());
    let authority_file = cloud.folder.path().join("authority.pem");
    fs::write(&authority_file, cloud.authority.certificate_pem()).unwrap();
    bench.claim();

    bench.set(
        "/settings/sip",
        &[
            ("sip.proxy", Entry::Text(DOMAIN)),
            ("sip.u1.user", Entry::Text("7001")),
            ("sip.u1.auth", Entry::Text("88213")),
            ("sip.u1.pwd", Entry::Secret("endpoint-secret")),
        ],
    );
    let proxy = format!("{PROXY}:{}", cloud.port);
    bench.set(
        "/settings/advanced-sip",
        &[
            ("sip.transp", Entry::Choice("TLS")),
            ("oyez.tls.validate", Entry::Choice("Enabled")),
            ("oyez.tls.ca", Entry::Text(authority_file.to_str().unwrap())),
            ("sip.obproxy", Entry::Text(&proxy)),
            ("sip.srtp", Entry::Choice("Standard")),
            ("sip.srtp.suite", Entry::Choice("All Suites")),
        ],
    );
    bench.set(
        "/settings/more-ring-extensions",
        &[
            ("sip.alert1.user", Entry::Text("7002")),
            ("sip.alert1.auth", Entry::Text("88214")),
            ("sip.alert1.pwd", Entry::Secret("ring-secret")),
        ],
    );
    bench.set(
        "/settings/emergency-alerts",
        &[
            ("ann.ext1", Entry::Text("7003")),
            ("ann.auth1", Entry::Text("88215")),
            ("ann.pwd1", Entry::Secret("alert-secret")),
            // Without an announcement the caller speaks, and the alert ends with the call.
            ("ann.tone1", Entry::Choice("None")),
        ],
    );

    bench.open("/status");
    for row in 1..=3 {
        bench
            .browser
            .wait_for_text(&format!("tbody tr:nth-child({row})"), "Successful");
    }
    let (_, speech) = speech(bench.state.path(), 10);
    let mut phone = phone(cloud.port, &speech);
    for (extension, sounds) in [("7001", "page from"), ("7003", "emergency alert from")] {
        phone.dial(extension);
        bench.browser.wait_for_text(".sounding", sounds);
        phone.wait_until_closed(PATIENCE);
        bench.browser.wait_for_text("#live", "Silent");
    }
    phone.ring("7002");
    bench.browser.wait_for_text(".sounding", "ring from");
    bench.picture("status-ringing");
    phone.hang_up();
    bench.browser.wait_for_text("#live", "Silent");
    bench.end();
}

/// The troubleshooting of the seed: each status is provoked by what it says causes it, and shown with its cause.
#[test]
fn each_trouble_of_a_registration_is_shown_with_its_cause_until_it_is_mended() {
    if !available(BROWSER_PROGRAMS) || !available(&["kamailio"]) {
        return;
    }
    let cloud = Cloud::start(&[]);
    let names = names::serve(PROXY, Ipv4Addr::LOCALHOST);
    let bench = Bench::start(Resolver::with_name_servers(&[names]).unwrap());
    let authority_file = cloud.folder.path().join("authority.pem");
    fs::write(&authority_file, cloud.authority.certificate_pem()).unwrap();
    let closed_port = TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap();
    bench.claim();
    bench.open("/status");
    bench.browser.wait_for_text("#live", "No slot has an account yet");

    let nobody = closed_port.to_string();
    bench.set(
        "/settings/provisioning",
        &[("prov.server.static", Entry::Text(&nobody))],
    );
    bench.shows("Assisted Provisioning Failed", "server not reached");
    bench.picture("status-provisioning-failed");
    bench.open("/settings/provisioning");
    bench.picture("settings-provisioning-failed");
    bench.open("/about");
    bench.browser.wait_for_text("main", "Not Installed");
    bench.set(
        "/settings/provisioning",
        &[("prov.server.static", Entry::Text(""))],
    );

    let account = |user, password| {
        bench.set(
            "/settings/sip",
            &[
                ("sip.proxy", Entry::Text(DOMAIN)),
                ("sip.u1.user", Entry::Text(user)),
                ("sip.u1.auth", Entry::Text("88213")),
                ("sip.u1.pwd", Entry::Secret(password)),
            ],
        );
    };
    let server = |proxy: &str, authority: &str| {
        bench.set(
            "/settings/advanced-sip",
            &[
                ("sip.transp", Entry::Choice("TLS")),
                ("sip.obproxy", Entry::Text(proxy)),
                ("oyez.tls.ca", Entry::Text(authority)),
            ],
        );
    };
    let (trusted, proxy) = (
        authority_file.to_str().unwrap(),
        format!("{PROXY}:{}", cloud.port),
    );
    account("7001", "endpoint-secret");
    server(&format!("unknown.cloud.example:{}", cloud.port), trusted);
    bench.shows("No reply from server", "unknown.cloud.example has no address");
    server(&format!("{PROXY}:{}", closed_port.port()), trusted);
    bench.shows("No reply from server", "TCP: connection refused");
    server(&proxy, "");
    bench.shows("No reply from server", "certificate from an unknown issuer");
    bench.picture("status-no-reply");
    server(&format!("127.0.0.1:{}", cloud.port), trusted);
    bench.shows("No reply from server", "certificate is not for 127.0.0.1");
    account("7001", "filled in by the browser");
    server(&proxy, trusted);
    bench.shows("Rejected by Server", "401 again after the challenge was answered");
    bench.picture("status-rejected");
    account("7099", "endpoint-secret");
    bench.shows("Rejected by Server", "403 Forbidden");
    account("7001", "endpoint-secret");
    bench.shows("Successful", "");
    bench.end();
}

#[test]
fn wrong_values_are_named_beside_their_fields_and_nothing_is_saved() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    bench.open("/settings/advanced-sip");

    bench.browser.fill(&field("sip.obproxy"), "not a host");
    bench.browser.fill(&field("oyez.tls.ca"), "no-such.pem");
    bench.browser.click(".actions button");

    bench.browser.wait_for_text(".problem", "Nothing was saved");
    bench.picture("settings-refused");
    assert_eq!(bench.browser.value(&field("sip.obproxy")), "not a host");
    assert!(bench.browser.has("[name=\"sip.obproxy\"][aria-invalid]"));
    assert_eq!(bench.appliance.settings().value("sip.obproxy"), "");
    bench.end();
}

#[test]
fn a_secret_is_shown_when_it_is_asked_for_and_stays_when_others_are_saved() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    bench.set(
        "/settings/sip",
        &[
            ("sip.proxy", Entry::Text("pbx.example")),
            ("sip.u1.user", Entry::Text("7001")),
            ("sip.u1.pwd", Entry::Secret("hunter2")),
        ],
    );
    bench.set("/settings/sip", &[("sip.u1.dname", Entry::Text("Lobby"))]);

    bench.browser.click("button.reveal");

    bench.browser.wait_for_text(".device", "Lobby");
    bench.browser.find("[name=\"sip.u1.pwd\"]:not(.secret)");
    assert_eq!(bench.browser.value(&field("sip.u1.pwd")), "hunter2");
    bench.browser.wait_for_text("button.reveal", "Hide");
    bench.picture("settings-revealed");
    bench.browser.click("button.reveal");
    bench.browser.find("[name=\"sip.u1.pwd\"].secret");
    bench.browser.wait_for_text("button.reveal", "Show");
    bench.end();
}

#[test]
fn an_earlier_version_is_gone_back_to() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    bench.set(
        "/settings/features",
        &[("audio.page.vol", Entry::Choice("8 (-6 dB)"))],
    );
    bench.set(
        "/settings/features",
        &[("audio.page.vol", Entry::Choice("7 (-9 dB)"))],
    );
    bench.open("/maintenance");
    bench.picture("maintenance");

    bench.browser.click("a[href=\"/maintenance/versions/2\"]");
    bench.browser.wait_for_text("tbody", "-6dB");
    bench.picture("version");
    bench.browser.click("main form button");

    bench.browser.wait_for_text(".done", "Version 4");
    bench.picture("maintenance-done");
    assert_eq!(bench.appliance.settings().value("audio.page.vol"), "-6dB");
    bench.end();
}

#[test]
fn a_tone_is_uploaded_chosen_and_removed_and_what_is_no_sound_is_refused() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    let tone = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../audio/tests/data/tone.mp3")
        .canonicalize()
        .unwrap();
    let junk = bench.state.path().join("junk.wav");
    fs::write(&junk, "no sound").unwrap();

    bench.open("/files");
    bench.browser.attach("#file", &junk);
    bench.browser.click(".stack button");
    bench.browser.wait_for_text(".problem", "junk.wav is no");
    bench.picture("files-refused");
    bench.browser.attach("#file", &tone);
    bench.browser.click(".stack button");
    bench.browser.wait_for_text("tbody", "tone.wav");

    bench.set(
        "/settings/features",
        &[("audio.page.tone", Entry::Choice("tone.wav"))],
    );
    bench.open("/files");
    bench.browser.wait_for_text("tbody", "audio.page.tone");
    bench.picture("files-used");
    bench.browser.click("tbody button");
    bench.browser.wait_for_text("main", "There is no sound file yet");
    bench.end();
}

#[test]
fn an_exercise_is_started_and_stopped_and_a_real_alert_has_to_be_confirmed() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();

    bench.browser.click("button.danger");
    bench.browser.wait_for_text("#live", "amber");
    bench.browser.wait_for_text(".sounding", "exercise");
    bench.picture("status-exercise");
    bench.browser.click("[action=\"/status/stop\"] button");
    bench.browser.wait_for_text("#live", "Silent");

    bench.browser.click("[value=live]");
    bench.browser.click("button.danger");
    bench.browser.wait_for_text("main", "has to be confirmed");
    bench.picture("alert-unconfirmed");
    bench.open("/status");
    bench.browser.click("[value=live]");
    bench.browser.click("[name=confirmed]");
    bench.picture("status-alert-confirmed");
    bench.browser.click("button.danger");
    bench.browser.wait_for_text("#live", "red");
    bench.picture("status-alert");
    bench.end();
}

#[test]
fn the_browser_plays_what_the_loudspeaker_plays() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();

    bench.browser.click("#listen");
    bench.browser.wait_for_text("#listen", "Stop listening");

    let played = "return document.getElementById('listening').currentTime";
    bench.browser.wait_until(played, |seconds| {
        seconds.as_f64().is_some_and(|seconds| seconds > 0.5)
    });
    bench.browser.click("#listen");
    bench.end();
}

/// The settings of both multicast pages, and then a zone that speaks, seen on the status page.
#[test]
fn a_receiver_of_multicast_zones_is_set_and_its_zone_is_seen_sounding() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    let port = UdpSocket::bind((LOOPBACK, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let group = SocketAddrV4::new(Ipv4Addr::new(239, 255, 80, 1), port);
    let address = group.to_string();
    bench.set(
        "/settings/advanced-multicast",
        &[
            ("oyez.mcast.interface", Entry::Text("lo")),
            ("oyez.mcast.sources", Entry::Text("")),
            ("mcast.prio.use", Entry::Choice("Enabled")),
            ("mcast.prio.zones", Entry::Text("3,9,")),
            ("mcast.zones.music", Entry::Text("6,7")),
            ("mcast.tx.ptime", Entry::Choice("40")),
            ("mcast.tx.ttl", Entry::Text("2")),
            ("mcast.zone3", Entry::Text(&address)),
            ("mcast.vol3", Entry::Choice("6 (-12 dB)")),
            ("mcast.rxtone3", Entry::Choice("Default")),
        ],
    );
    bench.set(
        "/settings/multicast",
        &[
            ("mcast.mode", Entry::Choice("Receiver")),
            ("mcast.rx.zones", Entry::Text("3,")),
            ("mcast.tx.codec", Entry::Choice("G.711 A-law")),
            ("mcast.tx.fixed", Entry::Text("8")),
            ("mcast.tx.zones", Entry::Text("1,8")),
            ("mcast.tx.ring", Entry::Choice("Enabled")),
            ("oyez.mcast.local", Entry::Choice("Disabled")),
        ],
    );
    bench.picture("settings-multicast-set");

    bench.open("/status");
    bench.browser.wait_for_text(".zones", &address);
    bench.browser.wait_for_text(".zones", "idle");
    bench.browser.wait_for_text(".zones", "untrusted");
    let speaker = bench.runtime.spawn(async move {
        let mut sender = ZoneSockets::default();
        sender.listen(&BTreeMap::new(), Some("lo"), 1);
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        for sequence in 0_u16.. {
            clock.tick().await;
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence,
                timestamp: u32::from(sequence) * 160,
                ssrc: 7,
            };
            assert!(sender.send(group, &[&header.to_bytes()[..], &[0x25; 160]].concat()));
        }
    });
    bench
        .browser
        .wait_for_text(".sounding", "priority page from multicast zone 3");
    bench.browser.wait_for_text(".zones", "sounding");
    bench.browser.wait_for_text(".zones", "G.711 µ-law");
    bench.picture("status-multicast");
    speaker.abort();
    bench.browser.wait_for_text("#live", "Silent");

    bench.set(
        "/settings/advanced-multicast",
        &[("oyez.mcast.sources", Entry::Text("192.0.2.0/24"))],
    );
    bench.open("/status");
    bench.browser.wait_for_text(".zones", "permitted sources only");
    bench.end();
}

#[test]
fn every_page_opens_without_an_error_of_the_browser() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    let axe = Axe::find();
    let mut faults = Vec::new();
    let mut judge = |path: &str| {
        let found = axe.iter().flat_map(|axe| axe.judge(&bench.browser));
        faults.extend(found.map(|fault| format!("{path} {fault}")));
    };
    bench.open("/");
    judge("before it is claimed");
    bench.claim();
    bench.browser.look(View::Narrow);
    bench.browser.click("[popovertarget=pages]");
    bench.browser.wait_until(
        "return document.querySelector('nav').matches(':popover-open')",
        |is_open| is_open.as_bool() == Some(true),
    );
    bench.picture("menu");
    bench.browser.look(View::Wide);
    let paths = bench.browser.run(
        "return [...document.querySelectorAll('nav a')].map(link => link.getAttribute('href'))",
        &serde_json::json!([]),
    );
    for path in paths.as_array().unwrap().iter().filter_map(|path| path.as_str()) {
        bench.open(path);
        assert!(
            bench.browser.has("nav a[aria-current]"),
            "{path} does not stand in the tree"
        );
        bench.assert_fits_a_phone();
        bench.picture(path.trim_start_matches('/').replace('/', "-").as_str());
        judge(path);
    }
    assert_eq!(faults, [""; 0], "{}", faults.join("\n"));
    bench.end();
}

/// Whom the device's certificate names and until when: valid, soon over, over, and one that cannot be used.
#[test]
fn the_certificate_of_the_device_is_shown_with_its_expiry_and_what_that_means() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    let folder = bench.state.path().join("certificate");
    fs::create_dir(&folder).unwrap();
    let shows = |status: &str, picture: &str| {
        bench.open("/about");
        bench.browser.wait_for_text("main", status);
        bench.picture(picture);
    };
    shows("Not Installed", "about");

    for (age_days, status, picture) in [
        (1, "Valid", "about-certificate"),
        (390, "Expires Soon", "about-certificate-soon"),
        (500, "Expired", "about-certificate-expired"),
    ] {
        let issued_at = SystemTime::now() - Duration::from_secs(age_days * 24 * 60 * 60);
        let authority = Authority::generate("test", issued_at).unwrap();
        let names = [Subject::Name("0022EE0A0B0C".to_owned())];
        let issued = authority.issue(&names, Purpose::Client, issued_at).unwrap();
        fs::write(folder.join("device.pem"), &issued.certificate_pem).unwrap();
        fs::write(folder.join("device.key"), issued.key_pem.as_bytes()).unwrap();
        shows(status, picture);
        bench.browser.wait_for_text("main", "CN=0022EE0A0B0C");
        let until = issued.not_after.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let shown = "return Date.parse(document.querySelector('main time').dateTime) / 1000";
        let shown = bench.browser.run(shown, &serde_json::json!([]));
        assert_eq!(shown.as_u64(), Some(until.as_secs()));
    }
    bench.browser.wait_for_text("main", "oyez-endpoint enrol");

    fs::write(folder.join("device.key"), "no key").unwrap();
    shows("It cannot be used", "about-certificate-unusable");
    bench.end();
}

#[test]
fn who_is_not_let_in_is_told_why() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    let try_to_claim = |code: &str, again: &str| {
        bench.open("/");
        bench.browser.fill("#code", code);
        bench.browser.fill("#password", PASSWORD);
        bench.browser.fill("#again", again);
        bench.send("form button");
    };
    bench.open("/");
    bench.picture("claim");
    try_to_claim(&bench.claim_code, "correct horse");
    bench
        .browser
        .wait_for_text(".problem", "The two passwords differ");
    try_to_claim("AAAA-AAAA", PASSWORD);
    bench.browser.wait_for_text(".problem", "The claim code is wrong");
    bench.picture("claim-refused");
    try_to_claim(&bench.claim_code, PASSWORD);
    bench.browser.wait_for_text("h1", "Device Status");

    bench.open("/settings/admin");
    bench.browser.fill("#old", "a guess");
    bench.browser.fill("#new", PASSWORD);
    bench.browser.fill("#again", PASSWORD);
    bench.send("[action=\"/admin/password\"] button");
    bench.browser.wait_for_text(".problem", "The password is wrong");
    bench.picture("password-refused");
    bench.open("/no-such-page");
    bench.browser.wait_for_text("main", "There is no such page");
    bench.picture("missing");
    bench.open("/status");
    bench.send("[action=\"/sign-out\"] button");
    bench.browser.wait_for_text("h1", "Sign in");
    bench.picture("sign-in");
    bench.browser.fill("#password", "a guess");
    bench.send("form button");
    bench.browser.wait_for_text(".problem", "The password is wrong");
    bench.picture("sign-in-refused");
    bench.end();
}

#[test]
fn what_is_set_over_a_given_value_is_taken_back() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let given = "sip.proxy = pbx.example\nsip.u1.user = 7001\nann.ext1 = 7003\nann.tone1 = tornado.wav\n";
    let bench = Bench::start_with(Resolver::with_name_servers(&[]).unwrap(), given);
    bench.claim();
    bench.set("/settings/sip", &[("sip.u1.user", Entry::Text("7009"))]);
    bench.browser.wait_for_text(".override", "7001");
    bench.picture("settings-override");
    bench.open("/settings/emergency-alerts");
    bench.browser.run(
        "document.querySelector('details.group').open = true",
        &serde_json::json!([]),
    );
    bench.picture("settings-emergency-alerts-open");

    bench.open("/settings/sip");
    bench.send("[name=take-back]");

    bench.browser.wait_for_text(".done", "Saved");
    bench.picture("settings-saved");
    assert_eq!(bench.browser.value(&field("sip.u1.user")), "7001");
    bench.end();
}

/// A setting of each kind on every tab that no other test sets: set, saved, and seen after a reload.
#[test]
fn what_is_set_on_each_tab_is_there_after_a_reload() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();

    bench.set(
        "/settings/network",
        &[
            ("net.dscp.sip", Entry::Text("26")),
            ("net.dscp.rtp", Entry::Text("34")),
        ],
    );
    bench.browser.wait_for_text("main dl", "Host Name");
    bench.picture("network");
    bench.set(
        "/settings/time",
        &[
            ("admin.timezone", Entry::Text("Asia/Tokyo")),
            ("net.time1", Entry::Text("ntp.example")),
        ],
    );
    bench.browser.wait_for_text("main dl", "sets no clock");
    bench.browser.wait_for_text("main dl time", "GMT+9");
    bench.picture("time");
    bench.set(
        "/settings/input-output",
        &[
            ("io.relayout", Entry::Choice("Disabled")),
            ("io.relayout.events", Entry::Choice("Emergency alerts")),
        ],
    );
    bench.browser.wait_for_text("main dl", "virtual, idle");
    bench.picture("input-output");
    bench.set("/settings/sip", &[("sip.proxy", Entry::Text("pbx.example"))]);
    bench.set(
        "/settings/more-page-extensions",
        &[("mcast.ext1", Entry::Text("7011"))],
    );
    bench.set(
        "/settings/features",
        &[("audio.page.mode", Entry::Choice("Two-way"))],
    );
    bench.set(
        "/settings/advanced-audio",
        &[
            ("oyez.sink", Entry::Text("null")),
            ("oyez.microphone", Entry::Text("alsa:no-such-card")),
        ],
    );
    bench.open("/status");
    bench.browser.wait_for_text("#live", "alsa:no-such-card");
    bench.picture("status-microphone");
    // The book of lines is that of all tests, and this is the only one that sends it anywhere.
    let _syslog = bench
        .runtime
        .block_on(async { Syslog::start(bench.appliance.clone(), log_book()) });
    let log_server = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let closed = TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap();
    bench.set(
        "/settings/admin",
        &[
            ("log.method", Entry::Choice("Network")),
            (
                "log.server",
                Entry::Text(&log_server.local_addr().unwrap().to_string()),
            ),
            ("log.server2", Entry::Text(&closed.to_string())),
            ("log.protocol", Entry::Choice("TCP")),
            ("log.level", Entry::Choice("Warning")),
        ],
    );
    bench.picture("admin");
    let log = "const log = new XMLHttpRequest(); log.open('GET', '/log', false); log.send(); return log.responseText";
    bench.browser.wait_until(log, |log| {
        log.as_str().is_some_and(|log| log.contains("Out of Reach"))
    });
    bench.open("/log");
    bench.browser.wait_for_text("main table", &closed.to_string());
    bench.assert_fits_a_phone();
    bench.picture("log-servers");
    bench.end();
}

#[test]
fn a_tone_is_played_at_its_row_and_the_meter_follows_it() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    bench.open("/tones");
    bench.browser.wait_for_text("tbody", "built in");
    bench.picture("tones");

    bench.send("[aria-label=\"Play evacuation.wav\"]");
    bench.open("/status");
    let level = "return document.getElementById('level')?.getAttribute('aria-valuetext')";
    bench.browser.wait_until(level, |level| {
        level.as_str().is_some_and(|level| level.ends_with(" dB"))
    });
    bench.picture("status-level");
    bench.open("/tones");
    bench.send("[action=\"/tones/stop\"] button");
    bench.open("/status");
    bench.browser.wait_for_text("#live", "Silent");
    bench
        .browser
        .wait_until(level, |level| level.as_str() == Some("silent"));
    bench.end();
}

#[test]
fn who_signs_out_elsewhere_is_sent_away_from_an_open_status_page() {
    if !available(BROWSER_PROGRAMS) {
        return;
    }
    let bench = Bench::start(Resolver::with_name_servers(&[]).unwrap());
    bench.claim();
    bench.browser.run(
        "const csrf = document.querySelector('input[name=csrf]').value; \
         fetch('/sign-out', { method: 'POST', body: new URLSearchParams({ csrf }), redirect: 'manual' })",
        &serde_json::json!([]),
    );

    // The page asks again by itself, after ten seconds at most.
    bench.browser.wait_for_text("h1", "Sign in");
    bench.end();
}
