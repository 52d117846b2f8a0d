//! `GET /devices/{device_id}`.

use std::cmp::Reverse;

use model::inventory::Attempt;
use portal::check::{Examination, Verdict, examine};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::shapes::AttemptShown;
use super::device;
use super::list::DeviceShown;
use super::slots::Slot;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Tries that are told as evidence; all that are kept are listed by themselves.
const TRIES_TOLD: usize = 10;

/// A device, and what is the matter with it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    #[serde(flatten)]
    device: DeviceShown,
    check: Check,
    slots: Vec<Slot>,
}

/// One verdict with its evidence.
#[derive(Serialize, JsonSchema)]
struct Check {
    verdict: Verdict,
    /// The verdict in a few words.
    title: String,
    /// What to do.
    advice: String,
    /// What else is to be known: extensions without a slot, functions that do not work, a certificate that two may use.
    remarks: Vec<String>,
    /// Tries of those who proved nothing, since the last that proved to be the device.
    unproved_since: usize,
    /// Tries to fetch its configuration, and handshakes that failed from where it is, the last first.
    attempts: Vec<AttemptShown>,
}

pub(crate) async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let device = device(&call, &mut scope).await?;
    let earlier = scope.earlier_passwords_of_device(&device.id).await?;
    let site = match &device.site {
        Some(site) => scope.site(site).await?,
        None => None,
    };
    let examined = examine(&mut reading, &call.account, &device, call.registrations()).await?;
    let slots = examined.slots.iter();
    let slots = slots.map(|(line, holder, known)| Slot::of(line, holder, known.as_ref(), &earlier));
    Ok(Found(Shown {
        device: DeviceShown::of(&device, site.as_slice()),
        slots: slots.collect(),
        check: Check::of(&examined),
    }))
}

impl Check {
    fn of(examined: &Examination) -> Self {
        let mut tries: Vec<&Attempt> = examined.attempts.iter().chain(&examined.failures).collect();
        tries.sort_by_key(|attempt| Reverse(attempt.at));
        let tries = tries.into_iter().take(TRIES_TOLD);
        Self {
            verdict: examined.verdict,
            title: examined.verdict.title().to_owned(),
            advice: examined.verdict.advice().to_owned(),
            remarks: examined.remarks(),
            unproved_since: examined.unproved_since,
            attempts: tries.map(AttemptShown::of).collect(),
        }
    }
}
