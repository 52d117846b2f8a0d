//! Loss, disorder and streams that start anew: what is heard, and what is counted.

use std::time::Duration;

use media::codec::Codec;
use media::codec::opus::OpusDecoder;
use media::receive::{Received, Rejection};
use media::rtp::Header;
use media::sample::SampleRate;

use crate::line::{FRAME, Line, receiver, sender, talker};
use crate::network::Weather;
use crate::speech::{lag, signal_to_noise, sine, speech, steepest};

/// Bits to be turned in a header: none.
const UNCHANGED: Header = Header {
    marker: false,
    payload_type: 0,
    sequence: 0,
    timestamp: 0,
    ssrc: 0,
};

#[test]
fn lost_packets_are_concealed_counted_and_do_not_shift_the_rest() {
    let mut line = Line::pcmu();
    line.network.weather.loss_percent = 5;
    let said = speech(8_000, 20 * 8_000);

    line.say(&said);
    line.drain();

    let statistics = line.receiver.statistics();
    assert!(line.network.lost > 20);
    assert_eq!(statistics.lost, line.network.lost);
    assert_eq!(statistics.concealed_samples, line.network.lost * 160);
    assert_eq!(statistics.played_samples, 20 * 8_000);
}

#[test]
fn concealment_is_closer_to_the_speech_than_silence_would_be() {
    let mut calm = Line::pcmu();
    let mut lossy = Line::pcmu();
    let said = sine(8_000, 163.0, 5 * 8_000);

    calm.say(&said);
    lossy.network.weather.loss_percent = 10;
    lossy.say(&said);

    let length = calm.heard.len().min(lossy.heard.len());
    let ratio = signal_to_noise(&calm.heard[..length], &lossy.heard[..length]);
    let silence = -10.0 * f64::log10(0.1);
    assert!(
        ratio > silence + 6.0,
        "{ratio:.1} dB where silence gives {silence:.1}"
    );
}

#[test]
fn loss_does_not_click() {
    let mut calm = Line::pcmu();
    let mut lossy = Line::pcmu();
    let said = sine(8_000, 300.0, 5 * 8_000);

    calm.say(&said);
    lossy.network.weather.loss_percent = 20;
    lossy.say(&said);

    assert!(
        steepest(&lossy.heard) * 2 < steepest(&calm.heard) * 3,
        "{}",
        steepest(&lossy.heard)
    );
}

#[test]
fn a_long_loss_fades_to_silence() {
    let mut line = Line::pcmu();
    line.say(&sine(8_000, 300.0, 8_000));

    line.network.weather.loss_percent = 100;
    line.say(&sine(8_000, 300.0, 8_000));

    let quiet = &line.heard[line.heard.len() - 7_000..];
    assert!(quiet.iter().all(|&sample| sample == 0));
}

#[test]
fn what_was_lost_in_a_stall_is_concealed_in_the_statistics_too() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 24_000);

    line.say(&said[..8_000]);
    line.network.weather.loss_percent = 100;
    line.say(&said[8_000..16_000]);
    line.network.weather.loss_percent = 0;
    line.say(&said[16_000..]);
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!((statistics.lost, statistics.concealed_samples), (50, 8_000));
    assert_eq!(statistics.played_samples, 24_000);
}

#[test]
fn repeated_packets_are_played_once() {
    let mut line = Line::pcmu();
    line.network.weather.duplicate_percent = 100;

    line.say(&sine(8_000, 300.0, 16_000));
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!((statistics.packets, statistics.rejected.duplicate), (100, 100));
    assert_eq!(
        (statistics.played_samples, statistics.concealed_samples),
        (16_000, 0)
    );
}

#[test]
fn a_packet_that_comes_after_its_time_is_late_and_not_lost() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 16_000);
    let mut packet = Vec::new();

    line.say(&said[..8_000]);
    line.sender
        .packetize(line.now, &said[..160], &mut packet)
        .unwrap();
    line.pass(FRAME);
    line.say(&said[8_000..16_000]);
    let received = line.receiver.handle_packet(line.now, talker(), &mut packet);

    assert_eq!(received, Received::Rejected(Rejection::Late));
    let statistics = line.receiver.statistics();
    assert_eq!(
        (statistics.late, statistics.lost, statistics.concealed_samples),
        (1, 0, 160)
    );
}

#[test]
fn a_restarted_stream_plays_on_without_a_click() {
    let restarts: [(&str, Header); 4] = [
        ("another SSRC", Header { ssrc: 1, ..UNCHANGED }),
        (
            "a timestamp turned by 2^31",
            Header {
                timestamp: 1 << 31,
                ..UNCHANGED
            },
        ),
        (
            "a sequence number turned by 2^15",
            Header {
                sequence: 1 << 15,
                ..UNCHANGED
            },
        ),
        (
            "all of it",
            Header {
                ssrc: 0x5555,
                sequence: 0x5000,
                timestamp: 0x5555_0000,
                ..UNCHANGED
            },
        ),
    ];
    for (name, restart) in restarts {
        let mut line = Line::pcmu();
        let said = sine(8_000, 300.0, 3 * 8_000);

        line.say(&said[..8_000]);
        let mut packets = packets(&mut line, &said[8_000..]);
        for packet in &mut packets {
            change_header(packet, |header| {
                header.ssrc ^= restart.ssrc;
                header.sequence ^= restart.sequence;
                header.timestamp ^= restart.timestamp;
            });
        }
        send_in_step(&mut line, &packets);
        line.drain();

        let statistics = line.receiver.statistics();
        // Without authentication one packet of a restarted stream is taken for a stray.
        assert!(statistics.packets >= 149, "{name}: {statistics:?}");
        assert_eq!((statistics.lost, statistics.late), (0, 0), "{name}");
        assert!(
            statistics.played_samples.abs_diff(24_000) <= 320,
            "{name}: {statistics:?}"
        );
        assert!(
            steepest(&line.heard) < 5_600,
            "{name}: a step of {}",
            steepest(&line.heard)
        );
    }
}

#[test]
fn stray_packets_of_no_stream_disturb_nothing() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 8_000);
    let mut packets = packets(&mut line, &said);
    let strays = [10, 20, 30].map(|at: usize| (at, packets[at].clone()));
    for (number, (at, mut stray)) in strays.into_iter().enumerate().rev() {
        change_header(&mut stray, |header| {
            header.sequence = header
                .sequence
                .wrapping_add(20_000 + 7 * u16::try_from(number).unwrap());
        });
        packets.insert(at, stray);
    }

    send_in_step(&mut line, &packets);

    let statistics = line.receiver.statistics();
    assert_eq!(statistics.rejected.out_of_sequence, 3);
    assert_eq!((statistics.packets, statistics.lost), (50, 0));
}

#[test]
fn two_streams_at_once_are_not_spliced() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 16_000);
    let mut other = sender(Codec::Pcmu, None, 9);
    let mut packet = Vec::new();

    for frame in said.chunks_exact(160) {
        line.say(frame);
        other.packetize(line.now, &[0; 160], &mut packet).unwrap();
        line.network.send(line.now, &packet);
    }
    line.drain();

    let statistics = line.receiver.statistics();
    assert!(statistics.rejected.out_of_sequence >= 90, "{statistics:?}");
    assert!(statistics.played_samples <= 16_320, "{statistics:?}");
}

#[test]
fn a_payload_type_that_was_not_agreed_is_ignored_and_counted() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 8_000);
    let mut packets = packets(&mut line, &said);
    for payload_type in [8, 9, 13, 111] {
        let mut odd = packets[20].clone();
        change_header(&mut odd, |header| header.payload_type = payload_type);
        packets.insert(20, odd);
    }

    send_in_step(&mut line, &packets);

    let statistics = line.receiver.statistics();
    assert_eq!(
        (
            statistics.rejected.unknown_payload_type,
            statistics.packets,
            statistics.lost
        ),
        (4, 50, 0)
    );
}

#[test]
fn a_change_between_agreed_codecs_does_not_click() {
    let config = media::receive::ReceiverConfig {
        remote: talker(),
        formats: vec![(0, Codec::Pcmu), (8, Codec::Pcma)],
        telephone_event: None,
        key: None,
        output_rate: SampleRate::Hz48000,
    };
    let mut line = Line::new(Codec::Pcmu, SampleRate::Hz48000, Weather::CALM);
    line.receiver = media::receive::Receiver::new(&config);
    let said = sine(8_000, 300.0, 16_000);
    let mut packets = packets(&mut line, &said);
    for packet in packets.iter_mut().skip(50) {
        change_header(packet, |header| header.payload_type = 8);
        for code in &mut packet[12..] {
            *code = media::codec::g711::encode_a_law(media::codec::g711::decode_mu_law(*code));
        }
    }

    send_in_step(&mut line, &packets);

    let statistics = line.receiver.statistics();
    assert_eq!((statistics.packets, statistics.concealed_samples), (100, 0));
    let steady = steepest(&line.heard[10_000..40_000]);
    assert!(
        steepest(&line.heard[40_000..60_000]) <= steady * 13 / 10,
        "{} over {steady}",
        steepest(&line.heard)
    );
}

#[test]
fn a_payload_that_is_none_is_refused() {
    let mut receiver = receiver(Codec::Opus, None, SampleRate::Hz48000);
    let now = std::time::Instant::now();
    let header = Header {
        marker: false,
        payload_type: 111,
        sequence: 1,
        timestamp: 1,
        ssrc: 1,
    };
    // Nothing; a count of frames without the frames' count; 48 frames of 60 ms.
    for payload in [&[][..], &[0x03], &[0x1b, 48]] {
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(payload);
        let received = receiver.handle_packet(now, talker(), &mut packet);
        assert_eq!(received, Received::Rejected(Rejection::Malformed), "{payload:?}");
    }
}

#[test]
fn a_lost_packet_of_opus_is_recovered_from_the_next_one() {
    let mut clean = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let mut lossy = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let said = speech(48_000, 10 * 48_000);
    let packets = packets(&mut clean, &said);
    let is_lost = |number: usize| number % 10 == 7;
    let arriving = packets.iter().enumerate().filter(|(number, _)| !is_lost(*number));
    let kept: Vec<_> = arriving.map(|(_, packet)| packet.clone()).collect();

    send_in_step(&mut clean, &packets);
    send_in_step(&mut lossy, &kept);

    let length = clean.heard.len().min(lossy.heard.len());
    let recovered = signal_to_noise(&clean.heard[..length], &lossy.heard[..length]);
    let extrapolated = quality_without_recovery(&packets, is_lost);
    assert_eq!(lossy.receiver.statistics().lost, 50);
    assert!(
        recovered > extrapolated + 2.0,
        "{recovered:.1} dB, extrapolated {extrapolated:.1} dB"
    );
}

#[test]
fn a_lost_packet_of_opus_is_recovered_although_it_was_waited_for() {
    const LOST: usize = 16;
    let mut clean = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let mut lossy = Line::new(Codec::Opus, SampleRate::Hz48000, Weather::CALM);
    let said = speech(48_000, 48_000);
    let packets = packets(&mut clean, &said);

    send_in_step(&mut clean, &packets);
    for number in 0..packets.len() {
        lossy.pass(FRAME);
        // Two late packets before the syllable let the listener learn that its delay is too short.
        let arriving: &[usize] = match number {
            9 | 10 | LOST => &[],
            14 => &[9, 10, 14],
            _ => &[number],
        };
        for arrived in arriving {
            lossy.network.send(lossy.now, &packets[*arrived]);
        }
    }
    lossy.drain();

    let statistics = lossy.receiver.statistics();
    assert_eq!(statistics.lost, 1);
    let put_off = usize::try_from(statistics.interrupted_samples).unwrap();
    assert_eq!(put_off, 40 * 48);
    let start = lag(&said, &clean.heard, 5_000) + LOST * 960;
    let frames = start..start + 3 * 960;
    let recovered = signal_to_noise(&clean.heard[frames.clone()], &lossy.heard[put_off..][frames]);
    assert!(recovered > 12.0, "{recovered:.1} dB");
}

/// How close the decoder comes to the whole stream if it only extrapolates over what is lost.
fn quality_without_recovery(packets: &[Vec<u8>], is_lost: impl Fn(usize) -> bool) -> f64 {
    let (mut whole, mut patched) = (Vec::new(), Vec::new());
    let mut of_whole = OpusDecoder::new().unwrap();
    let mut of_patched = OpusDecoder::new().unwrap();
    for (number, packet) in packets.iter().enumerate() {
        let payload = media::rtp::Packet::parse(packet).unwrap().payload();
        of_whole.decode(payload, &mut whole).unwrap();
        if is_lost(number) {
            of_patched.conceal(960, &mut patched).unwrap();
        } else {
            of_patched.decode(payload, &mut patched).unwrap();
        }
    }
    signal_to_noise(&whole, &patched)
}

/// The packets of something said, made but not sent.
fn packets(line: &mut Line, said: &[i16]) -> Vec<Vec<u8>> {
    let mut packet = Vec::new();
    let mut packets = Vec::new();
    for frame in said.chunks_exact(line.sender.frame_samples()) {
        line.sender.packetize(line.now, frame, &mut packet).unwrap();
        packets.push(packet.clone());
    }
    packets
}

/// Sends packets one frame apart by their timestamps, as far as those go on; else one frame apart.
fn send_in_step(line: &mut Line, packets: &[Vec<u8>]) {
    let mut former: Option<Header> = None;
    for packet in packets {
        let header = header_of(packet);
        let frames = former.map_or(1, |former| {
            u32::from(header.sequence.wrapping_sub(former.sequence))
        });
        let frames = if (2..=20).contains(&frames) {
            frames
        } else {
            u32::from(frames != 0)
        };
        line.pass(FRAME * frames);
        line.network.send(line.now, packet);
        former = Some(header);
    }
    line.pass(Duration::from_millis(100));
}

fn header_of(packet: &[u8]) -> Header {
    media::rtp::Packet::parse(packet).unwrap().header()
}

fn change_header(packet: &mut [u8], change: impl Fn(&mut Header)) {
    let mut header = header_of(packet);
    change(&mut header);
    packet[..12].copy_from_slice(&header.to_bytes());
}
