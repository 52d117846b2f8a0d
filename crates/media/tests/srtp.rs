//! SRTP and SRTCP as an attacker and a bad network see them, in every suite.

use media::rtp::Header;
use media::srtp::{Context, MasterKey, PACKET_LENGTH_MAX, REPLAY_WINDOW, STREAMS_MAX, SrtpError, Suite};

const SSRC: u32 = 0x0102_0304;

#[test]
fn what_one_side_protects_the_other_reads() {
    for (mut sender, mut receiver) in all_pairs() {
        for length in [0, 1, 15, 16, 17, 160, 255, 256, 257, 1_200] {
            let plain = rtp(u16::try_from(length).unwrap(), length);
            let mut packet = sender.sealed_rtp(&plain);
            assert_ne!(packet, plain);
            assert_eq!(receiver.opened_rtp(&mut packet), Ok(plain));

            let plain = rtcp(length / 4 * 4);
            let mut packet = sender.sealed_rtcp(&plain);
            assert_eq!(receiver.opened_rtcp(&mut packet), Ok(plain));
        }
    }
}

#[test]
fn sources_and_extensions_stay_readable_and_authenticated() {
    for (mut sender, mut receiver) in all_pairs() {
        let mut plain = rtp(1, 0);
        plain[0] |= 0x12;
        plain.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        plain.extend_from_slice(b"voice");

        let sealed = sender.sealed_rtp(&plain);

        assert_eq!(sealed[..28], plain[..28]);
        assert_ne!(sealed[28..33], plain[28..]);
        for position in 12..28 {
            let mut tampered = sealed.clone();
            tampered[position] ^= 1;
            assert!(receiver.opened_rtp(&mut tampered).is_err());
        }
        assert_eq!(receiver.opened_rtp(&mut sealed.clone()), Ok(plain));
    }
}

#[test]
fn a_replay_is_refused_however_late() {
    for (mut sender, mut receiver) in all_pairs() {
        let first = sender.sealed_rtp(&rtp(1, 20));
        assert!(receiver.opened_rtp(&mut first.clone()).is_ok());
        assert_eq!(receiver.opened_rtp(&mut first.clone()), Err(SrtpError::Replayed));
        for sequence in 2..=128 {
            receiver
                .opened_rtp(&mut sender.sealed_rtp(&rtp(sequence, 20)))
                .unwrap();
            assert_eq!(receiver.opened_rtp(&mut first.clone()), Err(SrtpError::Replayed));
        }
        receiver
            .opened_rtp(&mut sender.sealed_rtp(&rtp(129, 20)))
            .unwrap();
        assert_eq!(receiver.opened_rtp(&mut first.clone()), Err(SrtpError::TooOld));

        let control = sender.sealed_rtcp(&rtcp(20));
        assert!(receiver.opened_rtcp(&mut control.clone()).is_ok());
        assert_eq!(
            receiver.opened_rtcp(&mut control.clone()),
            Err(SrtpError::Replayed)
        );
    }
}

#[test]
fn packets_out_of_order_are_accepted_once_within_the_window() {
    for (mut sender, mut receiver) in all_pairs() {
        let window = u16::try_from(REPLAY_WINDOW).unwrap();
        let mut packets: Vec<_> = (0..window)
            .map(|sequence| sender.sealed_rtp(&rtp(sequence, 20)))
            .collect();
        packets.reverse();
        for packet in &packets {
            assert!(receiver.opened_rtp(&mut packet.clone()).is_ok());
        }
        for packet in &packets {
            assert_eq!(receiver.opened_rtp(&mut packet.clone()), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn the_rollover_counter_follows_two_wraps_with_losses_and_reordering() {
    for (mut sender, mut receiver) in all_pairs() {
        let sequences = [
            65_000, 65_535, 0, 2, 65_534, 1, 20_000, 50_000, 65_500, 60, 65_501,
        ];
        for sequence in sequences {
            let plain = rtp(sequence, 20);
            assert_eq!(
                receiver.opened_rtp(&mut sender.sealed_rtp(&plain)),
                Ok(plain),
                "{sequence}"
            );
        }
    }
}

#[test]
fn a_changed_octet_anywhere_is_noticed_and_changes_nothing() {
    for (mut sender, mut receiver) in all_pairs() {
        let plain = rtp(7, 33);
        let sealed = sender.sealed_rtp(&plain);
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut tampered = sealed.clone();
                tampered[position] ^= 1 << bit;
                assert!(receiver.opened_rtp(&mut tampered).is_err(), "octet {position}");
            }
        }
        assert_eq!(receiver.opened_rtp(&mut sealed.clone()), Ok(plain));

        let plain = rtcp(32);
        let sealed = sender.sealed_rtcp(&plain);
        for position in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[position] ^= 0x01;
            assert!(receiver.opened_rtcp(&mut tampered).is_err(), "octet {position}");
        }
        assert_eq!(receiver.opened_rtcp(&mut sealed.clone()), Ok(plain));
    }
}

#[test]
fn a_packet_cut_at_any_length_is_refused() {
    for (mut sender, mut receiver) in all_pairs() {
        let sealed = sender.sealed_rtp(&rtp(7, 40));
        for length in 0..sealed.len() {
            assert!(
                receiver.opened_rtp(&mut sealed[..length].to_vec()).is_err(),
                "{length}"
            );
        }
        let sealed = sender.sealed_rtcp(&rtcp(40));
        for length in 0..sealed.len() {
            assert!(
                receiver.opened_rtcp(&mut sealed[..length].to_vec()).is_err(),
                "{length}"
            );
        }
    }
}

#[test]
fn another_key_opens_nothing() {
    for suite in Suite::ALL {
        let mut sender = context(suite, 1);
        let mut receiver = context(suite, 2);
        let mut packet = sender.sealed_rtp(&rtp(0, 160));
        assert_eq!(receiver.opened_rtp(&mut packet), Err(SrtpError::Authentication));
        let mut packet = sender.sealed_rtcp(&rtcp(20));
        assert_eq!(receiver.opened_rtcp(&mut packet), Err(SrtpError::Authentication));
    }
}

#[test]
fn a_packet_of_one_stream_is_none_of_another() {
    for (mut sender, mut receiver) in all_pairs() {
        let mut packet = sender.sealed_rtp(&rtp(0, 160));
        packet[8] ^= 0x80;
        assert_eq!(receiver.opened_rtp(&mut packet), Err(SrtpError::Authentication));
    }
}

#[test]
fn a_forged_packet_far_ahead_does_not_move_the_rollover_counter() {
    for (mut sender, mut receiver) in all_pairs() {
        receiver
            .opened_rtp(&mut sender.sealed_rtp(&rtp(40_000, 20)))
            .unwrap();
        for sequence in [1, 65_535, 7_000] {
            let mut forged = rtp(sequence, 40);
            assert_eq!(receiver.opened_rtp(&mut forged), Err(SrtpError::Authentication));
        }
        assert!(
            receiver
                .opened_rtp(&mut sender.sealed_rtp(&rtp(40_001, 20)))
                .is_ok()
        );
    }
}

#[test]
fn a_timestamp_jump_of_half_its_range_is_no_matter() {
    for (mut sender, mut receiver) in all_pairs() {
        receiver.opened_rtp(&mut sender.sealed_rtp(&rtp(1, 20))).unwrap();
        let mut jumped = rtp(2, 20);
        jumped[4] ^= 0x80;
        assert_eq!(receiver.opened_rtp(&mut sender.sealed_rtp(&jumped)), Ok(jumped));
    }
}

#[test]
fn a_peer_may_change_its_ssrc_and_only_an_authenticated_one_takes_room() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (context(suite, 1), context(suite, 1));
        for ssrc in 0..200 {
            let mut forged = of_stream(1_000 + ssrc);
            forged.extend_from_slice(&[0; 16]);
            assert_eq!(receiver.opened_rtp(&mut forged), Err(SrtpError::Authentication));
        }
        let streams = u32::try_from(STREAMS_MAX).unwrap();
        for ssrc in 0..streams {
            assert!(
                receiver
                    .opened_rtp(&mut sender.sealed_rtp(&of_stream(ssrc)))
                    .is_ok()
            );
        }
        let mut fresh = context(suite, 1).sealed_rtp(&of_stream(streams));
        assert_eq!(receiver.opened_rtp(&mut fresh), Err(SrtpError::TooManyStreams));
        assert_eq!(
            sender.protect_rtp(&mut of_stream(streams)),
            Err(SrtpError::TooManyStreams)
        );
        let mut earlier = context(suite, 1).sealed_rtp(&of_stream(0));
        assert_eq!(receiver.opened_rtp(&mut earlier), Err(SrtpError::Replayed));
    }
}

#[test]
fn a_sequence_number_is_never_sent_twice() {
    for (mut sender, _) in all_pairs() {
        sender.sealed_rtp(&rtp(5, 20));
        let mut again = rtp(5, 20);
        assert_eq!(sender.protect_rtp(&mut again), Err(SrtpError::Replayed));
        assert_eq!(again, rtp(5, 20));
    }
}

#[test]
fn a_key_protects_as_many_packets_as_its_lifetime_says() {
    for suite in Suite::ALL {
        let key = key(suite, 1).with_lifetime(3).unwrap();
        let (mut sender, mut receiver) = (context(suite, 1), Context::new(&key));
        for sequence in 0..3 {
            assert!(
                receiver
                    .opened_rtp(&mut sender.sealed_rtp(&rtp(sequence, 20)))
                    .is_ok()
            );
            assert!(receiver.opened_rtcp(&mut sender.sealed_rtcp(&rtcp(20))).is_ok());
        }
        let mut late = sender.sealed_rtp(&rtp(3, 20));
        assert_eq!(receiver.opened_rtp(&mut late), Err(SrtpError::KeyExpired));
        let mut late = sender.sealed_rtcp(&rtcp(20));
        assert_eq!(receiver.opened_rtcp(&mut late), Err(SrtpError::KeyExpired));
    }
}

#[test]
fn rtcp_without_encryption_is_refused() {
    for (mut sender, mut receiver) in all_pairs() {
        let mut packet = sender.sealed_rtcp(&rtcp(20));
        let word = packet.len()
            - if sender.suite().rtp_tag_length() == 16 {
                4
            } else {
                14
            };
        packet[word] &= 0x7f;
        assert_eq!(receiver.opened_rtcp(&mut packet), Err(SrtpError::NotEncrypted));
    }
}

#[test]
fn the_longest_packet_is_what_udp_carries() {
    for suite in Suite::ALL {
        let room = PACKET_LENGTH_MAX - suite.rtp_tag_length() - 12;
        assert_eq!(context(suite, 1).protect_rtp(&mut rtp(0, room)), Ok(()));
        let too_long = SrtpError::TooLong {
            length: PACKET_LENGTH_MAX + 1,
        };
        assert_eq!(
            context(suite, 1).protect_rtp(&mut rtp(0, room + 1)),
            Err(too_long)
        );
        assert_eq!(
            context(suite, 1).unprotect_rtp(&mut vec![0x80; PACKET_LENGTH_MAX + 1]),
            Err(too_long)
        );
    }
}

trait Whole {
    fn sealed_rtp(&mut self, plain: &[u8]) -> Vec<u8>;
    fn sealed_rtcp(&mut self, plain: &[u8]) -> Vec<u8>;
    fn opened_rtp(&mut self, packet: &mut Vec<u8>) -> Result<Vec<u8>, SrtpError>;
    fn opened_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<Vec<u8>, SrtpError>;
}

impl Whole for Context {
    fn sealed_rtp(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut packet = plain.to_vec();
        self.protect_rtp(&mut packet).expect("the packet is fresh");
        assert_eq!(packet.len(), plain.len() + self.suite().rtp_tag_length());
        packet
    }

    fn sealed_rtcp(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut packet = plain.to_vec();
        self.protect_rtcp(&mut packet).expect("the packet is fresh");
        assert_eq!(packet.len(), plain.len() + 4 + self.suite().rtcp_tag_length());
        packet
    }

    fn opened_rtp(&mut self, packet: &mut Vec<u8>) -> Result<Vec<u8>, SrtpError> {
        let length = self.unprotect_rtp(packet)?;
        packet.truncate(length);
        Ok(packet.clone())
    }

    fn opened_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<Vec<u8>, SrtpError> {
        let length = self.unprotect_rtcp(packet)?;
        packet.truncate(length);
        Ok(packet.clone())
    }
}

fn all_pairs() -> impl Iterator<Item = (Context, Context)> {
    Suite::ALL
        .into_iter()
        .map(|suite| (context(suite, 1), context(suite, 1)))
}

fn context(suite: Suite, seed: u8) -> Context {
    Context::new(&key(suite, seed))
}

fn key(suite: Suite, seed: u8) -> MasterKey {
    let octets: Vec<u8> = (seed..).take(suite.key_length() + suite.salt_length()).collect();
    MasterKey::new(suite, &octets).expect("the length is the suite's")
}

fn rtp(sequence: u16, payload_length: usize) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: 160,
        ssrc: SSRC,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.resize(packet.len() + payload_length, 0xd5);
    packet
}

fn of_stream(ssrc: u32) -> Vec<u8> {
    Header {
        marker: false,
        payload_type: 0,
        sequence: 9,
        timestamp: 160,
        ssrc,
    }
    .to_bytes()
    .to_vec()
}

fn rtcp(body_length: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend_from_slice(&SSRC.to_be_bytes());
    packet.resize(packet.len() + body_length, 0xa5);
    packet
}
