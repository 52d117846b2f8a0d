//! A private certificate authority: ECDSA P-256, one level, issuing for this installation only.
//!
//! [`Authority`] computes; [`AuthorityDirectory`] keeps the files. The time is an argument, so validity
//! and renewal are tested without waiting.

mod directory;
mod names;
mod request;
mod revocation;

pub use directory::{AuthorityDirectory, DirectoryError};
pub use names::{HolderNames, NAMES_MAX};
pub use request::{
    OwnKey, REQUEST_LENGTH_MAX, RSA_BITS_MAX, RSA_BITS_MIN, RequestOffence, SigningRequest, holder_names,
    public_key,
};
pub use revocation::{LIST_VALIDITY, Revoked};

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SigningKey as _,
};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use zeroize::Zeroizing;

/// Life of the authority itself. Devices trust it by hand, so replacing it is a visit to each.
pub const AUTHORITY_VALIDITY: Duration = Duration::from_secs(20 * 365 * DAY);
/// Life of an issued certificate: over a year, so that an installation whose service is down for months
/// keeps working, and below the 825 days that some TLS clients refuse.
pub const CERTIFICATE_VALIDITY: Duration = Duration::from_secs(397 * DAY);
/// How far before its issue a certificate is valid, for devices whose clock is behind.
pub const BACKDATED: Duration = Duration::from_secs(DAY);
/// Names and addresses in one certificate at most; more means that a caller's list has run away.
pub const SUBJECTS_MAX: usize = 100;

const DAY: u64 = 24 * 60 * 60;

/// A name or an address that a certificate is issued for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An IP address.
    Address(IpAddr),
    /// A host name in ASCII.
    Name(String),
}

/// What an issued certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be shown by a TLS server.
    Server,
    /// To be shown by a TLS client.
    Client,
    /// Both: zones and nodes are servers of phones and clients of one another.
    ServerAndClient,
}

/// A certificate authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authority(key redacted)")
    }
}

impl Authority {
    /// Makes an authority with a fresh key; `name` becomes its common name.
    ///
    /// # Errors
    /// The system has no randomness, or the name cannot stand in a certificate.
    pub fn generate(name: &str, now: SystemTime) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Issue)?;
        Self::self_signed(name, key, now)
    }

    /// Makes the self-signed certificate for a key at hand.
    fn self_signed(name: &str, key: KeyPair, now: SystemTime) -> Result<Self, AuthorityError> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = common_name(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let (not_before, not_after) = validity(now, AUTHORITY_VALIDITY)?;
        parameters.not_before = not_before.into();
        parameters.not_after = not_after.into();
        let certificate = parameters.self_signed(&key).map_err(AuthorityError::Issue)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
        })
    }

    /// Takes an authority from its certificate and key in PEM.
    ///
    /// # Errors
    /// Either is not PEM, the certificate is none of an authority, or the two do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(key).map_err(AuthorityError::Key)?;
        let der = crate::tls::certificates_from_pem(certificate.as_bytes())
            .ok()
            .and_then(|certificates| certificates.into_iter().next())
            .ok_or(AuthorityError::NotACertificate)?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(&der).map_err(|_| AuthorityError::NotACertificate)?;
        if !parsed.is_ca() {
            return Err(AuthorityError::NotAnAuthority);
        }
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(AuthorityError::Mismatch);
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(AuthorityError::Issue)?;
        Ok(Self {
            issuer,
            certificate_pem: certificate.to_owned(),
            certificate: der,
        })
    }

    /// The authority's certificate in PEM, to be given to those who shall trust it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's key in PEM: a secret.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// Signs a message with the authority's key: ECDSA on P-256 with SHA-256, as [`is_signed_by`] checks it.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        self.issuer.key().sign(message).map_err(AuthorityError::Issue)
    }

    /// Issues a certificate with a fresh key, valid from [`BACKDATED`] before `now` for
    /// [`CERTIFICATE_VALIDITY`].
    ///
    /// # Errors
    /// There is no subject, more than [`SUBJECTS_MAX`], or one that cannot stand in a certificate.
    pub fn issue(
        &self,
        subjects: &[Subject],
        purpose: Purpose,
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        let Some(first) = subjects.first() else {
            return Err(AuthorityError::NoSubject);
        };
        if subjects.len() > SUBJECTS_MAX {
            return Err(AuthorityError::TooManySubjects(subjects.len()));
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Issue)?;
        let (mut parameters, not_before, not_after) = leaf_parameters(purpose, now)?;
        parameters.distinguished_name = common_name(&first.to_string());
        parameters.subject_alt_names = subjects.iter().map(alternative_name).collect::<Result<_, _>>()?;
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Issue)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
            not_before,
            not_after,
        })
    }
}

/// Whether the key of an authority's certificate has signed a message, see [`Authority::sign`].
#[must_use]
pub fn is_signed_by(authority: &CertificateDer<'_>, message: &[u8], signature: &[u8]) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(authority) else {
        return false;
    };
    let key = &certificate.public_key().subject_public_key.data;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(message, signature)
        .is_ok()
}

/// What all issued certificates have in common, and when their validity begins and ends.
fn leaf_parameters(
    purpose: Purpose,
    now: SystemTime,
) -> Result<(CertificateParams, SystemTime, SystemTime), AuthorityError> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = purpose.extended_key_usages();
    parameters.use_authority_key_identifier_extension = true;
    let (not_before, not_after) = validity(now, CERTIFICATE_VALIDITY)?;
    parameters.not_before = not_before.into();
    parameters.not_after = not_after.into();
    Ok((parameters, not_before, not_after))
}

impl Purpose {
    fn extended_key_usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::ServerAndClient => {
                vec![
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ]
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

/// A certificate with its key, as the authority gives it out.
pub struct Issued {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// Its private key in PEM.
    pub key_pem: Zeroizing<String>,
    /// When its validity begins.
    pub not_before: SystemTime,
    /// When its validity ends.
    pub not_after: SystemTime,
}

impl fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Issued")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whom it is for, as `CN=lobby, serialNumber=7`; empty if only `subjects` say that.
    pub holder: String,
    /// When its validity begins.
    pub not_before: SystemTime,
    /// When its validity ends.
    pub not_after: SystemTime,
    /// The names and addresses it is for.
    pub subjects: Vec<Subject>,
    /// Its serial number.
    pub serial: Vec<u8>,
}

impl CertificateFacts {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// It is not a certificate.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, AuthorityError> {
        let (_, parsed) =
            x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NotACertificate)?;
        let subjects = parsed
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| extension.value.general_names.iter().filter_map(subject).collect())
            .unwrap_or_default();
        Ok(Self {
            holder: parsed.subject().to_string(),
            not_before: system_time(parsed.validity().not_before.timestamp()),
            not_after: system_time(parsed.validity().not_after.timestamp()),
            subjects,
            serial: parsed.raw_serial().to_vec(),
        })
    }

    /// True when a third or less of the validity is left, or when the validity has not begun.
    #[must_use]
    pub fn renewal_is_due(&self, now: SystemTime) -> bool {
        let Ok(whole) = self.not_after.duration_since(self.not_before) else {
            return true;
        };
        let left = self.not_after.duration_since(now).unwrap_or(Duration::ZERO);
        now < self.not_before || left <= whole / 3
    }

    /// True when the certificate is for every one of `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &[Subject]) -> bool {
        wanted.iter().all(|subject| self.subjects.contains(subject))
    }
}

fn subject(name: &GeneralName<'_>) -> Option<Subject> {
    match name {
        GeneralName::DNSName(name) => Some(Subject::Name((*name).to_owned())),
        GeneralName::IPAddress(octets) => {
            let address = <[u8; 4]>::try_from(*octets)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            address.ok().map(Subject::Address)
        }
        _ => None,
    }
}

fn system_time(timestamp_seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(timestamp_seconds.unsigned_abs());
    let moved = if timestamp_seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn common_name(name: &str) -> DistinguishedName {
    // RFC 5280 appendix A limits a common name to 64 characters.
    const COMMON_NAME_MAX: usize = 64;
    let mut distinguished = DistinguishedName::new();
    distinguished.push(
        DnType::CommonName,
        name.chars().take(COMMON_NAME_MAX).collect::<String>(),
    );
    distinguished
}

fn alternative_name(subject: &Subject) -> Result<SanType, AuthorityError> {
    match subject {
        Subject::Address(address) => Ok(SanType::IpAddress(*address)),
        Subject::Name(name) => {
            let ascii = name
                .as_str()
                .try_into()
                .map_err(|_| AuthorityError::BadName(name.clone()))?;
            Ok(SanType::DnsName(ascii))
        }
    }
}

fn validity(now: SystemTime, length: Duration) -> Result<(SystemTime, SystemTime), AuthorityError> {
    let not_before = now.checked_sub(BACKDATED).ok_or(AuthorityError::Clock)?;
    let not_after = now.checked_add(length).ok_or(AuthorityError::Clock)?;
    Ok((not_before, not_after))
}

/// Why the authority could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A certificate needs at least one name or address.
    #[error("a certificate must be for at least one name or address")]
    NoSubject,
    /// The list of names has run away.
    #[error("a certificate for {0} names was asked for; at most {SUBJECTS_MAX} may be in one")]
    TooManySubjects(usize),
    /// The name cannot stand in a certificate.
    #[error("\"{0}\" is not a host name that can stand in a certificate")]
    BadName(String),
    /// The clock shows a time at which no validity can be computed.
    #[error("the clock of this machine shows a time no certificate can be made for")]
    Clock,
    /// The key is unreadable.
    #[error("the authority's key cannot be used: {0}")]
    Key(#[source] rcgen::Error),
    /// The certificate is unreadable.
    #[error("the authority's certificate cannot be read")]
    NotACertificate,
    /// The certificate is a leaf.
    #[error("the certificate given for the authority is not one of an authority")]
    NotAnAuthority,
    /// Certificate and key do not belong together.
    #[error("the authority's key does not belong to its certificate")]
    Mismatch,
    /// The cryptography refused.
    #[error("the certificate could not be made: {0}")]
    Issue(#[source] rcgen::Error),
    /// The request cannot be signed.
    #[error(transparent)]
    Request(#[from] RequestOffence),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn subject(text: &str) -> Subject {
        text.parse()
            .map_or_else(|_| Subject::Name(text.to_owned()), Subject::Address)
    }

    fn facts(issued: &Issued) -> CertificateFacts {
        let certificates = crate::tls::certificates_from_pem(issued.certificate_pem.as_bytes()).unwrap();
        CertificateFacts::read(&certificates[0]).unwrap()
    }

    #[test]
    fn an_issued_certificate_says_what_was_asked_for() {
        let authority = Authority::generate("Test", now()).unwrap();
        let subjects = ["sip.example.com", "192.0.2.7", "2001:db8::7"].map(subject);

        let issued = authority.issue(&subjects, Purpose::Server, now()).unwrap();

        let facts = facts(&issued);
        assert_eq!(facts.holder, "CN=sip.example.com");
        assert_eq!(facts.subjects, subjects);
        assert_eq!(facts.not_before, now() - BACKDATED);
        assert_eq!(facts.not_after, now() + CERTIFICATE_VALIDITY);
    }

    #[test]
    fn only_the_message_that_an_authority_has_signed_is_signed_by_it() {
        let [own, other] = ["own", "other"].map(|name| Authority::generate(name, now()).unwrap());
        let signature = own.sign(b"a message").unwrap();

        assert!(is_signed_by(own.certificate(), b"a message", &signature));
        assert!(!is_signed_by(own.certificate(), b"another", &signature));
        assert!(!is_signed_by(other.certificate(), b"a message", &signature));
        assert!(!is_signed_by(own.certificate(), b"a message", &[]));
        assert!(!is_signed_by(
            &CertificateDer::from(vec![7]),
            b"a message",
            &signature
        ));
    }

    #[test]
    fn renewal_is_due_when_a_third_is_left_and_not_a_second_before() {
        let facts = CertificateFacts {
            holder: String::new(),
            not_before: now(),
            not_after: now() + Duration::from_secs(900),
            subjects: Vec::new(),
            serial: Vec::new(),
        };

        assert!(!facts.renewal_is_due(now()));
        assert!(!facts.renewal_is_due(now() + Duration::from_secs(599)));
        assert!(facts.renewal_is_due(now() + Duration::from_secs(600)));
        assert!(facts.renewal_is_due(now() + Duration::from_secs(901)));
    }

    #[test]
    fn a_certificate_of_the_future_is_due_for_renewal() {
        let facts = CertificateFacts {
            holder: String::new(),
            not_before: now(),
            not_after: now() + Duration::from_secs(900),
            subjects: Vec::new(),
            serial: Vec::new(),
        };

        assert!(facts.renewal_is_due(now() - Duration::from_secs(1)));
    }

    #[test]
    fn an_authority_is_the_same_after_it_was_written_and_read() {
        let authority = Authority::generate("Test", now()).unwrap();

        let read = Authority::from_pem(authority.certificate_pem(), &authority.key_pem()).unwrap();

        assert_eq!(read.certificate(), authority.certificate());
        assert_eq!(*read.key_pem(), *authority.key_pem());
    }

    #[test]
    fn a_certificate_and_the_key_of_another_authority_are_refused() {
        let (one, other) = (
            Authority::generate("One", now()).unwrap(),
            Authority::generate("Other", now()).unwrap(),
        );

        let mixed = Authority::from_pem(one.certificate_pem(), &other.key_pem());

        assert!(matches!(mixed, Err(AuthorityError::Mismatch)));
    }

    #[test]
    fn a_leaf_is_no_authority() {
        let authority = Authority::generate("Test", now()).unwrap();
        let leaf = authority
            .issue(&[subject("sip.example.com")], Purpose::Server, now())
            .unwrap();

        let taken = Authority::from_pem(&leaf.certificate_pem, &leaf.key_pem);

        assert!(matches!(taken, Err(AuthorityError::NotAnAuthority)));
    }

    #[test]
    fn a_certificate_is_for_one_subject_at_least_and_for_the_limit_at_most() {
        let authority = Authority::generate("Test", now()).unwrap();
        let subjects = |count: usize| -> Vec<_> {
            (0..count)
                .map(|number| Subject::Name(format!("host{number}.example.com")))
                .collect()
        };
        let issue = |count| authority.issue(&subjects(count), Purpose::Server, now());

        assert!(matches!(issue(0), Err(AuthorityError::NoSubject)));
        assert!(issue(SUBJECTS_MAX).is_ok());
        assert!(
            matches!(issue(SUBJECTS_MAX + 1), Err(AuthorityError::TooManySubjects(count)) if count == SUBJECTS_MAX + 1)
        );
    }

    #[test]
    fn a_name_outside_ascii_is_named() {
        let authority = Authority::generate("Test", now()).unwrap();

        let error = authority
            .issue(&[subject("b\u{fc}hne.example.com")], Purpose::Server, now())
            .unwrap_err();

        assert!(error.to_string().contains("b\u{fc}hne"), "{error}");
    }

    #[test]
    fn no_key_shows_in_a_log() {
        let authority = Authority::generate("Test", now()).unwrap();
        let issued = authority
            .issue(&[subject("sip.example.com")], Purpose::Server, now())
            .unwrap();
        let identity =
            crate::tls::Identity::from_pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes())
                .unwrap();

        let shown = format!("{authority:?} {issued:?} {identity:?}");

        assert!(!shown.contains("PRIVATE") && shown.len() < 300, "{shown}");
    }
}
