//! Payload formats: what the numbers of a media line mean (RFC 8866 section 6.6, RFC 3551, RFC 4733, RFC 7587).

use sdp_types::{Media, RtpMap};

use super::{FORMATS_MAX, SdpError};
use crate::codec::Codec;
use crate::rtp::PAYLOAD_TYPE_MAX;

/// The encoding name of RFC 4733's events.
pub(super) const TELEPHONE_EVENT: &str = "telephone-event";

/// Payload types that cannot be told from RTCP on a shared port (RFC 5761 section 4); RFC 3551 assigns none of them.
const RTCP_LOOKALIKES: std::ops::RangeInclusive<u8> = 64..=95;

/// Bounds of `maxaveragebitrate` in bit/s (RFC 7587 section 6.1).
const OPUS_BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// Bounds of `maxplaybackrate` in hertz (RFC 7587 section 6.1).
const OPUS_PLAYBACK_RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// What the peer asks of the Opus it receives (RFC 7587 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpusParameters {
    /// The peer makes use of in-band forward error correction.
    pub in_band_fec: bool,
    /// Highest average bit rate the peer wants, in bit/s, 6,000 to 510,000.
    pub max_average_bitrate: Option<u32>,
    /// Highest sampling rate the peer can render, in hertz, 8,000 to 48,000.
    pub max_playback_rate: Option<u32>,
}

/// One payload type of a media line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    pub(super) kind: FormatKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatKind {
    Speech(Codec),
    TelephoneEvent { clock_rate: u32 },
}

/// Lists the formats of a media line that are known here, in the order of the line.
pub(super) fn read_formats(media: &Media) -> Result<Vec<Format>, SdpError> {
    let tokens = || media.fmt.split([' ', '\t']).filter(|token| !token.is_empty());
    let count = tokens().count();
    if count > FORMATS_MAX {
        return Err(SdpError::TooManyFormats { count });
    }
    // Parsed once, since the peer decides how many there are of both.
    let mappings: Vec<RtpMap> = media.attributes_typed().filter_map(Result::ok).collect();
    let mut formats: Vec<Format> = Vec::new();
    for token in tokens() {
        let payload_type = parse_payload_type(token).ok_or(SdpError::PayloadType)?;
        let is_known = formats.iter().any(|format| format.payload_type == payload_type);
        if is_known || RTCP_LOOKALIKES.contains(&payload_type) {
            continue;
        }
        if let Some(kind) = kind_of(&mappings, payload_type) {
            formats.push(Format { payload_type, kind });
        }
    }
    Ok(formats)
}

/// Reads the peer's parameters for Opus of this payload type; what is out of bounds counts as not said.
pub(super) fn read_opus_parameters(media: &Media, payload_type: u8) -> OpusParameters {
    let mut parameters = OpusParameters::default();
    for (name, value) in format_parameters(media, payload_type) {
        let number = value.parse::<u32>().ok();
        match name {
            "useinbandfec" => parameters.in_band_fec = number == Some(1),
            "maxaveragebitrate" => {
                parameters.max_average_bitrate = number.filter(|rate| OPUS_BITRATES.contains(rate));
            }
            "maxplaybackrate" => {
                parameters.max_playback_rate = number.filter(|rate| OPUS_PLAYBACK_RATES.contains(rate));
            }
            _ => {}
        }
    }
    parameters
}

fn format_parameters(media: &Media, payload_type: u8) -> impl Iterator<Item = (&str, &str)> {
    media
        .get_attribute_values("fmtp")
        .flatten()
        .filter_map(|value| value.split_once(' '))
        .filter(move |(format, _)| parse_payload_type(format) == Some(payload_type))
        .flat_map(|(_, parameters)| parameters.split(';'))
        .filter_map(|parameter| parameter.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

fn kind_of(mappings: &[RtpMap], payload_type: u8) -> Option<FormatKind> {
    let Some(rtpmap) = mappings.iter().find(|rtpmap| rtpmap.payload_type == payload_type) else {
        return Codec::from_static_payload_type(payload_type).map(FormatKind::Speech);
    };
    let name = rtpmap.encoding_name.trim();
    if name.eq_ignore_ascii_case(TELEPHONE_EVENT) {
        return Some(FormatKind::TelephoneEvent {
            clock_rate: rtpmap.clock_rate,
        });
    }
    let channels = match rtpmap.encoding_params.as_deref().map(str::trim) {
        None => None,
        Some(text) => Some(text.parse().ok()?),
    };
    Codec::from_rtpmap(name, rtpmap.clock_rate, channels).map(FormatKind::Speech)
}

fn parse_payload_type(text: &str) -> Option<u8> {
    text.parse()
        .ok()
        .filter(|payload_type| *payload_type <= PAYLOAD_TYPE_MAX)
}
