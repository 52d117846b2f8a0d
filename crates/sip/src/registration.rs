//! What a client needs to know of REGISTER (RFC 3261 10.2): one Call-ID with a CSeq number that only grows, which
//! expiry was granted to its Contact, when to refresh it, and what a 423 asks for.
//!
//! When to register where, and what a refusal means, is not decided here.

use std::time::Duration;

use crate::header::Contacts;
use crate::message::{Message, StatusCode};
use crate::uri::Uri;
use crate::user_agent::Sequence;

/// A registration is refreshed when this share of its expiry is left, in percent: room for a retry that takes 32 s to
/// fail, at any expiry of three minutes or more.
const REFRESH_MARGIN_PERCENT: u32 = 20;

/// The longest margin: a registration for a day is not refreshed hours too early.
const REFRESH_MARGIN_MAX: Duration = Duration::from_secs(300);

/// The longest expiry a 423 may ask for, in seconds (one day): beyond it a dead device would be called for too long.
pub const EXPIRES_MAX: u32 = 86_400;

/// Call-ID and CSeq number of all REGISTER requests for one address of record at one registrar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterSequence {
    call_id: String,
    last: u32,
}

impl RegisterSequence {
    /// Starts with a Call-ID that nobody else uses; the first request has the number 1.
    pub fn new(call_id: impl Into<String>) -> Self {
        Self {
            call_id: call_id.into(),
            last: 0,
        }
    }

    /// Call-ID and number of the next request, for [`OutgoingRequest`](crate::user_agent::OutgoingRequest).
    pub fn advance(&mut self) -> Sequence {
        self.last = self.last.saturating_add(1);
        Sequence {
            call_id: self.call_id.clone(),
            number: self.last,
        }
    }

    /// Takes the number of a response: the agent counts on when it answers a challenge.
    pub fn observe(&mut self, response: &Message) {
        if let Ok(cseq) = response.cseq() {
            self.last = self.last.max(cseq.sequence);
        }
    }
}

/// What a registrar's response says about our binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// The binding stands for this long.
    Bound(Duration),
    /// The 2xx does not list our Contact, or lists it with expiry 0: there is no binding.
    NotBound,
    /// 423: the registrar wants at least this many seconds (RFC 3261 10.3), not more than [`EXPIRES_MAX`].
    TooBrief(u32),
    /// Any other status; also a 423 without a sound Min-Expires, or with one that is not longer than what was asked.
    Refused,
}

impl Granted {
    /// Reads the response to a REGISTER that asked for `asked` seconds for the Contact URI `contact`.
    ///
    /// The expiry is the parameter of our own Contact, else the Expires header, else what was asked
    /// (RFC 3261 10.2.4). Contacts compare as URIs (19.1.4). Of a registrar that lists no Contact at all, Expires
    /// is believed.
    pub fn read(response: &Message, contact: &str, asked: u32) -> Self {
        match response.status() {
            Some(status) if status.is_success() => match granted_expiry(response, contact, asked) {
                Some(seconds) if seconds > 0 => Self::Bound(Duration::from_secs(seconds.into())),
                Some(_) | None => Self::NotBound,
            },
            Some(StatusCode::INTERVAL_TOO_BRIEF) => match response.min_expires() {
                Some(seconds) if (asked.saturating_add(1)..=EXPIRES_MAX).contains(&seconds) => {
                    Self::TooBrief(seconds)
                }
                Some(_) | None => Self::Refused,
            },
            Some(_) | None => Self::Refused,
        }
    }
}

/// How long after its 200 a binding is refreshed: a fifth of its expiry before the end, at most 5 minutes before.
pub fn refresh_after(expiry: Duration) -> Duration {
    let margin = (expiry * REFRESH_MARGIN_PERCENT / 100).min(REFRESH_MARGIN_MAX);
    expiry.saturating_sub(margin)
}

fn granted_expiry(response: &Message, contact: &str, asked: u32) -> Option<u32> {
    let ours = Uri::parse(contact).ok()?;
    let Contacts::List(list) = response.contacts().ok()? else {
        return None;
    };
    if list.is_empty() {
        return response.expires();
    }
    let binding = list
        .iter()
        .find(|binding| binding.uri().is_equivalent_to(&ours))?;
    Some(binding.expires().or(response.expires()).unwrap_or(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{HeaderName, Method, RequestBuilder};

    const CONTACT: &str = "sip:alice@192.0.2.1:5061;transport=tls";

    #[test]
    fn the_expiry_of_our_own_contact_counts() {
        let cases: [(&[(&str, &str)], Granted); 6] = [
            (
                &[
                    (
                        "Contact",
                        "<sip:other@192.0.2.9>;expires=9, <sip:alice@192.0.2.1:5061;transport=TLS>;expires=60",
                    ),
                    ("Expires", "7200"),
                ],
                Granted::Bound(Duration::from_secs(60)),
            ),
            (
                &[
                    ("Contact", "<sip:alice@192.0.2.1:5061;transport=tls>"),
                    ("Expires", "120"),
                ],
                Granted::Bound(Duration::from_secs(120)),
            ),
            (
                &[("Contact", "<sip:alice@192.0.2.1:5061;transport=tls>")],
                Granted::Bound(Duration::from_secs(300)),
            ),
            (
                &[("Contact", "<sip:other@192.0.2.9>;expires=9")],
                Granted::NotBound,
            ),
            (
                &[("Contact", "<sip:alice@192.0.2.1:5061;transport=tls>;expires=0")],
                Granted::NotBound,
            ),
            (&[("Expires", "90")], Granted::Bound(Duration::from_secs(90))),
        ];
        for (headers, expected) in cases {
            let response = response(StatusCode::OK, headers);
            assert_eq!(Granted::read(&response, CONTACT, 300), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_423_is_followed_up_to_the_limit_and_only_upwards() {
        for (min_expires, expected) in [
            ("301", Granted::TooBrief(301)),
            ("86400", Granted::TooBrief(EXPIRES_MAX)),
            ("86401", Granted::Refused),
            ("300", Granted::Refused),
            ("soon", Granted::Refused),
        ] {
            let response = response(StatusCode::INTERVAL_TOO_BRIEF, &[("Min-Expires", min_expires)]);
            assert_eq!(Granted::read(&response, CONTACT, 300), expected, "{min_expires}");
        }
    }

    #[test]
    fn numbers_only_grow_also_past_an_answered_challenge() {
        let mut sequence = RegisterSequence::new("kept");
        assert_eq!(sequence.advance().number, 1);
        sequence.observe(&response(StatusCode::OK, &[]));

        assert_eq!(
            sequence.advance(),
            Sequence {
                call_id: "kept".to_owned(),
                number: 6
            }
        );
    }

    #[test]
    fn a_refresh_leaves_a_fifth_but_not_more_than_five_minutes() {
        for (expiry, expected) in [(0, 0), (60, 48), (1_500, 1_200), (3_600, 3_300)] {
            assert_eq!(
                refresh_after(Duration::from_secs(expiry)),
                Duration::from_secs(expected)
            );
        }
    }

    /// A response to a REGISTER with the number 5.
    fn response(status: StatusCode, headers: &[(&str, &str)]) -> Message {
        let request = RequestBuilder::new(Method::Register, "sip:example.com")
            .header(HeaderName::Via, "SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1")
            .header(HeaderName::From, "<sip:alice@example.com>;tag=1")
            .header(HeaderName::To, "<sip:alice@example.com>")
            .header(HeaderName::CallId, "kept")
            .header(HeaderName::CSeq, "5 REGISTER")
            .finish()
            .expect("a sound request");
        let mut builder = request.response(status);
        for (name, value) in headers {
            builder = builder.header(HeaderName::Other(name), value);
        }
        builder.finish().expect("a sound response")
    }
}
