//! A sound server without a sound card, which everybody plays into, and what records its output.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use audio::Sound;
use fleet::process::Server;
use tempfile::TempDir;
use tokio::time::sleep;

/// Samples a second of the output.
const RATE: u32 = 48_000;
/// Longest time until the server listens, and until the recorder gets sound.
const READY_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);
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

    /// Records what comes out from here on.
    pub(crate) async fn record(&self) -> Result<Recording> {
        let file = self.folder.path().join("out.raw");
        let mut command = Command::new("parec");
        command
            .args([
                "--device=hall.monitor",
                "--raw",
                "--format=s16le",
                "--channels=1",
                "--latency-msec=20",
            ])
            .arg(format!("--rate={RATE}"))
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(File::create(&file)?)
            .stderr(Stdio::null());
        let recorder = Server::start(&mut command).context(NEEDED)?;
        wait_until("the sound server's output is not recorded", || {
            fs::metadata(&file).is_ok_and(|file| file.len() > 0)
        })
        .await?;
        let octets = u32::try_from(fs::metadata(&file)?.len()).unwrap_or(u32::MAX);
        let recorded = Duration::from_secs(1) * (octets / 2) / RATE;
        Ok(Recording {
            recorder,
            file,
            began: Instant::now().checked_sub(recorded).unwrap_or_else(Instant::now),
        })
    }
}

/// A recording that goes on.
pub(crate) struct Recording {
    recorder: Server,
    file: PathBuf,
    /// About when its first sample came out: the recorder tells by pieces of 20 ms.
    pub(crate) began: Instant,
}

impl Recording {
    /// Ends it and gives the sound.
    pub(crate) fn end(self) -> Result<Sound> {
        drop(self.recorder);
        let octets = fs::read(&self.file).context("the recording cannot be read")?;
        let (pairs, _) = octets.as_chunks::<2>();
        Ok(Sound {
            samples: pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
            rate: RATE,
        })
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
