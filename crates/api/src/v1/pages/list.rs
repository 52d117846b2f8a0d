//! `GET /pages`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::KeptPageReport;

use super::super::moment;
use crate::answer::Found;
use crate::call::Call;
use crate::happenings::LivePage;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// Pages of one part of the list.
const PAGE_SIZE_MAX: u32 = 100;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    next_page_token: Option<String>,
    #[schemars(range(min = 1), extend("default" = 30))]
    page_size: Option<u32>,
}

/// Pages, the last first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    /// Those that are spoken just now.
    going_on: Vec<PageShown>,
    /// Those that have ended.
    pages: Vec<PageShown>,
    /// Where the list goes on; empty at its end.
    next_page_token: String,
    page_size: u32,
}

/// A page.
#[derive(Serialize, JsonSchema)]
pub(super) struct PageShown {
    id: String,
    state: State,
    /// What was dialled.
    extension: String,
    /// The SIP user who speaks; the service speaks by users of its own.
    talker: String,
    /// When its listeners were called; it is missing once the page has ended in a zone that does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    started_at: Option<String>,
    /// When whoever speaks has hung up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    ended_at: Option<String>,
    /// Milliseconds of what was said, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    /// Listeners that are known to have heard it, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<u64>,
    /// Listeners that are called.
    listeners: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    GoingOn,
    Ended,
}

pub(crate) async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Listed>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let before = part.after.map(|before| before.parse::<i64>().unwrap_or_default());
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let more = part.size.saturating_add(1);
    let mut kept = scope.page_reports(before, more).await?;
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let has_more = kept.len() > size;
    kept.truncate(size);
    let next = kept
        .last()
        .filter(|_| has_more)
        .map(|last| last.number.to_string());
    let going_on = call.setup().happenings.pages_going_on(&call.account);
    Ok(Found(Listed {
        going_on: going_on.iter().map(PageShown::live).collect(),
        pages: kept.iter().map(PageShown::kept).collect(),
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
    }))
}

impl PageShown {
    pub(super) fn kept(kept: &KeptPageReport) -> Self {
        let report = &kept.report;
        Self {
            id: report.page.to_string(),
            state: State::Ended,
            extension: report.extension.to_string(),
            talker: report.talker.to_string(),
            started_at: kept.started_at().map(moment),
            ended_at: Some(moment(kept.at)),
            duration_ms: Some(report.duration_ms),
            heard: u64::try_from(report.heard_count()).ok(),
            listeners: u64::try_from(report.listeners.len()).unwrap_or_default(),
        }
    }

    pub(super) fn live(page: &LivePage) -> Self {
        Self {
            id: page.page.to_string(),
            state: State::GoingOn,
            extension: page.extension.to_string(),
            talker: page.talker.to_string(),
            started_at: Some(moment(page.started_at)),
            ended_at: None,
            duration_ms: None,
            heard: None,
            listeners: page.listeners,
        }
    }
}
