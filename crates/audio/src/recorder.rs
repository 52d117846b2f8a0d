//! A sink that writes each stretch of sound to a WAV file of its own.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::{Sink, SinkError};

/// Files of one device kept in the folder; the oldest goes when one more is begun.
pub const RECORDINGS_KEPT: usize = 100;
/// Longest stretch in one file, in seconds: an hour is about 350 MB at 48,000 samples a second.
pub const STRETCH_SECONDS_MAX: u32 = 3_600;
/// Characters of a label that stand in the file's name: a page's id is shorter.
const LABEL_LENGTH_MAX: usize = 64;
/// Seconds of sound after which the header is brought up to date, so that a file is whole after a crash.
const HEADER_SECONDS: u32 = 1;

/// Writes WAV files named `<device>-<number>-<label>.wav` into a folder.
pub struct Recorder {
    folder: PathBuf,
    device: String,
    rate: u32,
    number: u64,
    file: Option<Recording>,
}

struct Recording {
    path: PathBuf,
    writer: WavWriter<BufWriter<fs::File>>,
    written: u64,
    header_due: u64,
}

impl Recorder {
    /// Makes the folder if need be. `rate` is in samples a second.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made or listed.
    pub fn new(folder: &Path, device: &str, rate: u32) -> Result<Self, SinkError> {
        let failed = |source| SinkError::File {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut recorder = Self {
            folder: folder.to_owned(),
            device: device.to_owned(),
            rate,
            number: 0,
            file: None,
        };
        recorder.number = recorder.kept()?.last().map_or(0, |(number, _)| *number);
        Ok(recorder)
    }

    /// This device's files, oldest first.
    fn kept(&self) -> Result<Vec<(u64, PathBuf)>, SinkError> {
        let failed = |source| SinkError::File {
            path: self.folder.clone(),
            source,
        };
        let prefix = format!("{}-", self.device);
        let mut kept: Vec<(u64, PathBuf)> = fs::read_dir(&self.folder)
            .map_err(failed)?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let rest = path
                    .file_name()?
                    .to_str()?
                    .strip_prefix(&prefix)?
                    .strip_suffix(".wav")?;
                let number = rest.split('-').next()?.parse().ok()?;
                Some((number, path))
            })
            .collect();
        kept.sort();
        Ok(kept)
    }

    fn make_room(&self) -> Result<(), SinkError> {
        let kept = self.kept()?;
        let surplus = (kept.len() + 1).saturating_sub(RECORDINGS_KEPT);
        for (_, path) in kept.into_iter().take(surplus) {
            fs::remove_file(&path).map_err(|source| SinkError::File { path, source })?;
        }
        Ok(())
    }
}

impl Sink for Recorder {
    fn name(&self) -> String {
        format!("file:{}", self.folder.display())
    }

    fn is_audible(&self) -> bool {
        true
    }

    fn begin(&mut self, label: &str) -> Result<(), SinkError> {
        self.end()?;
        self.make_room()?;
        self.number += 1;
        let path = self
            .folder
            .join(format!("{}-{:06}-{}.wav", self.device, self.number, plain(label)));
        let spec = WavSpec {
            channels: 1,
            sample_rate: self.rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = WavWriter::create(&path, spec).map_err(|error| failed(&path, error))?;
        self.file = Some(Recording {
            path,
            writer,
            written: 0,
            header_due: u64::from(self.rate * HEADER_SECONDS),
        });
        Ok(())
    }

    fn write(&mut self, samples: &[i16]) -> Result<(), SinkError> {
        let Some(recording) = &mut self.file else {
            return Err(SinkError::NotOpen);
        };
        let full = u64::from(self.rate) * u64::from(STRETCH_SECONDS_MAX);
        for sample in samples {
            if recording.written >= full {
                return Err(SinkError::Full {
                    path: recording.path.clone(),
                });
            }
            recording
                .writer
                .write_sample(*sample)
                .map_err(|error| failed(&recording.path, error))?;
            recording.written += 1;
        }
        if recording.written >= recording.header_due {
            recording.header_due = recording.written + u64::from(self.rate * HEADER_SECONDS);
            recording
                .writer
                .flush()
                .map_err(|error| failed(&recording.path, error))?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Option<PathBuf>, SinkError> {
        let Some(recording) = self.file.take() else {
            return Ok(None);
        };
        recording
            .writer
            .finalize()
            .map_err(|error| failed(&recording.path, error))?;
        Ok(Some(recording.path))
    }
}

/// The label as part of a file name: it may hold what a peer sent.
fn plain(label: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        }
    };
    label.chars().take(LABEL_LENGTH_MAX).map(plain).collect()
}

fn failed(path: &Path, error: hound::Error) -> SinkError {
    let source = match error {
        hound::Error::IoError(source) => source,
        other => std::io::Error::other(other.to_string()),
    };
    SinkError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_is_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        recorder.begin("page-a").unwrap();
        recorder.write(&[1, 2, 3]).unwrap();
        let first = recorder.end().unwrap().unwrap();
        recorder.begin("page-b").unwrap();
        let second = recorder.end().unwrap().unwrap();
        assert!(first.ends_with("hall-000001-page-a.wav") && second.ends_with("hall-000002-page-b.wav"));
        let samples: Vec<i16> = hound::WavReader::open(first)
            .unwrap()
            .samples()
            .map(Result::unwrap)
            .collect();
        assert_eq!(samples, [1, 2, 3]);
    }

    #[test]
    fn sound_outside_a_stretch_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        assert!(matches!(recorder.write(&[1]), Err(SinkError::NotOpen)));

        fs::remove_dir(folder.path()).unwrap();
        recorder.begin("page").unwrap_err();

        assert!(matches!(recorder.write(&[1]), Err(SinkError::NotOpen)));
    }

    #[test]
    fn numbering_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        Recorder::new(folder.path(), "hall", 8_000)
            .unwrap()
            .begin("a")
            .unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        recorder.begin("b").unwrap();
        assert!(recorder.end().unwrap().unwrap().ends_with("hall-000002-b.wav"));
    }

    #[test]
    fn a_file_is_whole_before_it_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        recorder.begin("page").unwrap();
        recorder.write(&[7; 8_000]).unwrap();
        let reader = hound::WavReader::open(folder.path().join("hall-000001-page.wav")).unwrap();
        assert_eq!(reader.len(), 8_000);
    }

    #[test]
    fn the_oldest_file_goes_when_one_more_than_the_limit_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        let first = folder.path().join("hall-000001-x.wav");
        for _ in 0..RECORDINGS_KEPT {
            recorder.begin("x").unwrap();
        }
        assert!(first.exists());
        recorder.begin("x").unwrap();
        assert!(!first.exists());
    }

    #[test]
    fn another_device_keeps_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hallway-000009-x.wav"), b"").unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        recorder.begin("x").unwrap();
        assert!(recorder.end().unwrap().unwrap().ends_with("hall-000001-x.wav"));
    }

    #[test]
    fn a_full_stretch_takes_no_further_sample() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 1).unwrap();
        recorder.begin("x").unwrap();
        recorder.write(&vec![0; STRETCH_SECONDS_MAX as usize]).unwrap();
        assert!(matches!(recorder.write(&[0]), Err(SinkError::Full { .. })));
    }

    #[test]
    fn a_full_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("hall-000001-page.wav")).unwrap();
        let told = recorder
            .begin("page")
            .and_then(|()| recorder.write(&[7; 8_000]))
            .unwrap_err();
        assert!(told.to_string().contains("hall-000001-page.wav"), "{told}");
        assert!(
            matches!(told, SinkError::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
        );
    }

    #[test]
    fn w04_a_label_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        for (label, name) in [
            ("../../etc/x\0", "hall-000001-------etc-x-.wav"),
            ("", "hall-000002-.wav"),
        ] {
            recorder.begin(label).unwrap();
            assert_eq!(recorder.end().unwrap(), Some(folder.path().join(name)));
        }
    }

    #[test]
    fn a_label_of_the_longest_length_is_kept_and_a_longer_one_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), "hall", 8_000).unwrap();
        for length in [LABEL_LENGTH_MAX, LABEL_LENGTH_MAX + 1] {
            recorder.begin(&"x".repeat(length)).unwrap();
            let kept = format!("hall-{:06}-{}.wav", recorder.number, "x".repeat(LABEL_LENGTH_MAX));
            assert_eq!(recorder.end().unwrap(), Some(folder.path().join(kept)));
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = Recorder::new(&file.join("sub"), "hall", 8_000).err().unwrap();
        assert!(error.to_string().contains("file/sub"), "{error}");
    }
}
