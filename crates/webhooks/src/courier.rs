//! Which message is tried when.
//!
//! Each receiver has a queue of its own in the store, and one message of it is under way at a time: so messages come in their order,
//! and a receiver that is slow or away holds up nobody else. A message that fails is tried again by the [`RetryPlan`], then given up,
//! and the next one follows. One that the receiver can never take is given up at once, and a receiver that is no more is sent nothing.
//! What is more urgent may come first at any time between two tries; alerts wait for no message that is to be tried again, only for the
//! try that is under way, or while their receiver has asked for time at one of them: then they rest together, and none of them has been
//! tried by it.
//!
//! ```text
//!             handle_first(message)          handle_timeout
//!   Empty ───────────────────────▶ Due(when) ──────────────▶ UnderWay
//!     ▲                                ▲                        │ handle_answer
//!     └──── handle_first(nothing) ─────┴──── Settled ◀──────────┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::inventory::{Timestamp, WebhookId};

/// Tries under way at a time, of all receivers together: each has a connection.
pub const IN_FLIGHT_MAX: usize = 32;

/// After which time a message is tried again, and when a receiver is sent no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    /// Wait after the first try that failed, after the second, and so on; past the last the message is given up.
    waits: Vec<Duration>,
    /// Tries in a row, whatever message they were of, after which a receiver is sent no more until somebody has looked. An alert that
    /// fails does not bring that about.
    failures_max: u32,
}

/// Why there can be no such plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryPlanError {
    /// There are too many waits.
    #[error("a message is tried again at most {} times", RetryPlan::WAITS_MAX)]
    TooMany,
    /// A wait is too short or too long.
    #[error("a wait is between 1 s and {} s", RetryPlan::WAIT_MAX.as_secs())]
    Wait,
    /// It would stop before the first message.
    #[error("a receiver may fail at least once")]
    Failures,
}

impl RetryPlan {
    /// Tries of one message after its first.
    pub const WAITS_MAX: usize = 16;
    /// Longest wait.
    pub const WAIT_MAX: Duration = Duration::from_secs(24 * 3_600);
    /// For how long an alert is put off at most because its receiver asks for time.
    pub const ALERT_REST_MAX: Duration = Duration::from_secs(60);

    /// Makes a plan.
    ///
    /// # Errors
    ///
    /// When it breaks a limit.
    pub fn new(waits: Vec<Duration>, failures_max: u32) -> Result<Self, RetryPlanError> {
        if waits.len() > Self::WAITS_MAX {
            return Err(RetryPlanError::TooMany);
        }
        if waits
            .iter()
            .any(|wait| *wait < Duration::from_secs(1) || *wait > Self::WAIT_MAX)
        {
            return Err(RetryPlanError::Wait);
        }
        if failures_max == 0 {
            return Err(RetryPlanError::Failures);
        }
        Ok(Self { waits, failures_max })
    }

    /// The wait after the first try that failed, after the second, and so on.
    #[must_use]
    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// Tries in a row that may fail before a receiver is sent no more.
    #[must_use]
    pub const fn failures_max(&self) -> u32 {
        self.failures_max
    }

    /// What follows the try of a message that was tried `tries` times before, at a receiver that has failed `failures` times in a row
    /// before.
    fn after(&self, outcome: &Outcome, head: Head, now: Timestamp) -> After {
        let Outcome::Failed {
            status, retry_after, ..
        } = outcome
        else {
            return After {
                next: Next::Done,
                stops: false,
                alerts_rest: None,
            };
        };
        let is_gone = *status == Some(GONE);
        let before = usize::try_from(head.tries).unwrap_or(usize::MAX);
        let wait = self.waits.get(before).filter(|_| !is_final(*status));
        // Whatever it asks for, it is waited no longer than the plan waits, and no shorter.
        let mut asked = retry_after.unwrap_or_default().min(self.longest());
        if head.is_urgent {
            asked = asked.min(Self::ALERT_REST_MAX);
        }
        let next = match wait {
            Some(wait) => Next::Again {
                at: later(now, asked.max(*wait)),
            },
            None if is_gone => Next::Again { at: now },
            None => Next::GivenUp,
        };
        // Alerts do not wait for each other, so many that fail in one moment say little of their receiver.
        let is_too_often = !head.is_urgent && head.failures.saturating_add(1) >= self.failures_max;
        After {
            next,
            stops: is_gone || is_too_often,
            alerts_rest: retry_after.filter(|_| head.is_urgent).map(|_| later(now, asked)),
        }
    }

    fn longest(&self) -> Duration {
        self.waits.iter().max().copied().unwrap_or_default()
    }

    /// A moment for the next try that may have been set by a clock that went wrong: no later than the longest wait from now.
    fn bounded(&self, at: Timestamp, now: Timestamp) -> Timestamp {
        at.min(later(now, self.longest()))
    }
}

impl Default for RetryPlan {
    /// 10 s, 1 min, 5 min, 30 min, 90 min; a receiver that has failed 30 times, so for some eleven hours, is sent no more.
    fn default() -> Self {
        Self {
            waits: [10, 60, 300, 1_800, 5_400].map(Duration::from_secs).into(),
            failures_max: 30,
        }
    }
}

/// What follows a try.
struct After {
    next: Next,
    stops: bool,
    alerts_rest: Option<Timestamp>,
}

/// The status by which a receiver says that it is no more (RFC 9110 §15.5.11).
const GONE: u16 = 410;

/// Says whether a receiver answers that the message itself is one that it can never take: those behind it do not wait for that. Anything
/// else, a wrong path or a wrong key too, may be mended at the receiver.
fn is_final(status: Option<u16>) -> bool {
    matches!(status, Some(400 | 413 | 422))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    Timestamp(
        now.0
            .saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    )
}

/// The first message of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number in the store.
    pub number: i64,
    /// How often it was tried.
    pub tries: u32,
    /// Tries in a row that have failed at its receiver.
    pub failures: u32,
    /// From when on it may be tried.
    pub not_before: Timestamp,
    /// It is an alert.
    pub is_urgent: bool,
}

/// What a receiver is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The question whether it knows its secret.
    Question,
    /// A message.
    Message(Head),
}

/// How a try has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it, with that status.
    Taken(u16),
    /// It has not.
    Failed {
        /// The status, if it answered.
        status: Option<u16>,
        /// Why, in words.
        cause: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
}

/// What becomes of a message that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is delivered.
    Done,
    /// It is tried again.
    Again {
        /// From then on.
        at: Timestamp,
    },
    /// It is not tried any more.
    GivenUp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask a receiver whether it knows its secret.
    Ask(WebhookId),
    /// Send a message.
    Send {
        /// To whom.
        webhook: WebhookId,
        /// Which.
        number: i64,
    },
    /// Keep whether the receiver knows its secret.
    Proved {
        /// Which.
        webhook: WebhookId,
        /// How the question has ended.
        outcome: Outcome,
    },
    /// Keep what has become of a message.
    Settled {
        /// Whose.
        webhook: WebhookId,
        /// Which.
        number: i64,
        /// How the try has ended.
        outcome: Outcome,
        /// What follows.
        next: Next,
        /// The receiver is sent no more until somebody has looked.
        stops: bool,
        /// Until when the receiver's other alerts rest as well, because it asks for time at this one.
        alerts_rest: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Due { wanted: Wanted, at: Timestamp },
    UnderWay(Wanted),
}

/// Says which message is tried when. It is told what comes first in each queue ([`Courier::handle_first`]), how tries end
/// ([`Courier::handle_answer`]) and the time ([`Courier::handle_timeout`]).
#[derive(Debug)]
pub struct Courier {
    plan: RetryPlan,
    /// Receivers with something to do.
    line_by_webhook: BTreeMap<WebhookId, Line>,
    outputs: VecDeque<Output>,
}

impl Courier {
    /// A courier with nothing to do.
    #[must_use]
    pub const fn new(plan: RetryPlan) -> Self {
        Self {
            plan,
            line_by_webhook: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what comes first for each receiver; those that are not among them have nothing to do. What is under way goes on, and is
    /// settled when it ends.
    pub fn handle_first(&mut self, first: impl IntoIterator<Item = (WebhookId, Wanted)>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.line_by_webhook);
        for (webhook, wanted) in first {
            let line = match before.remove(&webhook) {
                Some(Line::UnderWay(trying)) => Line::UnderWay(trying),
                known => Line::Due {
                    wanted,
                    at: self.due_at(known, wanted, now),
                },
            };
            self.line_by_webhook.insert(webhook, line);
        }
        before.retain(|_, line| matches!(line, Line::UnderWay(_)));
        self.line_by_webhook.append(&mut before);
        self.handle_timeout(now);
    }

    /// When something is due. What was due at a moment before stays so: the bound of a message does not go on with the clock.
    fn due_at(&self, known: Option<Line>, wanted: Wanted, now: Timestamp) -> Timestamp {
        let Wanted::Message(head) = wanted else {
            return now;
        };
        let at = self.plan.bounded(head.not_before, now);
        match known {
            Some(Line::Due {
                wanted: Wanted::Message(before),
                at: before_at,
            }) if (before.number, before.not_before) == (head.number, head.not_before) => at.min(before_at),
            _ => at,
        }
    }

    /// Starts what is due, those that have waited longest first, as far as there is room.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let is_under_way = |line: &&Line| matches!(line, Line::UnderWay(_));
        let under_way = self.line_by_webhook.values().filter(is_under_way).count();
        let mut due: Vec<(Timestamp, WebhookId, Wanted)> = self
            .line_by_webhook
            .iter()
            .filter_map(|(webhook, line)| match line {
                Line::Due { wanted, at } if *at <= now => Some((*at, webhook.clone(), *wanted)),
                Line::Due { .. } | Line::UnderWay(_) => None,
            })
            .collect();
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        for (_, webhook, wanted) in due.into_iter().take(IN_FLIGHT_MAX.saturating_sub(under_way)) {
            self.line_by_webhook
                .insert(webhook.clone(), Line::UnderWay(wanted));
            self.outputs.push_back(match wanted {
                Wanted::Question => Output::Ask(webhook),
                Wanted::Message(Head { number, .. }) => Output::Send { webhook, number },
            });
        }
    }

    /// Takes how the try at a receiver has ended. What it has to do next is told by [`Courier::handle_first`].
    pub fn handle_answer(&mut self, webhook: &WebhookId, outcome: Outcome, now: Timestamp) {
        let Some(Line::UnderWay(wanted)) = self.line_by_webhook.get(webhook).copied() else {
            return;
        };
        self.line_by_webhook.remove(webhook);
        let webhook = webhook.clone();
        self.outputs.push_back(match wanted {
            Wanted::Question => Output::Proved { webhook, outcome },
            Wanted::Message(head) => {
                let After {
                    next,
                    stops,
                    alerts_rest,
                } = self.plan.after(&outcome, head, now);
                Output::Settled {
                    webhook,
                    number: head.number,
                    outcome,
                    next,
                    stops,
                    alerts_rest,
                }
            }
        });
        self.handle_timeout(now);
    }

    /// Takes that what was to be sent is not there any more.
    pub fn handle_gone(&mut self, webhook: &WebhookId, now: Timestamp) {
        self.line_by_webhook.remove(webhook);
        self.handle_timeout(now);
    }

    /// Says whether a try at a receiver has not ended.
    #[must_use]
    pub fn is_under_way(&self, webhook: &WebhookId) -> bool {
        matches!(self.line_by_webhook.get(webhook), Some(Line::UnderWay(_)))
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Courier::handle_timeout`] has something to do. While there is no room, the next answer comes first.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let is_under_way = |line: &&Line| matches!(line, Line::UnderWay(_));
        if self.line_by_webhook.values().filter(is_under_way).count() >= IN_FLIGHT_MAX {
            return None;
        }
        let due = self.line_by_webhook.values().filter_map(|line| match line {
            Line::Due { at, .. } => Some(*at),
            Line::UnderWay(_) => None,
        });
        due.min()
    }
}

#[cfg(test)]
mod tests;
