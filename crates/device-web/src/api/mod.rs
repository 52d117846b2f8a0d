//! The REST API.

use axum::Router;

use crate::site::Site;

/// The calls of the API.
pub(crate) fn router() -> Router<Site> {
    Router::new()
}
