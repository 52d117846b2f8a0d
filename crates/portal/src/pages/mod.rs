//! The portal's pages: signing in, and what an administrator does in the order of the navigation. They work without scripts.

mod administrator_factor;
mod administrators;
mod again;
mod alarms;
mod api_clients;
mod assets;
mod assignee;
mod audit;
mod authority;
mod bulk;
mod chance;
mod changed;
mod check;
mod claim_code;
mod configuration;
mod confirm;
mod countries;
mod credentials;
mod device;
mod device_certificate;
mod device_edit;
mod device_new;
mod device_password;
mod devices;
mod export;
mod extension_new;
mod extensions;
mod first;
mod form;
mod gate;
mod group;
mod group_edit;
mod group_members;
mod group_new;
mod groups;
mod holder_edit;
mod holder_new;
mod holders;
mod import;
mod invited;
mod layout;
mod line;
mod line_edit;
mod line_move;
mod list;
mod live;
mod next_step;
mod not_ready;
mod one_time;
mod optional_choice;
mod own_password;
mod password_choice;
mod pin_choice;
mod problem;
mod provision;
mod report_files;
mod report_names;
mod reports;
mod resync;
mod review;
mod routes;
mod second_factor;
mod session;
mod settings;
mod sign_in;
mod sign_in_code;
mod site_edit;
mod sites;
mod slots;
mod start;
mod talk;
mod template_edit;
mod templates;
#[cfg(test)]
mod tests;
mod tries;
mod way;
mod webhooks;
mod work;
mod zones;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use model::Secret;
use model::inventory::{AdministratorId, Timestamp, Uplink};
use net::authority::Authority;
use store::{Store, timestamp};
use tokio::sync::{Semaphore, mpsc, watch};
use web::{Throttle, bound, harden};

use registrations::Registrations;

pub use not_ready::NotReady;
pub use registrations::Resync;

use crate::alarm_queue::AlarmQueue;
use crate::alarms::GUESSED;
use crate::audit_check::Verdicts;
use crate::talk::TalkDesk;

/// How pages word what others tell as well.
pub(crate) mod wording {
    pub(crate) use super::layout::shown;
    pub(crate) use super::line::place_name;
    pub(crate) use super::slots::told_beside;
}

/// Octets of a form.
const FORM_LENGTH_MAX: usize = 256 * 1024;
/// Files that are read from browsers or written to them at once.
const FILES_MAX: usize = 4;

/// What the pages are made of.
pub struct PagesSetup {
    /// What is known.
    pub store: Arc<Store>,
    /// Who is registered.
    pub registrations: Arc<Registrations>,
    /// Where devices are sent to register.
    pub uplink: Uplink,
    /// Where devices fetch their configuration.
    pub provisioning_url: String,
    /// Where something can be spoken; none where no zone runs beside the portal.
    pub talk: Option<TalkDesk>,
    /// The token of the one-time link by which the first owner signs in and chooses a password; none once somebody has one.
    pub first_sign_in: Option<Secret>,
    /// The e-mail address of the owner whom that link is for, if there is one.
    pub owner: String,
    /// Where requests to have devices fetch their configuration go; none where no zone can ask them.
    pub resyncs: Option<mpsc::Sender<Resync>>,
    /// The service's own authority, whose certificate devices and browsers are to trust. It signs what is vouched for by hand.
    pub authority: Arc<Authority>,
}

/// Makes the site.
pub fn router(mut setup: PagesSetup) -> Router {
    sign_in::prepare();
    let first_sign_in = Mutex::new(setup.first_sign_in.take());
    let site = Site(Arc::new(Shared {
        alarms: AlarmQueue::new(&setup.store, "portal", GUESSED),
        setup,
        first_sign_in,
        throttle: Mutex::default(),
        guesses: Mutex::default(),
        hashing: Mutex::default(),
        talkers: Arc::new(Semaphore::new(talk::TALKERS_MAX)),
        files: Arc::new(Semaphore::new(FILES_MAX)),
        imports: import::Imports::default(),
        works: work::Works::default(),
        verdicts: Verdicts::default(),
    }));
    let gated = routes::routes().into_iter().fold(Router::new(), |gated, route| {
        let gate = gate::Gate {
            site: site.clone(),
            least: route.least,
            admits_owing: routes::ADMITS_OWING.contains(&route.path),
            upload_max: route.upload_max,
        };
        let handler = route.handler.layer(from_fn_with_state(gate, gate::pass));
        gated.route(route.path, handler)
    });
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-in/code", get(sign_in_code::show).post(sign_in_code::prove))
        .route("/first", get(first::show).post(first::choose))
        .route("/invited", get(invited::show).post(invited::choose))
        .route("/assets/{name}", get(assets::show))
        .route(authority::PEM, get(authority::pem))
        .route(authority::DER, get(authority::der))
        .merge(gated)
        .fallback(problem::missing)
        .layer(DefaultBodyLimit::max(FORM_LENGTH_MAX))
        .layer(from_fn(bound))
        .layer(from_fn(problem::worded))
        .layer(from_fn(harden))
        .with_state(site)
}

/// Makes what is served in the place of the site while that is not there, which says why.
pub fn not_ready(why: watch::Receiver<NotReady>) -> Router {
    let answer = move || {
        let why = *why.borrow();
        std::future::ready(why.answer())
    };
    Router::new()
        .route("/assets/{name}", get(assets::show))
        .fallback(answer)
        .layer(from_fn(bound))
        .layer(from_fn(problem::worded))
        .layer(from_fn(harden))
}

/// Whose second factor somebody tries to prove.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct GuessedFor(AdministratorId);

impl web::Source for GuessedFor {}

/// What every page has at hand.
#[derive(Clone)]
struct Site(Arc<Shared>);

struct Shared {
    setup: PagesSetup,
    /// Until it has been used.
    first_sign_in: Mutex<Option<Secret>>,
    /// Wrong tries to sign in.
    throttle: Mutex<Throttle>,
    /// Wrong codes of a second factor, by whom they were typed for.
    guesses: Mutex<Throttle<GuessedFor>>,
    /// Who is told of either.
    alarms: AlarmQueue,
    /// One password is hashed at a time: each takes memory, and anybody can have it done.
    hashing: Mutex<()>,
    /// Places of browsers that talk.
    talkers: Arc<Semaphore>,
    /// Places of files on their way here or away.
    files: Arc<Semaphore>,
    /// Files that were read and wait for a word.
    imports: import::Imports,
    /// What goes on when its page has been left.
    works: work::Works,
    /// What was found of late where the audit was gone through.
    verdicts: Verdicts,
}

impl Site {
    fn store(&self) -> &Store {
        &self.0.setup.store
    }

    fn setup(&self) -> &PagesSetup {
        &self.0.setup
    }

    fn files(&self) -> &Arc<Semaphore> {
        &self.0.files
    }

    fn imports(&self) -> &import::Imports {
        &self.0.imports
    }

    fn works(&self) -> &work::Works {
        &self.0.works
    }

    fn verdicts(&self) -> &Verdicts {
        &self.0.verdicts
    }

    fn first_sign_in(&self) -> MutexGuard<'_, Option<Secret>> {
        self.0
            .first_sign_in
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guesses(&self) -> MutexGuard<'_, Throttle<GuessedFor>> {
        self.0.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alarms(&self) -> &AlarmQueue {
        &self.0.alarms
    }

    fn hashing(&self) -> MutexGuard<'_, ()> {
        self.0.hashing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time, as it is stored.
fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

impl fmt::Debug for PagesSetup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PagesSetup")
    }
}
