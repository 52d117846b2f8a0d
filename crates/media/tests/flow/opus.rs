//! Opus from end to end: quality, and hostile packets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use media::codec::Codec;
use media::codec::opus::{BITRATE, OpusDecoder, OpusEncoder, PACKET_SAMPLES_MAX, packet_samples};
use media::sample::SampleRate;
use proptest::prelude::*;

use crate::line::Line;
use crate::network::Weather;
use crate::speech::{lag, signal_to_noise, speech};

#[test]
fn speech_passes_encoder_network_and_receiver_with_its_quality() {
    let mut line = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let said = speech(48_000, 10 * 48_000);

    line.say(&said);
    line.drain();

    let lag = lag(&said[..96_000], &line.heard, 5_000);
    let quality = signal_to_noise(&said[..470_000], &line.heard[lag..]);
    assert!(quality > 9.0, "{quality:.1} dB");
    let statistics = line.receiver.statistics();
    assert_eq!(
        (statistics.played_samples, statistics.concealed_samples),
        (480_000, 0)
    );
}

#[test]
fn a_telephone_sink_hears_opus_at_its_own_rate() {
    let mut line = Line::new(Codec::Opus, SampleRate::Hz8000, Weather::CALM);

    line.say(&speech(48_000, 5 * 48_000));
    line.drain();

    let said = speech(8_000, 40_000);
    let lag = lag(&said[..16_000], &line.heard, 1_000);
    let quality = signal_to_noise(&said[..39_000], &line.heard[lag..]);
    assert!(quality > 8.0, "{quality:.1} dB");
    assert_eq!(line.receiver.statistics().played_samples, 40_000);
}

#[test]
fn late_packets_sound_as_if_they_had_been_in_time() {
    let mut punctual = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let mut late = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let said = speech(48_000, 48_000);
    // A syllable begins in the thirteenth frame.
    let (before, rest) = said.split_at(13 * 960);
    let (held, after) = rest.split_at(5 * 960);

    punctual.say(&said);
    punctual.drain();
    late.say(before);
    let held: Vec<Vec<u8>> = held
        .chunks_exact(960)
        .map(|frame| late.hold_back(frame))
        .collect();
    for packet in &held {
        late.network.send(late.now, packet);
    }
    late.say(after);
    late.drain();

    let statistics = late.receiver.statistics();
    assert_eq!(statistics.concealed_samples, 0);
    let put_off = usize::try_from(statistics.interrupted_samples).unwrap();
    assert!(put_off > 2 * 960, "{put_off}");
    let start = lag(&said, &punctual.heard, 5_000) + 13 * 960;
    let frames = start..start + 5 * 960;
    let quality = signal_to_noise(&punctual.heard[frames.clone()], &late.heard[put_off..][frames]);
    assert!(quality > 30.0, "{quality:.1} dB");
}

#[test]
fn the_bit_rate_is_as_set() {
    let mut encoder = OpusEncoder::new().unwrap();
    let mut payload = Vec::new();

    for frame in speech(48_000, 10 * 48_000).chunks_exact(960) {
        encoder.encode(frame, &mut payload).unwrap();
    }

    let rate = u32::try_from(payload.len() * 8 / 10).unwrap();
    assert!((BITRATE / 2..BITRATE * 12 / 10).contains(&rate), "{rate} bit/s");
}

#[test]
fn every_packet_time_can_be_encoded_and_no_other() {
    let mut encoder = OpusEncoder::new().unwrap();
    let mut payload = Vec::new();
    for packet_time in Codec::Opus.packet_times() {
        payload.clear();
        let samples = SampleRate::Hz48000.samples_in(*packet_time);
        encoder.encode(&vec![100; samples], &mut payload).unwrap();
        assert_eq!(packet_samples(&payload), Some(samples));
    }
    payload.clear();
    assert!(encoder.encode(&[0; 961], &mut payload).is_err());
    assert!(payload.is_empty());
}

#[test]
fn a_packet_of_120_ms_is_the_longest() {
    // Configuration 3: frames of 60 ms; a count of frames in the second octet.
    assert_eq!(packet_samples(&[0x1b, 2]), Some(PACKET_SAMPLES_MAX));
    assert_eq!(packet_samples(&[0x1b, 3]), None);
    assert_eq!(packet_samples(&[0x1b, 0]), None);
    assert_eq!(packet_samples(&[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_packet_upsets_the_decoder(packets in prop::collection::vec(hostile_packet(), 1..6), gap in 0_usize..4) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut decoder = OpusDecoder::new().unwrap();
            let mut samples = Vec::new();
            for packet in &packets {
                samples.clear();
                let decoded = decoder.decode(packet, &mut samples);
                assert_eq!(samples.len(), decoded.map_or(0, |()| packet_samples(packet).unwrap()));
                for _ in 0..gap {
                    decoder.conceal(960, &mut samples).unwrap();
                }
                samples.clear();
                if decoder.recover(packet, 960, &mut samples).is_err() {
                    assert!(samples.is_empty());
                }
            }
        }));
        prop_assert!(outcome.is_ok());
    }
}

/// Noise, and real packets with a few octets changed or their end cut off.
fn hostile_packet() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let damaged = (
        any::<prop::sample::Index>(),
        prop::collection::vec(change, 0..4),
        1_usize..400,
    )
        .prop_map(|(number, changes, length)| {
            let packets = real_packets();
            let mut packet = packets[number.index(packets.len())].clone();
            for (index, value) in changes {
                let at = index.index(packet.len());
                packet[at] = value;
            }
            packet.truncate(length);
            packet
        });
    prop_oneof![noise, damaged]
}

/// Speech in packets of every packet time.
fn real_packets() -> &'static [Vec<u8>] {
    static PACKETS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PACKETS.get_or_init(|| {
        let said = speech(48_000, 48_000);
        let packet_times = Codec::Opus.packet_times().iter();
        packet_times
            .flat_map(|packet_time| {
                let mut encoder = OpusEncoder::new().unwrap();
                let frames = said.chunks_exact(SampleRate::Hz48000.samples_in(*packet_time));
                frames
                    .map(move |frame| {
                        let mut packet = Vec::new();
                        encoder.encode(frame, &mut packet).unwrap();
                        packet
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    })
}
