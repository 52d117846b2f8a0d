//! A sound server without a sound card, which everybody plays into, and what records its output.

use std::fs::File;
use std::io::Read;
use std::process::{ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use audio::Sound;
use fleet::process::Server;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Samples a second of the output.
const RATE: u32 = 48_000;
/// Longest time until the server listens, and until the recorder gets sound.
const READY_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Octets that are taken from the recorder at once.
const PIECE_OCTETS_MAX: usize = 65_536;
const NEEDED: &str = "`cargo xtask peers` installs what is needed";

/// A running PulseAudio with an output that goes nowhere.
pub(crate) struct SoundServer {
    _server: Server,
    folder: TempDir,
}

impl SoundServer {
    /// Starts one and waits until it listens.
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let log = File::create(folder.path().join("log"))?;
        let socket = folder.path().join("native");
        let mut command = Command::new("pulseaudio");
        command
            .args([
                "--daemonize=no",
                "--exit-idle-time=-1",
                "-n",
                "--use-pid-file=no",
                "--disable-shm=yes",
            ])
            .arg("--load=module-null-sink sink_name=hall rate=48000 channels=1 norewinds=1")
            .arg(format!(
                "--load=module-native-protocol-unix auth-anonymous=1 socket={}",
                socket.display()
            ))
            .env("HOME", folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let server = Server::start(&mut command).context(NEEDED)?;
        wait_until("the sound server does not listen", || socket.exists()).await?;
        Ok(Self {
            _server: server,
            folder,
        })
    }

    /// What tells programs which server to play into.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        let socket = self.folder.path().join("native");
        [
            ("PULSE_SERVER", format!("unix:{}", socket.display())),
            ("HOME", self.folder.path().display().to_string()),
        ]
    }

    /// Records what comes out from here on, in pieces of this length, by which the server plays as well.
    pub(crate) async fn record(&self, piece: Duration) -> Result<Recording> {
        let mut command = Command::new("parec");
        command
            .args(["--device=hall.monitor", "--raw", "--format=s16le", "--channels=1"])
            .arg(format!("--rate={RATE}"))
            .arg(format!("--latency-msec={}", piece.as_millis()))
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut recorder = Server::start(&mut command).context(NEEDED)?;
        let output = recorder.take_output().context("the recorder has no output")?;
        let (begun, begins) = oneshot::channel();
        let tape = thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || Tape::run(output, begun))?;
        timeout(READY_MAX, begins)
            .await
            .ok()
            .and_then(Result::ok)
            .context("the sound server's output is not recorded")?;
        Ok(Recording { recorder, tape })
    }
}

/// A recording that goes on.
pub(crate) struct Recording {
    recorder: Server,
    tape: JoinHandle<Tape>,
}

/// What came out of the sound server.
pub(crate) struct Recorded {
    /// The sound.
    pub(crate) sound: Sound,
    /// When its first sample came out.
    pub(crate) began: Instant,
}

impl Recording {
    /// Ends it and gives the sound.
    pub(crate) fn end(self) -> Result<Recorded> {
        drop(self.recorder);
        let tape = self.tape.join().ok().context("the recording is lost")?;
        let (pairs, _) = tape.octets.as_chunks::<2>();
        Ok(Recorded {
            sound: Sound {
                samples: pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
                rate: RATE,
            },
            began: tape.began.context("nothing was recorded")?,
        })
    }
}

/// What a recorder has given.
#[derive(Default)]
struct Tape {
    octets: Vec<u8>,
    /// When the first sample came out. The server plays by the clock and never stands still, so every piece says when that was,
    /// or later where the piece has waited: the earliest is true.
    began: Option<Instant>,
}

impl Tape {
    /// Takes all that comes, and says when something does.
    fn run(mut output: ChildStdout, begun: oneshot::Sender<()>) -> Self {
        let (mut tape, mut begun) = (Self::default(), Some(begun));
        let mut piece = vec![0; PIECE_OCTETS_MAX];
        while let Ok(length @ 1..) = output.read(&mut piece) {
            tape.take(Instant::now(), piece.get(..length).unwrap_or_default());
            if let Some(begun) = begun.take() {
                // Who does not wait any more has no recording either.
                let _is_told = begun.send(()).is_ok();
            }
        }
        tape
    }

    fn take(&mut self, now: Instant, piece: &[u8]) {
        let samples = u32::try_from(self.octets.len() / 2).unwrap_or(u32::MAX);
        let began = now.checked_sub(Duration::from_secs(1) * samples / RATE);
        self.began = [self.began, began].into_iter().flatten().min();
        self.octets.extend(piece);
    }
}

async fn wait_until(otherwise: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let end = Instant::now() + READY_MAX;
    while !is_so() {
        if Instant::now() > end {
            bail!("{otherwise} after {} s", READY_MAX.as_secs());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_began_when_the_piece_that_waited_least_says() {
        let start = Instant::now();
        let mut tape = Tape::default();
        for (piece, waited) in [(0, 9), (1, 4), (2, 7)] {
            tape.take(start + Duration::from_millis(piece * 5 + waited), &[0; 480]);
        }
        assert_eq!(tape.began, Some(start + Duration::from_millis(4)));
    }
}
