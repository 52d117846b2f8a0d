//! Answers that say why there is no page.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store::{NumberTaken, StoreError};
use web::CHANGE_TIME;

use super::FORM_LENGTH_MAX;
use super::layout::{self, Frame};
use crate::provisioning::chain;

/// Why a page cannot be shown, or something not done.
#[derive(Debug)]
pub(super) enum Problem {
    /// There is no such thing in the account.
    Missing,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::Missing => failure(
                StatusCode::NOT_FOUND,
                "Not found",
                "There is no such page, or what it was about has been removed.",
            ),
            Self::Store(error) => {
                tracing::error!(error = %chain(&error), "a page cannot be made");
                not_available(&error)
            }
        }
    }
}

/// Goes with an answer that says that the store failed: a form that was sent may be worth sending again.
#[derive(Clone, Copy)]
pub(super) struct NotKept {
    /// Why, and what to do.
    pub(super) text: &'static str,
}

pub(super) const NOT_AVAILABLE: &str = "Not available";

fn not_available(error: &StoreError) -> Response {
    let text = words(error);
    if matches!(error, StoreError::Missing { .. }) {
        return failure(StatusCode::NOT_FOUND, "Not found", text);
    }
    let mut answer = failure(StatusCode::SERVICE_UNAVAILABLE, NOT_AVAILABLE, text);
    if !matches!(error, StoreError::WrongKey | StoreError::Damaged { .. }) {
        answer.extensions_mut().insert(NotKept { text });
    }
    answer
}

/// What has happened, what goes on, and what to do.
pub(super) fn words(error: &StoreError) -> &'static str {
    match error {
        StoreError::Uncertain(_) => {
            "The database was lost while it kept this. Calls and pages go on meanwhile. Once the database is back, see whether it is \
             there before you do it again."
        }
        StoreError::Full(_) => {
            "The disk of the database is full. Calls and pages go on, and what is there can be read. Nothing was changed: make room, \
             and repeat what you did."
        }
        StoreError::Busy => {
            "Many changes of others are being made, an import for example. Calls and pages go on. Nothing of yours was changed: repeat \
             it in a moment."
        }
        StoreError::WrongKey => {
            "A password of the database cannot be opened with the file service.key of the state folder. Calls and pages go on. Nothing \
             was changed, and repeating it does not help: whoever runs the service has to put back the service.key that belongs to the \
             database, and start the service again."
        }
        StoreError::Damaged { .. } => {
            "What the service has kept cannot be read; its log says in which table. Calls and pages go on. Nothing was changed, and \
             repeating it does not help: whoever runs the service has to put a copy of the database back."
        }
        StoreError::Missing { .. } => {
            "Something that this names is there no more: somebody else has removed it meanwhile. Nothing was changed. Open the page \
             again, and choose what is there."
        }
        StoreError::NoRandomness => {
            "The system of the service gives no random numbers. Calls and pages go on. Nothing was changed: repeat what you did once \
             it does."
        }
        StoreError::Database(_) | StoreError::Lost(_) | StoreError::Incomplete => {
            "The service cannot read or write its database; its log says why. Calls and pages go on meanwhile. \
             Nothing was changed: repeat what you did once the database is back."
        }
    }
}

/// Puts a number that is taken at its field; other failures are problems.
pub(super) fn taken(error: NumberTaken) -> Result<String, Problem> {
    match error {
        NumberTaken::By { .. } => Ok(error.to_string()),
        NumberTaken::Store(error) => Err(Problem::Store(error)),
    }
}

/// A page that says one thing, with the frame of nobody.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
    /// Where it goes on, and what the link says.
    way_out: (&'a str, &'a str),
}

const FIRST_PAGE: (&str, &str) = ("/", "To the first page");

/// A page that says why something was not done.
pub(super) fn failure(status: StatusCode, title: &str, text: &str) -> Response {
    layout::page(
        status,
        &Message {
            title,
            text,
            way_out: FIRST_PAGE,
        },
    )
}

/// A page of the portal that says one thing.
#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    frame: Frame,
    text: &'a str,
    /// Where it goes on, and what the link says.
    way_out: (&'a str, &'a str),
}

/// The answer to what has to wait for something else, with the way there.
pub(super) fn not_yet(frame: Frame, text: &str, way_out: (&str, &str)) -> Response {
    let notice = Notice { frame, text, way_out };
    layout::page(StatusCode::CONFLICT, &notice)
}

/// The answer to what no page of the asker's session has sent.
pub(super) fn foreign_form() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "This form was not sent by a page of your session. Open the page again and repeat what you did.",
    )
}

/// Gives words to what was refused before a page saw it, of which a browser would show nothing or a line of its own language.
pub(super) async fn worded(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if is_page(response.headers()) {
        return response;
    }
    let Some((title, text)) = unread(response.status()) else {
        return response;
    };
    let mut page = failure(response.status(), title, &text);
    if let Some(methods) = response.headers().get(header::ALLOW) {
        page.headers_mut().insert(header::ALLOW, methods.clone());
    }
    page
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// Why a request was not read, and what to do.
fn unread(status: StatusCode) -> Option<(&'static str, String)> {
    match status {
        StatusCode::REQUEST_TIMEOUT => Some((
            "Too slow",
            format!(
                "What you sent had not arrived, or could not be done, within {} seconds. See whether it was done before you send it \
                 again; a large file needs a faster connection, or has to be divided.",
                CHANGE_TIME.as_secs()
            ),
        )),
        StatusCode::PAYLOAD_TOO_LARGE => Some((
            "Too large",
            format!(
                "The form has more than {} KiB, and nothing was done. Go back in your browser, where what you typed still stands, \
                 shorten it, and send it again.",
                FORM_LENGTH_MAX / 1024
            ),
        )),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => Some((
            "Not understood",
            "The address or the form says something that this page does not take, and nothing was done. Choose the page anew from \
             the first one, and do it there."
                .to_owned(),
        )),
        StatusCode::METHOD_NOT_ALLOWED => Some((
            "Nothing to show",
            "At this address something is done, and nothing is shown. Choose the page anew from the first one.".to_owned(),
        )),
        _ => None,
    }
}

/// The answer to somebody whose role does not reach.
pub(super) fn not_permitted() -> Response {
    failure(
        StatusCode::FORBIDDEN,
        "Not permitted",
        "You may look here, and change nothing. Ask an owner for the role of an administrator.",
    )
}

/// There is no such page.
pub(super) async fn missing() -> Response {
    Problem::Missing.into_response()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tower::ServiceExt;
    use web::bound;

    use super::*;

    async fn text_of(response: Response) -> String {
        let octets = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(octets.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_slowly_is_told_so_and_what_to_do() {
        let never = post(pending::<()>);
        let site = Router::new().route("/import", never);
        let site = site.layer(from_fn(bound)).layer(from_fn(worded));
        let request = Request::post("/import").body(Body::empty()).unwrap();

        let answer = site.oneshot(request).await.unwrap();

        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        let text = text_of(answer).await;
        assert!(text.contains("within 120 seconds"), "{text}");
    }

    #[tokio::test]
    async fn what_another_try_cannot_mend_is_not_to_be_repeated() {
        for (error, status, told) in [
            (
                StoreError::WrongKey,
                StatusCode::SERVICE_UNAVAILABLE,
                "put back the service.key",
            ),
            (
                StoreError::Damaged { table: "line" },
                StatusCode::SERVICE_UNAVAILABLE,
                "put a copy of the database back",
            ),
            (
                StoreError::Missing { what: "site" },
                StatusCode::NOT_FOUND,
                "is there no more",
            ),
            (
                StoreError::NoRandomness,
                StatusCode::SERVICE_UNAVAILABLE,
                "gives no random numbers",
            ),
        ] {
            let may_help = matches!(error, StoreError::NoRandomness);
            let answer = Problem::from(error).into_response();

            assert_eq!(answer.status(), status);
            let is_offered = answer.extensions().get::<NotKept>().is_some();
            assert_eq!(is_offered, may_help, "{told}");
            let text = text_of(answer).await;
            assert!(text.contains(told), "{told}: {text}");
            assert!(!text.contains("once the database is back"), "{text}");
        }
    }
}
