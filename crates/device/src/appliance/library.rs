//! The sound files that a configuration may name.
//!
//! Whatever is brought is decoded first and kept as a WAV file of the output's rate: what cannot be played is never stored, and what
//! is played later is not what somebody else has formed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use audio::{Sound, SourceError};
use hound::{SampleFormat, WavSpec, WavWriter};

/// Bytes of a file that is brought.
pub const TONE_UPLOAD_MAX: usize = 32 * 1024 * 1024;
/// Files kept.
pub const TONES_MAX: usize = 200;
/// Bytes of all files together: three quarters of an hour of sound.
pub const TONES_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Characters of a file's name without its ending.
const NAME_LENGTH_MAX: usize = 48;

const UNFINISHED: &str = ".unfinished";
const ENDING: &str = ".wav";

/// A sound file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToneFile {
    /// Its name, as a configuration has it.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Why a sound file was not kept. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum ToneError {
    /// The name is not one.
    #[error(
        "{NAME_LENGTH_MAX} letters, digits, dots, dashes and underscores at most would be a name, the first no dot"
    )]
    Name,
    /// It is larger than may be.
    #[error("the file is larger than {} MiB", TONE_UPLOAD_MAX / 1024 / 1024)]
    TooLarge,
    /// It cannot be played.
    #[error(transparent)]
    Sound(#[from] SourceError),
    /// There are as many files as may be, or as large ones.
    #[error("there is no room: {TONES_MAX} files of {} MiB together may be kept; remove one first", TONES_BYTES_MAX / 1024 / 1024)]
    Quota,
    /// The program ends.
    #[error("the endpoint is ending")]
    Interrupted,
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// The file system refuses.
    #[error("the file cannot be kept or removed: {0}")]
    File(#[source] io::Error),
}

/// Lists the sound files of a folder by their names.
pub(super) fn list(folder: &Path) -> Vec<ToneFile> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<ToneFile> = entries
        .flatten()
        .take(TONES_MAX * 2)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // A link leads elsewhere, and is not looked at.
            let facts = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            (name.ends_with(ENDING) && !name.starts_with('.')).then_some(ToneFile {
                name,
                bytes: facts.len(),
            })
        })
        .collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

/// Decodes a file and keeps it under a name, in the place of an earlier one of that name.
pub(super) fn add(folder: &Path, name: &str, bytes: Vec<u8>, rate: u32) -> Result<ToneFile, ToneError> {
    let name = kept_name(name).ok_or(ToneError::Name)?;
    if bytes.len() > TONE_UPLOAD_MAX {
        return Err(ToneError::TooLarge);
    }
    let sound = Sound::from_bytes(&name, bytes, rate)?;
    let others: Vec<ToneFile> = list(folder)
        .into_iter()
        .filter(|file| file.name != name)
        .collect();
    let taken: u64 = others.iter().map(|file| file.bytes).sum();
    let needed = u64::try_from(sound.samples.len())
        .unwrap_or(u64::MAX)
        .saturating_mul(2);
    if others.len() >= TONES_MAX || taken.saturating_add(needed) > TONES_BYTES_MAX {
        return Err(ToneError::Quota);
    }
    fs::create_dir_all(folder).map_err(ToneError::File)?;
    let unfinished = folder.join(UNFINISHED);
    let kept = write(&unfinished, &sound).and_then(|()| fs::rename(&unfinished, folder.join(&name)));
    if let Err(error) = kept {
        // What is left of it is in nobody's way: the next one takes its place.
        let _is_gone = fs::remove_file(&unfinished).is_ok();
        return Err(ToneError::File(error));
    }
    Ok(ToneFile { name, bytes: needed })
}

/// Removes a file.
pub(super) fn remove(folder: &Path, name: &str) -> Result<(), ToneError> {
    let path = path_of(folder, name).ok_or(ToneError::Missing)?;
    fs::remove_file(path).map_err(ToneError::File)
}

/// The path of a file that is there.
pub(super) fn path_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_listed = list(folder).iter().any(|file| file.name == name);
    is_listed.then(|| folder.join(name))
}

/// The name under which a file is kept: of its last part, with the ending of what is kept.
fn kept_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match last.rsplit_once('.') {
        Some((stem, ending))
            if ["wav", "mp3", "ogg", "oga", "flac"].contains(&ending.to_ascii_lowercase().as_str()) =>
        {
            stem
        }
        _ => last,
    };
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let stem: String = stem
        .chars()
        .map(|character| if character == ' ' { '-' } else { character })
        .collect();
    let is_name = !stem.is_empty()
        && stem.len() <= NAME_LENGTH_MAX
        && !stem.starts_with('.')
        && stem.chars().all(is_plain);
    is_name.then(|| format!("{stem}{ENDING}"))
}

fn write(path: &Path, sound: &Sound) -> io::Result<()> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: sound.rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let failed = |error: hound::Error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    };
    let mut writer = WavWriter::create(path, spec).map_err(failed)?;
    for sample in &sound.samples {
        writer.write_sample(*sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(samples: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let sound = Sound {
            samples: vec![1_000; samples],
            rate: 8_000,
        };
        write(&path, &sound).unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_file_is_kept_as_a_wav_file_of_the_outputs_rate_and_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();

        let kept = add(folder.path(), "Shift Change.WAV", wav(800), 48_000).unwrap();

        assert_eq!(kept.name, "Shift-Change.wav");
        let sound = Sound::open(&folder.path().join("Shift-Change.wav"), 0).unwrap();
        assert_eq!((sound.rate, sound.samples.len()), (48_000, 4_800));
        remove(folder.path(), "Shift-Change.wav").unwrap();
        assert_eq!(list(folder.path()), []);
        assert!(matches!(
            remove(folder.path(), "Shift-Change.wav"),
            Err(ToneError::Missing)
        ));
    }

    #[test]
    fn w04_no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (name, kept) in [
            ("../../etc/passwd", Some("passwd.wav")),
            ("/etc/cron.d/x", Some("x.wav")),
            ("C:\\tones\\bell.mp3", Some("bell.wav")),
            ("..", None),
            (".hidden", None),
            ("", None),
            ("a\0b", None),
            ("a\nb", None),
            ("bell\u{202e}.wav", None),
            ("a;rm -rf $HOME`x`", None),
        ] {
            assert_eq!(kept_name(name).as_deref(), kept, "{name:?}");
        }
        assert!(matches!(
            remove(folder.path(), "../x.wav"),
            Err(ToneError::Missing)
        ));
        assert_eq!(
            kept_name(&"x".repeat(NAME_LENGTH_MAX)).map(|name| name.len()),
            Some(NAME_LENGTH_MAX + 4)
        );
        assert_eq!(kept_name(&"x".repeat(NAME_LENGTH_MAX + 1)), None);
    }

    #[test]
    fn w04_what_is_no_sound_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();

        let outcome = add(folder.path(), "bell.wav", b"<script>".to_vec(), 48_000);

        assert!(matches!(outcome, Err(ToneError::Sound(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn w04_a_link_in_the_folder_is_neither_listed_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("x.wav")).unwrap();

        assert_eq!(list(folder.path()), []);
        assert!(matches!(remove(folder.path(), "x.wav"), Err(ToneError::Missing)));
    }

    #[test]
    fn w04_so_many_files_are_kept_and_not_one_more() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..TONES_MAX {
            fs::write(folder.path().join(format!("{number}.wav")), "").unwrap();
        }

        let outcome = add(folder.path(), "one-more.wav", wav(8), 48_000);
        assert!(matches!(outcome, Err(ToneError::Quota)));
        assert!(
            add(folder.path(), "0.wav", wav(8), 48_000).is_ok(),
            "in the place of another"
        );
    }

    #[test]
    fn w04_so_many_bytes_are_kept_and_not_one_more() {
        let folder = tempfile::tempdir().unwrap();
        let large = fs::File::create(folder.path().join("large.wav")).unwrap();
        large.set_len(TONES_BYTES_MAX - 96).unwrap();

        assert!(matches!(
            add(folder.path(), "a.wav", wav(9), 48_000),
            Err(ToneError::Quota)
        ));
        assert!(add(folder.path(), "a.wav", wav(8), 48_000).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();

        assert!(matches!(
            add(&file, "a.wav", wav(8), 48_000),
            Err(ToneError::File(_))
        ));
    }
}
