//! The media of legs: ports, descriptions, and what the bridge reports.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::bridge::{Command, Event, LegId, LegStatistics, Role};
use media::codec::Codec;
use media::sdp::{self, Direction, Hidden, LocalMedia, Negotiated};
use paging::LegNumber;
use sip::message::StatusCode;

use super::{CallId, CallOffence, Phase, Plan};
use crate::config::MediaPolicy;
use crate::leg::{Leg, Ports, Prepared, Stage};
use crate::permission::Manner;
use crate::switch::{Output, Switch};

impl Switch {
    /// Learns that the ports of a leg are open; `address` is how the peer reaches them.
    pub(crate) fn handle_media_opened(&mut self, now: Instant, leg: LegId, address: SocketAddr) {
        let known = self
            .calls
            .leg_by_id
            .get_mut(&leg)
            .filter(|known| known.ports == Ports::Awaited);
        let Some(known) = known else {
            // The call ended meanwhile.
            self.outputs.push_back(Output::Media(Command::Close { leg }));
            return;
        };
        // Ports on all addresses are reached at the one the signalling uses.
        let address = if address.ip().is_unspecified() {
            SocketAddr::new(known.flow.local.ip(), address.port())
        } else {
            address
        };
        known.ports = Ports::Open(address);
        let call = known.call;
        if self.is_caller(call, leg) {
            self.prepare_caller(now, call, leg);
        } else {
            self.invite(now, leg);
        }
    }

    /// Learns that a leg can have no ports.
    pub(crate) fn handle_media_failed(&mut self, now: Instant, leg: LegId) {
        let Some(known) = self.calls.leg_by_id.get_mut(&leg) else {
            return;
        };
        known.ports = Ports::Closed;
        let call = known.call;
        if self.is_caller(call, leg) {
            self.end_call(now, call, StatusCode::SERVICE_UNAVAILABLE);
        } else {
            self.leg_failed(now, leg, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    /// Takes a report of the bridge.
    pub(crate) fn handle_media_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::FirstPacket { leg } => {
                if let Some((_, call)) = self.calls.call_of(leg)
                    && call.caller == leg
                    && let Some(page) = &mut call.page
                {
                    page.audio_began(now);
                }
            }
            Event::TalkerSilent { leg } => self.talker_silent(now, leg),
            Event::Key { leg, key } => self.key_pressed(now, leg, key),
            Event::Refused { leg, .. } => self.media_refused(now, leg),
            Event::Closed { leg, statistics } => self.ports_closed(now, leg, &statistics),
        }
    }

    /// A page whose talker fell silent is over; two who talk with each other may pause.
    fn talker_silent(&mut self, now: Instant, leg: LegId) {
        let Some((id, call)) = self.calls.call_of(leg) else {
            return;
        };
        if call.caller == leg && call.manner == Manner::Page && matches!(call.phase, Phase::Talking) {
            self.counters.calls.silent_talkers += 1;
            self.end_call(now, id, StatusCode::REQUEST_TIMEOUT);
        }
    }

    /// The bridge could not do what it was told: the leg has no media.
    fn media_refused(&mut self, now: Instant, leg: LegId) {
        let Some(known) = self.calls.leg_by_id.get(&leg).filter(|known| known.is_live()) else {
            return;
        };
        let call = known.call;
        if self.is_caller(call, leg) {
            self.end_call(now, call, StatusCode::SERVICE_UNAVAILABLE);
        } else {
            self.leg_failed(now, leg, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    fn ports_closed(&mut self, now: Instant, leg: LegId, statistics: &LegStatistics) {
        let Some(known) = self.calls.leg_by_id.get_mut(&leg) else {
            return;
        };
        if matches!(known.stage, Stage::Opening) {
            // It is called over a flow of the other family.
            known.ports = Ports::Awaited;
            let local = known.flow.local.ip();
            self.outputs.push_back(Output::OpenMedia { leg, local });
            return;
        }
        known.ports = Ports::Closed;
        if let Some(call) = self.calls.call_by_id.get_mut(&known.call)
            && let Some(page) = &mut call.page
        {
            if call.caller == leg {
                page.ended(now, statistics.duration);
            } else {
                page.left(&known.user, LegNumber(leg.0), loss_permille(statistics));
            }
        }
        self.forget_if_done(now, leg);
    }

    /// Closes the ports of a leg, if it has any.
    pub(super) fn close_ports(&mut self, leg: LegId) {
        let Some(known) = self.calls.leg_by_id.get_mut(&leg) else {
            return;
        };
        known.ports = match known.ports {
            Ports::Open(_) => {
                self.outputs.push_back(Output::Media(Command::Close { leg }));
                Ports::Closing
            }
            // Ports that open later are closed when they do.
            Ports::Awaited | Ports::Closed => Ports::Closed,
            Ports::Closing => Ports::Closing,
        };
    }

    pub(super) fn is_caller(&self, call: CallId, leg: LegId) -> bool {
        self.calls
            .call_by_id
            .get(&call)
            .is_some_and(|call| call.caller == leg)
    }

    /// Agrees on the caller's media, then calls those who are to be called.
    fn prepare_caller(&mut self, now: Instant, id: CallId, leg: LegId) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let Phase::Opening(plan) = std::mem::replace(&mut call.phase, Phase::Calling) else {
            return;
        };
        let Plan {
            offer,
            dialled,
            invitees,
            asks,
        } = *plan;
        match self.prepare(id, leg, &offer.0, asks) {
            Ok(()) if asks => self.ask(now, id),
            Ok(()) => self.start_calling(now, id, invitees),
            Err(offence) => self.refuse_call(now, id, dialled, &offence),
        }
    }

    fn prepare(&mut self, id: CallId, leg: LegId, offer: &[u8], asks: bool) -> Result<(), CallOffence> {
        let (Some(call), Some(known)) = (
            self.calls.call_by_id.get_mut(&id),
            self.calls.leg_by_id.get_mut(&leg),
        ) else {
            return Err(CallOffence::NoPorts);
        };
        let local = local_media(&self.config.media, known, None).ok_or(CallOffence::NoPorts)?;
        let prepared = if offer.is_empty() {
            let (text, pending) = sdp::offer(&local, &mut self.rng)?;
            Prepared::Offer(Hidden(text), pending)
        } else {
            let (text, negotiated) = sdp::answer(offer, &local, &mut self.rng)?;
            if asks && negotiated.telephone_event.is_none() {
                return Err(CallOffence::NoKeys);
            }
            known.media.remote = sdp::origin(offer).ok();
            call.spoken = Some((negotiated.codec, negotiated.ptime));
            Prepared::Answer(Hidden(text), Box::new(negotiated))
        };
        known.stage = Stage::Ready(Box::new(prepared));
        Ok(())
    }

    /// Joins a leg to the bridge of its call.
    pub(super) fn connect(&mut self, leg: LegId, negotiated: Negotiated) {
        let Some((id, call)) = self.calls.call_of(leg) else {
            return;
        };
        let is_asked = matches!(call.phase, Phase::Asking(_) | Phase::Calling);
        let role = match (call.manner, call.caller == leg) {
            // Not heard before the PIN is right and somebody has answered.
            (_, true) if is_asked => Role::Listener,
            (Manner::Page, true) => Role::Talker,
            (Manner::Page, false) => Role::Listener,
            (Manner::Conversation, _) => Role::Both,
        };
        let command = Command::Connect {
            leg,
            negotiated: Box::new(negotiated),
            bridge: id.bridge(),
            role,
        };
        self.outputs.push_back(Output::Media(command));
        self.prompt_once(id);
    }
}

/// What a listener says it missed of what it was sent; `None` where it did not say or was sent nothing.
fn loss_permille(statistics: &LegStatistics) -> Option<u16> {
    let lost = u64::from(statistics.reported_lost?);
    let permille = lost.saturating_mul(1_000).checked_div(statistics.sent)?;
    Some(u16::try_from(permille.min(1_000)).unwrap_or(1_000))
}

/// What a leg may offer or accept; `None` without ports. `spoken` is what the caller sends, which is offered first: a
/// page between equal codecs and packet times is forwarded as it is.
pub(super) fn local_media(
    policy: &MediaPolicy,
    leg: &Leg,
    spoken: Option<(Codec, Duration)>,
) -> Option<LocalMedia> {
    let Ports::Open(address) = leg.ports else {
        return None;
    };
    let mut codecs = policy.codecs.clone();
    let mut ptime = policy.ptime;
    if let Some((codec, packet_time)) = spoken {
        codecs.sort_by_key(|known| *known != codec);
        ptime = packet_time;
    }
    Some(LocalMedia {
        address: address.ip(),
        port: address.port(),
        codecs,
        security: leg.media.security,
        suites: policy.suites.clone(),
        ptime,
        // Also a listener sends, so that the zone learns where it is behind an address translator.
        direction: Direction::SendReceive,
        session_id: leg.media.session_id,
        session_version: leg.media.version,
        rtcp_mux: true,
        channel_is_secure: leg.flow.transport.is_secure(),
    })
}
