//! Device → Extension Assignment → one extension: another password without a missed call, and taking it away.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::Secret;
use model::inventory::Device;
use store::{RotateLineError, Scope};

use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES};
use super::problem::{Problem, not_yet};
use super::resync;
use super::slots::{self, Slot};
use super::{Site, chance};

pub(super) async fn ask_rotation(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let (device, slot) = find(&site, &mut scope, (&id, &line)).await?;
    if slot.has_earlier_password {
        return Ok(end_first(&by, &device));
    }
    let next = if device.kind.is_provisioned() {
        "The device fetches the new password with its configuration; Resync on its page asks it to."
    } else {
        "Type the new password at the device; Provision on its page shows it."
    };
    let page = Confirm {
        frame: Frame::new(
            &by,
            format!("New password for {}", slot.extension),
            PHONES_AND_DEVICES,
        ),
        question: format!(
            "Give {} of {} another password? No call is missed meanwhile:",
            slot.place, device.name
        ),
        along: vec![
            "The password it has stays good beside the new one until you end it.".to_owned(),
            next.to_owned(),
        ],
        action: format!("/devices/{}/lines/{}/rotate", device.id, slot.line.id),
        hidden: Vec::new(),
        button: "Make a new password",
        is_danger: false,
        back: extensions_of(&device),
    };
    Ok(page.answer())
}

pub(super) async fn rotate(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let (device, slot) = find(&site, &mut scope, (&id, &line)).await?;
    let password = Secret::new(chance::password()?);
    match scope.rotate_line(&slot.line.id, &password).await {
        Ok(_) => {}
        Err(RotateLineError::EarlierIsGood) => return Ok(end_first(by, &device)),
        Err(RotateLineError::Store(error)) => return Err(error.into()),
    }
    let detail = format!("{} at {}, {}", slot.extension, device.name, slot.place);
    by.note(&mut writing, "make new password", detail).await?;
    writing.commit().await?;
    resync::tell_of_change(&site, &by.account, &device).await;
    Ok(Redirect::to(&extensions_of(&device)).into_response())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let (device, slot) = find(&site, &mut scope, (&id, &line)).await?;
    let frame = Frame::new(
        &by,
        format!("Remove {} from {}", slot.extension, device.name),
        PHONES_AND_DEVICES,
    );
    let question = format!(
        "Remove the extension {} ({}) from {} of {}? Calls to it no longer reach this device. This goes along:",
        slot.extension, slot.holder, slot.place, device.name
    );
    let page = Confirm::removal(
        frame,
        question,
        vec!["the credentials that this slot registers with".to_owned()],
        format!("/devices/{}/lines/{}", device.id, slot.line.id),
    );
    Ok(page.back_to(extensions_of(&device)).answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let (device, slot) = find(&site, &mut scope, (&id, &line)).await?;
    scope.remove_line(&slot.line.id).await?;
    let detail = format!("{} from {}, {}", slot.extension, device.name, slot.place);
    by.note(&mut writing, "remove extension", detail).await?;
    writing.commit().await?;
    resync::tell_of_change(&site, &by.account, &device).await;
    Ok(Redirect::to(&extensions_of(&device)).into_response())
}

/// Ends the password that a rotation has left good.
pub(super) async fn end_earlier(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path((id, line)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let (device, slot) = find(&site, &mut scope, (&id, &line)).await?;
    if scope.end_earlier_password(&slot.line.id).await? {
        let detail = format!("{} at {}, {}", slot.extension, device.name, slot.place);
        by.note(&mut writing, "end earlier password", detail).await?;
        writing.commit().await?;
    }
    Ok(Redirect::to(&extensions_of(&device)).into_response())
}

/// The device and the slot that a path names.
async fn find(
    site: &Site,
    scope: &mut Scope<'_, '_>,
    (device, line): (&str, &str),
) -> Result<(Device, Slot), Problem> {
    let device = slots::device(scope, device).await?;
    let slots = slots::slots(scope, &device, &site.setup().registrations).await?;
    let mut slots = slots.into_iter();
    let found = slots.find(|slot| slot.line.id.as_str() == line);
    Ok((device, found.ok_or(Problem::Missing)?))
}

/// The answer to another rotation while the password before the last is good.
fn end_first(by: &Visitor, device: &Device) -> Response {
    let text = "A new password was made before, and the one that came before it is good beside it. See that the device is registered \
                with the new one, and end the earlier one first; then make another.";
    let frame = Frame::new(by, "No other password yet", PHONES_AND_DEVICES);
    not_yet(frame, text, (&extensions_of(device), "To its extensions"))
}

/// Where the extensions of a device are listed.
pub(super) fn extensions_of(device: &Device) -> String {
    format!("/devices/{}/extensions", device.id)
}
