//! What every page and call of the site has at hand, and which of them there are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use device::Appliance;
use endpoint::tones::BuiltinTone;
use tokio::sync::Semaphore;
use web::{bound, harden};

use crate::access::Access;
use crate::api::Gate;
use crate::log_book::LogBook;
use crate::pages::LISTENERS_MAX;
use crate::{api, pages};

/// Bytes of a form or of a request to the API; uploads have a limit of their own.
const BODY_LENGTH_MAX: usize = 512 * 1024;

/// The site's state. Clones are the same site.
#[derive(Clone)]
pub(crate) struct Site(Arc<Shared>);

struct Shared {
    appliance: Appliance,
    access: Access,
    log_book: LogBook,
    listeners: Arc<Semaphore>,
    gate: Mutex<Gate>,
    started_at: u64,
}

impl Site {
    pub(crate) fn new(appliance: Appliance, access: Access, log_book: LogBook) -> Self {
        Self(Arc::new(Shared {
            appliance,
            access,
            log_book,
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            gate: Mutex::default(),
            started_at: device::unix_time(),
        }))
    }

    /// The endpoint.
    pub(crate) fn appliance(&self) -> &Appliance {
        &self.0.appliance
    }

    /// Who may come in.
    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// Who may use the API.
    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the site was made, in seconds since 1970.
    pub(crate) fn started_at(&self) -> u64 {
        self.0.started_at
    }

    /// Places of those who listen in the browser.
    pub(crate) fn listeners(&self) -> &Arc<Semaphore> {
        &self.0.listeners
    }

    /// What the program has logged.
    pub(crate) fn log_book(&self) -> &LogBook {
        &self.0.log_book
    }

    /// The hardware address that names the device.
    pub(crate) fn mac(&self) -> &str {
        self.0.appliance.mac()
    }

    /// What the device is called on its pages: its display name, else its extension, else its hardware address.
    pub(crate) fn name(&self) -> String {
        let settings = self.appliance().settings();
        ["sip.u1.dname", "sip.u1.user"]
            .into_iter()
            .map(|key| settings.value(key))
            .find(|value| !value.is_empty())
            .map_or_else(|| self.mac().to_owned(), str::to_owned)
    }

    /// The names of the sound files that a configuration may name: those of the folder, and those that built-in signals stand for.
    pub(crate) async fn tone_names(&self) -> Vec<String> {
        let files = self.appliance().tone_files().await;
        let mut names: Vec<String> = files.into_iter().map(|file| file.name).collect();
        names.extend(BuiltinTone::ALL.map(|tone| tone.name().to_owned()));
        names.sort();
        names.dedup();
        names
    }

    /// What the device is, by the labels of the hardware.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Product Name", "Oyez IP Endpoint".to_owned()),
            ("Firmware Version", env!("CARGO_PKG_VERSION").to_owned()),
            ("MAC Address", self.mac().to_owned()),
            (
                "Hardware Info",
                format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            ),
            ("Device", self.appliance().identity().device.to_string()),
        ]
    }
}

/// All pages and calls.
pub(crate) fn router(site: Site) -> Router {
    Router::new()
        .merge(pages::router())
        .merge(api::router(&site))
        .layer(DefaultBodyLimit::max(BODY_LENGTH_MAX))
        .layer(from_fn(bound))
        .layer(from_fn(harden))
        .with_state(site)
}
