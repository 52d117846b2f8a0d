//! What clients of the API are told: JSON, and the only place where refusals become statuses.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use device::appliance::{ChangeError, ToneError};
use model::config::ApiAuthentication;
use serde::Serialize;
use serde_json::json;

use super::body::Unfit;
use super::gate::Refusal;

/// An answer in JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer of the API cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// An answer that says why something was not done.
pub(super) fn failure(status: StatusCode, error: &str) -> Response {
    json(status, &json!({ "error": error }))
}

/// The answer while the API is off, as the hardware gives it.
pub(super) fn off() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "the REST API is off; admin.web.api turns it on",
    )
}

/// The answer to whoever is not let in. It is the same for everything that was wrong.
pub(super) fn refused(refusal: Refusal, authentication: ApiAuthentication) -> Response {
    match refusal {
        Refusal::Wrong => {
            let scheme = match authentication {
                ApiAuthentication::Hmac => "hmac",
                ApiAuthentication::Basic => "Basic realm=\"api\", charset=\"UTF-8\"",
            };
            let mut response = failure(StatusCode::UNAUTHORIZED, "not authenticated");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            response
        }
        Refusal::Wait(time) => {
            let seconds = time.as_secs() + 1;
            let text = format!("there were too many wrong tries; try again in {seconds} s");
            let retry_after: HeaderMap = [(header::RETRY_AFTER, HeaderValue::from(seconds))]
                .into_iter()
                .collect();
            (retry_after, failure(StatusCode::TOO_MANY_REQUESTS, &text)).into_response()
        }
        Refusal::Full => failure(
            StatusCode::TOO_MANY_REQUESTS,
            "there were too many requests in the time that the clock may be off; ask less often",
        ),
    }
}

/// The answer to a body that is not taken.
pub(super) fn unfit(unfit: &Unfit) -> Response {
    let status = match unfit {
        Unfit::Kind => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Unfit::Content(_) => StatusCode::BAD_REQUEST,
    };
    failure(status, &unfit.to_string())
}

/// The answer to a change of the configuration that was not made.
pub(super) fn not_changed(error: &ChangeError) -> Response {
    let status = match error {
        ChangeError::Wrong(errors) => {
            let problems: Vec<_> = errors
                .iter()
                .map(|error| problem(&error.key, &error.problem, &error.right))
                .collect();
            return wrong_values(&problems);
        }
        ChangeError::NoVersion(_) => StatusCode::NOT_FOUND,
        ChangeError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ChangeError::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
    };
    failure(status, &error.to_string())
}

/// The answer to a sound file that was not kept or removed.
pub(super) fn not_kept(error: &ToneError) -> Response {
    let status = match error {
        ToneError::Name | ToneError::Sound(_) => StatusCode::BAD_REQUEST,
        ToneError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ToneError::Quota => StatusCode::INSUFFICIENT_STORAGE,
        ToneError::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
        ToneError::Missing => StatusCode::NOT_FOUND,
        ToneError::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    failure(status, &error.to_string())
}

/// The answer to a call of the hardware for what this model does not have.
pub(super) fn not_on_this_model() -> Response {
    failure(StatusCode::NOT_IMPLEMENTED, "not on this model")
}

/// What is wrong with one key.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    key: String,
    problem: String,
    right: String,
}

pub(super) fn problem(key: &str, problem: &str, right: &str) -> Problem {
    Problem {
        key: key.to_owned(),
        problem: problem.to_owned(),
        right: right.to_owned(),
    }
}

/// The answer to values that cannot be set; nothing was.
pub(super) fn wrong_values(problems: &[Problem]) -> Response {
    let text = json!({ "error": "nothing was changed", "problems": problems });
    json(StatusCode::BAD_REQUEST, &text)
}

pub(super) fn ending() -> Response {
    failure(StatusCode::SERVICE_UNAVAILABLE, "the endpoint is ending")
}

pub(super) async fn wrong_method() -> Response {
    failure(StatusCode::METHOD_NOT_ALLOWED, "the call has another method")
}
