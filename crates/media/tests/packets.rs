//! Octets from the network that are no packets.

use media::rtcp::{Received, Report, SenderInformation, is_rtcp};
use media::rtp::{FIXED_HEADER_LENGTH, Header, Packet};
use media::srtp::{Context, MasterKey, Suite};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::{Index, select};

proptest! {
    #[test]
    fn no_octets_panic_any_reader(bytes in vec(any::<u8>(), 0..200), suite in select(&Suite::ALL[..])) {
        read_everywhere(&bytes, suite);
    }

    #[test]
    fn no_header_of_chance_panics_any_reader(
        first in 0x80..=0xbf_u8,
        second in any::<u8>(),
        rest in vec(any::<u8>(), 0..120),
        suite in select(&Suite::ALL[..]),
    ) {
        read_everywhere(&[&[first, second], rest.as_slice()].concat(), suite);
    }

    #[test]
    fn no_mutation_of_a_report_panics(changes in vec((any::<Index>(), any::<u8>()), 1..6), cut in any::<Index>()) {
        let sender = SenderInformation { ntp_timestamp: 1, rtp_timestamp: 2, packet_count: 3, octet_count: 4 };
        let report =
            Report { ssrc: 5, sender: Some(sender), receptions: &[], canonical_name: "a@b", goodbye: true };
        let mut bytes = Vec::new();
        report.write_to(&mut bytes).unwrap();
        for (position, value) in changes {
            let position = position.index(bytes.len());
            bytes[position] = value;
        }
        Received::parse(&bytes).ok();
        Received::parse(&bytes[..cut.index(bytes.len())]).ok();
    }

    #[test]
    fn a_header_reads_back(
        marker in any::<bool>(), payload_type in 0..128_u8, sequence in any::<u16>(), timestamp in any::<u32>(),
        ssrc in any::<u32>(), payload in vec(any::<u8>(), 0..50),
    ) {
        let header = Header { marker, payload_type, sequence, timestamp, ssrc };
        let bytes = [header.to_bytes().as_slice(), &payload].concat();
        let packet = Packet::parse(&bytes).unwrap();
        prop_assert_eq!(packet.header(), header);
        prop_assert_eq!(packet.payload(), payload);
    }

    #[test]
    fn only_what_was_protected_is_opened(
        payload in vec(any::<u8>(), 0..400), changes in vec((any::<Index>(), any::<u8>()), 0..3),
        suite in select(&Suite::ALL[..]),
    ) {
        let key = key(suite);
        let header = Header { marker: false, payload_type: 0, sequence: 3, timestamp: 4, ssrc: 5 };
        let plain = [header.to_bytes().as_slice(), &payload].concat();
        let mut packet = plain.clone();
        Context::new(&key).protect_rtp(&mut packet).unwrap();
        let sealed = packet.clone();
        for (position, value) in changes {
            let position = position.index(packet.len());
            packet[position] = value;
        }
        let genuine = packet == sealed;
        let opened = Context::new(&key).unprotect_rtp(&mut packet);
        prop_assert_eq!(opened.is_ok(), genuine);
        if let Ok(length) = opened {
            prop_assert!(packet[..length] == plain);
        }
    }
}

fn read_everywhere(bytes: &[u8], suite: Suite) {
    let mut context = Context::new(&key(suite));
    if let Ok(packet) = Packet::parse(bytes) {
        assert!(packet.payload().len() + FIXED_HEADER_LENGTH <= bytes.len());
        assert!(
            packet
                .extension()
                .is_none_or(|(_, data)| data.len() < bytes.len())
        );
        assert!(packet.contributing_sources().count() <= 15);
    }
    if Received::parse(bytes).is_ok() {
        assert!(is_rtcp(bytes));
    }
    assert!(context.unprotect_rtp(&mut bytes.to_vec()).is_err());
    assert!(context.unprotect_rtcp(&mut bytes.to_vec()).is_err());
    context.protect_rtp(&mut bytes.to_vec()).ok();
    context.protect_rtcp(&mut bytes.to_vec()).ok();
}

fn key(suite: Suite) -> MasterKey {
    let octets = vec![9; suite.key_length() + suite.salt_length()];
    MasterKey::new(suite, &octets).expect("the length is the suite's")
}
