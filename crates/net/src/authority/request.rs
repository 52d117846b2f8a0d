//! Signing requests (PKCS #10, RFC 2986): the key stays where it was made, and an authority signs what belongs to it.

use std::fmt;
use std::time::SystemTime;

use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::X509Name;
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, Purpose, Subject, common_name, leaf_parameters, subject};

/// A key that was made on this machine, for a certificate that somebody else issues.
pub struct OwnKey(KeyPair);

impl fmt::Debug for OwnKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OwnKey(redacted)")
    }
}

impl OwnKey {
    /// Makes one: ECDSA on P-256.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self, AuthorityError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(AuthorityError::Issue)
    }

    /// Reads one that was made before.
    ///
    /// # Errors
    /// It is no private key in PEM.
    pub fn from_pem(text: &str) -> Result<Self, AuthorityError> {
        KeyPair::from_pem(text).map(Self).map_err(AuthorityError::Issue)
    }

    /// The private key in PEM: a secret.
    #[must_use]
    pub fn pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// A signing request in PEM, for a certificate whose common name is `name`.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn request(&self, name: &str) -> Result<String, AuthorityError> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = common_name(name);
        parameters
            .serialize_request(&self.0)
            .and_then(|request| request.pem())
            .map_err(AuthorityError::Issue)
    }
}

impl Authority {
    /// Issues a certificate in PEM for the key and the name of a signing request; what else it asks for is left out.
    ///
    /// # Errors
    /// It is no signing request, it is not signed by its own key, or the certificate cannot be made.
    pub fn sign_request(
        &self,
        request: &str,
        purpose: Purpose,
        now: SystemTime,
    ) -> Result<String, AuthorityError> {
        let mut asked = CertificateSigningRequestParams::from_pem(request).map_err(AuthorityError::Issue)?;
        let (mut parameters, ..) = leaf_parameters(purpose, now)?;
        parameters.distinguished_name = asked.params.distinguished_name;
        asked.params = parameters;
        asked
            .signed_by(&self.issuer)
            .map(|certificate| certificate.pem())
            .map_err(AuthorityError::Issue)
    }
}

/// The public key of a certificate: its `SubjectPublicKeyInfo` in DER (RFC 5280 §4.1.2.7).
///
/// # Errors
/// It is not a certificate.
pub fn public_key(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, AuthorityError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NotACertificate)?;
    Ok(parsed.public_key().raw.to_vec())
}

/// The names that a certificate gives its holder: common names and serial numbers of the subject, and host names.
///
/// # Errors
/// It is not a certificate.
pub fn holder_names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, AuthorityError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NotACertificate)?;
    let holder: &X509Name<'_> = parsed.subject();
    let serial_numbers = holder.iter_by_oid(&x509_parser::oid_registry::OID_X509_SERIALNUMBER);
    let mut names: Vec<String> = holder
        .iter_common_name()
        .chain(serial_numbers)
        .filter_map(|attribute| attribute.as_str().ok().map(str::to_owned))
        .collect();
    let alternatives = parsed.subject_alternative_name().ok().flatten();
    let alternatives = alternatives
        .iter()
        .flat_map(|extension| &extension.value.general_names);
    names.extend(
        alternatives
            .filter_map(subject)
            .filter_map(|subject| match subject {
                Subject::Name(name) => Some(name),
                Subject::Address(_) => None,
            }),
    );
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tls::{Identity, certificates_from_pem};

    #[test]
    fn what_is_signed_belongs_to_the_key_that_asked_and_is_called_what_it_asked_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let authority = Authority::generate("Test", now).unwrap();
        let key = OwnKey::generate().unwrap();
        let key = OwnKey::from_pem(&key.pem()).unwrap();

        let request = key.request("0022EE0A0B0C").unwrap();
        let certificate = authority.sign_request(&request, Purpose::Client, now).unwrap();

        assert!(Identity::from_pem(certificate.as_bytes(), key.pem().as_bytes()).is_ok());
        let other = OwnKey::generate().unwrap();
        assert!(Identity::from_pem(certificate.as_bytes(), other.pem().as_bytes()).is_err());
        let certificates = certificates_from_pem(certificate.as_bytes()).unwrap();
        assert_eq!(holder_names(&certificates[0]).unwrap(), ["0022EE0A0B0C"]);
    }

    #[test]
    fn a_request_that_was_changed_is_not_signed() {
        let authority = Authority::generate("Test", SystemTime::now()).unwrap();
        let request = OwnKey::generate().unwrap().request("0022EE0A0B0C").unwrap();
        let changed = request.replacen('M', "N", 3);

        assert!(
            authority
                .sign_request(&changed, Purpose::Client, SystemTime::now())
                .is_err()
        );
    }
}
