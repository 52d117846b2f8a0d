//! `GET /devices/{device_id}/attempts`.

use model::inventory::{Attempt, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::shapes::AttemptShown;
use super::device;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Tries of a page.
const PAGE_SIZE_MAX: u32 = 100;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    next_page_token: Option<String>,
    #[schemars(range(min = 1), extend("default" = 30))]
    page_size: Option<u32>,
}

/// A page of tries, the last first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Page {
    attempts: Vec<AttemptShown>,
    /// Where the list goes on; empty at its end.
    next_page_token: String,
    page_size: u32,
    total_records: u64,
}

/// Up to where a list was told: the moment of the last, and how many of that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    at: Timestamp,
    count: usize,
}

pub(crate) async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let told = part.after.as_deref().and_then(Told::read);
    let mut reading = call.store().read().await?;
    let device = device(&call, &mut reading.account(&call.account)).await?;
    let kept = reading.attempts(device.mac).await?;
    let rest = told.map_or(kept.as_slice(), |told| told.rest(&kept));
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let (page, more) = rest.split_at(size.min(rest.len()));
    let place = page.last().filter(|_| !more.is_empty());
    let place = place.map(|last| Told::up_to(last.at, &kept, more.len()).to_string());
    Ok(Found(Page {
        attempts: page.iter().map(AttemptShown::of).collect(),
        next_page_token: call.next_page_token(place.as_deref()),
        page_size: part.size,
        total_records: u64::try_from(kept.len()).unwrap_or_default(),
    }))
}

impl Told {
    /// The place after which `left` of those that are kept come.
    fn up_to(at: Timestamp, kept: &[Attempt], left: usize) -> Self {
        let told = kept.len().saturating_sub(left);
        let told = kept.iter().take(told);
        let count = told.filter(|attempt| attempt.at == at).count();
        Self { at, count }
    }

    /// What comes after it; what has been tried meanwhile stands before it.
    fn rest(self, kept: &[Attempt]) -> &[Attempt] {
        let newer = kept.iter().take_while(|attempt| attempt.at > self.at).count();
        let same = kept.iter().filter(|attempt| attempt.at == self.at).count();
        kept.get(newer + self.count.min(same)..).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let (at, count) = text.split_once(':')?;
        Some(Self {
            at: Timestamp(at.parse().ok()?),
            count: count.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.at.0, self.count)
    }
}

#[cfg(test)]
mod tests {
    use model::inventory::AttemptOutcome;

    use super::*;

    fn attempt(at: u64) -> Attempt {
        Attempt {
            at: Timestamp(at),
            mac: None,
            source: String::new(),
            file: String::new(),
            outcome: AttemptOutcome::Served,
            proved: false,
            times: 1,
            detail: String::new(),
        }
    }

    #[test]
    fn a_list_goes_on_where_it_ended_though_something_was_tried_meanwhile() {
        let before: Vec<Attempt> = [9, 7, 7, 7, 5].into_iter().map(attempt).collect();
        let told = Told::up_to(Timestamp(7), &before, 2);
        assert_eq!(Told::read(&told.to_string()), Some(told));
        assert_eq!(told.count, 2);
        let later: Vec<Attempt> = [12, 9, 7, 7, 7, 5].into_iter().map(attempt).collect();
        let rest: Vec<u64> = told.rest(&later).iter().map(|attempt| attempt.at.0).collect();
        assert_eq!(rest, [7, 5]);
        assert_eq!(told.rest(&[]), []);
    }
}
