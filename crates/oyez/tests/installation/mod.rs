//! A running service with what an administrator has besides: a device of the seed with its web pages, and a phone to speak from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use model::inventory::{ClaimCode, MacAddress, Timestamp};
use model::status::{DeviceEvent, ZoneEvent};
use net::control::{EventLines, subscribe};
use peers::{Browser, Program, build_program};
use portal::provisioning::claim_code_hash;
use serde::de::DeserializeOwned;
use store::Store;
use tokio::time::timeout;

use crate::service_files::{PATIENCE, service, told, written};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/page.wav");
const CODE: &str = "K7QF-2XMB";
/// The password of the device's own pages.
const DEVICE_PASSWORD: &str = "a password of the device";

/// A service with a zone in its process.
pub(crate) struct Installation {
    _program: Program,
    folder: tempfile::TempDir,
    zone: String,
    pub(crate) provisioning: String,
    pub(crate) first_sign_in: String,
}

/// Who speaks: what the portal shows of a generic device.
pub(crate) struct Talker {
    user: String,
    authorization_id: String,
    password: String,
}

impl Installation {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = written(folder.path());
        let mut program = Program::start(service(&file).env("OYEZ_LOG", "info"));
        Self {
            zone: told(&mut program, "listening on "),
            provisioning: told(&mut program, "provisioning at "),
            first_sign_in: told(&mut program, "sign in once as the owner: "),
            _program: program,
            folder,
        }
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("state/authority/authority.pem")
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("zone.sock")
    }

    /// What happens in the zone from here on.
    pub(crate) async fn zone_events(&self) -> Events<ZoneEvent> {
        Events::of(&self.control()).await
    }

    /// Reads the credentials that the portal shows.
    pub(crate) fn talker(portal: &Browser) -> Talker {
        let script = "const facts = {};
            for (const term of document.querySelectorAll('dt')) facts[term.innerText] = term.nextElementSibling.innerText;
            return facts";
        let facts = portal.run(script, &serde_json::json!([]));
        let fact = |name: &str| facts.get(name).unwrap().as_str().unwrap().to_owned();
        Talker {
            user: format!("{}@{}", fact("User Name"), fact("SIP Domain")),
            authorization_id: fact("Authorization ID"),
            password: fact("Password"),
        }
    }

    /// Calls an extension and speaks.
    pub(crate) fn page(&self, talker: &Talker, extension: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
        command
            .args(["page", extension, PAGE, "--json", "--user", &talker.user])
            .args(["--authorization-id", &talker.authorization_id])
            .args(["--server", &self.zone, "--ca"])
            .arg(self.authority())
            .arg("--control")
            .arg(self.control())
            .env("OYEZ_PASSWORD", &talker.password);
        command
    }
}

/// A device of the seed with its web pages, whose certificate was installed before it came here.
pub(crate) struct Hardware {
    _program: Program,
    state: PathBuf,
    address: String,
    pages: Browser,
}

impl Hardware {
    /// Switches the device of `mac` on.
    pub(crate) async fn start(installation: &Installation, mac: MacAddress) -> Self {
        let folder = installation.folder.path();
        let state = folder.join("device");
        let program = build_program("oyez-endpoint", Path::new(env!("CARGO_BIN_EXE_oyez")));
        install_certificate(installation, &program, &state, mac).await;
        let configuration = folder.join("device.conf");
        let recordings = folder.join("recordings");
        fs::write(
            &configuration,
            format!("oyez.sink = wav:{}\n", recordings.display()),
        )
        .unwrap();
        let mut program = Program::start(
            Command::new(&program)
                .args(["run", "--web", "127.0.0.1:0", "--config"])
                .arg(&configuration)
                .arg("--state")
                .arg(&state),
        );
        let address = told(&mut program, "web pages: ");
        let code = told(&mut program, "claim code: ");
        let pages = Browser::start();
        pages.open(&address);
        pages.fill("#code", &code);
        pages.fill("#password", DEVICE_PASSWORD);
        pages.fill("#again", DEVICE_PASSWORD);
        pages.send("form button");
        Self {
            _program: program,
            state,
            address,
            pages,
        }
    }

    fn open(&self, path: &str) {
        self.pages
            .open(&format!("{}{path}", self.address.trim_end_matches('/')));
    }

    /// What happens at the device from here on.
    pub(crate) async fn events(&self) -> Events<DeviceEvent> {
        Events::of(&self.state.join("control.sock")).await
    }

    /// Advanced Settings → Provisioning, as the portal's steps have it; the authority of the service is trusted for the calls too.
    pub(crate) fn provision(&self, server: &str, authority: &Path) {
        let authority = authority.to_str().unwrap();
        self.open("/settings/advanced-sip");
        self.pages.fill("[name=\"oyez.tls.ca\"]", authority);
        self.pages.send(".actions button");
        self.open("/settings/provisioning");
        self.pages.fill("[name=\"oyez.prov.ca\"]", authority);
        self.pages.fill("[name=\"prov.server.static\"]", server);
        self.pages.send(".actions button");
        self.pages.wait_for_text(".done", "Saved");
    }

    /// Waits until its Status page shows a registration.
    pub(crate) fn shows(&self, status: &str) {
        self.open("/status");
        self.pages.wait_for_text("tbody tr:nth-child(1) .state", status);
    }
}

/// What a factory does.
async fn install_certificate(installation: &Installation, program: &Path, state: &Path, mac: MacAddress) {
    let store = Store::open(&installation.folder.path().join("state"))
        .await
        .unwrap();
    let mut writing = store.write().await.unwrap();
    let (account, device) = writing.device_of_mac(mac).await.unwrap().unwrap();
    let claim = ClaimCode {
        code: claim_code_hash(CODE),
        device: device.id,
        expires_at: Timestamp(u64::from(u32::MAX) * 1_000),
        used_by: None,
    };
    writing.account(&account).add_claim_code(&claim).await.unwrap();
    writing.commit().await.unwrap();
    let mut enrolling = Program::start(
        Command::new(program)
            .args(["enrol", &installation.provisioning, "--ca"])
            .arg(installation.authority())
            .arg("--state")
            .arg(state),
    );
    enrolling.write_line(CODE);
    enrolling.wait_for(&["has its certificate"], PATIENCE);
}

/// What a program tells at its control socket.
pub(crate) struct Events<E> {
    lines: EventLines,
    kind: std::marker::PhantomData<E>,
}

impl<E: DeserializeOwned> Events<E> {
    async fn of(socket: &Path) -> Self {
        Self {
            lines: subscribe(socket).await.unwrap(),
            kind: std::marker::PhantomData,
        }
    }

    /// Waits for an event.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&E) -> bool) -> E {
        let waiting = async {
            loop {
                let line = self.lines.next().await.unwrap().unwrap();
                if let Some(event) = serde_json::from_str(&line).ok().filter(&is_it) {
                    return event;
                }
            }
        };
        timeout(PATIENCE, waiting).await.unwrap()
    }
}
