//! The files that pages refer to.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::layout;

const STYLE: &str = include_str!("../../assets/oyez.css");
const SCRIPT: &str = include_str!("../../assets/oyez.js");
const HTMX: &str = include_str!("../../assets/htmx.min.js");
const ICON: &str = include_str!("../../assets/oyez.svg");

pub(super) async fn show(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "oyez.css" => ("text/css; charset=utf-8", STYLE),
        "oyez.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "htmx.min.js" => ("text/javascript; charset=utf-8", HTMX),
        "oyez.svg" => ("image/svg+xml", ICON),
        _ => return layout::missing().await,
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        // Long enough for a visit, short enough for an update of the program.
        (header::CACHE_CONTROL, "private, max-age=600"),
    ];
    (headers, text).into_response()
}
