//! Who sent a request: the user of the credential that its digest answer proves, and nobody else.
//!
//! From, P-Asserted-Identity and Contact are claims. The only use made of one is to choose the algorithm of a
//! challenge, which is the account's default for users that do not exist, so that it tells nothing.

use std::cell::RefCell;
use std::time::Instant;

use model::directory::{Credential, CredentialSecret, DigestAlgorithm, Directory};
use model::status::RegistrationRefusal;
use model::{AuthorizationId, SipUser};
use sip::digest::{Algorithm, Authenticator, ChallengeReason, Ha1, Limits, Refusal, Secret, Verdict};
use sip::flow::{Flow, Source};
use sip::message::{HeaderName, Message, StatusCode};
use sip::user_agent::Reply;

use crate::guesses::Guesses;
use crate::registrar::Registrar;
use crate::status::IdentityCounters;

/// Answers to challenges that are looked at in one request: one per realm of a chain of proxies, and few chains are
/// longer than this.
pub(crate) const ANSWERS_MAX: usize = 8;

/// Seconds a sender is asked to wait for the directory of a zone that has just started.
const RETRY_AFTER: &str = "5";

/// Judges digest answers with the credentials of the directory.
pub(crate) struct Identity {
    /// Keys the nonces; a zone that starts anew has new ones, so that no nonce outlives the counts kept for it.
    key: [u8; 32],
    /// `None` until the directory has given a realm.
    authenticator: Option<Authenticator>,
    /// Wrong and right answers of late.
    guesses: Guesses,
}

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) flow: &'a Flow,
    /// Says who is bound there.
    pub(crate) registrar: &'a Registrar,
}

impl Sender<'_> {
    fn source(&self) -> Source {
        Source::of(self.flow.remote.ip())
    }

    /// Says whether the user holds a binding over this very flow.
    fn is_bound(&self, user: &SipUser) -> bool {
        let mut bindings = self.registrar.bindings(user).iter();
        bindings.any(|binding| binding.flow == *self.flow)
    }
}

/// Why a request has no known sender.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unidentified {
    /// No directory has come yet, so there is no realm to challenge with.
    NotServing,
    /// The sender must answer this challenge.
    Challenged {
        /// Value of WWW-Authenticate or Proxy-Authenticate.
        challenge: String,
        /// What was wrong with the answer; `None` where there was none.
        why: Option<ChallengeReason>,
        /// What becomes of whoever guesses.
        guessing: Guessing,
    },
    /// The answer is one that no client gives by mistake.
    Refused(Refusal),
}

/// Whether wrong answers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guessing {
    /// They do not.
    No,
    /// This is the last that was looked at without a wait.
    Begins,
    /// The answer was not looked at.
    GoesOn,
}

impl Unidentified {
    /// What somebody is to be told of: a wrong answer, or that no more are looked at for a while. Of those nothing is told.
    pub(crate) fn refusal(&self) -> Option<RegistrationRefusal> {
        match self {
            Self::Challenged {
                why: Some(ChallengeReason::WrongAnswer),
                guessing,
                ..
            } => match guessing {
                Guessing::No => Some(RegistrationRefusal::WrongCredentials),
                Guessing::Begins => Some(RegistrationRefusal::TooManyAttempts),
                Guessing::GoesOn => None,
            },
            Self::NotServing | Self::Challenged { .. } | Self::Refused(_) => None,
        }
    }

    /// The response, which leaves no state: 401 where the sender answers with Authorization, 407 where with Proxy-Authorization.
    pub(crate) fn reply(&self, answers: HeaderName<'_>) -> Reply {
        let is_proxy = answers == HeaderName::ProxyAuthorization;
        let reply = match self {
            Self::NotServing => {
                Reply::new(StatusCode::SERVICE_UNAVAILABLE).header("Retry-After", RETRY_AFTER)
            }
            Self::Challenged { challenge, .. } if is_proxy => {
                Reply::new(StatusCode::PROXY_AUTHENTICATION_REQUIRED).header("Proxy-Authenticate", challenge)
            }
            Self::Challenged { challenge, .. } => {
                Reply::new(StatusCode::UNAUTHORIZED).header("WWW-Authenticate", challenge)
            }
            Self::Refused(Refusal::Malformed(_) | Refusal::Missing(_) | Refusal::Bad(_)) => {
                Reply::new(StatusCode::BAD_REQUEST)
            }
            Self::Refused(
                Refusal::OtherRealm | Refusal::OtherUri | Refusal::OtherAlgorithm | Refusal::NoQop,
            ) => Reply::new(StatusCode::FORBIDDEN),
        };
        reply.without_state()
    }

    /// Counts it.
    pub(crate) fn count(&self, counters: &mut IdentityCounters) {
        let counter = match self {
            Self::NotServing => &mut counters.not_serving,
            Self::Challenged {
                why: None | Some(ChallengeReason::Unanswered),
                ..
            } => &mut counters.challenged,
            Self::Challenged {
                why: Some(ChallengeReason::WrongAnswer),
                ..
            } => &mut counters.wrong_answers,
            Self::Challenged {
                why:
                    Some(
                        ChallengeReason::ForeignNonce
                        | ChallengeReason::ExpiredNonce
                        | ChallengeReason::Replayed
                        | ChallengeReason::ForgottenNonce,
                    ),
                ..
            } => &mut counters.stale_answers,
            Self::Refused(_) => &mut counters.refused,
        };
        *counter += 1;
    }
}

impl Identity {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            authenticator: None,
            guesses: Guesses::default(),
        }
    }

    /// Takes over the realm of the directory. A realm that changes makes all nonces stale.
    pub(crate) fn follow(&mut self, realm: &str) {
        let unchanged = self
            .authenticator
            .as_ref()
            .is_some_and(|known| known.realm() == realm);
        if !unchanged {
            self.authenticator = Some(Authenticator::new(self.key, realm.to_owned(), Limits::default()));
        }
    }

    /// Says whether there is a realm to challenge with.
    pub(crate) fn is_serving(&self) -> bool {
        self.authenticator.is_some()
    }

    /// Finds the user that sent a request. `answers` names the header of the answer, `claimed` is the user the sender
    /// says it is.
    pub(crate) fn identify(
        &mut self,
        now: Instant,
        directory: &Directory,
        message: &Message,
        answers: HeaderName<'_>,
        (claimed, sender): (&str, Sender<'_>),
    ) -> Result<SipUser, Unidentified> {
        let (by, source, guesses) = (sender.flow.transport, sender.source(), &mut self.guesses);
        let authenticator = self.authenticator.as_mut().ok_or(Unidentified::NotServing)?;
        let method = message.method().map_or("", |method| method.as_str());
        let uri = message.request_uri().unwrap_or_default();
        let realm = directory.realm();
        // For which id an answer was, and whether it was not looked at.
        let judged = RefCell::new(None);
        let mut guessing = Guessing::No;
        let mut why = None;
        let mut stale = false;
        for answer in message
            .headers(answers)
            .filter(|answer| is_digest(answer))
            .take(ANSWERS_MAX)
        {
            let waits = |id: &str, credentials: &[Credential]| {
                let is_bound = credentials.first().is_some_and(|one| sender.is_bound(&one.user));
                !is_bound && guesses.keep_waiting(now, by, source, id)
            };
            let find_ha1 = |id: &str| {
                let credentials = directory.credentials(id);
                let is_left = waits(id, credentials);
                judged.replace(Some((id.to_owned(), is_left)));
                ha1(credentials, realm).filter(|_| !is_left)
            };
            match authenticator.verify(now, answer, method, uri, &find_ha1) {
                Verdict::Accepted { username, .. } => {
                    guesses.note_right(now, by, source, &username);
                    let user = directory
                        .credentials(&username)
                        .first()
                        .map(|credential| credential.user.clone());
                    return user.ok_or(Unidentified::NotServing);
                }
                Verdict::Challenge {
                    stale: is_stale,
                    why: reason,
                    ..
                } => {
                    (stale, why) = (is_stale, Some(reason));
                    guessing = match judged.take() {
                        _ if reason != ChallengeReason::WrongAnswer => Guessing::No,
                        Some((_, true)) => Guessing::GoesOn,
                        Some((id, false)) if guesses.note_wrong(now, by, source, &id) => Guessing::Begins,
                        Some((_, false)) | None => Guessing::No,
                    };
                    break;
                }
                // An answer meant for another server on the way says nothing here.
                Verdict::Refused(Refusal::OtherRealm) => {}
                Verdict::Refused(refusal) => return Err(Unidentified::Refused(refusal)),
            }
        }
        // The algorithm is the claimed user's and not the answer's, which the sender could lower.
        let algorithm = algorithm(directory.challenge_algorithm(claimed));
        Err(Unidentified::Challenged {
            challenge: authenticator.challenge(now, algorithm, stale),
            why,
            guessing,
        })
    }
}

/// RFC 4475 3.3.7: an answer of another scheme counts as none.
fn is_digest(answer: &str) -> bool {
    answer
        .get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("Digest"))
}

/// The hash of the newest generation, with the one that is being rotated out beside it.
fn ha1(credentials: &[Credential], realm: &str) -> Option<Ha1> {
    let mut generations = credentials
        .iter()
        .filter_map(|credential| one_ha1(credential, realm));
    let newest = generations.next()?;
    Some(match generations.next() {
        Some(previous) => newest.or_previous(&previous),
        None => newest,
    })
}

fn one_ha1(credential: &Credential, realm: &str) -> Option<Ha1> {
    let algorithm = algorithm(credential.algorithm);
    match &credential.secret {
        CredentialSecret::Password(password) => {
            let id: &AuthorizationId = &credential.authorization_id;
            Some(Ha1::new(
                algorithm,
                id.as_str(),
                realm,
                &Secret::from(password.reveal()),
            ))
        }
        CredentialSecret::Ha1(hash) => Ha1::from_hex(algorithm, hash.reveal()),
    }
}

fn algorithm(algorithm: DigestAlgorithm) -> Algorithm {
    match algorithm {
        DigestAlgorithm::Md5 => Algorithm::Md5,
        DigestAlgorithm::Sha256 => Algorithm::Sha256,
    }
}
