//! The names of header fields, and how a received name is recognised.

use std::fmt;

/// Declares the known headers once: variant, name on the wire, compact form.
macro_rules! header_names {
    ($($variant:ident = $name:literal $(($compact:literal))?, $doc:literal;)*) => {
        /// The name of a header field.
        #[derive(Clone, Copy, Debug)]
        pub enum HeaderName<'a> {
            $(
                #[doc = concat!("`", $name, "`: ", $doc)]
                $variant,
            )*
            /// Any other header, by its name; names compare without regard to case.
            Other(&'a str),
        }

        /// A known header as the offset table keeps it, or `Other` for a name to be compared.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum HeaderId {
            $($variant,)*
            Other,
        }

        const KNOWN: &[Known] = &[
            $(Known { name: $name, compact: header_names!(@compact $($compact)?), id: HeaderId::$variant },)*
        ];

        impl HeaderId {
            /// The name of a known header.
            pub(crate) fn name(self) -> Option<HeaderName<'static>> {
                match self {
                    $(Self::$variant => Some(HeaderName::$variant),)*
                    Self::Other => None,
                }
            }
        }

        impl<'a> HeaderName<'a> {
            /// The name in its long form, as we write it.
            #[must_use]
            pub const fn as_str(self) -> &'a str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            pub(crate) fn id(self) -> HeaderId {
                match self {
                    $(Self::$variant => HeaderId::$variant,)*
                    Self::Other(name) => identify(name.as_bytes()),
                }
            }
        }
    };
    (@compact) => { 0 };
    (@compact $compact:literal) => { $compact };
}

header_names! {
    Accept = "Accept", "RFC 3261 section 20.1.";
    AcceptEncoding = "Accept-Encoding", "RFC 3261 section 20.2.";
    AcceptLanguage = "Accept-Language", "RFC 3261 section 20.3.";
    AlertInfo = "Alert-Info", "RFC 3261 section 20.4.";
    Allow = "Allow", "RFC 3261 section 20.5.";
    AllowEvents = "Allow-Events" (b'u'), "RFC 6665 section 8.2.2.";
    AnswerMode = "Answer-Mode", "RFC 5373 section 4.1.";
    AuthenticationInfo = "Authentication-Info", "RFC 3261 section 20.6.";
    Authorization = "Authorization", "RFC 3261 section 20.7.";
    CallId = "Call-ID" (b'i'), "RFC 3261 section 20.8.";
    CallInfo = "Call-Info", "RFC 3261 section 20.9.";
    Contact = "Contact" (b'm'), "RFC 3261 section 20.10.";
    ContentDisposition = "Content-Disposition", "RFC 3261 section 20.11.";
    ContentEncoding = "Content-Encoding" (b'e'), "RFC 3261 section 20.12.";
    ContentLanguage = "Content-Language", "RFC 3261 section 20.13.";
    ContentLength = "Content-Length" (b'l'), "RFC 3261 section 20.14.";
    ContentType = "Content-Type" (b'c'), "RFC 3261 section 20.15.";
    CSeq = "CSeq", "RFC 3261 section 20.16.";
    Date = "Date", "RFC 3261 section 20.17.";
    ErrorInfo = "Error-Info", "RFC 3261 section 20.18.";
    Event = "Event" (b'o'), "RFC 6665 section 8.2.1.";
    Expires = "Expires", "RFC 3261 section 20.19.";
    FlowTimer = "Flow-Timer", "RFC 5626 section 11.2.";
    From = "From" (b'f'), "RFC 3261 section 20.20.";
    Identity = "Identity" (b'y'), "RFC 8224 section 4.";
    InReplyTo = "In-Reply-To", "RFC 3261 section 20.21.";
    MaxForwards = "Max-Forwards", "RFC 3261 section 20.22.";
    MimeVersion = "MIME-Version", "RFC 3261 section 20.24.";
    MinExpires = "Min-Expires", "RFC 3261 section 20.23.";
    MinSe = "Min-SE", "RFC 4028 section 5.";
    Organization = "Organization", "RFC 3261 section 20.25.";
    PAssertedIdentity = "P-Asserted-Identity", "RFC 3325 section 9.1.";
    PPreferredIdentity = "P-Preferred-Identity", "RFC 3325 section 9.2.";
    Path = "Path", "RFC 3327 section 4.";
    Priority = "Priority", "RFC 3261 section 20.26.";
    Privacy = "Privacy", "RFC 3323 section 4.2.";
    PrivAnswerMode = "Priv-Answer-Mode", "RFC 5373 section 4.2.";
    ProxyAuthenticate = "Proxy-Authenticate", "RFC 3261 section 20.27.";
    ProxyAuthorization = "Proxy-Authorization", "RFC 3261 section 20.28.";
    ProxyRequire = "Proxy-Require", "RFC 3261 section 20.29.";
    RAck = "RAck", "RFC 3262 section 7.2.";
    Reason = "Reason", "RFC 3326 section 2.";
    RecordRoute = "Record-Route", "RFC 3261 section 20.30.";
    ReferTo = "Refer-To" (b'r'), "RFC 3515 section 2.1.";
    ReferredBy = "Referred-By" (b'b'), "RFC 3892 section 3.";
    Replaces = "Replaces", "RFC 3891 section 6.1.";
    ReplyTo = "Reply-To", "RFC 3261 section 20.31.";
    Require = "Require", "RFC 3261 section 20.32.";
    RetryAfter = "Retry-After", "RFC 3261 section 20.33.";
    Route = "Route", "RFC 3261 section 20.34.";
    RSeq = "RSeq", "RFC 3262 section 7.1.";
    Server = "Server", "RFC 3261 section 20.35.";
    ServiceRoute = "Service-Route", "RFC 3608 section 5.";
    SessionExpires = "Session-Expires" (b'x'), "RFC 4028 section 4.";
    Subject = "Subject" (b's'), "RFC 3261 section 20.36.";
    SubscriptionState = "Subscription-State", "RFC 6665 section 8.2.3.";
    Supported = "Supported" (b'k'), "RFC 3261 section 20.37.";
    Timestamp = "Timestamp", "RFC 3261 section 20.38.";
    To = "To" (b't'), "RFC 3261 section 20.39.";
    Unsupported = "Unsupported", "RFC 3261 section 20.40.";
    UserAgent = "User-Agent", "RFC 3261 section 20.41.";
    Via = "Via" (b'v'), "RFC 3261 section 20.42.";
    Warning = "Warning", "RFC 3261 section 20.43.";
    WwwAuthenticate = "WWW-Authenticate", "RFC 3261 section 20.44.";
}

/// Two names are equal if they name the same header, whatever their case or form.
impl PartialEq for HeaderName<'_> {
    fn eq(&self, other: &Self) -> bool {
        let id = self.id();
        id == other.id() && (id != HeaderId::Other || self.as_str().eq_ignore_ascii_case(other.as_str()))
    }
}

impl Eq for HeaderName<'_> {}

/// Recognises a known header, long or compact; any other name becomes [`HeaderName::Other`].
impl<'a> From<&'a str> for HeaderName<'a> {
    fn from(name: &'a str) -> Self {
        identify(name.as_bytes()).name().unwrap_or(Self::Other(name))
    }
}

impl fmt::Display for HeaderName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

struct Known {
    name: &'static str,
    /// The compact form, 0 if there is none.
    compact: u8,
    id: HeaderId,
}

/// No known name is longer.
const NAME_LENGTH_MAX: usize = 24;

/// Stands for no index into `KNOWN`.
const NONE: u8 = u8::MAX;

/// The first index into `KNOWN` of the names that have a certain length and first letter; the last of each
/// such chain is followed by `NONE`.
static BY_LENGTH_AND_LETTER: [[u8; 26]; NAME_LENGTH_MAX + 1] = chains().0;

/// The next index of the same chain.
static NEXT: [u8; KNOWN.len()] = chains().1;

/// Indexes into `KNOWN` by compact form, from `a` to `z`, or `NONE`.
static BY_LETTER: [u8; 26] = by_letter();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, where an excess would be a compile error"
)]
const fn chains() -> ([[u8; 26]; NAME_LENGTH_MAX + 1], [u8; KNOWN.len()]) {
    let mut first = [[NONE; 26]; NAME_LENGTH_MAX + 1];
    let mut next = [NONE; KNOWN.len()];
    let mut index = 0;
    while index < KNOWN.len() {
        let name = KNOWN[index].name.as_bytes();
        let letter = (name[0].to_ascii_lowercase() - b'a') as usize;
        next[index] = first[name.len()][letter];
        first[name.len()][letter] = index as u8;
        index += 1;
    }
    (first, next)
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, where an excess would be a compile error"
)]
const fn by_letter() -> [u8; 26] {
    let mut table = [NONE; 26];
    let mut index = 0;
    while index < KNOWN.len() {
        if KNOWN[index].compact != 0 {
            table[(KNOWN[index].compact - b'a') as usize] = index as u8;
        }
        index += 1;
    }
    table
}

/// Recognises a name by its length and first letter, then by comparison without regard to case.
pub(crate) fn identify(name: &[u8]) -> HeaderId {
    let Some(first) = name.first() else {
        return HeaderId::Other;
    };
    let letter = usize::from(first.to_ascii_lowercase().wrapping_sub(b'a'));
    if name.len() == 1 {
        let index = BY_LETTER.get(letter).copied().unwrap_or(NONE);
        return KNOWN
            .get(usize::from(index))
            .map_or(HeaderId::Other, |known| known.id);
    }
    let by_letter = BY_LENGTH_AND_LETTER.get(name.len());
    let mut index = by_letter
        .and_then(|by_letter| by_letter.get(letter))
        .copied()
        .unwrap_or(NONE);
    while let Some(known) = KNOWN.get(usize::from(index)) {
        if is_same(known.name.as_bytes(), name) {
            return known.id;
        }
        index = NEXT.get(usize::from(index)).copied().unwrap_or(NONE);
    }
    HeaderId::Other
}

/// Compares a known name, of letters and hyphens, with another of the same length, without regard to case.
///
/// It runs for every header of every message, and looking at all octets without a branch is twice as fast
/// as `eq_ignore_ascii_case`.
fn is_same(known: &[u8], name: &[u8]) -> bool {
    // Only letters have bit 6, and in letters bit 5 is the case; in hyphens every bit counts.
    let difference = |known: u8, octet: u8| {
        let case = (known & 0x40) >> 1;
        (known | case) ^ (octet | case)
    };
    known
        .iter()
        .zip(name)
        .fold(0, |found, (known, octet)| found | difference(*known, *octet))
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_header_is_recognised_in_any_case_and_compactly() {
        for known in KNOWN {
            assert_eq!(identify(known.name.as_bytes()), known.id);
            assert_eq!(identify(known.name.to_ascii_uppercase().as_bytes()), known.id);
            assert_eq!(identify(known.name.to_ascii_lowercase().as_bytes()), known.id);
            assert_eq!(known.id.name().map(HeaderName::as_str), Some(known.name));
            if known.compact != 0 {
                assert_eq!(identify(&[known.compact]), known.id);
                assert_eq!(identify(&[known.compact.to_ascii_uppercase()]), known.id);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_other() {
        for name in [
            "",
            "q",
            "{",
            "@",
            "Vi",
            "Viaa",
            "C%6Fntact",
            "Call\rID",
            "Cal,-ID",
            &"x".repeat(300),
        ] {
            assert_eq!(identify(name.as_bytes()), HeaderId::Other, "{name:?}");
        }
    }

    #[test]
    fn a_name_that_differs_in_one_octet_is_another() {
        for known in KNOWN {
            for place in 0..known.name.len() {
                for difference in [0x01, 0x02, 0x40, 0x80] {
                    let mut name = known.name.as_bytes().to_vec();
                    name[place] ^= difference;
                    assert_ne!(identify(&name), known.id, "{:?}", String::from_utf8_lossy(&name));
                }
                let mut name = known.name.as_bytes().to_vec();
                name[place] ^= 0x20;
                let is_letter = known.name.as_bytes()[place].is_ascii_alphabetic();
                assert_eq!(
                    identify(&name) == known.id,
                    is_letter,
                    "{:?}",
                    String::from_utf8_lossy(&name)
                );
            }
        }
    }

    #[test]
    fn names_are_equal_by_meaning() {
        assert_eq!(HeaderName::Other("v"), HeaderName::Via);
        assert_eq!(HeaderName::Other("oyez-page"), HeaderName::Other("Oyez-Page"));
        assert_ne!(HeaderName::Other("Oyez-Page"), HeaderName::Other("Oyez-Pag"));
    }
}
