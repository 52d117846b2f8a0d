//! When a device counts as up or down, and is told of.
//!
//! A device is up while one of its extensions is registered. It is told to be up at once, and to be down when it has not been up for
//! [`DOWN_AFTER`]: a connection that is renewed, or a zone that is started again, is nobody's trouble.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::DeviceId;
use model::inventory::Timestamp;

/// How long a device has to be away to be told of.
pub const DOWN_AFTER: Duration = Duration::from_secs(60);
/// The same for a device that has not been seen since the start: it is known to be registered from its next refresh on, which devices do
/// within the hour.
pub const START_GRACE: Duration = Duration::from_secs(3_700);

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of which device.
    pub device: DeviceId,
    /// It is up, or it is down.
    pub is_up: bool,
    /// Since when.
    pub since: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// What was told last, if anything was.
    told_up: bool,
    /// Since when it is away, and when that is to be told.
    away: Option<(Timestamp, Timestamp)>,
}

/// Devices of one account.
#[derive(Debug, Default)]
pub struct Presence {
    known_by_device: BTreeMap<DeviceId, Known>,
    outputs: VecDeque<Told>,
}

impl Presence {
    /// What was told before the start.
    #[must_use]
    pub fn new(told: impl IntoIterator<Item = (DeviceId, bool)>, now: Timestamp) -> Self {
        let known = |told_up: bool| Known {
            told_up,
            away: told_up.then(|| (now, later(now, START_GRACE))),
        };
        Self {
            known_by_device: told.into_iter().map(|(device, up)| (device, known(up))).collect(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes all devices there are, and whether each has an extension that is registered.
    pub fn handle_seen(&mut self, seen: &BTreeMap<DeviceId, bool>, now: Timestamp) {
        self.known_by_device.retain(|device, _| seen.contains_key(device));
        for (device, is_up) in seen {
            let known = self.known_by_device.entry(device.clone()).or_insert(Known {
                told_up: false,
                away: None,
            });
            match (known.told_up, is_up) {
                (true, true) => known.away = None,
                (true, false) => {
                    known.away.get_or_insert((now, later(now, DOWN_AFTER)));
                }
                (false, true) => {
                    known.told_up = true;
                    self.outputs.push_back(Told {
                        device: device.clone(),
                        is_up: true,
                        since: now,
                    });
                }
                (false, false) => {}
            }
        }
        self.handle_timeout(now);
    }

    /// Tells of those that have been away for long enough.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        for (device, known) in &mut self.known_by_device {
            let Some((since, _)) = known.away.filter(|(_, until)| *until <= now) else {
                continue;
            };
            *known = Known {
                told_up: false,
                away: None,
            };
            self.outputs.push_back(Told {
                device: device.clone(),
                is_up: false,
                since,
            });
        }
    }

    /// What is to be told next.
    pub fn poll_output(&mut self) -> Option<Told> {
        self.outputs.pop_front()
    }

    /// When [`Presence::handle_timeout`] has something to tell.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let away = self.known_by_device.values().filter_map(|known| known.away);
        away.map(|(_, until)| until).min()
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.after_seconds(wait.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn hall() -> DeviceId {
        DeviceId::from_random(1)
    }

    fn seen(is_up: bool) -> BTreeMap<DeviceId, bool> {
        BTreeMap::from([(hall(), is_up)])
    }

    fn told(presence: &mut Presence) -> Vec<(bool, Timestamp)> {
        std::iter::from_fn(|| presence.poll_output())
            .map(|told| (told.is_up, told.since))
            .collect()
    }

    #[test]
    fn a_device_is_up_at_once_and_down_when_it_stays_away() {
        let mut presence = Presence::default();
        presence.handle_seen(&seen(false), NOW);
        assert_eq!(told(&mut presence), []);
        presence.handle_seen(&seen(true), NOW);
        presence.handle_seen(&seen(true), NOW.after_seconds(1));
        assert_eq!(told(&mut presence), [(true, NOW)]);

        let gone = NOW.after_seconds(10);
        presence.handle_seen(&seen(false), gone);
        presence.handle_seen(&seen(true), NOW.after_seconds(69));
        assert_eq!(presence.next_timeout(), None);
        presence.handle_seen(&seen(false), gone);
        presence.handle_seen(&seen(false), NOW.after_seconds(30));
        assert_eq!(presence.next_timeout(), Some(NOW.after_seconds(70)));
        presence.handle_timeout(Timestamp(NOW.after_seconds(70).0 - 1));
        assert_eq!(told(&mut presence), []);
        presence.handle_timeout(NOW.after_seconds(70));
        assert_eq!(told(&mut presence), [(false, gone)]);
        presence.handle_seen(&seen(true), NOW.after_seconds(80));
        assert_eq!(told(&mut presence), [(true, NOW.after_seconds(80))]);
    }

    #[test]
    fn after_a_start_nothing_is_told_twice_and_whoever_does_not_come_back_is_down() {
        let mut presence = Presence::new([(hall(), true)], NOW);
        presence.handle_seen(&seen(false), NOW);
        assert_eq!(presence.next_timeout(), Some(NOW.after_seconds(3_700)));
        let mut other = Presence::new([(hall(), true)], NOW);
        other.handle_seen(&seen(true), NOW.after_seconds(600));
        assert_eq!((told(&mut other), other.next_timeout()), (vec![], None));
        presence.handle_timeout(NOW.after_seconds(3_700));
        assert_eq!(told(&mut presence), [(false, NOW)]);
    }

    #[test]
    fn a_device_that_was_removed_is_forgotten() {
        let mut presence = Presence::new([(hall(), true)], NOW);
        presence.handle_seen(&BTreeMap::new(), NOW);
        presence.handle_timeout(NOW.after_seconds(9_999));
        assert_eq!((told(&mut presence), presence.next_timeout()), (vec![], None));
    }
}
