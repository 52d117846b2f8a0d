//! The registration status as it is shown, and the cause under it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// State of one slot's registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationStatus {
    /// What the status page shows.
    pub shown: Shown,
    /// Why, unless the slot is empty or registered.
    pub cause: Option<Cause>,
    /// How long this has been so, in milliseconds.
    pub since_ms: u64,
    /// Where the slot is registered or is trying to.
    pub target: Option<Target>,
    /// Milliseconds to the next attempt or refresh, if one is planned.
    pub next_try_ms: Option<u64>,
}

impl RegistrationStatus {
    /// The status of a slot without an account.
    #[must_use]
    pub const fn no_account() -> Self {
        Self {
            shown: Shown::NoAccount,
            cause: None,
            since_ms: 0,
            target: None,
            next_try_ms: None,
        }
    }
}

/// The registration states as the field knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shown {
    /// The registrar answered 200.
    #[serde(rename = "Successful")]
    Successful,
    /// The registrar refused in a way that will not mend by itself.
    #[serde(rename = "Rejected by Server")]
    RejectedByServer,
    /// The registrar could not be reached, or could not serve.
    #[serde(rename = "No reply from server")]
    NoReplyFromServer,
    /// Provisioning is on and brought no credentials.
    #[serde(rename = "Assisted Provisioning Failed")]
    AssistedProvisioningFailed,
    /// An attempt is under way and none has failed.
    #[serde(rename = "Connecting")]
    Connecting,
    /// The slot is empty.
    #[serde(rename = "No Account")]
    NoAccount,
}

impl Shown {
    /// The text of the status page.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::RejectedByServer => "Rejected by Server",
            Self::NoReplyFromServer => "No reply from server",
            Self::AssistedProvisioningFailed => "Assisted Provisioning Failed",
            Self::Connecting => "Connecting",
            Self::NoAccount => "No Account",
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a slot is not registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// The name has no address.
    #[error("DNS: {name} has no address")]
    DnsNoRecords {
        /// The name asked for.
        name: String,
    },
    /// The resolver failed or did not answer.
    #[error("DNS: no answer for {name}")]
    DnsFailed {
        /// The name asked for.
        name: String,
    },
    /// The host refused the connection: nothing listens on that port.
    #[error("TCP: connection refused")]
    TcpRefused,
    /// No route leads there.
    #[error("TCP: host or network unreachable")]
    TcpUnreachable,
    /// The connection attempt was not answered: a firewall, or no such host.
    #[error("TCP: no answer to the connection attempt")]
    TcpTimeout,
    /// The connection was made and lost before an answer came.
    #[error("connection closed by the server")]
    ConnectionClosed,
    /// There is no TLS version that both sides accept.
    #[error("TLS: no common version")]
    TlsVersion,
    /// The server's certificate is not trusted.
    #[error("TLS: certificate {fault}")]
    TlsCertificate {
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// The server's certificate is for another name.
    #[error("TLS: certificate is not for {expected}")]
    TlsName {
        /// The name it should have carried.
        expected: String,
    },
    /// The server wants a client certificate, or refuses the one shown.
    #[error("TLS: client certificate refused")]
    TlsClientCertificate,
    /// The handshake failed otherwise.
    #[error("TLS: handshake failed")]
    TlsHandshake,
    /// No answer to the request.
    #[error("no answer to the request")]
    Timeout,
    /// 408.
    #[error("408 Request Timeout")]
    RequestTimeout,
    /// 480.
    #[error("480 Temporarily Unavailable")]
    TemporarilyUnavailable,
    /// 503, or another 5xx with a Retry-After.
    #[error("{status} with Retry-After {retry_after_s} s")]
    RetryAfter {
        /// The status code.
        status: u16,
        /// Seconds the server asks to wait.
        retry_after_s: u32,
    },
    /// A 5xx without a Retry-After.
    #[error("{status} server failure")]
    ServerFailure {
        /// The status code.
        status: u16,
    },
    /// 401 or 407 after the challenge was answered: wrong authorization id or password.
    #[error("{status} again after the challenge was answered: authentication ID or password is wrong")]
    ChallengedAgain {
        /// The status code.
        status: u16,
    },
    /// The server asks for a password, and the slot has none.
    #[error("the server asks for a password, and none is set")]
    NoPassword,
    /// The challenge cannot be answered: unknown algorithm or quality of protection.
    #[error("the server's challenge has no algorithm that may be used")]
    NoUsableChallenge,
    /// 403.
    #[error("403 Forbidden")]
    Forbidden,
    /// 404: the registrar does not know the user.
    #[error("404 Not Found")]
    NotFound,
    /// Any other refusal.
    #[error("refused with {status}")]
    Refused {
        /// The status code.
        status: u16,
    },
    /// 423: the interval was too brief and is being lengthened.
    #[error("423 Interval Too Brief, at least {min_expires_s} s wanted")]
    IntervalTooBrief {
        /// Seconds of the Min-Expires header.
        min_expires_s: u32,
    },
    /// Provisioning brought no credentials.
    #[error("provisioning failed: {step}")]
    Provisioning {
        /// The step that failed.
        step: ProvisioningStep,
    },
}

impl Cause {
    /// The cause that the final answer of a registrar stands for. `answered` says whether the request carried an
    /// answer to a challenge, `retry_after_s` and `min_expires_s` are the headers of these names, if present.
    ///
    /// A 2xx is no cause and gives `None`, as does a challenge that has not been answered yet.
    #[must_use]
    pub fn from_answer(
        status: u16,
        answered: bool,
        retry_after_s: Option<u32>,
        min_expires_s: Option<u32>,
    ) -> Option<Self> {
        Some(match status {
            ..=299 => return None,
            401 | 407 if answered => Self::ChallengedAgain { status },
            401 | 407 => return None,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            408 => Self::RequestTimeout,
            423 => match min_expires_s {
                Some(min_expires_s) => Self::IntervalTooBrief { min_expires_s },
                None => Self::Refused { status },
            },
            480 => Self::TemporarilyUnavailable,
            500..=599 => match retry_after_s {
                Some(retry_after_s) => Self::RetryAfter {
                    status,
                    retry_after_s,
                },
                None => Self::ServerFailure { status },
            },
            _ => Self::Refused { status },
        })
    }

    /// What the status page shows for it.
    #[must_use]
    pub const fn shown(&self) -> Shown {
        match self {
            Self::DnsNoRecords { .. }
            | Self::DnsFailed { .. }
            | Self::TcpRefused
            | Self::TcpUnreachable
            | Self::TcpTimeout
            | Self::ConnectionClosed
            | Self::TlsVersion
            | Self::TlsCertificate { .. }
            | Self::TlsName { .. }
            | Self::TlsClientCertificate
            | Self::TlsHandshake
            | Self::Timeout
            | Self::RequestTimeout
            | Self::TemporarilyUnavailable
            | Self::RetryAfter { .. }
            | Self::ServerFailure { .. } => Shown::NoReplyFromServer,
            Self::ChallengedAgain { .. }
            | Self::NoPassword
            | Self::NoUsableChallenge
            | Self::Forbidden
            | Self::NotFound
            | Self::Refused { .. } => Shown::RejectedByServer,
            Self::IntervalTooBrief { .. } => Shown::Connecting,
            Self::Provisioning { .. } => Shown::AssistedProvisioningFailed,
        }
    }
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateFault {
    /// Its issuer is not among the trusted ones.
    UnknownIssuer,
    /// Its time is over.
    Expired,
    /// Its time has not come: often the device's clock is wrong.
    NotYetValid,
    /// Its issuer has withdrawn it.
    Revoked,
    /// It is not a certificate for servers, or is malformed.
    Unusable,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownIssuer => "from an unknown issuer",
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::Revoked => "revoked",
            Self::Unusable => "unusable",
        })
    }
}

/// The steps of assisted provisioning, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvisioningStep {
    /// No server is known: neither configured nor offered by DHCP.
    Discovery,
    /// The server was not reached.
    Connection,
    /// The server's certificate was refused, or it refused the device's.
    Certificate,
    /// The server has no file for this device.
    Download,
    /// The file could not be used.
    File,
    /// The file holds no account.
    Credentials,
}

impl fmt::Display for ProvisioningStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Discovery => "no server known",
            Self::Connection => "server not reached",
            Self::Certificate => "certificate refused",
            Self::Download => "no file for this device",
            Self::File => "file not usable",
            Self::Credentials => "file holds no account",
        })
    }
}

/// Where a slot registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its place in the order of targets.
    pub role: TargetRole,
    /// Host and port as configured or found: "pbx.example.com:5061".
    pub address: String,
    /// "UDP", "TCP" or "TLS".
    pub transport: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.address)?;
        // Which transport it is is found out with the first address.
        if self.transport.is_empty() {
            return Ok(());
        }
        write!(formatter, " over {}", self.transport)
    }
}

/// The place of a target in the order they are tried in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetRole {
    /// The first.
    Primary,
    /// The second outbound proxy or zone.
    Secondary,
    /// Backup server 1 or 2.
    Backup,
    /// The survivability node on the site's own network.
    LocalNode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_final_answer_is_shown_as_the_table_says() {
        for (status, shown) in [
            (300, Shown::RejectedByServer),
            (400, Shown::RejectedByServer),
            (401, Shown::RejectedByServer),
            (403, Shown::RejectedByServer),
            (404, Shown::RejectedByServer),
            (407, Shown::RejectedByServer),
            (408, Shown::NoReplyFromServer),
            (480, Shown::NoReplyFromServer),
            (488, Shown::RejectedByServer),
            (500, Shown::NoReplyFromServer),
            (503, Shown::NoReplyFromServer),
            (599, Shown::NoReplyFromServer),
            (603, Shown::RejectedByServer),
        ] {
            let cause = Cause::from_answer(status, true, None, None).unwrap();

            assert_eq!(cause.shown(), shown, "{status}");
        }
    }

    #[test]
    fn a_success_and_a_first_challenge_are_no_cause() {
        assert_eq!(Cause::from_answer(200, true, None, None), None);
        assert_eq!(Cause::from_answer(401, false, None, None), None);
        assert_eq!(Cause::from_answer(407, false, None, None), None);
    }

    #[test]
    fn a_423_is_being_mended_only_if_it_says_how() {
        let mended = Cause::from_answer(423, true, None, Some(600)).unwrap();
        let unmendable = Cause::from_answer(423, true, None, None).unwrap();

        assert_eq!(mended.shown(), Shown::Connecting);
        assert_eq!(unmendable.shown(), Shown::RejectedByServer);
    }

    #[test]
    fn a_503_names_its_retry_after() {
        let cause = Cause::from_answer(503, false, Some(120), None).unwrap();

        assert_eq!(cause.to_string(), "503 with Retry-After 120 s");
    }

    #[test]
    fn the_wire_shows_the_words_of_the_status_page() {
        let status = RegistrationStatus {
            shown: Shown::NoReplyFromServer,
            cause: Some(Cause::TlsCertificate {
                fault: CertificateFault::Expired,
            }),
            since_ms: 12,
            target: None,
            next_try_ms: Some(30_000),
        };

        let json = serde_json::to_value(&status).unwrap();

        assert_eq!(json["shown"], "No reply from server");
        assert_eq!(json["cause"]["kind"], "tls_certificate");
        assert_eq!(
            serde_json::from_value::<RegistrationStatus>(json).unwrap(),
            status
        );
    }
}
