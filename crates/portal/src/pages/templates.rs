//! Templates: the list, and which devices have one.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use model::inventory::{Device, ProvisionTemplate, TemplateId};
use store::{DeviceFilter, Listed, ListedTemplate, Scope};

use super::Site;
use super::gate::Visitor;
use super::layout::{self, Frame, TEMPLATES};
use super::list::{Asked, ListFrame, ROWS};
use super::problem::Problem;

#[derive(Template)]
#[template(path = "templates.html")]
struct List {
    frame: Frame,
    list: ListFrame,
    rows: Vec<ListedTemplate>,
}

#[derive(Template)]
#[template(path = "template_devices.html")]
struct Devices {
    frame: Frame,
    template: TemplateId,
    list: ListFrame,
    rows: Vec<Device>,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let listed = scope
        .find_templates(&asked.q, asked.after().as_ref(), ROWS)
        .await?;
    let page = List {
        frame: Frame::new(&by, "Templates", TEMPLATES),
        list: ListFrame::new(asked, "Name", &listed),
        rows: listed.rows,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The devices that have a template; those that are searched for whatever they have, so that what they would get can be seen.
pub(super) async fn show_devices(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let template = find(&mut scope, &id).await?;
    let after = asked.after();
    let listed = if asked.q.is_empty() {
        scope
            .devices_of_template(&template.id, after.as_ref(), ROWS)
            .await?
    } else {
        let filter = DeviceFilter {
            text: asked.q.clone(),
            ..DeviceFilter::default()
        };
        let found = scope.list_devices(&filter, after.as_ref(), ROWS).await?;
        Listed {
            rows: found.rows.into_iter().map(|row| row.device).collect(),
            next: found.next,
        }
    };
    let page = Devices {
        frame: Frame::new(&by, format!("Devices with {}", template.name), TEMPLATES),
        template: template.id,
        list: ListFrame::new(asked, "Name, MAC address or extension", &listed),
        rows: listed.rows,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Finds a template by what stands in a path.
pub(super) async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<ProvisionTemplate, Problem> {
    let id: TemplateId = id.parse().map_err(|_| Problem::Missing)?;
    let found = scope.template(&id).await?;
    found.map(|(template, _)| template).ok_or(Problem::Missing)
}
