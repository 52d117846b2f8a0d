//! Sound from MP3, Ogg Vorbis and FLAC files, beside WAV.

use std::io::Cursor;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use crate::source::{CHANNELS_MAX, RATES, longest, to_i16};
use crate::{Sound, SourceError};

/// Broken packets in a row that are passed over: more is no sound, but work for a decoder.
const BROKEN_MAX: u32 = 16;

impl Sound {
    /// Reads a whole file of any kind that is taken, told by its content and not by its name, brought to `rate` samples a second.
    ///
    /// What the file says of its length is not believed, and no more is decoded than the longest sound has.
    ///
    /// # Errors
    ///
    /// When it is not playable, too long or empty; `name` stands in the error.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, rate: u32) -> Result<Self, SourceError> {
        if bytes.starts_with(b"RIFF") || bytes.starts_with(b"RF64") {
            return Self::read(name, &bytes[..], rate);
        }
        let sound = decode(bytes).map_err(|what| SourceError::NotPlayable {
            name: name.to_owned(),
            what,
        })?;
        sound.fitting(name, rate)
    }
}

/// Decodes the first track, one sample behind the longest sound at most.
fn decode(bytes: Vec<u8>) -> Result<Sound, String> {
    let told = |error: Error| error.to_string();
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(
            &Hint::new(),
            source,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|error| match error {
            Error::Unsupported(what) => format!("it is neither WAV, MP3, Ogg nor FLAC: {what}"),
            error => format!("it is broken at its beginning: {error}"),
        })?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("it has no sound track")?;
    let track_id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or("its sound track says nothing of itself")?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(told)?;
    let mut sound = Sound {
        samples: Vec::new(),
        rate: 0,
    };
    let (mut frames, mut broken) = (Vec::new(), 0);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // What has come is what there is, of a file that breaks off too.
            Ok(None) | Err(Error::IoError(_) | Error::ResetRequired) => return Ok(sound),
            Err(error) => return Err(told(error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(buffer) => {
                broken = 0;
                append(&mut sound, &buffer, &mut frames)?;
            }
            Err(Error::DecodeError(_)) if broken < BROKEN_MAX => broken += 1,
            Err(error) => return Err(told(error)),
        }
        if sound.rate > 0 && sound.samples.len() > longest(sound.rate) {
            return Ok(sound);
        }
    }
}

/// Averages the channels of what was decoded.
fn append(
    sound: &mut Sound,
    buffer: &GenericAudioBufferRef<'_>,
    frames: &mut Vec<f32>,
) -> Result<(), String> {
    let rate = buffer.spec().rate();
    let channels = buffer.spec().channels().count();
    if !RATES.contains(&rate) {
        return Err(format!("{rate} samples a second"));
    }
    if channels == 0 || channels > usize::from(CHANNELS_MAX) {
        return Err(format!("{channels} channels"));
    }
    if sound.rate != 0 && sound.rate != rate {
        return Err("its rate changes".to_owned());
    }
    sound.rate = rate;
    frames.resize(buffer.samples_interleaved(), 0.0);
    buffer.copy_to_slice_interleaved(&mut frames[..]);
    let share = u16::try_from(channels).map_or(1.0, |channels| 1.0 / f32::from(channels));
    sound.samples.extend(
        frames
            .chunks_exact(channels)
            .map(|frame| to_i16(frame.iter().sum::<f32>() * share)),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &[u8]); 3] = [
        ("tone.mp3", include_bytes!("../tests/data/tone.mp3")),
        ("tone.ogg", include_bytes!("../tests/data/tone.ogg")),
        ("tone.flac", include_bytes!("../tests/data/tone.flac")),
    ];

    /// Half a second of 1 kHz: as long, and with as many changes of sign, but for what an MP3 encoder puts around it.
    fn assert_tone(name: &str, sound: &Sound) {
        assert!(
            (0.49..0.62).contains(&sound.seconds()),
            "{name}: {} s",
            sound.seconds()
        );
        let loud: Vec<i16> = sound
            .samples
            .iter()
            .copied()
            .skip_while(|sample| sample.unsigned_abs() < 4_000)
            .take(3_200)
            .collect();
        let changes = loud
            .windows(2)
            .filter(|pair| (pair[0] < 0) != (pair[1] < 0))
            .count();
        assert!((780..=810).contains(&changes), "{name}: {changes}");
    }

    #[test]
    fn each_kind_of_file_is_decoded_and_told_by_its_content() {
        for (name, bytes) in FILES {
            let sound = Sound::from_bytes("upload", bytes.to_vec(), 8_000).unwrap();

            assert_eq!(sound.rate, 8_000, "{name}");
            assert_tone(name, &sound);
        }
    }

    #[test]
    fn w04_what_is_no_sound_is_refused_and_a_file_that_breaks_off_is_as_long_as_it_is() {
        for junk in [
            &b""[..],
            b"<script>alert(1)</script>",
            b"OggS",
            b"fLaC\0\0\0\x22",
            &[0xff; 4_096],
        ] {
            assert!(
                Sound::from_bytes("junk", junk.to_vec(), 8_000).is_err(),
                "{junk:?}"
            );
        }
        for (name, bytes) in FILES {
            let half = bytes[..bytes.len() / 2].to_vec();
            if let Ok(sound) = Sound::from_bytes(name, half, 8_000) {
                assert!(sound.seconds() < 0.5, "{name}");
            }
        }
    }

    #[test]
    fn a_file_that_breaks_off_at_once_is_told_so_and_not_that_it_is_another() {
        let said = |bytes: &[u8]| {
            let error = Sound::from_bytes("upload", bytes.to_vec(), 8_000).unwrap_err();
            error.to_string()
        };
        for (name, bytes) in &FILES[1..] {
            let said = said(&bytes[..40]);
            assert!(said.contains("broken at its beginning"), "{name}: {said}");
        }
        assert!(said(b"<script>alert(1)</script>").contains("neither WAV"));
    }

    #[test]
    fn w04_no_changed_octet_makes_a_decoder_panic() {
        for (name, bytes) in FILES {
            for place in (0..bytes.len()).step_by(7) {
                let mut changed = bytes.to_vec();
                changed[place] ^= 0xff;
                // Whether it can be played or not: nothing breaks.
                let _outcome = Sound::from_bytes(name, changed, 0).is_ok();
            }
        }
    }
}
