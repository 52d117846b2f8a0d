//! The versions of a configuration on disk.
//!
//! ```text
//!   config/current             the number of the version that applies
//!   config/000042/given.conf   what the endpoint was given
//!   config/000042/local.conf   what was set on it
//!   config/000042/about.json   when, and by whom
//! ```
//!
//! A version is written under another name, made durable, and renamed; then `current` is replaced in the same way. A power cut
//! leaves the earlier version or the later one, never a mixture.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::config::{Document, Settings};
use serde::{Deserialize, Serialize};

/// Versions kept: the one that applies and those that can be gone back to.
pub const VERSIONS_KEPT: usize = 21;

/// What the configuration file said.
const FILE: &str = "file.conf";
const CURRENT: &str = "current";
const GIVEN: &str = "given.conf";
const LOCAL: &str = "local.conf";
const ABOUT: &str = "about.json";
const UNFINISHED: &str = "unfinished";
/// The files hold passwords.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Who made a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Author {
    /// Somebody at the device's web pages.
    Web,
    /// A program, over the REST API.
    Api,
    /// The file that the endpoint was started with.
    File,
    /// A provisioning server.
    Provisioning,
    /// A back-up was restored at the web pages.
    Import,
    /// Somebody went back to an earlier version.
    RollBack {
        /// Which.
        to: u32,
    },
}

/// What is known of a version without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number; a later version has a higher one.
    pub number: u32,
    /// When it was made, in seconds since 1970-01-01 UTC, by the device's clock.
    pub made_at: u64,
    /// Who made it.
    #[serde(flatten)]
    pub author: Author,
}

/// Why versions cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refuses.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A version cannot be read as the configuration it was.
    #[error("{} is damaged: {problem}", .path.display())]
    Damaged {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// The folder of versions.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    versions: Vec<Version>,
}

/// Which version applies, by the file that says it.
enum Current {
    Number(u32),
    /// None has been kept to its end.
    None,
    /// The file says nothing that can be read.
    Garbled,
}

impl Store {
    /// Opens a folder, which need not be there before the first version. Gives the settings that apply: of a current version that is damaged, those of the last one
    /// before it that is not; where it is not known which version was current, those of the newest that is not; none without any version.
    pub(super) fn open(folder: &Path) -> Result<(Self, Option<Settings>), StoreError> {
        let mut store = Self {
            folder: folder.to_owned(),
            versions: Vec::new(),
        };
        if !folder.exists() {
            return Ok((store, None));
        }
        let current = store.current()?;
        store.versions = store.list()?;
        match current {
            // What was written but never applied was refused by a power cut.
            Current::Number(current) => store.versions.retain(|version| version.number <= current),
            Current::None => store.versions.clear(),
            Current::Garbled => tracing::error!(
                folder = %folder.display(),
                "which version of the configuration was current cannot be read; the newest one that is whole applies"
            ),
        }
        let numbers: Vec<u32> = store
            .versions
            .iter()
            .rev()
            .map(|version| version.number)
            .collect();
        for number in numbers {
            match store.read(number) {
                Ok(settings) => {
                    store.versions.retain(|version| version.number <= number);
                    return Ok((store, Some(settings)));
                }
                Err(error) => tracing::error!(%error, "the version before it applies"),
            }
        }
        Ok((store, None))
    }

    /// The versions, the oldest first.
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// What the configuration file said when the endpoint was last started; nothing if it was started without one, or if that
    /// cannot be read: then what was given counts as provisioned, and stays.
    pub(super) fn file(&self) -> Document {
        let text = fs::read_to_string(self.folder.join(FILE)).unwrap_or_default();
        Document::parse(&text).unwrap_or_default()
    }

    /// Keeps what the configuration file says, if it says something else than before.
    pub(super) fn keep_file(&self, file: &Document) -> Result<(), StoreError> {
        let text = file.to_text();
        if text == self.file().to_text() {
            return Ok(());
        }
        let (new, path) = (self.folder.join("file.new"), self.folder.join(FILE));
        write_durably(&new, &text)?;
        fs::rename(&new, &path).map_err(failed("write", &path))?;
        synchronise(&self.folder)
    }

    /// Reads a version.
    pub(super) fn read(&self, number: u32) -> Result<Settings, StoreError> {
        let folder = self.folder_of(number);
        let damaged = |problem: String| StoreError::Damaged {
            path: folder.clone(),
            problem,
        };
        let document = |name: &str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
            Document::parse(&text).map_err(|errors| damaged(first(&errors)))
        };
        Settings::new(document(GIVEN)?, document(LOCAL)?).map_err(|errors| damaged(first(&errors)))
    }

    /// Keeps settings as the version that applies from here on, and forgets the oldest beyond [`VERSIONS_KEPT`].
    pub(super) fn keep(
        &mut self,
        settings: &Settings,
        author: Author,
        made_at: u64,
    ) -> Result<Version, StoreError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&self.folder)
            .map_err(failed("make", &self.folder))?;
        let number = self.list()?.last().map_or(0, |version| version.number) + 1;
        let version = Version {
            number,
            made_at,
            author,
        };
        let unfinished = self.folder.join(UNFINISHED);
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(failed("remove", &unfinished))?;
        }
        fs::DirBuilder::new()
            .mode(FOLDER_MODE)
            .create(&unfinished)
            .map_err(failed("make", &unfinished))?;
        write_durably(&unfinished.join(GIVEN), &settings.given().to_text())?;
        write_durably(&unfinished.join(LOCAL), &settings.local().to_text())?;
        let about = serde_json::to_string(&version).unwrap_or_default();
        write_durably(&unfinished.join(ABOUT), &about)?;
        synchronise(&unfinished)?;
        let folder = self.folder_of(number);
        fs::rename(&unfinished, &folder).map_err(failed("make", &folder))?;
        synchronise(&self.folder)?;

        let next = self.folder.join("current.new");
        write_durably(&next, &format!("{number}\n"))?;
        let current = self.folder.join(CURRENT);
        fs::rename(&next, &current).map_err(failed("write", &current))?;
        synchronise(&self.folder)?;
        self.versions.push(version.clone());
        self.forget_oldest();
        Ok(version)
    }

    fn forget_oldest(&mut self) {
        while self.versions.len() > VERSIONS_KEPT {
            let oldest = self.versions.remove(0);
            let folder = self.folder_of(oldest.number);
            // It is in nobody's way, and the next version tries again.
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::warn!(%error, "an old version of the configuration stays");
            }
        }
    }

    fn folder_of(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:06}"))
    }

    fn current(&self) -> Result<Current, StoreError> {
        let path = self.folder.join(CURRENT);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().parse().map_or(Current::Garbled, Current::Number)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Current::None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Current::Garbled),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// All versions on disk, the oldest first.
    fn list(&self) -> Result<Vec<Version>, StoreError> {
        let mut versions = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed("read", &self.folder))? {
            let entry = entry.map_err(failed("read", &self.folder))?;
            let name = entry.file_name();
            let Some(number) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let about = fs::read_to_string(entry.path().join(ABOUT)).ok();
            let version = about.and_then(|about| serde_json::from_str(&about).ok());
            versions.push(version.unwrap_or(Version {
                number,
                made_at: 0,
                author: Author::File,
            }));
        }
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }
}

fn first(errors: &[model::config::ConfigError]) -> String {
    errors.first().map(ToString::to_string).unwrap_or_default()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { action, path, source }
}

fn write_durably(path: &Path, text: &str) -> Result<(), StoreError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(failed("write", path))
}

fn synchronise(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("write", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(volume: &str) -> Settings {
        let given = Document::parse("# lobby\nsip.proxy = a.example\n").unwrap();
        let local = Document::parse(&format!("audio.page.vol = {volume}\n")).unwrap();
        Settings::new(given, local).unwrap()
    }

    fn opened(folder: &Path) -> (Store, Option<Settings>) {
        Store::open(folder).unwrap()
    }

    #[test]
    fn the_folder_is_made_with_the_first_version_and_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("config");
        let (mut store, kept) = opened(&folder);
        assert!(kept.is_none() && store.versions().is_empty() && !folder.exists());

        store.keep(&settings("-6dB"), Author::Web, 0).unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("000001").join(LOCAL)), 0o600);
    }

    #[test]
    fn both_layers_come_back_with_their_author() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(folder.path());

        store.keep(&settings("-6dB"), Author::Web, 1_700_000_000).unwrap();

        let (store, kept) = opened(folder.path());
        let kept = kept.unwrap();
        assert_eq!(kept.given().to_text(), "# lobby\nsip.proxy = a.example\n");
        assert_eq!(kept.value("audio.page.vol"), "-6dB");
        let expected = Version {
            number: 1,
            made_at: 1_700_000_000,
            author: Author::Web,
        };
        assert_eq!(store.versions(), [expected]);
    }

    #[test]
    fn where_the_current_version_cannot_be_told_the_newest_that_is_whole_applies() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(folder.path());
        for volume in ["-3dB", "-6dB", "-9dB"] {
            store.keep(&settings(volume), Author::Web, 0).unwrap();
        }
        fs::write(
            folder.path().join("000003").join(LOCAL),
            "no line of a configuration",
        )
        .unwrap();

        for garbled in [&b""[..], b"two\n", b"\xff\xfe"] {
            fs::write(folder.path().join(CURRENT), garbled).unwrap();
            let (store, kept) = opened(folder.path());
            assert_eq!(kept.unwrap().value("audio.page.vol"), "-6dB");
            assert_eq!(store.versions().len(), 2);
        }
        // The next version is no earlier one's.
        let (mut store, _) = opened(folder.path());
        assert_eq!(store.keep(&settings("-12dB"), Author::Web, 0).unwrap().number, 4);
        assert_eq!(opened(folder.path()).1.unwrap().value("audio.page.vol"), "-12dB");
    }

    #[test]
    fn twenty_earlier_versions_are_kept_and_not_one_more() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(folder.path());

        for number in 0..VERSIONS_KEPT + 1 {
            store.keep(&settings("-6dB"), Author::Api, number as u64).unwrap();
        }

        let (store, _) = opened(folder.path());
        let numbers: Vec<u32> = store.versions().iter().map(|version| version.number).collect();
        assert_eq!((numbers.len(), numbers[0]), (VERSIONS_KEPT, 2));
        assert!(store.read(2).is_ok() && store.read(1).is_err());
    }

    /// What a power cut leaves between any two steps of keeping a version is read as the version before.
    #[test]
    fn a_version_that_was_not_finished_does_not_apply() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(folder.path());
        store.keep(&settings("-6dB"), Author::Web, 0).unwrap();
        store.keep(&settings("-9dB"), Author::Web, 0).unwrap();
        fs::write(folder.path().join(CURRENT), "1\n").unwrap();
        fs::create_dir(folder.path().join(UNFINISHED)).unwrap();

        let (mut store, kept) = opened(folder.path());

        assert_eq!(kept.unwrap().value("audio.page.vol"), "-6dB");
        assert_eq!(store.versions().len(), 1);
        store.keep(&settings("-12dB"), Author::Web, 0).unwrap();
        assert_eq!(opened(folder.path()).1.unwrap().value("audio.page.vol"), "-12dB");
    }

    #[test]
    fn a_damaged_version_gives_way_to_the_one_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(folder.path());
        store.keep(&settings("-6dB"), Author::Web, 0).unwrap();
        store.keep(&settings("-9dB"), Author::Web, 0).unwrap();
        fs::write(folder.path().join("000002").join(LOCAL), "audio.page.vol = lo").unwrap();

        let (_, kept) = opened(folder.path());

        assert_eq!(kept.unwrap().value("audio.page.vol"), "-6dB");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = opened(folder.path());
        store.keep(&settings("-6dB"), Author::Web, 0).unwrap();
        // A file in the place of the folder that is being written stands for a disk that refuses.
        fs::write(folder.path().join(UNFINISHED), "").unwrap();

        let error = store.keep(&settings("-9dB"), Author::Web, 0).unwrap_err();

        assert!(error.to_string().contains(UNFINISHED), "{error}");
        assert_eq!(opened(folder.path()).1.unwrap().value("audio.page.vol"), "-6dB");
    }
}
