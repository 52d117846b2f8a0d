//! The PIN between the answer and the first word.

use std::time::{Duration, Instant};

use media::codec::Codec;
use media::sdp::Negotiated;
use model::{ASK_HEADER, ASK_PIN, NO_PIN_CAUSE, PageId, TALKER_PACKAGE, WRONG_PIN_CAUSE};
use sip::message::{HeaderName, Message, StatusCode};
use sip::user_agent::SessionId;

use super::voice::Voice;
use super::{CALL, Caller, CallerEvent, CallerFailure, State};
use crate::PAGE_HEADER;
use crate::io::Output;

/// A call whose PIN is keyed in or judged.
pub(super) struct Keying {
    pub(super) voice: Voice,
    codec: Codec,
    is_encrypted: bool,
    /// Nobody says whether it was right: speech follows the keys.
    is_unasked: bool,
}

impl Caller {
    /// The call is answered: keys the PIN in where the server asks for one, speaks otherwise. It is told to nobody who does not ask,
    /// unless the profile says so: the keys would be heard by whoever has answered.
    pub(super) fn begin_voice(
        &mut self,
        now: Instant,
        session: SessionId,
        answer: &Message,
        (voice, negotiated): (Voice, &Negotiated),
    ) {
        let asks = answer.header(HeaderName::Other(ASK_HEADER)) == Some(ASK_PIN);
        let mut keying = Box::new(Keying {
            voice,
            codec: negotiated.codec,
            is_encrypted: negotiated.crypto.is_some(),
            is_unasked: !asks,
        });
        let page = page_of(answer);
        // A zone that names the page has begun it, and would let the listeners hear the keys.
        let unasked = self.profile.pin.as_ref().filter(|_| page.is_none());
        let unasked = unasked.and_then(|pin| pin.unasked_after);
        let wait = match (asks, unasked) {
            (true, _) => Duration::ZERO,
            (false, Some(wait)) => wait,
            (false, None) => return self.begin_talk(session, *keying, page),
        };
        let Some(pin) = &self.profile.pin else {
            return self.leave_failed(now, session, CallerFailure::PinWanted);
        };
        if negotiated.send_telephone_event.is_none() {
            return self.leave_failed(now, session, CallerFailure::NoKeys);
        }
        keying.voice.begin_keys(now + wait, &pin.digits);
        self.state = State::Keying {
            session,
            keying,
            deadline: now + wait + self.profile.answer_max,
        };
        self.tell(CallerEvent::Keying);
    }

    fn begin_talk(&mut self, session: SessionId, keying: Keying, page: Option<PageId>) {
        self.state = State::Talking {
            session,
            voice: Box::new(keying.voice),
        };
        self.tell(CallerEvent::Answered {
            codec: keying.codec,
            is_encrypted: keying.is_encrypted,
            page,
        });
    }

    /// Sends silence and the keys of the PIN; samples are handed in at the pace of speech, since packets leave as they fill up.
    pub(super) fn key_in(&mut self, now: Instant, silence: &[i16]) {
        let State::Keying { keying, .. } = &mut self.state else {
            return;
        };
        let to = keying.voice.destination();
        let outputs = &mut self.outputs;
        keying.voice.key_in(now, silence, |bytes| {
            outputs.push_back(Output::SendMedia {
                call: CALL,
                to,
                bytes,
            });
        });
        if keying.is_unasked && !keying.voice.has_keys() {
            self.let_in(None);
        }
    }

    /// What the zone says of the PIN.
    pub(super) fn handle_information(&mut self, now: Instant, message: &Message) {
        let State::Keying { session, .. } = &self.state else {
            return;
        };
        let session = *session;
        if message.header(HeaderName::Other("Info-Package")) != Some(TALKER_PACKAGE) {
            return;
        }
        if message.header(HeaderName::Other(ASK_HEADER)).is_some() {
            self.leave_failed(now, session, CallerFailure::WrongPin);
        } else if let Some(page) = page_of(message) {
            self.let_in(Some(page));
        }
    }

    fn let_in(&mut self, page: Option<PageId>) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Keying { session, keying, .. } => self.begin_talk(session, *keying, page),
            other => self.state = other,
        }
    }

    fn leave_failed(&mut self, now: Instant, session: SessionId, failure: CallerFailure) {
        let end = self.failed_event(failure);
        self.leave(now, session, end);
    }
}

/// Why a call ended before anything could be said.
pub(super) fn refusal(bye: &Message) -> CallerFailure {
    let reasons: Vec<_> = bye.reasons().flatten().collect();
    let cause = |protocol: &str| {
        let mut reasons = reasons.iter();
        reasons
            .find(|reason| reason.protocol().eq_ignore_ascii_case(protocol))?
            .cause()
    };
    let status = cause("SIP").and_then(|cause| StatusCode::new(u16::try_from(cause).ok()?));
    match (status, cause("Q.850")) {
        (Some(status), _) => CallerFailure::Refused {
            status: status.code(),
            reason: status.reason().to_owned(),
        },
        (None, Some(WRONG_PIN_CAUSE)) => CallerFailure::WrongPin,
        (None, Some(NO_PIN_CAUSE)) => CallerFailure::NoPinInTime,
        (None, _) => CallerFailure::HungUpOnPin,
    }
}

/// The page that a message of a zone names.
fn page_of(message: &Message) -> Option<PageId> {
    message.header(HeaderName::Other(PAGE_HEADER))?.parse().ok()
}
