//! The zone's side: when to connect, what to accept, when what it holds is stale.
//!
//! ```text
//!              Connect                  connected: Hello
//!   (waiting) ─────────▶ (connecting) ──────────────────▶ (open) ─┐ Begin, Part…, End: Take, Keep
//!       ▲                     │ lost, too late               │ ▲──┘ Beat
//!       ├─────────────────────┴── lost, silent ──────────────┤
//!       │                                                    │ an offence
//!       └── lost, silent ── (refusing) ◀─────────────────────┘
//!                               └─▶ Disconnect, Connect, after a while
//! ```
//!
//! A zone that refuses a directory stays connected, for what it tells the service, until it asks for a directory again.
//!
//! Apart from that, what it holds becomes stale when the service has not said for [`STALE_AFTER`] that it is the last there is.
//! A zone serves what it holds however stale it is. What a later version of the service says is told of: messages and records of
//! kinds that are not known are left out, and a directory with records that cannot be read is refused, for what they say of somebody may
//! forbid something.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::AccountId;
use model::directory::{Applied, Directory, DirectoryError, Epoch, Update};

use crate::{Difference, Held, Message, RECORDS_MAX, RecordError, Records};

/// How often a service says that there is nothing new.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Longest silence of a service that is there: three beats.
pub const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Longest time that connecting may take.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Wait after the first failure; each further one doubles it.
pub const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest wait: a service that is back is found within it.
pub const RETRY_LAST: Duration = Duration::from_secs(30);
/// Age at which a directory is warned of.
pub const STALE_AFTER: Duration = Duration::from_secs(60);
/// Time to the next warning.
pub const WARN_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// What a service did that a zone does not take.
#[derive(Debug, thiserror::Error)]
pub enum Offence {
    /// It sends a directory that is no later than the zone's.
    #[error(
        "the service has the directory of epoch {offered}, and this zone holds {own}: the service's database has been set back; if that \
         was meant, remove this zone's copy and start it again"
    )]
    NotLater {
        /// The zone's epoch.
        own: u64,
        /// The service's.
        offered: u64,
    },
    /// The signature is another's.
    #[error("the directory is not signed by the authority that this zone trusts")]
    WrongSignature,
    /// It is another account's.
    #[error("the service has the directory of the account {offered}, and this zone serves {own}")]
    OtherAccount {
        /// The zone's account.
        own: AccountId,
        /// The service's.
        offered: AccountId,
    },
    /// It is too large.
    #[error("the directory has more than {RECORDS_MAX} records")]
    TooMany,
    /// A message comes where it has no meaning.
    #[error("the service sends what nobody has asked for")]
    OutOfOrder,
    /// It cannot be read.
    #[error("the directory cannot be read")]
    Unreadable(#[from] RecordError),
    /// It breaks a rule.
    #[error("the directory breaks a rule")]
    Wrong(#[from] DirectoryError),
}

/// What people are to know.
#[derive(Debug)]
pub enum Report {
    /// Something was not taken; the zone goes on with what it holds.
    Refused(Offence),
    /// The service could not be reached, or was lost: why.
    Lost(String),
    /// The service has not confirmed for so long what the zone holds.
    Stale(Duration),
    /// It has again.
    Fresh,
    /// The service says something that this version does not know, by its name there.
    UnknownMessage(String),
    /// The directory has records of kinds that this version does not know.
    UnknownRecords(BTreeSet<String>),
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Connect to the service.
    Connect,
    /// Send it a message.
    Send(Message),
    /// End the connection, or the attempt.
    Disconnect,
    /// Give the switch its directory, or what has changed in it.
    Take(Update),
    /// Keep a copy of what is held.
    Keep,
    /// Tell people.
    Report(Report),
}

/// A zone's end of the feed.
#[derive(Debug)]
pub struct Zone {
    held: Option<Checked>,
    link: Link,
    /// In a row.
    failures: u32,
    fresh_at: Instant,
    warn_at: Instant,
    is_stale: bool,
    /// The kinds of records that are not known, as they were told.
    unknown_kinds: BTreeSet<String>,
    /// What jitter is drawn from.
    random: u64,
    outputs: VecDeque<Output>,
}

/// What is held, with the directory that follows from it: so that of a difference no more is looked at than what it touches.
#[derive(Debug)]
struct Checked {
    held: Arc<Held>,
    directory: Directory,
}

impl Checked {
    fn new(held: Held) -> Result<(Self, Update), Offence> {
        let update = Update::Snapshot(held.records().snapshot()?);
        let mut directory = Directory::new(held.records().account.clone());
        directory.apply(update.clone())?;
        let held = Arc::new(held);
        Ok((Self { held, directory }, update))
    }

    /// Holds something later instead, unless that breaks a rule; the update says what that is to a switch.
    fn replace(&mut self, held: Held) -> Result<Update, Offence> {
        let update = self.held.records().update_to(held.records())?;
        if matches!(self.directory.apply(update.clone())?, Applied::Done { .. }) {
            self.held = Arc::new(held);
            return Ok(update);
        }
        // The difference does not lead on from what was looked at, so the whole is.
        let (checked, update) = Self::new(held)?;
        *self = checked;
        Ok(update)
    }
}

#[derive(Debug)]
enum Link {
    Waiting {
        until: Instant,
    },
    Connecting {
        until: Instant,
    },
    Open {
        silent_at: Instant,
        /// What a directory that is under way has come to.
        coming: Option<Records>,
        /// It was told of that something was said that is not known.
        has_unknown: bool,
    },
    /// A directory was refused: nothing that the service says is taken over this connection.
    Refusing {
        silent_at: Instant,
        again_at: Instant,
    },
}

impl Zone {
    /// Begins with what is held from before, whose signature has been checked: that is to be taken first, unless it makes no directory.
    /// `random` spreads the attempts of many zones.
    #[must_use]
    pub fn new(now: Instant, held: Option<Held>, random: u64) -> Self {
        let mut outputs = VecDeque::new();
        let held = held.and_then(|held| match Checked::new(held) {
            Ok((checked, update)) => {
                outputs.push_back(Output::Take(update));
                Some(checked)
            }
            Err(offence) => {
                outputs.push_back(Output::Report(Report::Refused(offence)));
                None
            }
        });
        let mut zone = Self {
            held,
            link: Link::Waiting { until: now },
            failures: 0,
            fresh_at: now,
            warn_at: now + STALE_AFTER,
            is_stale: false,
            unknown_kinds: BTreeSet::new(),
            random,
            outputs,
        };
        zone.tell_unknown_kinds();
        zone
    }

    /// What is held.
    #[must_use]
    pub fn held(&self) -> Option<&Arc<Held>> {
        self.held.as_ref().map(|checked| &checked.held)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Zone::handle_timeout`] is to be called.
    #[must_use]
    pub fn next_timeout(&self) -> Instant {
        let link = match &self.link {
            Link::Waiting { until } | Link::Connecting { until } => *until,
            Link::Open { silent_at, .. } => *silent_at,
            Link::Refusing { silent_at, again_at } => *silent_at.min(again_at),
        };
        link.min(self.warn_at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.warn_at <= now {
            self.is_stale = true;
            self.warn_at = now + WARN_AGAIN_AFTER;
            let age = now.saturating_duration_since(self.fresh_at);
            self.outputs.push_back(Output::Report(Report::Stale(age)));
        }
        match &self.link {
            Link::Waiting { until } if *until <= now => self.connect(now),
            Link::Refusing { again_at, .. } if *again_at <= now => {
                self.outputs.push_back(Output::Disconnect);
                self.connect(now);
            }
            Link::Connecting { until } if *until <= now => {
                self.outputs.push_back(Output::Disconnect);
                self.handle_lost(now, "there was no connection in time".to_owned());
            }
            Link::Open { silent_at, .. } | Link::Refusing { silent_at, .. } if *silent_at <= now => {
                self.outputs.push_back(Output::Disconnect);
                self.handle_lost(now, "it has fallen silent".to_owned());
            }
            Link::Waiting { .. } | Link::Connecting { .. } | Link::Open { .. } | Link::Refusing { .. } => {}
        }
    }

    fn connect(&mut self, now: Instant) {
        self.link = Link::Connecting {
            until: now + CONNECT_WITHIN,
        };
        self.outputs.push_back(Output::Connect);
    }

    /// The connection is there.
    pub fn handle_connected(&mut self, now: Instant) {
        self.link = Link::Open {
            silent_at: now + SILENCE_MAX,
            coming: None,
            has_unknown: false,
        };
        let holds = self.held().map(|held| held.position());
        let holds = holds.map(|(epoch, digest)| (epoch.0, digest));
        self.outputs
            .push_back(Output::Send(Message::Hello { holds, tells: true }));
    }

    /// The connection has gone, or never came.
    pub fn handle_lost(&mut self, now: Instant, why: String) {
        let until = match self.link {
            Link::Waiting { .. } => return,
            Link::Refusing { again_at, .. } => again_at,
            Link::Connecting { .. } | Link::Open { .. } => self.next_try(now),
        };
        self.link = Link::Waiting { until };
        self.outputs.push_back(Output::Report(Report::Lost(why)));
    }

    /// The service has sent a message; `is_signed` says whether a signature is that of a statement.
    pub fn handle_message(
        &mut self,
        now: Instant,
        message: Message,
        is_signed: impl FnOnce(&[u8], &[u8]) -> bool,
    ) {
        let (coming, has_unknown) = match &mut self.link {
            Link::Open {
                silent_at,
                coming,
                has_unknown,
            } => {
                *silent_at = now + SILENCE_MAX;
                (coming, has_unknown)
            }
            Link::Refusing { silent_at, .. } => {
                *silent_at = now + SILENCE_MAX;
                return;
            }
            Link::Waiting { .. } | Link::Connecting { .. } => return,
        };
        if let Message::Unknown { kind } = message {
            // Where it belongs to a directory, the signature of that says so.
            if !std::mem::replace(has_unknown, true) {
                let report = Report::UnknownMessage(kind);
                self.outputs.push_back(Output::Report(report));
            }
            return;
        }
        let coming = coming.take();
        if let Err(offence) = self.take(now, message, coming, is_signed) {
            // What is wrong with it will be so again at once.
            self.failures = u32::MAX;
            self.link = Link::Refusing {
                silent_at: now + SILENCE_MAX,
                again_at: self.next_try(now),
            };
            self.outputs.push_back(Output::Report(Report::Refused(offence)));
        }
    }

    fn take(
        &mut self,
        now: Instant,
        message: Message,
        coming: Option<Records>,
        is_signed: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<(), Offence> {
        match (message, coming) {
            (Message::Beat { epoch }, None) => self.confirm(now, epoch),
            (
                Message::Begin {
                    account,
                    epoch,
                    since,
                },
                None,
            ) => {
                let begun = self.begin(account, Epoch(epoch), since)?;
                self.set_coming(begun);
                Ok(())
            }
            (Message::Part { put, remove }, Some(mut records)) => {
                records.apply(Difference {
                    put: put
                        .into_iter()
                        .map(|(key, json)| (key.into(), json.into()))
                        .collect(),
                    remove: remove.into_iter().map(Into::into).collect(),
                });
                if records.len() > RECORDS_MAX {
                    return Err(Offence::TooMany);
                }
                self.set_coming(records);
                Ok(())
            }
            (Message::End { signature }, Some(records)) => {
                let signature = STANDARD.decode(signature).unwrap_or_default();
                self.accept(now, Held::new(records, signature), is_signed)
            }
            _ => Err(Offence::OutOfOrder),
        }
    }

    fn set_coming(&mut self, records: Records) {
        if let Link::Open { coming, .. } = &mut self.link {
            *coming = Some(records);
        }
    }

    fn begin(&self, account: AccountId, epoch: Epoch, since: Option<u64>) -> Result<Records, Offence> {
        let held = self.held().map(|held| held.records());
        if let Some(own) = held.filter(|own| own.account != account) {
            return Err(Offence::OtherAccount {
                own: own.account.clone(),
                offered: account,
            });
        }
        if let Some(own) = held.filter(|own| epoch <= own.epoch) {
            return Err(Offence::NotLater {
                own: own.epoch.0,
                offered: epoch.0,
            });
        }
        match since {
            None => Ok(Records::none(account, epoch)),
            Some(since) => {
                let own = held.filter(|own| own.epoch.0 == since);
                let mut records = own.ok_or(Offence::OutOfOrder)?.clone();
                records.epoch = epoch;
                Ok(records)
            }
        }
    }

    fn confirm(&mut self, now: Instant, epoch: u64) -> Result<(), Offence> {
        if self.held().map(|held| held.records().epoch.0) != Some(epoch) {
            return Err(Offence::OutOfOrder);
        }
        self.refresh(now);
        Ok(())
    }

    fn accept(
        &mut self,
        now: Instant,
        held: Held,
        is_signed: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<(), Offence> {
        if !held.is_signed(is_signed) {
            return Err(Offence::WrongSignature);
        }
        let update = match &mut self.held {
            Some(own) => own.replace(held)?,
            None => {
                let (own, update) = Checked::new(held)?;
                self.held = Some(own);
                update
            }
        };
        self.outputs.push_back(Output::Take(update));
        self.outputs.push_back(Output::Keep);
        self.tell_unknown_kinds();
        self.refresh(now);
        Ok(())
    }

    /// Tells which kinds of records are left out, when they are others than before.
    fn tell_unknown_kinds(&mut self) {
        let unknown = self.held().map(|held| held.records().unknown_kinds());
        let unknown = unknown.unwrap_or_default();
        if unknown == self.unknown_kinds {
            return;
        }
        self.unknown_kinds.clone_from(&unknown);
        if !unknown.is_empty() {
            let report = Report::UnknownRecords(unknown);
            self.outputs.push_back(Output::Report(report));
        }
    }

    fn refresh(&mut self, now: Instant) {
        self.failures = 0;
        self.fresh_at = now;
        self.warn_at = now + STALE_AFTER;
        if std::mem::take(&mut self.is_stale) {
            self.outputs.push_back(Output::Report(Report::Fresh));
        }
    }

    /// When the next attempt is made: after between a half and the whole of a time that doubles with each failure.
    fn next_try(&mut self, now: Instant) -> Instant {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let whole = RETRY_FIRST.saturating_mul(doubled).min(RETRY_LAST);
        self.failures = self.failures.saturating_add(1);
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = u32::try_from((self.random >> 33) % 1_000).unwrap_or_default();
        now + whole / 2 + (whole / 2_000).saturating_mul(share)
    }
}

#[cfg(test)]
mod tests {
    use model::directory::{DigestAlgorithm, Snapshot};

    use super::*;

    fn held(epoch: u64) -> Held {
        let account = "acme".parse().unwrap();
        let mut snapshot = Snapshot::empty(
            account,
            "acme".to_owned(),
            "a.b".to_owned(),
            DigestAlgorithm::Sha256,
        );
        snapshot.epoch = Epoch(epoch);
        Held::new(Records::of(&snapshot), Vec::new())
    }

    #[test]
    fn a_directory_that_a_difference_does_not_lead_to_is_looked_at_whole() {
        let (mut checked, _) = Checked::new(held(3)).unwrap();
        checked.directory = Directory::new("acme".parse().unwrap());

        let update = checked.replace(held(4)).unwrap();

        assert!(matches!(update, Update::Snapshot(_)), "{update:?}");
        assert_eq!(checked.directory.epoch(), Some(Epoch(4)));
        assert_eq!(checked.held.records().epoch, Epoch(4));
        let update = checked.replace(held(5)).unwrap();
        assert!(matches!(update, Update::Change(_)), "{update:?}");
    }
}
