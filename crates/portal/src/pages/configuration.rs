//! Device → Configuration: the file that it gets, or would get with another template. Passwords are not shown.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::Secret;
use model::config::{Document, EndpointConfig, UnknownKey};
use model::inventory::{Device, DeviceType};
use serde::Deserialize;

use super::Site;
use super::form::{Choice, Control};
use super::gate::Visitor;
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::optional_choice::template_field;
use super::problem::{Problem, not_yet};
use super::slots;
use super::templates::find;
use crate::provisioning::composed;

/// What stands in the place of passwords.
const HIDDEN: &str = "********";

#[derive(Template)]
#[template(path = "configuration.html")]
struct Page {
    frame: Frame,
    device: Device,
    /// The templates there are, the one that is looked at chosen.
    templates: Vec<Choice>,
    /// It is the one that the device has.
    is_own: bool,
    text: String,
    /// Why an endpoint of ours would not take the file.
    wrong: Vec<String>,
    unknown: Vec<UnknownKey>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    /// A template in the place of the one that the device has.
    template: Option<String>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    if !device.kind.is_provisioned() {
        let text = "A generic device is configured by hand, and fetches no file.";
        let path = format!("/devices/{}", device.id);
        let frame = Frame::new(
            &by,
            format!("Configuration of {}", device.name),
            PHONES_AND_DEVICES,
        );
        return Ok(not_yet(frame, text, (&path, "Back to the device")));
    }
    let own = scope.template_of_device(&device.id).await?;
    let template = match asked.template.as_deref() {
        None => own.clone(),
        Some("") => None,
        Some(id) => Some(find(&mut scope, id).await?),
    };
    let mut held = scope.held_lines_of_device(&device.id).await?;
    for (line, _) in &mut held {
        line.password = Secret::from(HIDDEN);
    }
    let chosen = template.as_ref().map(|template| template.id.clone());
    let field = template_field(&scope.template_names().await?);
    let field = field.filled(chosen.as_ref().map_or("", |id| id.as_str()));
    let text = composed(
        site.store().catalogue(),
        &device,
        (&held, template.as_ref()),
        &site.setup().uplink,
        Some(&Secret::from(HIDDEN)),
    );
    let (wrong, unknown) = judged(&device, &text);
    let page = Page {
        frame: Frame::new(
            &by,
            format!("Configuration of {}", device.name),
            PHONES_AND_DEVICES,
        ),
        templates: match field.control {
            Control::Select(choices) => choices,
            _ => Vec::new(),
        },
        is_own: own.map(|own| own.id) == chosen,
        device,
        text,
        wrong,
        unknown,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Why an endpoint of ours would not take the file, and which keys mean nothing to it; other hardware is not known so well.
fn judged(device: &Device, text: &str) -> (Vec<String>, Vec<UnknownKey>) {
    if device.kind != DeviceType::Oyez {
        return (Vec::new(), Vec::new());
    }
    let read = Document::parse(text).and_then(|document| {
        let unknown = document.unknown_keys();
        EndpointConfig::from_document(&document).map(|_| unknown)
    });
    match read {
        Ok(unknown) => (Vec::new(), unknown),
        Err(errors) => (errors.iter().map(ToString::to_string).collect(), Vec::new()),
    }
}
