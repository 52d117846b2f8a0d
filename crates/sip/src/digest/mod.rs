//! Digest access authentication for SIP: RFC 7616 with RFC 8760 and RFC 3261 §22.
//!
//! A client parses the challenges it is sent ([`Challenge`]) and answers the best ([`answer`]). A server makes one
//! challenge per response and judges what comes back ([`Authenticator`]).
//!
//! What is deliberately left out, and why:
//! - `auth-int`: middle boxes rewrite bodies, and TLS protects them where it matters. It is neither offered nor
//!   chosen.
//! - `-sess` algorithms: they need the nonce at the time of the hash and bring SIP nothing.
//! - SHA-512/256: no peer of ours speaks it.
//! - `userhash` and `username*`: a zone finds its credentials by authorization id.
//! - a client's answer without `qop`: the server refuses it (see [`Refusal::NoQop`]), the client gives it only to a
//!   server whose challenge has none.

mod authenticator;
mod challenge;
mod client;
mod hash;
mod nonce;
mod nonce_count;
mod parameters;
mod secret;
#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, ChallengeReason, Limits, Refusal, Verdict};
pub use challenge::{Challenge, ChallengeError};
pub use client::{ClientCredentials, answer};
pub use hash::{Algorithm, Ha1};
pub use parameters::ParametersError;
pub use secret::Secret;

/// Says whether a request of this method may be challenged: an ACK has no response, and a CANCEL cannot be sent
/// again (RFC 3261 §22.1). An ACK repeats its INVITE's answer, nonce count included, and is not to be verified.
#[must_use]
pub fn may_be_challenged(method: &str) -> bool {
    !matches!(method, "ACK" | "CANCEL")
}
