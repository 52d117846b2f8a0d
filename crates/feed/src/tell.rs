//! What a zone tells its service of itself, over the connection by which it learns its directory: who is registered, which alerts and
//! pages begin, and what became of pages. Both ends, without sockets and clocks.
//!
//! ```text
//!   zone                                      service
//!   Teller ── Tell(1: Roll) Tell(2: …) ───▶  Hearing ── News ──▶ portal, store
//!     ▲    ◀───────── Heard(2) ───────────      │
//!     └─ reports are kept until they are heard ─┘
//! ```
//!
//! Who is registered is said as a whole at the beginning of a connection and whenever there was more than could be told; then
//! change by change. An alert, the beginning of a page and a report are kept until the service has heard them, also while there is no
//! connection.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::SipUser;
use model::directory::{Epoch, USERS_MAX};
use model::status::{
    HandshakeFailure, OngoingPage, PageReport, RegisteredUser, RegistrationRefusal, SipTransport, ZoneEvent,
};
use model::{AccountId, Extension, PageId};
use serde::{Deserialize, Serialize};

use crate::Message;

/// Messages that a zone sends before the service has heard the first of them.
pub const UNHEARD_MAX: u64 = 32;
/// Changes of registrations that wait to be told; with more, all is told anew.
pub const CHANGES_MAX: usize = 1_024;
/// Alerts and beginnings of pages that wait to be heard; for one more the oldest beginning is given up, or the oldest alert where there
/// are alerts alone.
pub const HAPPENED_MAX: usize = 256;
/// Pages that are told to go on; past that the rest is not.
const PAGES_MAX: usize = 1_024;
/// Reports that wait to be heard; the oldest is given up for one more.
pub const REPORTS_MAX: usize = 256;
/// Octets of the reports that wait, and of one report.
pub const REPORT_OCTETS_MAX: usize = 8 * 1024 * 1024;
/// Registered users that are told in one message.
const ROLL_PART: usize = 500;
/// Octets of a report that are told in one message.
const REPORT_PART: usize = 64 * 1024;
/// Characters of an address, of what a device calls itself, and of a name under which somebody tries to register.
const TEXT_MAX: usize = 256;

/// Something that a zone tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It is there, and has the directory of an epoch.
    Here {
        /// The epoch; none before its first directory.
        epoch: Option<u64>,
    },
    /// Some of those who are registered.
    Roll {
        /// Each with the address it is registered from.
        users: Vec<RegisteredUser>,
        /// Nothing of this roll was told before.
        is_first: bool,
        /// Nothing comes behind.
        is_last: bool,
    },
    /// Somebody has registered.
    Registered {
        /// Who.
        user: SipUser,
        /// From where.
        from: String,
        /// What the device calls itself.
        user_agent: Option<String>,
        /// By what.
        #[serde(default)]
        transport: Option<SipTransport>,
    },
    /// Somebody is registered no longer.
    Unregistered {
        /// Who.
        user: SipUser,
    },
    /// Somebody was refused.
    Refused {
        /// The user as it called itself.
        user: String,
        /// From where.
        from: String,
        /// Why.
        why: RegistrationRefusal,
    },
    /// Somebody's TLS handshake failed.
    HandshakeFailed {
        /// From where.
        from: IpAddr,
        /// Why.
        why: HandshakeFailure,
    },
    /// Pages that go on, all of them.
    Pages {
        /// Which.
        pages: Vec<OngoingPage>,
    },
    /// An alert was raised.
    Alert {
        /// How long ago, in milliseconds.
        age_ms: u64,
        /// Which call.
        call: PageId,
        /// What was dialled.
        extension: Extension,
        /// Who calls.
        caller: SipUser,
    },
    /// A page has begun.
    PageStarted {
        /// How long ago, in milliseconds.
        age_ms: u64,
        /// Which.
        page: OngoingPage,
    },
    /// A part of the report of a page, as JSON.
    Report {
        /// How long ago the page ended, in milliseconds.
        age_ms: u64,
        /// The part.
        part: String,
        /// Nothing was told of this report before.
        is_first: bool,
        /// It is whole with this part.
        is_last: bool,
    },
    /// Something that a later version tells, or of which it tells more than can be read.
    #[serde(skip)]
    Unknown {
        /// What that calls it.
        kind: String,
    },
}

/// A report that the service has not heard.
#[derive(Debug)]
struct Kept {
    page: PageId,
    ended_at: Instant,
    json: String,
}

/// Something that has begun, of which the service has not heard.
#[derive(Debug)]
struct Happened {
    at: Instant,
    what: Begun,
}

#[derive(Debug)]
enum Begun {
    Alert {
        call: PageId,
        extension: Extension,
        caller: SipUser,
    },
    Page(OngoingPage),
}

impl Happened {
    fn is_page(&self) -> bool {
        matches!(self.what, Begun::Page(_))
    }

    fn is_beginning_of(&self, page: &PageId) -> bool {
        matches!(&self.what, Begun::Page(begun) if begun.page == *page)
    }

    fn told(&self, now: Instant) -> Told {
        let age_ms = millis(now.saturating_duration_since(self.at));
        match &self.what {
            Begun::Alert {
                call,
                extension,
                caller,
            } => Told::Alert {
                age_ms,
                call: call.clone(),
                extension: extension.clone(),
                caller: caller.clone(),
            },
            Begun::Page(page) => Told::PageStarted {
                age_ms,
                page: page.clone(),
            },
        }
    }
}

/// The zone's end.
#[derive(Debug, Default)]
pub struct Teller {
    is_open: bool,
    /// The number of the last message, on this connection.
    said: u64,
    heard: u64,
    epoch: Option<u64>,
    /// That it is there has to be said.
    has_to_say_here: bool,
    wants_roll: bool,
    roll: VecDeque<Told>,
    pages: Option<Told>,
    changes: VecDeque<Told>,
    happened: VecDeque<Happened>,
    /// What has begun and was told and not heard yet, each with the number of its message.
    unheard_happened: VecDeque<(u64, Happened)>,
    reports: VecDeque<Kept>,
    /// Octets of the first report that were told.
    told_octets: usize,
    /// Reports that were told and not heard yet, each with the number of its last message.
    unheard: VecDeque<(u64, Kept)>,
}

impl Teller {
    /// There is a connection; what is told begins anew.
    pub fn handle_connected(&mut self) {
        self.handle_lost();
        self.is_open = true;
        self.wants_roll = true;
        self.has_to_say_here = true;
    }

    /// There is none any more.
    pub fn handle_lost(&mut self) {
        self.is_open = false;
        (self.said, self.heard, self.told_octets) = (0, 0, 0);
        self.roll.clear();
        self.pages = None;
        self.changes.clear();
        while let Some((_, happened)) = self.unheard_happened.pop_back() {
            self.happened.push_front(happened);
        }
        while let Some((_, kept)) = self.unheard.pop_back() {
            self.reports.push_front(kept);
        }
    }

    /// The service asks whether the zone is there.
    pub fn handle_beat(&mut self) {
        self.has_to_say_here = true;
    }

    /// The service has heard everything up to a message.
    pub fn handle_heard(&mut self, number: u64) {
        self.heard = self.heard.max(number.min(self.said));
        while self.unheard.front().is_some_and(|(last, _)| *last <= self.heard) {
            self.unheard.pop_front();
        }
        while let Some((number, _)) = self.unheard_happened.front()
            && *number <= self.heard
        {
            self.unheard_happened.pop_front();
        }
    }

    /// Events were missed: all is told anew.
    pub fn handle_missed(&mut self) {
        self.wants_roll = self.is_open;
    }

    /// Whether it has to be found out who is registered, once.
    pub fn take_wants_roll(&mut self) -> bool {
        std::mem::take(&mut self.wants_roll)
    }

    /// Those who are registered.
    pub fn handle_roll(&mut self, all: Vec<RegisteredUser>) {
        self.roll.clear();
        if !self.is_open {
            return;
        }
        let mut all = all.into_iter().peekable();
        let mut is_first = true;
        loop {
            let users = all.by_ref().take(ROLL_PART).collect();
            let is_last = all.peek().is_none();
            self.roll.push_back(Told::Roll {
                users,
                is_first,
                is_last,
            });
            if is_last {
                return;
            }
            is_first = false;
        }
    }

    /// Pages that go on.
    pub fn handle_pages(&mut self, mut pages: Vec<OngoingPage>) {
        pages.truncate(PAGES_MAX);
        self.pages = self.is_open.then_some(Told::Pages { pages });
    }

    /// Something has happened in the zone. Says how much is given up for it, of which the service will never hear: with the next roll it
    /// learns that something was missed, and which pages still go on.
    pub fn handle_event(&mut self, now: Instant, event: &ZoneEvent) -> usize {
        let given_up = self.take_event(now, event);
        if given_up > 0 {
            self.handle_missed();
        }
        given_up
    }

    fn take_event(&mut self, now: Instant, event: &ZoneEvent) -> usize {
        let told = match event {
            ZoneEvent::PageEnded { report, .. } => return self.keep(now, report),
            ZoneEvent::AlertRaised {
                call,
                extension,
                caller,
                ..
            } => {
                let (call, extension, caller) = (call.clone(), extension.clone(), caller.clone());
                return self.keep_happened(
                    now,
                    Begun::Alert {
                        call,
                        extension,
                        caller,
                    },
                );
            }
            ZoneEvent::PageStarted {
                page,
                extension,
                talker,
                listeners,
                ..
            } => {
                let page = OngoingPage {
                    page: page.clone(),
                    extension: extension.clone(),
                    talker: talker.clone(),
                    listeners: *listeners,
                };
                return self.keep_happened(now, Begun::Page(page));
            }
            ZoneEvent::DirectoryApplied { epoch, .. } => {
                self.epoch = Some(epoch.0);
                self.has_to_say_here = true;
                return 0;
            }
            ZoneEvent::Registered {
                user,
                from,
                user_agent,
                transport,
                ..
            } => Told::Registered {
                user: user.clone(),
                from: from.clone(),
                user_agent: user_agent.clone(),
                transport: *transport,
            },
            ZoneEvent::Unregistered { user, .. } => Told::Unregistered { user: user.clone() },
            ZoneEvent::RegistrationRefused { user, from, why, .. } => {
                if !self.has_room_for_strangers() {
                    return 0;
                }
                Told::Refused {
                    user: user.clone(),
                    from: from.clone(),
                    why: *why,
                }
            }
            ZoneEvent::HandshakeFailed { from, why } => {
                if !self.has_room_for_strangers() {
                    return 0;
                }
                Told::HandshakeFailed {
                    from: *from,
                    why: *why,
                }
            }
            ZoneEvent::CallRefused { .. }
            | ZoneEvent::SnapshotWanted { .. }
            | ZoneEvent::DirectoryRefused { .. } => return 0,
        };
        if !self.is_open {
            return 0;
        }
        self.changes.push_back(told);
        if self.changes.len() > CHANGES_MAX {
            self.changes.clear();
            self.wants_roll = true;
        }
        0
    }

    /// Anybody can be refused; they leave room for those who are known.
    fn has_room_for_strangers(&self) -> bool {
        self.changes.len() < CHANGES_MAX / 2
    }

    /// The state of the directory that the zone has begun with.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch.0);
    }

    /// The next thing to say.
    pub fn poll_message(&mut self, now: Instant) -> Option<Message> {
        if !self.has_message() {
            return None;
        }
        let number = self.said.saturating_add(1);
        let told = if std::mem::take(&mut self.has_to_say_here) {
            Told::Here { epoch: self.epoch }
        } else if let Some(told) = self.pages.take() {
            // What has begun since is told behind it.
            told
        } else if let Some(happened) = self.happened.pop_front() {
            let told = happened.told(now);
            self.unheard_happened.push_back((number, happened));
            told
        } else if let Some(told) = self.roll.pop_front() {
            told
        } else if let Some(told) = self.changes.pop_front() {
            told
        } else {
            self.next_part(now, number)?
        };
        self.said = number;
        Some(Message::Tell { number, told })
    }

    /// Whether [`Teller::poll_message`] has one.
    #[must_use]
    pub fn has_message(&self) -> bool {
        let has_any = self.has_to_say_here
            || !self.happened.is_empty()
            || !self.roll.is_empty()
            || self.pages.is_some()
            || !self.changes.is_empty()
            || !self.reports.is_empty();
        self.is_open && has_any && self.said.saturating_sub(self.heard) < UNHEARD_MAX
    }

    fn next_part(&mut self, now: Instant, number: u64) -> Option<Told> {
        let kept = self.reports.front()?;
        let begin = self.told_octets;
        let mut end = kept.json.len().min(begin.saturating_add(REPORT_PART));
        while !kept.json.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let age = now.saturating_duration_since(kept.ended_at);
        let is_last = end == kept.json.len();
        let told = Told::Report {
            age_ms: millis(age),
            part: kept.json.get(begin..end)?.to_owned(),
            is_first: begin == 0,
            is_last,
        };
        self.told_octets = end;
        if is_last {
            self.told_octets = 0;
            self.unheard
                .extend(self.reports.pop_front().map(|kept| (number, kept)));
        }
        Some(told)
    }

    fn keep_happened(&mut self, now: Instant, what: Begun) -> usize {
        self.happened.push_back(Happened { at: now, what });
        if self.unheard_happened.len() + self.happened.len() <= HAPPENED_MAX {
            return 0;
        }
        // Of beginnings and of alerts what was told goes first: most likely it was heard.
        let told = self.unheard_happened.iter().position(|(_, told)| told.is_page());
        let waiting = self.happened.iter().position(Happened::is_page);
        if let Some(oldest) = told {
            self.unheard_happened.remove(oldest);
        } else if let Some(oldest) = waiting {
            self.happened.remove(oldest);
        } else if self.unheard_happened.pop_front().is_none() {
            self.happened.pop_front();
        }
        1
    }

    fn keep(&mut self, now: Instant, report: &PageReport) -> usize {
        let json = serde_json::to_string(report).unwrap_or_default();
        if json.len() > REPORT_OCTETS_MAX {
            return 1 + self.give_up_beginning(&report.page);
        }
        self.reports.push_back(Kept {
            page: report.page.clone(),
            ended_at: now,
            json,
        });
        let mut given_up = 0;
        while self.is_too_much()
            && let Some(oldest) = self.give_up_oldest()
        {
            given_up += 1 + self.give_up_beginning(&oldest.page);
        }
        given_up
    }

    /// Gives up the beginning of a page of which the end is never told: the page would go on for ever.
    fn give_up_beginning(&mut self, page: &PageId) -> usize {
        let before = self.unheard_happened.len() + self.happened.len();
        self.unheard_happened
            .retain(|(_, happened)| !happened.is_beginning_of(page));
        self.happened.retain(|happened| !happened.is_beginning_of(page));
        before - self.unheard_happened.len() - self.happened.len()
    }

    fn is_too_much(&self) -> bool {
        let unheard = self.unheard.iter().map(|(_, kept)| kept);
        let octets: usize = unheard.chain(&self.reports).map(|kept| kept.json.len()).sum();
        self.unheard.len() + self.reports.len() > REPORTS_MAX || octets > REPORT_OCTETS_MAX
    }

    /// Gives up the oldest report; one of which a part was told stays, for the service waits for the rest.
    fn give_up_oldest(&mut self) -> Option<Kept> {
        if let Some((_, told)) = self.unheard.pop_front() {
            return Some(told);
        }
        let oldest = usize::from(self.told_octets > 0).min(self.reports.len().saturating_sub(1));
        self.reports.remove(oldest)
    }

    /// Pages whose reports wait to be heard.
    pub fn waiting(&self) -> impl Iterator<Item = &PageId> {
        let unheard = self.unheard.iter().map(|(_, kept)| kept);
        unheard.chain(&self.reports).map(|kept| &kept.page)
    }
}

/// What a service learns of a zone.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It is there, with the directory of an epoch.
    Here(Option<Epoch>),
    /// All who are registered at it.
    Roll(Vec<RegisteredUser>),
    /// All pages that go on there.
    Pages(Vec<OngoingPage>),
    /// Something that has happened there, of registrations.
    Event(ZoneEvent),
    /// An alert was raised or a page has begun there, so long ago.
    Happened(Duration, ZoneEvent),
    /// What became of a page that has ended so long ago.
    Report(Duration, PageReport),
    /// A report of a version that is not known.
    UnknownReport,
    /// Something else of a version that is not known, by its name there.
    Unknown(String),
}

/// What a zone says that a service does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misheard {
    /// A part is missing.
    #[error("what the zone says is not in order")]
    OutOfOrder,
    /// There are too many.
    #[error("the zone says that more than {USERS_MAX} users are registered")]
    TooManyUsers,
    /// It is too long.
    #[error("the report of a page has more than {REPORT_OCTETS_MAX} octets")]
    TooLong,
}

/// The service's end.
#[derive(Debug)]
pub struct Hearing {
    account: AccountId,
    last: u64,
    roll: Option<Vec<RegisteredUser>>,
    /// How long ago its page had ended, and what there is of it.
    report: Option<(u64, String)>,
    /// A part of a roll could not be read: the parts behind it are not out of order.
    lacks_roll: bool,
    /// A part of a report could not be read.
    lacks_report: bool,
}

impl Hearing {
    /// Begins to hear a zone of an account.
    #[must_use]
    pub fn new(account: AccountId) -> Self {
        Self {
            account,
            last: 0,
            roll: None,
            report: None,
            lacks_roll: false,
            lacks_report: false,
        }
    }

    /// Takes what a zone tells; it is heard once that has been dealt with.
    ///
    /// # Errors
    ///
    /// When it is not what a zone tells; then nothing behind it counts.
    pub fn take(&mut self, number: u64, told: Told) -> Result<Option<News>, Misheard> {
        if number != self.last.saturating_add(1) {
            return Err(Misheard::OutOfOrder);
        }
        self.last = number;
        let account = self.account.clone();
        Ok(match told {
            Told::Here { epoch } => Some(News::Here(epoch.map(Epoch))),
            Told::Roll {
                users,
                is_first,
                is_last,
            } => self.take_roll(users, is_first, is_last)?.map(News::Roll),
            Told::Registered {
                user,
                from,
                user_agent,
                transport,
            } => Some(News::Event(ZoneEvent::Registered {
                account,
                user,
                from: cut(&from),
                user_agent: user_agent.as_deref().map(cut),
                transport,
            })),
            Told::Unregistered { user } => Some(News::Event(ZoneEvent::Unregistered { account, user })),
            Told::Refused { user, from, why } => Some(News::Event(ZoneEvent::RegistrationRefused {
                account: Some(account),
                user: cut(&user),
                from: cut(&from),
                why,
            })),
            Told::HandshakeFailed { from, why } => {
                Some(News::Event(ZoneEvent::HandshakeFailed { from, why }))
            }
            Told::Pages { pages } => Some(News::Pages(pages)),
            Told::Alert {
                age_ms,
                call,
                extension,
                caller,
            } => {
                let raised = ZoneEvent::AlertRaised {
                    account,
                    call,
                    extension,
                    caller,
                };
                Some(News::Happened(Duration::from_millis(age_ms), raised))
            }
            Told::PageStarted { age_ms, page } => {
                let started = ZoneEvent::PageStarted {
                    account,
                    page: page.page,
                    extension: page.extension,
                    talker: page.talker,
                    listeners: page.listeners,
                };
                Some(News::Happened(Duration::from_millis(age_ms), started))
            }
            Told::Report {
                age_ms,
                part,
                is_first,
                is_last,
            } => {
                self.take_part(age_ms, &part, is_first)?;
                let whole = self.report.take_if(|_| is_last);
                whole.map(|(age_ms, json)| match serde_json::from_str(&json) {
                    Ok(report) => News::Report(Duration::from_millis(age_ms), report),
                    Err(_) => News::UnknownReport,
                })
            }
            Told::Unknown { kind } => {
                // A roll or a report without one of its parts is none; what is of another kind is no part of either.
                match kind.as_str() {
                    "roll" => (self.roll, self.lacks_roll) = (None, true),
                    "report" => (self.report, self.lacks_report) = (None, true),
                    _ => {}
                }
                Some(News::Unknown(kind))
            }
        })
    }

    fn take_roll(
        &mut self,
        users: Vec<RegisteredUser>,
        is_first: bool,
        is_last: bool,
    ) -> Result<Option<Vec<RegisteredUser>>, Misheard> {
        if is_first {
            self.roll = Some(Vec::new());
        }
        let Some(roll) = &mut self.roll else {
            return without_its_beginning(self.lacks_roll).map(|()| None);
        };
        let registered = users.into_iter().map(|user| RegisteredUser {
            from: cut(&user.from),
            ..user
        });
        roll.extend(registered);
        if roll.len() > USERS_MAX {
            return Err(Misheard::TooManyUsers);
        }
        Ok(self.roll.take_if(|_| is_last))
    }

    fn take_part(&mut self, age_ms: u64, part: &str, is_first: bool) -> Result<(), Misheard> {
        if is_first {
            self.report = Some((age_ms, String::new()));
        }
        let Some((_, json)) = &mut self.report else {
            return without_its_beginning(self.lacks_report);
        };
        if json.len().saturating_add(part.len()) > REPORT_OCTETS_MAX {
            return Err(Misheard::TooLong);
        }
        json.push_str(part);
        Ok(())
    }
}

/// A part has come of which there is no beginning: that may be where one could not be read.
fn without_its_beginning(lacks_part: bool) -> Result<(), Misheard> {
    lacks_part.then_some(()).ok_or(Misheard::OutOfOrder)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
