//! How a request is signed.
//!
//! ```text
//!   Authorization: hmac admin:<nonce>:<hex of HMAC-SHA-256 by the password over the text>
//!
//!   METHOD:URI:CONTENT-MD5:CONTENT-TYPE:UNIXTIME:NONCE     the text of a request with a body
//!   METHOD:URI:UNIXTIME:NONCE                              and of one without
//! ```

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use model::Secret;
use sha2::Sha256;

/// Users that the hardware knows: the name says nothing.
const USERS: [&str; 2] = ["admin", "algo"];
/// Bytes of a nonce.
pub(super) const NONCE_LENGTH_MAX: usize = 128;
/// Octets of a signature.
const SIGNATURE_LENGTH: usize = 32;

/// A signature as octets.
pub(super) type Signature = [u8; SIGNATURE_LENGTH];

/// What a request is signed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// Path and query as they were sent.
    pub(super) uri: &'a str,
    /// Of a request with a body.
    pub(super) body: Option<SignedBody<'a>>,
    /// The date in seconds since 1970.
    pub(super) date: u64,
    pub(super) nonce: &'a str,
}

/// The headers that stand for a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignedBody<'a> {
    pub(super) content_md5: &'a str,
    pub(super) content_type: &'a str,
}

/// The value of an Authorization header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credentials<'a> {
    pub(super) nonce: &'a str,
    pub(super) signature: Signature,
}

impl Signed<'_> {
    fn text(&self) -> String {
        let Self {
            method,
            uri,
            body,
            date,
            nonce,
        } = self;
        match body {
            Some(SignedBody {
                content_md5,
                content_type,
            }) => format!("{method}:{uri}:{content_md5}:{content_type}:{date}:{nonce}"),
            None => format!("{method}:{uri}:{date}:{nonce}"),
        }
    }

    fn keyed(&self, password: &Secret) -> Hmac<Sha256> {
        let mut keyed = Hmac::<Sha256>::new_from_slice(password.reveal().as_bytes())
            .expect("HMAC takes keys of any length");
        keyed.update(self.text().as_bytes());
        keyed
    }

    /// Says whether this is the signature, in a time that does not tell how much of it is right.
    pub(super) fn is_by(&self, password: &Secret, signature: &Signature) -> bool {
        self.keyed(password).verify_slice(signature).is_ok()
    }

    /// Signs as a client does.
    #[cfg(test)]
    pub(super) fn sign(&self, password: &Secret) -> String {
        hex(&self.keyed(password).finalize().into_bytes())
    }
}

impl<'a> Credentials<'a> {
    /// Reads the value of an Authorization header.
    pub(super) fn read(header: &'a str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        let mut parts = rest.trim().splitn(3, ':');
        let (user, nonce, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let is_nonce = (1..=NONCE_LENGTH_MAX).contains(&nonce.len());
        if !scheme.eq_ignore_ascii_case("hmac") || !USERS.contains(&user) || !is_nonce {
            return None;
        }
        Some(Self {
            nonce,
            signature: from_hex(signature)?,
        })
    }
}

/// The name and password of Basic, if the name is one of those that the hardware knows.
pub(super) fn is_basic_by(password: &Secret, header: &str) -> bool {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    let decoded = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, rest)| STANDARD.decode(rest.trim()).ok())
        .and_then(|octets| String::from_utf8(octets).ok().map(zeroize::Zeroizing::new));
    decoded.is_some_and(|text| {
        text.split_once(':')
            .is_some_and(|(user, tried)| USERS.contains(&user) && password.matches(tried))
    })
}

/// The value that Content-MD5 has for a body: in hexadecimal, unlike RFC 1864.
pub(super) fn content_md5(body: &[u8]) -> String {
    hex(&Md5::digest(body))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Signature> {
    let mut octets = [0; SIGNATURE_LENGTH];
    if text.len() != 2 * SIGNATURE_LENGTH {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for digit in pair {
            let digit = char::from(*digit).to_digit(16)?;
            *octet = *octet << 4 | u8::try_from(digit).ok()?;
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"path":"page-notif.wav", "loop":false}"#;
    const BODY_MD5: &str = "6e43c05d82f71e77c586e29edb93b129";

    fn start_of_a_tone(date: u64, nonce: &str) -> Signed<'_> {
        Signed {
            method: "POST",
            uri: "/api/controls/tone/start",
            body: Some(SignedBody {
                content_md5: BODY_MD5,
                content_type: "application/json",
            }),
            date,
            nonce,
        }
    }

    /// The examples of the guide of the hardware's maker.
    #[test]
    fn published_examples_have_the_published_signatures() {
        let of_a_key = Signed {
            method: "GET",
            uri: "/api/settings/audio.page.vol",
            body: None,
            date: 1_601_312_835,
            nonce: "881767496",
        };
        for (signed, signature) in [
            (
                start_of_a_tone(1_601_312_252, "49936"),
                "2e109d7aeed54a1cb04c6b72b1d854f442cf1ca15eb0af32f2512dd77ab6b330",
            ),
            (
                start_of_a_tone(1_601_312_838, "1028014788"),
                "c450024af4493f9cdf582499456bf58d7e134b161566e764e61bd52d24f759dc",
            ),
            (
                of_a_key,
                "c5b349415bce0b9e1b8122829d32fbe0a078791b311c4cf40369c7ab4eb165a8",
            ),
        ] {
            let header = format!("hmac admin:{}:{signature}", signed.nonce);

            let credentials = Credentials::read(&header).unwrap();

            assert_eq!(credentials.nonce, signed.nonce);
            assert!(signed.is_by(&Secret::from("algo"), &credentials.signature));
            assert!(!signed.is_by(&Secret::from("algo2"), &credentials.signature));
        }
    }

    #[test]
    fn the_published_body_has_the_published_md5() {
        assert_eq!(content_md5(BODY), BODY_MD5);
    }

    #[test]
    fn w03_what_is_no_signature_of_a_known_user_is_not_read() {
        let signature = "0".repeat(64);
        for header in [
            format!("hmac admin:n:{signature}"),
            format!("HMAC algo:n:{signature}"),
        ] {
            assert!(Credentials::read(&header).is_some(), "{header}");
        }
        for header in [
            String::new(),
            "hmac".to_owned(),
            format!("hmac admin:{signature}"),
            format!("hmac root:n:{signature}"),
            format!("hmac admin::{signature}"),
            format!("hmac admin:n:{signature}0"),
            format!("hmac admin:n:m:{signature}"),
            format!("hmac admin:n:{}", "g".repeat(64)),
            format!("hmac admin:n:{}", "é".repeat(32)),
            format!("basic admin:n:{signature}"),
        ] {
            assert!(Credentials::read(&header).is_none(), "{header}");
        }
    }

    #[test]
    fn a_nonce_has_so_many_bytes_and_not_one_more() {
        for (length, is_read) in [(NONCE_LENGTH_MAX, true), (NONCE_LENGTH_MAX + 1, false)] {
            let header = format!("hmac admin:{}:{}", "n".repeat(length), "0".repeat(64));
            assert_eq!(Credentials::read(&header).is_some(), is_read, "{length}");
        }
    }
}
