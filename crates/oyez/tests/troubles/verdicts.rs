//! What the tries of a device to fetch its configuration say: each verdict, and the evidence beside it.

use std::fs;
use std::path::Path;
use std::process::Command;

use model::inventory::MacAddress;
use peers::{BROWSER_PROGRAMS, Program, available, build_program};
use portal::check::Verdict;

use crate::service_files::PATIENCE;
use crate::site::{Signed, Site};

const ALGO: (&str, &str) = ("Algo", "Algo SIP-based device (algo-sip-based-device)");
const OYEZ: (&str, &str) = ("Oyez", "Oyez IP Endpoint (oyez)");
const GENERIC: (&str, &str) = ("Other (generic device)", "None: a generic device");

/// What a model of hardware that works says of itself.
const SPEAKER: &str = "Algo 8301/5.5";

fn mac(number: u8) -> MacAddress {
    MacAddress::new([0, 0x22, 0xEE, 0, 0, number])
}

/// A device of the site: where it asks from is where its number says.
struct Device<'s> {
    site: &'s Site,
    number: u8,
}

impl Device<'_> {
    fn file(&self) -> String {
        format!("algom{}.conf", mac(self.number).compact())
    }

    /// Asks for a file with a certificate, as a device that calls itself `agent`; gives what came.
    fn asks_for(&self, file: &str, certificate: &Path, agent: &str) -> String {
        let mut command = self.site.asking(self.number, file);
        command
            .arg("--cert")
            .arg(certificate)
            .args(["--user-agent", agent]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    fn fetches(&self, signed: Signed, agent: &str) -> String {
        let certificate = self.site.certificate(mac(self.number), signed);
        self.asks_for(&self.file(), &certificate, agent)
    }

    /// Asks without a certificate, with these arguments besides.
    fn tries(&self, more: &[&str]) {
        let _answered_or_not = self
            .site
            .asking(self.number, &self.file())
            .args(more)
            .output()
            .unwrap();
    }
}

#[test]
fn each_verdict_on_certificates_and_files_is_reached_and_told_with_its_evidence() {
    if !available(BROWSER_PROGRAMS) || !available(&["curl"]) {
        return;
    }
    let site = Site::start();
    let device = |number| Device { site: &site, number };
    let add = |number, name: &str, kind| site.add_device(name, mac(number), kind, "");

    // Before anybody has come: a handshake that fails is nobody's in particular.
    add(1, "Never came", ALGO);
    site.checks("Never came", Verdict::NeverSeen, "");

    add(2, "Without certificate", ALGO);
    device(2).tries(&[]);
    site.checks(
        "Without certificate",
        Verdict::NoCertificate,
        "the device showed no certificate",
    );
    add(3, "Of a stranger", ALGO);
    device(3).fetches(Signed::Stranger, SPEAKER);
    site.checks("Of a stranger", Verdict::Untrusted, "algom0022EE000003.conf");
    add(4, "Expired", ALGO);
    device(4).fetches(Signed::MakerLongAgo, SPEAKER);
    site.checks("Expired", Verdict::Expired, "");
    add(5, "Mistyped", ALGO);
    let others = site.certificate(mac(0x50), Signed::Maker);
    device(5).asks_for(&device(5).file(), &others, SPEAKER);
    site.checks(
        "Mistyped",
        Verdict::OtherDevice,
        "the certificate is for 00:22:EE:00:00:50",
    );
    device(6).fetches(Signed::Maker, SPEAKER);
    add(6, "Added later", ALGO);
    site.checks("Added later", Verdict::Unknown, "127.0.0.6");
    add(7, "Old firmware", ALGO);
    device(7).fetches(Signed::Maker, "Algo 8301/3.2.2");
    site.checks("Old firmware", Verdict::FirmwareTooOld, "3.2.2");
    add(8, "Without SRTP", ALGO);
    device(8).fetches(Signed::Maker, "Algo 8061/5.5");
    site.checks("Without SRTP", Verdict::ModelCannot, "8061");
    add(9, "Lost", ALGO);
    let own = site.certificate(mac(9), Signed::Maker);
    device(9).asks_for("firmware.bin", &own, SPEAKER);
    site.checks("Lost", Verdict::UnknownFile, "firmware.bin");
    add(10, "By hand", GENERIC);
    device(10).fetches(Signed::Maker, SPEAKER);
    site.checks("By hand", Verdict::NotProvisioned, "127.0.0.10");
    add(11, "Idle", ALGO);
    device(11).fetches(Signed::Maker, SPEAKER);
    site.checks("Idle", Verdict::NoExtension, "Configuration sent");
    handshakes(&site);
    taken_back(&site);
}

/// Connections that end before anything is asked for count for the device that is known by its address.
fn handshakes(site: &Site) {
    let add = |number, name: &str| {
        site.add_device(name, mac(number), ALGO, "");
        let device = Device { site, number };
        device.tries(&[]);
        device
    };
    add(20, "Old TLS").tries(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]);
    site.checks(
        "Old TLS",
        Verdict::TlsTooOld,
        "it offers nothing later than TLS 1.1",
    );
    let other = site.folder().join("maker.pem");
    let other = other.to_str().unwrap();
    let untrusting = add(21, "Untrusting");
    let mut asking = Command::new("curl");
    let address = format!(
        "{}/{}",
        site.provisioning.trim_end_matches('/'),
        untrusting.file()
    );
    asking
        .args(["--silent", "--interface", "127.0.0.21", "--cacert", other])
        .arg(&address);
    assert!(!asking.output().unwrap().status.success());
    site.checks(
        "Untrusting",
        Verdict::ServerUntrusted,
        "at the certificate of this server",
    );
    add(22, "In the clear");
    let mut asking = Command::new("curl");
    asking
        .args(["--silent", "--interface", "127.0.0.22"])
        .arg(address.replace("https:", "http:"));
    asking.output().unwrap();
    site.checks("In the clear", Verdict::HandshakeFailed, "it does not speak TLS");
}

/// An endpoint whose certificates an administrator has taken back.
fn taken_back(site: &Site) {
    site.add_device("Stolen", mac(30), OYEZ, "");
    site.portal.press("Provision");
    site.portal.press("Make a claim code");
    let code = site.portal.run(
        "return document.querySelector('.code, code').innerText",
        &serde_json::json!([]),
    );
    let program = build_program("oyez-endpoint", Path::new(env!("CARGO_BIN_EXE_oyez")));
    let state = site.folder().join("stolen");
    let mut enrolling = Program::start(
        Command::new(program)
            .args(["enrol", &site.provisioning, "--mac", &mac(30).to_string(), "--ca"])
            .arg(site.authority())
            .arg("--state")
            .arg(&state),
    );
    enrolling.write_line(code.as_str().unwrap());
    enrolling.wait_for(&["has its certificate"], PATIENCE);
    site.open_device("Stolen");
    site.portal.press("Provision");
    site.portal.press("Take its certificates back");
    site.portal.press("Take its certificates back");
    let both = site.folder().join("stolen.pem");
    let folder = state.join("certificate");
    let text = ["device.pem", "device.key"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    fs::write(&both, text.concat()).unwrap();
    let device = Device { site, number: 30 };
    device.asks_for(&device.file(), &both, "Oyez-Endpoint/0.1");
    site.checks("Stolen", Verdict::Revoked, "127.0.0.30");
}
