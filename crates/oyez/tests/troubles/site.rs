//! A service with a portal that somebody has signed in to, and whatever comes to its provisioning server.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime};

use model::inventory::MacAddress;
use net::authority::{Authority, Purpose, Subject};
use peers::{Browser, Program};
use portal::check::{CheckReport, Verdict};

use crate::service_files::{PATIENCE, service, told, written};

const PASSWORD: &str = "correct horse battery";
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
/// How long certificates of devices are good, and more.
const LONG_AGO: Duration = Duration::from_secs(3 * 365 * 24 * 60 * 60);

/// A service with a zone that listens in the clear too, and takes no calls there.
pub(crate) struct Site {
    _program: Program,
    folder: tempfile::TempDir,
    pub(crate) tls: SocketAddr,
    pub(crate) tcp: SocketAddr,
    pub(crate) provisioning: String,
    pub(crate) portal: Browser,
    maker: Authority,
}

/// Who has signed a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signed {
    /// A manufacturer that the service knows.
    Maker,
    /// The same, years ago.
    MakerLongAgo,
    /// Somebody.
    Stranger,
}

/// What the portal shows of a device that is set up by hand, under the names that it has there.
pub(crate) struct Credentials(Vec<(String, String)>);

impl Credentials {
    pub(crate) fn of(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(term, _)| term == name);
        &found.unwrap().1
    }
}

impl Site {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let maker = Authority::generate("Maker Root", SystemTime::now() - LONG_AGO).unwrap();
        fs::write(folder.path().join("maker.pem"), maker.certificate_pem()).unwrap();
        let file = written(folder.path());
        let text = fs::read_to_string(&file).unwrap();
        let manufacturer =
            "\n[[provisioning.manufacturer]]\nname = \"Maker\"\nca = \"maker.pem\"\nmac-in = \"cn\"\n";
        fs::write(&file, text + manufacturer).unwrap();
        let zone = folder.path().join("zone.toml");
        let text = fs::read_to_string(&zone).unwrap();
        fs::write(
            &zone,
            text.replace("[listen]", "[listen]\ntcp = [\"127.0.0.1:0\"]"),
        )
        .unwrap();
        let mut program = Program::start(service(&file).env("OYEZ_LOG", "info"));
        let listening = [
            told(&mut program, "listening on "),
            told(&mut program, "listening on "),
        ];
        let by = |program: &Program, token: &str| {
            let said = program.said();
            let is_it = |address: &&String| said.contains(&format!("listening on {address} ({token})"));
            listening.iter().find(is_it).unwrap().parse().unwrap()
        };
        let provisioning = told(&mut program, "provisioning at ");
        let first = told(&mut program, "sign in once as the owner: ");
        let (tls, tcp) = (by(&program, "TLS"), by(&program, "TCP"));
        let portal = Browser::start();
        portal.open(&first);
        portal.fill_in("New password, at least 8 characters", PASSWORD);
        portal.fill_in("The same password again", PASSWORD);
        portal.press("Sign in");
        Self {
            _program: program,
            folder,
            tls,
            tcp,
            provisioning,
            portal,
            maker,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder().join("state/authority/authority.pem")
    }

    /// Adds a common area.
    pub(crate) fn add_common_area(&self, name: &str, extension: &str) {
        self.portal.press("Users & Rooms");
        self.portal.press("Common Area Phones");
        self.portal.press("Add");
        self.portal.fill_in("Display Name", name);
        self.portal.fill_in("Extension Number", extension);
        self.portal.fill_in("Country/Region", "CA");
        self.portal.fill_in("Time Zone", "America/Vancouver");
        self.portal.press("Save");
        self.portal.wait_for_text("main", extension);
    }

    /// Adds a device, whose own page is shown then.
    pub(crate) fn add_device(
        &self,
        name: &str,
        mac: MacAddress,
        (kind, model): (&str, &str),
        assigned: &str,
    ) {
        self.portal.press("Phones & Devices");
        self.portal.press("Add");
        self.portal.fill_in("Display Name", name);
        self.portal.fill_in("MAC Address", &mac.to_string());
        self.portal.fill_in("Device Type", kind);
        self.portal.fill_in("Model", model);
        if !assigned.is_empty() {
            self.portal.fill_in("Assigned To", assigned);
        }
        self.portal.press("Save");
        self.portal.wait_for_text("h1", name);
    }

    /// Gives the device whose page is shown another extension, in a page slot.
    pub(crate) fn assign(&self, holder: &str, port: &str) {
        self.portal.press("Extension Assignment");
        self.portal.press("Add");
        self.portal.fill_in(holder, "");
        self.portal.press("Next");
        self.portal.fill(".field:nth-of-type(2) input", port);
        self.portal.press("Save");
        self.portal.press("Device");
    }

    /// Opens the page of a device.
    pub(crate) fn open_device(&self, name: &str) {
        self.portal.press("Phones & Devices");
        for tab in ["Assigned", "Unassigned"] {
            self.portal.press(tab);
            if self.portal.page_text().contains(name) {
                break;
            }
        }
        self.portal.press(name);
    }

    /// Opens Check of a device, and again until its verdict and its evidence are these; `oyez check` says the same, in words and as JSON.
    pub(crate) fn checks(&self, name: &str, verdict: Verdict, evidence: &str) -> CheckReport {
        self.open_device(name);
        self.portal.press("Check");
        let end = Instant::now() + PATIENCE;
        let page = loop {
            let page = self.portal.page_text();
            if page.contains(&format!("{}\n", verdict.title())) && page.contains(evidence) {
                break page;
            }
            assert!(
                Instant::now() < end,
                "{name} is not checked as {verdict:?} with {evidence}: {page}"
            );
            self.portal.press("Check again");
        };
        self.portal.assert_fits_a_phone();
        self.portal
            .pictures(&format!("check-{}", name.replace(' ', "-").to_lowercase()));
        assert!(page.contains(verdict.advice()), "{page}");
        let json = self.check(name, &["--json"]);
        let is_registered = verdict == Verdict::Registered;
        assert_eq!(json.status.success(), is_registered, "{name}");
        let report: CheckReport = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(report.verdict, verdict, "{name}");
        let text = String::from_utf8(self.check(name, &[]).stdout).unwrap();
        for words in [verdict.title(), verdict.advice(), evidence] {
            assert!(text.contains(words), "{words} in {text}");
        }
        report
    }

    fn check(&self, name: &str, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command
            .args(["check", name, "--state"])
            .arg(self.folder().join("state"))
            .args(more);
        command.output().unwrap()
    }

    /// A certificate for a device, and its key, in one file.
    pub(crate) fn certificate(&self, mac: MacAddress, signed: Signed) -> PathBuf {
        let now = SystemTime::now();
        let stranger = Authority::generate("Somebody", now).unwrap();
        let (by, at) = match signed {
            Signed::Maker => (&self.maker, now),
            Signed::MakerLongAgo => (&self.maker, now - LONG_AGO),
            Signed::Stranger => (&stranger, now),
        };
        let issued = by
            .issue(&[Subject::Name(mac.compact())], Purpose::Client, at)
            .unwrap();
        let file = self.folder().join(format!("{}-{signed:?}.pem", mac.compact()));
        fs::write(&file, format!("{}{}", issued.certificate_pem, *issued.key_pem)).unwrap();
        file
    }

    /// A request of the device at an address of loopback.
    pub(crate) fn asking(&self, from: u8, file: &str) -> Command {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--max-time", "60", "--interface"])
            .arg(format!("127.0.0.{from}"))
            .arg("--cacert")
            .arg(self.authority())
            .arg(format!("{}/{file}", self.provisioning.trim_end_matches('/')));
        command
    }

    /// Pages an extension as somebody whose credentials the portal shows.
    pub(crate) fn page(&self, credentials: &Credentials, extension: &str) -> Output {
        let user = format!("{}@{}", credentials.of("User Name"), credentials.of("SIP Domain"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command
            .args(["page", extension, PAGE, "--json", "--user", &user])
            .args(["--authorization-id", credentials.of("Authorization ID")])
            .args(["--server", &self.tls.to_string(), "--ca"])
            .arg(self.authority())
            .arg("--control")
            .arg(self.folder().join("zone.sock"))
            .env("OYEZ_PASSWORD", credentials.of("Password"));
        command.output().unwrap()
    }

    /// What the portal shows of a device that is set up by hand.
    pub(crate) fn credentials(&self, name: &str) -> Credentials {
        self.open_device(name);
        self.portal.press("Provision");
        self.portal.press("Show the credentials");
        let script = "return [...document.querySelectorAll('dt')].map(
            term => [term.innerText, term.nextElementSibling.innerText])";
        Credentials(serde_json::from_value(self.portal.run(script, &serde_json::json!([]))).unwrap())
    }
}
