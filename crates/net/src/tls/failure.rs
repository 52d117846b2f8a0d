//! What went wrong in a TLS handshake, in words that an administrator can act on.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use super::client_authorities::KeyOffence;

/// Why a TLS handshake failed; each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// The two sides have no TLS version in common.
    #[error("the server and this side have no TLS version in common")]
    Version,
    /// The server does not speak TLS on this port.
    #[error("what answers on this port does not speak TLS")]
    NotTls,
    /// The certificate's time is over.
    #[error("the server's certificate has expired")]
    Expired,
    /// The certificate's time has not come, or the clock of this machine is wrong.
    #[error("the server's certificate is not valid yet, or the clock of this machine is behind")]
    NotYetValid,
    /// No trusted authority stands behind the certificate.
    #[error("the server's certificate was not issued by a trusted authority")]
    Untrusted,
    /// The certificate is for other names.
    #[error("the server's certificate is not for the name {expected}; it is for {presented}")]
    Name {
        /// The name asked for.
        expected: String,
        /// The names in the certificate, shortened to the first few.
        presented: String,
    },
    /// The authority has withdrawn the certificate.
    #[error("the server's certificate has been revoked")]
    Revoked,
    /// The certificate is broken or breaks a rule.
    #[error("the server's certificate cannot be used: {0}")]
    Certificate(String),
    /// The server wants a client certificate, or another one than it was shown.
    #[error("the server does not accept this side's client certificate, or wants one")]
    ClientCertificate,
    /// The client's certificate has a key by which it proves nothing: too weak, too old, or of a kind that is not taken.
    #[error("{0}")]
    ClientKey(String),
    /// The name to check the certificate against is neither a host name nor an IP address.
    #[error("{0} is neither a host name nor an IP address, so no certificate can be checked against it")]
    ServerName(String),
    /// The handshake took longer than it may.
    #[error("the TLS handshake did not end in time")]
    Timeout,
    /// The server closed the connection within the handshake.
    #[error("the connection was closed during the TLS handshake")]
    Closed,
    /// The server ended the handshake with an alert.
    #[error("the server ended the TLS handshake with the alert {0}")]
    Alert(String),
    /// Anything else that breaks a handshake.
    #[error("the TLS handshake failed: {0}")]
    Other(String),
}

/// Names shown of a certificate at most: some carry hundreds.
const NAMES_SHOWN_MAX: usize = 4;

impl TlsFailure {
    /// Whether it shows a server that a device has come to it, and what keeps that from speaking. Everything else is a scanner, or a
    /// connection that was lost.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        match self {
            Self::Version | Self::ClientCertificate => true,
            Self::NotTls
            | Self::Expired
            | Self::NotYetValid
            | Self::Untrusted
            | Self::Name { .. }
            | Self::Revoked
            | Self::Certificate(_)
            | Self::ClientKey(_)
            | Self::ServerName(_)
            | Self::Timeout
            | Self::Closed
            | Self::Alert(_)
            | Self::Other(_) => false,
        }
    }

    /// Names the cause of an error that a handshake ended with.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(tls) => Self::from_tls(tls),
            None => match error.kind() {
                io::ErrorKind::TimedOut => Self::Timeout,
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => Self::Closed,
                _ => Self::Other(error.to_string()),
            },
        }
    }

    fn from_tls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(certificate) => Self::from_certificate(certificate),
            Error::PeerIncompatible(incompatible) => Self::from_incompatible(incompatible),
            Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => Self::NotTls,
            Error::AlertReceived(alert) => Self::from_alert(*alert),
            other => Self::Other(other.to_string()),
        }
    }

    fn from_incompatible(incompatible: &rustls::PeerIncompatible) -> Self {
        use rustls::PeerIncompatible as Peer;
        match incompatible {
            Peer::ServerDoesNotSupportTls12Or13
            | Peer::ServerTlsVersionIsDisabledByOurConfig
            | Peer::Tls12NotOffered
            | Peer::Tls12NotOfferedOrEnabled
            | Peer::Tls13RequiredForQuic
            // What TLS 1.1 does not have yet: clients of that age are found out here, before their version is looked at.
            | Peer::SignatureAlgorithmsExtensionRequired
            | Peer::SupportedVersionsExtensionRequired => Self::Version,
            other => Self::Other(Error::PeerIncompatible(other.clone()).to_string()),
        }
    }

    fn from_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::ProtocolVersion => Self::Version,
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::NoCertificate
            // It knows an authority of that name with another key.
            | AlertDescription::DecryptError => Self::ClientCertificate,
            other => Self::Alert(format!("{other:?}")),
        }
    }

    fn from_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            // A signature is bad where an authority of the same name but another key is trusted.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Untrusted,
            CertificateError::Revoked => Self::Revoked,
            CertificateError::NotValidForName => Self::Name {
                expected: "asked for".to_owned(),
                presented: "others".to_owned(),
            },
            CertificateError::NotValidForNameContext { expected, presented } => Self::Name {
                expected: expected.to_str().into_owned(),
                presented: shorten(presented),
            },
            CertificateError::Other(other) if other.0.is::<KeyOffence>() => {
                Self::ClientKey(other.to_string())
            }
            other => Self::Certificate(other.to_string()),
        }
    }
}

fn shorten(names: &[String]) -> String {
    if names.is_empty() {
        return "no name at all".to_owned();
    }
    let mut text = names
        .iter()
        .take(NAMES_SHOWN_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMES_SHOWN_MAX {
        text.push_str(", ...");
    }
    text
}
