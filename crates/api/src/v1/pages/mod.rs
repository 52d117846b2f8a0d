//! `/pages`: paging, and what became of it at every listener.

mod ask;
mod list;
mod read;

#[cfg(test)]
pub(crate) use ask::SOUND_LENGTH_MAX;
use axum::http::Method;

use super::READ;
use crate::operation::Operation;
use crate::rate::Rate;

/// The scope that pages.
const PAGE: &[&str] = &["oyez:page"];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/pages", "listPages", list::list)
            .summary("List pages: those that go on, and those that have ended, the last first")
            .scopes(READ, &["oyez:pages:read"])
            .rate(Rate::Medium),
        Operation::new(Method::POST, "/pages", "pageWithText", ask::read_out)
            .summary("Page now, with a text that is read out")
            .scopes(PAGE, &["oyez:pages:write"])
            .rate(Rate::Heavy)
            .refuses(&[(409, &[])]),
        Operation::new(Method::POST, "/pages/sound", "pageWithSound", ask::play)
            .summary("Page now, with the sound of a WAV file")
            .scopes(PAGE, &["oyez:pages:write"])
            .rate(Rate::Heavy)
            .refuses(&[(409, &[])]),
        Operation::new(Method::GET, "/pages/{page_id}", "readPage", read::read)
            .summary("Read a page: who heard it, and how much of it")
            .scopes(READ, &["oyez:pages:read"])
            .refuses(&[(404, &[])]),
    ]
}
