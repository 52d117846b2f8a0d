//! A phone at the cloud, and what it says.

use std::path::{Path, PathBuf};

use audio::Sound;
use peers::{Account, Baresip, Media};

use crate::cloud::{DOMAIN, LOOPBACK};

/// A phone of the cloud that listens on a port, registered, that speaks a sound file into its calls.
pub(crate) fn phone(port: u16, speech: &Path) -> Baresip {
    let outbound = format!("sip:127.0.0.1:{port};transport=tls");
    let account = Account {
        user: "2002",
        authorization_id: "77120",
        password: "phone-secret",
        domain: DOMAIN,
        outbound: Some(&outbound),
        transport: "tls",
        authority: None,
        media: Media::SecurePcmu,
    };
    Baresip::start(&account, LOOPBACK, speech)
}

/// The first `seconds` of the program's own spoken page, as the phone's codec takes it.
pub(crate) fn speech(folder: &Path, seconds: usize) -> (Sound, PathBuf) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oyez/assets/page.wav");
    let mut sound = Sound::open(&page, 8_000).unwrap();
    sound.samples.truncate(seconds * 8_000);
    let file = folder.join("speech.wav");
    write_wave(&file, &sound.samples);
    (sound, file)
}

/// Writes samples at 8 kHz.
pub(crate) fn write_wave(file: &Path, samples: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec).unwrap();
    samples
        .iter()
        .for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
}
