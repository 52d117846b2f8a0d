//! Which refusals are written down.
//!
//! Whoever proves nothing is answered, and an administrator wants to read why a device got nothing. But anybody can ask for any
//! device, and what is written goes to the disk. So of one address one try for each device is written down in a while, of each
//! address so many, and of all together so many.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::inventory::MacAddress;
use web::network;

/// After this time everything is written down again.
const WHILE: Duration = Duration::from_secs(60);
/// Devices of one address, on IPv6 of one network: as many as hang on one site's.
const DEVICES_PER_SOURCE_MAX: usize = 200;
/// Devices of all addresses together.
const DEVICES_MAX: usize = 2_000;

/// What was written down of late.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    since: Option<Instant>,
    devices_by_source: BTreeMap<IpAddr, BTreeSet<MacAddress>>,
    devices: usize,
}

impl Refusals {
    /// Says whether the refusal of a device's file to an address is written down, and counts it.
    pub(super) fn is_noted(&mut self, now: Instant, from: IpAddr, mac: MacAddress) -> bool {
        if self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= WHILE)
        {
            *self = Self {
                since: Some(now),
                ..Self::default()
            };
        }
        let devices = self.devices_by_source.entry(network(from)).or_default();
        if self.devices >= DEVICES_MAX || devices.len() >= DEVICES_PER_SOURCE_MAX || !devices.insert(mac) {
            return false;
        }
        self.devices += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(number: usize) -> MacAddress {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        MacAddress::new([2, 0, 0, 0, high, low])
    }

    fn source(number: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()])
    }

    #[test]
    fn one_try_of_a_device_is_written_down_in_a_while() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert!(refusals.is_noted(now, source(1), mac(1)));
        assert!(!refusals.is_noted(now + WHILE - Duration::from_secs(1), source(1), mac(1)));
        assert!(refusals.is_noted(now, source(1), mac(2)), "another device");
        assert!(refusals.is_noted(now, source(2), mac(1)), "another address");
        assert!(refusals.is_noted(now + WHILE, source(1), mac(1)));
    }

    #[test]
    fn so_many_devices_of_an_address_and_not_one_more() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..DEVICES_PER_SOURCE_MAX {
            assert!(refusals.is_noted(now, source(1), mac(number)));
        }
        assert!(!refusals.is_noted(now, source(1), mac(DEVICES_PER_SOURCE_MAX)));
        assert!(refusals.is_noted(now, source(2), mac(0)));
    }

    #[test]
    fn so_many_devices_of_all_addresses_and_not_one_more() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..DEVICES_MAX {
            let from = source(number / DEVICES_PER_SOURCE_MAX);
            assert!(refusals.is_noted(now, from, mac(number)), "{number}");
        }
        assert!(!refusals.is_noted(now, source(200), mac(0)));
    }
}
