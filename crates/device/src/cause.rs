//! What the network says of a failed connection, in the words of a registration status.

use model::status::{Cause, CertificateFault};
use net::tls::TlsFailure;
use net::transport::ConnectFailure;

/// The status cause for a connection that could not be made to a server named `server`.
pub(crate) fn connect_cause(failure: &ConnectFailure, server: &str) -> Cause {
    match failure {
        ConnectFailure::Refused => Cause::TcpRefused,
        ConnectFailure::Timeout => Cause::TcpTimeout,
        ConnectFailure::Unreachable | ConnectFailure::NoListener => Cause::TcpUnreachable,
        ConnectFailure::Closed | ConnectFailure::TooMany | ConnectFailure::Network(_) => {
            Cause::ConnectionClosed
        }
        ConnectFailure::Tls(failure) => tls_cause(failure, server),
    }
}

fn tls_cause(failure: &TlsFailure, server: &str) -> Cause {
    let certificate = |fault| Cause::TlsCertificate { fault };
    match failure {
        TlsFailure::Version => Cause::TlsVersion,
        TlsFailure::Expired => certificate(CertificateFault::Expired),
        TlsFailure::NotYetValid => certificate(CertificateFault::NotYetValid),
        TlsFailure::Untrusted => certificate(CertificateFault::UnknownIssuer),
        TlsFailure::Revoked => certificate(CertificateFault::Revoked),
        TlsFailure::Certificate(_) => certificate(CertificateFault::Unusable),
        TlsFailure::Name { .. } | TlsFailure::ServerName(_) => Cause::TlsName {
            expected: server.to_owned(),
        },
        TlsFailure::ClientCertificate | TlsFailure::ClientKey(_) => Cause::TlsClientCertificate,
        TlsFailure::NotTls
        | TlsFailure::Timeout
        | TlsFailure::Closed
        | TlsFailure::Alert(_)
        | TlsFailure::Other(_) => Cause::TlsHandshake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tls_failure_has_the_cause_an_administrator_can_act_on() {
        let name = TlsFailure::Name {
            expected: "a".into(),
            presented: "b".into(),
        };
        let causes = [
            (TlsFailure::Version, Cause::TlsVersion),
            (
                TlsFailure::Expired,
                Cause::TlsCertificate {
                    fault: CertificateFault::Expired,
                },
            ),
            (
                TlsFailure::Untrusted,
                Cause::TlsCertificate {
                    fault: CertificateFault::UnknownIssuer,
                },
            ),
            (
                name,
                Cause::TlsName {
                    expected: "sip.example".into(),
                },
            ),
            (TlsFailure::NotTls, Cause::TlsHandshake),
        ];
        for (failure, cause) in causes {
            assert_eq!(connect_cause(&ConnectFailure::Tls(failure), "sip.example"), cause);
        }
    }

    #[test]
    fn a_refused_and_a_silent_port_are_told_apart() {
        assert_eq!(connect_cause(&ConnectFailure::Refused, "a"), Cause::TcpRefused);
        assert_eq!(connect_cause(&ConnectFailure::Timeout, "a"), Cause::TcpTimeout);
    }
}
