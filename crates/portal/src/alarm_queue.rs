//! Alarms of one kind on their way into the store. Whoever raises one waits for nothing and hears of it no more: it is kept as soon as that
//! is possible, and one a minute, for of a flood nobody reads each wave. What does not fit among those that wait is not told.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use model::inventory::{AuditEntry, Timestamp};
use store::{Store, timestamp};

use crate::alarms::{AGAIN_MS, raise};

/// Alarms that wait; whoever comes past these is not named.
const WAITING_MAX: usize = 20;
/// The pause after each: what is a minute old to the millisecond silences yet.
const PAUSE: Duration = Duration::from_millis(AGAIN_MS + 1);

/// The alarms of one kind; clones are the same queue.
#[derive(Clone)]
pub struct AlarmQueue(Arc<Shared>);

struct Shared {
    /// What has to be told outlives no service.
    store: Weak<Store>,
    by: &'static str,
    action: &'static str,
    queue: Mutex<Queue>,
}

/// An alarm that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    at: Timestamp,
    detail: String,
    /// The name that somebody has used, by which the device is found that it is about.
    name: Option<String>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    is_being_told: bool,
}

impl Queue {
    /// Takes an alarm in, unless one that says the same waits, or too many do; says whether somebody has to begin to tell.
    fn push(&mut self, alarm: Waiting) -> bool {
        if self.waiting.len() < WAITING_MAX && !self.has(&alarm) {
            self.waiting.push_back(alarm);
        }
        !std::mem::replace(&mut self.is_being_told, true)
    }

    /// Takes in, before all others and however many there are, what says the same each time.
    fn push_first(&mut self, alarm: Waiting) -> bool {
        if !self.has(&alarm) {
            self.waiting.push_front(alarm);
        }
        !std::mem::replace(&mut self.is_being_told, true)
    }

    fn has(&self, alarm: &Waiting) -> bool {
        self.waiting.iter().any(|other| other.detail == alarm.detail)
    }

    /// The next to be told; whoever gets none has told all.
    fn take(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front();
        self.is_being_told = next.is_some();
        next
    }

    /// Puts back what could not be kept.
    fn put_back(&mut self, alarm: Waiting) {
        self.waiting.push_front(alarm);
    }
}

impl AlarmQueue {
    /// The queue of a kind of alarms, which a part of the service raises.
    #[must_use]
    pub fn new(store: &Arc<Store>, by: &'static str, action: &'static str) -> Self {
        Self(Arc::new(Shared {
            store: Arc::downgrade(store),
            by,
            action,
            queue: Mutex::default(),
        }))
    }

    /// Raises an alarm of wrong tries, the last from an address.
    pub fn raise_guessed(&self, from: IpAddr) {
        let detail = format!("last from {}", from.to_canonical());
        self.raise(timestamp(SystemTime::now()), detail);
    }

    /// Raises an alarm of whoever has used a name of a device, or one that might be.
    pub fn raise_of_name(&self, at: Timestamp, name: &str, detail: String) {
        let alarm = Waiting {
            at,
            detail,
            name: Some(name.to_owned()),
        };
        let begins = self.queue().push(alarm);
        self.begin(begins);
    }

    /// Raises an alarm.
    pub(crate) fn raise(&self, at: Timestamp, detail: String) {
        let name = None;
        let begins = self.queue().push(Waiting { at, detail, name });
        self.begin(begins);
    }

    /// Raises an alarm before all that wait. It says the same each time.
    pub(crate) fn raise_first(&self, at: Timestamp, detail: String) {
        let name = None;
        let begins = self.queue().push_first(Waiting { at, detail, name });
        self.begin(begins);
    }

    fn begin(&self, begins: bool) {
        if begins {
            tokio::spawn(self.clone().tell());
        }
    }

    async fn tell(self) {
        loop {
            let Some(alarm) = self.queue().take() else {
                return;
            };
            let Some(store) = self.0.store.upgrade() else {
                return;
            };
            let entry = AuditEntry {
                at: alarm.at,
                by: self.0.by.to_owned(),
                action: self.0.action.to_owned(),
                detail: alarm.detail.clone(),
            };
            let now = timestamp(SystemTime::now());
            let is_kept = raise(&store, &entry, alarm.name.as_deref(), now).await;
            drop(store);
            if !is_kept {
                self.queue().put_back(alarm);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AlarmQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AlarmQueue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::GUESSED;
    use crate::alarms::tests::{account, opened};

    fn alarm(number: usize) -> Waiting {
        Waiting {
            at: Timestamp(0),
            detail: format!("from 192.0.2.{number}"),
            name: None,
        }
    }

    /// What is told, in order.
    fn told(mut queue: Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.take().map(|alarm| alarm.detail)).collect()
    }

    #[test]
    fn a01_p01_so_many_alarms_wait_each_once_and_not_one_more() {
        let mut queue = Queue::default();
        for number in 0..=WAITING_MAX {
            queue.push(alarm(number));
            queue.push(alarm(number));
        }

        let expected = (0..WAITING_MAX).map(|number| alarm(number).detail);
        assert_eq!(told(queue), expected.collect::<Vec<_>>());
    }

    #[test]
    fn p01_one_of_many_together_goes_first_once_however_many_wait() {
        let mut queue = Queue::default();
        for number in 0..WAITING_MAX {
            queue.push(alarm(number));
        }
        for _ in 0..2 {
            queue.push_first(alarm(99));
        }

        let told = told(queue);
        assert_eq!((told.len(), &told[0]), (WAITING_MAX + 1, &alarm(99).detail));
    }

    #[test]
    fn somebody_begins_to_tell_once_until_all_is_told() {
        let mut queue = Queue::default();
        for _ in 0..2 {
            assert!(queue.push(alarm(1)));
            assert!(!queue.push(alarm(2)));
            assert!(!queue.push_first(alarm(3)));
            let first = queue.take().unwrap();
            queue.put_back(first.clone());
            assert_eq!(queue.take(), Some(first));
            while queue.take().is_some() {}
        }
    }

    /// What is kept, the last first.
    async fn kept(store: &Store) -> Vec<String> {
        let mut reading = store.read().await.unwrap();
        let kept = reading.account(&account().id).audit(9).await.unwrap();
        kept.into_iter().map(|entry| entry.detail).collect()
    }

    /// Has the time of timers pass until so much is kept.
    async fn kept_later(store: &Store, count: usize) -> Vec<String> {
        loop {
            let kept = kept(store).await;
            if kept.len() == count {
                return kept;
            }
            tokio::time::pause();
            tokio::time::advance(PAUSE).await;
            tokio::time::resume();
        }
    }

    /// A moment of so many minutes ago, and some more.
    fn ago(minutes: u64) -> Timestamp {
        let now = timestamp(SystemTime::now());
        Timestamp(now.0 - (minutes + 1) * AGAIN_MS)
    }

    #[tokio::test]
    async fn a01_of_those_who_wait_each_is_told_though_nothing_comes_after_them() {
        let (_folder, store) = opened().await;
        let store = Arc::new(store);
        let queue = AlarmQueue::new(&store, "portal", GUESSED);
        // As two parts of the service do that have the same queue.
        let same = queue.clone();
        queue.raise(ago(3), "the first".to_owned());
        same.raise(ago(2), "the second".to_owned());
        queue.raise(ago(1), "the third".to_owned());
        while kept(&store).await.is_empty() {}
        assert_eq!(kept(&store).await, ["the first"], "one a minute");

        let all = kept_later(&store, 3).await;

        assert_eq!(all, ["the third", "the second", "the first"]);
    }

    #[tokio::test]
    async fn a01_what_cannot_be_kept_is_tried_again_a_minute_later() {
        let (_folder, store) = opened().await;
        let store = Arc::new(store);
        let queue = AlarmQueue::new(&store, "portal", GUESSED);
        let turn = store.write().await.unwrap();
        tokio::time::pause();
        queue.raise(ago(1), "it".to_owned());
        while !queue.queue().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        // Nothing but the turn of writers is waited for.
        while queue.queue().waiting.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::resume();
        drop(turn);

        assert_eq!(kept_later(&store, 1).await, ["it"]);
    }
}
