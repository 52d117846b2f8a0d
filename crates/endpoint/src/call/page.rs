//! A call that the device answers by itself and plays: a page or a spoken alert.
//!
//! ```text
//!            socket open: 180              tone played: 200                  BYE                played out
//!   Opening ─────────────────▶ PreTone ─────────────────────▶ Live ──────────────▶ Draining ────────────────▶ (over)
//!      │                          │                            │                     200 with the receipt
//!      │ refused, cancelled       │ cancelled, pre-empted      │ too long, silent, pre-empted: BYE with the receipt
//!      ▼                          ▼                            ▼
//!   (over)                     (over)                       (over)
//! ```
//!
//! The caller hears it ring while the tone plays, so nobody speaks into the tone and no word is cut.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::bridge::{REPORT_INTERVAL, TALKER_SILENCE};
use media::mix::Gain;
use media::sample::SampleRate;
use media::sdp::{self, Hidden, Origin};
use model::PageId;
use model::status::Receipt;
use paging::Class;
use sip::flow::Flow;
use sip::user_agent::{ServerId, SessionId};

use super::farewell::Farewell;
use super::media::CallMedia;
use crate::io::CallId;
use crate::playback::Playback;
use crate::receipt::{OutputState, Tally};

/// How long after the end of a call its audio may still be played.
pub(crate) const DRAIN_MAX: Duration = Duration::from_millis(500);
/// How long after the end of a call packets may still come in: media and signalling take different ways.
const DRAIN_MIN: Duration = Duration::from_millis(60);
/// A sink that stands still must not keep a call ringing: so long after the time the tone takes, it is answered anyway.
pub(crate) const TONE_GRACE: Duration = Duration::from_millis(500);
/// A page without any packet for so long has lost its talker. Silence suppression may pause speech, but a sender that
/// suppresses it sends comfort noise or RTCP meanwhile.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The same for a page whose signalling is gone: nobody can end it any more but its silence.
pub(crate) const ORPHAN_SILENCE_MAX: Duration = Duration::from_secs(5);
/// Such a page gives way to another one after so long without a packet: several packet times, and less than it takes
/// to call again. An alert may pause, and does so after [`ORPHAN_SILENCE_MAX`].
pub(crate) const ORPHAN_QUIET: Duration = Duration::from_millis(200);
/// Any page gives way to another one after so long without a packet: a zone has ended it by then, and its BYE is what was
/// lost.
pub(crate) const LEFT_SILENCE: Duration = TALKER_SILENCE;
/// The same for an alert: twice the time after which a caller that only pauses sends a report.
pub(crate) const LEFT_ALERT_SILENCE: Duration = REPORT_INTERVAL.saturating_mul(2);

/// Whose call it is.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) id: CallId,
    pub(crate) session: SessionId,
    /// Index of the slot.
    pub(crate) slot: usize,
    pub(crate) flow: Flow,
    pub(crate) class: Class,
    /// Set only where what the caller says is heard.
    pub(crate) page: Option<PageId>,
    /// What the caller says is heard. Otherwise the call has started an announcement, and is only answered.
    pub(crate) is_heard: bool,
    /// It is the exercise of an alert.
    pub(crate) is_drill: bool,
    /// The caller in words, for statuses.
    pub(crate) caller: String,
}

/// What was agreed with the caller.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    /// Our answer.
    pub(crate) sdp: Hidden<String>,
    /// The origin of the offer it answers.
    pub(crate) offered: Origin,
}

/// What a page wants done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Answer 200 with this description.
    Answer { sdp: Hidden<String> },
    /// Send a packet.
    Send { to: SocketAddr, bytes: Vec<u8> },
    /// Everything has been played: answer the BYE, if one is waiting.
    Drained { reply: Option<ServerId> },
    /// End the call.
    HangUp(Farewell),
    /// Let the ring be heard.
    Sound,
    /// The ring has been heard for as long as it may, and goes on in silence.
    FallSilent,
}

/// A page.
pub(crate) struct PageCall {
    about: About,
    state: State,
    agreed: Option<Agreed>,
    tally: Tally,
    gain: Gain,
    /// Longest time from the answer to the end.
    page_max: Option<Duration>,
    /// Whether the arbiter lets it be heard.
    may_sound: bool,
    /// When it was found that its caller cannot end it any more.
    orphaned_at: Option<Instant>,
}

enum State {
    Opening {
        offer: Vec<u8>,
    },
    PreTone {
        media: CallMedia,
        tone: Playback,
        deadline: Instant,
    },
    Live {
        media: CallMedia,
        answered_at: Instant,
    },
    Draining {
        media: CallMedia,
        reply: Option<ServerId>,
        began: Instant,
    },
    Over {
        media: Option<CallMedia>,
    },
}

impl PageCall {
    /// A call whose media socket is being opened.
    pub(crate) fn new(
        now: Instant,
        about: About,
        offer: Vec<u8>,
        gain: Gain,
        page_max: Option<Duration>,
    ) -> Self {
        Self {
            about,
            state: State::Opening { offer },
            agreed: None,
            tally: Tally::new(now),
            gain,
            page_max,
            may_sound: false,
            orphaned_at: None,
        }
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// The caller's offer, while the media socket is being opened.
    pub(crate) fn offer(&self) -> Option<&[u8]> {
        match &self.state {
            State::Opening { offer } => Some(offer),
            State::PreTone { .. } | State::Live { .. } | State::Draining { .. } | State::Over { .. } => None,
        }
    }

    /// The socket is open and the media agreed: plays the tone, then answers.
    pub(crate) fn ring(&mut self, now: Instant, media: CallMedia, agreed: Agreed, tone: Playback) {
        let deadline = now + tone.duration().unwrap_or_default() + TONE_GRACE;
        self.agreed = Some(agreed);
        self.state = State::PreTone {
            media,
            tone,
            deadline,
        };
    }

    /// Our answer, if `offer` repeats the one it was given to (RFC 3264 section 8: the same version of `o=`).
    pub(crate) fn answer_to_repeated(&self, offer: &[u8]) -> Option<&str> {
        let agreed = self.agreed.as_ref()?;
        let origin = sdp::origin(offer).ok()?;
        (origin == agreed.offered).then_some(agreed.sdp.0.as_str())
    }

    /// Ends the ringing and says what to answer with. Media flows from here on.
    fn answer(&mut self, now: Instant) -> Option<Hidden<String>> {
        match std::mem::replace(&mut self.state, State::Over { media: None }) {
            State::PreTone { mut media, .. } => {
                media.begin(now);
                if !self.tally.has_begun() {
                    self.tally = Tally::new(now);
                }
                self.state = State::Live {
                    media,
                    answered_at: now,
                };
                self.agreed.as_ref().map(|agreed| agreed.sdp.clone())
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The caller has taken our answer.
    pub(crate) fn handle_confirmed(&mut self, now: Instant) {
        if let State::Live { media, .. } = &mut self.state {
            media.handle_confirmed(now);
        }
    }

    /// Says whether the call has been answered.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.state, State::Live { .. } | State::Draining { .. })
    }

    /// Says whether nobody speaks into the call any more: its caller has hung up, or has abandoned it.
    pub(crate) fn is_left(&self, now: Instant) -> bool {
        matches!(self.state, State::Draining { .. }) || self.is_abandoned(now)
    }

    /// Says whether no packet comes any more, be it that the caller has hung up and its BYE was lost.
    pub(crate) fn is_abandoned(&self, now: Instant) -> bool {
        let longest = match (self.about.class == Class::EmergencyAlert, self.orphaned_at) {
            (false, Some(_)) => ORPHAN_QUIET,
            (false, None) => LEFT_SILENCE,
            (true, Some(_)) => ORPHAN_SILENCE_MAX,
            (true, None) => LEFT_ALERT_SILENCE,
        };
        match &self.state {
            State::Live { media, answered_at } => media.heard_at().unwrap_or(*answered_at) + longest <= now,
            State::Opening { .. } | State::PreTone { .. } | State::Draining { .. } | State::Over { .. } => {
                false
            }
        }
    }

    /// Says whether the call wants to be heard or is being heard.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. })
    }

    pub(crate) fn gain_mut(&mut self) -> &mut Gain {
        &mut self.gain
    }

    pub(crate) fn set_may_sound(&mut self, may_sound: bool) {
        self.may_sound = may_sound;
    }

    /// The sink has failed.
    pub(crate) fn note_fault(&mut self) {
        if self.may_sound && self.is_answered() {
            self.tally.note_fault();
        }
    }

    /// Takes over what another dialog has played of the same page.
    pub(crate) fn continue_from(&mut self, older: &Self) {
        self.tally = older.tally.clone();
        if let Some(media) = older.media() {
            self.tally.leave_dialog(&media.statistics(), media.packet_time());
        }
    }

    pub(crate) fn handle_media(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        if let Some(media) = self.media_mut() {
            media.handle_packet(now, from, bytes);
        }
    }

    /// The peer has ended the call: plays out what came, then has `reply` answered.
    pub(crate) fn handle_bye(&mut self, now: Instant, reply: Option<ServerId>) {
        match std::mem::replace(&mut self.state, State::Over { media: None }) {
            State::Live { media, .. } => {
                self.state = State::Draining {
                    media,
                    reply,
                    began: now,
                }
            }
            State::PreTone { media, .. } | State::Draining { media, .. } => {
                self.state = State::Over { media: Some(media) };
            }
            State::Opening { .. } | State::Over { .. } => {}
        }
    }

    /// Takes the BYE that waits for its answer, if one does.
    pub(crate) fn take_reply(&mut self) -> Option<ServerId> {
        match &mut self.state {
            State::Draining { reply, .. } => reply.take(),
            State::Opening { .. } | State::PreTone { .. } | State::Live { .. } | State::Over { .. } => None,
        }
    }

    /// Requests of the caller do not arrive any more, while ours may: the page goes on for as long as its media comes.
    pub(crate) fn handle_unreachable(&mut self, now: Instant) {
        self.orphaned_at.get_or_insert(now);
    }

    /// The signalling is gone; the page goes on for as long as its media comes. Says whether it does.
    pub(crate) fn handle_orphaned(&mut self, now: Instant) -> bool {
        self.handle_unreachable(now);
        match &mut self.state {
            State::Live { .. } => true,
            State::Draining { reply, .. } => {
                *reply = None;
                true
            }
            State::Opening { .. } | State::PreTone { .. } | State::Over { .. } => false,
        }
    }

    /// Fills `out` with the next samples of tone or page. What does not sound is taken all the same, so that the page
    /// is not late when it does.
    pub(crate) fn render(&mut self, now: Instant, out: &mut [i16], output: OutputState) {
        match &mut self.state {
            State::PreTone { tone, .. } => {
                tone.fill(out);
            }
            State::Live { media, .. } | State::Draining { media, .. } => {
                let pulled = media.pull(now, out);
                if self.may_sound {
                    self.tally.consumed(now, pulled, output);
                }
            }
            State::Opening { .. } | State::Over { .. } => out.fill(0),
        }
        if !self.may_sound {
            out.fill(0);
        }
    }

    /// What is due at `now`, one thing at a time.
    pub(crate) fn step(&mut self, now: Instant) -> Option<Step> {
        match &mut self.state {
            State::PreTone { tone, deadline, .. } => {
                if tone.is_finished() || *deadline <= now {
                    self.answer(now).map(|sdp| Step::Answer { sdp })
                } else {
                    None
                }
            }
            State::Live { media, answered_at } => {
                if let Some((to, bytes)) = media.handle_timeout(now) {
                    return Some(Step::Send { to, bytes });
                }
                if self.page_max.is_some_and(|longest| *answered_at + longest <= now) {
                    return Some(Step::HangUp(Farewell::TooLong));
                }
                let ends_at = silence_ends_at(media, *answered_at, self.orphaned_at);
                (ends_at <= now).then_some(Step::HangUp(Farewell::Silent))
            }
            State::Draining { media, reply, began } => {
                let is_drained = media.is_drained() && *began + DRAIN_MIN <= now;
                (is_drained || *began + DRAIN_MAX <= now).then_some(Step::Drained { reply: *reply })
            }
            State::Opening { .. } | State::Over { .. } => None,
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::PreTone { deadline, .. } => Some(*deadline),
            State::Live { media, answered_at } => {
                let longest = self.page_max.map(|longest| *answered_at + longest);
                let silence = silence_ends_at(media, *answered_at, self.orphaned_at);
                [media.next_timeout(), longest, Some(silence)]
                    .into_iter()
                    .flatten()
                    .min()
            }
            State::Draining { media, began, .. } => {
                let at = if media.is_drained() { DRAIN_MIN } else { DRAIN_MAX };
                Some(*began + at)
            }
            State::Opening { .. } | State::Over { .. } => None,
        }
    }

    /// The receipt, if the call is a page with an id.
    pub(crate) fn receipt(&self, rate: SampleRate, output: OutputState) -> Option<Receipt> {
        let page = self.about.page.clone()?;
        let media = self.media()?;
        Some(
            self.tally
                .receipt(page, &media.statistics(), media.packet_time(), rate, output),
        )
    }

    fn media(&self) -> Option<&CallMedia> {
        match &self.state {
            State::PreTone { media, .. } | State::Live { media, .. } | State::Draining { media, .. } => {
                Some(media)
            }
            State::Over { media } => media.as_ref(),
            State::Opening { .. } => None,
        }
    }

    fn media_mut(&mut self) -> Option<&mut CallMedia> {
        match &mut self.state {
            State::PreTone { media, .. } | State::Live { media, .. } | State::Draining { media, .. } => {
                Some(media)
            }
            State::Opening { .. } | State::Over { .. } => None,
        }
    }
}

/// When the call ends if no packet comes meanwhile.
fn silence_ends_at(media: &CallMedia, answered_at: Instant, orphaned_at: Option<Instant>) -> Instant {
    let heard_at = media.heard_at().unwrap_or(answered_at);
    match orphaned_at {
        Some(orphaned_at) => heard_at.max(orphaned_at) + ORPHAN_SILENCE_MAX,
        None => heard_at + SILENCE_MAX,
    }
}
