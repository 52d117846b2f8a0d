//! Keeping what becomes of pages.

use std::sync::Arc;
use std::time::SystemTime;

use model::AccountId;
use model::status::{PageReport, ZoneEvent};
use store::{Store, StoreError, timestamp};
use tokio::sync::broadcast;

/// Keeps the report of each page until the zone has ended. A page does not wait for it.
pub(super) async fn keep(mut events: broadcast::Receiver<ZoneEvent>, store: Arc<Store>) {
    loop {
        match events.recv().await {
            Ok(ZoneEvent::PageEnded { account, report }) => {
                if let Err(error) = add(&store, &account, &report).await {
                    let error = device::sentence(&error);
                    tracing::error!(%error, "the report of a page cannot be kept");
                }
            }
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "the reports of some pages may be missing");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn add(store: &Store, account: &AccountId, report: &PageReport) -> Result<(), StoreError> {
    let mut writing = store.write().await?;
    let mut scope = writing.account(account);
    scope
        .add_page_report(timestamp(SystemTime::now()), report)
        .await?;
    writing.commit().await
}
