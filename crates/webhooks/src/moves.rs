//! When another zone serves a device.
//!
//! A device may be registered at several zones at once. It is served by the one that it was seen at first; when it is registered there no
//! longer, and at another it is, it has moved. Where it was is not known past the end of the process.

use std::collections::{BTreeMap, BTreeSet};

use model::DeviceId;

/// A device that has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub device: DeviceId,
    /// The zone that served it.
    pub from: String,
    /// The one that does.
    pub to: String,
}

/// Which zone serves each device of one account.
#[derive(Debug, Default)]
pub struct Moves {
    zone_by_device: BTreeMap<DeviceId, String>,
}

impl Moves {
    /// Takes all devices there are, each with the zones that it is registered at; gives those that have moved.
    pub fn handle_seen(&mut self, seen: &BTreeMap<DeviceId, BTreeSet<String>>) -> Vec<Moved> {
        self.zone_by_device.retain(|device, _| seen.contains_key(device));
        let mut moved = Vec::new();
        for (device, zones) in seen {
            let Some(first) = zones.first() else { continue };
            match self.zone_by_device.get_mut(device) {
                None => {
                    self.zone_by_device.insert(device.clone(), first.clone());
                }
                Some(served_by) if zones.contains(served_by) => {}
                Some(served_by) => moved.push(Moved {
                    device: device.clone(),
                    from: std::mem::replace(served_by, first.clone()),
                    to: first.clone(),
                }),
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves_of(steps: &[&[&str]]) -> Vec<(String, String)> {
        let mut moves = Moves::default();
        let mut moved = Vec::new();
        for zones in steps {
            let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
            let seen = BTreeMap::from([(DeviceId::from_random(1), zones)]);
            moved.extend(moves.handle_seen(&seen).into_iter().map(|one| (one.from, one.to)));
        }
        moved
    }

    #[test]
    fn a_device_moves_when_the_zone_that_served_it_does_no_longer_and_another_does() {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        assert_eq!(moves_of(&[&["a"], &["a", "b"], &["b"]]), [(a.clone(), b.clone())]);
        assert_eq!(
            moves_of(&[&["a"], &[], &["b"], &["a", "b"], &["a"]]),
            [(a.clone(), b.clone()), (b, a)]
        );
    }

    #[test]
    fn a_device_that_is_away_and_comes_back_has_not_moved() {
        assert_eq!(moves_of(&[&["b"], &[], &["a", "b"], &["b"]]), []);
    }

    #[test]
    fn a_device_that_was_removed_is_forgotten() {
        let mut moves = Moves::default();
        let seen = BTreeMap::from([(DeviceId::from_random(1), BTreeSet::from(["a".to_owned()]))]);
        moves.handle_seen(&seen);
        moves.handle_seen(&BTreeMap::new());
        assert!(moves.zone_by_device.is_empty());
    }
}
