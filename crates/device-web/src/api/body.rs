//! What a request brings with it: JSON, and nothing that is not understood.

use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It does not say that it is JSON. A form of another site's page can be sent as any of three types, and this is none of them.
    #[error("the content type is not application/json")]
    Kind,
    /// It is no JSON, or has other fields than the call.
    #[error("the body is not what the call takes: {0}")]
    Content(serde_json::Error),
}

/// Reads a body as JSON. An absent one is an empty object.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Unfit> {
    if !body.is_empty() && !is_json(headers) {
        return Err(Unfit::Kind);
    }
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(Unfit::Content)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
