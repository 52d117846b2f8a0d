//! Sound files: tones before pages, tones of rings, announcements of alerts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audio::Sound;
use endpoint::profile::tone_of;
use endpoint::tones::{BuiltinTone, Recording, ToneSource};
use endpoint::{Profile, RECORDING_MAX, SoundOrder, TONE_MAX};
use media::sample::SampleRate;
use model::SlotKind;
use model::config::{EndpointConfig, Kind, Tone};
use tokio::task::spawn_blocking;

use super::Appliance;
use crate::start::OrderError;

/// Loads the sound files that a configuration names from a folder. Where one is not there, or cannot be played, the
/// built-in signal stays that the profile has: a page or an alert must not fail for its tone.
pub(super) fn load_tones(config: &EndpointConfig, folder: &Path, profile: &mut Profile) {
    let mut files = Files::new(folder, profile.sound.output_rate);
    for (slot, slot_profile) in config.slots.iter().zip(&mut profile.slots) {
        let longest = match slot.position.kind() {
            SlotKind::Page | SlotKind::Alert => TONE_MAX,
            SlotKind::Ring => RECORDING_MAX,
        };
        files.load(tone_of(config, slot), longest, &mut slot_profile.tone);
        if let (Some(passcode), Some(asked)) = (config.passcode_of(slot), &mut slot_profile.passcode) {
            files.load(&passcode.tone, TONE_MAX, &mut asked.prompt);
        }
    }
    for (rule, rule_profile) in config.ring.rules.iter().zip(&mut profile.ring.rules) {
        files.load(&rule.tone, RECORDING_MAX, &mut rule_profile.tone);
    }
    for (zone, zone_profile) in config.multicast.zones.iter().zip(&mut profile.multicast.zones) {
        files.load(&zone.tone, TONE_MAX, &mut zone_profile.tone);
    }
    let announcements = config
        .alerts
        .announcements
        .iter()
        .zip(&mut profile.alerts.announcements);
    for (announcement, announcement_profile) in announcements {
        files.load(&announcement.tone, RECORDING_MAX, &mut announcement_profile.tone);
    }
}

impl Appliance {
    /// Starts or stops a sound of the device itself.
    ///
    /// # Errors
    ///
    /// Says why it is not started.
    pub async fn order(&self, order: SoundOrder) -> Result<(), OrderError> {
        self.0.device.order(order).await
    }

    /// The sound file of a name, without a path: one of the folder, or else the built-in signal that stands for it.
    pub async fn sound_file(&self, name: &str) -> Option<ToneSource> {
        // What is no name of a file would lead out of the folder.
        Kind::Tone.check(name).ok()?;
        let (name, surroundings) = (name.to_owned(), self.0.surroundings.clone());
        let load = move || {
            let files = Files::new(&surroundings.tones, surroundings.output_rate);
            let recording = files.open(&name, RECORDING_MAX).map(ToneSource::Recording);
            recording.or_else(|| BuiltinTone::named(&name).map(ToneSource::Builtin))
        };
        spawn_blocking(load).await.ok()?
    }
}

/// The files of a folder: of each as much as is played, once for all that name it.
struct Files<'a> {
    folder: &'a Path,
    rate: SampleRate,
    /// `None` where the file cannot be played.
    recording_by_name: BTreeMap<(String, Duration), Option<Recording>>,
}

impl<'a> Files<'a> {
    fn new(folder: &'a Path, rate: SampleRate) -> Self {
        Self {
            folder,
            rate,
            recording_by_name: BTreeMap::new(),
        }
    }

    fn load(&mut self, tone: &Tone, longest: Duration, into: &mut ToneSource) {
        let Tone::File(name) = tone else {
            return;
        };
        let key = (name.clone(), longest);
        let recording = match self.recording_by_name.get(&key) {
            Some(recording) => recording.clone(),
            None => {
                let recording = self.open(name, longest);
                self.recording_by_name.insert(key, recording.clone());
                recording
            }
        };
        if let Some(recording) = recording {
            *into = ToneSource::Recording(recording);
        }
    }

    fn open(&self, name: &str, longest: Duration) -> Option<Recording> {
        match Sound::open(&self.folder.join(name), self.rate.hertz()) {
            Ok(mut sound) => {
                sound.samples.truncate(self.rate.samples_in(longest));
                Some(Recording {
                    name: name.into(),
                    samples: Arc::from(sound.samples),
                })
            }
            // A built-in signal stands for the file that the hardware has.
            Err(_) if BuiltinTone::named(name).is_some() => None,
            Err(error) => {
                tracing::warn!(%name, %error, "the sound file cannot be loaded; a built-in signal plays in its place");
                None
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

    fn tones(folder: &Path) -> Vec<ToneSource> {
        let text = "sip.proxy = a\nsip.u1.user = u\naudio.page.tone = bell.wav\n\
                    mcast.ext1 = v\nmcast.tone1 = missing.wav\nmcast.ext2 = w\nmcast.tone2 = None\n";
        tones_of(text, folder)
    }

    fn tones_of(text: &str, folder: &Path) -> Vec<ToneSource> {
        let profile = profile(text, folder);
        profile.slots.into_iter().map(|slot| slot.tone).collect()
    }

    fn profile(text: &str, folder: &Path) -> Profile {
        let config = EndpointConfig::from_document(&Document::parse(text).unwrap()).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: String::new(),
            instance: None,
        };
        let mut profile = Profile::from_config(&config, identity, SampleRate::Hz8000);
        load_tones(&config, folder, &mut profile);
        profile
    }

    const CHIME: ToneSource = ToneSource::Builtin(BuiltinTone::PageNotification);

    fn bell(samples: &[i16]) -> ToneSource {
        ToneSource::Recording(Recording {
            name: "bell.wav".into(),
            samples: samples.into(),
        })
    }

    #[test]
    fn a_tone_file_is_loaded_and_a_missing_one_leaves_the_chime() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), &[1, 2, 3]);

        assert_eq!(tones(folder.path()), [bell(&[1, 2, 3]), CHIME, ToneSource::None]);
    }

    #[test]
    fn a_tone_of_eight_seconds_is_kept_whole_and_no_sample_more() {
        for (recorded, kept) in [(64_000, 64_000), (64_001, 64_000)] {
            let folder = tempfile::tempdir().unwrap();
            record(folder.path(), &vec![1; recorded]);

            let tones = tones(folder.path());

            assert_eq!(tones.first(), Some(&bell(&vec![1; kept])));
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
                ToneSource::Recording(recording) => Some(&recording.samples),
                ToneSource::None | ToneSource::Builtin(_) => None,
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

        assert_eq!(tones(folder.path()).first(), Some(&CHIME));
    }

    #[test]
    fn rings_and_announcements_have_their_files_too() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), &[1, 2, 3]);
        let text = "sip.proxy = a\nsip.alert1.user = u\nsip.alert1.tone = bell.wav\n\
                    sip.alert2.user = v\nsip.alert3.user = w\nsip.alert3.tone = None\n\
                    audio.ring.cid1.use = 1\naudio.ring.cid1.regex = 7\naudio.ring.cid1.tone = bell.wav\n\
                    ann.tone1 = bell.wav\nann.tone2 = missing.wav\nann.tone3 = gong.wav\n\
                    mcast.rxtone8 = bell.wav\n";

        let profile = profile(text, folder.path());

        let warble = ToneSource::Builtin(BuiltinTone::WarbleMedium);
        let of_slots: Vec<_> = profile.slots.iter().map(|slot| slot.tone.clone()).collect();
        assert_eq!(of_slots, [bell(&[1, 2, 3]), warble, ToneSource::None]);
        assert_eq!(profile.ring.rules[0].tone, bell(&[1, 2, 3]));
        let of_zones: Vec<_> = profile
            .multicast
            .zones
            .iter()
            .map(|zone| zone.tone.clone())
            .collect();
        assert_eq!(of_zones, [ToneSource::None, bell(&[1, 2, 3]), ToneSource::None]);
        let announcements = &profile.alerts.announcements;
        assert_eq!(announcements[0].tone, bell(&[1, 2, 3]));
        assert_eq!(
            announcements[1].tone,
            ToneSource::Builtin(BuiltinTone::Evacuation)
        );
        assert_eq!(announcements[2].tone, ToneSource::Builtin(BuiltinTone::Gong));
    }

    #[test]
    fn an_announcement_of_sixty_seconds_is_kept_whole_and_no_sample_more() {
        for (recorded, kept) in [(480_000, 480_000), (480_001, 480_000)] {
            let folder = tempfile::tempdir().unwrap();
            record(folder.path(), &vec![1; recorded]);

            let profile = profile("ann.tone1 = bell.wav\n", folder.path());

            assert_eq!(profile.alerts.announcements[0].tone, bell(&vec![1; kept]));
        }
    }
}
