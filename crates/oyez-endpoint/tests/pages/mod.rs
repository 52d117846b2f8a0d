//! An endpoint with its web pages, and a browser that looks at them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use device::Appliance;
use device::appliance::Plan;
use device_web::{Access, LogBook, Web, WebSetup};
use endpoint::profile::Identity;
use model::config::Document;
use net::authority::{Authority, Purpose, Subject};
use net::resolver::Resolver;
use net::tls::{ClientCertificates, Identity as TlsIdentity, MinimumVersion, ServerTls};
use peers::Browser;
use tokio::runtime::Runtime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cloud::LOOPBACK;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An endpoint with its pages, and somebody who looks at them.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) appliance: Appliance,
    web: Web,
    pub(crate) claim_code: String,
    pub(crate) browser: Browser,
    pub(crate) state: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn start(resolver: Resolver) -> Self {
        Self::start_with(resolver, "")
    }

    /// With a configuration file under what is set at the pages.
    pub(crate) fn start_with(resolver: Resolver, configuration: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let given = state.path().join("given.conf");
        let document = Document::parse(configuration).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (appliance, web, claim_code) = runtime.block_on(async {
            let identity = Identity {
                device: "lobby".parse().unwrap(),
                user_agent: "Oyez-Endpoint/test".to_owned(),
                instance: None,
            };
            let plan = Plan::new(state.path(), Some((document, given)))
                .unwrap()
                .without_outputs()
                .with_resolver(resolver);
            let appliance = plan.start(identity, SocketAddr::new(LOOPBACK, 0)).await.unwrap();
            let access = Access::open(state.path()).unwrap();
            let claim_code = access.claim_code().unwrap();
            let web = Web::start(WebSetup {
                appliance: appliance.clone(),
                access,
                log_book: log_book(),
                listen: SocketAddr::new(LOOPBACK, 0),
                tls: server_tls(state.path()),
            });
            (appliance, web.await.unwrap(), claim_code)
        });
        Self {
            runtime,
            appliance,
            web,
            claim_code,
            browser: Browser::start(),
            state,
        }
    }

    fn address(&self, path: &str) -> String {
        format!("https://{}{path}", self.web.address())
    }

    pub(crate) fn open(&self, path: &str) {
        self.browser.open(&self.address(path));
    }

    pub(crate) fn claim(&self) {
        self.open("/");
        self.browser.fill("#code", &self.claim_code);
        self.browser.fill("#password", PASSWORD);
        self.browser.fill("#again", PASSWORD);
        self.browser.click("form button");
        self.browser.wait_for_text("h1", "Device Status");
    }

    /// Clicks what sends a form, and waits for the page that comes of it: going elsewhere before would take the form back.
    pub(crate) fn send(&self, selector: &str) {
        self.browser.send(selector);
    }

    /// Opens a page, sets fields by their keys, saves, and reads them back after a reload.
    pub(crate) fn set(&self, path: &str, fields: &[(&str, Entry<'_>)]) {
        self.open(path);
        for (key, entry) in fields {
            let selector = field(key);
            self.browser.run(
                "document.querySelector(arguments[0]).closest('details.group')?.setAttribute('open', '')",
                &serde_json::json!([selector]),
            );
            match entry {
                Entry::Text(value) | Entry::Secret(value) => self.browser.fill(&selector, value),
                Entry::Choice(label) => self.browser.choose(&selector, label),
            }
        }
        self.browser.click(".actions button");
        self.browser.wait_for_text(".done", "Saved");
        self.open(path);
        for (key, entry) in fields {
            let expected = match entry {
                Entry::Text(value) | Entry::Choice(value) => value,
                Entry::Secret(_) => "********",
            };
            assert_eq!(self.browser.value(&field(key)), *expected, "{key}");
        }
    }

    /// Waits until the first slot shows a status with these words of its cause.
    pub(crate) fn shows(&self, status: &str, cause: &str) {
        self.open("/status");
        self.browser.wait_for_text("tbody tr:nth-child(1) .state", status);
        self.browser.wait_for_text("tbody tr:nth-child(1)", cause);
        self.browser.wait_for_text("tbody tr:nth-child(1)", cause);
    }

    /// Sees that the page which is open is as wide as a phone and no wider.
    pub(crate) fn assert_fits_a_phone(&self) {
        self.browser.assert_fits_a_phone();
    }

    /// Takes pictures of a page, as wide and narrow screens show it, light and dark.
    pub(crate) fn picture(&self, name: &str) {
        self.browser.pictures(name);
    }

    pub(crate) fn end(self) {
        let Self {
            runtime,
            appliance,
            web,
            browser,
            ..
        } = self;
        drop((browser, web));
        runtime.block_on(appliance.stop());
    }
}

/// What is put into a field.
pub(crate) enum Entry<'a> {
    Text(&'a str),
    Choice(&'a str),
    Secret(&'a str),
}

/// The log of all tests of this program.
pub(crate) fn log_book() -> LogBook {
    static BOOK: OnceLock<LogBook> = OnceLock::new();
    let begin = || {
        let book = LogBook::default();
        tracing_subscriber::registry().with(book.clone()).init();
        book
    };
    BOOK.get_or_init(begin).clone()
}

pub(crate) fn field(key: &str) -> String {
    format!("[name=\"{key}\"]")
}

fn server_tls(state: &Path) -> ServerTls {
    let now = SystemTime::now();
    let authority = Authority::generate("test", now).unwrap();
    let issued = authority
        .issue(&[Subject::Address(LOOPBACK)], Purpose::Server, now)
        .unwrap();
    let (certificate, key) = (state.join("web.pem"), state.join("web.key"));
    fs::write(&certificate, &issued.certificate_pem).unwrap();
    fs::write(&key, issued.key_pem.as_bytes()).unwrap();
    let identity = TlsIdentity::from_files(&certificate, &key).unwrap();
    ServerTls::new(&identity, MinimumVersion::Tls12, ClientCertificates::NotAsked).unwrap()
}
