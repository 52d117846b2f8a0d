//! The portal's pages: signing in, and what an administrator does in the order of the navigation.

mod layout;
mod sign_in;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use model::Secret;
use model::inventory::Uplink;
use store::Store;
use web::{bound, harden};

use crate::registrations::Registrations;

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
    /// The token of the one-time link by which the first owner signs in and chooses a password; none once somebody has one.
    pub first_sign_in: Option<Secret>,
}

/// Makes the site.
pub fn router(setup: PagesSetup) -> Router {
    Router::new()
        .route("/sign-in", get(sign_in::show))
        .layer(from_fn(bound))
        .layer(from_fn(harden))
        .with_state(Site(Arc::new(setup)))
}

/// What every page has at hand.
#[derive(Clone)]
struct Site(Arc<PagesSetup>);

impl fmt::Debug for PagesSetup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PagesSetup")
    }
}
