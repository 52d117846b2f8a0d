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
//!
//! Where a passcode is asked for, the call is answered first, and nothing sounds until it is right. Then the caller hears the
//! tone that the room hears, and so waits for its end.
//!
//! ```text
//!           at once: 200              right passcode          tone played
//!   PreTone ─────────────▶ Asking ────────────────────▶ Chiming ──────────▶ Live
//!                             │ wrong for the last time, too late: BYE
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::agc::Leveller;
use media::bridge::{REPORT_INTERVAL, TALKER_SILENCE};
use media::dtmf::Key;
use media::mix::Gain;
use media::sample::SampleRate;
use media::sdp::{self, Hidden, Origin, PendingOffer, SdpError};
use model::status::Receipt;
use model::{Attempt, PageId, SlotKind};
use paging::Class;
use sip::flow::Flow;
use sip::user_agent::{ServerId, SessionId};

use super::farewell::Farewell;
use super::media::CallMedia;
use crate::delayed::{MESSAGE_MAX, Recorder};
use crate::io::CallId;
use crate::passcode::{ENTRY_MAX, Entry, Outcome, Passcode};
use crate::playback::Playback;
use crate::receipt::{OutputState, Tally};
use crate::tones::{BuiltinTone, ToneSource};

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

/// What a caller hears after a wrong passcode.
const WRONG: ToneSource = ToneSource::Builtin(BuiltinTone::Buzzer);

/// Whose call it is.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) id: CallId,
    pub(crate) session: SessionId,
    /// Index of the slot.
    pub(crate) slot: usize,
    pub(crate) kind: SlotKind,
    pub(crate) flow: Flow,
    pub(crate) class: Class,
    /// Set only where what the caller says is heard.
    pub(crate) page: Option<PageId>,
    /// The announcement that the call starts, and then is only answered. Without one, what the caller says is heard.
    pub(crate) announcement: Option<u8>,
    /// Which attempt of a zone at this device it is, if it says so.
    pub(crate) attempt: Option<Attempt>,
    /// It is the exercise of an alert.
    pub(crate) is_drill: bool,
    /// The caller in words, for statuses.
    pub(crate) caller: String,
}

impl About {
    /// Says whether what the caller says is heard.
    pub(crate) fn is_heard(&self) -> bool {
        self.announcement.is_none()
    }
}

/// What was agreed with the caller.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    /// Our answer.
    pub(crate) sdp: Hidden<String>,
    /// The origin of the caller's last description.
    pub(crate) offered: Origin,
}

/// What a page wants done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Answer 200 with this description.
    Answer { sdp: Hidden<String> },
    /// Send a packet.
    Send { to: SocketAddr, bytes: Vec<u8> },
    /// The caller has keyed in a passcode.
    Keyed(Outcome),
    /// The time for the passcode is over.
    NotKeyed,
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
    /// Takes what the caller says, where it is not heard at once.
    recorder: Option<Recorder>,
    /// What the caller has to key in before anything sounds.
    passcode: Option<Passcode>,
    tally: Tally,
    /// Brings what the caller says to one loudness, ahead of the gain.
    leveller: Option<Leveller>,
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
    Asking {
        media: CallMedia,
        entry: Entry,
        /// What the caller hears.
        prompt: Playback,
        deadline: Instant,
    },
    Chiming {
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
            recorder: None,
            passcode: None,
            tally: Tally::new(now),
            leveller: None,
            gain,
            page_max,
            may_sound: false,
            orphaned_at: None,
        }
    }

    /// The same, but that nothing sounds before the caller has keyed in a passcode.
    pub(crate) fn guarded(self, passcode: Passcode) -> Self {
        Self {
            passcode: Some(passcode),
            ..self
        }
    }

    /// The same, but that what the caller says is brought to one loudness.
    pub(crate) fn levelled(self, rate: SampleRate) -> Self {
        Self {
            leveller: Some(Leveller::new(rate)),
            ..self
        }
    }

    /// The same, but that what the caller says is recorded and not heard.
    pub(crate) fn recorded(self, recorder: Recorder) -> Self {
        Self {
            page_max: Some(
                self.page_max
                    .map_or(MESSAGE_MAX, |longest| longest.min(MESSAGE_MAX)),
            ),
            recorder: Some(recorder),
            ..self
        }
    }

    /// Says whether what the caller says is recorded and not heard.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorder.is_some()
    }

    /// What was recorded.
    pub(crate) fn into_message(self) -> Option<Arc<[i16]>> {
        self.recorder.and_then(Recorder::into_samples)
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Says whether a passcode is still asked for.
    pub(crate) fn is_guarded(&self) -> bool {
        self.passcode.is_some()
    }

    /// The caller's offer, while the media socket is being opened.
    pub(crate) fn offer(&self) -> Option<&[u8]> {
        match &self.state {
            State::Opening { offer } => Some(offer),
            State::PreTone { .. }
            | State::Asking { .. }
            | State::Chiming { .. }
            | State::Live { .. }
            | State::Draining { .. }
            | State::Over { .. } => None,
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

    /// Follows the description that the caller has answered ours with anew (RFC 3264 section 8): its media come from there
    /// and go there from here on.
    ///
    /// # Errors
    /// Says why it cannot be followed.
    pub(crate) fn follow(&mut self, now: Instant, answer: &[u8]) -> Result<(), SdpError> {
        let Some(agreed) = &mut self.agreed else {
            return Ok(());
        };
        let negotiated = PendingOffer::repeated(agreed.sdp.0.as_bytes())?.accept(answer)?;
        agreed.offered = sdp::origin(answer)?;
        if let Some(media) = self.media_mut() {
            media.renegotiate(now, &negotiated);
        }
        Ok(())
    }

    /// Ends the ringing and says what to answer with. Media flows from here on.
    fn answer(&mut self, now: Instant) -> Option<Hidden<String>> {
        match std::mem::replace(&mut self.state, State::Over { media: None }) {
            State::PreTone { mut media, tone, .. } => {
                media.begin(now);
                if !self.tally.has_begun() {
                    self.tally = Tally::new(now);
                }
                self.state = match &self.passcode {
                    Some(passcode) => State::Asking {
                        media,
                        entry: Entry::new(passcode.code.clone()),
                        prompt: tone.instead(&[&passcode.prompt]),
                        deadline: now + ENTRY_MAX,
                    },
                    None => State::Live {
                        media,
                        answered_at: now,
                    },
                };
                self.agreed.as_ref().map(|agreed| agreed.sdp.clone())
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The passcode is right: plays the tone to the room and to the caller, and then what the caller says.
    pub(crate) fn let_in(&mut self, now: Instant, tone: Playback) {
        self.passcode = None;
        match std::mem::replace(&mut self.state, State::Over { media: None }) {
            State::Asking { media, .. } => {
                let deadline = now + tone.duration().unwrap_or_default() + TONE_GRACE;
                self.state = State::Chiming {
                    media,
                    tone,
                    deadline,
                };
            }
            other => self.state = other,
        }
    }

    /// Plays the caller from here on; what was said before belongs to no page.
    fn go_live(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Over { media: None }) {
            State::Chiming { media, .. } => {
                if !self.tally.has_begun() {
                    self.tally = Tally::new(now);
                }
                self.tally.ignore(&media.statistics(), media.packet_time());
                self.state = State::Live {
                    media,
                    answered_at: now,
                };
            }
            other => self.state = other,
        }
    }

    /// The caller has taken our answer.
    pub(crate) fn handle_confirmed(&mut self, now: Instant) {
        match &mut self.state {
            State::Asking { media, .. } | State::Chiming { media, .. } | State::Live { media, .. } => {
                media.handle_confirmed(now);
            }
            State::Opening { .. } | State::PreTone { .. } | State::Draining { .. } | State::Over { .. } => {}
        }
    }

    /// Says whether the call has been answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.is_let_in() || matches!(self.state, State::Asking { .. })
    }

    /// Says whether the call has been answered and asks for no passcode any more.
    pub(crate) fn is_let_in(&self) -> bool {
        matches!(
            self.state,
            State::Chiming { .. } | State::Live { .. } | State::Draining { .. }
        )
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
            State::Opening { .. }
            | State::PreTone { .. }
            | State::Asking { .. }
            | State::Chiming { .. }
            | State::Draining { .. }
            | State::Over { .. } => false,
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
        if self.may_sound && self.is_let_in() {
            self.tally.note_fault();
        }
    }

    /// Takes over what another dialog has played of the same page.
    pub(crate) fn continue_from(&mut self, older: &mut Self) {
        if older.recorder.is_some() {
            self.recorder = older.recorder.take();
        }
        self.tally = older.tally.clone();
        if let Some(media) = older.media() {
            self.tally.leave_dialog(&media.statistics(), media.packet_time());
        }
    }

    /// Takes a packet; says whether it makes a difference at once.
    pub(crate) fn handle_media(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) -> bool {
        let Some(media) = self.media_mut() else {
            return false;
        };
        let key = media.handle_packet(now, from, bytes);
        key.is_some_and(|key| self.handle_key(key))
    }

    fn handle_key(&mut self, key: Key) -> bool {
        match &mut self.state {
            State::Asking { entry, .. } => {
                entry.press(key);
                entry.is_due()
            }
            State::Live { .. } => self.recorder.as_mut().is_some_and(Recorder::press),
            State::Opening { .. }
            | State::PreTone { .. }
            | State::Chiming { .. }
            | State::Draining { .. }
            | State::Over { .. } => false,
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
            State::PreTone { media, .. }
            | State::Asking { media, .. }
            | State::Chiming { media, .. }
            | State::Draining { media, .. } => {
                self.state = State::Over { media: Some(media) };
            }
            State::Opening { .. } | State::Over { .. } => {}
        }
    }

    /// Takes the BYE that waits for its answer, if one does.
    pub(crate) fn take_reply(&mut self) -> Option<ServerId> {
        match &mut self.state {
            State::Draining { reply, .. } => reply.take(),
            State::Opening { .. }
            | State::PreTone { .. }
            | State::Asking { .. }
            | State::Chiming { .. }
            | State::Live { .. }
            | State::Over { .. } => None,
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
            State::Chiming { .. } | State::Live { .. } => true,
            State::Draining { reply, .. } => {
                *reply = None;
                true
            }
            State::Opening { .. } | State::PreTone { .. } | State::Asking { .. } | State::Over { .. } => {
                false
            }
        }
    }

    /// Says whether the caller hears the room: in a two-way call, for as long as it is heard itself.
    pub(crate) fn hears_room(&self) -> bool {
        let is_two_way = self.about.class == Class::TwoWayCall && self.may_sound;
        is_two_way && matches!(self.state, State::Live { .. })
    }

    /// Lets the caller hear the room.
    pub(crate) fn hear(&mut self, now: Instant, samples: &[i16]) {
        if !self.hears_room() {
            return;
        }
        if let Some(media) = self.media_mut() {
            media.say(now, samples);
        }
    }

    /// Fills `out` with the next samples of tone or page. What does not sound is taken all the same, so that the page
    /// is not late when it does.
    pub(crate) fn render(&mut self, now: Instant, out: &mut [i16], output: OutputState) {
        match &mut self.state {
            State::PreTone { tone, .. } => {
                tone.fill(out);
            }
            State::Asking { media, prompt, .. } => {
                media.pull(now, out);
                if !prompt.is_finished() {
                    prompt.fill(out);
                    media.say(now, out);
                }
            }
            State::Chiming { media, tone, .. } => {
                media.pull(now, out);
                tone.fill(out);
                media.say(now, out);
            }
            State::Live { media, .. } | State::Draining { media, .. } => {
                let pulled = media.pull(now, out);
                if let Some(leveller) = self.leveller.as_mut().filter(|_| pulled.page_samples > 0) {
                    leveller.process(out);
                }
                if let Some(recorder) = &mut self.recorder {
                    recorder.take(pulled, out);
                    let prompt = recorder.prompt();
                    if !prompt.is_finished() {
                        prompt.fill(out);
                        media.say(now, out);
                    }
                }
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
            State::Asking {
                media,
                entry,
                prompt,
                deadline,
            } => {
                if let Some((to, bytes)) = media.handle_timeout(now) {
                    return Some(Step::Send { to, bytes });
                }
                if let Some(outcome) = entry.take_outcome() {
                    if let Some(passcode) = self.passcode.as_ref().filter(|_| outcome == Outcome::Wrong) {
                        *prompt = prompt.instead(&[&WRONG, &passcode.prompt]);
                    }
                    return Some(Step::Keyed(outcome));
                }
                (*deadline <= now).then_some(Step::NotKeyed)
            }
            State::Chiming {
                media,
                tone,
                deadline,
            } => {
                if let Some((to, bytes)) = media.handle_timeout(now) {
                    return Some(Step::Send { to, bytes });
                }
                if tone.is_finished() || *deadline <= now {
                    self.go_live(now);
                }
                None
            }
            State::Live { media, answered_at } => {
                if let Some((to, bytes)) = media.handle_timeout(now) {
                    return Some(Step::Send { to, bytes });
                }
                if self.recorder.as_ref().is_some_and(Recorder::is_ended) {
                    return Some(Step::HangUp(Farewell::Recorded));
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
            State::Asking { media, deadline, .. } | State::Chiming { media, deadline, .. } => {
                media.next_timeout().into_iter().chain([*deadline]).min()
            }
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
        // A call that was not let in was no page, and what is recorded has not been heard.
        let is_heard = !self.is_guarded() && !self.is_recorded();
        let page = self.about.page.clone().filter(|_| is_heard)?;
        let media = self.media()?;
        Some(
            self.tally
                .receipt(page, &media.statistics(), media.packet_time(), rate, output),
        )
    }

    fn media(&self) -> Option<&CallMedia> {
        match &self.state {
            State::PreTone { media, .. }
            | State::Asking { media, .. }
            | State::Chiming { media, .. }
            | State::Live { media, .. }
            | State::Draining { media, .. } => Some(media),
            State::Over { media } => media.as_ref(),
            State::Opening { .. } => None,
        }
    }

    fn media_mut(&mut self) -> Option<&mut CallMedia> {
        match &mut self.state {
            State::PreTone { media, .. }
            | State::Asking { media, .. }
            | State::Chiming { media, .. }
            | State::Live { media, .. }
            | State::Draining { media, .. } => Some(media),
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
