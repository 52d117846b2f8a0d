//! Making an offer, and judging the answer to it.

use std::net::IpAddr;
use std::time::Duration;

use rand_core::CryptoRng;
use sdp_types::{Media, Session};

use super::crypto::CryptoLine;
use super::error::OfferError;
use super::format::{FormatKind, read_opus_parameters};
use super::negotiate::{
    TELEPHONE_EVENT_CLOCK_RATE, choose_codec, choose_packet_time, choose_telephone_event, destinations,
};
use super::remote::{self, Profile, RemoteStream};
use super::write::{Stream, media_line, write_session};
use super::{CryptoPair, Direction, LocalMedia, Negotiated, SdpError, SecurityOffer};
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
    /// Where we receive.
    address: IpAddr,
    profile: Profile,
    /// Payload types with their codecs, the preferred one first.
    codecs: Vec<(u8, Codec)>,
    /// Payload types of telephone events with their clock rates.
    telephone_events: Vec<(u8, u32)>,
    /// Empty when plain RTP is offered.
    crypto: Vec<CryptoLine>,
    ptime: Duration,
    direction: Direction,
    rtcp_mux: bool,
    place: Place,
}

/// Where our stream stands among the media lines of an offer. The answer has as many, in the same order (RFC 3264 section 6).
#[derive(Debug, Clone, Copy)]
struct Place {
    position: usize,
    count: usize,
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
        address: local.address,
        profile: match local.security {
            SecurityOffer::Standard => Profile::Savp,
            SecurityOffer::Optional | SecurityOffer::Disabled => Profile::Avp,
        },
        codecs: local
            .codecs
            .iter()
            .map(|codec| (offered_payload_type(*codec), *codec))
            .collect(),
        telephone_events: offered_telephone_events(&local.codecs),
        crypto: if offers_keys(local)? {
            make_keys(local, rng)
        } else {
            Vec::new()
        },
        ptime: local.ptime,
        direction: local.direction,
        rtcp_mux: local.rtcp_mux,
        place: Place {
            position: 0,
            count: 1,
        },
    };
    let stream = Stream {
        profile: pending.profile,
        codecs: pending.codecs.clone(),
        telephone_events: pending.telephone_events.clone(),
        crypto: &pending.crypto,
        ptime_ms: pending.ptime.as_millis(),
        direction: pending.direction,
        rtcp_mux: pending.rtcp_mux,
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
    /// What a description of ours offers that is sent again, be it an offer or an answer, to refresh a session by it.
    ///
    /// # Errors
    /// It is no description of ours that has a stream.
    pub fn repeated(description: &[u8]) -> Result<Self, SdpError> {
        let session = remote::parse(description)?;
        let streams = session.medias.iter().enumerate();
        let (position, ours) = streams
            .filter_map(|(position, media)| Some((position, RemoteStream::read(&session, media).ok()?)))
            .next()
            .ok_or(SdpError::NoAudio)?;
        let formats = || ours.formats.iter();
        Ok(Self {
            address: ours.rtp.ip(),
            profile: ours.profile,
            codecs: formats()
                .filter_map(|format| match format.kind {
                    FormatKind::Speech(codec) => Some((format.payload_type, codec)),
                    FormatKind::TelephoneEvent { .. } => None,
                })
                .collect(),
            telephone_events: formats()
                .filter_map(|format| match format.kind {
                    FormatKind::TelephoneEvent { clock_rate } => Some((format.payload_type, clock_rate)),
                    FormatKind::Speech(_) => None,
                })
                .collect(),
            ptime: ours.ptime.ok_or(SdpError::PacketTime { attribute: "ptime" })?,
            direction: ours.direction,
            rtcp_mux: ours.rtcp_mux,
            place: Place {
                position,
                count: session.medias.len(),
            },
            crypto: ours
                .crypto
                .into_iter()
                .collect::<Result<_, _>>()
                .map_err(SdpError::UnusableCrypto)?,
        })
    }

    /// Measures an answer by the offer.
    ///
    /// # Errors
    /// Says why the answer cannot be accepted; the call is then to be ended, never continued with less protection.
    pub fn accept(&self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        let session = remote::parse(answer)?;
        let media = self.place.media_of(&session)?;
        let remote = RemoteStream::read(&session, media)?;
        if remote.profile != self.profile {
            return Err(SdpError::ProfileChanged);
        }
        let crypto = self.accepted_keys(&remote)?;
        let ours: Vec<Codec> = self.codecs.iter().map(|(_, codec)| *codec).collect();
        let (send_payload_type, codec) = choose_codec(&remote.formats, &ours)?;
        let receive_payload_type = self
            .codecs
            .iter()
            .find_map(|(payload_type, known)| (*known == codec).then_some(*payload_type))
            .ok_or(SdpError::NoCommonCodec)?;
        let events = choose_telephone_event(&remote.formats, codec);
        let rtcp_mux = self.rtcp_mux && remote.rtcp_mux;
        let (remote_rtp, remote_rtcp) = destinations(self.address, &remote, rtcp_mux)?;
        Ok(Negotiated {
            remote_rtp,
            remote_rtcp,
            codec,
            send_payload_type,
            receive_payload_type,
            telephone_event: events.and_then(|(_, clock_rate)| self.telephone_event_of(clock_rate)),
            send_telephone_event: events.map(|(payload_type, _)| payload_type),
            ptime: choose_packet_time(codec, self.ptime, &remote)?,
            direction: self.direction.limited_by(remote.direction),
            crypto,
            rtcp_mux,
            opus: read_opus_parameters(media, send_payload_type),
        })
    }

    fn telephone_event_of(&self, wanted: u32) -> Option<u8> {
        self.telephone_events
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

impl Place {
    /// Is the media line that answers ours.
    fn media_of(self, session: &Session) -> Result<&Media, SdpError> {
        let count = session.medias.len();
        session
            .medias
            .get(self.position)
            .filter(|_| count == self.count)
            .ok_or(SdpError::MediaCount { count })
    }
}
