//! G.722 against ffmpeg, an implementation that is not ours, where it is installed: in both directions.
//!
//! It is skipped with a line on standard error where the program is missing, and fails instead if `OYEZ_REQUIRE_PEERS` is 1.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use media::codec::g722::{G722Decoder, G722Encoder};

/// Samples a second.
const RATE: &str = "16000";
const SECONDS: usize = 5;

#[test]
fn ffmpeg_decodes_what_we_encode_as_we_do() {
    if !available() {
        return;
    }
    for (name, samples) in signals() {
        assert_alike(name, &our_octets(&samples));
    }
}

#[test]
fn ffmpeg_encodes_the_octets_that_we_do_and_we_decode_them_as_it_does() {
    if !available() {
        return;
    }
    for (name, samples) in signals() {
        let input: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let from = ["-f", "s16le", "-ar", RATE, "-ac", "1", "-i", "-"];
        let octets = ffmpeg(&[&from[..], &["-c:a", "g722", "-f", "g722", "-"]].concat(), input);
        assert!(octets == our_octets(&samples), "{name}");
        assert_alike(name, &octets);
    }
}

/// Both decoders make the same of the same octets.
fn assert_alike(name: &str, octets: &[u8]) {
    let theirs = samples_of(&ffmpeg(
        &["-f", "g722", "-i", "-", "-f", "s16le", "-"],
        octets.to_vec(),
    ));
    let mut decoder = G722Decoder::default();
    let ours: Vec<i16> = octets.iter().flat_map(|octet| decoder.decode(*octet)).collect();
    assert!(ours == theirs, "{name}");
}

/// A sweep through both bands, and noise in bursts.
#[expect(
    clippy::cast_possible_truncation,
    reason = "ten thousand times a sine fits into 16 bits"
)]
fn signals() -> [(&'static str, Vec<i16>); 2] {
    let count = SECONDS * 16_000;
    let sweep = (0..count).map(|n| {
        let seconds = n as f64 / 16_000.0;
        let phase = std::f64::consts::TAU * (50.0 + 690.0 * seconds) * seconds;
        (phase.sin() * 10_000.0) as i16
    });
    let mut state = 0x2545_f491_u32;
    let bursts = (0..count).map(|n| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let [low, high, ..] = state.to_le_bytes();
        if n / 4_000 % 2 == 0 {
            i16::from_le_bytes([low, high]) / 8
        } else {
            0
        }
    });
    [("sweep", sweep.collect()), ("bursts", bursts.collect())]
}

fn our_octets(samples: &[i16]) -> Vec<u8> {
    let mut encoder = G722Encoder::default();
    let pairs = samples.as_chunks::<2>().0;
    pairs.iter().map(|&pair| encoder.encode(pair)).collect()
}

fn samples_of(octets: &[u8]) -> Vec<i16> {
    let pairs = octets.as_chunks::<2>().0;
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn available() -> bool {
    let is_there = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !is_there {
        peers::skip("ffmpeg is missing; `cargo xtask peers` installs it");
    }
    is_there
}

/// What ffmpeg makes of its input.
fn ffmpeg(arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg starts");
    let mut pipe = child.stdin.take().expect("it was asked for");
    let writer = thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("ffmpeg ends");
    writer.join().expect("the writer ends").expect("ffmpeg reads");
    assert!(output.status.success(), "ffmpeg {arguments:?}: {}", output.status);
    output.stdout
}
