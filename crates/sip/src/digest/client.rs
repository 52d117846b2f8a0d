//! The client's answer to a challenge.

use super::hash::{Counted, Exchange};
use super::parameters::quote;
use super::{Algorithm, Challenge, Ha1, Secret};

/// Who a client says it is, and how it proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The authorization id, unescaped.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// The weakest algorithm whose challenges are answered: whoever sits between can ask for a weaker one, and guess
    /// the password from its answer (RFC 8760 §4).
    pub weakest: Algorithm,
}

/// Makes the value of the Authorization or Proxy-Authorization header that answers `challenge`.
///
/// `uri` is the Request-URI as it is sent, `nonce_count` the number of times this nonce has been answered with this
/// answer included (from 1), `cnonce` the caller's randomness as a text that needs no escaping. The latter two are
/// used only where the challenge offers the quality of protection `auth`.
#[must_use]
pub fn answer(
    challenge: &Challenge,
    credentials: &ClientCredentials,
    method: &str,
    uri: &str,
    nonce_count: u32,
    cnonce: &str,
) -> String {
    let algorithm = challenge.algorithm;
    let nonce_count = format!("{nonce_count:08x}");
    let counted = challenge.qop_auth.then_some(Counted {
        nonce_count: &nonce_count,
        cnonce,
    });
    let ha1 = Ha1::new(
        algorithm,
        &credentials.username,
        &challenge.realm,
        &credentials.password,
    );
    let exchange = Exchange {
        algorithm,
        nonce: &challenge.nonce,
        method,
        uri,
        counted,
    };
    let response = exchange.response(ha1.current());

    let mut header = format!(
        "Digest username={}, realm={}, nonce=\"{}\", uri=\"{uri}\", response=\"{}\"",
        quote(&credentials.username),
        quote(&challenge.realm),
        challenge.nonce,
        response.as_str(),
    );
    if challenge.algorithm_named {
        header.push_str(&format!(", algorithm={}", algorithm.as_str()));
    }
    if challenge.qop_auth {
        header.push_str(&format!(", qop=auth, nc={nonce_count}, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = &challenge.opaque {
        header.push_str(&format!(", opaque=\"{opaque}\""));
    }
    header
}
