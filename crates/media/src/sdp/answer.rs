//! Answering an offer.

use rand_core::CryptoRng;
use sdp_types::{Media, Session};

use super::crypto::{CryptoLine, CryptoOffence};
use super::format::read_opus_parameters;
use super::negotiate::{choose_codec, choose_packet_time, choose_telephone_event, destinations};
use super::remote::{self, RemoteStream};
use super::write::{Stream, media_line, rejected_media_line, write_session};
use super::{CryptoPair, LocalMedia, Negotiated, SdpError, SecurityOffer};
use crate::srtp::MasterKey;

/// Accepts the first audio stream of an offer that can be used, and rejects all others.
///
/// The answer has one codec, so that both sides know what is sent, and telephone events if they were offered.
///
/// # Errors
/// Says why the first audio stream cannot be used; [`SdpError::status`] refuses the call with it.
pub fn answer(
    offer: &[u8],
    local: &LocalMedia,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(String, Negotiated), SdpError> {
    let session = remote::parse(offer)?;
    let (position, accepted) = first_usable(&session, local)?;
    let crypto = accepted.crypto.as_ref().map(|offered| {
        let send = MasterKey::generate(offered.key.suite(), rng);
        // The tag echoes the accepted line (RFC 4568 section 5.1.2).
        let line = CryptoLine {
            tag: offered.tag,
            key: send.clone(),
        };
        (
            line,
            CryptoPair {
                send,
                receive: offered.key.clone(),
            },
        )
    });
    let (line, pair) = crypto.unzip();
    let negotiated = Negotiated {
        crypto: pair,
        ..accepted.negotiated
    };
    let stream = Stream {
        profile: accepted.remote.profile,
        codecs: vec![(negotiated.send_payload_type, negotiated.codec)],
        telephone_events: accepted.telephone_event.into_iter().collect(),
        crypto: line.as_slice(),
        ptime_ms: negotiated.ptime.as_millis(),
        direction: negotiated.direction,
        rtcp_mux: negotiated.rtcp_mux,
    };
    let ours = media_line(local, &stream);
    let medias = session.medias.iter().enumerate();
    let medias = medias.map(|(index, media)| {
        if index == position {
            ours.clone()
        } else {
            rejected_media_line(media)
        }
    });
    Ok((write_session(local, medias.collect()), negotiated))
}

/// A stream of the offer that passed all checks.
struct Accepted {
    remote: RemoteStream,
    /// The line to answer; none for plain RTP.
    crypto: Option<CryptoLine>,
    telephone_event: Option<(u8, u32)>,
    /// Complete but for the keys.
    negotiated: Negotiated,
}

fn first_usable(session: &Session, local: &LocalMedia) -> Result<(usize, Accepted), SdpError> {
    let mut refusal = None;
    for (position, media) in session.medias.iter().enumerate() {
        match consider(session, media, local) {
            Ok(accepted) => return Ok((position, accepted)),
            Err(SdpError::NoAudio) => {}
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    Err(refusal.unwrap_or(SdpError::NoAudio))
}

fn consider(session: &Session, media: &Media, local: &LocalMedia) -> Result<Accepted, SdpError> {
    let remote = RemoteStream::read(session, media)?;
    let crypto = choose_crypto(&remote, local)?.cloned();
    let (payload_type, codec) = choose_codec(&remote.formats, &local.codecs)?;
    let telephone_event = choose_telephone_event(&remote.formats, codec);
    let rtcp_mux = local.rtcp_mux && remote.rtcp_mux;
    let (remote_rtp, remote_rtcp) = destinations(local.address, &remote, rtcp_mux)?;
    let negotiated = Negotiated {
        remote_rtp,
        remote_rtcp,
        codec,
        // The answer keeps the offer's numbers, so they are the same in both directions (RFC 3264 section 6.1).
        send_payload_type: payload_type,
        receive_payload_type: payload_type,
        telephone_event: telephone_event.map(|(payload_type, _)| payload_type),
        send_telephone_event: telephone_event.map(|(payload_type, _)| payload_type),
        ptime: choose_packet_time(codec, local.ptime, &remote)?,
        direction: local.direction.limited_by(remote.direction),
        crypto: None,
        rtcp_mux,
        opus: read_opus_parameters(media, payload_type),
    };
    Ok(Accepted {
        remote,
        crypto,
        telephone_event,
        negotiated,
    })
}

/// Decides between SRTP, plain RTP and refusal.
fn choose_crypto<'a>(
    remote: &'a RemoteStream,
    local: &LocalMedia,
) -> Result<Option<&'a CryptoLine>, SdpError> {
    let plain_is_possible = match local.security {
        SecurityOffer::Disabled if remote.profile.is_secure() => return Err(SdpError::SecureRefused),
        SecurityOffer::Disabled => return Ok(None),
        SecurityOffer::Optional => !remote.profile.is_secure(),
        SecurityOffer::Standard => false,
    };
    match usable_crypto(remote, local) {
        Ok(line) => Ok(Some(line)),
        // RFC 8643 section 3.2: the keys beside RTP/AVP are declined by answering without any.
        Err(_) if plain_is_possible => Ok(None),
        Err(SdpError::NoCrypto) if !remote.profile.is_secure() => Err(SdpError::PlainRefused),
        Err(error) => Err(error),
    }
}

/// Finds the first line that is valid and allowed (RFC 4568 section 5.1.2).
fn usable_crypto<'a>(remote: &'a RemoteStream, local: &LocalMedia) -> Result<&'a CryptoLine, SdpError> {
    if remote.crypto.is_empty() {
        return Err(SdpError::NoCrypto);
    }
    if !local.channel_is_secure {
        return Err(SdpError::InsecureChannel);
    }
    let mut first_offence = None;
    for line in &remote.crypto {
        let offence = match line {
            Ok(line) if local.suites.contains(&line.key.suite()) => return Ok(line),
            Ok(line) => CryptoOffence::SuiteNotAllowed(line.key.suite()),
            Err(offence) => *offence,
        };
        first_offence.get_or_insert(offence);
    }
    Err(first_offence.map_or(SdpError::NoCrypto, SdpError::UnusableCrypto))
}
