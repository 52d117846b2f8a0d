//! The files that the pages of every site refer to.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// How pages look.
const STYLE: &str = include_str!("../assets/oyez.css");
/// The sign that pages and tabs of the browser bear.
const ICON: &str = include_str!("../assets/oyez.svg");

/// A file with what it is known by.
#[derive(Debug)]
pub struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    tag: String,
}

impl Asset {
    /// Makes one of its name, its media type and what is in it.
    #[must_use]
    pub fn new(name: &'static str, kind: &'static str, text: &'static str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let digits: String = hash.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        Self {
            name,
            kind,
            text,
            tag: format!("\"{digits}\""),
        }
    }

    /// The style sheet of all sites.
    #[must_use]
    pub fn style() -> Self {
        Self::new("oyez.css", "text/css; charset=utf-8", STYLE)
    }

    /// The icon of all sites.
    #[must_use]
    pub fn icon() -> Self {
        Self::new("oyez.svg", "image/svg+xml", ICON)
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Answers a request for it. A browser keeps the file, and asks each time whether it is still the one: after an update of the
    /// program it is not.
    #[must_use]
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers
            .get(header::IF_NONE_MATCH)
            .and_then(|tags| tags.to_str().ok());
        let is_known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == self.tag));
        let common = [
            (header::CACHE_CONTROL, "private, no-cache"),
            (header::ETAG, self.tag.as_str()),
        ];
        if is_known {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(header::CONTENT_TYPE, self.kind)], self.text).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again_and_another_is() {
        let ask = |tag: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
            Asset::style().answer(&headers)
        };
        let first = ask("\"older\"");
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();

        assert_eq!(ask(&tag).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(
            ask(&format!("\"older\", {tag}")).status(),
            StatusCode::NOT_MODIFIED
        );
    }
}
