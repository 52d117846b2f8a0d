//! One leg: a dialog with one peer, and the media ports that belong to it.
//!
//! ```text
//! caller's leg                                  called leg
//!
//! INVITE                                        a registered contact
//!   v                                              v
//! Opening --- no ports, no common media: over   Opening --- no ports: over
//!   | ports                                        | ports: INVITE
//!   v                                              v
//! Ready                                         Inviting --- refused, unreachable: over
//!   | somebody answered: 200                       | 200
//!   v                                              v
//! Joined                                        Joined
//!   |  BYE, CANCEL from either side                |
//!   v                                              v
//! Leaving ---- answer to our BYE or CANCEL ------> over
//! ```
//!
//! A called leg whose flow says nothing is invited over the next one too (`call/attempts.rs`), and over the next one instead where
//! it proves dead; where that is of the other address family, it is
//! opening again until it has ports of that family.
//!
//! A leg that is over stays in the table until its ports are closed too, because their closing tells what was heard.

use std::net::SocketAddr;

use media::sdp::{Hidden, Negotiated, Origin, PendingOffer, SecurityOffer};
use model::{Attempt as AttemptName, SipUser};
use sip::flow::Flow;
use sip::user_agent::SessionId;

use crate::call::{Attempt, CallId};

/// One leg of a call.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) call: CallId,
    /// Who is at the other end.
    pub(crate) user: SipUser,
    pub(crate) flow: Flow,
    pub(crate) session: Option<SessionId>,
    pub(crate) stage: Stage,
    pub(crate) ports: Ports,
    pub(crate) media: LegMedia,
    /// Where the same device can be reached otherwise, the best last; empty for a caller.
    pub(crate) alternatives: Vec<Target>,
    /// How often the device has been called.
    pub(crate) attempts: u32,
    /// It has been answered, be it in an attempt that another one has taken over from.
    pub(crate) has_answered: bool,
    /// The attempt over another flow that may still be answered.
    pub(crate) other: Option<Attempt>,
}

/// What a leg waits for.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its ports.
    Opening,
    /// Caller: somebody's answer.
    Ready(Box<Prepared>),
    /// Called: the peer's answer to an INVITE with this offer.
    Inviting(Box<PendingOffer>),
    /// The end of the talk.
    Joined,
    /// The peer's answer to our BYE or CANCEL.
    Leaving,
    /// Nothing: the dialog is over.
    Over,
}

/// What a caller is going to be answered with.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// The answer to its offer, and what it agrees to.
    Answer(Hidden<String>, Box<Negotiated>),
    /// An offer, because it made none; it answers in its ACK (RFC 3264 §5 with RFC 3261 §13.2.1).
    Offer(Hidden<String>, PendingOffer),
}

/// The media ports of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Asked for.
    Awaited,
    /// Open, and reached by the peer at this address.
    Open(SocketAddr),
    /// Told to close.
    Closing,
    /// Closed, or never opened.
    Closed,
}

/// What describes the media of a leg.
#[derive(Debug)]
pub(crate) struct LegMedia {
    /// What is offered or accepted of SRTP.
    pub(crate) security: SecurityOffer,
    /// Session id of our `o=`: what an answer, and an attempt over another flow, is known to belong to the leg by.
    pub(crate) session_id: u64,
    /// Version of our `o=`.
    pub(crate) version: u64,
    /// Our last description.
    pub(crate) description: Hidden<String>,
    /// Origin of the peer's last description, to know an unchanged one by.
    pub(crate) remote: Option<Origin>,
    /// An offer made in a response, which the ACK answers.
    pub(crate) pending: Option<Box<PendingOffer>>,
}

/// Where a contact is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The Request-URI.
    pub(crate) uri: String,
    /// The only flow that leads there.
    pub(crate) flow: Flow,
    /// Path of the contact, which becomes the route (RFC 3327 §5.3).
    pub(crate) route: Vec<String>,
}

impl Leg {
    /// A leg that waits for its ports; `session_id` is random.
    pub(crate) fn new(
        call: CallId,
        user: SipUser,
        flow: Flow,
        security: SecurityOffer,
        session_id: u64,
    ) -> Self {
        let media = LegMedia {
            security,
            session_id,
            version: 0,
            description: Hidden::default(),
            remote: None,
            pending: None,
        };
        Self {
            call,
            user,
            flow,
            session: None,
            stage: Stage::Opening,
            ports: Ports::Awaited,
            media,
            alternatives: Vec::new(),
            attempts: 0,
            has_answered: false,
            other: None,
        }
    }

    /// What the attempt under way is called, where the device may be called more than once.
    pub(crate) fn attempt(&self) -> Option<AttemptName> {
        (self.attempts > 1 || self.alternatives.len() > 1).then_some(AttemptName {
            number: self.attempts,
            leg: self.media.session_id,
        })
    }

    /// Says whether the dialog and the ports are both done with.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Over) && self.ports == Ports::Closed
    }

    /// Says whether the leg may still hear or be heard.
    pub(crate) fn is_live(&self) -> bool {
        match self.stage {
            Stage::Opening | Stage::Ready(_) | Stage::Inviting(_) | Stage::Joined => true,
            Stage::Leaving | Stage::Over => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_legs_media_shows_no_key() {
        let media = LegMedia {
            security: SecurityOffer::Standard,
            session_id: 1,
            version: 1,
            description: Hidden("a=crypto:1 x inline:secret".to_owned()),
            remote: None,
            pending: None,
        };

        assert!(!format!("{media:?}").contains("secret"));
    }
}
