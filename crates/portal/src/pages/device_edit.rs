//! Device → changing its name and description, and removing it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{Description, Device, DisplayName, Site as Place, SiteId, TemplateId, TemplateName};
use store::{RemoveDeviceError, Scope, StoreError};

use super::Site;
use super::changed::changed;
use super::confirm::Confirm;
use super::form::{Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES};
use super::line::place_name;
use super::optional_choice::{chosen, label_of, may_have_template, offered, site_field, template_field};
use super::problem::{Problem, not_yet};
use super::{resync, slots};

/// What a device can be given.
struct Offer {
    sites: Vec<Place>,
    templates: Vec<(TemplateId, TemplateName)>,
    /// What it has.
    template: Option<TemplateId>,
}

impl Offer {
    async fn read(scope: &mut Scope<'_, '_>, device: &Device) -> Result<Self, StoreError> {
        let template = scope.template_of_device(&device.id).await?;
        Ok(Self {
            sites: scope.sites().await?,
            templates: scope.template_names().await?,
            template: template.map(|template| template.id),
        })
    }
}

struct Fields([Field; 4]);

impl Fields {
    fn new(offer: &Offer) -> Self {
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call it, 3 characters at least.",
                Control::Text(&[]),
            ),
            Field::new(
                "description",
                "Description",
                "Optional: what it is for, or where it hangs.",
                Control::Text(&[]),
            ),
            site_field(&offer.sites),
            template_field(&offer.templates),
        ])
    }

    fn of(offer: &Offer, device: &Device) -> Self {
        let Self([name, description, site, template]) = Self::new(offer);
        Self([
            name.filled(device.name.as_str()),
            description.filled(device.description.as_str()),
            site.filled(device.site.as_ref().map_or("", |site| site.as_str())),
            template.filled(offer.template.as_ref().map_or("", |id| id.as_str())),
        ])
    }

    /// Makes what was typed, or marks what is wrong.
    fn device(&mut self, before: &Device) -> Option<(Device, Option<TemplateId>)> {
        let [name, description, site, template] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_description = description.take(Description::new(&description.value));
        let chosen_site = chosen(site);
        let given = chosen::<TemplateId>(template)
            .and_then(|given| template.take(may_have_template(before.kind, given.as_ref()).map(|()| given)));
        let device = Device {
            name: parsed_name?,
            description: parsed_description?,
            site: chosen_site?,
            ..before.clone()
        };
        Some((device, given?))
    }

    fn page(self, by: &Visitor, device: &Device) -> FormPage {
        let path = format!("/devices/{}", device.id);
        FormPage {
            frame: Frame::new(by, format!("Change {}", device.name), PHONES_AND_DEVICES),
            introduction: "The MAC address and the type stay: another device is added as another one.",
            action: format!("{path}/edit"),
            back: path.clone(),
            hidden: Vec::new(),
            fields: offered(self.0),
            button: SAVE,
            removal: Some(format!("{path}/remove")),
        }
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let offer = Offer::read(&mut scope, &device).await?;
    Ok(Fields::of(&offer, &device).page(&by, &device).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let before = slots::device(&mut scope, &id).await?;
    let offer = Offer::read(&mut scope, &before).await?;
    let mut fields = Fields(Fields::new(&offer).0.map(|field| field.typed(&posted)));
    let Some((after, template)) = fields.device(&before) else {
        return Ok(fields.page(by, &before).answer());
    };
    scope.update_device(&after).await?;
    if template != offer.template {
        scope.set_device_template(&after.id, template.as_ref()).await?;
    }
    let (sites, templates) = (site_field(&offer.sites), template_field(&offer.templates));
    let site_of = |device: &Device| label_of(&sites, device.site.as_ref().map(SiteId::as_str));
    let template_of = |id: &Option<TemplateId>| label_of(&templates, id.as_ref().map(TemplateId::as_str));
    let pairs = [
        ("Site", site_of(&before), site_of(&after)),
        ("Template", template_of(&offer.template), template_of(&template)),
        ("Display Name", before.name.to_string(), after.name.to_string()),
        (
            "Description",
            before.description.to_string(),
            after.description.to_string(),
        ),
    ];
    let detail = changed(&format!("{} ({})", before.name, before.mac), &pairs);
    by.note(&mut writing, "change device", detail).await?;
    writing.commit().await?;
    if template != offer.template {
        resync::tell_of_change(&site, &by.account, &after).await;
    }
    Ok(Redirect::to(&format!("/devices/{}?saved=1", before.id)).into_response())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let mut held = scope.held_lines_of_device(&device.id).await?;
    held.sort_by_key(|(line, _)| line.place);
    let lines = held.iter().map(|(line, holder)| {
        format!(
            "its extension {} ({}) at {}, with its credentials",
            holder.extension,
            holder.name,
            place_name(line.place)
        )
    });
    let mut along: Vec<String> = lines.collect();
    along.push(
        "its claim code and the certificates that were issued to it: to come back it has to be enrolled anew"
            .to_owned(),
    );
    let path = format!("/devices/{}", device.id);
    let frame = Frame::new(&by, format!("Remove {}", device.name), PHONES_AND_DEVICES);
    let question = format!(
        "Remove {} with MAC address {}? This goes along:",
        device.name, device.mac
    );
    Ok(Confirm::removal(frame, question, along, path).answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let device = slots::device(&mut scope, &id).await?;
    let had_lines = match remove_with_lines(&mut scope, &device).await {
        Ok(had_lines) => had_lines,
        Err(RemoveDeviceError::Store(error)) => return Err(error.into()),
        Err(error @ RemoveDeviceError::Assigned) => {
            let frame = Frame::new(by, "Cannot be removed yet", PHONES_AND_DEVICES);
            let path = format!("/devices/{}", device.id);
            return Ok(not_yet(frame, &error.to_string(), (&path, "Back to the device")));
        }
    };
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "remove device", detail).await?;
    writing.commit().await?;
    let list = if had_lines {
        "/devices"
    } else {
        "/devices/unassigned"
    };
    Ok(Redirect::to(list).into_response())
}

/// Removes a device, and from it whatever is assigned to it; says whether something was.
pub(super) async fn remove_with_lines(
    scope: &mut Scope<'_, '_>,
    device: &Device,
) -> Result<bool, RemoveDeviceError> {
    let lines = scope.lines_of_device(&device.id).await?;
    for line in &lines {
        scope.remove_line(&line.id).await?;
    }
    scope.remove_device(&device.id).await?;
    Ok(!lines.is_empty())
}
