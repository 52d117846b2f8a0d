//! Sending a request, and sending it again with an answer to the challenge it met (RFC 3261 22).

use std::sync::Arc;
use std::time::Instant;

use super::config::DATAGRAM_MAX;
use super::realms::Realms;
use super::{ChallengeFault, ClientRecord, ClientUser, RequestFailure, UserAgent};
use crate::digest::ClientCredentials;
use crate::draft::{Attributes, Authorizations, Draft};
use crate::flow::Flow;
use crate::message::{Message, Method};
use crate::transaction::{ClientKey, TransactionId};

/// A request on its way, with what it takes to send it again.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) draft: Draft,
    pub(super) sequence: u32,
    /// What answers the challenges met so far.
    pub(super) authorizations: Authorizations,
    pub(super) credentials: Option<Arc<ClientCredentials>>,
    pub(super) realms: Realms,
    pub(super) large_datagram: bool,
}

impl Attempt {
    pub(super) fn new(draft: Draft, sequence: u32, credentials: Option<Arc<ClientCredentials>>) -> Self {
        Self {
            draft,
            sequence,
            authorizations: Authorizations::new(),
            credentials,
            realms: Realms::default(),
            large_datagram: false,
        }
    }

    /// The attempt that answers the challenges in `response`.
    pub(super) fn answering(
        mut self,
        response: &Message,
        client_nonce: &str,
    ) -> Result<Self, ChallengeFault> {
        let credentials = self.credentials.as_deref().ok_or(ChallengeFault::NoCredentials)?;
        self.realms.take(response, credentials.weakest)?;
        self.authorizations = self.realms.answers(credentials, &self.draft, client_nonce);
        Ok(self)
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
            authorizations: &attempt.authorizations,
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
