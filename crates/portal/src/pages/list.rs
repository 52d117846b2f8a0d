//! Lists that are searched, and read page by page.

use serde::Deserialize;
use store::{ListKey, Listed};

/// Rows of a list on one page.
pub(super) const ROWS: u32 = 50;

/// What is asked of a list.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    after: String,
}

impl Asked {
    /// The rows that a text finds, from a place on.
    pub(super) fn at(q: &str, after: &str) -> Self {
        Self {
            q: q.to_owned(),
            after: after.to_owned(),
        }
    }

    /// Where the page begins; what is no place in a list is its beginning.
    pub(super) fn after(&self) -> Option<ListKey> {
        self.after.parse().ok()
    }
}

/// What stands around the rows.
pub(super) struct ListFrame {
    pub(super) q: String,
    pub(super) hint: &'static str,
    pub(super) is_first: bool,
    pub(super) next: Option<String>,
}

impl ListFrame {
    pub(super) fn new<T>(asked: Asked, hint: &'static str, listed: &Listed<T>) -> Self {
        Self {
            is_first: asked.after().is_none(),
            next: listed.next.as_ref().map(ToString::to_string),
            q: asked.q,
            hint,
        }
    }
}
