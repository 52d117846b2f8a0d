//! `oyez check`: what keeps a device of a running service from being registered.

use anyhow::{Context, anyhow};
use model::inventory::AttemptOutcome;
use net::control::QUESTION_LENGTH_MAX;
use portal::check::{CheckAnswer, CheckReport, Verdict, outcome_in_words};

use crate::cli::CheckArguments;
use crate::console;
use crate::failure::Failure;
use crate::question;
use crate::state::StateFolder;

/// How the question begins.
pub(crate) const QUESTION: &str = "check ";

/// Runs the command.
///
/// # Errors
///
/// When no service answers, the device is not known, or it is not registered.
pub async fn run(arguments: CheckArguments) -> Result<(), Failure> {
    let path = StateFolder::choose(arguments.state.as_deref())?.service_control();
    let question = format!("{QUESTION}{}", arguments.device.trim());
    let is_line = !question.chars().any(char::is_control);
    let length = u64::try_from(question.len()).unwrap_or(u64::MAX);
    if !is_line || length >= QUESTION_LENGTH_MAX {
        return Err(anyhow!("no device has such a name; name one by its MAC address").into());
    }
    let answer: CheckAnswer = question::ask(&path, &question).await?;
    let report = match answer {
        CheckAnswer::Report(report) => report,
        CheckAnswer::Problem(problem) => return Err(anyhow!(problem).into()),
    };
    if arguments.json {
        let text = serde_json::to_string_pretty(&report).context("the report cannot be written")?;
        console::say(&text);
    } else {
        console::say(&text_of(&report));
    }
    match report.verdict {
        Verdict::Registered => Ok(()),
        _ => Err(Failure::NotRegistered),
    }
}

/// The report as people read it.
fn text_of(report: &CheckReport) -> String {
    let CheckReport {
        name,
        mac,
        title,
        advice,
        ..
    } = report;
    let known: Vec<&str> = [&report.model, &report.firmware]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let known = if known.is_empty() {
        String::new()
    } else {
        format!(", {}", known.join(" "))
    };
    let mut lines = vec![format!("{name} ({mac}{known}): {title}"), advice.clone()];
    for slot in &report.slots {
        lines.push(format!(
            "  {}, extension {}: {}",
            slot.place, slot.extension, slot.state
        ));
    }
    lines.extend(report.remarks.iter().map(|remark| format!("  {remark}")));
    for one in &report.tries {
        let file = one.file.as_deref().unwrap_or("TLS handshake");
        let times = if one.times > 1 {
            format!(" ({} times)", one.times)
        } else {
            String::new()
        };
        let stranger = if one.proved { "" } else { ", without proof" };
        let detail = if one.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", one.detail)
        };
        // A service of another version may know an outcome that is not known here.
        let outcome = match AttemptOutcome::from_stored(&one.outcome) {
            Some(outcome) => outcome_in_words(outcome),
            None => &one.outcome,
        };
        lines.push(format!(
            "  {} {} {file}: {outcome}{times}{stranger}{detail}",
            one.at, one.source
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use portal::check::{SlotReport, TryReport};

    use super::*;

    #[test]
    fn a_report_says_the_verdict_what_to_do_and_the_evidence() {
        let report = CheckReport {
            name: "Hall".to_owned(),
            mac: "00:22:EE:0A:0B:0C".to_owned(),
            model: Some("8301".to_owned()),
            firmware: Some("5.5".to_owned()),
            verdict: Verdict::NoCertificate,
            title: Verdict::NoCertificate.title().to_owned(),
            advice: "Do this.".to_owned(),
            slots: vec![SlotReport {
                place: "Page 1".to_owned(),
                extension: "701".to_owned(),
                registered: false,
                state: "Not registered: never tried".to_owned(),
            }],
            remarks: vec!["A remark.".to_owned()],
            tries: vec![TryReport {
                at: "now".to_owned(),
                source: "192.0.2.1".to_owned(),
                file: Some("algom0022EE0A0B0C.conf".to_owned()),
                outcome: "no_certificate".to_owned(),
                proved: false,
                times: 4,
                detail: "none".to_owned(),
            }],
        };
        assert_eq!(
            text_of(&report),
            "Hall (00:22:EE:0A:0B:0C, 8301 5.5): No certificate\nDo this.\n  Page 1, extension 701: Not registered: never tried\n  \
             A remark.\n  now 192.0.2.1 algom0022EE0A0B0C.conf: No certificate (4 times), without proof: none"
        );
    }
}
