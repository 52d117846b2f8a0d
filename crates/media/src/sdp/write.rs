//! Our own description as text.

use sdp_types::{AddrType, Attribute, Connection, Media, NetType, Origin, Session, Time};

use super::crypto::CryptoLine;
use super::format::TELEPHONE_EVENT;
use super::remote::Profile;
use super::{Direction, LocalMedia};
use crate::codec::Codec;

/// The events of RFC 4733 that are keys: 0-9, *, #, A-D.
const KEY_EVENTS: &str = "0-15";

/// What a media line of ours says beyond [`LocalMedia`].
pub(super) struct Stream<'a> {
    pub(super) profile: Profile,
    /// Payload types with their codecs, the preferred one first.
    pub(super) codecs: Vec<(u8, Codec)>,
    /// Payload types of telephone events with their clock rates.
    pub(super) telephone_events: Vec<(u8, u32)>,
    pub(super) crypto: &'a [CryptoLine],
    pub(super) ptime_ms: u128,
    pub(super) direction: Direction,
    pub(super) rtcp_mux: bool,
}

/// Writes a description with these media lines.
pub(super) fn write_session(local: &LocalMedia, medias: Vec<Media>) -> String {
    let addrtype = if local.address.is_ipv4() {
        AddrType::Ip4
    } else {
        AddrType::Ip6
    };
    let address = local.address.to_string();
    let origin = Origin::new(
        local.session_id,
        local.session_version,
        NetType::In,
        addrtype.clone(),
        &address,
    );
    let mut session = Session::new(origin, "-");
    session.set_connection(Connection::new(NetType::In, addrtype, address));
    session.add_time(Time::new(0, 0));
    session.add_medias(medias);
    let mut text = Vec::new();
    session.write(&mut text).expect("writing to a Vec does not fail");
    String::from_utf8(text).expect("sdp-types keeps all fields as String")
}

/// Makes the media line of our stream.
pub(super) fn media_line(local: &LocalMedia, stream: &Stream<'_>) -> Media {
    let payload_types = stream.codecs.iter().map(|(payload_type, _)| payload_type);
    let payload_types = payload_types.chain(
        stream
            .telephone_events
            .iter()
            .map(|(payload_type, _)| payload_type),
    );
    let formats: Vec<String> = payload_types.map(u8::to_string).collect();
    let mut media = bare_media_line("audio", local.port, stream.profile.name(), &formats.join(" "));
    for (payload_type, codec) in &stream.codecs {
        write_codec(&mut media, *payload_type, *codec);
    }
    for (payload_type, clock_rate) in &stream.telephone_events {
        attribute(
            &mut media,
            "rtpmap",
            &format!("{payload_type} {TELEPHONE_EVENT}/{clock_rate}"),
        );
        attribute(&mut media, "fmtp", &format!("{payload_type} {KEY_EVENTS}"));
    }
    attribute(&mut media, "ptime", &stream.ptime_ms.to_string());
    for line in stream.crypto {
        attribute(&mut media, "crypto", &line.to_value());
    }
    if stream.rtcp_mux {
        media.add_attribute_from_str("rtcp-mux");
    }
    media.add_attribute_from_str(stream.direction.name());
    media
}

/// Makes the media line that rejects one of the peer's (RFC 3264 section 6).
pub(super) fn rejected_media_line(offered: &Media) -> Media {
    bare_media_line(&offered.media, 0, &offered.proto, &offered.fmt)
}

fn write_codec(media: &mut Media, payload_type: u8, codec: Codec) {
    let channels = match codec.rtpmap_channels() {
        1 => String::new(),
        channels => format!("/{channels}"),
    };
    let mapping = format!("{payload_type} {}/{}{channels}", codec.name(), codec.clock_rate());
    attribute(media, "rtpmap", &mapping);
    match codec {
        Codec::Opus => attribute(media, "fmtp", &format!("{payload_type} useinbandfec=1")),
        Codec::Pcmu | Codec::Pcma | Codec::G722 => {}
    }
}

fn bare_media_line(kind: &str, port: u16, transport: &str, formats: &str) -> Media {
    Media {
        media: kind.to_owned(),
        port,
        num_ports: None,
        proto: transport.to_owned(),
        fmt: formats.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn attribute(media: &mut Media, name: &str, value: &str) {
    media.add_attribute(Attribute::with_value(name, value));
}
