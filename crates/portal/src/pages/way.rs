//! Where somebody was going when they had to sign in first: it goes through the sign-in with them.

use axum::http::Uri;
use serde::Deserialize;

/// Octets of a path with what follows it.
const LENGTH_MAX: usize = 2_000;
const SIGN_IN: &str = "/sign-in";

/// A path of this site, with what follows it; of nothing else, for others can have a browser bring one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way(String);

/// What the pages of the sign-in are asked for with.
#[derive(Default, Deserialize)]
pub(super) struct Going {
    #[serde(default)]
    pub(super) to: String,
}

impl Way {
    /// Reads a path; none where a browser could take it for another site, or where it leads to the first page, which needs no way.
    pub(super) fn read(text: &str) -> Option<Self> {
        let below = text.strip_prefix('/')?;
        // Browsers leave tabs and ends of lines out, and take a backslash for a slash.
        let is_plain = |octet: u8| octet.is_ascii_graphic() && octet != b'\\';
        let is_of_this_site = !below.is_empty() && !below.starts_with('/') && text.bytes().all(is_plain);
        (is_of_this_site && text.len() <= LENGTH_MAX).then(|| Self(text.to_owned()))
    }

    /// Where a request was going.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Self::read(uri.path_and_query()?.as_str())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The page of the sign-in, or of its second step, for somebody who goes there.
pub(super) fn by_sign_in(step: &str, way: Option<&Way>) -> String {
    let encoded = way.map(|way| urlencoded(way.as_str()));
    match encoded {
        Some(to) => format!("{SIGN_IN}{step}?to={to}"),
        None => format!("{SIGN_IN}{step}"),
    }
}

/// Where somebody goes on who has signed in.
pub(super) fn onward(way: Option<&Way>) -> &str {
    way.map_or("/", Way::as_str)
}

/// A text as a value in an address.
pub(super) fn urlencoded(text: &str) -> String {
    let encoded = askama::filters::urlencode(text);
    encoded.map_or_else(|_| String::new(), |encoded| encoded.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_to_this_site_and_to_no_other() {
        for good in [
            "/devices",
            "/devices?q=a%20b&after=x",
            "/reports/7",
            "/a//b",
            "/a?b=https://c",
        ] {
            assert_eq!(Way::read(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/",
            "devices",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            "/ /evil.example",
            "/\u{e9}",
            "https://evil.example/",
            "javascript:alert(1)",
        ] {
            assert_eq!(Way::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_way_has_a_length() {
        let way = |length: usize| Way::read(&format!("/{}", "x".repeat(length - 1)));
        assert!(way(LENGTH_MAX).is_some());
        assert!(way(LENGTH_MAX + 1).is_none());
    }

    #[test]
    fn a_way_stands_whole_in_an_address() {
        let way = Way::read("/devices?q=a&after=b").unwrap();
        assert_eq!(
            by_sign_in("/code", Some(&way)),
            "/sign-in/code?to=/devices%3Fq%3Da%26after%3Db"
        );
        assert_eq!(by_sign_in("", None), "/sign-in");
        assert_eq!((onward(Some(&way)), onward(None)), ("/devices?q=a&after=b", "/"));
    }
}
