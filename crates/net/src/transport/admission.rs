//! Who may open a connection, and who may be in a TLS handshake: places in total and per source.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sip::flow::Source;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;

/// Counts the accepted connections.
#[derive(Debug)]
pub(crate) struct Admission {
    connections_max: usize,
    connections_per_source_max: usize,
    handshakes_per_source_max: usize,
    handshakes: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    connections: usize,
    by_source: HashMap<Source, HeldBySource>,
}

#[derive(Debug)]
struct HeldBySource {
    connections: usize,
    handshakes: Arc<Semaphore>,
}

/// Why a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// All places are taken.
    Full,
    /// The places of one source are taken.
    SourceFull,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            connections_max: limits.connections_max,
            connections_per_source_max: limits.connections_per_source_max,
            handshakes_per_source_max: limits.handshakes_per_source_max,
            handshakes: Arc::new(Semaphore::new(limits.handshakes_max)),
            held: Mutex::default(),
        })
    }

    /// Takes a place for a connection; dropping the place gives it back.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refused> {
        let source = Source::of(address);
        let mut held = self.lock();
        if held.connections >= self.connections_max {
            return Err(Refused::Full);
        }
        let by_source = held.by_source.entry(source).or_insert_with(|| HeldBySource {
            connections: 0,
            handshakes: Arc::new(Semaphore::new(self.handshakes_per_source_max)),
        });
        if by_source.connections >= self.connections_per_source_max {
            return Err(Refused::SourceFull);
        }
        by_source.connections += 1;
        let handshakes_of_source = Arc::clone(&by_source.handshakes);
        held.connections += 1;
        Ok(Place {
            admission: Arc::clone(self),
            source,
            handshakes_of_source,
        })
    }

    fn release(&self, source: Source) {
        let mut held = self.lock();
        held.connections = held.connections.saturating_sub(1);
        if let Some(by_source) = held.by_source.get_mut(&source) {
            by_source.connections = by_source.connections.saturating_sub(1);
            if by_source.connections == 0 {
                held.by_source.remove(&source);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    source: Source,
    handshakes_of_source: Arc<Semaphore>,
}

impl Place {
    /// Waits for a place among the handshakes: first those of the source, so that a source which waits
    /// holds none of the places of all.
    pub(crate) async fn handshake(&self) -> Option<HandshakePlace> {
        let of_source = Arc::clone(&self.handshakes_of_source)
            .acquire_owned()
            .await
            .ok()?;
        let of_all = Arc::clone(&self.admission.handshakes)
            .acquire_owned()
            .await
            .ok()?;
        Some(HandshakePlace {
            _of_source: of_source,
            _of_all: of_all,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.release(self.source);
    }
}

/// The place of one handshake; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct HandshakePlace {
    _of_source: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn admission(limits: &Limits) -> Arc<Admission> {
        Admission::new(limits)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn w07_a_source_gets_its_places_and_not_one_more_and_others_still_get_theirs() {
        let admission = admission(&Limits {
            connections_per_source_max: 2,
            ..Limits::default()
        });
        let first = admission.admit(address(1));
        let second = admission.admit(address(1));

        assert_eq!(admission.admit(address(1)).err(), Some(Refused::SourceFull));
        assert!(admission.admit(address(2)).is_ok());

        drop(first);
        assert!(admission.admit(address(1)).is_ok());
        drop(second);
    }

    #[test]
    fn w07_twenty_thousand_half_open_connections_are_capped_and_others_are_let_in() {
        let admission = admission(&Limits::default());

        let half_open: Vec<_> = (0..20_000)
            .filter_map(|_| admission.admit(address(1)).ok())
            .collect();

        assert_eq!(half_open.len(), Limits::default().connections_per_source_max);
        assert!(admission.admit(address(2)).is_ok());
    }

    #[test]
    fn all_places_together_are_limited() {
        let admission = admission(&Limits {
            connections_max: 2,
            ..Limits::default()
        });
        let first = admission.admit(address(1));
        let second = admission.admit(address(2));

        assert_eq!(admission.admit(address(3)).err(), Some(Refused::Full));

        drop((first, second));
        assert!(admission.admit(address(3)).is_ok());
    }

    #[test]
    fn the_table_forgets_a_source_without_connections() {
        let admission = admission(&Limits::default());

        drop(admission.admit(address(1)));

        assert!(admission.lock().by_source.is_empty());
    }

    #[test]
    fn t4_a_source_waiting_for_its_handshakes_holds_no_place_of_the_others() {
        let limits = Limits {
            handshakes_max: 2,
            handshakes_per_source_max: 1,
            ..Limits::default()
        };
        let admission = admission(&limits);
        let greedy = admission.admit(address(1)).unwrap();
        let other = admission.admit(address(2)).unwrap();

        let first = poll_once(greedy.handshake());
        let waiting = poll_once(greedy.handshake());
        let others = poll_once(other.handshake());

        assert!(matches!(first, Poll::Ready(Some(_))));
        assert!(waiting.is_pending());
        assert!(matches!(others, Poll::Ready(Some(_))));
    }

    #[test]
    fn t4_all_handshakes_together_are_limited() {
        let admission = admission(&Limits {
            handshakes_max: 1,
            ..Limits::default()
        });
        let one = admission.admit(address(1)).unwrap();
        let other = admission.admit(address(2)).unwrap();

        let first = poll_once(one.handshake());
        assert!(poll_once(other.handshake()).is_pending());

        drop(first);
        assert!(poll_once(other.handshake()).is_ready());
    }

    fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }
}
