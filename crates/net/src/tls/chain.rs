//! How much of the chain that a client shows is looked at.
//!
//! Whoever judges a chain tries every way through it, and of authorities that share their names there are more ways than anybody can
//! try: so a stranger could have a server judge one chain for seconds. What is let through here has one way at most.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

/// Certificates of a chain that are looked at, the client's own among them: six authorities between that and a root are followed.
pub const CHAIN_LENGTH_MAX: usize = 8;

/// Why a chain is not judged at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainOffence {
    /// It is too long.
    #[error("its chain has {0} certificates, and {CHAIN_LENGTH_MAX} at most are looked at")]
    TooLong(usize),
    /// There would be more than one way through it.
    #[error("two authorities in its chain have the same name")]
    SameName,
    /// One of its authorities is no certificate.
    #[error("an authority in its chain cannot be read")]
    Unreadable,
}

/// What stands in a chain besides the client's own certificate, each once, if it can be judged with little work: the same certificate
/// again is no other way.
fn one_way<'a>(intermediates: &[CertificateDer<'a>]) -> Result<Vec<CertificateDer<'a>>, ChainOffence> {
    let length = intermediates.len().saturating_add(1);
    if length > CHAIN_LENGTH_MAX {
        return Err(ChainOffence::TooLong(length));
    }
    let mut names = BTreeSet::new();
    let mut once: Vec<CertificateDer<'a>> = Vec::new();
    for intermediate in intermediates {
        if once.contains(intermediate) {
            continue;
        }
        let (_, parsed) =
            x509_parser::parse_x509_certificate(intermediate).map_err(|_| ChainOffence::Unreadable)?;
        if !names.insert(parsed.subject().as_raw().to_vec()) {
            return Err(ChainOffence::SameName);
        }
        once.push(intermediate.clone());
    }
    Ok(once)
}

/// Has another judge those chains alone that can be judged with little work.
#[derive(Debug)]
pub(super) struct OneWay(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for OneWay {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let once = one_way(intermediates)
            .map_err(|offence| CertificateError::Other(OtherError(Arc::new(offence))))?;
        self.0.verify_client_cert(end_entity, &once, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

    use super::*;
    use crate::tls::{ClientAuthorities, ClientVerdict};

    /// A root, and a chain below it: the client's own certificate first, and of each layer of authorities so many that share its name.
    fn layered(layers: usize, of_each: usize) -> (CertificateDer<'static>, Vec<CertificateDer<'static>>) {
        let parameters = |name: String| {
            let mut parameters = CertificateParams::default();
            parameters.distinguished_name = DistinguishedName::new();
            parameters.distinguished_name.push(DnType::CommonName, name);
            parameters
        };
        let authority = |name: String| {
            let mut parameters = parameters(name);
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters
        };
        let key = KeyPair::generate().unwrap();
        let root = authority("root".to_owned())
            .self_signed(&key)
            .unwrap()
            .der()
            .clone();
        let mut issuer = Issuer::new(authority("root".to_owned()), key);
        let mut chain = Vec::new();
        for layer in 0..layers {
            let name = format!("layer {layer}");
            let mut next = None;
            for _ in 0..of_each {
                let key = KeyPair::generate().unwrap();
                let signed = authority(name.clone()).signed_by(&key, &issuer).unwrap();
                chain.insert(0, signed.der().clone());
                next = Some(Issuer::new(authority(name.clone()), key));
            }
            issuer = next.unwrap();
        }
        let key = KeyPair::generate().unwrap();
        let own = parameters("0022EE0A0B0C".to_owned()).signed_by(&key, &issuer);
        chain.insert(0, own.unwrap().der().clone());
        (root, chain)
    }

    fn verdict(layers: usize, of_each: usize) -> ClientVerdict {
        let (root, chain) = layered(layers, of_each);
        let authorities = ClientAuthorities::new(&[root]).unwrap();
        authorities.judge(&chain, std::time::SystemTime::now())
    }

    fn refused(offence: ChainOffence) -> ClientVerdict {
        ClientVerdict::Untrusted(offence.to_string())
    }

    #[test]
    fn p12_a_chain_whose_authorities_share_their_names_is_not_followed() {
        assert_eq!(verdict(6, 1), ClientVerdict::Trusted);
        assert_eq!(verdict(1, 2), refused(ChainOffence::SameName));
        assert_eq!(verdict(3, 2), refused(ChainOffence::SameName));
        assert_eq!(verdict(20, 7), refused(ChainOffence::TooLong(141)));
    }

    #[test]
    fn p03_a_chain_of_so_many_certificates_is_looked_at_and_of_not_one_more() {
        let of = |length: usize| {
            let (_, chain) = layered(length - 1, 1);
            one_way(&chain[1..]).map(|once| once.len())
        };
        assert_eq!(of(CHAIN_LENGTH_MAX), Ok(CHAIN_LENGTH_MAX - 1));
        let longer = CHAIN_LENGTH_MAX + 1;
        assert_eq!(of(longer), Err(ChainOffence::TooLong(longer)));
    }

    #[test]
    fn an_authority_that_stands_twice_in_a_chain_is_one_but_counts_for_its_length() {
        let (root, mut chain) = layered(2, 1);
        chain.extend_from_within(1..);
        let authorities = ClientAuthorities::new(&[root]).unwrap();
        let now = std::time::SystemTime::now();
        assert_eq!(authorities.judge(&chain, now), ClientVerdict::Trusted);
        let again = vec![chain[1].clone(); CHAIN_LENGTH_MAX];
        assert_eq!(one_way(&again[1..]), Ok(vec![chain[1].clone()]));
        let longer = CHAIN_LENGTH_MAX + 1;
        assert_eq!(one_way(&again), Err(ChainOffence::TooLong(longer)));
    }

    #[test]
    fn p03_a_chain_with_something_else_among_its_authorities_is_not_judged() {
        let (root, mut chain) = layered(1, 1);
        chain.push(CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x01]));
        let judged = ClientAuthorities::new(&[root])
            .unwrap()
            .judge(&chain, std::time::SystemTime::now());
        assert_eq!(judged, refused(ChainOffence::Unreadable));
    }
}
