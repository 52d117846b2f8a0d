//! One endpoint beside one phone without a head: how soon it is registered, what it holds when idle, what a page costs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fleet::process::Server;
use fleet::{CallOptions, Talker};
use tempfile::TempDir;
use tokio::time::sleep;

use super::identity::Identity;
use super::oyez;
use super::page::{Way, talker};
use super::population::{DOMAIN, Population, extension, password};
use super::report::{Table, milliseconds, percentile, progress, ratio, say};
use super::site::Running;

/// Where Debian's package keeps the modules of the phone.
const MODULES: &str = "/usr/lib/baresip/modules";
/// Longest time until a program is registered.
const REGISTERED_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Time after which a program does nothing but wait.
const IDLE_AFTER: Duration = Duration::from_secs(3);
/// Octets of the sound whose cost is measured, and its length.
const SOUND_OCTETS: usize = 40_000;
const SOUND: Duration = Duration::from_secs(5);
/// Octets of the sound before: a tone before the page is over, and everything is warm.
const BEFORE_OCTETS: usize = 24_000;

/// Arguments of `fleet endpoint`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Starts of each program
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=50))]
    starts: u64,
}

/// Runs the benchmark and prints its table.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let identity = Identity::make(folder.path())?;
    progress("starting the zone");
    let zone = oyez::start(&identity, &Population { count: 1 }.loudspeakers(&[1])).await?;
    let programs = [
        Contestant::baresip(&zone, &identity)?,
        Contestant::endpoint(&zone, &identity)?,
    ];
    let mut results = [Measured::default(), Measured::default()];
    // The first start of each makes its certificate and warms the disk's cache.
    for turn in 0..=arguments.starts {
        for (program, measured) in programs.iter().zip(&mut results) {
            progress(&format!("{}: start {turn} of {}", program.name, arguments.starts));
            let taken = program.measure(&zone, &identity).await?;
            if turn > 0 {
                measured.add(taken);
            }
        }
    }
    say(&table(&mut results).text());
    Ok(())
}

fn table(results: &mut [Measured; 2]) -> Table {
    let mut table = Table::new(&["what", "baresip", "Oyez", "ratio", "goal"]);
    for measured in results.iter_mut() {
        measured.registered.sort_unstable();
        measured.page.sort_unstable();
        measured.memory.sort_unstable();
    }
    let [peer, own] = results;
    let middle = |times: &[Duration]| percentile(times, 0.5);
    let both = [&peer.registered, &own.registered].map(|times| middle(times));
    table.row(row_of_times("from start to registered", both));
    let both = [&peer.page, &own.page].map(|times| middle(times));
    table.row(row_of_times("processor time, a second of a page", both));
    let [peer, own] = [&peer.memory, &own.memory].map(|sizes| megabytes(sizes));
    table.row(vec![
        "memory when idle".to_owned(),
        format!("{peer:.1} MB"),
        format!("{own:.1} MB"),
        ratio(own, peer),
        "≤ 8 MB, with TLS, pages and API".to_owned(),
    ]);
    table
}

fn row_of_times(what: &str, [peer, own]: [Option<Duration>; 2]) -> Vec<String> {
    let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
    vec![
        what.to_owned(),
        milliseconds(peer),
        milliseconds(own),
        ratio(seconds(own), seconds(peer)),
        String::new(),
    ]
}

/// The middle of sorted sizes.
fn megabytes(sizes: &[u64]) -> f64 {
    let kilobytes = sizes.get(sizes.len() / 2).copied().unwrap_or(0) / 1_000;
    f64::from(u32::try_from(kilobytes).unwrap_or(u32::MAX)) / 1_000.0
}

/// What one start has shown.
#[derive(Debug, Clone, Copy)]
struct Taken {
    registered: Duration,
    /// Bytes.
    memory: u64,
    page: Duration,
}

/// What all starts of a program have shown.
#[derive(Debug, Default)]
struct Measured {
    registered: Vec<Duration>,
    memory: Vec<u64>,
    page: Vec<Duration>,
}

impl Measured {
    fn add(&mut self, taken: Taken) {
        self.registered.push(taken.registered);
        self.memory.push(taken.memory);
        self.page.push(taken.page);
    }
}

/// A program that registers the only loudspeaker.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// What it prints when it is registered.
    registered: &'static str,
    folder: TempDir,
}

impl Contestant {
    /// The endpoint, with its web pages and API.
    fn endpoint(zone: &Running, identity: &Identity) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let user = Population::user(0);
        let config = write(
            folder.path(),
            "endpoint.conf",
            &format!(
                "sip.proxy = {DOMAIN}\nsip.obproxy = {}\nsip.transp = tls\nsip.srtp = standard\noyez.tls.ca = {}\n\
                 sip.u1.user = {user}\nsip.u1.pwd = {}\noyez.sink = wav:recordings\n",
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
            folder,
        })
    }

    /// baresip, which answers by itself and writes what it hears into a file.
    fn baresip(zone: &Running, identity: &Identity) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (user, path) = (Population::user(0), folder.path());
        write(
            path,
            "config",
            &format!(
                "poll_method epoll\nsip_listen 127.0.0.1:0\nsip_cafile {authority}\naudio_player aufile,{played}\n\
                 audio_source aufile,{silence}\naudio_alert aufile,{alert}\nmodule_path {MODULES}\n\
                 module g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule srtp.so\nmodule_tmp uuid.so\n\
                 module_tmp account.so\nmodule_app menu.so\n",
                authority = identity.authority_file().display(),
                played = path.join("played.wav").display(),
                silence = silence(path)?.display(),
                alert = path.join("alert.wav").display(),
            ),
        )?;
        write(
            path,
            "accounts",
            &format!(
                "<sip:{user}@{DOMAIN};transport=tls>;auth_user={user};auth_pass={};regint=600;answermode=auto;\
                 mediaenc=srtp-mand;audio_codecs=PCMU/8000/1;outbound=\"sip:{};transport=tls\"\n",
                password(&user),
                zone.tls,
            ),
        )?;
        write(path, "contacts", "")?;
        Ok(Self {
            name: "baresip",
            program: PathBuf::from("baresip"),
            arguments: vec!["-v".into(), "-f".into(), path.to_owned()],
            registered: "200 OK",
            folder,
        })
    }

    /// Starts the program, waits until it idles, pages it, and ends it.
    async fn measure(&self, zone: &Running, identity: &Identity) -> Result<Taken> {
        let began = Instant::now();
        let mut server = self.start()?;
        let registered = loop {
            if self.said().contains(self.registered) {
                break began.elapsed();
            }
            if !server.is_running() || began.elapsed() > REGISTERED_MAX {
                bail!("{} does not get registered; it said:\n{}", self.name, self.said());
            }
            sleep(LOOK_EVERY).await;
        };
        sleep(IDLE_AFTER).await;
        let memory = server.memory()?;
        let page = page(zone, identity, &server)
            .await
            .with_context(|| format!("{} is not paged; it said:\n{}", self.name, self.said()))?;
        Ok(Taken {
            registered,
            memory,
            page,
        })
    }

    fn start(&self) -> Result<Server> {
        let log = write(self.folder.path(), "log", "")?;
        let log = fs::OpenOptions::new().append(true).open(log)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(self.folder.path())
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

    fn said(&self) -> String {
        fs::read(self.folder.path().join("log"))
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .unwrap_or_default()
    }
}

/// Processor time of a second of a page.
async fn page(zone: &Running, identity: &Identity, server: &Server) -> Result<Duration> {
    let mut talker = Talker::connect(talker(zone, identity, Way::Tls)?).await?;
    talker.register().await?;
    let mut call = talker.call(&extension(1), &CallOptions::default()).await?;
    call.speak(&vec![0x7f; BEFORE_OCTETS]).await?;
    let before = server.processor_time()?;
    call.speak(&vec![0x7f; SOUND_OCTETS]).await?;
    let during = server.processor_time()?.saturating_sub(before);
    call.hang_up().await?;
    Ok(during.div_f64(SOUND.as_secs_f64()))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A sound file for the phone to speak.
fn silence(folder: &Path) -> Result<PathBuf> {
    const SAMPLES_OCTETS: u32 = 16_000 * 20;
    let mut octets = Vec::new();
    octets.extend(b"RIFF");
    octets.extend((SAMPLES_OCTETS + 36).to_le_bytes());
    octets.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    octets.extend(8_000_u32.to_le_bytes());
    octets.extend(16_000_u32.to_le_bytes());
    octets.extend(b"\x02\0\x10\0data");
    octets.extend(SAMPLES_OCTETS.to_le_bytes());
    octets.resize(octets.len() + usize::try_from(SAMPLES_OCTETS)?, 0);
    let path = folder.join("silence.wav");
    fs::write(&path, octets).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_all_starts_is_shown() {
        let mut results = [Measured::default(), Measured::default()];
        for (megabytes, milliseconds) in [(9, 30), (7, 10), (8, 20)] {
            for measured in &mut results {
                measured.add(Taken {
                    registered: Duration::from_millis(milliseconds),
                    memory: megabytes * 1_000_000,
                    page: Duration::from_millis(milliseconds * 2),
                });
            }
        }
        let text = table(&mut results).text();
        assert!(text.contains("20.0 ms"), "{text}");
        assert!(text.contains("40.0 ms"), "{text}");
        assert!(text.contains("8.0 MB"), "{text}");
    }
}
