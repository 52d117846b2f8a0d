//! Answers that say why something is not done: an HTTP status, and a code of the phone API which is not that status. It is the one
//! place where the two are brought together, and where one is told in the words of either API.

use std::error::Error;
use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use store::{NumberTaken, StoreError};
use web::CHANGE_TIME;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: u32,
    pub(crate) message: String,
    /// The field that is wrong, where it is one.
    pub(crate) field: Option<String>,
    /// It may have been done all the same.
    pub(crate) is_uncertain: bool,
}

/// In which words an API refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// A code and a message, as clients of the phone API read them.
    Codes,
    /// Problem details, with a status that says what is the matter.
    Problems,
}

/// Why something was not done.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Failure {
    /// The code of the API.
    code: u32,
    /// What is wrong, and where.
    message: String,
}

/// Why something was not done, as RFC 9457 has it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// There are no types besides the statuses.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: String,
    status: u16,
    /// What is wrong, and what would be right.
    detail: String,
    /// The field or parameter that is wrong, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    /// The content type of a problem.
    pub(crate) const CONTENT: &str = "application/problem+json";
}

/// How a program makes itself known.
const CHALLENGE: &str = "Bearer realm=\"Oyez API\"";

/// Codes that are no HTTP status.
pub(crate) const INVALID_TOKEN: u32 = 124;
pub(crate) const INVALID: u32 = 300;
pub(crate) const UNKNOWN_EXTENSION: u32 = 1001;
pub(crate) const SCOPE_MISSING: u32 = 4711;

impl Refusal {
    fn new(status: StatusCode, code: u32, message: impl Display) -> Self {
        Self {
            status,
            code,
            message: message.to_string(),
            field: None,
            is_uncertain: false,
        }
    }

    /// Nobody knows whether it was done.
    pub(crate) fn uncertain(message: impl Display) -> Self {
        Self::uncertain_at(StatusCode::SERVICE_UNAVAILABLE, 503, message)
    }

    fn uncertain_at(status: StatusCode, code: u32, message: impl Display) -> Self {
        Self {
            is_uncertain: true,
            ..Self::new(status, code, message)
        }
    }

    /// It was broken off, and nobody knows what became of it.
    pub(crate) fn broken_off() -> Self {
        Self::uncertain(
            "The service is being stopped. It may have been done or not: read what is there before the request is repeated.",
        )
    }

    /// A field is wrong.
    pub(crate) fn invalid(message: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, message)
    }

    /// A field of that name is wrong.
    pub(crate) fn invalid_field(field: &str, error: impl Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::invalid(format_args!("Validation failed. {field}: {error}"))
        }
    }

    /// A request that cannot be met, with a code of its own.
    pub(crate) fn coded(code: u32, message: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// There is no such thing, told as a bad request.
    pub(crate) fn bad(message: impl Display) -> Self {
        Self::coded(400, message)
    }

    /// There is no such thing, told with the code of what is missing.
    pub(crate) fn missing(message: impl Display) -> Self {
        Self::coded(404, message)
    }

    /// There are too many of something.
    pub(crate) fn too_many(field: &str, most: usize) -> Self {
        Self::coded(
            405,
            format_args!("The number of items for {field} must not exceed {most}."),
        )
    }

    /// Nobody has that extension.
    pub(crate) fn unknown_extension(message: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, UNKNOWN_EXTENSION, message)
    }

    /// There is no such thing, with a code of its own.
    pub(crate) fn not_found(code: u32, message: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// Nobody is known by what was sent with the request.
    pub(crate) fn nobody() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            INVALID_TOKEN,
            "Invalid access token. Ask /oauth/token for one, and send it as Authorization: Bearer.",
        )
    }

    /// None of the scopes that would do has been given.
    pub(crate) fn scope_missing(scopes: &[&str]) -> Self {
        Self::coded(
            SCOPE_MISSING,
            format_args!(
                "Invalid access token, does not contain scopes:[{}].",
                scopes.join(", ")
            ),
        )
    }

    /// Too much was asked at a time.
    pub(crate) fn too_fast() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            429,
            "You have reached the maximum per-second rate limit for this API. Try again later.",
        )
    }

    /// There is no such thing here.
    pub(crate) fn none(what: &str) -> Self {
        Self::not_found(404, format_args!("There is no such {what}."))
    }

    /// What is asked for does not go with what is there.
    pub(crate) fn conflict(message: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, 409, message)
    }

    /// There is no room for more of it just now.
    pub(crate) fn no_room(message: impl Display) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, 429, message)
    }

    /// The path is that of operations with other methods.
    pub(crate) fn other_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            405,
            "This path does not take that method. Allow names those that it takes.",
        )
    }

    /// It took too long to arrive, or to be carried out.
    pub(crate) fn late() -> Self {
        let seconds = CHANGE_TIME.as_secs();
        Self::uncertain_at(
            StatusCode::REQUEST_TIMEOUT,
            408,
            format_args!(
                "It was not done within {seconds} s. It may be yet, if the request has arrived: read what is there before it is repeated."
            ),
        )
    }

    /// There is no such operation.
    pub(crate) fn no_operation() -> Self {
        Self::new(StatusCode::NOT_FOUND, 404, "There is no such operation.")
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(error = %causes, "a request cannot be answered");
        let is_uncertain = matches!(error, StoreError::Uncertain(_));
        let message = match error {
            StoreError::Database(_) | StoreError::Full(_) | StoreError::Lost(_) | StoreError::Incomplete => {
                "The service cannot read or write its database; its log says why. Nothing was changed: repeat the request once \
                 the database is back."
            }
            StoreError::Busy => {
                "Many changes of others are being made. Nothing of this one was: repeat the request in a moment."
            }
            StoreError::Uncertain(_) => {
                "The database was lost while it kept this. It may have been done or not: read what is there before the request \
                 is repeated."
            }
            StoreError::Damaged { .. } | StoreError::WrongKey => {
                "What the service has kept cannot be read; its log says where. Nothing was changed, and nothing will be until an \
                 administrator has mended it."
            }
            StoreError::Missing { .. } => {
                return Self::missing(
                    "Something that the request names is there no more. Nothing was changed: read what is there, and name that.",
                );
            }
            StoreError::NoRandomness => {
                "The system of the service gives no random numbers. Nothing was changed: repeat the request once it does."
            }
        };
        Self {
            is_uncertain,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, 503, message)
        }
    }
}

impl From<NumberTaken> for Refusal {
    fn from(error: NumberTaken) -> Self {
        match error {
            NumberTaken::By { .. } => Self::coded(409, &error),
            NumberTaken::Store(error) => error.into(),
        }
    }
}

impl Refusal {
    /// The answer in the words of an API.
    pub(crate) fn told(self, words: Words) -> Response {
        //= https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
        //# The server generating a 401 response MUST send a WWW-Authenticate header field
        let challenge = (self.status == StatusCode::UNAUTHORIZED).then_some(CHALLENGE);
        let mut response = match words {
            Words::Codes => self.into_response(),
            Words::Problems => self.problem(),
        };
        if let Some(challenge) = challenge {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    fn problem(self) -> Response {
        let status = match self.code {
            SCOPE_MISSING => StatusCode::FORBIDDEN,
            404 => StatusCode::NOT_FOUND,
            409 => StatusCode::CONFLICT,
            429 => StatusCode::TOO_MANY_REQUESTS,
            _ => self.status,
        };
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.message,
            field: self.field,
        };
        let content = [(header::CONTENT_TYPE, Problem::CONTENT)];
        (status, content, Json(problem)).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let failure = Failure {
            code: self.code,
            message: self.message,
        };
        (self.status, Json(failure)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: StoreError) -> (u32, String) {
        let refusal = Refusal::from(error);
        (refusal.code, refusal.message)
    }

    #[test]
    fn only_what_another_try_can_mend_is_to_be_repeated() {
        let (code, message) = told(StoreError::Incomplete);
        assert_eq!(code, 503);
        assert!(message.contains("Nothing was changed"), "{message}");
        let (_, message) = told(StoreError::Uncertain(sqlx::Error::PoolClosed));
        assert!(!message.contains("Nothing was changed"), "{message}");
        let (_, message) = told(StoreError::WrongKey);
        assert!(!message.contains("repeat"), "{message}");
        assert_eq!(told(StoreError::Missing { what: "site" }).0, 404);
        let is_uncertain = |error: StoreError| Refusal::from(error).is_uncertain;
        assert!(is_uncertain(StoreError::Uncertain(sqlx::Error::PoolClosed)));
        assert!(!is_uncertain(StoreError::Lost(sqlx::Error::PoolClosed)));
    }
}
