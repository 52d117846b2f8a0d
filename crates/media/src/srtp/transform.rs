//! What a suite does to one packet, apart from the bookkeeping all suites share.

/// Octets at the front of an SRTCP packet that stay readable: the first header and the sender's SSRC.
pub(super) const RTCP_HEADER_LENGTH: usize = 8;

/// Length in octets of the word with the E bit and the SRTCP index.
pub(super) const RTCP_INDEX_LENGTH: usize = 4;

/// The bit of that word that says the packet is encrypted (RFC 3711 section 3.4).
pub(super) const ENCRYPTED_BIT: u32 = 0x8000_0000;

/// Marks a packet whose tag does not fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forged;

/// Names a packet among all that one key protects.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketId {
    pub(super) ssrc: u32,
    // Below 2^48 for RTP, below 2^31 for RTCP.
    pub(super) index: u64,
}

impl PacketId {
    /// Is the rollover counter as it is authenticated behind an RTP packet.
    pub(super) fn rollovers(self) -> [u8; 4] {
        let [_, _, r0, r1, r2, r3, _, _] = self.index.to_be_bytes();
        [r0, r1, r2, r3]
    }
}

/// One suite, keyed for one direction.
///
/// `open_*` leave a packet that fails authentication in an unspecified state.
pub(super) trait Transform: Send + Sync {
    /// Encrypts everything after the header and appends the tag.
    fn seal_rtp(&self, packet: &mut Vec<u8>, header_length: usize, id: PacketId);

    /// Verifies and decrypts; returns the length of the plain packet at the front of `packet`.
    fn open_rtp(&self, packet: &mut [u8], header_length: usize, id: PacketId) -> Result<usize, Forged>;

    /// Encrypts everything after the first eight octets and appends index and tag.
    fn seal_rtcp(&self, packet: &mut Vec<u8>, id: PacketId);

    /// Verifies and decrypts an encrypted SRTCP packet; returns the plain length.
    fn open_rtcp(&self, packet: &mut [u8], id: PacketId) -> Result<usize, Forged>;

    /// Is the number of octets that follow the index word of an SRTCP packet.
    fn octets_after_rtcp_index(&self) -> usize;
}

/// Is the word that carries the E bit, always set, and the SRTCP index.
pub(super) fn esrtcp_word(id: PacketId) -> [u8; RTCP_INDEX_LENGTH] {
    let [_, _, _, _, i0, i1, i2, i3] = id.index.to_be_bytes();
    (u32::from_be_bytes([i0, i1, i2, i3]) | ENCRYPTED_BIT).to_be_bytes()
}
