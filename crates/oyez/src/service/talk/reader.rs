//! Reads texts out by a program of the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use audio::Sound;
use portal::talk::TALK_RATE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

/// How long a program may take: it reads many times faster than it is heard.
const READING_MAX: Duration = Duration::from_secs(30);
/// How long a program may take to list its voices.
const VOICES_TIME: Duration = Duration::from_secs(5);
/// Octets of what it gives: ten minutes at the rate that such programs use.
const SOUND_MAX: u64 = 32 * 1_024 * 1_024;

/// A program that reads texts out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::service) struct Reader {
    program: PathBuf,
    /// It is flite, which writes a file only; else espeak-ng.
    is_flite: bool,
    /// The voice it is told to read with; its own without one.
    voice: Option<String>,
}

impl Reader {
    /// The first one on the path, with a voice: the one that is wanted, or else that of the machine's language, if it has one.
    ///
    /// # Errors
    ///
    /// When it lists voices, and no such one.
    pub(in crate::service) async fn installed(wanted: Option<&str>) -> Result<Option<Self>, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let Some(reader) = Self::among(&folders) else {
            if wanted.is_some() {
                tracing::warn!("talk.voice has no effect: neither espeak-ng nor flite is installed");
            }
            return Ok(None);
        };
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
        let mut locale = locale.filter_map(|name| env::var(name).ok());
        let locale = locale.find(|locale| !locale.is_empty());
        let voices = reader.voices().await;
        if voices.is_empty() {
            let program = reader.program.display();
            tracing::warn!(%program, "what reads texts out lists no voices; it is told the one of talk.voice, if there is one");
        }
        reader
            .with_voice(&voices, wanted, &locale.unwrap_or_default())
            .map(Some)
    }

    fn with_voice(self, voices: &[String], wanted: Option<&str>, locale: &str) -> Result<Self, String> {
        let voice = match wanted {
            Some(voice) if voices.is_empty() || voices.iter().any(|listed| listed == voice) => {
                Some(voice.to_owned())
            }
            Some(voice) => {
                let (name, how) = self.list_command();
                return Err(format!(
                    "{name} has no voice `{voice}`; right would be one that `{name} {how}` lists"
                ));
            }
            None => of_locale(locale).into_iter().find(|voice| voices.contains(voice)),
        };
        Ok(Self { voice, ..self })
    }

    const fn list_command(&self) -> (&'static str, &'static str) {
        if self.is_flite {
            ("flite", "-lv")
        } else {
            ("espeak-ng", "--voices")
        }
    }

    /// The voices that it lists; none where it fails, or takes too long.
    async fn voices(&self) -> Vec<String> {
        let (_, how) = self.list_command();
        let mut command = Command::new(&self.program);
        command.arg(how).stdin(Stdio::null()).kill_on_drop(true);
        match timeout(VOICES_TIME, command.output()).await {
            Ok(Ok(listed)) => listed_voices(&String::from_utf8_lossy(&listed.stdout), self.is_flite),
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    fn among(folders: &[PathBuf]) -> Option<Self> {
        ["espeak-ng", "flite"].into_iter().find_map(|name| {
            let program = folders
                .iter()
                .map(|folder| folder.join(name))
                .find(|file| file.is_file())?;
            Some(Self {
                program,
                is_flite: name == "flite",
                voice: None,
            })
        })
    }

    /// Reads a text. It goes by standard input, and so can be no option of the program.
    ///
    /// # Errors
    ///
    /// When the program fails, takes too long, or gives no sound.
    pub(super) async fn read(&self, text: &str) -> Result<Sound> {
        let name = self.program.display();
        let octets = timeout(READING_MAX, self.run(text))
            .await
            .map_err(|_| anyhow!("{name} took longer than {} s", READING_MAX.as_secs()))??;
        Ok(Sound::read(
            "the text that was read out",
            octets.as_slice(),
            TALK_RATE,
        )?)
    }

    async fn run(&self, text: &str) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let file = folder.path().join("speech.wav");
        let name = self.program.display();
        let mut child = self
            .command(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let mut input = child.stdin.take().context("it has an input")?;
        let output = child.stdout.take().context("it has an output")?;
        let mut octets = Vec::new();
        let mut bounded = output.take(SOUND_MAX);
        let (written, read) = tokio::join!(
            async {
                let written = input.write_all(text.as_bytes()).await;
                drop(input);
                written
            },
            bounded.read_to_end(&mut octets)
        );
        written
            .and(read.map(|_| ()))
            .with_context(|| format!("{name} broke off"))?;
        drop(bounded);
        if !child.wait().await?.success() {
            bail!("{name} could not read the text");
        }
        if self.is_flite {
            octets = tokio::fs::read(&file)
                .await
                .with_context(|| format!("{name} wrote no sound"))?;
        }
        Ok(octets)
    }

    fn command(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.program);
        if self.is_flite {
            command.args(["-f", "-", "-o"]).arg(file);
        } else {
            command.args(["--stdin", "--stdout"]);
        }
        if let Some(voice) = &self.voice {
            command.args([if self.is_flite { "-voice" } else { "-v" }, voice]);
        }
        command
    }
}

/// The voices of a list: of espeak-ng the languages, which stand in the second column under its head; of flite the words behind a colon.
fn listed_voices(listed: &str, is_flite: bool) -> Vec<String> {
    if is_flite {
        let (_, voices) = listed.split_once(':').unwrap_or_default();
        return voices.split_whitespace().map(str::to_owned).collect();
    }
    let languages = listed.lines().skip(1);
    let languages = languages.filter_map(|line| line.split_whitespace().nth(1));
    languages.map(str::to_owned).collect()
}

/// The voices that would do for a locale such as `de_AT.UTF-8`, the closest first.
fn of_locale(locale: &str) -> Vec<String> {
    let name = locale.split(['.', '@']).next().unwrap_or_default();
    let language = name.split('_').next().unwrap_or_default();
    [name, language]
        .map(|name| name.to_lowercase().replace('_', "-"))
        .into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_text_becomes_a_sound() {
        let Some(reader) = Reader::installed(None).await.unwrap() else {
            peers::skip("no program that reads texts is installed");
            return;
        };
        let sound = reader.read("--help is no option. All clear.").await.unwrap();
        assert_eq!(sound.rate, TALK_RATE);
        let loudest = sound
            .samples
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max()
            .unwrap();
        assert!(
            sound.samples.len() > TALK_RATE as usize && loudest > 3_000,
            "{loudest}"
        );
    }

    #[tokio::test]
    async fn a_program_that_fails_or_gives_no_sound_is_named() {
        for (program, words) in [
            ("/bin/false", "broke off|could not read"),
            ("/bin/true", "no sound|broke off"),
        ] {
            let reader = Reader {
                program: program.into(),
                is_flite: false,
                voice: None,
            };
            let error = reader.read("All clear.").await.unwrap_err();
            let said = format!("{error:#}");
            assert!(words.split('|').any(|words| said.contains(words)), "{said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_lists_no_voices_is_told_the_one_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let hanging = folder.path().join("hangs");
        std::fs::write(&hanging, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&hanging, std::fs::Permissions::from_mode(0o700)).unwrap();
        for program in [PathBuf::from("/bin/false"), folder.path().join("none"), hanging] {
            let reader = Reader {
                program,
                is_flite: false,
                voice: None,
            };

            let voices = reader.voices().await;

            assert_eq!(voices, [""; 0], "{reader:?}");
            let reader = reader.with_voice(&voices, Some("de"), "").unwrap();
            assert_eq!(reader.voice.as_deref(), Some("de"));
        }
    }

    fn arguments(reader: &Reader) -> Vec<String> {
        let command = reader.command(Path::new("out.wav"));
        let arguments = command.as_std().get_args();
        arguments
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_text_is_read_with_the_voice_that_is_wanted_or_that_of_the_machine() {
        let list = "Pty Language       Age/Gender VoiceName          File                 Other Languages\n \
                    5  de              --/M      German             gmw/de               \n \
                    2  en-us           --/M      English_(America)  gmw/en-US            (en 3)";
        let voices = listed_voices(list, false);
        let espeak = Reader {
            program: "espeak-ng".into(),
            is_flite: false,
            voice: None,
        };
        for (wanted, locale, voice) in [
            (Some("de"), "en_US.UTF-8", Some("de")),
            (None, "de_AT.UTF-8", Some("de")),
            (None, "en_US@euro", Some("en-us")),
            (None, "C.UTF-8", None),
            (None, "", None),
        ] {
            let reader = espeak.clone().with_voice(&voices, wanted, locale).unwrap();
            assert_eq!(reader.voice.as_deref(), voice, "{wanted:?} {locale}");
        }
        let reader = espeak.clone().with_voice(&voices, Some("de"), "").unwrap();
        assert_eq!(arguments(&reader), ["--stdin", "--stdout", "-v", "de"]);
        for unknown in ["xx", "Language", "--help", ""] {
            let error = espeak
                .clone()
                .with_voice(&voices, Some(unknown), "de")
                .unwrap_err();
            assert!(
                error.contains(&format!("espeak-ng has no voice `{unknown}`"))
                    && error.contains("`espeak-ng --voices` lists"),
                "{error}"
            );
        }

        let voices = listed_voices("Voices available: kal awb_time slt ", true);
        let flite = Reader {
            is_flite: true,
            ..espeak
        };
        let error = flite.clone().with_voice(&voices, Some("de"), "").unwrap_err();
        assert!(error.contains("`flite -lv` lists"), "{error}");
        let reader = flite.with_voice(&voices, Some("slt"), "de_DE").unwrap();
        assert_eq!(arguments(&reader), ["-f", "-", "-o", "out.wav", "-voice", "slt"]);
    }

    #[test]
    fn the_first_program_on_the_path_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Reader::among(&[folder.path().to_owned()]), None);
        std::fs::write(folder.path().join("flite"), "").unwrap();
        let found = Reader::among(&[folder.path().to_owned()]).unwrap();
        assert!(found.is_flite && found.program == folder.path().join("flite"));
    }
}
