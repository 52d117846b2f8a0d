//! Page Groups → a group: changing and removing it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{GroupId, Holder, PageGroup};
use store::Scope;

use super::Site;
use super::changed::changed;
use super::confirm::Confirm;
use super::gate::{Posted, Visitor};
use super::group_new::Fields;
use super::layout::{Frame, PAGE_GROUPS};
use super::problem::{Problem, taken};

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let group = find(&mut scope, &id).await?;
    let holders = scope.holders(None).await?;
    Ok(Fields::of(&holders, &group).edit_page(&by, &group).answer())
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
    let holders = scope.holders(None).await?;
    let mut fields = Fields::typed(&holders, &posted);
    let members = Fields::members(&holders, &posted);
    let Some(after) = fields.group(members, before.id.clone()) else {
        return Ok(fields.edit_page(by, &before).answer());
    };
    if let Err(error) = scope.update_group(&after).await {
        fields.refuse_extension(&taken(error)?);
        return Ok(fields.edit_page(by, &before).answer());
    }
    by.note(
        &mut writing,
        "change page group",
        changes(&holders, &before, &after),
    )
    .await?;
    writing.commit().await?;
    Ok(Redirect::to(PAGE_GROUPS).into_response())
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

async fn find(scope: &mut Scope<'_, '_>, id: &str) -> Result<PageGroup, Problem> {
    let id: GroupId = id.parse().map_err(|_| Problem::Missing)?;
    scope.group(&id).await?.ok_or(Problem::Missing)
}

fn changes(holders: &[Holder], before: &PageGroup, after: &PageGroup) -> String {
    let numbers = |group: &PageGroup| {
        let members = holders.iter().filter(|holder| group.members.contains(&holder.id));
        let numbers: Vec<&str> = members.map(|holder| holder.extension.as_str()).collect();
        numbers.join(" ")
    };
    let pairs = [
        ("Display Name", before.name.to_string(), after.name.to_string()),
        (
            "Extension Number",
            before.extension.to_string(),
            after.extension.to_string(),
        ),
        ("Members", numbers(before), numbers(after)),
    ];
    changed(&format!("{} ({})", before.name, before.extension), &pairs)
}
