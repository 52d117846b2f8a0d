//! What is going to happen, in the order of time; what happens at one instant, in the order it was entered.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Instant;

use endpoint::ConnectToken;
use media::bridge::{self, LegId};
use sip::flow::Flow;
use sip::locate::Query;

use crate::network::{Direction, StreamId};
use crate::plan::Act;
use crate::station::Incarnation;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A datagram arrives.
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Something arrives on a stream.
    Stream { stream: StreamId, event: StreamEvent },
    /// An attempt to use a datagram socket succeeds, as it always does.
    SocketReady {
        station: Incarnation,
        token: ConnectToken,
        flow: Flow,
    },
    /// A connection attempt has had no answer for as long as a shell waits.
    DialOverdue { stream: StreamId },
    /// The resolver answers, or fails to.
    Resolved {
        station: Incarnation,
        query: Query,
        fails: bool,
    },
    /// A station's core wants to be called.
    WakeStation(Incarnation),
    /// The zone's core wants to be called.
    WakeZone(u32),
    /// The zone's bridge wants to be called.
    WakePlane(u32),
    /// The ports of a leg are open.
    LegOpened { zone: u32, leg: LegId },
    /// The bridge's report reaches the zone's core.
    BridgeReport { zone: u32, event: bridge::Event },
    /// A sink takes a period of sound.
    SinkPeriod(Incarnation),
    /// A talker has a period of speech.
    Speech(Incarnation),
    /// The plan has something for this moment.
    Act(Act),
}

/// What arrives on a stream.
#[derive(Debug)]
pub(crate) enum StreamEvent {
    /// A connection attempt arrives at the zone.
    Dialled,
    /// The station learns that its connection stands.
    Accepted,
    /// The station learns that nothing listens.
    Refused,
    /// Octets.
    Octets { direction: Direction, bytes: Vec<u8> },
    /// The end of the stream, orderly or not.
    Ended { direction: Direction },
    /// The system gives up a stream whose octets are not acknowledged. The direction is that of the octets.
    GivenUp { direction: Direction },
}

/// All that is going to happen.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    number: u64,
    event: Event,
}

impl Agenda {
    /// Enters an event.
    pub(crate) fn add(&mut self, at: Instant, event: Event) {
        self.entered += 1;
        self.entries.push(Reverse(Entry {
            at,
            number: self.entered,
            event,
        }));
    }

    /// Takes out the next event.
    pub(crate) fn pop(&mut self) -> Option<(Instant, Event)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_of_entry() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut agenda = Agenda::default();
        agenda.add(later, Event::WakeZone(1));
        agenda.add(start, Event::WakeZone(2));
        agenda.add(start, Event::WakeZone(3));

        let order: Vec<u32> = std::iter::from_fn(|| agenda.pop())
            .filter_map(|(_, event)| match event {
                Event::WakeZone(number) => Some(number),
                _ => None,
            })
            .collect();

        assert_eq!(order, [2, 3, 1]);
    }
}
