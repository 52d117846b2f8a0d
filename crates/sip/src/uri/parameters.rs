//! The parameters of a URI.

use super::escape;

/// One parameter of a URI, escapes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UriParameter<'a> {
    /// The name as written.
    pub name: &'a str,
    /// The value as written, if there is one.
    pub value: Option<&'a str>,
}

impl UriParameter<'_> {
    /// Says whether the parameter has this name; escapes are undone and case is ignored.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        escape::equal_ignoring_case(self.name, name)
    }
}

/// Iterates over the parameters of a URI.
#[derive(Clone, Debug)]
pub struct UriParameters<'a> {
    /// Checked when the URI was read.
    rest: &'a str,
}

impl<'a> UriParameters<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for UriParameters<'a> {
    type Item = UriParameter<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (parameter, rest) = self.rest.split_once(';').unwrap_or((self.rest, ""));
        self.rest = rest;
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        };
        Some(UriParameter { name, value })
    }
}
