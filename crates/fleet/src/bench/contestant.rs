//! A program that takes part in a benchmark as the only loudspeaker of a zone: the endpoint, or a phone without a head.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fleet::process::Server;
use media::codec::Codec;
use tempfile::TempDir;
use tokio::time::sleep;

use super::identity::Identity;
use super::oyez;
use super::population::{DOMAIN, Population, password};
use super::site::Running;
use super::sound_server::SoundServer;

/// Where Debian's package keeps the modules of the phone.
const MODULES: &str = "/usr/lib/baresip/modules";
/// Longest time until a program is registered.
const REGISTERED_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Length of what the phone speaks.
const SILENCE_SECONDS: u32 = 30;

/// A program that registers the only loudspeaker.
pub(crate) struct Contestant {
    /// Its name.
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// What it prints when it is registered.
    registered: &'static str,
    environment: [(&'static str, String); 2],
    folder: TempDir,
}

impl Contestant {
    /// The endpoint, with its web pages and API.
    pub(crate) fn endpoint(zone: &Running, identity: &Identity, server: &SoundServer) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let user = Population::user(0);
        let config = write(
            folder.path(),
            "endpoint.conf",
            &format!(
                "sip.proxy = {DOMAIN}\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\noyez.tls.ca = {}\n\
                 sip.u1.user = {user}\nsip.u1.pwd = {}\noyez.sink = pulse\naudio.page.tone = None\n",
                zone.tls,
                identity.authority_file().display(),
                password(&user),
            ),
        )?;
        let state = folder.path().join("state");
        let arguments = ["run", "--web", "127.0.0.1:0", "--config"].map(PathBuf::from);
        Ok(Self {
            name: "Oyez",
            program: oyez::program("oyez-endpoint")?,
            arguments: arguments
                .into_iter()
                .chain([config, PathBuf::from("--state"), state])
                .collect(),
            registered: "Successful",
            environment: server.environment(),
            folder,
        })
    }

    /// baresip, which answers by itself in this codec alone, and plays through ALSA.
    pub(crate) fn baresip(
        zone: &Running,
        identity: &Identity,
        server: &SoundServer,
        codec: Codec,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (user, path) = (Population::user(0), folder.path());
        write(
            path,
            "config",
            &format!(
                "poll_method epoll\nsip_listen 127.0.0.1:0\nsip_cafile {authority}\naudio_player alsa,pulse\n\
                 audio_source aufile,{silence}\naudio_alert aufile,{alert}\nmodule_path {MODULES}\n\
                 module g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule alsa.so\nmodule srtp.so\nmodule_tmp uuid.so\n\
                 module_tmp account.so\nmodule_app menu.so\n",
                authority = identity.authority_file().display(),
                silence = silence(path, codec)?.display(),
                alert = path.join("alert.wav").display(),
            ),
        )?;
        write(
            path,
            "accounts",
            &format!(
                "<sip:{user}@{DOMAIN};transport=tls>;auth_user={user};auth_pass={};regint=600;answermode=auto;\
                 mediaenc=srtp-mand;audio_codecs={codec}/{rate}/{channels};outbound=\"sip:{};transport=tls\"\n",
                password(&user),
                zone.tls,
                codec = codec.name(),
                // baresip names G.722 by its samples, not by the clock of RFC 3551.
                rate = codec.sample_rate().hertz(),
                channels = codec.rtpmap_channels(),
            ),
        )?;
        write(path, "contacts", "")?;
        Ok(Self {
            name: "baresip",
            program: PathBuf::from("baresip"),
            arguments: vec!["-v".into(), "-f".into(), path.to_owned()],
            registered: "200 OK",
            environment: server.environment(),
            folder,
        })
    }

    /// Starts the program and waits until it is registered; says how long that took.
    pub(crate) async fn register(&self) -> Result<(Server, Duration)> {
        let began = Instant::now();
        let mut server = self.start()?;
        loop {
            if self.said().contains(self.registered) {
                return Ok((server, began.elapsed()));
            }
            if !server.is_running() || began.elapsed() > REGISTERED_MAX {
                bail!("{} does not get registered; it said:\n{}", self.name, self.said());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn start(&self) -> Result<Server> {
        let log = write(self.folder.path(), "log", "")?;
        let log = fs::OpenOptions::new().append(true).open(log)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .envs(self.environment.clone())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Server::start(&mut command).with_context(|| {
            format!(
                "cannot start {}; `cargo xtask peers` installs what is needed",
                self.name
            )
        })
    }

    /// All that it has printed.
    pub(crate) fn said(&self) -> String {
        fs::read(self.folder.path().join("log"))
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .unwrap_or_default()
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A sound file for the phone to speak: it converts nothing.
fn silence(folder: &Path, codec: Codec) -> Result<PathBuf> {
    let path = folder.join("silence.wav");
    let (rate, channels) = (codec.sample_rate().hertz(), u16::from(codec.rtpmap_channels()));
    let samples = vec![0; usize::try_from(rate * SILENCE_SECONDS)? * usize::from(channels)];
    write_sound(&path, rate, channels, &samples)?;
    Ok(path)
}

/// Writes a WAV file.
pub(crate) fn write_sound(path: &Path, rate: u32, channels: u16, samples: &[i16]) -> Result<()> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || {
        let mut writer = hound::WavWriter::create(path, spec)?;
        samples
            .iter()
            .try_for_each(|sample| writer.write_sample(*sample))?;
        writer.finalize()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
