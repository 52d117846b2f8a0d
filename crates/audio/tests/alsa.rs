//! ALSA as a sink, against the real library and the devices that it makes of nothing.

use std::path::Path;

use audio::{Alsa, AlsaMicrophone, Microphone, Sink, SinkError};

const RATE: u32 = 48_000;
/// Samples handed over at a time: 20 ms.
const PERIOD: usize = 960;

/// Whether the library is there. Its package is one of the peers.
fn has_alsa() -> bool {
    match Alsa::new("null", RATE).probe() {
        Some(Err(SinkError::NoLibrary { reason })) => {
            peers::skip(&format!("{reason}; `cargo xtask peers` installs it"));
            false
        }
        Some(_) | None => true,
    }
}

/// The device that writes raw frames into a file.
fn file_device(file: &Path) -> String {
    format!("file:FILE={},FORMAT=raw", file.display())
}

/// A saw tooth: no two neighbours are alike.
fn saw(samples: usize) -> Vec<i16> {
    let teeth = (-12_000..12_000).step_by(250);
    teeth.cycle().take(samples).collect()
}

/// The frames of a raw file of two channels.
fn frames(file: &Path) -> Vec<[i16; 2]> {
    let octets = std::fs::read(file).expect("the device has made the file");
    let (frames, rest) = octets.as_chunks::<4>();
    assert!(rest.is_empty());
    frames
        .iter()
        .map(|[a, b, c, d]| [i16::from_le_bytes([*a, *b]), i16::from_le_bytes([*c, *d])])
        .collect()
}

#[test]
fn every_sample_of_a_stretch_comes_out_of_both_channels() {
    if !has_alsa() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("played.raw");
    let mut sink = Alsa::new(&file_device(&file), RATE);
    // Not a whole number of periods of any device.
    let played = saw(RATE as usize + 123);

    sink.begin("page").unwrap();
    for samples in played.chunks(PERIOD) {
        sink.write(samples).unwrap();
    }
    assert_eq!(sink.end().unwrap(), None);

    let heard = frames(&file);
    let expected: Vec<[i16; 2]> = played.iter().map(|sample| [*sample; 2]).collect();
    assert!(heard == expected, "{} of {} frames", heard.len(), expected.len());
}

#[test]
fn a_device_takes_one_stretch_after_the_other() {
    if !has_alsa() {
        return;
    }
    let mut sink = Alsa::new("null", RATE);
    for _ in 0..3 {
        sink.begin("page").unwrap();
        sink.write(&[7; PERIOD]).unwrap();
        sink.end().unwrap();
    }
}

#[test]
fn what_alsa_swallows_is_not_audible() {
    assert!(!Alsa::new("null", RATE).is_audible());
    assert!(Alsa::new("default", RATE).is_audible());
}

#[test]
fn a_device_that_does_not_exist_is_named_with_what_to_do() {
    if !has_alsa() {
        return;
    }
    let mut sink = Alsa::new("no-such-device", RATE);
    assert!(sink.probe().unwrap().is_err());
    let told = sink.begin("page").unwrap_err().to_string();
    assert!(
        told.contains("no-such-device") && told.contains("No such") && told.contains("aplay -L"),
        "{told}"
    );
    assert!(matches!(sink.write(&[1]), Err(SinkError::NotOpen)));
    assert_eq!(sink.end().unwrap(), None);
}

#[test]
fn sound_outside_a_stretch_is_not_taken() {
    let mut sink = Alsa::new("null", RATE);
    assert!(matches!(sink.write(&[1]), Err(SinkError::NotOpen)));
    assert_eq!(sink.end().unwrap(), None);
}

#[test]
fn a_device_name_with_a_zero_is_refused() {
    let told = Alsa::new("nu\0ll", RATE).begin("page").unwrap_err();
    assert!(matches!(told, SinkError::Output { .. }), "{told}");
}

#[test]
fn a_device_is_heard_from_its_beginning_to_its_end_and_a_missing_one_is_named() {
    if !has_alsa() {
        return;
    }
    let mut microphone = AlsaMicrophone::new("null", RATE);
    microphone.probe().unwrap();
    microphone.begin().unwrap();
    let mut heard = [7; PERIOD];
    microphone.read(&mut heard).unwrap();
    assert_eq!(heard, [0; PERIOD]);
    microphone.end();
    assert!(microphone.read(&mut heard).is_err());

    let error = AlsaMicrophone::new("no-such-card", RATE)
        .probe()
        .unwrap_err()
        .to_string();
    assert!(error.contains("alsa:no-such-card"), "{error}");
}
