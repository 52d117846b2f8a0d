//! Export: what an import takes, as a file. No password is in it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::inventory::import::Present;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::Site;
use super::gate::Visitor;
use super::problem::{Problem, failure};
use crate::lists::{self, CsvWriter, JsonWriter, Record};

/// Rows that are written at once.
const ROWS_AT_ONCE: usize = 500;
/// Parts that wait for whoever reads them.
const PARTS_KEPT: usize = 4;
/// Longest wait for whoever reads to take a part.
const PART_WITHIN: Duration = Duration::from_secs(30);
/// Longest time that a file is written: at 64 kbit/s a whole one of 10,000 devices is there.
const FILE_WITHIN: Duration = Duration::from_secs(20 * 60);

pub(super) async fn csv(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let (writer, head) = CsvWriter::begin();
    export(
        &site,
        &by,
        ("csv", "text/csv; charset=utf-8"),
        head,
        Written::Csv(writer),
    )
    .await
}

pub(super) async fn json(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
) -> Result<Response, Problem> {
    let (writer, head) = JsonWriter::begin();
    export(
        &site,
        &by,
        ("json", "application/json"),
        head,
        Written::Json(writer),
    )
    .await
}

enum Written {
    Csv(CsvWriter),
    Json(JsonWriter),
}

impl Written {
    fn rows(&mut self, records: &[Record]) -> Vec<u8> {
        match self {
            Self::Csv(writer) => writer.rows(records),
            Self::Json(writer) => writer.rows(records),
        }
    }

    fn end(self) -> Vec<u8> {
        match self {
            Self::Csv(_) => Vec::new(),
            Self::Json(writer) => writer.end(),
        }
    }
}

/// Writes part by part; none where a part was not taken in time, or whoever reads has gone.
async fn write(
    _while_it_is_written: OwnedSemaphorePermit,
    present: Present,
    (head, mut writer): (Vec<u8>, Written),
    (parts, is_whole): (mpsc::Sender<Vec<u8>>, Arc<AtomicBool>),
) -> Option<()> {
    let mut records = lists::records(&present);
    let mut part = head;
    loop {
        timeout(PART_WITHIN, parts.send(part)).await.ok()?.ok()?;
        let some: Vec<Record> = records.by_ref().take(ROWS_AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        part = writer.rows(&some);
    }
    timeout(PART_WITHIN, parts.send(writer.end())).await.ok()?.ok()?;
    // Before the parts end, which is when it is looked at.
    is_whole.store(true, Ordering::Release);
    Some(())
}

/// Writes while it is read: what is there is seen at one moment, and written part by part.
async fn export(
    site: &Site,
    by: &Visitor,
    (ending, kind): (&str, &'static str),
    head: Vec<u8>,
    writer: Written,
) -> Result<Response, Problem> {
    let Ok(place) = Arc::clone(site.files()).try_acquire_owned() else {
        let text = "Other files are being read or written. Ask for yours again in a minute.";
        return Ok(failure(StatusCode::SERVICE_UNAVAILABLE, "Not now", text));
    };
    let mut reading = site.store().read().await?;
    let present = lists::present(&mut reading, &by.account).await?;
    drop(reading);
    let present = present.ok_or(Problem::Missing)?;
    let (parts, taken) = mpsc::channel::<Vec<u8>>(PARTS_KEPT);
    let is_whole = Arc::new(AtomicBool::new(false));
    let seen_whole = Arc::clone(&is_whole);
    tokio::spawn(async move {
        let written = write(place, present, (head, writer), (parts, is_whole));
        let _is_in_time = timeout(FILE_WITHIN, written).await.is_ok();
    });
    let parts = ReceiverStream::new(taken).map(|part| Ok(Bytes::from(part)));
    // A file that ends too early must not look like a whole one.
    let end = tokio_stream::once(()).filter_map(move |()| {
        let cut_off = || Err(io::Error::from(io::ErrorKind::TimedOut));
        (!seen_whole.load(Ordering::Acquire)).then(cut_off)
    });
    let parts = parts.chain(end);
    let name = format!("attachment; filename=\"oyez-{}.{ending}\"", by.account);
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}
