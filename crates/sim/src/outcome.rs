//! How a run ends.

use std::fmt;
use std::time::Duration;

/// How the run of one seed ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The seed, which brings the same run again.
    pub seed: u64,
    /// Hash of all that happened: equal for two runs of one seed.
    pub trace_hash: u64,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// What happened, in numbers.
    pub tally: Tally,
    /// The first broken invariant, if one broke.
    pub violation: Option<Violation>,
}

/// What happened in a run, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that were carried out.
    pub events: u64,
    /// SIP messages that arrived.
    pub messages: u64,
    /// Media packets that arrived.
    pub packets: u64,
    /// Packets that the network lost.
    pub lost: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Times a stranger tried to be heard.
    pub intrusions: u64,
    /// Pages that the zone began.
    pub pages: u64,
    /// Entries of page reports that say *heard*.
    pub heard: u64,
    /// Entries of page reports that say anything else.
    pub unheard: u64,
    /// Entries, heard or not, of members whom nothing excused from hearing the page.
    pub owed: u64,
    /// What excuses the entries that say anything else than *heard*.
    pub excused: Excused,
}

/// What explains that pages were not heard, in numbers of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excused {
    /// The zone did not reach the member when the page began.
    pub unreached: u64,
    /// The zone had trouble during the page.
    pub zone: u64,
    /// The device had.
    pub device: u64,
    /// The talker had.
    pub talker: u64,
    /// Something at least as important sounded.
    pub outranked: u64,
}

impl Tally {
    /// Adds what happened in another run.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.messages += other.messages;
        self.packets += other.packets;
        self.lost += other.lost;
        self.faults += other.faults;
        self.intrusions += other.intrusions;
        self.pages += other.pages;
        self.heard += other.heard;
        self.unheard += other.unheard;
        self.owed += other.owed;
        self.excused.unreached += other.excused.unreached;
        self.excused.zone += other.excused.zone;
        self.excused.device += other.excused.device;
        self.excused.talker += other.excused.talker;
        self.excused.outranked += other.excused.outranked;
    }
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Virtual time at which it was found broken.
    pub at: Duration,
    /// What was found.
    pub found: String,
    /// The last lines of the trace, of the station concerned where there is one.
    pub trace: Vec<String>,
}

/// What always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Invariant {
    /// Faults heal: every device runs, and the zone reaches each of its users, a while after the last thing that explains
    /// why not. Nobody else is registered in their place.
    #[error("every device is registered after the faults")]
    Registered,
    /// Faults heal: the last page is heard by every device.
    #[error("the last page is heard by every device")]
    LastPageHeard,
    /// No device plays a page twice, or twice at once.
    #[error("no page sounds twice at one device")]
    SoundsOnce,
    /// No device plays a page that was not meant for it.
    #[error("only members of the group play a page")]
    OnlyMembers,
    /// Nothing that a stranger sends is heard, begins a page, or registers.
    #[error("no stranger is heard")]
    NoStranger,
    /// Each page that begins has a report, with an entry for each member.
    #[error("each page has a report with an entry for each member")]
    Reported,
    /// A report says how long the talker spoke, unless a fault explains why not all of it arrived.
    #[error("a report says how long the talker spoke")]
    LengthIsTrue,
    /// Who is said to have heard a page has: its sink took at least 95 % of it.
    #[error("who is said to have heard a page has consumed it")]
    HeardIsTrue,
    /// A page is heard by each member that the zone reaches, unless a fault during the page, or a sound of at least its
    /// class, explains why not.
    #[error("who is reached hears the page")]
    HeardUnlessExplained,
    /// When all timers have run out, no call, leg, session, transaction or media socket is left.
    #[error("nothing is left of calls when all timers have run out")]
    NothingLeft,
    /// What the cores hold and give out at a time is bounded.
    #[error("queues and tables are bounded")]
    Bounded,
    /// Cores that speak with each other never say anything malformed, unknown or too late.
    #[error("nothing unexpected happens between our own cores")]
    NothingUnexpected,
    /// Time goes on: no core asks to be called again at once for ever.
    #[error("time goes on")]
    Progress,
    /// No core panics.
    #[error("no core panics")]
    NoPanic,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "broken at {:.6} s: {}",
            self.at.as_secs_f64(),
            self.invariant
        )?;
        write!(formatter, "  found: {}", self.found)?;
        for line in &self.trace {
            write!(formatter, "\n  {line}")?;
        }
        Ok(())
    }
}
