//! What is told of a device that was examined, as text and as JSON.

use model::inventory::{Attempt, Device, LinePlace};
use serde::{Deserialize, Serialize};
use store::Store;

use model::AccountId;
use registrations::{Registration, Registrations};

use super::{Examination, Verdict, examine};
use crate::pages::wording::{place_name, shown, told_beside};

/// Tries that are told at most.
const TRIES_TOLD: usize = 10;

/// An answer to the question how a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckAnswer {
    /// It was examined.
    Report(Box<CheckReport>),
    /// It was not: one sentence.
    Problem(String),
}

/// What is known of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: String,
    /// Its model, once it is known.
    pub model: Option<String>,
    /// Its firmware, once it is known.
    pub firmware: Option<String>,
    /// What is the matter, as a word.
    pub verdict: Verdict,
    /// The same in a few words.
    pub title: String,
    /// What to do.
    pub advice: String,
    /// Its slots.
    pub slots: Vec<SlotReport>,
    /// What else is to be known: extensions without a slot, functions that do not work, extensions that were taken away.
    pub remarks: Vec<String>,
    /// Tries to fetch its configuration and handshakes that failed, the last first.
    pub tries: Vec<TryReport>,
}

/// What is known of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotReport {
    /// Assignment type and port: `Page 1`.
    pub place: String,
    /// Whose extension stands there.
    pub extension: String,
    /// It is registered.
    pub registered: bool,
    /// Since when and from where, or why not.
    pub state: String,
}

/// A try to fetch a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TryReport {
    /// When the last like it was.
    pub at: String,
    /// From which address.
    pub source: String,
    /// Which file; none where the handshake failed.
    pub file: Option<String>,
    /// How it ended, as a word.
    pub outcome: String,
    /// It proved to be the device.
    pub proved: bool,
    /// How many there were.
    pub times: u32,
    /// The evidence.
    pub detail: String,
}

/// Answers how a device of an account is, which is named by its hardware address or its name.
pub async fn answer(
    store: &Store,
    account: &AccountId,
    registrations: &Registrations,
    named: &str,
) -> CheckAnswer {
    match report(store, account, registrations, named).await {
        Ok(answer) => answer,
        Err(error) => CheckAnswer::Problem(crate::provisioning::chain(&error)),
    }
}

async fn report(
    store: &Store,
    account: &AccountId,
    registrations: &Registrations,
    named: &str,
) -> Result<CheckAnswer, store::StoreError> {
    let mut reading = store.read().await?;
    let devices = reading.account(account).devices().await?;
    let mac = named.parse().ok();
    let is_named = |device: &Device| match mac {
        Some(mac) => device.mac == mac,
        None => device.name.as_str().eq_ignore_ascii_case(named),
    };
    let found: Vec<Device> = devices.into_iter().filter(is_named).collect();
    let device = match found.as_slice() {
        [device] => device,
        [] => {
            let text = format!(
                "no device is {named}; name one by its MAC address or its whole name, as Phones & Devices has it"
            );
            return Ok(CheckAnswer::Problem(text));
        }
        several => {
            let all: Vec<String> = several.iter().map(|device| device.mac.to_string()).collect();
            let text = format!(
                "{} devices are called {named}; name one by its MAC address: {}",
                all.len(),
                all.join(", ")
            );
            return Ok(CheckAnswer::Problem(text));
        }
    };
    let examined = examine(&mut reading, account, device, registrations).await?;
    Ok(CheckAnswer::Report(Box::new(told_of(device, &examined))))
}

fn told_of(device: &Device, examined: &Examination) -> CheckReport {
    let slots = examined
        .slots
        .iter()
        .map(|(line, holder, registration)| SlotReport {
            extension: holder.extension.to_string(),
            registered: matches!(registration, Some(Registration::Registered { .. })),
            ..slot(line.place, registration.as_ref(), examined.untold.as_deref())
        });
    let mut tries: Vec<&Attempt> = examined.attempts.iter().chain(&examined.failures).collect();
    tries.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
    CheckReport {
        name: device.name.to_string(),
        mac: device.mac.to_string(),
        model: device.model.clone(),
        firmware: device.firmware.clone(),
        verdict: examined.verdict,
        title: examined.verdict.title().to_owned(),
        advice: examined.advice().to_owned(),
        slots: slots.collect(),
        remarks: examined.remarks(),
        tries: tries.into_iter().take(TRIES_TOLD).map(told_try).collect(),
    }
}

impl Examination {
    /// What to do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.verdict {
            Verdict::Registered if !self.review.is_empty() => {
                "It works. Something waits for you under Provision."
            }
            verdict => verdict.advice(),
        }
    }

    /// What is not known, in words.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let zone = self.untold.as_ref()?;
        Some(format!(
            "Zone {zone} has not told who is registered there since the service was started: it may be registered there all the same"
        ))
    }

    /// What else is to be known: extensions without a slot, functions that do not work, what was taken away and is still tried.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let former = self.former.iter().map(|(former, registration)| {
            let slot = slot(former.place, Some(registration), None);
            format!("{}, taken away: {}", slot.place, slot.state)
        });
        let remark = self.remark.map(str::to_owned);
        let doubt = self.doubt();
        let waiting = self.review.iter().cloned();
        let known = doubt.into_iter().chain(remark).chain(waiting);
        known
            .chain(self.clone.clone())
            .chain(
                self.misplaced
                    .iter()
                    .chain(&self.misnamed)
                    .chain(&self.mute)
                    .chain(&self.at_zones)
                    .cloned(),
            )
            .chain(former)
            .collect()
    }
}

fn slot(place: LinePlace, registration: Option<&Registration>, untold: Option<&str>) -> SlotReport {
    let (_, state, cause) = told_beside(registration, untold);
    SlotReport {
        place: place_name(place),
        extension: String::new(),
        registered: false,
        state: format!("{state}: {cause}"),
    }
}

fn told_try(attempt: &Attempt) -> TryReport {
    TryReport {
        at: shown(attempt.at),
        source: attempt.source.clone(),
        file: Some(attempt.file.clone()).filter(|file| !file.is_empty()),
        outcome: attempt.outcome.as_str().to_owned(),
        proved: attempt.proved,
        times: attempt.times,
        detail: attempt.detail.clone(),
    }
}
