//! Whose packets are taken, and where the answers go.

use std::net::SocketAddr;

/// Follows the source of a leg's packets through NAT.
///
/// Packets that pass SRTP authentication move the address, so a peer whose NAT rebinds is followed. Plain
/// packets fix it once: the first source is kept until the owner says otherwise, since anybody can send a
/// plain packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latch {
    signalled: SocketAddr,
    source: Option<SocketAddr>,
    authenticated: bool,
}

impl Latch {
    /// Starts from the address in the session description.
    pub(crate) fn new(signalled: SocketAddr, authenticated: bool) -> Latch {
        Latch {
            signalled,
            source: None,
            authenticated,
        }
    }

    /// Whether a packet from here may be taken at all (before it is authenticated).
    pub(crate) fn admits(&self, from: SocketAddr) -> bool {
        self.authenticated || self.source.is_none_or(|source| source == from)
    }

    /// Takes the source of a packet that was found good.
    pub(crate) fn confirm(&mut self, from: SocketAddr) {
        if self.authenticated || self.source.is_none() {
            self.source = Some(from);
        }
    }

    /// Where packets to this peer go.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.source.unwrap_or(self.signalled)
    }

    /// Whether this is the address of the session description.
    pub(crate) fn is_for(&self, signalled: SocketAddr) -> bool {
        self.signalled == signalled
    }

    /// Forgets the source: the next one is taken.
    pub(crate) fn release(&mut self) {
        self.source = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_a_packet_comes_the_signalled_address_counts() {
        let latch = Latch::new(address(1), false);
        assert!(latch.admits(address(2)));
        assert_eq!(latch.destination(), address(1));
    }

    #[test]
    fn a_plain_source_is_fixed_by_its_first_packet() {
        let mut latch = Latch::new(address(1), false);
        latch.confirm(address(2));
        assert!(latch.admits(address(2)));
        assert!(!latch.admits(address(1)), "not even the signalled one");
        latch.confirm(address(3));
        assert_eq!(latch.destination(), address(2));
        latch.release();
        assert!(latch.admits(address(3)));
    }

    #[test]
    fn an_authenticated_source_is_followed() {
        let mut latch = Latch::new(address(1), true);
        latch.confirm(address(2));
        assert!(latch.admits(address(3)));
        latch.confirm(address(3));
        assert_eq!(latch.destination(), address(3));
    }

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 5_004))
    }
}
