//! Delay: how much there is, how it follows the network, and that nothing is cut for its sake.

use std::time::Duration;

use media::codec::{Codec, g711};
use media::receive::{BUFFERED_TIME_MAX, Received, Rejection};
use media::sample::SampleRate;

use crate::line::{FRAME, Line};
use crate::network::{Network, Weather};
use crate::speech::{lag, sine, speech};

#[test]
fn on_a_calm_network_the_delay_is_one_to_two_packets_and_nothing_is_made_up() {
    let mut line = Line::pcmu();
    let said = speech(8_000, 10 * 8_000);

    line.say(&said);

    let statistics = line.receiver.statistics();
    assert_eq!(
        (statistics.late, statistics.lost, statistics.concealed_samples),
        (0, 0, 0)
    );
    // The first sample is spoken one frame before its packet leaves.
    let mouth_to_sink = milliseconds(lag(&as_heard(&said), &line.heard, 1_000));
    assert!(
        (30..=60).contains(&mouth_to_sink),
        "{mouth_to_sink} ms from mouth to sink"
    );
}

#[test]
fn the_first_packet_comes_out_whole_and_unfaded() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 437.0, 800);

    line.say(&said);
    line.drain();

    let expected = as_heard(&said);
    let begin = line.heard.iter().position(|&sample| sample != 0).unwrap();
    let first = expected.iter().position(|&sample| sample != 0).unwrap();
    assert_eq!(line.heard[begin..begin + 700], expected[first..first + 700]);
}

#[test]
fn a_burst_of_two_seconds_is_played_whole_and_what_follows_joins_on() {
    let mut line = Line::pcmu();
    // No pauses, so that none can be shortened.
    let said = sine(8_000, 300.0, 5 * 8_000);

    line.burst(&said[..16_000]);
    line.say(&said[16_000..]);
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!(
        (statistics.played_samples, statistics.concealed_samples),
        (5 * 8_000, 0)
    );
    assert_is_contained(&line.heard, &as_heard(&said));
}

#[test]
fn packets_that_come_late_are_an_interruption_and_a_pause_of_the_talker_is_none() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 2 * 8_000);
    let (before, rest) = said.split_at(8_000);
    let (held, after) = rest.split_at(15 * 160);
    line.say(before);
    let held: Vec<Vec<u8>> = held
        .chunks_exact(160)
        .map(|frame| line.hold_back(frame))
        .collect();
    for packet in held {
        line.network.send(line.now, &packet);
    }
    line.say(after);
    line.drain();

    let late = line.receiver.statistics();
    assert_eq!((late.played_samples, late.concealed_samples), (2 * 8_000, 0));
    let interrupted = late.interrupted_samples / 8;
    assert!((220..=300).contains(&interrupted), "{interrupted} ms");

    line.pass(Duration::from_secs(4));
    line.say(before);
    line.drain();

    let paused = line.receiver.statistics().interrupted_samples / 8;
    assert!(paused - interrupted <= 20, "{paused} ms");
}

#[test]
fn a_backlog_is_worked_off_in_pauses_only() {
    let mut line = Line::pcmu();
    let said = speech(8_000, 20 * 8_000);

    line.burst(&said[..16_000]);
    line.say(&said[16_000..]);

    let statistics = line.receiver.statistics();
    assert!(
        statistics.buffered < Duration::from_millis(700),
        "{:?} left of 2 s",
        statistics.buffered
    );
    line.drain();
    assert_eq!(
        line.receiver.statistics().played_samples,
        20 * 8_000,
        "shortened pauses count as played"
    );
    let expected = as_heard(&said);
    for second in (0..20).step_by(2) {
        let words = &expected[second * 8_000 + 400..second * 8_000 + 11_000];
        assert_is_contained(&line.heard, words);
    }
}

#[test]
fn a_backlog_at_the_limit_is_kept_and_a_packet_more_is_refused() {
    let packets = usize::try_from(BUFFERED_TIME_MAX.as_millis() / FRAME.as_millis()).unwrap();
    let mut line = Line::pcmu();

    line.burst(&sine(8_000, 300.0, (packets + 1) * 160));
    line.pass(Duration::from_millis(1));

    let (last, kept) = line.received.split_last().unwrap();
    assert!(
        kept.iter()
            .all(|received| matches!(received, Received::Accepted { .. }))
    );
    assert_eq!(*last, Received::Rejected(Rejection::Overflow));
}

#[test]
fn what_was_refused_counts_as_concealed_and_not_as_a_pause() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 5 * 8_000);

    line.burst(&said[..4 * 8_000]);
    line.pass(Duration::from_secs(4));
    line.say(&said[4 * 8_000..]);
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!(statistics.rejected.overflow, 50);
    assert_eq!(
        (statistics.played_samples, statistics.concealed_samples),
        (5 * 8_000, 8_000)
    );
}

#[test]
fn jitter_of_60_ms_makes_the_delay_grow_without_loss_and_calm_makes_it_shrink() {
    let rough = Weather {
        jitter: Duration::from_millis(60),
        ..Weather::CALM
    };
    let mut line = Line::new(Codec::Pcmu, SampleRate::Hz8000, rough);
    let said = speech(8_000, 60 * 8_000);

    line.say(&said[..160_000]);
    let learning = line.receiver.statistics();
    line.say(&said[160_000..320_000]);
    let rough = line.receiver.statistics();
    line.network.weather = Weather::CALM;
    line.say(&said[320_000..]);
    line.pass(Duration::from_millis(1));
    let calm = line.receiver.statistics();

    assert_eq!(rough.lost, 0);
    assert!(learning.late <= 10, "{} late while learning", learning.late);
    assert!(
        rough.late - learning.late <= 10,
        "{} of 1,000 late",
        rough.late - learning.late
    );
    assert!(
        delay_at_the_end(&line, &said) <= 75,
        "{} ms after calm",
        delay_at_the_end(&line, &said)
    );
    assert!(
        calm.buffered <= Duration::from_millis(70),
        "{:?} after calm",
        calm.buffered
    );
}

#[test]
fn jitter_does_not_cost_a_sample_where_the_talker_never_pauses() {
    let rough = Weather {
        jitter: Duration::from_millis(15),
        ..Weather::CALM
    };
    let mut line = Line::new(Codec::Pcmu, SampleRate::Hz8000, rough);
    let said = sine(8_000, 300.0, 20 * 8_000);

    line.say(&said);
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!(statistics.played_samples, 20 * 8_000);
    assert!(
        statistics.concealed_samples <= 3 * 160,
        "{} concealed",
        statistics.concealed_samples
    );
}

#[test]
fn a_short_page_through_jitter_is_heard_although_the_talker_never_pauses() {
    let rough = Weather {
        jitter: Duration::from_millis(60),
        ..Weather::CALM
    };
    for seed in 0..50 {
        let mut line = Line::new(Codec::Pcmu, SampleRate::Hz8000, rough);
        line.network = Network::new(rough, seed);

        line.say(&sine(8_000, 300.0, 12_000));
        line.drain();

        let statistics = line.receiver.statistics();
        assert_eq!(statistics.played_samples, 12_000);
        assert!(
            statistics.concealed_samples <= 2 * 160,
            "{} concealed with seed {seed}",
            statistics.concealed_samples
        );
        assert!(
            statistics.interrupted_samples <= 60 * 8,
            "{} put off with seed {seed}",
            statistics.interrupted_samples
        );
    }
}

#[test]
fn a_packet_that_others_overtake_is_waited_for_until_the_limit() {
    // The delay as it is when the packet is due, and 40 ms.
    for (late_ms, concealed) in [(86, 0), (87, 160)] {
        let mut line = delayed_less_than_it_should_be();
        let before = line.receiver.statistics();
        let said = sine(8_000, 300.0, 21 * 160);
        let packet = line.hold_back(&said[..160]);
        let late = late_ms / 20;
        line.say(&said[160..(1 + late) * 160]);
        line.pass(Duration::from_millis(u64::try_from(late_ms % 20).unwrap()));
        line.network.send(line.now, &packet);
        line.say(&said[(1 + late) * 160..]);
        line.drain();

        let after = line.receiver.statistics();
        assert_eq!(after.interrupted_samples - before.interrupted_samples, 40 * 8);
        assert_eq!(
            after.concealed_samples - before.concealed_samples,
            concealed,
            "{late_ms} ms"
        );
    }
}

#[test]
fn a_packet_that_is_lost_is_waited_for_only_where_the_delay_is_short() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 8_000);

    line.say(&said);
    let _lost = line.hold_back(&said[..160]);
    line.say(&said);
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!(
        (statistics.concealed_samples, statistics.interrupted_samples),
        (160, 0)
    );
}

#[test]
fn a_network_that_stands_still_for_ten_seconds_leaves_a_bounded_delay() {
    let mut line = Line::pcmu();
    let said = speech(8_000, 40 * 8_000);

    line.say(&said[..40_000]);
    line.network.closed_until = Some(line.now + Duration::from_secs(10));
    line.say(&said[40_000..120_000]);
    line.say(&said[120_000..128_000]);
    let after = line.receiver.statistics();
    line.say(&said[128_000..]);

    assert!(after.buffered <= BUFFERED_TIME_MAX);
    assert!(after.rejected.overflow > 0);
    assert!(
        delay_at_the_end(&line, &said) <= 120,
        "{} ms in the end",
        delay_at_the_end(&line, &said)
    );
    line.drain();
    let played = line.receiver.statistics().played_samples;
    assert!(
        played < 35 * 8_000,
        "what was refused is not said to be played: {played}"
    );
}

#[test]
fn a_pause_without_packets_is_neither_loss_nor_delay() {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 8_000);
    let mut packet = Vec::new();

    line.say(&said);
    line.sender.keepalive(line.now, &mut packet).unwrap();
    line.network.send(line.now, &packet);
    line.pass(Duration::from_secs(4));
    line.say(&said);
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!(
        (statistics.lost, statistics.late, statistics.concealed_samples),
        (0, 0, 0)
    );
    let expected = 8_000 + 160 + 4 * 8_000 + 8_000;
    assert!(
        statistics.played_samples.abs_diff(expected) <= 320,
        "{} played",
        statistics.played_samples
    );
    assert_is_contained(&line.heard[4 * 8_000..], &as_heard(&said)[200..]);
}

#[test]
fn a_talker_whose_clock_stands_still_in_pauses_is_not_delayed_more_and_more() {
    let mut line = Line::pcmu();
    let said = speech(8_000, 8_000);

    for _ in 0..20 {
        line.say(&said);
        line.pass(Duration::from_secs(3));
    }
    line.say(&said);

    assert!(line.receiver.statistics().buffered <= Duration::from_millis(60));
}

#[test]
fn a_sink_that_runs_slower_than_the_talker_is_kept_up_with_in_pauses() {
    let mut line = Line::pcmu();
    let said = speech(8_000, 200 * 8_000);

    for second in said.chunks(8_000) {
        // A packet every 19.98 ms: as much drift in 200 s as 60 ppm give in an hour.
        line.say(&second[..7_840]);
        line.pass(FRAME - Duration::from_millis(1));
        line.burst(&second[7_840..]);
    }

    let statistics = line.receiver.statistics();
    assert!(
        statistics.buffered <= Duration::from_millis(100),
        "{:?}",
        statistics.buffered
    );
    assert_eq!(statistics.concealed_samples, 0);
    assert_eq!(statistics.late, 0);
}

#[test]
fn a_sink_that_runs_faster_than_the_talker_waits_for_it() {
    let mut line = Line::pcmu();
    let said = speech(8_000, 100 * 8_000);

    for second in said.chunks(8_000) {
        line.say(second);
        line.pass(Duration::from_millis(1));
    }
    line.drain();

    let statistics = line.receiver.statistics();
    assert_eq!((statistics.concealed_samples, statistics.late), (0, 0));
    assert_eq!(statistics.played_samples, 100 * 8_000);
}

#[test]
fn before_the_first_packet_there_is_silence_that_does_not_count() {
    let mut line = Line::pcmu();

    line.pass(Duration::from_secs(1));

    assert!(line.heard.iter().all(|&sample| sample == 0));
    let statistics = line.receiver.statistics();
    assert_eq!((statistics.played_samples, statistics.first_audio), (0, None));
    assert!(line.receiver.drained());
}

#[test]
fn after_the_last_packet_there_is_silence_that_does_not_count() {
    let mut line = Line::pcmu();

    line.say(&sine(8_000, 300.0, 8_000));
    line.drain();
    line.pass(Duration::from_secs(1));

    assert!(
        line.heard[line.heard.len() - 6_000..]
            .iter()
            .all(|&sample| sample == 0)
    );
    assert_eq!(line.receiver.statistics().played_samples, 8_000);
    assert!(line.receiver.drained());
}

#[test]
fn the_level_of_speech_is_told_without_its_pauses() {
    let mut line = Line::pcmu();

    line.say(&sine(8_000, 300.0, 8_000));
    line.say(&[0; 24_000]);

    let level = line.receiver.statistics().level_dbfs.unwrap();
    assert!((level - -9.2).abs() < 0.3, "{level} dBFS");
}

/// A line whose packets are sometimes late by a fifth of a second, which its listener has learnt but not had the time
/// to provide for.
fn delayed_less_than_it_should_be() -> Line {
    let mut line = Line::pcmu();
    let said = sine(8_000, 300.0, 10 * 160);
    line.say(&said);
    let held = [&said[..160], &said[160..320]].map(|frame| line.hold_back(frame));
    line.say(&said);
    for packet in held {
        line.network.send(line.now, &packet);
    }
    line.say(&said);
    line
}

/// What µ-law makes of it.
fn as_heard(said: &[i16]) -> Vec<i16> {
    said.iter()
        .map(|&sample| g711::decode_mu_law(g711::encode_mu_law(sample)))
        .collect()
}

fn assert_is_contained(heard: &[i16], expected: &[i16]) {
    let start = expected.iter().position(|&sample| sample != 0).unwrap();
    let end = expected.iter().rposition(|&sample| sample != 0).unwrap();
    let expected = &expected[start..=end];
    let found = heard.windows(expected.len()).any(|window| window == expected);
    assert!(found, "the sound is not in what was heard");
}

fn milliseconds(samples: usize) -> usize {
    samples / 8
}

/// From mouth to sink, in milliseconds, at the end of what was said.
fn delay_at_the_end(line: &Line, said: &[i16]) -> usize {
    let said = as_heard(said);
    let said = &said[said.len() - 24_000..said.len() - 8_000];
    let heard = &line.heard[line.heard.len() - 24_000..];
    milliseconds(lag(said, heard, 7_000))
}
