//! Requests inside a call: refreshes, hold, receipts, and what is not taken.

use std::time::Instant;

use media::bridge::LegId;
use media::sdp::{self, Hidden, LocalMedia, Negotiated, PendingOffer, SdpError};
use sip::message::{Message, Method, StatusCode};
use sip::user_agent::{Body, Reply, ServerId, SessionId};

use super::CallOffence;
use super::asking::Dismissal;
use super::media::local_media;
use super::receipts::is_receipt;
use crate::leg::Stage;
use crate::switch::Switch;

impl Switch {
    /// Answers a request inside a call.
    pub(crate) fn handle_session_request(
        &mut self,
        now: Instant,
        session: SessionId,
        transaction: ServerId,
        message: &Message,
    ) {
        let leg = self.calls.leg_of(session).map(|(id, _)| id);
        let reply = match (leg, message.method()) {
            (None, _) => Reply::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            (Some(leg), Some(Method::Invite)) => self.renegotiate(leg, message, true),
            (Some(leg), Some(Method::Update)) => self.renegotiate(leg, message, false),
            (Some(leg), Some(Method::Info)) => self.take_information(leg, message),
            (Some(_), Some(Method::Options)) => Reply::new(StatusCode::OK),
            (Some(_), _) => Reply::new(StatusCode::METHOD_NOT_ALLOWED),
        };
        self.agent.respond(now, transaction, reply);
    }

    /// A receipt is taken; digits and whatever else are acknowledged, so that the sender does not repeat them.
    fn take_information(&mut self, leg: LegId, message: &Message) -> Reply {
        if is_receipt(message) {
            self.take_receipt(leg, message);
        }
        Reply::new(StatusCode::OK)
    }

    /// Answers a re-INVITE or an UPDATE. What cannot be accepted is refused and leaves the session as it is
    /// (RFC 3261 §14.2).
    fn renegotiate(&mut self, id: LegId, message: &Message, may_offer: bool) -> Reply {
        let Some(leg) = self
            .calls
            .leg_by_id
            .get(&id)
            .filter(|leg| matches!(leg.stage, Stage::Joined))
        else {
            return Reply::new(StatusCode::REQUEST_PENDING);
        };
        let offer = message.body();
        if offer.is_empty() && !may_offer {
            return Reply::new(StatusCode::OK);
        }
        let origin = sdp::origin(offer).ok();
        if origin.is_some() && origin == leg.media.remote {
            // An unchanged offer gets the unchanged answer, and the streams go on (RFC 3264 §8).
            return Reply::new(StatusCode::OK).body(Body::sdp(leg.media.description.0.clone()));
        }
        match self.describe_anew(id, offer) {
            Ok(text) => Reply::new(StatusCode::OK).body(Body::sdp(text)),
            Err(offence) => offence.reply(),
        }
    }

    /// Makes the next version of our description: an answer to the offer, or an offer where there is none.
    fn describe_anew(&mut self, id: LegId, offer: &[u8]) -> Result<String, CallOffence> {
        let is_asked = self.is_asked(id);
        let leg = self.calls.leg_by_id.get_mut(&id).ok_or(CallOffence::NoPorts)?;
        let local = local_media(&self.config.media, leg, None).ok_or(CallOffence::NoPorts)?;
        let version = local.session_version + 1;
        let local = LocalMedia {
            session_version: version,
            ..local
        };
        let (text, negotiated) = if offer.is_empty() {
            let (text, pending) = sdp::offer(&local, &mut self.rng)?;
            leg.media.pending = Some(Box::new(pending));
            (text, None)
        } else {
            let (text, negotiated) = sdp::answer(offer, &local, &mut self.rng)?;
            if is_asked && negotiated.telephone_event.is_none() {
                return Err(CallOffence::NoKeys);
            }
            leg.media.remote = sdp::origin(offer).ok();
            (text, Some(negotiated))
        };
        leg.media.version = version;
        leg.media.description = Hidden(text.clone());
        if let Some(negotiated) = negotiated {
            self.connect(id, negotiated);
        }
        Ok(text)
    }

    /// An ACK that answers an offer made in a 200.
    pub(crate) fn handle_confirmed(&mut self, now: Instant, session: SessionId, message: &Message) {
        let Some((id, leg)) = self.calls.leg_of(session) else {
            return;
        };
        let Some(pending) = leg.media.pending.take() else {
            return;
        };
        self.follow(now, id, pending.accept(message.body()), message.body());
    }

    /// A 200 to a refresh of ours, which has repeated our description: what the peer answers to it is followed.
    pub(crate) fn handle_refreshed(&mut self, now: Instant, session: SessionId, message: &Message) {
        let Some((id, leg)) = self.calls.leg_of(session) else {
            return;
        };
        let ours = PendingOffer::repeated(leg.media.description.0.as_bytes());
        let answer = ours.and_then(|ours| ours.accept(message.body()));
        self.follow(now, id, answer, message.body());
    }

    /// Follows what a peer has answered to a description of ours; a leg whose peer has no usable media is hung up on.
    fn follow(&mut self, now: Instant, id: LegId, answer: Result<Negotiated, SdpError>, description: &[u8]) {
        let is_asked = self.is_asked(id);
        let Some(leg) = self.calls.leg_by_id.get_mut(&id) else {
            return;
        };
        let call = leg.call;
        match answer {
            Ok(negotiated) if is_asked && negotiated.telephone_event.is_none() => {
                self.send_away(now, call, &Dismissal::Refused(CallOffence::NoKeys));
            }
            Ok(negotiated) => {
                leg.media.remote = sdp::origin(description).ok();
                self.connect(id, negotiated);
            }
            Err(_) if self.is_caller(call, id) => {
                self.counters.calls.refused_media += 1;
                self.end_call(now, call, StatusCode::NOT_ACCEPTABLE_HERE);
            }
            Err(_) => {
                self.counters.legs.refused_media += 1;
                self.leg_failed(now, id, StatusCode::NOT_ACCEPTABLE_HERE);
            }
        }
    }
}
