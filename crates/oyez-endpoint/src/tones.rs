//! Sound files that play before a page.

use std::path::Path;
use std::sync::Arc;

use audio::Sound;
use endpoint::Profile;
use endpoint::profile::{PageTone, tone_of};
use model::config::{EndpointConfig, Tone, find};

/// The key whose default names a file.
const PAGE_TONE: &str = "audio.page.tone";

/// Loads the tone files of the slots from a folder. A slot whose file is not there, or cannot be played, keeps the chime:
/// a page must not fail for its tone.
pub(crate) fn load_tones(config: &EndpointConfig, folder: &Path, profile: &mut Profile) {
    let rate = profile.sound.output_rate;
    for (slot, slot_profile) in config.slots.iter().zip(&mut profile.slots) {
        let Tone::File(name) = tone_of(config, slot) else {
            continue;
        };
        match Sound::open(&folder.join(name), rate.hertz()) {
            Ok(sound) => slot_profile.tone = PageTone::Recording(Arc::from(sound.samples)),
            // The chime stands for the file that the hardware has where nothing else is set.
            Err(_) if find(PAGE_TONE).is_some_and(|spec| spec.default == name) => {}
            Err(error) => {
                tracing::warn!(slot = %slot.position, %error, "the tone cannot be loaded; the chime plays in its place");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use endpoint::profile::Identity;
    use media::sample::SampleRate;
    use model::config::Document;

    use super::*;

    fn tones(folder: &Path) -> Vec<PageTone> {
        let text = "sip.proxy = a\nsip.u1.user = u\naudio.page.tone = bell.wav\n\
                    mcast.ext1 = v\nmcast.tone1 = missing.wav\nmcast.ext2 = w\nmcast.tone2 = None\n";
        let config = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: String::new(),
            instance: None,
        };
        let mut profile = Profile::from_config(&config, identity, SampleRate::Hz8000);
        load_tones(&config, folder, &mut profile);
        profile.slots.into_iter().map(|slot| slot.tone).collect()
    }

    #[test]
    fn a_tone_file_is_loaded_and_a_missing_one_leaves_the_chime() {
        let folder = tempfile::tempdir().unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(folder.path().join("bell.wav"), spec).unwrap();
        for sample in [1, 2, 3] {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();

        let bell = PageTone::Recording(Arc::from(vec![1, 2, 3]));
        assert_eq!(tones(folder.path()), [bell, PageTone::Chime, PageTone::None]);
    }

    #[test]
    fn a_tone_that_is_no_sound_leaves_the_chime() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bell.wav"), "no sound").unwrap();

        assert_eq!(tones(folder.path()).first(), Some(&PageTone::Chime));
    }
}
