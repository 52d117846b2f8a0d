//! Challenges as a client reads them.

use super::Algorithm;
use super::parameters::{Parameters, ParametersError};

/// One challenge of a 401 or 407 response that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub(super) realm: String,
    /// As it stands on the wire, without quotation marks; it goes back octet for octet.
    pub(super) nonce: String,
    /// As `nonce`.
    pub(super) opaque: Option<String>,
    pub(super) algorithm: Algorithm,
    /// The parameter was there, so it goes back.
    pub(super) algorithm_named: bool,
    /// Quality of protection `auth` is offered; otherwise none is, as in RFC 2069.
    pub(super) qop_auth: bool,
    pub(super) stale: bool,
}

/// Why a challenge cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// The header is not a list of digest parameters.
    #[error("malformed challenge")]
    Parameters(#[from] ParametersError),
    /// A parameter that every challenge has is missing.
    #[error("the challenge has no {0}")]
    Missing(&'static str),
    /// An algorithm that is not spoken here.
    #[error("unknown algorithm {0}")]
    UnknownAlgorithm(String),
    /// An algorithm weaker than the caller allows (RFC 8760 §4: a downgrade by whoever sits between).
    #[error("algorithm {} is weaker than is allowed", .0.as_str())]
    TooWeak(Algorithm),
    /// Only other qualities of protection than `auth` are offered.
    #[error("the quality of protection auth is not offered")]
    NoUsableQop,
}

impl Challenge {
    /// Parses the value of one WWW-Authenticate or Proxy-Authenticate header.
    ///
    /// # Errors
    ///
    /// Says why the challenge cannot be answered; RFC 8760 §2.4 has it ignored then.
    pub fn parse(header: &str) -> Result<Self, ChallengeError> {
        let parameters = Parameters::parse(header)?;
        let algorithm_token = parameters.raw("algorithm");
        let algorithm = match algorithm_token {
            None => Algorithm::Md5,
            Some(token) => Algorithm::from_token(token)
                .ok_or_else(|| ChallengeError::UnknownAlgorithm(token.to_owned()))?,
        };
        let qop_auth = match parameters.raw("qop") {
            None | Some("") => false,
            Some(list) if list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return Err(ChallengeError::NoUsableQop),
        };
        Ok(Self {
            realm: parameters
                .unescaped("realm")
                .ok_or(ChallengeError::Missing("realm"))?
                .into_owned(),
            nonce: parameters
                .raw("nonce")
                .ok_or(ChallengeError::Missing("nonce"))?
                .to_owned(),
            opaque: parameters.raw("opaque").map(str::to_owned),
            algorithm,
            algorithm_named: algorithm_token.is_some(),
            qop_auth,
            stale: parameters
                .raw("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// Chooses the strongest challenge among the headers of one response, the topmost of equals. Challenges that
    /// cannot be answered, or are weaker than `weakest`, are passed over (RFC 8760 §2.4; strength before position is
    /// the local policy it allows, so that reordering headers is no downgrade).
    ///
    /// # Errors
    ///
    /// Says why the topmost challenge cannot be answered if none can, or that there is none.
    pub fn choose<'a>(
        headers: impl IntoIterator<Item = &'a str>,
        weakest: Algorithm,
    ) -> Result<Self, ChallengeError> {
        let mut best: Result<Self, ChallengeError> = Err(ChallengeError::Missing("scheme"));
        for (position, header) in headers.into_iter().enumerate() {
            let challenge = Self::parse_strong(header, weakest);
            let is_better = match (&challenge, &best) {
                (Ok(challenge), Ok(best)) => challenge.algorithm > best.algorithm,
                (Ok(_), Err(_)) => true,
                (Err(_), _) => position == 0,
            };
            if is_better {
                best = challenge;
            }
        }
        best
    }

    /// Chooses one challenge of each realm among the headers of one response, as [`choose`](Self::choose) does among
    /// all; proxies that fork put the challenges of several servers into one response (RFC 3261 22.3).
    #[must_use]
    pub fn choose_by_realm<'a>(headers: impl IntoIterator<Item = &'a str>, weakest: Algorithm) -> Vec<Self> {
        let mut chosen: Vec<Self> = Vec::new();
        for header in headers {
            let Ok(challenge) = Self::parse_strong(header, weakest) else {
                continue;
            };
            match chosen.iter_mut().find(|known| known.realm == challenge.realm) {
                Some(known) if challenge.algorithm > known.algorithm => *known = challenge,
                Some(_) => {}
                None => chosen.push(challenge),
            }
        }
        chosen
    }

    fn parse_strong(header: &str, weakest: Algorithm) -> Result<Self, ChallengeError> {
        let challenge = Self::parse(header)?;
        if challenge.algorithm < weakest {
            return Err(ChallengeError::TooWeak(challenge.algorithm));
        }
        Ok(challenge)
    }

    /// The realm the credentials are wanted for.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The nonce as it stands on the wire: the count of its uses starts at 1 and belongs to it.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The algorithm of the answer.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// It asks for the quality of protection `auth`, so that answers are counted.
    #[must_use]
    pub fn has_quality_of_protection(&self) -> bool {
        self.qop_auth
    }

    /// The answer before this challenge was right but for its nonce: the same credentials are to be tried again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}
