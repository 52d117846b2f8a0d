//! Calls: one caller, those who are called, and the bridge that joins them.
//!
//! A page and a conversation between two parties run through the same phases. They differ in who hears whom, in how
//! many may answer, and in that a page has a ledger of what became of it at each listener.
//!
//! ```text
//! Opening ---- the caller's media cannot be agreed: refused
//!    | the caller's ports are open, its offer is acceptable
//!    v
//! (Asking) --- where the permission wants a PIN: `call/asking.rs`
//!    |
//!    v
//! Calling ---- nobody answered in time: 480; all refused: the best of their answers
//!    | the first 200: the caller is answered, its voice is kept for those who come later
//!    v
//! Talking ---- page: later listeners join; conversation: all others are cancelled
//!    | BYE of either side, a silent talker, nobody left
//!    v
//! Ending ----- every dialog and every port done with, or overdue: reported, forgotten
//! ```

mod announcement;
mod arriving;
mod asking;
mod attempts;
mod calling;
mod ending;
mod liveness;
mod media;
mod offence;
mod receipts;
mod refresh;
mod refusals;
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::media::bridge::{BridgeId, LegId};
use ::media::codec::Codec;
use ::media::sdp::Hidden;
use model::status::MissingReason;
use model::{Extension, SipUser};
use paging::Page;
use sip::user_agent::SessionId;

use crate::admission::Room;
use crate::deadlines::Deadlines;
use crate::leg::{Leg, Target};
use crate::peers::DatagramPeers;
use crate::permission::Manner;

use announcement::Announcement;
pub use announcement::PAGE_HEADER;
pub(crate) use asking::Asking;
pub(crate) use attempts::Attempt;
pub use attempts::FLOW_ANSWER_MAX;
pub use liveness::PROBE_EVERY;
pub(crate) use offence::CallOffence;
pub use receipts::RECEIPT_LENGTH_MAX;
use refusals::Refusals;
pub(crate) use refused::{Refused, explanation};

/// How long those who are called by a page may take to answer: an endpoint's pre-tone and a few lost datagrams.
pub const PAGE_ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long a phone rings: the time it takes to walk to it.
pub const RINGING_MAX: Duration = Duration::from_secs(60);
/// How long a call waits at its end for BYEs to be answered, receipts to come and ports to close.
pub const ENDING_MAX: Duration = paging::RECEIPT_WAIT;

/// Numbers a call; its bridge has the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId(u64);

impl CallId {
    pub(crate) fn bridge(self) -> BridgeId {
        BridgeId(self.0)
    }
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) manner: Manner,
    pub(crate) extension: Extension,
    pub(crate) announcement: Announcement,
    pub(crate) caller: LegId,
    pub(crate) phase: Phase,
    /// All legs that are not done with, the caller's among them.
    pub(crate) legs: BTreeSet<LegId>,
    /// Legs that are called and live.
    pub(crate) called: BTreeSet<LegId>,
    /// Codec and packet time the caller sends, once they are known.
    pub(crate) spoken: Option<(Codec, Duration)>,
    /// What those said who will not answer.
    pub(crate) refusals: Refusals,
    /// The caller has been told that it rings.
    pub(crate) has_rung: bool,
    /// Set for a page.
    pub(crate) page: Option<Page>,
    /// `None` only while it is exchanged for that of the page, when the caller has keyed in its PIN.
    pub(crate) room: Option<Room>,
    /// The caller wants to be told when its page begins.
    pub(crate) tells_talker: bool,
}

impl Call {
    /// A call that waits for its caller's ports.
    pub(crate) fn new(
        manner: Manner,
        extension: Extension,
        announcement: Announcement,
        caller: LegId,
        plan: Plan,
        room: Room,
    ) -> Self {
        Self {
            manner,
            extension,
            announcement,
            caller,
            phase: Phase::Opening(Box::new(plan)),
            legs: BTreeSet::from([caller]),
            called: BTreeSet::new(),
            spoken: None,
            refusals: Refusals::default(),
            has_rung: false,
            page: None,
            room: Some(room),
            tells_talker: false,
        }
    }
}

/// What a call waits for.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The caller's ports. Its offer and those who are to be called wait with it.
    Opening(Box<Plan>),
    /// The caller's PIN; nobody has been called.
    Asking(Box<Asking>),
    /// The first answer.
    Calling,
    /// The end.
    Talking,
    /// What is left over of dialogs, receipts and ports.
    Ending,
}

/// What is done once the caller's media are agreed.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The caller's description; empty where it made no offer.
    pub(crate) offer: Hidden<Vec<u8>>,
    /// What was dialled, for a report.
    pub(crate) dialled: String,
    pub(crate) invitees: Vec<Invitee>,
    /// The caller is asked for a PIN first.
    pub(crate) asks: bool,
}

/// One user that is to be called.
#[derive(Debug)]
pub(crate) struct Invitee {
    pub(crate) user: SipUser,
    /// The name people know it by.
    pub(crate) name: String,
    /// Its devices, each with the flows that lead to it, the best last. Empty where none can be called.
    pub(crate) devices: Vec<Vec<Target>>,
    /// Of each other device of it, why it cannot be called.
    pub(crate) left_out: Vec<MissingReason>,
}

/// All calls of a zone and their legs.
#[derive(Debug)]
pub(crate) struct Calls {
    last_number: u64,
    pub(crate) call_by_id: BTreeMap<CallId, Call>,
    pub(crate) leg_by_id: BTreeMap<LegId, Leg>,
    /// Exactly the sessions that stand in `leg_by_id`.
    pub(crate) leg_by_session: BTreeMap<SessionId, LegId>,
    /// Counts `leg_by_id` by peer.
    pub(crate) peers: DatagramPeers,
    /// When a call's phase has lasted too long.
    pub(crate) deadlines: Deadlines<CallId>,
    /// When a device must have said something to an INVITE.
    pub(crate) unheard: Deadlines<LegId>,
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self {
            last_number: 0,
            call_by_id: BTreeMap::new(),
            leg_by_id: BTreeMap::new(),
            leg_by_session: BTreeMap::new(),
            peers: DatagramPeers::default(),
            deadlines: Deadlines::new(),
            unheard: Deadlines::new(),
        }
    }

    pub(crate) fn next_call(&mut self) -> CallId {
        CallId(self.next_number())
    }

    pub(crate) fn next_leg(&mut self) -> LegId {
        LegId(self.next_number())
    }

    /// The leg of a session, with its number.
    pub(crate) fn leg_of(&mut self, session: SessionId) -> Option<(LegId, &mut Leg)> {
        let id = *self.leg_by_session.get(&session)?;
        self.leg_by_id.get_mut(&id).map(|leg| (id, leg))
    }

    /// The call of a leg, with its number.
    pub(crate) fn call_of(&mut self, leg: LegId) -> Option<(CallId, &mut Call)> {
        let id = self.leg_by_id.get(&leg)?.call;
        self.call_by_id.get_mut(&id).map(|call| (id, call))
    }

    /// Enters a leg.
    pub(crate) fn insert(&mut self, id: LegId, leg: Leg) {
        if let Some(session) = leg.session {
            self.leg_by_session.insert(session, id);
        }
        self.peers.add(&leg.flow);
        self.leg_by_id.insert(id, leg);
    }

    /// Takes a leg out.
    pub(crate) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.leg_by_id.remove(&id)?;
        self.unheard.clear(id);
        self.peers.remove(&leg.flow);
        Some(leg)
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}
