//! `oyez page`: places a page into a running zone.

pub mod target;

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use audio::Sound;
use device::{CallOutcome, CallSetup, place_call};
use endpoint::{CallerEvent, CallerProfile};
use model::status::{PageReport, Verdict, ZoneEvent};
use model::{PageId, SipUser};
use net::control::{EventLines, subscribe};
use net::resolver::Resolver;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cli::PageArguments;
use crate::console::{self, Progress};
use crate::failure::{Failure, unanswered};
use crate::state::StateFolder;
use crate::up::describe;
use crate::up::report;
use crate::up::stage::caller_profile;
use target::{Target, pin};

/// Rate at which a page is spoken into the call, in samples a second.
const RATE: u32 = 16_000;
/// Longest wait for the zone's report after the talker has hung up.
const REPORT_MAX: Duration = Duration::from_secs(10);
/// Events of the call kept for the progress line.
const EVENTS_KEPT: usize = 16;

/// Runs the command.
///
/// # Errors
///
/// When the file cannot be played, no zone runs, the call fails, or somebody did not hear it.
pub async fn run(arguments: PageArguments) -> Result<(), Failure> {
    let sound = read_sound(&arguments.file).map_err(|error| anyhow!(error))?;
    let target = match &arguments.zone.server {
        Some(server) => Target::of_zone(&arguments.zone, server)?,
        None => Target::of_installation(&StateFolder::choose(arguments.state.as_deref())?).await?,
    };
    let mut lines = match &target.control {
        Some(socket) => Some(
            subscribe(socket)
                .await
                .map_err(|error| unanswered(socket, error))?,
        ),
        None => None,
    };
    let talker = target.account.user.clone();
    let pin = pin(arguments.pin_file.as_deref(), arguments.pin_after)?;
    let profile = caller_profile(
        target.account,
        &target.domain,
        &arguments.extension,
        target.server,
    );
    let setup = CallSetup {
        profile: CallerProfile { pin, ..profile },
        tls: target.tls,
        resolver: Resolver::from_system(),
        bind: target.bind,
    };
    let progress = Progress::new(arguments.json);
    let seconds = sound.seconds();
    let call = speak(setup, sound, &progress).await?;
    let cut = cut_short(&call, seconds, arguments.pin_after.is_some());
    let report = match &mut lines {
        Some(lines) => Some(
            timeout(REPORT_MAX, report_on(lines, &call, &arguments.extension, &talker))
                .await
                .map_err(|_| anyhow!("the zone gave no report within {} s", REPORT_MAX.as_secs()))??,
        ),
        None => None,
    };
    progress.clear();
    match (cut, &report) {
        (Some(cut), None) => Err(Failure::Failed(anyhow!(cut))),
        (cut, report) => {
            let told = tell(report.as_ref(), &call, &arguments);
            cut.map_or(told, |cut| Err(Failure::Failed(anyhow!(cut))))
        }
    }
}

/// Says that a page was not spoken to its end, where the server has hung up before.
fn cut_short(call: &CallOutcome, seconds: f64, has_unasked_pin: bool) -> Option<String> {
    let sent = Duration::from_millis(call.sent_ms).as_secs_f64();
    if !call.by_peer || sent >= seconds {
        return None;
    }
    let hint = if has_unasked_pin {
        "; the PIN that was keyed in may be wrong"
    } else {
        ""
    };
    Some(format!(
        "the server hung up after {sent:.1} of {seconds:.1} s{hint}"
    ))
}

/// Prints the report; without one, that nobody can say who heard the page.
fn tell(report: Option<&PageReport>, call: &CallOutcome, arguments: &PageArguments) -> Result<(), Failure> {
    if arguments.json {
        console::say(&serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?);
    } else {
        let said = report.map_or_else(
            || unreported(call, &arguments.extension),
            |report| text(report, OffsetDateTime::now_utc()),
        );
        console::say(&said);
    }
    match report {
        Some(report) if !is_done(report) => Err(Failure::NotHeard),
        Some(_) | None => Ok(()),
    }
}

/// Everybody did what it can do: who gives receipts has heard the page, and who gives none has answered.
fn is_done(report: &PageReport) -> bool {
    let did = |verdict: &Verdict| matches!(verdict, Verdict::Heard | Verdict::Answered { .. });
    !report.listeners.is_empty() && report.listeners.iter().all(|listener| did(&listener.verdict))
}

fn unreported(call: &CallOutcome, extension: &str) -> String {
    format!(
        "Paged {extension}: {:.1} s. Who heard it stands in the zone's report; name its control socket with --control to see it.",
        Duration::from_millis(call.sent_ms).as_secs_f64()
    )
}

fn read_sound(file: &Path) -> Result<Sound, audio::SourceError> {
    if file == Path::new("-") {
        Sound::read("standard input", io::stdin().lock(), RATE)
    } else {
        Sound::open(file, RATE)
    }
}

async fn speak(setup: CallSetup, sound: Sound, progress: &Progress) -> Result<CallOutcome, Failure> {
    let seconds = sound.seconds();
    let (events, mut happened) = mpsc::channel(EVENTS_KEPT);
    let calling = place_call(setup, sound, events);
    tokio::pin!(calling);
    let mut answered = None;
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            outcome = &mut calling => {
                return outcome.map_err(|error| Failure::Failed(anyhow!(error).context("the page failed")));
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

/// The report of the page that `call` was; a zone that has not named it has begun it for this talker.
async fn report_on(
    lines: &mut EventLines,
    call: &CallOutcome,
    extension: &str,
    talker: &SipUser,
) -> Result<PageReport> {
    while let Some(line) = lines.next().await.context("the zone's control socket broke")? {
        match serde_json::from_str(&line) {
            Ok(ZoneEvent::PageEnded { report, .. })
                if is_of(&report, call.page.as_ref(), extension, talker) =>
            {
                return Ok(report);
            }
            // Other events, and the count of missed ones, are not waited for.
            Ok(_) | Err(_) => {}
        }
    }
    Err(anyhow!("the zone has ended"))
}

fn is_of(report: &PageReport, page: Option<&PageId>, extension: &str, talker: &SipUser) -> bool {
    match page {
        Some(page) => report.page == *page,
        None => report.extension.as_str() == extension && report.talker == *talker,
    }
}

/// The report in words, which was made just now.
fn text(page: &PageReport, now: OffsetDateTime) -> String {
    let heard = page.heard_count();
    let answered = page
        .listeners
        .iter()
        .filter(|listener| matches!(listener.verdict, Verdict::Answered { .. }))
        .count();
    let receipts = match answered {
        0 => String::new(),
        count => format!(" ({count} without receipts answered)"),
    };
    let mut lines = vec![format!(
        "Paged {}: {:.1} s, heard by {heard} of {}{receipts}.",
        page.extension,
        Duration::from_millis(page.duration_ms).as_secs_f64(),
        page.listeners.len()
    )];
    lines.extend(times(page, now));
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

/// When the page started and ended; nothing of a zone that does not tell it.
fn times(page: &PageReport, now: OffsetDateTime) -> Option<String> {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let before = |millis: Option<u64>| {
        let since = Duration::from_millis(millis?);
        now.checked_sub(since.try_into().ok()?)?.format(form).ok()
    };
    let (started, ended) = (before(page.since_start_ms)?, before(page.since_end_ms)?);
    Some(format!("  started {started}, ended {ended}"))
}

#[cfg(test)]
mod tests {
    use model::status::{ListenerReport, MissingReason, NotHeardReason};

    use super::*;

    fn report(verdicts: &[Verdict]) -> PageReport {
        PageReport {
            page: "01J00000000000000000000000".parse().unwrap(),
            extension: "700".parse().unwrap(),
            talker: "desk".parse().unwrap(),
            duration_ms: 1_500,
            since_start_ms: None,
            since_end_ms: None,
            listeners: verdicts
                .iter()
                .map(|verdict| ListenerReport {
                    user: "hall".parse().unwrap(),
                    name: "Hall".to_owned(),
                    verdict: verdict.clone(),
                    first_audio_ms: None,
                    receipt: None,
                    devices: 1,
                    heard_devices: 0,
                })
                .collect(),
        }
    }

    #[test]
    fn a_page_is_done_when_receipts_say_heard_and_the_others_answered() {
        let answered = Verdict::Answered {
            loss_permille: Some(0),
        };
        let cut = Verdict::NotHeard {
            why: NotHeardReason::TooLittle,
        };
        let absent = Verdict::Missing {
            why: MissingReason::NoAnswer,
        };
        for (verdicts, expected) in [
            (vec![Verdict::Heard], true),
            (vec![Verdict::Heard, answered.clone()], true),
            (vec![answered.clone()], true),
            (vec![Verdict::Heard, cut], false),
            (vec![answered, absent], false),
            (vec![], false),
        ] {
            assert_eq!(is_done(&report(&verdicts)), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn of_two_pages_of_one_talker_each_finds_its_own_report() {
        let report = report(&[Verdict::Heard]);
        let desk: SipUser = "desk".parse().unwrap();
        let other: PageId = "01J00000000000000000000001".parse().unwrap();
        assert!(is_of(&report, Some(&report.page), "700", &desk));
        assert!(!is_of(&report, Some(&other), "700", &desk));
        assert!(is_of(&report, None, "700", &desk), "of a zone that names no page");
        assert!(!is_of(&report, None, "701", &desk));
    }

    #[test]
    fn the_text_tells_why_a_listener_refused() {
        let refused = |text: Option<&str>| Verdict::Missing {
            why: MissingReason::Refused {
                status: 488,
                text: text.map(str::to_owned),
            },
        };
        for (why, told) in [
            (None, "it refused with 488 Not Acceptable Here"),
            (
                Some("no media (sip.srtp is disabled)"),
                "it refused with 488 Not Acceptable Here: no media (sip.srtp is disabled)",
            ),
        ] {
            let said = text(&report(&[refused(why)]), OffsetDateTime::UNIX_EPOCH);
            assert!(said.contains(told), "{said}");
        }
    }

    #[test]
    fn a_page_that_the_server_ends_before_its_last_sound_has_failed_and_an_unasked_pin_may_be_why() {
        let call = |sent_ms, by_peer| CallOutcome {
            began: std::time::Instant::now(),
            answered: std::time::Instant::now(),
            sent_ms,
            by_peer,
            page: None,
        };
        assert_eq!(cut_short(&call(2_000, false), 4.0, true), None);
        assert_eq!(cut_short(&call(4_000, true), 4.0, true), None);
        let cut = cut_short(&call(3_999, true), 4.0, false);
        assert_eq!(cut.as_deref(), Some("the server hung up after 4.0 of 4.0 s"));
        let cut = cut_short(&call(2_000, true), 4.0, true);
        let right = "the server hung up after 2.0 of 4.0 s; the PIN that was keyed in may be wrong";
        assert_eq!(cut.as_deref(), Some(right));
    }

    #[test]
    fn the_text_tells_who_answered_without_receipts() {
        let answered = Verdict::Answered { loss_permille: None };
        let said = text(&report(&[Verdict::Heard, answered]), OffsetDateTime::UNIX_EPOCH);
        assert!(
            said.starts_with("Paged 700: 1.5 s, heard by 1 of 2 (1 without receipts answered)."),
            "{said}"
        );
    }

    #[test]
    fn the_text_tells_when_the_page_started_and_ended_if_the_zone_does() {
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let unknown = report(&[Verdict::Heard]);
        let known = PageReport {
            since_start_ms: Some(12_000),
            since_end_ms: Some(2_000),
            ..unknown.clone()
        };
        let second = |page| text(page, now).lines().nth(1).map(str::to_owned);
        assert_eq!(
            second(&known).as_deref(),
            Some("  started 2027-01-15T07:59:48Z, ended 2027-01-15T07:59:58Z")
        );
        let listener = second(&unknown).unwrap();
        assert!(listener.starts_with("  Hall"), "{listener}");
    }
}
