//! `oyez page`: places a page into a running zone.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use audio::Sound;
use device::{CallSetup, place_call};
use endpoint::CallerEvent;
use endpoint::profile::Account;
use model::status::{PageReport, ZoneEvent};
use net::control::{EventLines, subscribe};
use net::resolver::Resolver;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cli::PageArguments;
use crate::console::{self, Progress};
use crate::failure::Failure;
use crate::state::StateFolder;
use crate::up::describe;
use crate::up::installation::{ANNOUNCER, Installation};
use crate::up::report;
use crate::up::stage::caller_profile;

/// Rate at which a page is spoken into the call, in samples a second.
const RATE: u32 = 16_000;
/// Longest wait for the zone's report after the talker has hung up.
const REPORT_MAX: Duration = Duration::from_secs(10);
/// Events of the call kept for the progress line.
const EVENTS_KEPT: usize = 16;

/// How a running zone is reached from the same machine; kept in the state folder while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Port of the TLS listener on loopback.
    pub tls_port: u16,
}

impl Reach {
    /// Writes it for `oyez page`.
    ///
    /// # Errors
    ///
    /// When the state folder cannot be written.
    pub fn write(&self, state: &StateFolder) -> Result<()> {
        let path = state.talker();
        let text = serde_json::to_string(self).context("a port is JSON")?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn read(state: &StateFolder) -> Result<Self> {
        let path = state.talker();
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "no zone has run with the state folder of {}; start one with `oyez up`",
                path.display()
            )
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; start the zone again", path.display()))
    }
}

/// Runs the command.
///
/// # Errors
///
/// When the file cannot be played, no zone runs, the call fails, or not everybody heard it.
pub async fn run(arguments: PageArguments) -> Result<(), Failure> {
    let sound = read_sound(&arguments.file).map_err(|error| anyhow!(error))?;
    let state = StateFolder::choose(arguments.state.as_deref())?;
    let mut lines = subscribe(&state.zone_control()).await.with_context(|| {
        format!(
            "no zone answers at {}; start one with `oyez up`",
            state.zone_control().display()
        )
    })?;
    let reach = Reach::read(&state)?;
    let installation = Installation::prepare(&state, &[])?;
    let (authorization_id, password) = installation.credentials(ANNOUNCER)?;
    let account = Account {
        user: ANNOUNCER.parse().context("the announcer's name is a SIP user")?,
        authorization_id,
        password: Some(password),
        answers_md5: true,
        display_name: "Announcer".to_owned(),
    };
    let setup = CallSetup {
        profile: caller_profile(
            account,
            &installation.snapshot.domain,
            &arguments.extension,
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), reach.tls_port),
        ),
        tls: installation.tls.clone(),
        resolver: Resolver::from_system().map_err(|error| anyhow!(error))?,
        bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    };
    let progress = Progress::new(arguments.json);
    speak(setup, sound, &progress).await?;
    let report = timeout(REPORT_MAX, report_on(&mut lines, &arguments.extension))
        .await
        .map_err(|_| anyhow!("the zone gave no report within {} s", REPORT_MAX.as_secs()))??;
    progress.clear();
    if arguments.json {
        console::say(&serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?);
    } else {
        console::say(&text(&report));
    }
    let is_heard = !report.listeners.is_empty() && report.heard_count() == report.listeners.len();
    if is_heard { Ok(()) } else { Err(Failure::NotHeard) }
}

fn read_sound(file: &Path) -> Result<Sound, audio::SourceError> {
    if file == Path::new("-") {
        Sound::read("standard input", io::stdin().lock(), RATE)
    } else {
        Sound::open(file, RATE)
    }
}

async fn speak(setup: CallSetup, sound: Sound, progress: &Progress) -> Result<(), Failure> {
    let seconds = sound.seconds();
    let (events, mut happened) = mpsc::channel(EVENTS_KEPT);
    let calling = place_call(setup, sound, events);
    tokio::pin!(calling);
    let mut answered = None;
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            outcome = &mut calling => {
                return outcome.map(|_| ()).map_err(|error| Failure::Failed(anyhow!(error).context("the page failed")));
            }
            Some(event) = happened.recv() => {
                if matches!(event, CallerEvent::Answered { .. }) {
                    answered = Some(tokio::time::Instant::now());
                }
                progress.show(&describe(&event, seconds));
            }
            _ = tick.tick() => {
                if let Some(answered) = answered {
                    let spoken = answered.elapsed().as_secs_f64().min(seconds);
                    progress.tick(&format!("speaking {spoken:.1} of {seconds:.1} s"));
                }
            }
        }
    }
}

async fn report_on(lines: &mut EventLines, extension: &str) -> Result<PageReport> {
    while let Some(line) = lines.next().await.context("the zone's control socket broke")? {
        match serde_json::from_str(&line) {
            Ok(ZoneEvent::PageEnded { report, .. })
                if report.extension.as_str() == extension && report.talker.as_str() == ANNOUNCER =>
            {
                return Ok(report);
            }
            // Other events, and the count of missed ones, are not waited for.
            Ok(_) | Err(_) => {}
        }
    }
    Err(anyhow!("the zone has ended"))
}

fn text(page: &PageReport) -> String {
    let mut lines = vec![format!(
        "Paged {}: {:.1} s, heard by {} of {}.",
        page.extension,
        Duration::from_millis(page.duration_ms).as_secs_f64(),
        page.heard_count(),
        page.listeners.len()
    )];
    for listener in &page.listeners {
        let first = listener
            .first_audio_ms
            .map_or(String::new(), |ms| format!(", first audio after {ms} ms"));
        let verdict = report::verdict(Some(listener));
        let devices = match listener.devices {
            0 | 1 => String::new(),
            of => format!(", heard on {} of {of} devices", listener.heard_devices),
        };
        let receipt = listener.receipt.as_ref();
        let interruption = report::interruption(receipt.map_or(0, |receipt| receipt.interrupted_ms));
        lines.push(format!(
            "  {:<10} {verdict}{devices}{first}{interruption}",
            listener.name
        ));
    }
    lines.join("\n")
}
