//! `GET /pages/{page_id}`.

use std::collections::BTreeMap;

use model::PageId;
use model::inventory::Assignment;
use model::status::{ListenerReport, MissingReason, NotHeardReason, PageReport, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use store::KeptPageReport;

use super::super::devices::AssignmentType;
use super::list::PageShown;
use crate::answer::Found;
use crate::call::Call;
use crate::operation::Nothing;
use crate::refusal::Refusal;

/// A page, with what became of it at every listener.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    #[serde(flatten)]
    page: PageShown,
    /// None as long as it goes on.
    receipts: Vec<Listener>,
}

/// What became of a page at one listener.
#[derive(Serialize, JsonSchema)]
struct Listener {
    /// The name people know it by.
    name: String,
    /// The device it is, as long as the slot has this extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment_type: Option<AssignmentType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u8>,
    verdict: Judgement,
    /// Why it was not heard, or is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    /// The SIP status it refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_with: Option<u16>,
    /// Milliseconds from the talker's first sound to its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_audio_ms: Option<u64>,
    /// What the device said of itself, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptShown>,
    /// Its devices that were registered.
    devices: usize,
    /// How many of them heard it.
    heard_devices: usize,
}

/// How much of a page came out of a device.
#[derive(Serialize, JsonSchema)]
struct ReceiptShown {
    /// Milliseconds that came out, those included that were made up for lost packets.
    played_ms: u64,
    /// Milliseconds that it was sent.
    expected_ms: u64,
    /// Packets that never came.
    lost: u64,
    concealed_ms: u64,
    interrupted_ms: u64,
    muted: bool,
    sink_healthy: bool,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Judgement {
    Heard,
    NotHeard,
    /// It answered and gives no receipts, so nobody knows.
    Answered,
    Missing,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Cause {
    TooLittle,
    Muted,
    SinkFault,
    NoReceipt,
    NotRegistered,
    NoAnswer,
    Refused,
    ConnectionFailed,
    PageEnded,
}

pub(crate) async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let missing = || Refusal::none("page");
    let id: PageId = call.id("page_id").ok_or_else(missing)?;
    // What has ended between the two is found by the second.
    let live = call.setup().happenings.page(&call.account, &id);
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let kept = match scope.page_report_of(&id).await? {
        Some(kept) => kept,
        None => match live.ok_or_else(missing)? {
            page if page.ended.is_none() => {
                return Ok(Found(Shown {
                    page: PageShown::live(&page),
                    receipts: Vec::new(),
                }));
            }
            page => {
                let (made, report) = page.ended.ok_or_else(missing)?;
                KeptPageReport::made_at(made, 0, report)
            }
        },
    };
    let assignments = scope.assignments().await?;
    Ok(Found(Shown {
        page: PageShown::kept(&kept),
        receipts: receipts(&kept.report, &assignments),
    }))
}

fn receipts(report: &PageReport, assignments: &[Assignment]) -> Vec<Listener> {
    let by_user: BTreeMap<&str, &Assignment> = assignments
        .iter()
        .map(|assignment| (assignment.user.as_str(), assignment))
        .collect();
    let listeners = report.listeners.iter();
    listeners
        .map(|listener| Listener::of(listener, by_user.get(listener.user.as_str()).copied()))
        .collect()
}

impl Listener {
    fn of(listener: &ListenerReport, assignment: Option<&Assignment>) -> Self {
        let (verdict, cause) = judgement(&listener.verdict);
        let refused_with = match &listener.verdict {
            Verdict::Missing {
                why: MissingReason::Refused { status, .. },
            } => Some(*status),
            Verdict::Heard
            | Verdict::Answered { .. }
            | Verdict::NotHeard { .. }
            | Verdict::Missing { .. } => None,
        };
        Self {
            name: listener.name.clone(),
            device_id: assignment.map(|assignment| assignment.device.to_string()),
            assignment_type: assignment.map(|assignment| AssignmentType::of(assignment.place)),
            port: assignment.map(|assignment| assignment.place.port()),
            verdict,
            cause,
            refused_with,
            first_audio_ms: listener.first_audio_ms,
            receipt: listener.receipt.as_ref().map(|receipt| ReceiptShown {
                played_ms: receipt.played_ms,
                expected_ms: receipt.expected_ms,
                lost: receipt.lost,
                concealed_ms: receipt.concealed_ms,
                interrupted_ms: receipt.interrupted_ms,
                muted: receipt.muted,
                sink_healthy: receipt.sink_healthy,
            }),
            devices: listener.devices,
            heard_devices: listener.heard_devices,
        }
    }
}

fn judgement(verdict: &Verdict) -> (Judgement, Option<Cause>) {
    match verdict {
        Verdict::Heard => (Judgement::Heard, None),
        Verdict::Answered { .. } => (Judgement::Answered, None),
        Verdict::NotHeard { why } => {
            let cause = match why {
                NotHeardReason::TooLittle => Cause::TooLittle,
                NotHeardReason::Muted => Cause::Muted,
                NotHeardReason::SinkFault => Cause::SinkFault,
                NotHeardReason::NoReceipt => Cause::NoReceipt,
            };
            (Judgement::NotHeard, Some(cause))
        }
        Verdict::Missing { why } => {
            let cause = match why {
                MissingReason::NotRegistered => Cause::NotRegistered,
                MissingReason::NoAnswer => Cause::NoAnswer,
                MissingReason::Refused { .. } => Cause::Refused,
                MissingReason::ConnectionFailed => Cause::ConnectionFailed,
                MissingReason::PageEnded => Cause::PageEnded,
            };
            (Judgement::Missing, Some(cause))
        }
    }
}
