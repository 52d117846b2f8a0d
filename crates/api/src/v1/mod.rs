//! `/api/v1`: what the phone API has no words for.

mod account;
mod devices;
mod events;
mod page_groups;
mod pages;
mod shapes;
mod webhooks;

pub(crate) use events::Streams;
#[cfg(test)]
pub(crate) use events::{STREAMS_MAX, STREAMS_PER_CLIENT_MAX};
#[cfg(test)]
pub(crate) use pages::SOUND_LENGTH_MAX;
pub(crate) use shapes::moment;
pub(crate) use webhooks::webhooks_document;

use crate::operation::Operation;

/// What stands before every path.
pub(crate) const BASE: &str = "/api/v1";

/// The scope that reads everything but passwords.
const READ: &[&str] = &["oyez:read"];

/// The scope that changes everything.
const WRITE: &[&str] = &["oyez:write"];

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    [
        account::operations(),
        devices::operations(),
        page_groups::operations(),
        pages::operations(),
        events::operations(),
        webhooks::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
