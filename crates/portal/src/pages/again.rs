//! A form that was not taken, although a page of this site has sent it: it is shown as it was sent, to be sent again. What was typed
//! outlives a session, and a database that was away.

use askama::Template;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::layout;
use super::way::{Way, by_sign_in};

/// What every form carries so that no other site can send it.
pub(super) const TOKEN: &str = "csrf";
/// Fields of a form that is kept. The longest names the rows of a list that were ticked.
const FIELDS_MAX: usize = 500;
/// Fields that are shown, and characters of each; what is beyond is counted, and sent with the rest.
const FIELDS_SHOWN: usize = 20;
const CHARACTERS_SHOWN: usize = 200;
/// Fields that are not kept: they are typed again.
const SECRETS: [&str; 6] = ["password", "new", "again", "pin", "code", "secret"];

/// A form as it was sent.
pub(super) struct Sent {
    to: Way,
    fields: Vec<(String, String)>,
}

/// Why a form was not taken, and what it needs to be taken.
pub(super) struct Why<'a> {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) text: &'a str,
    /// The session that it was sent from is over, and there is no other.
    pub(super) needs_sign_in: bool,
    /// What it carries when it is sent again.
    pub(super) token: &'a str,
}

#[derive(Template)]
#[template(path = "again.html")]
struct Page<'a> {
    why: &'a Why<'a>,
    sign_in: String,
    /// Where it is sent.
    to: &'a str,
    /// Fields that go along as they are.
    kept: Vec<(&'a str, &'a str)>,
    /// Fields that are typed again, each with its label.
    retyped: Vec<(&'a str, String)>,
    /// Label and value of the first fields.
    shown: Vec<(String, String)>,
    /// Fields beyond those.
    more: usize,
}

impl Sent {
    /// The form of a request, if it may be offered to be sent again. That a page of this site has sent it the browser has to say: where
    /// it says nothing of that, the form may be another's.
    pub(super) fn of(request: &Parts, fields: &[(String, String)]) -> Option<Self> {
        let is_offered = request.headers.contains_key(header::ORIGIN)
            && fields.len() <= FIELDS_MAX
            && !has_secrets_alone(fields);
        let to = Way::of(&request.uri).filter(|_| is_offered)?;
        let fields = fields.to_vec();
        Some(Self { to, fields })
    }

    /// What the form carried so that no other site can send it.
    pub(super) fn token(&self) -> &str {
        let token = self.fields.iter().rfind(|(name, _)| name == TOKEN);
        token.map_or("", |(_, value)| value)
    }

    /// Shows the form, and why it was not taken.
    pub(super) fn offer(&self, why: &Why<'_>) -> Response {
        let fields = self.fields.iter().filter(|(name, _)| name != TOKEN);
        let (retyped, kept): (Vec<_>, Vec<_>) = fields
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .partition(|(name, value)| SECRETS.contains(name) && !value.is_empty());
        let page = Page {
            why,
            sign_in: by_sign_in("", None),
            to: self.to.as_str(),
            retyped: retyped.iter().map(|(name, _)| (*name, label(name))).collect(),
            shown: kept
                .iter()
                .take(FIELDS_SHOWN)
                .map(|(name, value)| (label(name), beginning(value)))
                .collect(),
            more: kept.len().saturating_sub(FIELDS_SHOWN),
            kept,
        };
        layout::page(why.status, &page)
    }
}

/// Of such a form nothing would be left.
fn has_secrets_alone(fields: &[(String, String)]) -> bool {
    let mut typed = fields
        .iter()
        .filter(|(name, value)| name != TOKEN && !value.is_empty())
        .map(|(name, _)| SECRETS.contains(&name.as_str()))
        .peekable();
    typed.peek().is_some() && typed.all(|is_secret| is_secret)
}

/// How a field is called where its page is not at hand.
fn label(name: &str) -> String {
    if name == "pin" {
        return "PIN".to_owned();
    }
    let words = name.replace(['_', '-'], " ");
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn beginning(value: &str) -> String {
    let mut letters = value.chars();
    let mut text: String = letters.by_ref().take(CHARACTERS_SHOWN).collect();
    let more = letters.count();
    if more > 0 {
        text.push_str(&format!("… and {more} more characters"));
    }
    text
}
