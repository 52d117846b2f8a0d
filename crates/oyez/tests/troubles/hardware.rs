//! A device with web pages of its own, set up in them as an administrator does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use peers::{Browser, Program, build_program};

use crate::service_files::{PATIENCE, told};
use crate::site::Site;

const PASSWORD: &str = "a password of the device";

/// A device that is switched on.
pub(crate) struct Hardware {
    _running: Program,
    program: PathBuf,
    state: PathBuf,
    address: String,
    pub(crate) pages: Browser,
}

/// What is put into a field.
pub(crate) enum Entry<'a> {
    Text(&'a str),
    Choice(&'a str),
}

impl Hardware {
    /// Switches on a device that has nothing yet, and claims its web pages.
    pub(crate) fn start(site: &Site) -> Self {
        let state = site.folder().join("device");
        let program = build_program("oyez-endpoint", Path::new(env!("CARGO_BIN_EXE_oyez")));
        let configuration = site.folder().join("device.conf");
        let recordings = site.folder().join("recordings");
        fs::write(
            &configuration,
            format!("oyez.sink = wav:{}\n", recordings.display()),
        )
        .unwrap();
        let mut running = Program::start(
            Command::new(&program)
                .args(["run", "--web", "127.0.0.1:0", "--config"])
                .arg(&configuration)
                .arg("--state")
                .arg(&state),
        );
        let address = told(&mut running, "web pages: ");
        let code = told(&mut running, "claim code: ");
        let pages = Browser::start();
        pages.open(&address);
        pages.fill("#code", &code);
        pages.fill("#password", PASSWORD);
        pages.fill("#again", PASSWORD);
        pages.send("form button");
        Self {
            _running: running,
            program,
            state,
            address,
            pages,
        }
    }

    /// What its factory does.
    pub(crate) fn install_certificate(&self, site: &Site, code: &str) {
        let mut enrolling = Program::start(
            Command::new(&self.program)
                .args(["enrol", &site.provisioning, "--ca"])
                .arg(site.authority())
                .arg("--state")
                .arg(&self.state),
        );
        enrolling.write_line(code);
        enrolling.wait_for(&["has its certificate"], PATIENCE);
    }

    pub(crate) fn open(&self, path: &str) {
        self.pages
            .open(&format!("{}{path}", self.address.trim_end_matches('/')));
    }

    /// Sets fields of a page by their keys, and saves.
    pub(crate) fn set(&self, path: &str, fields: &[(&str, Entry<'_>)]) {
        self.open(path);
        for (key, entry) in fields {
            let selector = format!("[name=\"{key}\"]");
            match entry {
                Entry::Text(value) => self.pages.fill(&selector, value),
                Entry::Choice(label) => self.pages.choose(&selector, label),
            }
        }
        self.pages.send(".actions button");
        self.pages.wait_for_text(".done", "Saved");
    }

    /// Waits until its Status page shows a registration with these words of its cause; `oyez-endpoint status` says the same.
    pub(crate) fn shows(&self, status: &str, cause: &str) {
        self.open("/status");
        self.pages.wait_for_text("tbody tr:nth-child(1) .state", status);
        self.pages.wait_for_text("tbody tr:nth-child(1)", cause);
        let name = format!("device-{status}-{cause}");
        let name: String = name
            .chars()
            .map(|one| if one.is_alphanumeric() { one } else { '-' })
            .collect();
        self.pages.pictures(&name.to_lowercase());
    }
}
