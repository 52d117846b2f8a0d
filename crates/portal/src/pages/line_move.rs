//! Device → Extension Assignment → one extension: another type or port, with the credentials it has.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Device, Holder, Line};
use store::Scope;

use super::extension_new::{fields_of, place_of};
use super::form::{Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES};
use super::problem::Problem;
use super::{Site, line, line_edit, resync, slots};

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let (device, line, holder) = find(&mut scope, (&id, &line)).await?;
    let [kind, port] = fields_of(&device, &holder);
    let fields = vec![
        kind.filled(line.place.kind()),
        port.filled(&line.place.port().to_string()),
    ];
    Ok(page(&by, &device, (&line, &holder), fields).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let account = line::account_of(&mut writing, &by.account).await?;
    let mut scope = writing.account(&by.account);
    let (device, line, holder) = find(&mut scope, (&id, &line)).await?;
    let [mut kind, mut port] = fields_of(&device, &holder).map(|field| field.typed(&posted));
    let Some(place) = place_of(&kind, &mut port) else {
        return Ok(page(by, &device, (&line, &holder), vec![kind, port]).answer());
    };
    let moved = scope
        .move_lines(&account, &device, &[(line.id.clone(), place)])
        .await?;
    if let Err(error) = moved {
        kind.refuse(&error);
        return Ok(page(by, &device, (&line, &holder), vec![kind, port]).answer());
    }
    if place != line.place {
        let [from, to] = [line.place, place].map(line::place_name);
        let detail = format!("{} at {}, {from} to {to}", holder.extension, device.name);
        by.note(&mut writing, "move extension", detail).await?;
        writing.commit().await?;
        resync::tell_of_change(&site, &by.account, &device).await;
    }
    Ok(Redirect::to(&line_edit::extensions_of(&device)).into_response())
}

/// The device and the extension that a path names.
async fn find(
    scope: &mut Scope<'_, '_>,
    (device, line): (&str, &str),
) -> Result<(Device, Line, Holder), Problem> {
    let device = slots::device(scope, device).await?;
    let held = scope.held_lines_of_device(&device.id).await?;
    let found = held.into_iter().find(|(held, _)| held.id.as_str() == line);
    let (line, holder) = found.ok_or(Problem::Missing)?;
    Ok((device, line, holder))
}

fn page(by: &Visitor, device: &Device, (line, holder): (&Line, &Holder), fields: Vec<Field>) -> FormPage {
    FormPage {
        frame: Frame::new(by, format!("Move {}", holder.extension), PHONES_AND_DEVICES),
        introduction: "It keeps its credentials; calls to it do what its new assignment type says.",
        action: format!("/devices/{}/lines/{}/move", device.id, line.id),
        back: line_edit::extensions_of(device),
        hidden: Vec::new(),
        fields,
        button: SAVE,
        removal: None,
    }
}
