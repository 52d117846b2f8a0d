//! The realms that have challenged a request: a proxy on the way and the server behind it each want an answer of their
//! own, and each request that follows carries all of them (RFC 3261 22.3).

use super::ChallengeFault;
use crate::digest::{self, Algorithm, Challenge, ClientCredentials};
use crate::draft::{Authorizations, Draft};
use crate::message::{HeaderName, Message, StatusCode};

/// Realms whose challenges one request answers: its server's, and those of more proxies than stand before it.
pub const REALMS_MAX: usize = 4;

/// Where a challenge stands in a response, and its answer in a request.
const HEADERS: [(HeaderName<'static>, HeaderName<'static>); 2] = [
    (HeaderName::WwwAuthenticate, HeaderName::Authorization),
    (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
];

/// See the [module](self). At most [`REALMS_MAX`].
#[derive(Clone, Default)]
pub(super) struct Realms(Vec<Realm>);

/// The last challenge of one realm.
#[derive(Clone)]
struct Realm {
    answered_in: HeaderName<'static>,
    challenge: Challenge,
    /// Requests that have carried an answer with this nonce.
    nonce_count: u32,
    /// A challenge that said that just the nonce was stale has been answered; no further one is.
    was_stale: bool,
}

impl Realms {
    /// Takes the challenges of a response; the error says why answering them would not help.
    pub(super) fn take(&mut self, response: &Message, weakest: Algorithm) -> Result<(), ChallengeFault> {
        let mut is_challenged = false;
        for (asked_in, answered_in) in HEADERS {
            for challenge in Challenge::choose_by_realm(response.headers(asked_in), weakest) {
                self.challenged(answered_in, challenge)?;
                is_challenged = true;
            }
        }
        if is_challenged {
            Ok(())
        } else {
            Err(ChallengeFault::NotUsable)
        }
    }

    fn challenged(
        &mut self,
        answered_in: HeaderName<'static>,
        challenge: Challenge,
    ) -> Result<(), ChallengeFault> {
        let has_room = self.0.len() < REALMS_MAX;
        let known = self
            .0
            .iter_mut()
            .find(|realm| realm.answered_in == answered_in && realm.challenge.realm() == challenge.realm());
        match known {
            Some(realm) if challenge.is_stale() && !realm.was_stale => {
                *realm = Realm {
                    answered_in,
                    challenge,
                    nonce_count: 0,
                    was_stale: true,
                };
            }
            Some(_) => return Err(ChallengeFault::Repeated),
            None if !has_room => return Err(ChallengeFault::NotUsable),
            None => self.0.push(Realm {
                answered_in,
                challenge,
                nonce_count: 0,
                was_stale: false,
            }),
        }
        Ok(())
    }

    /// Answers every realm, those of earlier challenges with the next count of their nonces.
    pub(super) fn answers(
        &mut self,
        credentials: &ClientCredentials,
        draft: &Draft,
        client_nonce: &str,
    ) -> Authorizations {
        let answer = |realm: &mut Realm| {
            realm.nonce_count += 1;
            let value = digest::answer(
                &realm.challenge,
                credentials,
                draft.method.as_str(),
                &draft.uri,
                realm.nonce_count,
                client_nonce,
            );
            (realm.answered_in.as_str().to_owned(), value)
        };
        self.0.iter_mut().map(answer).collect()
    }
}

/// Whether a response asks for credentials.
pub(super) fn is_challenge(response: &Message) -> bool {
    matches!(
        response.status(),
        Some(StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED)
    )
}
