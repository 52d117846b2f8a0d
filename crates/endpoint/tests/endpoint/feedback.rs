//! Sound that comes back to where it came from: zones that feed each other.

use std::time::Duration;

use endpoint::{Input, Profile};
use model::config::{MulticastMode, ZoneNumber};
use paging::{Class, Rank};

use crate::multicast::{OTHER, SENDER, is_loud, zone};
use crate::multicast_send::sender;
use crate::world::{TICK, World, address, speech};

const SECOND: Duration = Duration::from_secs(1);
/// Packets of a second of speech, and of what surrounds it in a page.
const PACKETS_OF_A_PAGE: usize = 50;
const PACKETS_MORE: usize = 10;

/// A device that has every zone of the other both to send to and to receive, as far as its mode lets it.
fn device(mode: MulticastMode) -> Profile {
    let mut profile = sender();
    profile.multicast.mode = mode;
    profile.multicast.zones = [1, 3]
        .map(|number| zone(number, Class::Page, Rank::Zone))
        .to_vec();
    profile
}

/// Two devices in one network, which carries every packet to both of them.
struct Ring {
    worlds: [World; 2],
    /// Packets of each that have been carried.
    carried: [usize; 2],
}

impl Ring {
    fn new(modes: [MulticastMode; 2]) -> Self {
        Self {
            worlds: modes.map(|mode| World::sounding(device(mode))),
            carried: [0, 0],
        }
    }

    fn run_for(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / TICK.as_millis() {
            for world in &mut self.worlds {
                world.run_for(TICK);
            }
            for (sender, from) in [SENDER, OTHER].into_iter().enumerate() {
                self.carry(sender, from);
            }
        }
    }

    fn carry(&mut self, sender: usize, from: &str) {
        let sent = &self.worlds[sender].zone_sent[self.carried[sender]..];
        let packets: Vec<_> = sent
            .iter()
            .map(|(_, group, bytes)| (*group, bytes.clone()))
            .collect();
        self.carried[sender] += packets.len();
        for (group, bytes) in packets {
            let zone = ZoneNumber::all()
                .find(|zone| 50_000 + u16::from(zone.get()) == group.port())
                .unwrap();
            for world in &mut self.worlds {
                world.input(Input::Zone {
                    zone,
                    from: address(from),
                    bytes: bytes.clone(),
                });
            }
        }
    }
}

#[test]
fn m06_devices_that_feed_each_others_zones_pass_nothing_on() {
    for (modes, is_sent, is_heard) in [
        ([MulticastMode::Sender, MulticastMode::Receiver], true, true),
        ([MulticastMode::Sender, MulticastMode::Sender], true, false),
        ([MulticastMode::Receiver, MulticastMode::Sender], false, false),
        ([MulticastMode::Receiver, MulticastMode::Receiver], false, false),
    ] {
        let mut ring = Ring::new(modes);
        let page = ring.worlds[0].page("zone-3", &[]);
        ring.worlds[0].speak_page(&page, &speech(SECOND));
        ring.run_for(SECOND + TICK * 5);
        ring.worlds[0].hang_up(page.session);
        ring.run_for(SECOND * 3);

        // The packets of the page, each once, and none from who has only heard them.
        let [of_the_page, passed_on] = ring.carried;
        assert_eq!(passed_on, 0, "{modes:?}");
        assert_eq!(of_the_page >= PACKETS_OF_A_PAGE, is_sent, "{modes:?}");
        assert!(
            of_the_page <= PACKETS_OF_A_PAGE + PACKETS_MORE,
            "{modes:?}: {of_the_page}"
        );
        assert_eq!(is_loud(&ring.worlds[1].played), is_heard, "{modes:?}");
        for world in &ring.worlds {
            assert_eq!(world.what_sounds(), None, "{modes:?}");
        }
    }
}
