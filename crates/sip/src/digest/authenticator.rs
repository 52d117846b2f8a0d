//! The server's side: one challenge per response, and a verdict on what comes back.

use std::time::{Duration, Instant};

use super::hash::{Counted, Exchange, HexHash};
use super::nonce::{Mint, Nonce};
use super::nonce_count::{Count, NonceCounts};
use super::parameters::{Parameters, ParametersError, quote};
use super::{Algorithm, Ha1};
use crate::uri::Uri;

/// Bounds of an [`Authenticator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a nonce may be answered.
    pub nonce_lifetime: Duration,
    /// Nonces whose counts are remembered; the oldest beyond this many becomes stale.
    pub nonces_tracked_max: usize,
}

impl Default for Limits {
    /// Five minutes: longer than any exchange, short enough that a registration refreshed hourly costs one more round
    /// trip and a captured nonce is soon worthless. 200,000 nonces: two for each of 100,000 connections, 10 MB.
    fn default() -> Self {
        Self {
            nonce_lifetime: Duration::from_secs(300),
            nonces_tracked_max: 200_000,
        }
    }
}

/// Judges the digest answers of one realm.
///
/// Its nonces are valid only here: all answers to a nonce must reach the authenticator that made it, and two
/// authenticators must not share a key, or an answer could be used once at each.
pub struct Authenticator {
    realm: String,
    limits: Limits,
    mint: Mint,
    counts: NonceCounts,
    /// The first instant seen, from which the times in nonces count.
    began: Option<Instant>,
    next_serial: u64,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request comes from somebody who knows the password of `username`.
    Accepted {
        /// The authorization id.
        username: String,
        /// The answer was right by the password that is being rotated out.
        by_previous: bool,
    },
    /// The request is to be challenged (again), with 401 or 407.
    Challenge {
        /// The `stale` of the challenge: the password was right, so the client need not ask its user.
        stale: bool,
        /// The algorithm to challenge with.
        algorithm: Algorithm,
        /// Why, to be counted.
        why: ChallengeReason,
    },
    /// The answer is an attack or an error that another try does not mend.
    Refused(Refusal),
}

/// Why a request is challenged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChallengeReason {
    /// Its Authorization header does not answer any challenge, as clients send that do not know one yet.
    Unanswered,
    /// Unknown user, wrong password, or another algorithm than the user's; they cannot be told apart.
    WrongAnswer,
    /// The nonce is not of this authenticator, as after a restart or in another zone.
    ForeignNonce,
    /// The nonce is too old.
    ExpiredNonce,
    /// The nonce count has been used before: a replay, or two requests that overtook each other.
    Replayed,
    /// The nonce has dropped out of the table of counts.
    ForgottenNonce,
}

/// Why an answer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The header cannot be read.
    #[error("malformed Authorization header")]
    Malformed(#[from] ParametersError),
    /// A parameter is missing.
    #[error("the answer has no {0}")]
    Missing(&'static str),
    /// A parameter has an impossible value.
    #[error("the answer has a bad {0}")]
    Bad(&'static str),
    /// The answer is for another realm: relayed from elsewhere.
    #[error("the answer is for another realm")]
    OtherRealm,
    /// The answer is for another Request-URI: relayed from another request.
    #[error("the answer is for another Request-URI")]
    OtherUri,
    /// The answer uses another algorithm than its challenge: a downgrade.
    #[error("the answer uses another algorithm than the challenge")]
    OtherAlgorithm,
    /// The answer has no quality of protection. Every challenge offers `auth`, and RFC 8760 §2.6 obliges the client to
    /// use it. An answer in the style of RFC 2069 has neither count nor client nonce and could be replayed for as long as
    /// its nonce lives, so not even peers that know only MD5 may give one.
    #[error("the answer has no quality of protection")]
    NoQop,
}

/// The parameters of an answer that has all of them.
struct Answer<'a> {
    username: std::borrow::Cow<'a, str>,
    algorithm: Algorithm,
    nonce: &'a str,
    uri: &'a str,
    response: &'a str,
    count: u32,
    nonce_count: &'a str,
    cnonce: &'a str,
}

impl Authenticator {
    /// Makes the authenticator of a realm; `key` is 256 bits of the caller's randomness, fresh for each authenticator
    /// and each start: with an earlier start's key its nonces could be answered again.
    #[must_use]
    pub fn new(key: [u8; 32], realm: String, limits: Limits) -> Self {
        Self {
            realm,
            limits,
            mint: Mint::new(key),
            counts: NonceCounts::new(limits.nonces_tracked_max),
            began: None,
            next_serial: 0,
        }
    }

    /// The realm of every challenge.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Nonces whose counts are remembered.
    #[must_use]
    pub fn nonces_tracked(&self) -> usize {
        self.counts.len()
    }

    /// Makes the value of the one WWW-Authenticate or Proxy-Authenticate header of a response. `algorithm` is the
    /// credential's of the user that asks, or the site's default if nobody knows that user.
    #[must_use]
    pub fn challenge(&mut self, now: Instant, algorithm: Algorithm, stale: bool) -> String {
        let nonce = Nonce {
            made_ms: self.elapsed_ms(now),
            serial: self.next_serial,
        };
        self.next_serial = self.next_serial.wrapping_add(1);
        let nonce = self.mint.make(nonce, &self.realm, algorithm);
        format!(
            "Digest realm={}, nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{}",
            quote(&self.realm),
            algorithm.as_str(),
            if stale { ", stale=true" } else { "" },
        )
    }

    /// Judges the value of an Authorization or Proxy-Authorization header whose realm is (or should be) this one.
    ///
    /// `ha1_lookup` finds the hash by authorization id. An unknown user costs the same work as a known one with a wrong
    /// password, and gets the same verdict.
    #[must_use]
    pub fn verify(
        &mut self,
        now: Instant,
        header: &str,
        method: &str,
        request_uri: &str,
        ha1_lookup: &dyn Fn(&str) -> Option<Ha1>,
    ) -> Verdict {
        let parameters = match Parameters::parse(header) {
            Ok(parameters) => parameters,
            Err(error) => return Verdict::Refused(error.into()),
        };
        if parameters.raw("nonce").is_none_or(str::is_empty)
            || parameters.raw("response").is_none_or(str::is_empty)
        {
            let algorithm = answered_algorithm(&parameters).unwrap_or(Algorithm::Sha256);
            return Verdict::Challenge {
                stale: false,
                algorithm,
                why: ChallengeReason::Unanswered,
            };
        }
        match self.read(&parameters, request_uri) {
            Ok(answer) => self.judge(now, &answer, method, ha1_lookup),
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn read<'a>(&self, parameters: &Parameters<'a>, request_uri: &str) -> Result<Answer<'a>, Refusal> {
        let raw = |name: &'static str| parameters.raw(name).ok_or(Refusal::Missing(name));
        if *parameters.unescaped("realm").ok_or(Refusal::Missing("realm"))? != *self.realm {
            return Err(Refusal::OtherRealm);
        }
        let uri = raw("uri")?;
        if !is_same_uri(uri, request_uri) {
            return Err(Refusal::OtherUri);
        }
        match parameters.raw("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {}
            Some(_) => return Err(Refusal::Bad("qop")),
            None => return Err(Refusal::NoQop),
        }
        let nonce_count = raw("nc")?;
        let is_count = nonce_count.len() == 8 && nonce_count.bytes().all(|byte| byte.is_ascii_hexdigit());
        let count = u32::from_str_radix(nonce_count, 16)
            .ok()
            .filter(|count| is_count && *count > 0);
        let cnonce = raw("cnonce")?;
        if cnonce.is_empty() {
            return Err(Refusal::Bad("cnonce"));
        }
        Ok(Answer {
            username: parameters
                .unescaped("username")
                .ok_or(Refusal::Missing("username"))?,
            algorithm: answered_algorithm(parameters).ok_or(Refusal::Bad("algorithm"))?,
            nonce: raw("nonce")?,
            uri,
            response: raw("response")?,
            count: count.ok_or(Refusal::Bad("nc"))?,
            nonce_count,
            cnonce,
        })
    }

    fn judge(
        &mut self,
        now: Instant,
        answer: &Answer<'_>,
        method: &str,
        ha1_lookup: &dyn Fn(&str) -> Option<Ha1>,
    ) -> Verdict {
        let nonce = match self.recognise(answer) {
            Ok(nonce) => nonce,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        let ha1 = ha1_lookup(&answer.username).filter(|ha1| ha1.algorithm() == answer.algorithm);
        let challenge = |stale, why| Verdict::Challenge {
            stale,
            algorithm: answer.algorithm,
            why,
        };
        let Some(by_previous) = self.prove(answer, method, ha1.as_ref()) else {
            return challenge(false, ChallengeReason::WrongAnswer);
        };
        let Some(nonce) = nonce else {
            return challenge(true, ChallengeReason::ForeignNonce);
        };
        let lifetime_ms = u64::try_from(self.limits.nonce_lifetime.as_millis()).unwrap_or(u64::MAX);
        let oldest_ms = self.elapsed_ms(now).saturating_sub(lifetime_ms);
        if nonce.made_ms < oldest_ms {
            return challenge(true, ChallengeReason::ExpiredNonce);
        }
        match self.counts.judge(nonce, answer.count) {
            Count::Fresh => {}
            Count::Used => return challenge(true, ChallengeReason::Replayed),
            Count::Forgotten => return challenge(true, ChallengeReason::ForgottenNonce),
        }
        self.counts.remember(nonce, answer.count, oldest_ms);
        Verdict::Accepted {
            username: answer.username.clone().into_owned(),
            by_previous,
        }
    }

    /// Reads the answer's nonce: `None` if it is not ours, a refusal if it is ours but for another algorithm.
    fn recognise(&self, answer: &Answer<'_>) -> Result<Option<Nonce>, Refusal> {
        let recognise = |algorithm| self.mint.recognise(answer.nonce, &self.realm, algorithm);
        let other = match answer.algorithm {
            Algorithm::Md5 => Algorithm::Sha256,
            Algorithm::Sha256 => Algorithm::Md5,
        };
        match (recognise(answer.algorithm), recognise(other)) {
            (None, Some(_)) => Err(Refusal::OtherAlgorithm),
            (own, _) => Ok(own),
        }
    }

    /// Compares the answer with both generations of the password, or with as many decoys; `Some(true)` if it was right
    /// by the previous one.
    fn prove(&self, answer: &Answer<'_>, method: &str, ha1: Option<&Ha1>) -> Option<bool> {
        let decoy = self.mint.decoy(&answer.username);
        let decoy = HexHash::from_octets(&decoy);
        let exchange = Exchange {
            algorithm: answer.algorithm,
            nonce: answer.nonce,
            method,
            uri: answer.uri,
            counted: Some(Counted {
                nonce_count: answer.nonce_count,
                cnonce: answer.cnonce,
            }),
        };
        let matches = |hash: Option<&HexHash>| {
            let right = exchange.response(hash.unwrap_or(&decoy)).matches(answer.response);
            right & hash.is_some()
        };
        let by_current = matches(ha1.map(Ha1::current));
        let by_previous = matches(ha1.and_then(Ha1::previous));
        (by_current | by_previous).then_some(!by_current)
    }

    fn elapsed_ms(&mut self, now: Instant) -> u64 {
        let began = *self.began.get_or_insert(now);
        u64::try_from(now.saturating_duration_since(began).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Octet for octet, or as RFC 3261 §19.1.4 compares: a proxy may have written the Request-URI anew, and no other.
fn is_same_uri(answered: &str, requested: &str) -> bool {
    answered == requested
        || match (Uri::parse(answered), Uri::parse(requested)) {
            (Ok(answered), Ok(requested)) => answered.is_equivalent_to(&requested),
            (Err(_), _) | (_, Err(_)) => false,
        }
}

/// The algorithm an answer names; without a name it is MD5 (RFC 7616 §3.4); `None` for one not spoken here.
fn answered_algorithm(parameters: &Parameters<'_>) -> Option<Algorithm> {
    parameters
        .raw("algorithm")
        .map_or(Some(Algorithm::Md5), Algorithm::from_token)
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authenticator")
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}
