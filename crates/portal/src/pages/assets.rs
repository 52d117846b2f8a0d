//! The files that pages refer to.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use web::Asset;

use super::problem;

static ASSETS: LazyLock<[Asset; 2]> = LazyLock::new(|| [Asset::style(), Asset::icon()]);

pub(super) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name() == name) {
        Some(asset) => asset.answer(&headers),
        None => problem::missing().await,
    }
}
