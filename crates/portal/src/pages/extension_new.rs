//! Device → Extension Assignment → Add: choose users and common areas, then type and port of each.

use std::collections::BTreeSet;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::SlotKind;
use model::inventory::{Assignment, Device, DisplayName, Holder, HolderKind, LinePlace};
use store::{HolderFilter, Scope, StoreError};

use super::Site;
use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, PHONES_AND_DEVICES};
use super::line;
use super::list::{Asked, ListFrame, ROWS};
use super::problem::Problem;
use super::resync;
use super::slots;

/// Extensions that are assigned at once: as many as a device has slots.
const CHOSEN_MAX: usize = 72;
/// What is said where more are chosen.
const TOO_MANY: &str = "At most 72 extensions are added at a time. The first 72 that were chosen are ticked below: add these, and the others after them.";

#[derive(Template)]
#[template(path = "extension_choose.html")]
struct Choose {
    frame: Frame,
    device: Device,
    /// Those that were ticked before, on whatever page of the list.
    chosen: Vec<Holder>,
    /// Which kind is listed; both where it is empty.
    kind: String,
    list: ListFrame,
    /// Each with where it stands.
    rows: Vec<(Holder, String)>,
    error: &'static str,
}

/// What is asked of the list of those who can be chosen.
struct Looked {
    chosen: Vec<Holder>,
    kind: String,
    asked: Asked,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let values = |name: &'static str| {
        let fields = asked.iter().filter(move |(field, _)| field == name);
        fields.map(|(_, value)| value.as_str())
    };
    let text = |name| values(name).next_back().unwrap_or_default().to_owned();
    let (chosen, are_too_many) = holders(&mut scope, values("holder")).await?;
    let is_next = values("next").next().is_some();
    if chosen.is_empty() || are_too_many || !is_next {
        let error = if are_too_many {
            TOO_MANY
        } else if is_next {
            "Choose at least one user or common area."
        } else {
            ""
        };
        let looked = Looked {
            chosen,
            kind: text("kind"),
            asked: Asked::at(&text("q"), &text("after")),
        };
        return choose(&by, &mut scope, device, looked, error).await;
    }
    let taken = scope.lines_of_device(&device.id).await?;
    let mut taken: Vec<LinePlace> = taken.into_iter().map(|line| line.place).collect();
    let mut fields = Vec::new();
    for holder in &chosen {
        let place = LinePlace::first_free(device.kind, &taken);
        let [kind, port] = fields_of(&device, holder);
        let (kind, port) = match place {
            Some(place) => (kind.filled(place.kind()), port.filled(&place.port().to_string())),
            None => (kind, port),
        };
        taken.extend(place);
        fields.extend([kind, port]);
    }
    Ok(page(&by, &device, &chosen, fields).answer())
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let account = line::account_of(&mut writing, &by.account).await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let (chosen, are_too_many) = holders(&mut scope, posted.values("holder")).await?;
    if are_too_many {
        let looked = Looked {
            chosen,
            kind: String::new(),
            asked: Asked::at("", ""),
        };
        return choose(by, &mut scope, device, looked, TOO_MANY).await;
    }
    let mut fields = Vec::new();
    let mut done = Vec::new();
    for holder in &chosen {
        let [mut kind, mut port] = fields_of(&device, holder).map(|field| field.typed(&posted));
        if let Some(place) = place_of(&kind, &mut port) {
            match line::assign(&mut scope, &account, &device, holder, place).await? {
                Ok(()) => done.push(format!("{} to {}", holder.extension, line::place_name(place))),
                Err(error) => kind.refuse(&error),
            }
        }
        fields.extend([kind, port]);
    }
    if done.is_empty() || done.len() < chosen.len() {
        return Ok(page(by, &device, &chosen, fields).answer());
    }
    let detail = format!("{}: {}", device.name, done.join(", "));
    by.note(&mut writing, "assign extension", detail).await?;
    writing.commit().await?;
    resync::tell_of_change(&site, &by.account, &device).await;
    Ok(Redirect::to(&format!("/devices/{}/extensions?saved=1", device.id)).into_response())
}

async fn choose(
    by: &Visitor,
    scope: &mut Scope<'_, '_>,
    device: Device,
    looked: Looked,
    error: &'static str,
) -> Result<Response, Problem> {
    let Looked { chosen, kind, asked } = looked;
    let filter = HolderFilter {
        text: asked.q.clone(),
        kind: HolderKind::from_stored(&kind),
        ..HolderFilter::default()
    };
    let listed = scope.list_holders(&filter, asked.after().as_ref(), ROWS).await?;
    let list = ListFrame::new(asked, "Name or extension", &listed);
    let places = |lines: &[(Assignment, DisplayName)]| {
        let places = lines.iter().map(|(line, name)| {
            let place = line::place_name(line.place);
            if line.device == device.id {
                format!("{place} of this device")
            } else {
                format!("{place} of {name}")
            }
        });
        places.collect::<Vec<_>>().join(", ")
    };
    let rows = listed
        .rows
        .into_iter()
        .filter(|row| !chosen.contains(&row.holder));
    let rows = rows.map(|row| (row.holder, places(&row.lines))).collect();
    let choose = Choose {
        frame: Frame::new(
            by,
            format!("Add extensions to {}", device.name),
            PHONES_AND_DEVICES,
        ),
        device,
        rows,
        chosen,
        kind,
        list,
        error,
    };
    let status = if error.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    Ok(layout::page(status, &choose))
}

/// Those of the account that are named, each once and [`CHOSEN_MAX`] at most; says whether there are more.
async fn holders<'n>(
    scope: &mut Scope<'_, '_>,
    named: impl Iterator<Item = &'n str>,
) -> Result<(Vec<Holder>, bool), StoreError> {
    let mut seen = BTreeSet::new();
    let mut holders = Vec::new();
    for id in named {
        if !seen.insert(id) {
            continue;
        }
        if seen.len() > CHOSEN_MAX {
            return Ok((holders, true));
        }
        if let Ok(id) = id.parse() {
            holders.extend(scope.holder(&id).await?);
        }
    }
    Ok((holders, false))
}

/// Assignment type and port number for one extension.
pub(super) fn fields_of(device: &Device, holder: &Holder) -> [Field; 2] {
    let slots = SlotKind::ALL.map(|kind| Choice::new(kind.as_str(), line::slot_name(kind)));
    let mut kinds: Vec<Choice> = slots.into();
    let mut ports = 1;
    if !device.kind.is_provisioned() {
        let phone = LinePlace::Phone(1).kind();
        kinds.insert(0, Choice::new(phone, "Phone line"));
        ports = LinePlace::PHONE_LINES_MAX;
    }
    let kind = Field::new(
        format!("type-{}", holder.id),
        "Assignment type",
        "Page answers and plays, ring sounds while it rings, alert starts an announcement.",
        Control::Select(kinds),
    );
    let port = Field::new(
        format!("port-{}", holder.id),
        "Port number",
        "Page 1 is the base extension, 2 to 51 are zones; ring has 1 to 10; alert has 1 to 10, and 11 cancels.",
        Control::Number(ports.max(SlotKind::Page.port_max())),
    );
    let heading = format!("{} ({})", holder.name, holder.extension);
    [kind.headed(heading), port]
}

/// The place that two fields name, or marks the port.
pub(super) fn place_of(kind: &Field, port: &mut Field) -> Option<LinePlace> {
    let number = port.value.trim().parse().ok();
    let place = number.and_then(|number| LinePlace::from_stored(&kind.value, number));
    if place.is_none() {
        let most = SlotKind::ALL
            .into_iter()
            .find(|slot| slot.as_str() == kind.value)
            .map_or(LinePlace::PHONE_LINES_MAX, SlotKind::port_max);
        port.refuse(&format!("this type has the ports 1 to {most}"));
    }
    place
}

fn page(by: &Visitor, device: &Device, chosen: &[Holder], fields: Vec<Field>) -> FormPage {
    let hidden = chosen.iter().map(|holder| ("holder", holder.id.to_string()));
    FormPage {
        frame: Frame::new(
            by,
            format!("Add extensions to {}", device.name),
            PHONES_AND_DEVICES,
        ),
        introduction: "Choose the assignment type and the port number of each extension.",
        action: format!("/devices/{}/extensions/add", device.id),
        back: format!("/devices/{}/extensions", device.id),
        hidden: hidden.collect(),
        fields,
        button: SAVE,
        removal: None,
    }
}
