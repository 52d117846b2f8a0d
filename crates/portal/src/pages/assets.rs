//! The files that pages refer to.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use web::Asset;

use super::problem;

const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    [
        Asset::style(),
        Asset::icon(),
        Asset::new("portal.js", SCRIPT, include_str!("../../assets/portal.js")),
        Asset::new("talk.js", SCRIPT, include_str!("../../assets/talk.js")),
        Asset::new(
            "talk-worklet.js",
            SCRIPT,
            include_str!("../../assets/talk-worklet.js"),
        ),
    ]
});

pub(super) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name() == name) {
        Some(asset) => asset.answer(&headers),
        None => problem::missing().await,
    }
}
