//! Page Groups → a group → Change, and its removal.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{PageGroup, Pagers};

use super::Site;
use super::changed::changed;
use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::group::{find, pagers_text, urgency_text};
use super::group_new::{Fields, put_pin};
use super::layout::{Frame, PAGE_GROUPS};
use super::problem::Problem;

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let group = find(&mut scope, &id).await?;
    let has_pin = scope.has_group_pin(&group.id).await?;
    Ok(Fields::of(&group, has_pin).edit_page(&by, &group).answer())
}

pub(super) async fn save(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let before = find(&mut scope, &id).await?;
    let has_pin = scope.has_group_pin(&before.id).await?;
    let mut fields = Fields::typed(&posted, has_pin);
    let named = match &before.pagers {
        Pagers::Named(named) => named.clone(),
        Pagers::Everybody | Pagers::Portal => Vec::new(),
    };
    let group = fields.group(before.id.clone(), before.members.clone(), named);
    let Some((after, wish)) = group else {
        return Ok(fields.edit_page(by, &before).answer());
    };
    if let Err(error) = scope.update_group(&after).await {
        fields.refuse(error)?;
        return Ok(fields.edit_page(by, &before).answer());
    }
    let pin = put_pin(&mut scope, &after.id, wish).await?;
    let detail = format!("{}{pin}", changes(&before, &after));
    by.note(&mut writing, "change page group", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("{PAGE_GROUPS}/{}?saved=1", after.id)).into_response())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let group = find(&mut reading.account(&by.account), &id).await?;
    let path = format!("{PAGE_GROUPS}/{}", group.id);
    let frame = Frame::new(&by, format!("Remove {}", group.name), PAGE_GROUPS);
    let question = format!(
        "Remove the page group {} with extension {}? Its members stay.",
        group.name, group.extension
    );
    let page = Confirm::removal(frame, question, Vec::new(), path);
    Ok(page.answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let group = find(&mut scope, &id).await?;
    scope.remove_group(&group.id).await?;
    let detail = format!("{} ({})", group.name, group.extension);
    by.note(&mut writing, "remove page group", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(PAGE_GROUPS).into_response())
}

fn changes(before: &PageGroup, after: &PageGroup) -> String {
    let pairs = [
        ("Display Name", before.name.to_string(), after.name.to_string()),
        (
            "Extension Number",
            before.extension.to_string(),
            after.extension.to_string(),
        ),
        (
            "Who May Page",
            pagers_text(&before.pagers).to_owned(),
            pagers_text(&after.pagers).to_owned(),
        ),
        (
            "Rank",
            urgency_text(before.urgency).to_owned(),
            urgency_text(after.urgency).to_owned(),
        ),
    ];
    changed(&format!("{} ({})", before.name, before.extension), &pairs)
}
