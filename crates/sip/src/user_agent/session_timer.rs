//! Session timers (RFC 4028): how long a session stands without a refresh, and who sees to it.
//!
//! ```text
//!                2xx with Session-Expires
//!   none ────────────────────────────────▶ running ── expiry without a refresh ──▶ BYE
//!    ▲                                     │ ▲   │ half the interval, if the refreshes are ours: UPDATE, or a re-INVITE
//!    └── 2xx without Session-Expires ◀─────┘ └───┘ 2xx to a refresh of either side
//! ```
//!
//! This side asks nobody for a timer. It accepts one, leaves the refreshes to whoever asked and can do them, and refreshes where it
//! has to. A re-INVITE of its own repeats the description that stands, so its 200 answers that anew: the owner is told and
//! follows it (RFC 3261 14.1).

use std::time::{Duration, Instant};

use super::session::{Phase, Session, SessionTimer};
use super::sessions::Deadline;
use super::{EndCause, Reply, RequestId, SessionId, UserAgent};
use crate::header::Refresher;
use crate::message::{HeaderName, Message, Method, StatusCode};

/// The shortest interval that is agreed to: none may be shorter (RFC 4028 section 4), and each costs a request.
pub const SESSION_INTERVAL_MIN: u32 = 90;
/// A longer interval is shortened to this one, where the caller permits it: a session whose peer has vanished is not kept for longer.
pub const SESSION_INTERVAL_MAX: u32 = 3_600;
/// How long before its expiry a session that nobody has refreshed ends, at most.
const MARGIN_MAX: Duration = Duration::from_secs(32);
/// After a refresh that was refused it is tried again.
const REFRESH_AGAIN: Duration = Duration::from_secs(10);
/// The option tag.
const TIMER: &str = "timer";

/// The timer of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expiry {
    /// Seconds from a refresh to the end.
    interval: u32,
    /// The largest Min-SE that the peer has named.
    min: u32,
    /// The refreshes are ours.
    is_ours: bool,
    /// The peer takes UPDATE.
    takes_update: bool,
}

/// The interval that a request asks for is shorter than any that is agreed to.
pub(super) struct TooSmall;

impl TooSmall {
    pub(super) fn reply(&self) -> Reply {
        Reply::new(StatusCode::SESSION_INTERVAL_TOO_SMALL).header("Min-SE", SESSION_INTERVAL_MIN.to_string())
    }
}

/// What a 2xx of ours to a session refresh request agrees to.
pub(super) struct Agreed {
    expiry: Expiry,
    /// The sender understands what is agreed.
    is_understood: bool,
}

impl Agreed {
    /// The timer that a request of the peer asks for, if it asks for one.
    pub(super) fn read(request: &Message) -> Result<Option<Self>, TooSmall> {
        let Ok(Some(asked)) = request.session_expires() else {
            return Ok(None);
        };
        let is_understood = request.has_token(HeaderName::Supported, TIMER);
        if asked.seconds < SESSION_INTERVAL_MIN {
            // Who does not know the extension could not mend its request; then there is no timer.
            return if is_understood { Err(TooSmall) } else { Ok(None) };
        }
        let min = request.min_se().unwrap_or_default().max(SESSION_INTERVAL_MIN);
        //= https://www.rfc-editor.org/rfc/rfc4028#section-9
        //# The UAS response MAY reduce its value but MUST NOT set it to a
        //# duration lower than the value in the Min-SE header field in the
        //# request, if it is present
        let interval = asked.seconds.min(SESSION_INTERVAL_MAX.max(min));
        let is_ours = match asked.refresher {
            Some(Refresher::Uas) => true,
            Some(Refresher::Uac) | None => !is_understood,
        };
        let expiry = Expiry {
            interval,
            min,
            is_ours,
            takes_update: takes_update(request),
        };
        Ok(Some(Self {
            expiry,
            is_understood,
        }))
    }

    /// The response that says it.
    fn tell(&self, reply: &Reply) -> Reply {
        let refresher = if self.expiry.is_ours { "uas" } else { "uac" };
        let value = format!("{};refresher={refresher}", self.expiry.interval);
        let reply = reply.clone().header("Session-Expires", value);
        if self.is_understood {
            reply.header("Require", TIMER)
        } else {
            reply
        }
    }
}

impl Expiry {
    /// The timer that a 2xx to a session refresh request of ours grants, if it grants one.
    fn granted(response: &Message) -> Option<Self> {
        let granted = response.session_expires().ok()??;
        Some(Self {
            interval: granted.seconds.max(SESSION_INTERVAL_MIN),
            min: SESSION_INTERVAL_MIN,
            is_ours: granted.refresher != Some(Refresher::Uas),
            takes_update: takes_update(response),
        })
    }

    fn refresh_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.interval)) / 2
    }

    fn end_after(&self) -> Duration {
        let interval = Duration::from_secs(u64::from(self.interval));
        interval - MARGIN_MAX.min(interval / 3)
    }
}

fn takes_update(message: &Message) -> bool {
    message.has_token(HeaderName::Allow, Method::Update.as_str())
}

impl UserAgent {
    /// The timer that a request of the peer asks for.
    pub(super) fn asked_expiry(&self, request: &Message) -> Result<Option<Agreed>, TooSmall> {
        let refreshes = matches!(request.method(), Some(Method::Invite | Method::Update));
        if self.config.session_timers && refreshes {
            Agreed::read(request)
        } else {
            Ok(None)
        }
    }

    /// Our response to a session refresh request of the peer with what it agrees to, where it is a 2xx.
    pub(super) fn agree(&self, request: &Message, reply: &Reply) -> (Reply, Option<Agreed>) {
        let agreed = self.asked_expiry(request).ok().flatten();
        match agreed.filter(|_| reply.status.is_success()) {
            Some(agreed) => (agreed.tell(reply), Some(agreed)),
            None => (reply.clone(), None),
        }
    }

    /// A 2xx of ours to a session refresh request of the peer has been sent: the session stands so long from here on.
    pub(super) fn refreshed_by_peer(&mut self, now: Instant, session: SessionId, agreed: Option<Agreed>) {
        self.set_expiry(now, session, agreed.map(|agreed| agreed.expiry));
    }

    /// A 2xx to a session refresh request of ours.
    pub(super) fn refreshed_by_us(&mut self, now: Instant, session: SessionId, response: &Message) {
        if !self.config.session_timers {
            return;
        }
        let before = self.sessions.get(session).and_then(|state| state.expiry.clone());
        let expiry = match (Expiry::granted(response), before) {
            (Some(granted), Some(before)) => Some(Expiry {
                min: before.min,
                takes_update: granted.takes_update || before.takes_update,
                ..granted
            }),
            (Some(granted), None) => Some(granted),
            // A peer that knows no timer lets us have ours.
            (None, before) => before.filter(|before| before.is_ours),
        };
        self.set_expiry(now, session, expiry);
    }

    fn set_expiry(&mut self, now: Instant, session: SessionId, expiry: Option<Expiry>) {
        let refresh = expiry
            .as_ref()
            .filter(|expiry| expiry.is_ours)
            .map(|expiry| now + expiry.refresh_after());
        let end = expiry.as_ref().map(|expiry| now + expiry.end_after());
        if let Some(state) = self.sessions.get_mut(session) {
            state.expiry = expiry;
            self.sessions
                .schedule(Deadline::Session(session, SessionTimer::Refresh), refresh);
            self.sessions
                .schedule(Deadline::Session(session, SessionTimer::Expire), end);
        }
    }

    /// Refreshes the session: by UPDATE where the peer takes it, else by a re-INVITE with the description that stands.
    pub(super) fn refresh(&mut self, now: Instant, session: SessionId) {
        let Some(state) = self.sessions.get(session) else {
            return;
        };
        let Some(expiry) = state.expiry.clone().filter(|expiry| expiry.is_ours) else {
            return;
        };
        if state.refresh.is_some() {
            return self.refresh_again(now, session);
        }
        let (method, body) = if expiry.takes_update {
            (Method::Update, None)
        } else {
            (Method::Invite, state.description.clone())
        };
        let mut headers = vec![(
            "Session-Expires".to_owned(),
            format!("{};refresher=uac", expiry.interval.max(expiry.min)),
        )];
        if expiry.min > SESSION_INTERVAL_MIN {
            headers.push(("Min-SE".to_owned(), expiry.min.to_string()));
        }
        let request = RequestId(self.take_id());
        if let Some(state) = self.sessions.get_mut(session) {
            state.refresh = Some(request);
        }
        let started = self.start_in_session(now, session, request, method, headers, body);
        if started.is_err() {
            if let Some(state) = self.sessions.get_mut(session) {
                state.refresh = None;
            }
            self.refresh_again(now, session);
        }
    }

    /// Takes the response to a request inside a session, where that was a refresh of the agent's own; says so.
    pub(super) fn take_refresh(
        &mut self,
        now: Instant,
        session: SessionId,
        request: RequestId,
        response: Option<&Message>,
    ) -> bool {
        let Some(state) = self.sessions.get_mut(session) else {
            return false;
        };
        if state.refresh != Some(request) {
            return false;
        }
        state.refresh = None;
        let status = response.and_then(Message::status);
        let Some(expiry) = &mut state.expiry else {
            return true;
        };
        if status == Some(StatusCode::SESSION_INTERVAL_TOO_SMALL)
            && let Some(min) = response.and_then(Message::min_se)
        {
            expiry.min = expiry.min.max(min);
        }
        if !status.is_some_and(StatusCode::is_success) {
            self.refresh_again(now, session);
        }
        true
    }

    fn refresh_again(&mut self, now: Instant, session: SessionId) {
        let again = Deadline::Session(session, SessionTimer::Refresh);
        self.sessions.schedule(again, Some(now + REFRESH_AGAIN));
    }

    /// Nobody has refreshed the session.
    pub(super) fn expire(&mut self, now: Instant, session: SessionId) {
        let is_alive = self.sessions.get(session).is_some_and(Session::is_answered);
        if is_alive {
            self.counters.expired += 1;
            self.abandon(now, session, EndCause::Lost);
        }
    }
}

impl Session {
    /// Whether both sides have agreed to the session and none has ended it.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.phase, Phase::Confirmed | Phase::ExpectAck)
    }
}
