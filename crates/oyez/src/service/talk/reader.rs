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
/// Octets of what it gives: ten minutes at the rate that such programs use.
const SOUND_MAX: u64 = 32 * 1_024 * 1_024;

/// A program that reads texts out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    program: PathBuf,
    /// It is flite, which writes a file only; else espeak-ng.
    is_flite: bool,
}

impl Reader {
    /// The first one on the path.
    pub(super) fn installed() -> Option<Self> {
        let path = env::var_os("PATH")?;
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        Self::among(&folders)
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
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_becomes_a_sound() {
        let Some(reader) = Reader::installed() else {
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
            };
            let error = reader.read("All clear.").await.unwrap_err();
            let said = format!("{error:#}");
            assert!(words.split('|').any(|words| said.contains(words)), "{said}");
        }
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
