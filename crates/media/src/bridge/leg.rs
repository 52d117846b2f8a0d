//! One leg of a bridge: its peer's packets in, the stream it hears out.

use std::time::Instant;

use rand_core::Rng;
use smallvec::smallvec;

use super::egress::Egress;
use super::prompt::{Prompt, Prompted};
use super::rendition::Shape;
use super::{BridgeId, LegId, LegStatistics, Role};
use crate::ingress::{Ingress, IngressConfig};
use crate::sample::ticks_to_duration;
use crate::sdp::Negotiated;
use crate::srtp::MasterKey;

/// A leg; it has media once it is connected.
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) media: Option<Media>,
}

/// What was agreed for a leg, and what became of it.
pub(super) struct Media {
    pub(super) bridge: BridgeId,
    pub(super) role: Role,
    pub(super) ingress: Ingress,
    pub(super) egress: Egress,
    /// Slot of the leg whose stream is heard.
    pub(super) hears: Option<usize>,
    /// When the timers fire that run.
    pub(super) silence_due: Option<Instant>,
    pub(super) report_due: Option<Instant>,
    /// A signal that is played to the peer, and where its like stand.
    pub(super) prompt: Option<Box<Prompt>>,
    pub(super) prompted: Prompted,
    /// Whether those who listen are sent the key that is being pressed: not the rest of a press that began before they did.
    pub(super) press_is_heard: bool,
    /// Where, in ticks, what the peer says began to be heard.
    heard_from: i64,
    negotiated: Negotiated,
}

impl Leg {
    pub(super) fn statistics(&self) -> LegStatistics {
        let Some(media) = &self.media else {
            return LegStatistics::default();
        };
        let (sent, sent_octets) = media.egress.sent();
        let sequencer = media.ingress.sequencer();
        LegStatistics {
            received: sequencer.received(),
            lost: sequencer.lost(),
            rejected: media.ingress.rejected(),
            duration: ticks_to_duration(u64::try_from(sequencer.end() - media.heard_from).unwrap_or(0)),
            jitter: media.ingress.jitter(),
            sent,
            sent_octets,
            reported_lost: media
                .ingress
                .told()
                .map(|told| u32::try_from(told.cumulative_lost).unwrap_or(0)),
        }
    }
}

impl Media {
    pub(super) fn new(negotiated: Negotiated, bridge: BridgeId, role: Role, rng: &mut impl Rng) -> Media {
        Media {
            bridge,
            role,
            ingress: Ingress::new(ingress_config(&negotiated)),
            egress: Egress::new(&negotiated, rng),
            hears: None,
            silence_due: None,
            report_due: None,
            prompt: None,
            prompted: Prompted::default(),
            press_is_heard: false,
            heard_from: 0,
            negotiated,
        }
    }

    /// Applies what was agreed anew; streams go on in both directions.
    pub(super) fn renegotiate(mut self, negotiated: Negotiated, bridge: BridgeId, role: Role) -> Media {
        let (send, receive) = keys(&negotiated);
        let (sent, received) = keys(&self.negotiated);
        // A key that stays keeps its counters: beginning anew would use it twice for the same packet number.
        let (same_send, same_receive) = (send == sent, receive == received);
        self.ingress
            .renegotiate(ingress_config(&negotiated), same_receive);
        self.egress.renegotiate(&negotiated, same_send);
        if self.role == Role::Listener && role != Role::Listener {
            self.heard_from = self.ingress.sequencer().end();
            self.press_is_heard = false;
        }
        Media {
            negotiated,
            bridge,
            role,
            ..self
        }
    }

    /// What was agreed.
    pub(super) fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Whether the peer's sound is taken.
    pub(super) fn receives(&self) -> bool {
        self.negotiated.direction.receives()
    }

    /// Whether sound is sent to the peer; not on hold.
    pub(super) fn sends(&self) -> bool {
        self.negotiated.direction.sends() && !self.ingress.destination().ip().is_unspecified()
    }

    /// Whether reports go to the peer: where RTCP has a port of its own, the leg has no socket for it.
    pub(super) fn reports(&self) -> bool {
        self.negotiated.rtcp_mux
    }

    /// What packets on this leg are made of. A peer may well send in another packet time than it asked for;
    /// its packets are forwarded as they come.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            codec: self.negotiated.codec,
            packet_time: self.negotiated.ptime,
        }
    }
}

/// The keys of both directions, sending first.
fn keys(negotiated: &Negotiated) -> (Option<&MasterKey>, Option<&MasterKey>) {
    let pair = negotiated.crypto.as_ref();
    (pair.map(|pair| &pair.send), pair.map(|pair| &pair.receive))
}

fn ingress_config(negotiated: &Negotiated) -> IngressConfig {
    IngressConfig {
        remote: negotiated.remote_rtp,
        formats: smallvec![(negotiated.receive_payload_type, negotiated.codec)],
        telephone_event: negotiated.telephone_event,
        key: negotiated.crypto.as_ref().map(|pair| pair.receive.clone()),
    }
}
