//! What the certificate of a client is worth.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use x509_parser::public_key::PublicKey;

use super::chain::{ChainOffence, OneWay};
use super::{ServerTlsError, provider};
use crate::authority::{RSA_BITS_MAX, RSA_BITS_MIN};

/// Takes any certificate whose key the client has.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None are named: a device has one certificate, and shows it to whoever asks.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
            .or_else(|error| self.verify_bare_by_pkcs1(error, message, certificate, signature))
            .or_else(|error| self.verify_bare(error, message, certificate, signature))
            .map_err(|error| named(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
            .or_else(|error| self.verify_bare(error, message, certificate, signature))
            .map_err(|error| named(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl AnyCertificate {
    /// Proves the possession of the key of a certificate that is made in a way nobody would trust, as those of version 1 are: what
    /// it is worth is judged later, where the device can be told.
    fn verify_bare(
        &self,
        error: Error,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(error, Error::InvalidCertificate(CertificateError::BadSignature)) {
            return Err(error);
        }
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
            return Err(error);
        };
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }

    /// Proves the same by a signature that TLS 1.3 has no more: RSA with PKCS #1, with the hashes that are taken of other certificates.
    fn verify_bare_by_pkcs1(
        &self,
        error: Error,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let is_by_pkcs1 = matches!(
            signature.scheme,
            SignatureScheme::RSA_PKCS1_SHA256
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        );
        let is_bad = matches!(error, Error::InvalidCertificate(CertificateError::BadSignature));
        if !is_by_pkcs1 || is_bad {
            return Err(error);
        }
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
            return Err(error);
        };
        let Ok(PublicKey::RSA(_)) = parsed.public_key().parsed() else {
            return Err(error);
        };
        let mappings = self.0.signature_verification_algorithms.mapping.iter();
        let mut of_scheme = mappings.filter(|(scheme, _)| *scheme == signature.scheme);
        let Some(algorithm) = of_scheme.find_map(|(_, algorithms)| algorithms.first()) else {
            return Err(error);
        };
        let key = &parsed.public_key().subject_public_key.data;
        match algorithm.verify_signature(key, message, signature.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(CertificateError::BadSignature.into()),
        }
    }
}

/// Why the key of a client proves nothing, whatever it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyOffence {
    /// It is too short, or longer than is taken.
    #[error(
        "its certificate's key is too weak or old: RSA of {0} bits, where {RSA_BITS_MIN} to {RSA_BITS_MAX} are taken"
    )]
    RsaBits(usize),
    /// It is of another kind than RSA and the usual curves, or signs in a way that is not safe.
    #[error("its certificate's key is too weak or old, or of a kind that is not taken here")]
    Kind,
}

/// Names the key where that is why a signature proves nothing.
fn named(error: Error, certificate: &CertificateDer<'_>) -> Error {
    use CertificateError as Because;
    let Error::InvalidCertificate(because) = &error else {
        return error;
    };
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return error;
    };
    let bits = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(key.key_size()),
        Ok(_) | Err(_) => None,
    };
    let offence = match (bits, because) {
        (Some(bits), _) if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) => KeyOffence::RsaBits(bits),
        (
            _,
            Because::UnsupportedSignatureAlgorithmContext { .. }
            | Because::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => KeyOffence::Kind,
        _ => return error,
    };
    Because::Other(OtherError(Arc::new(offence))).into()
}

/// What an authority says of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientVerdict {
    /// One of the authorities has signed it, and it is valid at the time.
    Trusted,
    /// One of them has signed it, and its time is over: one sentence.
    Expired(String),
    /// One of them has signed it, and its time has not come: one sentence.
    NotYetValid(String),
    /// None of them has signed it, or it is not made as it should: one sentence.
    Untrusted(String),
}

/// Authorities whose certificates prove who a client is.
#[derive(Clone)]
pub struct ClientAuthorities(Arc<dyn ClientCertVerifier>);

impl fmt::Debug for ClientAuthorities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientAuthorities")
    }
}

impl ClientAuthorities {
    /// Takes the authorities' certificates.
    ///
    /// # Errors
    /// One is no certificate, or there is none.
    pub fn new(authorities: &[CertificateDer<'static>]) -> Result<Self, ServerTlsError> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.clone()).map_err(ServerTlsError::Authority)?;
        }
        let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(ServerTlsError::Authorities)?;
        Ok(Self(Arc::new(OneWay(judge))))
    }

    /// What judges in the handshake: whoever it does not trust gets no further.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.0)
    }

    /// Judges a chain, the client's own certificate first, at a time.
    #[must_use]
    pub fn judge(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> ClientVerdict {
        let Some((own, intermediates)) = chain.split_first() else {
            return ClientVerdict::Untrusted("no certificate was shown".to_owned());
        };
        let since_1970 = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let judged = self
            .0
            .verify_client_cert(own, intermediates, UnixTime::since_unix_epoch(since_1970));
        match judged {
            Ok(_) => ClientVerdict::Trusted,
            Err(Error::InvalidCertificate(error)) => verdict_of(&error),
            Err(error) => ClientVerdict::Untrusted(error.to_string()),
        }
    }
}

fn verdict_of(error: &CertificateError) -> ClientVerdict {
    use CertificateError as Because;
    let words = match error {
        Because::Expired | Because::ExpiredContext { .. } => {
            return ClientVerdict::Expired(error.to_string());
        }
        Because::NotValidYet | Because::NotValidYetContext { .. } => {
            return ClientVerdict::NotYetValid(error.to_string());
        }
        Because::UnknownIssuer => "none of the authorities that are trusted here has signed it",
        Because::BadSignature => "its signature is not that of the authority it names",
        Because::InvalidPurpose | Because::InvalidPurposeContext { .. } => "it is not made for clients",
        Because::BadEncoding => "it is not encoded as a certificate of version 3 is",
        Because::UnsupportedSignatureAlgorithmContext { .. }
        | Because::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is not safe, such as SHA-1, or with a key that is too short"
        }
        Because::Other(OtherError(other)) if other.is::<ChainOffence>() => {
            return ClientVerdict::Untrusted(other.to_string());
        }
        other if other.to_string().contains("UnsupportedCertVersion") => {
            "it is not made as a certificate of version 3 is"
        }
        other => return ClientVerdict::Untrusted(format!("it breaks a rule of certificates: {other}")),
    };
    ClientVerdict::Untrusted(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Authority, OwnKey, Purpose};
    use crate::tls::certificates_from_pem;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn signed_by(authority: &Authority, now: SystemTime) -> Vec<CertificateDer<'static>> {
        let request = OwnKey::generate().unwrap().request("0022EE0A0B0C").unwrap();
        let issued = authority.sign_request(&request, Purpose::Client, now).unwrap();
        certificates_from_pem(issued.as_bytes()).unwrap()
    }

    #[test]
    fn a_certificate_is_trusted_if_one_of_the_authorities_has_signed_it_and_while_it_is_valid() {
        let now = SystemTime::now();
        let [own, other] = ["own", "other"].map(|name| Authority::generate(name, now).unwrap());
        let authorities = ClientAuthorities::new(&[own.certificate().clone()]).unwrap();
        let chain = signed_by(&own, now);

        assert_eq!(authorities.judge(&chain, now), ClientVerdict::Trusted);
        let early = authorities.judge(&chain, now - DAY * 30);
        assert!(matches!(early, ClientVerdict::NotYetValid(_)), "{early:?}");
        let late = authorities.judge(&chain, now + DAY * 4_000);
        assert!(matches!(late, ClientVerdict::Expired(_)), "{late:?}");
        for chain in [signed_by(&other, now), Vec::new()] {
            let verdict = authorities.judge(&chain, now);
            assert!(matches!(verdict, ClientVerdict::Untrusted(_)), "{verdict:?}");
        }
    }

    #[test]
    fn a_certificate_for_servers_proves_no_client() {
        let now = SystemTime::now();
        let authority = Authority::generate("own", now).unwrap();
        let request = OwnKey::generate().unwrap().request("0022EE0A0B0C").unwrap();
        let issued = authority.sign_request(&request, Purpose::Server, now).unwrap();
        let chain = certificates_from_pem(issued.as_bytes()).unwrap();
        let authorities = ClientAuthorities::new(&[authority.certificate().clone()]).unwrap();
        let verdict = authorities.judge(&chain, now);
        assert!(matches!(verdict, ClientVerdict::Untrusted(_)), "{verdict:?}");
    }
}
