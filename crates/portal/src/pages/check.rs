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
use super::problem::Problem;
use super::slots::{self, Slot};
use crate::check::{Verdict, verdict};

/// Tries that are shown as evidence.
const ATTEMPTS_SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "check.html")]
struct Page {
    frame: Frame,
    device: Device,
    look: &'static str,
    verdict: Verdict,
    slots: Vec<Slot>,
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
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let slots = slots::slots(&mut scope, &device, registrations).await?;
    let attempts = reading.attempts(device.mac).await?;
    let told: Vec<_> = slots
        .iter()
        .map(|slot| registrations.of(slot.line.user.as_str()))
        .collect();
    let verdict = verdict(&device, attempts.first(), &told);
    let page = Page {
        frame: Frame::new(&by, format!("Check {}", device.name), PHONES_AND_DEVICES),
        device,
        look: match verdict {
            Verdict::Registered => "done",
            Verdict::NeverSeen | Verdict::NoExtension | Verdict::PartlyRegistered => "busy",
            _ => "problem",
        },
        verdict,
        slots,
        attempts: attempts
            .into_iter()
            .take(ATTEMPTS_SHOWN)
            .map(|attempt| (shown(attempt.at), attempt))
            .collect(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}
