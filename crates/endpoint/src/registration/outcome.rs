//! What the answer to a REGISTER means for the slot.

use std::net::SocketAddr;
use std::time::Duration;

use model::status::{Cause, Shown};
use model::{PRIORITY_HEADER, PRIORITY_OF_ZONE};
use sip::message::{HeaderName, Message, StatusCode};
use sip::registration::Granted;
use sip::user_agent::{ChallengeFault, RequestFailure};

/// What became of a REGISTER, as the user agent tells it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Result<Message, RequestFailure>,
    pub(crate) unanswered: Option<ChallengeFault>,
}

impl Answer {
    /// Says whether the first hop does not know RFC 5626, so that the request may be repeated without it.
    pub(crate) fn lacks_outbound(&self) -> bool {
        let status = self.outcome.as_ref().ok().and_then(Message::status);
        status == Some(StatusCode::FIRST_HOP_LACKS_OUTBOUND_SUPPORT)
    }
}

/// Says whether a registrar has confirmed that it keeps several flows of one device.
//= https://www.rfc-editor.org/rfc/rfc5626#section-4.2.1
//# Presence
//# of this option-tag indicates that the registrar is compliant with
//# this specification, and that any edge proxies which needed to
//# participate are also compliant.
pub(crate) fn keeps_flows(message: &Message) -> bool {
    message.status().is_some_and(StatusCode::is_success) && message.has_token(HeaderName::Require, "outbound")
}

/// How a REGISTER ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 200, with the time the registrar grants.
    Accepted {
        expires: Duration,
        /// Whether the server says that it sets Priority itself.
        sets_priority: bool,
        /// Where the registration came from, as the server saw it.
        seen_at: Option<SocketAddr>,
    },
    /// 423 with a Min-Expires.
    TooBrief { min: Duration },
    /// A refusal that will not mend by itself.
    Refused { cause: Cause },
    /// The server cannot serve.
    Unavailable {
        cause: Cause,
        retry_after: Option<Duration>,
    },
    /// No answer at all.
    Silent,
    /// Nothing was sent: the request is too large for a datagram.
    TooLarge,
}

impl Outcome {
    /// Reads the final answer to a REGISTER. `contact` is the URI that was registered, `wish` the time to live that
    /// was asked for.
    pub(crate) fn read(answer: Answer, contact: &str, wish: Duration) -> Self {
        let wish_s = u32::try_from(wish.as_secs()).unwrap_or(u32::MAX);
        let message = match answer.outcome {
            Ok(message) => message,
            Err(failure) => return Self::of_failure(failure),
        };
        let sets_priority = sets_priority(&message);
        let seen_at = seen_at(&message);
        match Granted::read(&message, contact, wish_s) {
            Granted::Bound(expires) => Self::Accepted {
                expires,
                sets_priority,
                seen_at,
            },
            Granted::TooBrief(seconds) => Self::TooBrief {
                min: Duration::from_secs(u64::from(seconds)),
            },
            // Gateways on the way rewrite Contacts: a 2xx that does not list ours still stands for a binding, unless it
            // says that there is none.
            Granted::NotBound => match message.expires().unwrap_or(wish_s) {
                0 => Self::Unavailable {
                    cause: Cause::ServerFailure { status: 200 },
                    retry_after: None,
                },
                seconds => Self::Accepted {
                    expires: Duration::from_secs(u64::from(seconds)),
                    sets_priority,
                    seen_at,
                },
            },
            Granted::Refused => Self::of_refusal(&message, answer.unanswered),
        }
    }

    fn of_refusal(message: &Message, unanswered: Option<ChallengeFault>) -> Self {
        let status = message.status().map_or(0, |status| status.code());
        let retry_after_s = message
            .retry_after()
            .ok()
            .flatten()
            .map(|retry_after| retry_after.seconds);
        let cause = match unanswered {
            Some(ChallengeFault::NoCredentials) => Cause::NoPassword,
            Some(ChallengeFault::NotUsable) => Cause::NoUsableChallenge,
            Some(ChallengeFault::Repeated) | None => {
                Cause::from_answer(status, true, retry_after_s, None).unwrap_or(Cause::Refused { status })
            }
        };
        match cause.shown() {
            Shown::NoReplyFromServer => {
                let retry_after = retry_after_s.map(|seconds| Duration::from_secs(u64::from(seconds)));
                Self::Unavailable { cause, retry_after }
            }
            Shown::RejectedByServer
            | Shown::Successful
            | Shown::AssistedProvisioningFailed
            | Shown::Connecting
            | Shown::NoAccount => Self::Refused { cause },
        }
    }

    fn of_failure(failure: RequestFailure) -> Self {
        match failure {
            RequestFailure::Timeout => Self::Silent,
            RequestFailure::FlowFailed => Self::Unavailable {
                cause: Cause::ConnectionClosed,
                retry_after: None,
            },
            RequestFailure::NeedsStream => Self::TooLarge,
            RequestFailure::NeedsTls
            | RequestFailure::Malformed
            | RequestFailure::Overload
            | RequestFailure::BadAnswer
            | RequestFailure::NotPossible => Self::Refused {
                cause: Cause::Refused {
                    status: failure.status().code(),
                },
            },
        }
    }
}

/// Says whether the server sets the Priority of its calls itself. The registrar writes this answer and no caller has a
/// part in it, as one has in the headers of an INVITE.
fn sets_priority(message: &Message) -> bool {
    message
        .header(HeaderName::Other(PRIORITY_HEADER))
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(PRIORITY_OF_ZONE))
}

/// Where the server says a request of ours came from (RFC 3581 section 4).
pub(crate) fn seen_at(response: &Message) -> Option<SocketAddr> {
    let via = response.top_via().ok()?;
    Some(SocketAddr::new(via.received()?, via.rport()??))
}

/// The server's Flow-Timer (RFC 5626 section 4.4): how often it wants to hear of us.
pub(crate) fn flow_timer(message: &Message) -> Option<Duration> {
    let seconds = message
        .header(HeaderName::Other("Flow-Timer"))?
        .trim()
        .parse::<u32>()
        .ok()?;
    Some(Duration::from_secs(u64::from(seconds)))
}
