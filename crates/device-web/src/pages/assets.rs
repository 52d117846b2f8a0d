//! The files that pages refer to.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use web::Asset;

use super::layout;

const SCRIPT: &str = include_str!("../../assets/oyez.js");
const HTMX: &str = include_str!("../../assets/htmx.min.js");

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    const SCRIPT_KIND: &str = "text/javascript; charset=utf-8";
    [
        Asset::style(),
        Asset::icon(),
        Asset::new("oyez.js", SCRIPT_KIND, SCRIPT),
        Asset::new("htmx.min.js", SCRIPT_KIND, HTMX),
    ]
});

pub(super) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name() == name) {
        Some(asset) => asset.answer(&headers),
        None => layout::missing().await,
    }
}
