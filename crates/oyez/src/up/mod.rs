//! `oyez up`: a service with its portal and zone, two virtual loudspeakers, a spoken page, a report.

pub mod example;
pub mod installation;
pub mod judge;
pub mod listening;
pub mod loudspeaker;
pub mod report;
pub mod stage;

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, anyhow};
use audio::Sound;
use endpoint::CallerEvent;
use model::status::{CallRefusal, HandshakeFailure, RegistrationRefusal, ZoneEvent};
use sip::flow::Transport;
use tokio::sync::{broadcast, mpsc};

use crate::cli::UpArguments;
use crate::console::{self, Progress};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::page::target::Reach;
use crate::state::StateFolder;
use example::{ALL, EXAMPLE};
use listening::Listening;
use report::Report;
use stage::{Stage, StageSetup};

/// The page that is spoken, a WAV file that begins with a word.
const PAGE: &[u8] = include_bytes!("../../assets/page.wav");
/// Rate at which it is spoken and compared, in samples a second.
const RATE: u32 = 16_000;
/// Open files that a trial needs: one for each connection and two for each leg of a call, of a site of some hundred phones.
const OPEN_FILES: u64 = 4_096;
/// Events of the call kept for the progress line.
const EVENTS_KEPT: usize = 16;

/// Runs the command.
///
/// # Errors
///
/// When something cannot be started, or the page was not heard and `--once` was given.
pub async fn run(arguments: UpArguments) -> Result<(), Failure> {
    let temporary = if arguments.once && arguments.state.is_none() {
        Some(tempfile::tempdir().context("cannot make a temporary folder")?)
    } else {
        None
    };
    let named = temporary
        .as_ref()
        .map(tempfile::TempDir::path)
        .or(arguments.state.as_deref());
    let setup = StageSetup {
        state: StateFolder::choose(named)?,
        listening: if arguments.once {
            Listening::FreePorts(IpAddr::V4(Ipv4Addr::LOCALHOST))
        } else {
            Listening::Everywhere {
                sip_port: arguments.sip_port,
                media_port: arguments.media_port,
                web_port: arguments.web_port,
            }
        },
        example: EXAMPLE,
        sink: arguments.sink,
    };
    net::raise_open_files(OPEN_FILES).context("cannot read the limit of open files")?;
    let sound = spoken_page()?;
    let progress = Progress::new(arguments.json);
    let mut stage = Stage::start(&setup, &|what| progress.show(what)).await?;
    Reach {
        tls_port: stage.server(Transport::Tls).port(),
        authority: stage.installation.authority_file.clone(),
    }
    .write(&setup.state)?;
    let verdict = if stage.installation.has_example(&EXAMPLE) {
        let mut report = page_and_report(&mut stage, &progress, &sound, &sound).await?;
        progress.clear();
        if temporary.is_some() {
            report.leave_out_recordings();
        }
        tell(&report, &arguments, temporary.is_some())?;
        report.verdict()
    } else {
        progress.clear();
        tracing::warn!("something of the example was taken away in the portal, so no page is placed");
        Err(Failure::NotHeard)
    };
    if !arguments.once {
        // The verdict of the first page is on the screen; the installation runs on whatever it was.
        return go_on(stage, arguments.json).await;
    }
    stage.stop().await;
    verdict
}

/// Prints the report.
fn tell(report: &Report, arguments: &UpArguments, is_temporary: bool) -> Result<(), Failure> {
    if arguments.json {
        console::say(&serde_json::to_string_pretty(report).context("the report cannot be written as JSON")?);
        return Ok(());
    }
    console::say(report.to_text(console::is_coloured(), !arguments.once).trim_end());
    if is_temporary {
        console::say("The recordings went with the temporary state; --state FOLDER keeps them.");
    }
    Ok(())
}

/// The page of this program.
///
/// # Errors
///
/// Never in a program that was built whole.
pub fn spoken_page() -> Result<Sound, Failure> {
    Sound::read("page.wav", PAGE, RATE).map_err(|error| Failure::Failed(anyhow!(error)))
}

/// Speaks `spoken` to every loudspeaker and reports what was heard of `reference`.
///
/// # Errors
///
/// When the page cannot be placed.
pub async fn page_and_report(
    stage: &mut Stage,
    progress: &Progress,
    spoken: &Sound,
    reference: &Sound,
) -> Result<Report, Failure> {
    let (events, mut happened) = mpsc::channel(EVENTS_KEPT);
    let seconds = spoken.seconds();
    let placed = {
        let placing = stage.place_page(ALL, spoken.clone(), events);
        tokio::pin!(placing);
        loop {
            tokio::select! {
                placed = &mut placing => break placed?,
                Some(event) = happened.recv() => progress.show(&describe(&event, seconds)),
            }
        }
    };
    Report::new(stage, &placed, reference)
}

/// One line for what happens to a call.
pub fn describe(event: &CallerEvent, seconds: f64) -> String {
    match event {
        CallerEvent::Connected => "calling the page group".to_owned(),
        CallerEvent::Ringing { .. } => "the chime plays".to_owned(),
        CallerEvent::Keying => "the PIN is keyed in".to_owned(),
        CallerEvent::Answered { .. } => format!("speaking {seconds:.1} s"),
        CallerEvent::Ended { .. } => "waiting for the receipts".to_owned(),
        CallerEvent::Failed { failure, .. } => format!("failed: {failure}"),
    }
}

/// Goes on until asked to end, and says what happens.
async fn go_on(mut stage: Stage, is_quiet: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::new()?;
    if !is_quiet {
        console::say(&portal_text(&stage));
        console::say("\nOyez is up; Ctrl-C ends it. What happens:");
    }
    let narrating = tokio::spawn(narrate_all(stage.subscribe()?, is_quiet));
    tokio::select! {
        () = interrupt.asked() => {}
        lost = stage.ended() => return Err(lost.into()),
    }
    let farewell = async {
        stage.stop().await;
        // The last pages are reported while the zone ends.
        let _is_told = narrating.await.is_ok();
    };
    interrupt.let_finish(farewell).await;
    Ok(())
}

/// Where the portal is, in the manner of the report.
fn portal_text(stage: &Stage) -> String {
    let heading = console::paint(
        console::Colour::Bold,
        "Open the portal, where all this was set up",
        console::is_coloured(),
    );
    let authority = stage.installation.authority_file.display();
    let url = stage.sign_in_url();
    let how = how_to_sign_in(&url, stage.owner());
    format!(
        "\n{heading}\n  {url}\n  {how}. The browser warns of the certificate until it trusts {authority}."
    )
}

/// How an owner signs in at `url`: by the link that is good once or, without it, with what they have.
fn how_to_sign_in(url: &str, owner: Option<&str>) -> String {
    let who = owner.map_or_else(String::new, |email| format!(" with the e-mail address {email}"));
    if url.contains("token=") {
        format!("The link is good once: you choose your password there, and sign in{who} from then on")
    } else {
        let and = if who.is_empty() { " with" } else { " and" };
        format!("You sign in{who}{and} the password that you chose")
    }
}

/// Says what happens until the zone has ended.
async fn narrate_all(mut events: broadcast::Receiver<ZoneEvent>, is_quiet: bool) {
    loop {
        match events.recv().await {
            Ok(event) if !is_quiet => {
                if let Some(words) = narrate(&event) {
                    console::say(&format!("  {words}"));
                }
            }
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// What a person wants to know of a zone's event, in one line: what somebody calls itself begins none of its own, and moves no cursor.
pub fn narrate(event: &ZoneEvent) -> Option<String> {
    let words = words(event)?;
    let inert = words
        .chars()
        .map(|one| if one.is_control() { '\u{fffd}' } else { one });
    Some(inert.collect())
}

fn words(event: &ZoneEvent) -> Option<String> {
    match event {
        ZoneEvent::Registered { user, from, .. } => Some(format!("{user} registered from {from}")),
        ZoneEvent::Unregistered { user, .. } => Some(format!("{user} is gone")),
        ZoneEvent::RegistrationRefused { user, from, why, .. } => Some(format!(
            "{user} from {from} refused: {}",
            registration_refusal(*why)
        )),
        ZoneEvent::HandshakeFailed { from, why } => {
            let why = match why {
                HandshakeFailure::TlsTooOld => "it offers nothing later than TLS 1.1",
                HandshakeFailure::CertificateRefused => "it does not trust this zone's certificate",
            };
            Some(format!("a TLS handshake from {from} failed: {why}"))
        }
        ZoneEvent::CallRefused {
            caller, target, why, ..
        } => Some(format!(
            "{caller} does not reach {target}: {}",
            call_refusal(*why)
        )),
        ZoneEvent::AlertRaised {
            caller, extension, ..
        } => Some(format!("{caller} raises the alert {extension}")),
        ZoneEvent::PageStarted {
            talker,
            extension,
            listeners,
            ..
        } => Some(format!("{talker} pages {extension}, {listeners} listeners")),
        ZoneEvent::PageEnded { report, .. } => Some(format!(
            "page to {} ended: {:.1} s, heard by {} of {}",
            report.extension,
            std::time::Duration::from_millis(report.duration_ms).as_secs_f64(),
            report.heard_count(),
            report.listeners.len()
        )),
        ZoneEvent::DirectoryApplied { .. } => Some("the directory was read".to_owned()),
        ZoneEvent::DirectoryRefused { why, .. } => Some(format!("the directory is wrong: {why}")),
        ZoneEvent::SnapshotWanted { .. } => None,
    }
}

const fn registration_refusal(why: RegistrationRefusal) -> &'static str {
    match why {
        RegistrationRefusal::WrongCredentials => "the authorization ID or the password is wrong",
        RegistrationRefusal::OtherUser => "the authorization ID is another user name's",
        RegistrationRefusal::BadRequest => "the request is malformed, or asks for more than there may be",
        RegistrationRefusal::TooManyAttempts => "too many tries came from there",
        RegistrationRefusal::OtherDomain => "the SIP domain is another one",
        RegistrationRefusal::ClearFlow => "it registers without TLS",
    }
}

const fn call_refusal(why: CallRefusal) -> &'static str {
    match why {
        CallRefusal::UnknownExtension => "nothing has that number",
        CallRefusal::NotPermitted => "it has no permission",
        CallRefusal::WrongPin => "the PIN is wrong or missing",
        CallRefusal::NobodyRegistered => "nobody is registered there",
        CallRefusal::PreEmpted => "something more important sounds there",
        CallRefusal::NoCommonMedia => "there is no codec and encryption that both sides take; is SRTP on?",
        CallRefusal::Overloaded => "the zone has too much to do",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_is_told_by_which_address() {
        let owner = Some("owner@oyez.internal");
        for (url, owner, told) in [
            (
                "https://h/first?token=1",
                owner,
                "and sign in with the e-mail address owner@oyez.internal from then on",
            ),
            (
                "https://h",
                owner,
                "You sign in with the e-mail address owner@oyez.internal and the password that you chose",
            ),
            ("https://h", None, "You sign in with the password that you chose"),
        ] {
            let how = how_to_sign_in(url, owner);
            assert!(how.ends_with(told), "{how}");
        }
    }

    #[test]
    fn w08_what_strangers_call_themselves_stays_in_its_line() {
        let event = ZoneEvent::RegistrationRefused {
            account: None,
            user: "hall\r\n  desk registered from 192.0.2.1\u{1b}[2J".to_owned(),
            from: "192.0.2.9:5060".to_owned(),
            why: RegistrationRefusal::WrongCredentials,
        };

        let told = narrate(&event).unwrap();

        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(
            told.ends_with("from 192.0.2.9:5060 refused: the authorization ID or the password is wrong"),
            "{told:?}"
        );
    }
}
