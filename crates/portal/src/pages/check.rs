//! Device → Check: one verdict with its evidence.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Attempt, Device};

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES, shown};
use super::line;
use super::problem::Problem;
use super::slots::{self, Slot};
use crate::check::{Verdict, examine};

/// Tries that are shown as evidence, and handshakes that failed.
const ATTEMPTS_SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "check.html")]
struct Page {
    frame: Frame,
    device: Device,
    look: &'static str,
    verdict: Verdict,
    advice: &'static str,
    slots: Vec<Slot>,
    /// What was taken from it and is still tried: where it stood, and what is known of it.
    former: Vec<(String, String)>,
    /// Extensions for which it has no slot, and why.
    misplaced: Vec<String>,
    /// Tries to register by another name than that of a slot.
    misnamed: Vec<String>,
    /// Slots in which calls are refused, and why.
    mute: Vec<String>,
    /// TLS handshakes with zones that failed from where it is.
    at_zones: Vec<String>,
    /// What looks as if its certificate were used by two.
    clone: Option<String>,
    /// What waits for somebody to look.
    review: Vec<String>,
    /// What works on it, where that is not everything.
    remark: Option<&'static str>,
    /// What is not known of it.
    doubt: Option<String>,
    /// Tries of strangers since the last that proved to be the device.
    unproved_since: usize,
    /// When, from where, how it ended and what was seen.
    attempts: Vec<(String, Attempt)>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let registrations = &site.setup().registrations;
    let mut reading = site.store().read().await?;
    let device = slots::device(&mut reading.account(&by.account), &id).await?;
    let examined = examine(&mut reading, &by.account, &device, registrations).await?;
    let verdict = examined.verdict;
    let former = examined.former.iter().map(|(former, registration)| {
        let (_, state, cause) = slots::told(Some(registration));
        (line::place_name(former.place), format!("{state}, {cause}"))
    });
    let tries = examined.attempts.iter().take(ATTEMPTS_SHOWN);
    let failures = examined.failures.iter().take(ATTEMPTS_SHOWN);
    let mut attempts: Vec<Attempt> = tries.chain(failures).cloned().collect();
    attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
    let doubt = examined.doubt();
    let advice = examined.advice();
    let untold = examined.untold.as_deref();
    let slots = examined.slots.into_iter().map(|known| slots::slot(known, untold));
    let page = Page {
        frame: Frame::new(&by, format!("Check {}", device.name), PHONES_AND_DEVICES),
        device,
        look: match verdict {
            Verdict::Registered if examined.review.is_empty() => "done",
            Verdict::Registered
            | Verdict::NeverSeen
            | Verdict::NoExtension
            | Verdict::PartlyRegistered
            | Verdict::TakenAway => "busy",
            _ => "problem",
        },
        verdict,
        advice,
        doubt,
        former: former.collect(),
        slots: slots.collect(),
        misplaced: examined.misplaced,
        misnamed: examined.misnamed,
        mute: examined.mute,
        at_zones: examined.at_zones,
        clone: examined.clone,
        review: examined.review,
        remark: examined.remark,
        unproved_since: examined.unproved_since,
        attempts: attempts
            .into_iter()
            .map(|attempt| (shown(attempt.at), attempt))
            .collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}
