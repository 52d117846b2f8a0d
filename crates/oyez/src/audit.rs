//! `oyez service audit`: a running service goes through its audit.

use anyhow::{Context, anyhow};
use portal::audit_check::{AuditAnswer, AuditReport};

use crate::cli::AuditArguments;
use crate::console;
use crate::failure::Failure;
use crate::question;
use crate::state::StateFolder;

/// The question.
pub(crate) const QUESTION: &str = "audit";

/// Runs the command.
///
/// # Errors
///
/// When no service answers, the audit cannot be read, or something in it does not fit.
pub async fn run(arguments: AuditArguments) -> Result<(), Failure> {
    let path = StateFolder::choose(arguments.state.as_deref())?.service_control();
    let question = match &arguments.from {
        Some(from) => format!("{QUESTION} {from}"),
        None => QUESTION.to_owned(),
    };
    let answer: AuditAnswer = question::ask(&path, &question).await?;
    let report = match answer {
        AuditAnswer::Report(report) => report,
        AuditAnswer::Problem(problem) => return Err(anyhow!(problem).into()),
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&report).context("the report cannot be written")?;
        console::say(&text);
    } else {
        console::say(&text_of(&report, arguments.from.is_some()));
    }
    match (report.fault, report.missing) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Failure::Incomplete),
        (Some(_), _) => Err(Failure::Tampered),
    }
}

/// The report as people read it; whether a checkpoint was asked for.
fn text_of(report: &AuditReport, is_compared: bool) -> String {
    let mut lines: Vec<String> = report.fault.iter().chain(&report.missing).cloned().collect();
    // Of entries that do not fit nothing can be said.
    if is_compared && report.missing.is_none() && report.fault.is_none() {
        lines.push("the checkpoint that was asked for is contained".to_owned());
    }
    let since = report.since.as_deref().map(|since| format!(" since {since}"));
    lines.push(format!(
        "{} entries verified{}",
        report.entries,
        since.unwrap_or_default()
    ));
    if let Some(until) = &report.unlinked_until {
        let unlinked = report.unlinked;
        lines.push(format!(
            "{unlinked} older entries, up to {until}, have no link: nothing can be said of them"
        ));
    }
    lines.push(format!("checkpoint: {}", report.checkpoint));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_does_not_fit_first_and_what_cannot_be_verified_after_what_can() {
        let report = AuditReport {
            entries: 0,
            since: None,
            unlinked: 0,
            unlinked_until: None,
            checkpoint: "people 0 00".to_owned(),
            fault: None,
            missing: None,
        };
        assert_eq!(
            text_of(&report, false),
            "0 entries verified\ncheckpoint: people 0 00"
        );
        let report = AuditReport {
            entries: 12,
            since: Some("27 Nov 2026 04:00:01 UTC".to_owned()),
            unlinked: 3,
            unlinked_until: Some("26 Nov 2026 04:00:01 UTC".to_owned()),
            checkpoint: "people 12 ab".to_owned(),
            fault: Some("entry 7 does not fit".to_owned()),
            missing: None,
        };
        assert_eq!(
            text_of(&report, true),
            "entry 7 does not fit\n12 entries verified since 27 Nov 2026 04:00:01 UTC\n\
             3 older entries, up to 26 Nov 2026 04:00:01 UTC, have no link: nothing can be said of them\n\
             checkpoint: people 12 ab",
            "neither that the checkpoint is contained nor that it is not"
        );
    }
}
