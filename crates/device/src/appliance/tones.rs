//! Sound files that play before a page.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use audio::Sound;
use endpoint::profile::{PageTone, tone_of};
use endpoint::{Profile, TONE_MAX};
use model::config::{EndpointConfig, Tone, find};

/// The key whose default names a file.
const PAGE_TONE: &str = "audio.page.tone";

/// Loads the tone files of the slots from a folder, of each as much as is played, once for all slots that name it. A slot
/// whose file is not there, or cannot be played, keeps the chime: a page must not fail for its tone.
pub(super) fn load_tones(config: &EndpointConfig, folder: &Path, profile: &mut Profile) {
    let rate = profile.sound.output_rate;
    let mut tone_by_name = BTreeMap::new();
    for (slot, slot_profile) in config.slots.iter().zip(&mut profile.slots) {
        let Tone::File(name) = tone_of(config, slot) else {
            continue;
        };
        if let Some(tone) = tone_by_name.get(&name) {
            slot_profile.tone = PageTone::clone(tone);
            continue;
        }
        match Sound::open(&folder.join(name), rate.hertz()) {
            Ok(mut sound) => {
                sound.samples.truncate(rate.samples_in(TONE_MAX));
                slot_profile.tone = PageTone::Recording(Arc::from(sound.samples));
                tone_by_name.insert(name, slot_profile.tone.clone());
            }
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
        tones_of(text, folder)
    }

    fn tones_of(text: &str, folder: &Path) -> Vec<PageTone> {
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
        record(folder.path(), &[1, 2, 3]);

        let bell = PageTone::Recording(Arc::from(vec![1, 2, 3]));
        assert_eq!(tones(folder.path()), [bell, PageTone::Chime, PageTone::None]);
    }

    #[test]
    fn a_tone_of_eight_seconds_is_kept_whole_and_no_sample_more() {
        for (recorded, kept) in [(64_000, 64_000), (64_001, 64_000)] {
            let folder = tempfile::tempdir().unwrap();
            record(folder.path(), &vec![1; recorded]);

            let tones = tones(folder.path());

            let Some(PageTone::Recording(samples)) = tones.first() else {
                panic!("{tones:?}");
            };
            assert_eq!(samples.len(), kept);
        }
    }

    #[test]
    fn slots_of_one_tone_share_its_samples() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), &[1, 2, 3]);
        let text =
            "sip.proxy = a\nmcast.ext1 = v\nmcast.tone1 = bell.wav\nmcast.ext2 = w\nmcast.tone2 = bell.wav\n";

        let tones = tones_of(text, folder.path());

        let recordings: Vec<&Arc<[i16]>> = tones
            .iter()
            .filter_map(|tone| match tone {
                PageTone::Recording(samples) => Some(samples),
                PageTone::None | PageTone::Chime => None,
            })
            .collect();
        assert_eq!(recordings.len(), 2);
        assert!(Arc::ptr_eq(recordings[0], recordings[1]));
    }

    fn record(folder: &Path, samples: &[i16]) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(folder.join("bell.wav"), spec).unwrap();
        for sample in samples {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn a_tone_that_is_no_sound_leaves_the_chime() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bell.wav"), "no sound").unwrap();

        assert_eq!(tones(folder.path()).first(), Some(&PageTone::Chime));
    }
}
