//! Signing requests (PKCS #10, RFC 2986): the key stays where it was made, and an authority signs what belongs to it.

use std::fmt;
use std::time::SystemTime;

use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, X509Name};
use x509_parser::public_key::PublicKey;
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, Purpose, Subject, common_name, leaf_parameters, subject};

/// Longest signing request that is read, in octets: one with an RSA key of 8,192 bits has about 2,500, in PEM a third more.
pub const REQUEST_LENGTH_MAX: usize = 16 * 1024;
/// Shortest RSA key that is signed, in bits: shorter ones are within reach of those who break them.
pub const RSA_BITS_MIN: usize = 2_048;
/// Longest: TLS libraries check no signature of a longer one.
pub const RSA_BITS_MAX: usize = 8_192;

/// A signing request that its own key has signed, for a key that is strong enough.
pub struct SigningRequest {
    asked: CertificateSigningRequestParams,
    common_names: Vec<String>,
    key: Vec<u8>,
}

/// Why a signing request is none that can be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestOffence {
    /// It is longer than [`REQUEST_LENGTH_MAX`].
    #[error("a signing request has at most {REQUEST_LENGTH_MAX} octets; this is another file")]
    TooLong,
    /// A private key, which was to stay where it is.
    #[error("this is a private key: keep it on the device, and make a signing request with it")]
    PrivateKey,
    /// A certificate.
    #[error("this is a certificate; a signing request (PKCS #10) would be right")]
    Certificate,
    /// Something else.
    #[error("this is no signing request: PKCS #10, in PEM or DER, would be right")]
    NotARequest,
    /// An RSA key that is too short, or too long.
    #[error(
        "the key has {0} bits; RSA from {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, or ECDSA on P-256 or P-384, would be right"
    )]
    RsaBits(usize),
    /// A key of another kind.
    #[error(
        "the key is of a kind that cannot be used; RSA from {RSA_BITS_MIN} bits, or ECDSA on P-256 or P-384, would be right"
    )]
    KeyKind,
    /// It was changed, or another key has signed it.
    #[error(
        "its own key has not signed it, or by a method that is not known here: sign it by SHA-256 with the key that it is for"
    )]
    Signature,
    /// What it asks for besides cannot be read.
    #[error("it asks for extensions that are not known here: make it without any")]
    Extensions,
}

impl fmt::Debug for SigningRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SigningRequest");
        shown
            .field("common_names", &self.common_names)
            .finish_non_exhaustive()
    }
}

impl SigningRequest {
    /// Reads one in PEM or DER, and checks its key and its signature.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(octets: &[u8]) -> Result<Self, RequestOffence> {
        if octets.len() > REQUEST_LENGTH_MAX {
            return Err(RequestOffence::TooLong);
        }
        let der = der_of(octets)?;
        let (_, parsed) =
            X509CertificationRequest::from_der(&der).map_err(|_| RequestOffence::NotARequest)?;
        let information = &parsed.certification_request_info;
        // The key is looked at first: of one that is too weak no signature is checked.
        strong(
            &information
                .subject_pki
                .parsed()
                .map_err(|_| RequestOffence::KeyKind)?,
        )?;
        let common_names = information.subject.iter_common_name();
        let common_names = common_names.filter_map(|name| name.as_str().ok().map(str::to_owned));
        let asked = CertificateSigningRequestParams::from_der(&der).map_err(|error| match error {
            rcgen::Error::UnsupportedExtension => RequestOffence::Extensions,
            rcgen::Error::CouldNotParseCertificationRequest => RequestOffence::NotARequest,
            _ => RequestOffence::Signature,
        })?;
        Ok(Self {
            asked,
            common_names: common_names.collect(),
            key: information.subject_pki.raw.to_vec(),
        })
    }

    /// What it wants its holder to be called.
    #[must_use]
    pub fn common_names(&self) -> &[String] {
        &self.common_names
    }

    /// Its public key, as [`public_key`] has it of a certificate.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// The request in DER, whichever way it came.
fn der_of(octets: &[u8]) -> Result<CertificateSigningRequestDer<'static>, RequestOffence> {
    if octets.first() == Some(&DER_SEQUENCE) {
        return Ok(CertificateSigningRequestDer::from(octets.to_vec()));
    }
    let text = String::from_utf8_lossy(octets);
    if text.contains("PRIVATE KEY-----") {
        return Err(RequestOffence::PrivateKey);
    }
    if text.contains("BEGIN CERTIFICATE-----") {
        return Err(RequestOffence::Certificate);
    }
    // What older programs write.
    let text = text.replace("NEW CERTIFICATE REQUEST-----", "CERTIFICATE REQUEST-----");
    CertificateSigningRequestDer::from_pem_slice(text.as_bytes()).map_err(|_| RequestOffence::NotARequest)
}

/// What a request in DER begins with.
const DER_SEQUENCE: u8 = 0x30;

/// Bits of the curves P-256 and P-384.
const CURVE_BITS: [usize; 2] = [256, 384];

fn strong(key: &PublicKey<'_>) -> Result<(), RequestOffence> {
    match key {
        PublicKey::RSA(key) => match key.key_size() {
            RSA_BITS_MIN..=RSA_BITS_MAX => Ok(()),
            bits => Err(RequestOffence::RsaBits(bits)),
        },
        PublicKey::EC(point) if CURVE_BITS.contains(&point.key_size()) => Ok(()),
        _ => Err(RequestOffence::KeyKind),
    }
}

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
        let request = SigningRequest::read(request.as_bytes())?;
        let name = request.common_names.first().cloned().unwrap_or_default();
        self.sign_for(&request, &name, purpose, now)
    }

    /// Issues a certificate in PEM for the key of a signing request, whose holder is called `name`; what it asks for is left out.
    ///
    /// # Errors
    /// The certificate cannot be made, or would be for another key than the request's.
    pub fn sign_for(
        &self,
        request: &SigningRequest,
        name: &str,
        purpose: Purpose,
        now: SystemTime,
    ) -> Result<String, AuthorityError> {
        let (mut parameters, ..) = leaf_parameters(purpose, now)?;
        parameters.distinguished_name = common_name(name);
        let asked = CertificateSigningRequestParams {
            params: parameters,
            public_key: request.asked.public_key.clone(),
        };
        let signed = asked.signed_by(&self.issuer).map_err(AuthorityError::Issue)?;
        // The kind of the key is taken from the signature of the request: a key of one curve may have signed by the hash of another.
        if public_key(signed.der())? != request.key {
            return Err(RequestOffence::Signature.into());
        }
        Ok(signed.pem())
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

    /// The request that openssl makes with a key that it makes.
    fn of_openssl(folder: &std::path::Path, key: &[&str], more: &[&str]) -> Vec<u8> {
        let run = |arguments: &[&str]| {
            let mut command = std::process::Command::new("openssl");
            let made = command.current_dir(folder).args(arguments).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            made.stdout
        };
        run(&[key, &["-out", "key.pem"]].concat());
        run(&[
            &["req", "-new", "-key", "key.pem", "-subj", "/CN=0022EE0A0B0C"],
            more,
        ]
        .concat())
    }

    #[test]
    fn requests_of_every_usual_kind_are_signed_and_weak_ones_named() {
        if !peers::available(&["openssl"]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::generate("Test", SystemTime::now()).unwrap();
        let bits = |bits: &'static str| vec!["genpkey", "-algorithm", "RSA", "-pkeyopt", bits];
        let curve = |name: &'static str| vec!["genpkey", "-algorithm", "EC", "-pkeyopt", name];
        for (key, more, expected) in [
            (bits("rsa_keygen_bits:2048"), vec![], Ok(())),
            (bits("rsa_keygen_bits:2048"), vec!["-sha512"], Ok(())),
            (bits("rsa_keygen_bits:2048"), vec!["-outform", "DER"], Ok(())),
            (bits("rsa_keygen_bits:2048"), vec!["-newhdr"], Ok(())),
            (
                bits("rsa_keygen_bits:2040"),
                vec![],
                Err(RequestOffence::RsaBits(2_040)),
            ),
            (curve("ec_paramgen_curve:P-256"), vec![], Ok(())),
            (curve("ec_paramgen_curve:P-384"), vec!["-sha384"], Ok(())),
            (
                curve("ec_paramgen_curve:P-224"),
                vec![],
                Err(RequestOffence::KeyKind),
            ),
            (
                curve("ec_paramgen_curve:P-256"),
                vec!["-sha1"],
                Err(RequestOffence::Signature),
            ),
        ] {
            let request = of_openssl(folder.path(), &key, &more);
            let read = SigningRequest::read(&request);
            assert_eq!(
                read.as_ref().map(|_| ()).map_err(|error| *error),
                expected,
                "{key:?} {more:?}"
            );
            let Ok(read) = read else { continue };
            assert_eq!(read.common_names(), ["0022EE0A0B0C"]);
            let signed = authority.sign_for(&read, "0022EE0A0B0C", Purpose::Client, SystemTime::now());
            let signed = certificates_from_pem(signed.unwrap().as_bytes()).unwrap();
            assert_eq!(public_key(&signed[0]).unwrap(), read.key(), "{key:?} {more:?}");
        }
    }

    #[test]
    fn what_is_no_request_is_named() {
        let key = OwnKey::generate().unwrap();
        let authority = Authority::generate("Test", SystemTime::now()).unwrap();
        let request = key.request("0022EE0A0B0C").unwrap();
        let longest = format!("{request}{}", " ".repeat(REQUEST_LENGTH_MAX - request.len()));
        assert!(SigningRequest::read(longest.as_bytes()).is_ok());
        for (octets, offence) in [
            (format!("{longest} "), RequestOffence::TooLong),
            (key.pem().to_string(), RequestOffence::PrivateKey),
            (
                authority.certificate_pem().to_owned(),
                RequestOffence::Certificate,
            ),
            (String::new(), RequestOffence::NotARequest),
            ("0".repeat(200), RequestOffence::NotARequest),
            ("hello".to_owned(), RequestOffence::NotARequest),
        ] {
            assert_eq!(SigningRequest::read(octets.as_bytes()).unwrap_err(), offence);
        }
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
