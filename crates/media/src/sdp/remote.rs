//! The peer's description, read into types.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sdp_types::{AddrType, Attribute, Connection, Media, NetType, Rtcp, Session};

use super::crypto::{CryptoLine, CryptoOffence};
use super::format::{Format, read_formats};
use super::{Direction, MEDIA_MAX, PACKET_TIME_MAX, SDP_LENGTH_MAX, SdpError};

/// How RTP is carried: RFC 3551, 3711, 4585, 5124.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    Avp,
    Savp,
    Avpf,
    Savpf,
}

impl Profile {
    pub(super) fn name(self) -> &'static str {
        match self {
            Profile::Avp => "RTP/AVP",
            Profile::Savp => "RTP/SAVP",
            Profile::Avpf => "RTP/AVPF",
            Profile::Savpf => "RTP/SAVPF",
        }
    }

    pub(super) fn is_secure(self) -> bool {
        matches!(self, Profile::Savp | Profile::Savpf)
    }

    fn from_name(name: &str) -> Option<Profile> {
        [Profile::Avp, Profile::Savp, Profile::Avpf, Profile::Savpf]
            .into_iter()
            .find(|profile| profile.name() == name)
    }
}

/// An audio stream of the peer that could be used.
#[derive(Debug)]
pub(super) struct RemoteStream {
    pub(super) profile: Profile,
    /// Never port 0; the address may be unspecified, which means that the peer wants no packets (hold).
    pub(super) rtp: SocketAddr,
    pub(super) rtcp: SocketAddr,
    /// As the peer sees it.
    pub(super) direction: Direction,
    pub(super) formats: Vec<Format>,
    pub(super) ptime: Option<Duration>,
    pub(super) maxptime: Option<Duration>,
    pub(super) rtcp_mux: bool,
    pub(super) crypto: Vec<Result<CryptoLine, CryptoOffence>>,
}

/// Parses a description within the limits.
pub(super) fn parse(bytes: &[u8]) -> Result<Session, SdpError> {
    if bytes.len() > SDP_LENGTH_MAX {
        return Err(SdpError::TooLong { length: bytes.len() });
    }
    let session = Session::parse(bytes).map_err(|error| SdpError::Syntax {
        reason: match error {
            // The parser would repeat the line, which is the peer's text of any length.
            sdp_types::ParserError::InvalidVersion(..) => "the version is not 0".to_owned(),
            error => error.to_string(),
        },
    })?;
    if session.medias.len() > MEDIA_MAX {
        return Err(SdpError::TooManyMedia {
            count: session.medias.len(),
        });
    }
    Ok(session)
}

impl RemoteStream {
    /// Reads one audio stream; everything that is wrong with it is found here, except what policy forbids.
    pub(super) fn read(session: &Session, media: &Media) -> Result<Self, SdpError> {
        if media.media != "audio" {
            return Err(SdpError::NoAudio);
        }
        if media.port == 0 {
            return Err(SdpError::Declined);
        }
        let profile = Profile::from_name(&media.proto).ok_or(SdpError::Transport)?;
        let connection = media
            .connections
            .first()
            .or(session.connection.as_ref())
            .ok_or(SdpError::NoAddress)?;
        let rtp = SocketAddr::new(read_address(connection)?, media.port);
        let rtcp_mux = media.has_attribute("rtcp-mux");
        let direction = read_direction(&media.attributes)
            .or_else(|| read_direction(&session.attributes))
            .unwrap_or(Direction::SendReceive);
        Ok(Self {
            profile,
            rtp,
            rtcp: read_rtcp(media, rtp, rtcp_mux)?,
            direction: if rtp.ip().is_unspecified() {
                direction.without_receiving()
            } else {
                direction
            },
            formats: read_formats(media)?,
            ptime: read_packet_time(session, media, "ptime")?,
            maxptime: read_packet_time(session, media, "maxptime")?,
            rtcp_mux,
            crypto: read_crypto(media)?,
        })
    }
}

/// Takes a literal unicast address of the announced type; the unspecified one is hold (RFC 3264 section 8.4).
fn read_address(connection: &Connection) -> Result<IpAddr, SdpError> {
    address_of(
        &connection.nettype,
        &connection.addrtype,
        &connection.connection_address,
    )
}

fn address_of(nettype: &NetType, addrtype: &AddrType, text: &str) -> Result<IpAddr, SdpError> {
    if *nettype != NetType::In {
        return Err(SdpError::Address);
    }
    let address = match addrtype {
        AddrType::Ip4 => text.parse::<Ipv4Addr>().map(IpAddr::V4),
        AddrType::Ip6 => text.parse::<Ipv6Addr>().map(IpAddr::V6),
        _ => return Err(SdpError::Address),
    }
    .map_err(|_| SdpError::Address)?;
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_multicast() || is_broadcast {
        Err(SdpError::Address)
    } else {
        Ok(address)
    }
}

/// Is where the peer receives RTCP: `a=rtcp` (RFC 3605), else the port after RTP's.
fn read_rtcp(media: &Media, rtp: SocketAddr, rtcp_mux: bool) -> Result<SocketAddr, SdpError> {
    let Some(attribute) = media.get_first_attribute_typed::<Rtcp>() else {
        return match rtp.port().checked_add(1) {
            Some(port) => Ok(SocketAddr::new(rtp.ip(), port)),
            None if rtcp_mux => Ok(rtp),
            None => Err(SdpError::RtcpPort),
        };
    };
    let attribute = attribute.map_err(|_| SdpError::RtcpPort)?;
    if attribute.port == 0 {
        return Err(SdpError::RtcpPort);
    }
    let address = match (
        attribute.nettype,
        attribute.addrtype,
        attribute.connection_address,
    ) {
        (Some(nettype), Some(addrtype), Some(text)) => address_of(&nettype, &addrtype, &text)?,
        _ => rtp.ip(),
    };
    Ok(SocketAddr::new(address, attribute.port))
}

fn read_direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes
        .iter()
        .filter(|attribute| attribute.value.is_none())
        .find_map(|attribute| {
            [
                Direction::SendReceive,
                Direction::SendOnly,
                Direction::ReceiveOnly,
                Direction::Inactive,
            ]
            .into_iter()
            .find(|direction| direction.name().eq_ignore_ascii_case(&attribute.attribute))
        })
}

/// Reads whole milliseconds; RFC 8866 section 6.4 allows a fraction, which no codec here has.
fn read_packet_time(
    session: &Session,
    media: &Media,
    attribute: &'static str,
) -> Result<Option<Duration>, SdpError> {
    let value = media.get_first_attribute_value(attribute);
    let Some(value) = value.or_else(|| session.get_first_attribute_value(attribute)) else {
        return Ok(None);
    };
    let text = value.unwrap_or_default().trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let error = SdpError::PacketTime { attribute };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error);
    }
    match whole.parse().map(Duration::from_millis) {
        Ok(time) if !time.is_zero() && time <= PACKET_TIME_MAX => Ok(Some(time)),
        _ => Err(error),
    }
}

fn read_crypto(media: &Media) -> Result<Vec<Result<CryptoLine, CryptoOffence>>, SdpError> {
    let lines: Vec<_> = media
        .get_attribute_values("crypto")
        .map(|value| CryptoLine::parse(value.unwrap_or_default()))
        .collect();
    let mut tags: Vec<u32> = lines.iter().flatten().map(|line| line.tag).collect();
    tags.sort_unstable();
    let repeated = tags.windows(2).find_map(|pair| match pair {
        [tag, next] if tag == next => Some(*tag),
        _ => None,
    });
    match repeated {
        Some(tag) => Err(SdpError::RepeatedCryptoTag { tag }),
        None => Ok(lines),
    }
}
