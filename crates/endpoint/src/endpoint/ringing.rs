//! Calls to ring slots: how they sound.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use sip::message::{Message, StatusCode};
use sip::user_agent::Reply;

use super::Endpoint;
use crate::call::page::About;
use crate::call::ring::{Manner, RingCall};
use crate::tones::ToneSource;

impl Endpoint {
    /// Rings: the caller hears it at once, and the device when the delay is over.
    pub(super) fn ring(&mut self, now: Instant, about: About, invite: &Message) {
        let sound = self.sound.profile();
        let rules = &self.profile.ring.rules;
        let rule = rules
            .iter()
            .find(|rule| parties(invite).iter().any(|party| rule.pattern.is_match(party)));
        let of_slot = self.slots.get(about.slot).map(|slot| &slot.profile().tone);
        let manner = Manner {
            tone: rule
                .map(|rule| &rule.tone)
                .or(of_slot)
                .cloned()
                .unwrap_or(ToneSource::None),
            delay: rule.map_or(Duration::ZERO, |rule| rule.delay),
            sounds_max: self.profile.ring.sounds_max,
            volume_db: sound.ring_volume_db,
        };
        let session = about.session;
        self.calls
            .insert_ring(RingCall::new(now, about, manner, sound.output_rate));
        self.agent
            .provisional(now, session, Reply::new(StatusCode::RINGING));
    }
}

/// Users and display names of the caller and of who is called, as the rules for rings see them.
fn parties(invite: &Message) -> Vec<String> {
    [invite.from(), invite.to()]
        .into_iter()
        .flatten()
        .flat_map(|party| {
            let name = party.display_name().map(Cow::into_owned);
            [party.uri().user().map(str::to_owned), name]
        })
        .flatten()
        .collect()
}
