//! The bounded queue of what is to be written on one connection.
//!
//! An idle connection's queue holds no memory, and a full one ends its connection: an answer that is
//! not read must not become ours to keep.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::byte_budget::ByteBudget;
use super::limits::Limits;
use super::{CloseCause, DialToken, SendError};

/// What the task of a connection takes out of its queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Bytes to write.
    Bytes(Bytes),
    /// Tell the driver that this connection serves one more dial.
    Announce(DialToken),
    /// Write nothing more and end.
    Close(CloseCause),
}

/// The queue; shared between the table of connections and the task of the one.
#[derive(Debug)]
pub(crate) struct Outbox {
    messages_max: usize,
    bytes_max: usize,
    /// The bytes that wait in all queues of one set of transports.
    backlog: Arc<ByteBudget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    /// Sum of the lengths of `messages`.
    bytes: usize,
    announcements: VecDeque<DialToken>,
    close: Option<CloseCause>,
    /// Set by the task at its end: nothing is taken any more.
    is_finished: bool,
    waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits, backlog: &Arc<ByteBudget>) -> Self {
        Self {
            messages_max: limits.queue_messages_max,
            bytes_max: limits.queue_bytes_max,
            backlog: Arc::clone(backlog),
            state: Mutex::default(),
        }
    }

    /// Queues bytes; an overflow closes the connection.
    pub(crate) fn push(&self, bytes: Bytes) -> Result<(), SendError> {
        let mut state = self.lock();
        if state.is_finished || state.close.is_some() {
            return Err(SendError::Closed);
        }
        let fits = state.messages.len() < self.messages_max
            && state.bytes.saturating_add(bytes.len()) <= self.bytes_max
            && self.backlog.take(bytes.len());
        let result = if fits {
            state.bytes += bytes.len();
            state.messages.push_back(bytes);
            Ok(())
        } else {
            self.discard(&mut state);
            state.close = Some(CloseCause::QueueOverflow);
            Err(SendError::Overflow)
        };
        wake(state);
        result
    }

    /// Asks the task to announce `token` as served; false when the connection is ending.
    pub(crate) fn announce(&self, token: DialToken) -> bool {
        let mut state = self.lock();
        if state.is_finished || state.close.is_some() {
            return false;
        }
        state.announcements.push_back(token);
        wake(state);
        true
    }

    /// Asks the task to write what is queued and end.
    pub(crate) fn close(&self, cause: CloseCause) {
        let mut state = self.lock();
        state.close.get_or_insert(cause);
        wake(state);
    }

    /// The next thing to do, in the order announcements, bytes, close.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Item> {
        let mut state = self.lock();
        if let Some(token) = state.announcements.pop_front() {
            return Poll::Ready(Item::Announce(token));
        }
        if let Some(bytes) = state.messages.pop_front() {
            state.bytes = state.bytes.saturating_sub(bytes.len());
            self.backlog.give_back(bytes.len());
            if state.messages.is_empty() {
                state.messages = VecDeque::new();
            }
            return Poll::Ready(Item::Bytes(bytes));
        }
        if let Some(cause) = state.close.clone() {
            return Poll::Ready(Item::Close(cause));
        }
        register(&mut state, context);
        Poll::Pending
    }

    /// Ready when the queue has overflowed; for a task that cannot write at the moment.
    pub(crate) fn poll_overflow(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.close == Some(CloseCause::QueueOverflow) {
            return Poll::Ready(());
        }
        register(&mut state, context);
        Poll::Pending
    }

    /// Ends the queue; gives back the dials that were not announced.
    pub(crate) fn finish(&self) -> VecDeque<DialToken> {
        let mut state = self.lock();
        state.is_finished = true;
        self.discard(&mut state);
        state.waker = None;
        std::mem::take(&mut state.announcements)
    }

    /// Throws away what waits.
    fn discard(&self, state: &mut State) {
        self.backlog.give_back(state.bytes);
        state.messages = VecDeque::new();
        state.bytes = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn register(state: &mut State, context: &Context<'_>) {
    match &mut state.waker {
        Some(waker) => waker.clone_from(context.waker()),
        None => state.waker = Some(context.waker().clone()),
    }
}

impl Drop for Outbox {
    /// A task that is cancelled does not finish its queue.
    fn drop(&mut self) {
        let waiting = self.lock().bytes;
        self.backlog.give_back(waiting);
    }
}

/// Wakes after the lock is given back, so that the task does not run into it.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(messages_max: usize, bytes_max: usize) -> Outbox {
        let limits = Limits {
            queue_messages_max: messages_max,
            queue_bytes_max: bytes_max,
            ..Limits::default()
        };
        Outbox::new(&limits, &ByteBudget::new(limits.queue_bytes_total_max))
    }

    fn poll(outbox: &Outbox) -> Poll<Item> {
        outbox.poll(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn t2_a_queue_takes_its_limit_of_messages_and_one_more_closes_the_connection() {
        let outbox = outbox(2, 1_000);

        assert_eq!(outbox.push(Bytes::from_static(b"a")), Ok(()));
        assert_eq!(outbox.push(Bytes::from_static(b"b")), Ok(()));
        assert_eq!(outbox.push(Bytes::from_static(b"c")), Err(SendError::Overflow));

        assert_eq!(poll(&outbox), Poll::Ready(Item::Close(CloseCause::QueueOverflow)));
        assert_eq!(outbox.push(Bytes::from_static(b"d")), Err(SendError::Closed));
    }

    #[test]
    fn t2_a_queue_takes_its_limit_of_bytes_and_not_one_more() {
        let outbox = outbox(100, 4);

        assert_eq!(outbox.push(Bytes::from_static(b"four")), Ok(()));
        assert_eq!(outbox.push(Bytes::from_static(b"5")), Err(SendError::Overflow));
    }

    #[test]
    fn all_queues_together_take_their_limit_and_not_one_more() {
        let limits = Limits {
            queue_bytes_total_max: 8,
            ..Limits::default()
        };
        let backlog = ByteBudget::new(limits.queue_bytes_total_max);
        let (one, other) = (Outbox::new(&limits, &backlog), Outbox::new(&limits, &backlog));
        assert_eq!(one.push(Bytes::from_static(b"four")), Ok(()));
        assert_eq!(other.push(Bytes::from_static(b"four")), Ok(()));

        assert_eq!(one.push(Bytes::from_static(b"5")), Err(SendError::Overflow));

        assert_eq!(
            other.push(Bytes::from_static(b"more")),
            Ok(()),
            "the closed one gave its bytes back"
        );
        drop(other);
        one.finish();
        assert_eq!(backlog.held(), 0);
    }

    #[test]
    fn taking_out_makes_room() {
        let outbox = outbox(1, 4);
        assert_eq!(outbox.push(Bytes::from_static(b"four")), Ok(()));

        assert_eq!(
            poll(&outbox),
            Poll::Ready(Item::Bytes(Bytes::from_static(b"four")))
        );

        assert_eq!(outbox.push(Bytes::from_static(b"more")), Ok(()));
    }

    #[test]
    fn a_close_lets_the_queue_be_written_first() {
        let outbox = outbox(8, 100);
        assert_eq!(outbox.push(Bytes::from_static(b"400")), Ok(()));

        outbox.close(CloseCause::Local);

        assert_eq!(
            poll(&outbox),
            Poll::Ready(Item::Bytes(Bytes::from_static(b"400")))
        );
        assert_eq!(poll(&outbox), Poll::Ready(Item::Close(CloseCause::Local)));
    }

    #[test]
    fn an_unannounced_dial_is_given_back_at_the_end() {
        let outbox = outbox(8, 100);
        assert!(outbox.announce(DialToken(7)));

        assert_eq!(outbox.finish(), VecDeque::from([DialToken(7)]));
        assert!(!outbox.announce(DialToken(8)));
    }
}
