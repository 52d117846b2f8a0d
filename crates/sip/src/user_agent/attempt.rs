//! Sending a request, and sending it again with an answer to the challenge it met (RFC 3261 22).

use std::sync::Arc;
use std::time::Instant;

use super::config::DATAGRAM_MAX;
use super::{ClientRecord, ClientUser, RequestFailure, UserAgent};
use crate::digest::{self, Algorithm, Challenge, ClientCredentials};
use crate::draft::{Attributes, Draft};
use crate::flow::Flow;
use crate::message::{HeaderName, Message, Method, StatusCode};
use crate::transaction::{ClientKey, TransactionId};

/// Uses of each nonce: every answer takes the nonce of the challenge it answers, so it is the first.
const NONCE_COUNT: u32 = 1;

/// A request on its way, with what it takes to send it again.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) draft: Draft,
    pub(super) sequence: u32,
    /// The name and value of the header that answers the last challenge.
    pub(super) authorization: Option<(String, String)>,
    pub(super) credentials: Option<Arc<ClientCredentials>>,
    pub(super) challenged: Challenged,
    pub(super) large_datagram: bool,
}

/// How many challenges a request has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenged {
    Never,
    /// The next challenge is answered only if it says that just the nonce was stale.
    Once,
    /// No further challenge is answered.
    Stale,
}

impl Attempt {
    pub(super) fn new(draft: Draft, sequence: u32, credentials: Option<Arc<ClientCredentials>>) -> Self {
        Self {
            draft,
            sequence,
            authorization: None,
            credentials,
            challenged: Challenged::Never,
            large_datagram: false,
        }
    }

    /// The attempt that answers the challenge in `response`; `None` where that would not help.
    pub(super) fn answering(mut self, response: &Message, client_nonce: &str) -> Option<Self> {
        let (challenge_name, answer_name) = match response.status()? {
            StatusCode::UNAUTHORIZED => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization)
            }
            _ => return None,
        };
        let challenge = Challenge::choose(response.headers(challenge_name), Algorithm::Md5).ok()?;
        self.challenged = match self.challenged {
            Challenged::Never => Challenged::Once,
            Challenged::Once if challenge.is_stale() => Challenged::Stale,
            Challenged::Once | Challenged::Stale => return None,
        };
        let credentials = self.credentials.as_deref()?;
        let answer = digest::answer(
            &challenge,
            credentials,
            self.draft.method.as_str(),
            &self.draft.uri,
            NONCE_COUNT,
            client_nonce,
        );
        self.authorization = Some((answer_name.as_str().to_owned(), answer));
        Some(self)
    }
}

impl UserAgent {
    /// Sends a request in a transaction of its own.
    pub(super) fn start(
        &mut self,
        now: Instant,
        flow: Flow,
        attempt: Attempt,
        user: ClientUser,
    ) -> Result<TransactionId, RequestFailure> {
        if self.clients.len() >= self.config.limits.client_transactions {
            return Err(RequestFailure::Overload);
        }
        if attempt.draft.is_secure() && !flow.transport.is_secure() {
            return Err(RequestFailure::NeedsTls);
        }
        let branch = self.random.branch();
        let request = self.write(&flow, &branch, &attempt)?;
        if !flow.transport.is_reliable()
            && !attempt.large_datagram
            && !self.config.large_datagrams
            && request.as_bytes().len() > DATAGRAM_MAX
        {
            return Err(RequestFailure::NeedsStream);
        }
        let id = TransactionId(self.take_id());
        let key = ClientKey::new(&branch, attempt.draft.method.as_method());
        self.clients.start(id, now, flow, key, request, &mut self.outbox);
        self.flush();
        let attempt = attempt.credentials.is_some().then_some(attempt);
        self.client_by_transaction
            .insert(id, ClientRecord { user, flow, attempt });
        Ok(id)
    }

    /// Writes a request with everything the agent adds.
    pub(super) fn write(
        &self,
        flow: &Flow,
        branch: &str,
        attempt: &Attempt,
    ) -> Result<Message, RequestFailure> {
        let draft = &attempt.draft;
        let via = self.via(flow, branch);
        let describes_itself = matches!(
            draft.method.as_method(),
            Method::Invite | Method::Options | Method::Register | Method::Update
        );
        let attributes = Attributes {
            via: &via,
            sequence: attempt.sequence,
            authorization: attempt.authorization.as_ref(),
            user_agent: &self.config.user_agent,
            allow: describes_itself.then_some(self.allow.as_str()),
            supported: (describes_itself && !self.supported.is_empty()).then_some(self.supported.as_str()),
        };
        draft.write(&attributes).map_err(|_| RequestFailure::Malformed)
    }

    /// Via with `rport`, so that a response finds its way back through NAT (RFC 3581).
    fn via(&self, flow: &Flow, branch: &str) -> String {
        let sent_by = self.config.sent_by(flow.transport, flow.local);
        format!(
            "SIP/2.0/{} {sent_by};branch={branch};rport",
            flow.transport.via_token()
        )
    }
}
