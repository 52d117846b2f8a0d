//! Asking a caller for the PIN of its permission, before anybody is called. It is the talker here, of whatever it has dialled.
//!
//! The talker is answered at once, since keys travel in its media, and hears the prompt. It takes no room of a call until the PIN
//! is right; then the call begins as any other, but that the talker of a page learns by a tone when it is heard.
//!
//! ```text
//! Opening ---- its phone can send no keys: 488; wrong PINs a moment ago: 480
//!    | 200, prompt
//!    v
//! Asking ----- wrong: buzzer and prompt, for the last time: BYE; too late, or no try is left in time: BYE
//!    | right: ringback
//!    v
//! Calling ---- nobody answers: BYE
//!    | the first 200: a tone, and the talker is joined
//!    v
//! Talking
//! ```
//!
//! Nobody who is called learns of any of this: legs to them are made once the PIN is right, and the bridge keeps nothing of a
//! leg that only listens.

use std::time::{Duration, Instant};

use media::bridge::{Command, LegId, Role};
use media::dtmf::Key;
use media::tone::{Note, Signal};
use model::directory::{Decision, ExtensionRecord};
use model::status::{CallRefusal, ZoneEvent};
use model::{ASK_HEADER, ASK_PIN, NO_PIN_CAUSE, SipUser, TALKER_PACKAGE, WRONG_PIN_CAUSE};
use sip::message::{Method, StatusCode};

use super::announcement::PAGE_HEADER;
use super::{CallId, CallOffence, Phase};
use crate::leg::Stage;
use crate::permission::{Barred, Manner};
use crate::pin::{ENTRY_MAX, Entry, Purpose, TRIES_MAX, WAIT_MAX};
use crate::status::CallCounters;
use crate::switch::{Output, Switch};

/// Between two prompts.
const PROMPT_PAUSE: Duration = Duration::from_secs(4);

/// What a call knows that asks its talker for a PIN.
#[derive(Debug)]
pub(crate) struct Asking {
    entry: Entry,
    wrong: u32,
    /// When it gives up.
    until: Instant,
    has_prompted: bool,
}

/// Why a talker that was asked is sent away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dismissal {
    /// A PIN was wrong, and no other one can be judged in this call.
    WrongPin,
    /// None was keyed in in time.
    NoPin,
    /// What it would have been refused with, had it been known before the answer.
    Refused(CallOffence),
}

impl Dismissal {
    /// The value of the Reason header of the BYE (RFC 3326).
    fn reason(&self) -> String {
        match self {
            Self::WrongPin => format!("Q.850;cause={WRONG_PIN_CAUSE};text=\"wrong PIN\""),
            Self::NoPin => format!("Q.850;cause={NO_PIN_CAUSE};text=\"no PIN in time\""),
            Self::Refused(offence) => offence.reason(),
        }
    }

    /// How it is told to the service.
    fn refusal(&self) -> CallRefusal {
        match self {
            Self::WrongPin | Self::NoPin => CallRefusal::WrongPin,
            Self::Refused(offence) => offence.refusal(),
        }
    }

    /// The counter it belongs to.
    fn count(&self, counters: &mut CallCounters) {
        match self {
            Self::WrongPin | Self::NoPin => counters.refused_permission += 1,
            Self::Refused(offence) => offence.count(counters),
        }
    }
}

/// What came of a PIN.
enum Verdict {
    Right(Purpose),
    Wrong(Purpose),
    NotPermitted,
}

impl Switch {
    /// Refuses a talker while its wrong PINs keep it waiting.
    pub(super) fn check_lock(
        &self,
        now: Instant,
        talker: &SipUser,
        extension: &ExtensionRecord,
    ) -> Result<(), CallOffence> {
        match self.pins.opens_at(now, talker, Purpose::of(&extension.role)) {
            Some(at) if at > now + WAIT_MAX => Err(locked(now, at)),
            Some(_) | None => Ok(()),
        }
    }

    /// Says whether a leg is that of a talker which is being asked.
    pub(super) fn is_asked(&self, leg: LegId) -> bool {
        let call = self.calls.leg_by_id.get(&leg).map(|leg| leg.call);
        let call = call.and_then(|call| self.calls.call_by_id.get(&call));
        call.is_some_and(|call| call.caller == leg && matches!(call.phase, Phase::Asking(_)))
    }

    /// Answers a talker and asks it for the PIN.
    pub(super) fn ask(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let until = now + ENTRY_MAX;
        call.phase = Phase::Asking(Box::new(Asking {
            entry: Entry::new(),
            wrong: 0,
            until,
            has_prompted: false,
        }));
        self.counters.calls.pins_asked += 1;
        self.calls.deadlines.set(id, until);
        self.answer_caller(now, id);
    }

    /// The media of an asked talker are joined: it hears the prompt.
    pub(super) fn prompt_once(&mut self, id: CallId) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        if let Phase::Asking(asking) = &mut call.phase
            && !std::mem::replace(&mut asking.has_prompted, true)
        {
            let leg = call.caller;
            self.play(leg, Some(prompt()));
        }
    }

    /// A key was pressed. Those of a page that is under way go to its listeners, through the bridge.
    pub(super) fn key_pressed(&mut self, now: Instant, leg: LegId, key: Key) {
        let Some((id, call)) = self.calls.call_of(leg) else {
            return;
        };
        let Phase::Asking(asking) = &mut call.phase else {
            return;
        };
        let is_first = !asking.entry.has_keys();
        asking.entry.press(now, key);
        if is_first && asking.entry.has_keys() {
            // Who keys in needs no prompt.
            self.play(leg, None);
        }
        self.go_on_asking(now, id);
    }

    /// Judges the PIN if it is whole and its talker's lock is open, and plans when to look again.
    pub(super) fn go_on_asking(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        let Phase::Asking(asking) = &call.phase else {
            return;
        };
        if asking.until <= now {
            return self.send_away(now, id, &Dismissal::NoPin);
        }
        let next = match self.lock_of(now, id) {
            // Whatever is keyed in, it is not going to be judged.
            Some(opens_at) if opens_at >= asking.until => {
                return self.send_away(now, id, &Dismissal::Refused(locked(now, opens_at)));
            }
            Some(opens_at) if asking.entry.is_whole(now) => Some(opens_at),
            None if asking.entry.is_whole(now) => return self.judge(now, id),
            Some(_) | None => asking.entry.pause_ends_at(),
        };
        let due = next.map_or(asking.until, |next| next.min(asking.until));
        self.calls.deadlines.set(id, due);
    }

    /// When the lock of a call's talker opens, if it is closed.
    fn lock_of(&self, now: Instant, id: CallId) -> Option<Instant> {
        let call = self.calls.call_by_id.get(&id)?;
        let talker = &self.calls.leg_by_id.get(&call.caller)?.user;
        let extension = self.directory.extension(call.extension.as_str())?;
        self.pins.opens_at(now, talker, Purpose::of(&extension.role))
    }

    fn judge(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        let (leg, extension) = (call.caller, call.extension.clone());
        let Some(talker) = self.calls.leg_by_id.get(&leg).map(|leg| leg.user.clone()) else {
            return;
        };
        match self.verdict(id, &talker) {
            Verdict::Right(purpose) => {
                self.pins.forgive(&talker, purpose, &extension);
                self.let_in(now, id, &talker);
            }
            Verdict::Wrong(purpose) => {
                self.counters.calls.wrong_pins += 1;
                self.pins.close(now, &talker, purpose, &extension);
                self.ask_again(now, id, leg);
            }
            Verdict::NotPermitted => self.send_away(now, id, &NOT_PERMITTED),
        }
    }

    /// Compares with what the directory says at this moment, which may be another PIN than when the call came, or none.
    fn verdict(&self, id: CallId, talker: &SipUser) -> Verdict {
        let call = self.calls.call_by_id.get(&id);
        let Some((asking, record)) = call.and_then(|call| match &call.phase {
            Phase::Asking(asking) => Some((asking, self.directory.extension(call.extension.as_str())?)),
            Phase::Opening(_) | Phase::Calling | Phase::Talking | Phase::Ending => None,
        }) else {
            return Verdict::NotPermitted;
        };
        let purpose = Purpose::of(&record.role);
        match self.directory.decide(talker, record) {
            Decision::Allowed => Verdict::Right(purpose),
            Decision::PinWanted(pin) if asking.entry.is(pin) => Verdict::Right(purpose),
            Decision::PinWanted(_) => Verdict::Wrong(purpose),
            Decision::Denied => Verdict::NotPermitted,
        }
    }

    fn ask_again(&mut self, now: Instant, id: CallId, leg: LegId) {
        let opens_at = self.lock_of(now, id);
        let call = self.calls.call_by_id.get_mut(&id);
        let Some(Phase::Asking(asking)) = call.map(|call| &mut call.phase) else {
            return;
        };
        asking.entry = Entry::new();
        asking.wrong += 1;
        let until = asking.until;
        if asking.wrong >= TRIES_MAX || opens_at.is_some_and(|at| at >= until) {
            return self.send_away(now, id, &Dismissal::WrongPin);
        }
        self.calls.deadlines.set(id, until);
        self.play(leg, Some(wrong()));
        self.tell_talker(now, id, (ASK_HEADER.to_owned(), ASK_PIN.to_owned()));
    }

    /// The PIN is right: does for the call what is done for others when they come.
    fn let_in(&mut self, now: Instant, id: CallId, talker: &SipUser) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let (leg, manner) = (call.caller, call.manner);
        if let Some(room) = call.room.take() {
            self.admission.release(&room);
        }
        let extension = self.directory.extension(call.extension.as_str()).cloned();
        let Some(extension) = extension else {
            return self.send_away(now, id, &NOT_PERMITTED);
        };
        let (invitees, room) = match self.make_room(talker, manner, &extension) {
            Ok(made) => made,
            Err(offence) => return self.send_away(now, id, &Dismissal::Refused(offence)),
        };
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        call.room = Some(room);
        call.phase = Phase::Calling;
        // Answered as it is, it is told no more.
        call.has_rung = true;
        self.play(leg, Some(Signal::ringback()));
        self.start_calling(now, id, invitees);
    }

    /// Somebody has answered a call whose talker was asked: the talker is heard from here on. Who pages is told so; others hear
    /// who has answered.
    pub(super) fn hand_over(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.call_by_id.get_mut(&id) else {
            return;
        };
        let leg = call.caller;
        let page = call.page.as_mut().map(|page| {
            page.audio_began(now);
            page.id().to_string()
        });
        let (role, signal) = match call.manner {
            Manner::Page => (Role::Talker, Some(go_ahead())),
            Manner::Conversation => (Role::Both, None),
        };
        self.outputs.push_back(Output::Media(Command::Turn { leg, role }));
        self.play(leg, signal);
        if let Some(page) = page {
            self.tell_talker(now, id, (PAGE_HEADER.to_owned(), page));
        }
    }

    /// Tells a talker that wants to be told in more than tones.
    fn tell_talker(&mut self, now: Instant, id: CallId, what: (String, String)) {
        let call = self.calls.call_by_id.get(&id);
        let Some(call) = call.filter(|call| call.tells_talker) else {
            return;
        };
        let caller = self.calls.leg_by_id.get(&call.caller);
        if let Some(session) = caller.and_then(|leg| leg.session) {
            let package = ("Info-Package".to_owned(), TALKER_PACKAGE.to_owned());
            self.agent
                .request_in_session(now, session, Method::Info, vec![package, what], None);
        }
    }

    /// Ends a call whose talker was asked; it has its 200 already, so the BYE says why.
    pub(super) fn send_away(&mut self, now: Instant, id: CallId, why: &Dismissal) {
        let Some(call) = self.calls.call_by_id.get(&id) else {
            return;
        };
        let (leg, target) = (call.caller, call.extension.to_string());
        let Some(caller) = self.calls.leg_by_id.get_mut(&leg) else {
            return;
        };
        let user = caller.user.clone();
        if let (Stage::Joined, Some(session)) = (&caller.stage, caller.session) {
            caller.stage = Stage::Leaving;
            let headers = vec![("Reason".to_owned(), why.reason())];
            self.agent.hang_up(now, session, headers, None);
        }
        why.count(&mut self.counters.calls);
        let account = self.config.account.clone();
        self.emit(ZoneEvent::CallRefused {
            account,
            caller: user,
            target,
            why: why.refusal(),
        });
        self.end_call(now, id, StatusCode::FORBIDDEN);
    }

    fn play(&mut self, leg: LegId, signal: Option<Signal>) {
        self.outputs
            .push_back(Output::Media(Command::Play { leg, signal }));
    }
}

const NOT_PERMITTED: Dismissal = Dismissal::Refused(CallOffence::Barred(Barred::Denied));

fn locked(now: Instant, opens_at: Instant) -> CallOffence {
    CallOffence::Locked {
        seconds: opens_at.saturating_duration_since(now).as_secs() + 1,
    }
}

/// It is the talker's turn to key in: two rising notes, from time to time.
fn prompt() -> Signal {
    Signal::repeating(&[&PROMPT[..], &[Note::pause(PROMPT_PAUSE)]].concat())
}

/// That was wrong, once more: a low buzz before the prompt.
fn wrong() -> Signal {
    let buzz = [
        Note::pair(155.0, 311.0, -12.0, Duration::from_millis(500)),
        Note::pause(Duration::from_millis(300)),
    ];
    Signal::once(&[&buzz[..], &PROMPT].concat())
}

/// Whatever is said is heard from here on: one long high note.
fn go_ahead() -> Signal {
    Signal::once(&[Note::steady(1_000.0, -15.0, Duration::from_millis(300))])
}

const PROMPT: [Note; 3] = [
    Note::steady(660.0, -15.0, Duration::from_millis(120)),
    Note::pause(Duration::from_millis(40)),
    Note::steady(880.0, -15.0, Duration::from_millis(120)),
];
