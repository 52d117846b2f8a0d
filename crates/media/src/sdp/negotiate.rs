//! What offerer and answerer decide alike.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::SdpError;
use super::format::{Format, FormatKind};
use super::remote::RemoteStream;
use crate::codec::Codec;

/// The clock of telephone events beside every narrow-band codec, and the one most peers know.
pub(super) const TELEPHONE_EVENT_CLOCK_RATE: u32 = 8_000;

/// Finds the peer's most preferred codec among ours, with its payload type.
pub(super) fn choose_codec(formats: &[Format], ours: &[Codec]) -> Result<(u8, Codec), SdpError> {
    formats
        .iter()
        .find_map(|format| match format.kind {
            FormatKind::Speech(codec) if ours.contains(&codec) => Some((format.payload_type, codec)),
            FormatKind::Speech(_) | FormatKind::TelephoneEvent { .. } => None,
        })
        .ok_or(SdpError::NoCommonCodec)
}

/// Finds telephone events on the codec's clock (RFC 4733 section 2.1), else on the clock of 8 kHz.
pub(super) fn choose_telephone_event(formats: &[Format], codec: Codec) -> Option<(u8, u32)> {
    let of_rate = |wanted: u32| {
        formats.iter().find_map(|format| match format.kind {
            FormatKind::TelephoneEvent { clock_rate } if clock_rate == wanted => {
                Some((format.payload_type, clock_rate))
            }
            FormatKind::TelephoneEvent { .. } | FormatKind::Speech(_) => None,
        })
    };
    of_rate(codec.clock_rate()).or_else(|| of_rate(TELEPHONE_EVENT_CLOCK_RATE))
}

/// Finds the packet time nearest to the peer's wish, or to ours if it has none.
pub(super) fn choose_packet_time(
    codec: Codec,
    ours: Duration,
    remote: &RemoteStream,
) -> Result<Duration, SdpError> {
    let maximum = remote.maxptime.unwrap_or(Duration::MAX);
    let wish = remote.ptime.unwrap_or(ours).min(maximum);
    let possible = codec.packet_times();
    let fitting = possible.iter().rev().find(|time| **time <= wish);
    let shortest = possible.first().filter(|time| **time <= maximum);
    fitting.or(shortest).copied().ok_or(SdpError::PacketTime {
        attribute: "maxptime",
    })
}

/// Checks that we can reach the peer's address and returns where RTP and RTCP go.
pub(super) fn destinations(
    ours: IpAddr,
    remote: &RemoteStream,
    rtcp_mux: bool,
) -> Result<(SocketAddr, SocketAddr), SdpError> {
    let same_family = |address: SocketAddr| address.is_ipv4() == ours.is_ipv4();
    let rtcp = if rtcp_mux { remote.rtp } else { remote.rtcp };
    if same_family(remote.rtp) && same_family(rtcp) {
        Ok((remote.rtp, rtcp))
    } else {
        Err(SdpError::AddressFamily)
    }
}
