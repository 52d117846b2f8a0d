//! The audit gone through from time to time: what does not fit is in the log without anybody looking, and so is where the lists end, for
//! who keeps the log elsewhere to see when an earlier state is put back.

use std::sync::Arc;
use std::time::Duration;

use model::AccountId;
use portal::audit_check::{AuditAnswer, answer};
use store::Store;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is gone through; the first time is at the start.
const EVERY: Duration = Duration::from_secs(3_600);

/// The rounds; they end when this is dropped.
pub(super) struct AuditRounds {
    _task: JoinSet<()>,
}

impl AuditRounds {
    pub(super) fn begin(store: &Arc<Store>, account: &AccountId) -> Self {
        let (store, account) = (Arc::clone(store), account.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut times = interval(EVERY);
            times.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                times.tick().await;
                match answer(&store, &account, None).await {
                    AuditAnswer::Report(report) => {
                        let (entries, checkpoint) = (report.entries, report.checkpoint);
                        tracing::info!(entries, checkpoint, "the audit was gone through");
                    }
                    AuditAnswer::Problem(problem) => {
                        tracing::error!(problem, "the audit cannot be gone through");
                    }
                }
            }
        });
        Self { _task: task }
    }
}
