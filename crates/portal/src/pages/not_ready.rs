//! What stands in the place of the portal while that is not there: what has happened, what goes on, and what to do.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use store::Unopened;

use super::layout;

/// When a program that has met no portal may ask again.
const RETRY_AFTER_SECONDS: &str = "10";

/// Why the portal is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The service has just been started.
    Starting,
    /// Its database cannot be used.
    Unopened(Unopened),
    /// The database is empty, and the service has had a directory.
    Emptied,
    /// Something else that the service needs is not there, or is not right.
    Other,
}

#[derive(Template)]
#[template(path = "not_ready.html")]
struct Page {
    title: &'static str,
    happened: &'static str,
    to_do: &'static str,
    is_starting: bool,
}

impl NotReady {
    pub(super) fn answer(self) -> Response {
        let (title, happened, to_do) = self.words();
        let page = Page {
            title,
            happened,
            to_do,
            is_starting: self == Self::Starting,
        };
        let page = layout::page(StatusCode::SERVICE_UNAVAILABLE, &page);
        ([(header::RETRY_AFTER, RETRY_AFTER_SECONDS)], page).into_response()
    }

    /// A title, what has happened, and what to do. Whoever reads it may be anybody: names are in the log.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Starting => (
                "The service is starting",
                "It was started just now, and its pages are not there yet.",
                "Wait a few seconds, and try again. If this stays, the log says why (journalctl --unit oyez).",
            ),
            Self::Unopened(Unopened::Unreachable) => (
                "The database does not answer",
                "The server of the database cannot be reached, or it is starting or stopping.",
                "See that the server of the database runs, and that nothing on the way to it keeps this machine out.",
            ),
            Self::Unopened(Unopened::Refused) => (
                "The database refuses the service",
                "The server of the database answers, and does not let the service in.",
                "See that user, password, name and rights of the database are right, and the certificates of both. What is changed in \
                 the configuration file counts from the next start on.",
            ),
            Self::Unopened(Unopened::Full) => (
                "The disk is full",
                "The disk of the database has no room left.",
                "Make room on the disk of the database. Remove nothing from its folder.",
            ),
            Self::Unopened(Unopened::Key) => (
                "The key of the database is missing",
                "The file service.key, which opens the passwords in the database, is missing or cannot be used.",
                "Put service.key back into the state folder from a copy. Another key does not open what is there.",
            ),
            Self::Unopened(Unopened::Unusable) => (
                "The database cannot be used",
                "What is there is damaged, is no database, or may not be read or written.",
                "See that the service may read and write the files of its state folder; else put back a copy of database and key.",
            ),
            Self::Unopened(Unopened::TooNew) => (
                "The database is of a later version",
                "A later version of this program has written it.",
                "Install that version again, or put back a copy of the database from before.",
            ),
            Self::Emptied => (
                "The database is empty",
                "There is nothing in it, and this service has had a directory: it may be another database, or a new one.",
                "Put a copy of the database back. To begin anew, remove the file that the log names.",
            ),
            Self::Other => (
                "The service is not whole",
                "Something that it needs is not there, or is not right.",
                "Put right what the log names. What is changed in the configuration file counts from the next start on.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tokio::sync::watch;
    use tower::ServiceExt as _;

    use super::*;
    use crate::pages;

    #[tokio::test]
    async fn each_cause_is_named_with_what_still_works_and_what_to_do_and_no_other() {
        let causes = [
            (NotReady::Starting, "The service is starting"),
            (
                NotReady::Unopened(Unopened::Unreachable),
                "The database does not answer",
            ),
            (NotReady::Unopened(Unopened::Refused), "The database refuses"),
            (NotReady::Unopened(Unopened::Full), "The disk is full"),
            (
                NotReady::Unopened(Unopened::Key),
                "The key of the database is missing",
            ),
            (
                NotReady::Unopened(Unopened::Unusable),
                "The database cannot be used",
            ),
            (
                NotReady::Unopened(Unopened::TooNew),
                "The database is of a later version",
            ),
            (NotReady::Emptied, "The database is empty"),
            (NotReady::Other, "The service is not whole"),
        ];
        let (told, why) = watch::channel(NotReady::Starting);
        let router = pages::not_ready(why);
        for (cause, title) in causes {
            told.send_replace(cause);

            let request = Request::get("/devices").body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();

            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers().contains_key(header::RETRY_AFTER));
            let page = to_bytes(answer.into_body(), 100_000).await.unwrap();
            let page = String::from_utf8(page.to_vec()).unwrap();
            let named = causes.iter().filter(|(_, title)| page.contains(title));
            let named: Vec<_> = named.map(|(cause, _)| *cause).collect();
            assert_eq!(named, [cause], "{title}: {page}");
            for part in [
                "What still works",
                "serves calls, pages and alerts",
                "What to do",
                cause.words().2,
            ] {
                assert!(page.contains(part), "{part}: {page}");
            }
        }
    }
}
