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

/// Places in `BY_LENGTH` for one length; the most crowded length needs 8.
const NAMES_PER_LENGTH_MAX: usize = 10;

/// A name of a certain length: its first and last letter, and its index in `KNOWN`.
#[derive(Clone, Copy)]
struct Candidate {
    ends: [u8; 2],
    index: u8,
}

/// Marks a free place.
const FREE: Candidate = Candidate {
    ends: [0; 2],
    index: u8::MAX,
};

/// The known names by their length.
static BY_LENGTH: [[Candidate; NAMES_PER_LENGTH_MAX]; NAME_LENGTH_MAX + 1] = by_length();

/// Indexes into `KNOWN` by compact form, from `a` to `z`.
static BY_LETTER: [u8; 26] = by_letter();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, where an excess would be a compile error"
)]
const fn by_length() -> [[Candidate; NAMES_PER_LENGTH_MAX]; NAME_LENGTH_MAX + 1] {
    let mut table = [[FREE; NAMES_PER_LENGTH_MAX]; NAME_LENGTH_MAX + 1];
    let mut index = 0;
    while index < KNOWN.len() {
        let name = KNOWN[index].name.as_bytes();
        let mut place = 0;
        while table[name.len()][place].index != u8::MAX {
            place += 1;
        }
        let ends = [
            name[0].to_ascii_lowercase(),
            name[name.len() - 1].to_ascii_lowercase(),
        ];
        table[name.len()][place] = Candidate {
            ends,
            index: index as u8,
        };
        index += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, where an excess would be a compile error"
)]
const fn by_letter() -> [u8; 26] {
    let mut table = [u8::MAX; 26];
    let mut index = 0;
    while index < KNOWN.len() {
        if KNOWN[index].compact != 0 {
            table[(KNOWN[index].compact - b'a') as usize] = index as u8;
        }
        index += 1;
    }
    table
}

/// Recognises a name by its length, then by comparison without regard to case.
pub(crate) fn identify(name: &[u8]) -> HeaderId {
    if let [letter] = name {
        let place = letter.to_ascii_lowercase().wrapping_sub(b'a');
        let index = BY_LETTER.get(usize::from(place)).copied().unwrap_or(u8::MAX);
        return KNOWN
            .get(usize::from(index))
            .map_or(HeaderId::Other, |known| known.id);
    }
    let (Some(candidates), [first, .., last]) = (BY_LENGTH.get(name.len()), name) else {
        return HeaderId::Other;
    };
    let ends = [first.to_ascii_lowercase(), last.to_ascii_lowercase()];
    for candidate in candidates {
        // The first and last letter rule out most candidates without comparing them whole.
        if candidate.ends == ends
            && let Some(known) = KNOWN.get(usize::from(candidate.index))
            && is_same(known.name.as_bytes(), name)
        {
            return known.id;
        }
    }
    HeaderId::Other
}

/// Compares a known name, of letters and hyphens, with another of the same length.
///
/// Looking at all octets without a branch is twice as fast here as `eq_ignore_ascii_case`.
fn is_same(known: &[u8], name: &[u8]) -> bool {
    // Only a letter has bit 6, and only in letters does bit 5 mean the case.
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
    fn names_are_equal_by_meaning() {
        assert_eq!(HeaderName::Other("v"), HeaderName::Via);
        assert_eq!(HeaderName::Other("oyez-page"), HeaderName::Other("Oyez-Page"));
        assert_ne!(HeaderName::Other("Oyez-Page"), HeaderName::Other("Oyez-Pag"));
    }
}
