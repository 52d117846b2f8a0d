//! The state of one INVITE session (RFC 3261 13-15).
//!
//! ```text
//! we call                                          we are called
//!
//! invite()                                         INVITE
//!    v                                                v
//! Calling ---- hang_up ----> Withdrawing           Ringing ------- reject, CANCEL, RINGING_MAX ------> over
//!    | 101-199     |            | 100-199             | answer
//!    v             |            v: CANCEL             v
//! Proceeding - hang_up ----> Cancelling            ExpectAck ----- hang_up ----> HangUpAfterAck
//!    | 2xx: ACK                 | 2xx: ACK, BYE       | ACK       64*T1: BYE        | ACK, 64*T1: BYE
//!    v                          |                     v                             |
//! Confirmed <-------------------|----------------- (the same)                       |
//!    | hang_up: BYE             v                                                   v
//!    +--------------------> Leaving <-----------------------------------------------+
//!    | BYE                      | answer to our BYE
//!    v                          v
//!  over                       over
//! ```
//!
//! Any final response but a 2xx to the first INVITE ends the session; in Cancelling it is the expected end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::command::{Body, Reply};
use super::config::FORKS_MAX;
use super::reply::Written;
use super::session_timer::Expiry;
use super::{EndCause, RequestId};
use crate::dialog::Dialog;
use crate::digest::ClientCredentials;
use crate::draft::Authorizations;
use crate::flow::Flow;
use crate::message::{Message, Method};
use crate::transaction::TransactionId;

/// What a session waits for.
pub(super) enum Phase {
    /// Any response to our INVITE.
    Calling { invite: TransactionId },
    /// The final response to our INVITE.
    Proceeding { invite: TransactionId },
    /// A provisional response, before which CANCEL may not be sent (RFC 3261 9.1).
    Withdrawing { invite: TransactionId },
    /// The final response to our INVITE after our CANCEL.
    Cancelling { invite: TransactionId },
    /// The owner's answer to the peer's INVITE.
    Ringing { invite: TransactionId },
    /// The ACK for our 2xx to the first INVITE.
    ExpectAck,
    /// That ACK, before which a callee may not send BYE (RFC 3261 15).
    HangUpAfterAck(Farewell),
    /// Whatever either side wants.
    Confirmed,
    /// The answer to our BYE.
    Leaving,
}

/// What a BYE of ours carries.
#[derive(Clone, Default)]
pub(super) struct Farewell {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Body>,
}

/// A re-INVITE that has no final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reinvite {
    Ours(TransactionId),
    Theirs,
}

/// A 2xx of ours to an INVITE that is sent until its ACK comes (RFC 3261 13.3.1.4).
pub(super) struct Unacknowledged {
    /// The CSeq number of the INVITE, which the ACK repeats.
    pub(super) sequence: u32,
    pub(super) response: Bytes,
    /// It carries an offer, which the ACK answers.
    pub(super) is_offer: bool,
    pub(super) reply_flow: Flow,
    /// The time between the last transmission and the next.
    pub(super) interval: Duration,
    pub(super) give_up_at: Instant,
}

/// One INVITE session.
pub(super) struct Session {
    pub(super) flow: Flow,
    pub(super) dialog: Dialog,
    /// Our Contact header field.
    pub(super) contact: String,
    pub(super) phase: Phase,
    pub(super) access: Access,
    /// Our 2xx to the first INVITE or to a re-INVITE.
    pub(super) unacknowledged: Option<Unacknowledged>,
    pub(super) reinvite: Option<Reinvite>,
    /// The peer's requests that wait for the owner.
    pub(super) requests: SmallVec<[TransactionId; 2]>,
    /// Tags of the peers that have answered our INVITE provisionally: they may send requests before the answer.
    pub(super) early_tags: SmallVec<[String; 1]>,
    /// The latest provisional response while ringing, for its repetition.
    pub(super) provisional: Option<Written>,
    /// What the BYE is to carry if a 2xx crosses our CANCEL.
    pub(super) farewell: Option<Farewell>,
    /// Whether our CANCEL was sent because nobody answered.
    pub(super) is_given_up: bool,
    /// How long the session stands without a refresh, if not for ever.
    pub(super) expiry: Option<Expiry>,
    /// The last description of ours, which a refresh repeats.
    pub(super) description: Option<Body>,
    /// The agent's own refresh that waits for its response, whatever becomes of the timer meanwhile.
    pub(super) refresh: Option<RequestId>,
}

/// How requests of ours get through.
#[derive(Clone, Default)]
pub(super) struct Access {
    /// What answers challenges.
    pub(super) credentials: Option<Arc<ClientCredentials>>,
    /// What answers challenges in our last INVITE, which its ACK repeats (RFC 3261 22.1).
    pub(super) authorizations: Authorizations,
    /// Whether UDP takes requests of any size.
    pub(super) large_datagram: bool,
}

impl Session {
    pub(super) fn new(flow: Flow, dialog: Dialog, contact: String, phase: Phase) -> Self {
        Self {
            flow,
            dialog,
            contact,
            phase,
            access: Access::default(),
            unacknowledged: None,
            reinvite: None,
            requests: SmallVec::new(),
            early_tags: SmallVec::new(),
            provisional: None,
            farewell: None,
            is_given_up: false,
            expiry: None,
            description: None,
            refresh: None,
        }
    }

    /// Whether a request with this From tag comes from the peer, or from one that may become it.
    pub(super) fn is_with(&self, remote_tag: &str) -> bool {
        match self.phase {
            Phase::Calling { .. } | Phase::Proceeding { .. } => {
                self.early_tags.iter().any(|tag| tag == remote_tag)
            }
            Phase::Withdrawing { .. }
            | Phase::Cancelling { .. }
            | Phase::Ringing { .. }
            | Phase::ExpectAck
            | Phase::HangUpAfterAck(_)
            | Phase::Confirmed
            | Phase::Leaving => self.dialog.remote_tag() == remote_tag,
        }
    }

    /// Remembers the tag of a provisional response to our INVITE.
    pub(super) fn note_early_tag(&mut self, tag: &str) {
        if self.early_tags.len() < FORKS_MAX && !self.early_tags.iter().any(|known| known == tag) {
            self.early_tags.push(tag.to_owned());
        }
    }

    /// Takes what our reply to a request of the peer changes: only a 2xx moves the target (RFC 3261 12.2.2).
    pub(super) fn note_reply(&mut self, id: TransactionId, request: &Message, reply: &Reply) {
        let method = request.method();
        if reply.status.is_success() && matches!(method, Some(Method::Invite | Method::Update)) {
            self.dialog.refresh_target(request);
            if let Some(contact) = &reply.contact {
                self.contact.clone_from(contact);
            }
            if reply.body.is_some() {
                self.description.clone_from(&reply.body);
            }
        }
        if reply.status.is_final() {
            self.requests.retain(|waiting| *waiting != id);
            if method == Some(Method::Invite) {
                self.reinvite = None;
            }
        }
    }

    /// Whether our first INVITE has no final response.
    pub(super) fn is_calling(&self) -> bool {
        matches!(self.phase, Phase::Calling { .. } | Phase::Proceeding { .. })
    }

    /// Why a session that we cancelled or left has ended.
    pub(super) fn own_end(&self, answer: Option<Message>) -> EndCause {
        if self.is_given_up {
            EndCause::NotAnswered
        } else {
            EndCause::HungUp { answer }
        }
    }
}

/// The timers of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SessionTimer {
    /// The 2xx is sent again, or given up.
    Retransmit,
    /// Ringing or calling has lasted too long, or our CANCEL had no effect within 64*T1.
    Patience,
    /// The provisional response is sent again.
    Provisional,
    /// The session is refreshed.
    Refresh,
    /// The session ends because nobody has refreshed it.
    Expire,
}
