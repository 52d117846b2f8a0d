//! Address translators: what the zone sees of a station behind one, and how it gets back.
//!
//! A mapping is made by what goes out, for one socket whatever it sends to, and lets anything in (RFC 4787:
//! endpoint-independent). It is forgotten when nothing has gone out for [`IDLE_MAX`], and at once when the translator is
//! restarted or its line gets another address, which the station behind it is not told.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Time after which an unused mapping is forgotten: what many translators keep for UDP (RFC 4787 section 4.3).
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The first port a translator gives out.
const PORT_FIRST: u16 = 10_000;

/// All translators.
#[derive(Debug, Default)]
pub(crate) struct Translators {
    /// The address of the translator each host stands behind; hosts without one are reached as they are.
    outside_by_host: BTreeMap<IpAddr, IpAddr>,
    mapping_by_inside: BTreeMap<SocketAddr, Mapping>,
    inside_by_outside: BTreeMap<SocketAddr, SocketAddr>,
    next_port: BTreeMap<IpAddr, u16>,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    outside: SocketAddr,
    used_at: Instant,
}

impl Translators {
    /// Puts a host behind a translator.
    pub(crate) fn hide(&mut self, host: IpAddr, behind: IpAddr) {
        self.outside_by_host.insert(host, behind);
    }

    /// Whether a host stands behind a translator.
    pub(crate) fn hides(&self, host: IpAddr) -> bool {
        self.outside_by_host.contains_key(&host)
    }

    /// The address under which what this socket sends is seen.
    pub(crate) fn outside_of(&mut self, now: Instant, inside: SocketAddr) -> SocketAddr {
        let Some(behind) = self.outside_by_host.get(&inside.ip()).copied() else {
            return inside;
        };
        if let Some(mapping) = self.mapping_by_inside.get_mut(&inside)
            && now.saturating_duration_since(mapping.used_at) < IDLE_MAX
        {
            mapping.used_at = now;
            return mapping.outside;
        }
        self.forget(inside);
        let outside = self.fresh(behind);
        self.mapping_by_inside.insert(
            inside,
            Mapping {
                outside,
                used_at: now,
            },
        );
        self.inside_by_outside.insert(outside, inside);
        outside
    }

    /// The socket that a packet to this address reaches, if there is one.
    pub(crate) fn inside_of(&self, now: Instant, outside: SocketAddr) -> Option<SocketAddr> {
        if let Some(inside) = self.inside_by_outside.get(&outside) {
            let mapping = self.mapping_by_inside.get(inside)?;
            let is_alive = now.saturating_duration_since(mapping.used_at) < IDLE_MAX;
            return is_alive.then_some(*inside);
        }
        // An address behind a translator means nothing to the world, and a translator itself takes nothing.
        let is_host = !self.hides(outside.ip()) && !self.next_port.contains_key(&outside.ip());
        is_host.then_some(outside)
    }

    /// An address for a stream, which lasts as long as the stream does.
    pub(crate) fn outside_of_stream(&mut self, inside: SocketAddr) -> SocketAddr {
        match self.outside_by_host.get(&inside.ip()).copied() {
            Some(behind) => self.fresh(behind),
            None => inside,
        }
    }

    /// Forgets every mapping of a host.
    pub(crate) fn rebind(&mut self, host: IpAddr) {
        let sockets: Vec<SocketAddr> = self
            .mapping_by_inside
            .keys()
            .copied()
            .filter(|inside| inside.ip() == host)
            .collect();
        for socket in sockets {
            self.forget(socket);
        }
    }

    fn forget(&mut self, inside: SocketAddr) {
        if let Some(mapping) = self.mapping_by_inside.remove(&inside) {
            self.inside_by_outside.remove(&mapping.outside);
        }
    }

    fn fresh(&mut self, behind: IpAddr) -> SocketAddr {
        let next = self.next_port.entry(behind).or_insert(PORT_FIRST);
        let port = *next;
        *next = next.checked_add(1).unwrap_or(PORT_FIRST);
        SocketAddr::new(behind, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_out_opens_the_way_in_until_it_is_unused_for_too_long() {
        let (now, mut translators, inside) = arranged();

        let outside = translators.outside_of(now, inside);
        assert_eq!(translators.inside_of(now, outside), Some(inside));

        let late = now + IDLE_MAX;
        assert_eq!(translators.inside_of(late, outside), None);
        assert_ne!(translators.outside_of(late, inside), outside);
    }

    #[test]
    fn use_keeps_a_mapping() {
        let (now, mut translators, inside) = arranged();
        let outside = translators.outside_of(now, inside);

        let nearly = now + IDLE_MAX - Duration::from_millis(1);
        assert_eq!(translators.outside_of(nearly, inside), outside);
        assert_eq!(translators.inside_of(now + IDLE_MAX, outside), Some(inside));
    }

    #[test]
    fn a_rebinding_gives_another_address_and_closes_the_old_one() {
        let (now, mut translators, inside) = arranged();
        let outside = translators.outside_of(now, inside);

        translators.rebind(inside.ip());

        assert_eq!(translators.inside_of(now, outside), None);
        assert_ne!(translators.outside_of(now, inside), outside);
    }

    #[test]
    fn an_inner_address_leads_nowhere_from_outside() {
        let (now, translators, inside) = arranged();

        assert_eq!(translators.inside_of(now, inside), None);
    }

    #[test]
    fn a_host_without_translator_is_reached_as_it_is() {
        let (now, mut translators, _) = arranged();
        let plain: SocketAddr = "198.18.0.1:5060".parse().unwrap();

        assert_eq!(translators.outside_of(now, plain), plain);
        assert_eq!(translators.inside_of(now, plain), Some(plain));
    }

    fn arranged() -> (Instant, Translators, SocketAddr) {
        let inside: SocketAddr = "10.1.0.1:5060".parse().unwrap();
        let mut translators = Translators::default();
        translators.hide(inside.ip(), "203.0.113.1".parse().unwrap());
        (Instant::now(), translators, inside)
    }
}
