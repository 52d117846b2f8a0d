//! What proves a message to its receiver, and a receiver to us.

use hmac::{Hmac, KeyInit, Mac};
use model::Secret;
use model::inventory::Timestamp;
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The header that says when a message was sent.
pub const TIMESTAMP_HEADER: &str = "x-zm-request-timestamp";
/// The header that proves who has sent it.
pub const SIGNATURE_HEADER: &str = "x-zm-signature";
/// The header that names the event: a message that comes twice has the same.
pub const EVENT_ID_HEADER: &str = "oyez-event-id";
/// Octets that a receiver's answer to a question may have.
pub const ANSWER_LENGTH_MAX: usize = 4_096;

/// What stands in the headers of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// When it is sent, in seconds since 1970.
    pub timestamp: String,
    /// The version and the code in hexadecimal digits.
    pub signature: String,
}

/// Signs a body that is sent now.
#[must_use]
pub fn sign(secret: &Secret, now: Timestamp, body: &str) -> Signed {
    let timestamp = (now.0 / 1_000).to_string();
    let code = code(secret, &["v0:", &timestamp, ":", body]);
    Signed {
        timestamp,
        signature: format!("v0={code}"),
    }
}

/// What a receiver that knows the secret makes of a text.
#[must_use]
pub fn encrypted_token(secret: &Secret, plain: &str) -> String {
    code(secret, &[plain])
}

/// Why an answer does not prove that the receiver knows its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// It is no such answer.
    #[error("the answer is no JSON object with plainToken and encryptedToken")]
    NoAnswer,
    /// It is one to another question.
    #[error("plainToken in the answer is not the one that was sent")]
    OtherQuestion,
    /// It was made with another secret.
    #[error("encryptedToken in the answer was not made with the secret token of this webhook")]
    OtherSecret,
}

/// Judges a receiver's answer to `endpoint.url_validation`.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn judge_answer(secret: &Secret, plain: &str, answer: &[u8]) -> Result<(), NotProved> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        plain_token: String,
        encrypted_token: String,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| NotProved::NoAnswer)?;
    if answer.plain_token != plain {
        return Err(NotProved::OtherQuestion);
    }
    let right = encrypted_token(secret, plain);
    let given = answer.encrypted_token.to_ascii_lowercase();
    if bool::from(right.as_bytes().ct_eq(given.as_bytes())) {
        Ok(())
    } else {
        Err(NotProved::OtherSecret)
    }
}

fn code(secret: &Secret, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("HMAC takes keys of any length (RFC 2104 section 2)");
    for part in parts {
        mac.update(part.as_bytes());
    }
    let code = mac.finalize().into_bytes();
    code.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with `printf 'v0:1739923528:{"a":1}' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn a_signature_is_the_code_of_version_time_and_body() {
        let signed = sign(&Secret::from("secret"), Timestamp(1_739_923_528_999), "{\"a\":1}");
        assert_eq!(signed.timestamp, "1739923528");
        assert_eq!(
            signed.signature,
            "v0=220676373f55d4e38f23e70db18b0684bfadeb3b7c8517cabd7b508588746d40"
        );
    }

    // Made with `printf 'qgg8vlvZRS6UYooatFL8Aw' | openssl dgst -sha256 -hmac secret`.
    #[test]
    fn a_receiver_that_knows_the_secret_is_believed_and_no_other() {
        let (secret, plain) = (Secret::from("secret"), "qgg8vlvZRS6UYooatFL8Aw");
        let right = "72cef096bfd47c0b8664df30d07721641e4abd7e885ba432204260db477a9a3e";
        assert_eq!(encrypted_token(&secret, plain), right);
        let answer =
            |plain: &str, code: &str| format!("{{\"plainToken\":\"{plain}\",\"encryptedToken\":\"{code}\"}}");
        let judged = |answer: &str| judge_answer(&secret, plain, answer.as_bytes());
        assert_eq!(judged(&answer(plain, right)), Ok(()));
        assert_eq!(judged(&answer(plain, &right.to_uppercase())), Ok(()));
        assert_eq!(judged(&answer("other", right)), Err(NotProved::OtherQuestion));
        assert_eq!(
            judged(&answer(plain, &right.replace('a', "b"))),
            Err(NotProved::OtherSecret)
        );
        assert_eq!(judged(&answer(plain, "")), Err(NotProved::OtherSecret));
        assert_eq!(judged("OK"), Err(NotProved::NoAnswer));
    }
}
