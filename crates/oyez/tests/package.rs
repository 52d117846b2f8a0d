//! The Debian packages of service and endpoint in one Debian: installed, started by hand as their units start them, the endpoint enrolled,
//! registered and paged, and the service removed and purged.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

mod furnished;

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Duration;

use model::inventory::MacAddress;
use peers::{
    DEBIAN_PROGRAMS, Debian, Program, assert_unit_is_tight, available, build_program, debian_package, done,
    skip,
};

use crate::furnished::{CODE, PASSWORD, fill};

const PATIENCE: Duration = Duration::from_secs(60);
/// The most exposure that the unit may have, in tenths of the points of `systemd-analyze security`.
const EXPOSURE_MAX: u32 = 18;
const UNIT: &str = include_str!("../package/oyez.service");
const ENDPOINT_UNIT: &str = include_str!("../../oyez-endpoint/package/oyez-endpoint.service");
const PAGE: &[u8] = include_bytes!("../assets/page.wav");
const MAC: &str = "02:00:4F:59:00:01";

/// A Debian with both packages; the service is configured by its examples, on free ports of loopback.
fn installed(folder: &Path) -> Debian {
    let debian = Debian::make(folder.join("debian"));
    let own = Path::new(env!("CARGO_BIN_EXE_oyez"));
    let endpoint = build_program("oyez-endpoint", own);
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, program) in [("oyez", own), ("oyez-endpoint", endpoint.as_path())] {
        let package = debian_package(name, &crates.join(name), program, folder);
        debian.install(&package);
    }
    for file in ["service.toml", "zone.toml"] {
        let example = debian.path("usr/share/doc/oyez/examples").join(file);
        let text = fs::read_to_string(example).unwrap();
        let text = ["0.0.0.0:8443", "0.0.0.0:8444", "0.0.0.0:5061"]
            .iter()
            .fold(text, |text, port| text.replace(port, "127.0.0.1:0"))
            .replace("oyez.example.com", "127.0.0.1");
        fs::write(debian.path("etc/oyez").join(file), text).unwrap();
    }
    // systemd makes it.
    debian.inside(&[
        "install",
        "-d",
        "-m",
        "0750",
        "-o",
        "oyez",
        "-g",
        "oyez",
        "/run/oyez",
    ]);
    // Nobody has mounted what names the machine's interfaces.
    let interface = debian.path("sys/class/net/eth0");
    fs::create_dir_all(&interface).unwrap();
    fs::write(interface.join("address"), MAC.to_lowercase()).unwrap();
    debian
}

/// Gives the service an endpoint and a phone while it does not run.
async fn furnish(debian: &Debian) {
    let state = debian.path("var/lib/oyez");
    fill(&state, MAC.parse::<MacAddress>().unwrap()).await;
    let (user, group) = (debian.id("-u", "oyez"), debian.id("-g", "oyez"));
    for entry in fs::read_dir(state).unwrap() {
        chown(entry.unwrap().path(), Some(user), Some(group)).unwrap();
    }
}

/// Enrols the endpoint, and starts it with what docs/service.md says to write.
fn start_endpoint(debian: &Debian, provisioning: &str) -> Program {
    let authority = "/etc/oyez-endpoint/authority.pem";
    let copy = debian.path(authority.trim_start_matches('/'));
    fs::copy(debian.path("var/lib/oyez/authority/authority.pem"), &copy).unwrap();
    debian.inside(&["chown", "root:oyez-endpoint", authority]);
    debian.inside(&["chmod", "0640", authority]);
    let enrol = [
        "/usr/bin/oyez-endpoint",
        "enrol",
        provisioning,
        "--ca",
        authority,
        "--state",
        "/var/lib/oyez-endpoint",
    ];
    let mut enrolling = Program::start(&mut debian.command("oyez-endpoint", &enrol));
    enrolling.write_line(CODE);
    enrolling.wait_for(&["has its certificate"], PATIENCE);
    fs::write(
        debian.path("etc/oyez-endpoint/endpoint.conf"),
        format!(
            "prov.use = 1\nprov.server.method = static\nprov.server.static = {provisioning}\noyez.prov.ca = {authority}\n\
             oyez.tls.ca = {authority}\noyez.sink = wav:/var/lib/oyez-endpoint/recordings\n"
        ),
    )
    .unwrap();
    debian.start(ENDPOINT_UNIT, &["--web", "off"])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_and_a_service_of_the_packages_find_each_other_and_a_page_is_heard() {
    if !available(DEBIAN_PROGRAMS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    if chown(folder.path(), Some(0), Some(0)).is_err() {
        skip("a Debian in a folder is made by root");
        return;
    }
    let debian = installed(folder.path());
    let (user, group) = (debian.id("-u", "oyez"), debian.id("-g", "oyez"));
    assert_eq!(debian.rights("var/lib/oyez"), (user, group, 0o700));
    assert_eq!(debian.rights("etc/oyez"), (0, group, 0o750));
    let wanted = "etc/systemd/system/multi-user.target.wants/oyez.service";
    assert!(debian.path(wanted).is_symlink(), "it starts with the machine");

    let mut first = debian.start(UNIT, &[]);
    first.wait_for(&["sign in once"], PATIENCE);
    drop(first);
    furnish(&debian).await;
    let mut service = debian.start(UNIT, &[]);
    let zone = service.told("listening on ", PATIENCE);
    let provisioning = service.told("provisioning at ", PATIENCE);
    let mut endpoint = start_endpoint(&debian, &provisioning);
    endpoint.wait_for(&["Successful"], PATIENCE);

    fs::write(debian.path("tmp/page.wav"), PAGE).unwrap();
    let page = [
        "/usr/bin/oyez",
        "page",
        "701",
        "/tmp/page.wav",
        "--user",
        "line2@pbx.example.com",
        "--server",
        &zone,
        "--ca",
        "/var/lib/oyez/authority/authority.pem",
        "--control",
        "/run/oyez/zone.sock",
    ];
    let said = done(debian.command("oyez", &page).env("OYEZ_PASSWORD", PASSWORD));
    assert!(said.contains("heard by 1 of 1"), "{said}");

    drop((endpoint, service));
    debian.inside(&["dpkg", "--remove", "oyez"]);
    assert!(
        debian.path("var/lib/oyez/service.db").exists(),
        "the accounts stay"
    );
    debian.inside(&["dpkg", "--purge", "oyez"]);
    assert!(!debian.path("var/lib/oyez").exists());
    assert!(
        debian.path("etc/oyez/service.toml").exists(),
        "what an administrator wrote stays"
    );
}

#[test]
fn the_unit_is_sound_and_gives_the_program_no_more_than_it_needs() {
    if !available(&["systemd-analyze"]) {
        return;
    }
    assert_unit_is_tight("oyez", UNIT, Path::new(env!("CARGO_BIN_EXE_oyez")), EXPOSURE_MAX);
}
