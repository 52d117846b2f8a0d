//! Making an offer, and judging the answer to it.

use rand_core::CryptoRng;
use sdp_types::{Media, Session};

use super::crypto::CryptoLine;
use super::error::OfferError;
use super::format::read_opus_parameters;
use super::negotiate::{
    TELEPHONE_EVENT_CLOCK_RATE, choose_codec, choose_packet_time, choose_telephone_event, destinations,
};
use super::remote::{self, Profile, RemoteStream};
use super::write::{Stream, media_line, write_session};
use super::{CryptoPair, LocalMedia, Negotiated, SdpError, SecurityOffer};
use crate::codec::Codec;
use crate::srtp::MasterKey;

/// Payload types of our offers for what has no static one, within 96 to 127 (RFC 3551 section 3).
const OPUS_PAYLOAD_TYPE: u8 = 96;
const TELEPHONE_EVENT_PAYLOAD_TYPE: u8 = 101;
const WIDE_TELEPHONE_EVENT_PAYLOAD_TYPE: u8 = 102;

/// An offer that waits for its answer.
///
/// It can judge several answers, since a forked INVITE gets more than one.
#[derive(Debug, Clone)]
pub struct PendingOffer {
    local: LocalMedia,
    profile: Profile,
    // One key per suite, tags counting from 1; empty when plain RTP was offered.
    crypto: Vec<CryptoLine>,
}

/// Describes our stream and remembers what the answer is to be measured by.
///
/// Without a secure channel, [`SecurityOffer::Optional`] offers plain RTP.
///
/// # Errors
/// SRTP is demanded but cannot be offered safely, or there is nothing to offer.
pub fn offer(
    local: &LocalMedia,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(String, PendingOffer), OfferError> {
    if local.codecs.is_empty() {
        return Err(OfferError::NoCodec);
    }
    let pending = PendingOffer {
        local: local.clone(),
        profile: match local.security {
            SecurityOffer::Standard => Profile::Savp,
            SecurityOffer::Optional | SecurityOffer::Disabled => Profile::Avp,
        },
        crypto: if offers_keys(local)? {
            make_keys(local, rng)
        } else {
            Vec::new()
        },
    };
    let stream = Stream {
        profile: pending.profile,
        codecs: local
            .codecs
            .iter()
            .map(|codec| (offered_payload_type(*codec), *codec))
            .collect(),
        telephone_events: offered_telephone_events(&local.codecs),
        crypto: &pending.crypto,
        ptime_ms: local.ptime.as_millis(),
        direction: local.direction,
        rtcp_mux: local.rtcp_mux,
    };
    Ok((write_session(local, vec![media_line(local, &stream)]), pending))
}

fn offers_keys(local: &LocalMedia) -> Result<bool, OfferError> {
    match local.security {
        SecurityOffer::Standard if !local.channel_is_secure => Err(OfferError::InsecureChannel),
        SecurityOffer::Standard if local.suites.is_empty() => Err(OfferError::NoSuite),
        SecurityOffer::Standard => Ok(true),
        SecurityOffer::Optional => Ok(local.channel_is_secure),
        SecurityOffer::Disabled => Ok(false),
    }
}

fn make_keys(local: &LocalMedia, rng: &mut (impl CryptoRng + ?Sized)) -> Vec<CryptoLine> {
    // Each line has a key of its own (RFC 4568 section 6.1).
    (1..)
        .zip(&local.suites)
        .map(|(tag, suite)| CryptoLine {
            tag,
            key: MasterKey::generate(*suite, rng),
        })
        .collect()
}

fn offered_payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => codec.static_payload_type().unwrap_or_default(),
        Codec::Opus => OPUS_PAYLOAD_TYPE,
    }
}

fn offered_telephone_events(codecs: &[Codec]) -> Vec<(u8, u32)> {
    let mut events = vec![(TELEPHONE_EVENT_PAYLOAD_TYPE, TELEPHONE_EVENT_CLOCK_RATE)];
    if codecs.contains(&Codec::Opus) {
        events.push((WIDE_TELEPHONE_EVENT_PAYLOAD_TYPE, Codec::Opus.clock_rate()));
    }
    events
}

impl PendingOffer {
    /// Measures an answer by the offer.
    ///
    /// # Errors
    /// Says why the answer cannot be accepted; the call is then to be ended, never continued with less protection.
    pub fn accept(&self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        let session = remote::parse(answer)?;
        let media = single_media(&session)?;
        let remote = RemoteStream::read(&session, media)?;
        if remote.profile != self.profile {
            return Err(SdpError::ProfileChanged);
        }
        let crypto = self.accepted_keys(&remote)?;
        let (send_payload_type, codec) = choose_codec(&remote.formats, &self.local.codecs)?;
        let events = choose_telephone_event(&remote.formats, codec);
        let rtcp_mux = self.local.rtcp_mux && remote.rtcp_mux;
        let (remote_rtp, remote_rtcp) = destinations(&self.local, &remote, rtcp_mux)?;
        Ok(Negotiated {
            remote_rtp,
            remote_rtcp,
            codec,
            send_payload_type,
            receive_payload_type: offered_payload_type(codec),
            telephone_event: events.and_then(|(_, clock_rate)| self.telephone_event_of(clock_rate)),
            send_telephone_event: events.map(|(payload_type, _)| payload_type),
            ptime: choose_packet_time(codec, self.local.ptime, &remote)?,
            direction: self.local.direction.limited_by(remote.direction),
            crypto,
            rtcp_mux,
            opus: read_opus_parameters(media, send_payload_type),
        })
    }

    fn telephone_event_of(&self, wanted: u32) -> Option<u8> {
        let offered = offered_telephone_events(&self.local.codecs);
        offered
            .iter()
            .find_map(|(payload_type, clock_rate)| (*clock_rate == wanted).then_some(*payload_type))
    }

    /// Applies RFC 4568 section 5.1.3, and RFC 8643 section 3.3 for keys offered beside RTP/AVP.
    fn accepted_keys(&self, remote: &RemoteStream) -> Result<Option<CryptoPair>, SdpError> {
        let answered = match remote.crypto.as_slice() {
            [] if self.profile.is_secure() => return Err(SdpError::NoCrypto),
            [] => return Ok(None),
            [line] => line
                .as_ref()
                .map_err(|offence| SdpError::UnusableCrypto(*offence))?,
            lines => return Err(SdpError::SeveralCryptoAnswers { count: lines.len() }),
        };
        let offered = self
            .crypto
            .iter()
            .find(|line| line.tag == answered.tag && line.key.suite() == answered.key.suite())
            .ok_or(SdpError::CryptoNotOffered)?;
        if offered.key.key_and_salt() == answered.key.key_and_salt() {
            return Err(SdpError::KeyReflected);
        }
        Ok(Some(CryptoPair {
            send: offered.key.clone(),
            receive: answered.key.clone(),
        }))
    }
}

/// Is the one media line that answers our one (RFC 3264 section 6).
fn single_media(session: &Session) -> Result<&Media, SdpError> {
    match session.medias.as_slice() {
        [media] => Ok(media),
        medias => Err(SdpError::MediaCount { count: medias.len() }),
    }
}
