//! `/phone/provision_templates`.

use axum::http::Method;
use model::inventory::{
    Description, Device, ProvisionTemplate, TemplateContent, TemplateError, TemplateId, TemplateName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{LIST_ROWS_MAX, Scope, TemplateStoreError};

use super::{READ, WRITE};
use crate::answer::{Created, Done, Found};
use crate::asking::tell_in_turn;
use crate::call::{Call, bits};
use crate::operation::{Json, Nothing, Operation};
use crate::rate::Rate;
use crate::refusal::Refusal;

/// Templates of a page.
const PAGE_SIZE_MAX: u32 = 300;

pub(super) fn operations() -> Vec<Operation> {
    const ALL: &str = "/phone/provision_templates";
    const ONE: &str = "/phone/provision_templates/{templateId}";
    vec![
        Operation::new(Method::GET, ALL, "listAccountProvisionTemplate", list)
            .summary("List provisioning templates")
            .scopes(READ, &["phone:read:list_provision_templates:admin"])
            .rate(Rate::Medium),
        Operation::new(Method::POST, ALL, "addProvisionTemplate", add)
            .summary("Add a provisioning template")
            .scopes(WRITE, &["phone:write:provision_template:admin"])
            .refuses(&[(400, &[300, 400])]),
        Operation::new(Method::GET, ONE, "GetProvisionTemplate", read)
            .summary("Get a provisioning template")
            .scopes(READ, &["phone:read:provision_template:admin"]),
        Operation::new(Method::PATCH, ONE, "updateProvisionTemplate", change)
            .summary("Change a provisioning template")
            .scopes(WRITE, &["phone:update:provision_template:admin"])
            .refuses(&[(400, &[300, 400, 404])]),
        Operation::new(Method::DELETE, ONE, "deleteProvisionTemplate", delete)
            .summary("Remove a provisioning template")
            .scopes(WRITE, &["phone:delete:provision_template:admin"])
            .refuses(&[(400, &[404])]),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    #[schemars(range(max = 300), extend("default" = 30))]
    page_size: Option<u32>,
    next_page_token: Option<String>,
}

/// A page of templates.
#[derive(Serialize, JsonSchema)]
struct Page {
    next_page_token: String,
    page_size: u32,
    provision_templates: Vec<Row>,
    total_records: u64,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    id: String,
    name: String,
    description: String,
    bound_device_count: u64,
}

/// A template.
#[derive(Serialize, JsonSchema)]
struct Shown {
    id: String,
    name: String,
    description: String,
    content: String,
    bound_device_count: u64,
}

#[derive(Deserialize, JsonSchema)]
struct NewTemplate {
    #[schemars(length(max = 128))]
    name: String,
    #[schemars(length(max = 255))]
    description: Option<String>,
    content: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Change {
    #[schemars(length(max = 128))]
    name: Option<String>,
    #[schemars(length(max = 255))]
    description: Option<String>,
    content: Option<String>,
}

/// A template by id and name.
#[derive(Serialize, JsonSchema)]
struct Made {
    id: String,
    name: String,
}

async fn list(call: Call, asked: Asked, _: Nothing) -> Result<Found<Page>, Refusal> {
    let part = call.part(asked.page_size, asked.next_page_token.as_deref(), PAGE_SIZE_MAX)?;
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let after = part.after.unwrap_or_default();
    let mut rows = scope.list_templates(&after, part.size.saturating_add(1)).await?;
    let total_records = scope.count_templates().await?;
    let size = usize::try_from(part.size).unwrap_or(usize::MAX);
    let has_more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| has_more);
    let next = last.map(|(template, _)| template.id.to_string());
    let row = |(template, bound_device_count): (ProvisionTemplate, u64)| Row {
        id: template.id.to_string(),
        name: template.name.to_string(),
        description: template.description.to_string(),
        bound_device_count,
    };
    Ok(Found(Page {
        next_page_token: call.next_page_token(next.as_deref()),
        page_size: part.size,
        provision_templates: rows.into_iter().map(row).collect(),
        total_records,
    }))
}

async fn read(call: Call, _: Nothing, _: Nothing) -> Result<Found<Shown>, Refusal> {
    let mut reading = call.store().read().await?;
    let mut scope = reading.account(&call.account);
    let (template, bound_device_count) = of_path(&call, &mut scope).await?;
    Ok(Found(Shown {
        id: template.id.to_string(),
        name: template.name.to_string(),
        description: template.description.to_string(),
        content: template.content.as_str().to_owned(),
        bound_device_count,
    }))
}

async fn add(call: Call, _: Nothing, Json(body): Json<NewTemplate>) -> Result<Created<Made>, Refusal> {
    let template = ProvisionTemplate {
        id: TemplateId::from_random(bits()?),
        name: name(&body.name)?,
        description: description(body.description.as_deref().unwrap_or_default())?,
        content: content(&call, body.content.as_deref().unwrap_or_default())?,
    };
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    scope.add_template(&template).await.map_err(refused)?;
    call.note(&mut writing, "add template", template.name.to_string())
        .await?;
    writing.commit().await?;
    Ok(Created(Made {
        id: template.id.to_string(),
        name: template.name.to_string(),
    }))
}

async fn change(call: Call, _: Nothing, Json(body): Json<Change>) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let (mut template, _) = of_path(&call, &mut scope).await?;
    let before = template.content.clone();
    if let Some(text) = &body.name {
        template.name = name(text)?;
    }
    if let Some(text) = &body.description {
        template.description = description(text)?;
    }
    if let Some(text) = &body.content {
        template.content = content(&call, text)?;
    }
    scope.update_template(&template).await.map_err(refused)?;
    let having = match template.content == before {
        true => Vec::new(),
        false => having(&mut scope, &template.id).await?,
    };
    call.note(&mut writing, "change template", template.name.to_string())
        .await?;
    writing.commit().await?;
    tell_in_turn(&call, having);
    Ok(Done)
}

async fn delete(call: Call, _: Nothing, _: Nothing) -> Result<Done, Refusal> {
    let mut writing = call.store().write().await?;
    let mut scope = writing.account(&call.account);
    let (template, _) = of_path(&call, &mut scope).await?;
    let having = having(&mut scope, &template.id).await?;
    scope.remove_template(&template.id).await?;
    call.note(&mut writing, "remove template", template.name.to_string())
        .await?;
    writing.commit().await?;
    tell_in_turn(&call, having);
    Ok(Done)
}

/// The devices that have a template, as many as are told of a change.
async fn having(scope: &mut Scope<'_, '_>, id: &TemplateId) -> Result<Vec<Device>, Refusal> {
    Ok(scope.devices_of_template(id, None, LIST_ROWS_MAX).await?.rows)
}

async fn of_path(call: &Call, scope: &mut Scope<'_, '_>) -> Result<(ProvisionTemplate, u64), Refusal> {
    let found = match call.id::<TemplateId>("templateId") {
        Some(id) => scope.template(&id).await?,
        None => None,
    };
    found.ok_or_else(|| Refusal::missing("Provision template does not exist."))
}

fn name(text: &str) -> Result<TemplateName, Refusal> {
    TemplateName::new(text).map_err(|error| Refusal::invalid_field("name", error))
}

fn description(text: &str) -> Result<Description, Refusal> {
    Description::new(text).map_err(|error| Refusal::invalid_field("description", error))
}

fn content(call: &Call, text: &str) -> Result<TemplateContent, Refusal> {
    TemplateContent::new(text, call.store().catalogue().hardware()).map_err(|error| match error {
        TemplateError::Reserved { .. } => Refusal::bad(error),
        TemplateError::TooLong(_) | TemplateError::Settings(_) => Refusal::invalid_field("content", error),
    })
}

fn refused(error: TemplateStoreError) -> Refusal {
    match error {
        TemplateStoreError::NameTaken(_) => Refusal::bad(&error),
        TemplateStoreError::TooMany => Refusal::invalid_field("name", &error),
        TemplateStoreError::Store(error) => error.into(),
    }
}
