//! The files that pages refer to.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::layout;

const STYLE: &str = include_str!("../../assets/oyez.css");
const SCRIPT: &str = include_str!("../../assets/oyez.js");
const HTMX: &str = include_str!("../../assets/htmx.min.js");
const ICON: &str = include_str!("../../assets/oyez.svg");

/// A file with what it is known by.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    tag: String,
}

impl Asset {
    fn new(name: &'static str, kind: &'static str, text: &'static str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let digits: String = hash.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        Self {
            name,
            kind,
            text,
            tag: format!("\"{digits}\""),
        }
    }
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    const SCRIPT_KIND: &str = "text/javascript; charset=utf-8";
    [
        Asset::new("oyez.css", "text/css; charset=utf-8", STYLE),
        Asset::new("oyez.js", SCRIPT_KIND, SCRIPT),
        Asset::new("htmx.min.js", SCRIPT_KIND, HTMX),
        Asset::new("oyez.svg", "image/svg+xml", ICON),
    ]
});

/// A browser keeps the file, and asks each time whether it is still the one: after an update of the program it is not.
pub(super) async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return layout::missing().await;
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == asset.tag));
    let common = [
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::ETAG, asset.tag.as_str()),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, asset.kind)], asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_the_browser_has_is_not_sent_again_and_another_is() {
        let ask = async |tag: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
            show(Path("oyez.css".to_owned()), headers).await
        };
        let first = ask("\"older\"").await;
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();

        assert_eq!(ask(&tag).await.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(
            ask(&format!("\"older\", {tag}")).await.status(),
            StatusCode::NOT_MODIFIED
        );
    }
}
