//! TLS handshakes that fail at the zone's port: which of them are told. Each is a device that shows nothing else, and anybody can make one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::status::{HandshakeFailure, ZoneEvent};
use net::tls::TlsFailure;
use sip::flow::Source;

/// So long one address is told once, with one cause.
const WHILE: Duration = Duration::from_secs(60);
/// What is told in such a while: many sites of devices, and no flood.
const TOLD_MAX: usize = 1_000;
/// What is told of one source in such a while: one host with an IPv6 network of its own leaves the room to others.
const TOLD_OF_SOURCE_MAX: usize = 16;

/// What was told of late.
#[derive(Debug, Default)]
pub(crate) struct FailedHandshakes {
    since: Option<Instant>,
    told: BTreeSet<(IpAddr, HandshakeFailure)>,
    told_by_source: BTreeMap<Source, usize>,
}

impl FailedHandshakes {
    /// Takes one that failed; gives what is to be told of it. What no administrator of a device can mend is not: a scanner, a
    /// connection that was lost.
    pub(crate) fn note(&mut self, now: Instant, from: IpAddr, cause: &TlsFailure) -> Option<ZoneEvent> {
        let why = match cause {
            TlsFailure::Version => HandshakeFailure::TlsTooOld,
            TlsFailure::ClientCertificate => HandshakeFailure::CertificateRefused,
            TlsFailure::NotTls
            | TlsFailure::Expired
            | TlsFailure::NotYetValid
            | TlsFailure::Untrusted
            | TlsFailure::Name { .. }
            | TlsFailure::Revoked
            | TlsFailure::Certificate(_)
            | TlsFailure::ClientKey(_)
            | TlsFailure::ServerName(_)
            | TlsFailure::Timeout
            | TlsFailure::Closed
            | TlsFailure::Alert(_)
            | TlsFailure::Other(_) => return None,
        };
        let is_over = |since: Instant| now.saturating_duration_since(since) >= WHILE;
        if self.since.is_none_or(is_over) {
            self.since = Some(now);
            self.told.clear();
            self.told_by_source.clear();
        }
        if self.told.len() >= TOLD_MAX {
            return None;
        }
        let from = from.to_canonical();
        let of_source = self.told_by_source.entry(Source::of(from)).or_default();
        let is_told = *of_source < TOLD_OF_SOURCE_MAX && self.told.insert((from, why));
        *of_source = of_source.saturating_add(usize::from(is_told));
        is_told.then_some(ZoneEvent::HandshakeFailed { from, why })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap()))
    }

    #[test]
    fn an_address_is_told_once_in_a_while_with_each_cause() {
        let (mut failed, start) = (FailedHandshakes::default(), Instant::now());
        let from = address(7);
        let mut told = |after: Duration, cause| failed.note(start + after, from, &cause);
        let refused = ZoneEvent::HandshakeFailed {
            from,
            why: HandshakeFailure::CertificateRefused,
        };
        let soon = WHILE - Duration::from_millis(1);
        assert_eq!(
            told(Duration::ZERO, TlsFailure::ClientCertificate),
            Some(refused.clone())
        );
        assert_eq!(told(soon, TlsFailure::ClientCertificate), None);
        assert!(told(soon, TlsFailure::Version).is_some());
        assert_eq!(told(soon, TlsFailure::NotTls), None);
        assert_eq!(told(WHILE, TlsFailure::ClientCertificate), Some(refused));
    }

    #[test]
    fn what_is_evidence_is_told_and_nothing_else() {
        let text = String::new;
        let name = TlsFailure::Name {
            expected: text(),
            presented: text(),
        };
        for cause in [
            TlsFailure::Version,
            TlsFailure::NotTls,
            TlsFailure::Expired,
            TlsFailure::NotYetValid,
            TlsFailure::Untrusted,
            name,
            TlsFailure::Revoked,
            TlsFailure::Certificate(text()),
            TlsFailure::ClientKey(text()),
            TlsFailure::ClientCertificate,
            TlsFailure::ServerName(text()),
            TlsFailure::Timeout,
            TlsFailure::Closed,
            TlsFailure::Alert(text()),
            TlsFailure::Other(text()),
        ] {
            let told = FailedHandshakes::default().note(Instant::now(), address(7), &cause);
            assert_eq!(told.is_some(), cause.is_evidence(), "{cause:?}");
        }
    }

    #[test]
    fn so_many_are_told_of_one_network_in_a_while_and_no_room_is_taken_from_others() {
        let (mut failed, start) = (FailedHandshakes::default(), Instant::now());
        let network = u128::from_be_bytes([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let host = |number: usize| IpAddr::from((network + number as u128).to_be_bytes());
        let mut is_told = |from| failed.note(start, from, &TlsFailure::Version).is_some();
        for number in 0..TOLD_OF_SOURCE_MAX {
            assert!(is_told(host(number)));
        }
        assert!(!is_told(host(TOLD_OF_SOURCE_MAX)));
        assert!(is_told(address(7)));
    }

    #[test]
    fn so_many_are_told_in_a_while_and_not_one_more() {
        let (mut failed, start) = (FailedHandshakes::default(), Instant::now());
        for number in 0..TOLD_MAX {
            assert!(
                failed
                    .note(start, address(number), &TlsFailure::Version)
                    .is_some()
            );
        }
        let mut last = |at| failed.note(at, address(TOLD_MAX), &TlsFailure::Version);
        assert_eq!(last(start), None);
        assert!(last(start + WHILE).is_some());
    }
}
