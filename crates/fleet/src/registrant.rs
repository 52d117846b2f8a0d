//! Registers users over a link: REGISTER, the challenge, REGISTER with the answer, 200.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sip::digest::{Algorithm, Challenge, ChallengeError, ClientCredentials, answer};
use sip::message::{BuildError, HeaderName, Message, Method, RequestBuilder, StatusCode};
use thiserror::Error;
use tokio::time::timeout;

use crate::link::{Link, LinkError};

/// Time after which a datagram is sent again (T1 of RFC 3261).
const RESEND_AFTER: Duration = Duration::from_millis(500);
/// Times a request is sent at most.
const SENDS_MAX: u32 = 6;
/// Time on a connection, which loses nothing.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Lifetime asked for, in seconds: longer than any measurement.
const EXPIRES: &str = "3600";

/// Why a user is not registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// The way to the server failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A request cannot be written.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The server's challenge cannot be answered.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The server refused.
    #[error("refused with {0}")]
    Refused(StatusCode),
    /// The server does not answer.
    #[error("the server does not answer")]
    Silent,
}

/// A user who registers, perhaps again and again.
#[derive(Debug, Clone)]
pub struct Registrant {
    domain: String,
    user: String,
    credentials: ClientCredentials,
    /// Another for each registrant, also of one user: equal ones would be requests that came twice (RFC 3261 8.2.2.2).
    call_id: String,
    sequence: u32,
    resent: u64,
}

impl Registrant {
    /// A user of `domain` whose authorization id is the user's name.
    #[must_use]
    pub fn new(domain: &str, user: &str, password: &str) -> Self {
        static REGISTRANTS: AtomicU64 = AtomicU64::new(0);
        let number = REGISTRANTS.fetch_add(1, Ordering::Relaxed);
        Self {
            domain: domain.to_owned(),
            user: user.to_owned(),
            credentials: ClientCredentials {
                username: user.to_owned(),
                password: password.into(),
                weakest: Algorithm::Md5,
            },
            call_id: format!("fleet-{}-{number}", std::process::id()),
            sequence: 0,
            resent: 0,
        }
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// How often a datagram had to be sent again.
    #[must_use]
    pub fn resent(&self) -> u64 {
        self.resent
    }

    /// Registers the link's address: two requests, since no challenge is remembered.
    ///
    /// # Errors
    ///
    /// When the server refuses or is silent.
    pub async fn register(&mut self, link: &mut Link) -> Result<(), RegisterError> {
        let first = self.send(link, None).await?;
        match first.status() {
            Some(status) if status.is_success() => return Ok(()),
            Some(StatusCode::UNAUTHORIZED) => {}
            status => return Err(refused(status)),
        }
        let challenge = Challenge::parse(first.header(HeaderName::WwwAuthenticate).unwrap_or_default())?;
        let uri = self.registrar();
        let authorization = answer(
            &challenge,
            &self.credentials,
            "REGISTER",
            &uri,
            1,
            &format!("{:08x}", self.sequence),
        );
        let second = self.send(link, Some(&authorization)).await?;
        match second.status() {
            Some(status) if status.is_success() => Ok(()),
            status => Err(refused(status)),
        }
    }

    async fn send(&mut self, link: &mut Link, authorization: Option<&str>) -> Result<Message, RegisterError> {
        self.sequence += 1;
        let request = self.request(link, authorization)?;
        let flow = link.flow();
        let (sends, patience) = if flow.transport.is_reliable() {
            (1, ANSWER_MAX)
        } else {
            (SENDS_MAX, RESEND_AFTER)
        };
        for attempt in 0..sends {
            self.resent += u64::from(attempt > 0);
            link.send(request.as_bytes()).await?;
            if let Ok(response) = timeout(patience, self.response(link)).await {
                return response;
            }
        }
        Err(RegisterError::Silent)
    }

    /// Waits for the final response to the request sent last; late ones to earlier requests are passed over.
    async fn response(&self, link: &mut Link) -> Result<Message, RegisterError> {
        loop {
            let message = link.next().await?;
            let is_final = message.status().is_some_and(StatusCode::is_final);
            let is_ours = message.cseq().is_ok_and(|cseq| cseq.sequence == self.sequence);
            if is_final && is_ours {
                return Ok(message);
            }
        }
    }

    fn request(&self, link: &Link, authorization: Option<&str>) -> Result<Message, BuildError> {
        let Self {
            domain,
            user,
            call_id,
            sequence,
            ..
        } = self;
        let flow = link.flow();
        let own = format!("<sip:{user}@{domain}>");
        let via = format!(
            "SIP/2.0/{} {};branch=z9hG4bK-{call_id}-{sequence};rport",
            flow.transport.via_token(),
            flow.local
        );
        let contact = format!(
            "<sip:{user}@{};transport={}>",
            flow.local,
            flow.transport.uri_token()
        );
        let mut builder = RequestBuilder::new(Method::Register, &self.registrar())
            .header(HeaderName::Via, &via)
            .header(HeaderName::MaxForwards, "70")
            .header(HeaderName::From, &format!("{own};tag={user}-{sequence}"))
            .header(HeaderName::To, &own)
            .header(HeaderName::CallId, call_id)
            .header(HeaderName::CSeq, &format!("{sequence} REGISTER"))
            .header(HeaderName::Contact, &contact)
            .header(HeaderName::Expires, EXPIRES);
        if let Some(authorization) = authorization {
            builder = builder.header(HeaderName::Authorization, authorization);
        }
        builder.finish()
    }

    fn registrar(&self) -> String {
        format!("sip:{}", self.domain)
    }
}

fn refused(status: Option<StatusCode>) -> RegisterError {
    RegisterError::Refused(status.unwrap_or(StatusCode::BAD_REQUEST))
}
