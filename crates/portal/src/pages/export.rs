//! Export: what an import takes, as a file. No password is in it.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
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

/// Writes while it is read: what is there is seen at one moment, and written part by part.
async fn export(
    site: &Site,
    by: &Visitor,
    (ending, kind): (&str, &'static str),
    head: Vec<u8>,
    mut writer: Written,
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
    spawn_blocking(move || {
        let _while_it_is_written = place;
        let mut records = lists::records(&present);
        let mut part = head;
        loop {
            if parts.blocking_send(part).is_err() {
                return;
            }
            let some: Vec<Record> = records.by_ref().take(ROWS_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            part = writer.rows(&some);
        }
        // Whoever reads may have gone.
        let _is_taken = parts.blocking_send(writer.end()).is_ok();
    });
    let parts = ReceiverStream::new(taken).map(|part| Ok::<_, std::convert::Infallible>(Bytes::from(part)));
    let name = format!("attachment; filename=\"oyez-{}.{ending}\"", by.account);
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}
