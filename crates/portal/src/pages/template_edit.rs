//! Templates → adding one, changing and removing it.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{
    Description, HardwareSettings, ProvisionTemplate, TemplateContent, TemplateError, TemplateId,
    TemplateName,
};
use store::{LIST_ROWS_MAX, TemplateStoreError};

use super::changed::changed;
use super::confirm::Confirm;
use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, TEMPLATES};
use super::problem::Problem;
use super::templates::find;
use super::{Site, chance, resync};

/// Ticked to keep keys that mean nothing to an endpoint of ours.
const KEEP: &str = "keep";

struct Fields([Field; 4]);

impl Fields {
    fn new() -> Self {
        let keep = Choice::new(
            KEEP,
            "Keep keys that an Oyez endpoint does not know, for other hardware that does",
        );
        Self([
            Field::new("name", "Name", "What people call it.", Control::Text(&[])),
            Field::new(
                "description",
                "Description",
                "Optional: what it is for.",
                Control::Text(&[]),
            ),
            Field::new(
                "content",
                "Settings",
                "One a line, such as audio.page.vol = -12dB, in the words of the device's own settings; a line that begins with # is a comment.",
                Control::LongText,
            ),
            Field::new(
                "unknown",
                "Other keys",
                "Without it a mistyped key is refused.",
                Control::Boxes(vec![keep]),
            ),
        ])
    }

    fn of(template: &ProvisionTemplate) -> Self {
        let Self([name, description, content, unknown]) = Self::new();
        let has_unknown = !template.content.unknown_keys().is_empty();
        let ticked: &[&str] = if has_unknown { &[KEEP] } else { &[] };
        Self([
            name.filled(template.name.as_str()),
            description.filled(template.description.as_str()),
            content.filled(template.content.as_str()),
            unknown.ticked(ticked),
        ])
    }

    fn typed(posted: &Posted) -> Self {
        Self(Self::new().0.map(|field| field.typed(posted)))
    }

    /// Makes what was typed, or marks what is wrong.
    fn template(
        &mut self,
        id: TemplateId,
        posted: &Posted,
        hardware: &HardwareSettings,
    ) -> Option<ProvisionTemplate> {
        let [name, description, content, _] = &mut self.0;
        let parsed_name = name.take(TemplateName::new(&name.value));
        let parsed_description = description.take(Description::new(&description.value));
        let keeps_unknown = posted.values("unknown").any(|value| value == KEEP);
        let parsed_content = content.take(settings(&content.value, keeps_unknown, hardware));
        Some(ProvisionTemplate {
            id,
            name: parsed_name?,
            description: parsed_description?,
            content: parsed_content?,
        })
    }

    /// Puts what is wrong with the name at its field; other failures are problems.
    fn refuse(&mut self, error: TemplateStoreError) -> Result<(), Problem> {
        let [name, ..] = &mut self.0;
        match error {
            TemplateStoreError::NameTaken(taken) => {
                name.refuse(&format!(
                    "there is a template of the name {taken}; choose another name"
                ));
            }
            TemplateStoreError::TooMany => name.refuse(&error),
            TemplateStoreError::Store(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Add a template", TEMPLATES),
            introduction: "Settings that are added to the configuration of each device that is given the template. Where a device registers, \
                           its extensions, and where its configuration and firmware come from are the service's, and refused here.",
            action: format!("{TEMPLATES}/add"),
            back: TEMPLATES.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            button: SAVE,
            removal: None,
        }
    }

    fn edit_page(self, by: &Visitor, template: &ProvisionTemplate) -> FormPage {
        let path = path_of(&template.id);
        FormPage {
            frame: Frame::new(by, format!("Change {}", template.name), TEMPLATES),
            introduction: "Registered devices that have it are asked to fetch it when it is saved; the others fetch it by themselves later.",
            action: path.clone(),
            back: format!("{path}/devices"),
            removal: Some(format!("{path}/remove")),
            ..self.page(by)
        }
    }
}

/// Reads the settings; says which line is wrong, and why.
fn settings(text: &str, keeps_unknown: bool, hardware: &HardwareSettings) -> Result<TemplateContent, String> {
    let content = TemplateContent::new(text, hardware).map_err(|error| match error {
        TemplateError::Reserved { line, key, why } => {
            format!("line {line}: {key}: {why}; take the line out")
        }
        TemplateError::TooLong(_) | TemplateError::Settings(_) => error.to_string(),
    })?;
    let unknown = content.unknown_keys();
    let Some(first) = unknown.first().filter(|_| !keeps_unknown) else {
        return Ok(content);
    };
    let perhaps = first
        .suggestion
        .as_ref()
        .map_or_else(String::new, |known| format!(", which knows {known}"));
    Err(format!(
        "line {}: {} means nothing to an Oyez endpoint{perhaps}; correct it, or tick the box below if it is for other hardware",
        first.line, first.key
    ))
}

/// How hardware calls what the service writes: no template may say it.
fn hardware_of(site: &Site) -> &HardwareSettings {
    site.store().catalogue().hardware()
}

fn path_of(id: &TemplateId) -> String {
    format!("{TEMPLATES}/{id}")
}

pub(super) async fn show_add(Extension(by): Extension<Visitor>) -> Response {
    Fields::new().page(&by).answer()
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut fields = Fields::typed(&posted);
    let Some(template) = fields.template(
        TemplateId::from_random(chance::bits()?),
        &posted,
        hardware_of(&site),
    ) else {
        return Ok(fields.page(by).answer());
    };
    let mut writing = site.store().write().await?;
    if let Err(error) = writing.account(&by.account).add_template(&template).await {
        fields.refuse(error)?;
        return Ok(fields.page(by).answer());
    }
    by.note(&mut writing, "add template", template.name.to_string())
        .await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("{}/devices", path_of(&template.id))).into_response())
}

pub(super) async fn show_edit(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let template = find(&mut reading.account(&by.account), &id).await?;
    Ok(Fields::of(&template).edit_page(&by, &template).answer())
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
    let mut fields = Fields::typed(&posted);
    let Some(after) = fields.template(before.id.clone(), &posted, hardware_of(&site)) else {
        return Ok(fields.edit_page(by, &before).answer());
    };
    if let Err(error) = scope.update_template(&after).await {
        fields.refuse(error)?;
        return Ok(fields.edit_page(by, &before).answer());
    }
    let having = scope.devices_of_template(&after.id, None, LIST_ROWS_MAX).await?;
    let pairs = [
        ("Name", before.name.to_string(), after.name.to_string()),
        (
            "Description",
            before.description.to_string(),
            after.description.to_string(),
        ),
        ("Settings", in_words(&before), in_words(&after)),
    ];
    let detail = changed(before.name.as_str(), &pairs);
    by.note(&mut writing, "change template", detail).await?;
    writing.commit().await?;
    if before.content != after.content {
        resync::tell_in_turn(&site, &by.account, having.rows);
    }
    Ok(Redirect::to(&format!("{}/devices", path_of(&after.id))).into_response())
}

/// How many settings there are and what begins them: the audit keeps no text of 64 kB, and sees that it is another.
fn in_words(template: &ProvisionTemplate) -> String {
    let text = template.content.as_str();
    let digest = crate::provisioning::sha256(text.as_bytes());
    let digits: String = digest
        .0
        .iter()
        .take(4)
        .map(|octet| format!("{octet:02x}"))
        .collect();
    format!("{} lines, {digits}", text.lines().count())
}

pub(super) async fn ask_removal(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let mut scope = reading.account(&by.account);
    let template = find(&mut scope, &id).await?;
    let count = scope.template(&template.id).await?.map_or(0, |(_, count)| count);
    let frame = Frame::new(&by, format!("Remove {}", template.name), TEMPLATES);
    let (question, along) = if count == 0 {
        (
            format!("Remove the template {}? No device has it.", template.name),
            Vec::new(),
        )
    } else {
        let along = format!(
            "its settings on the devices that have it: {count}. What they have set by themselves stays"
        );
        (
            format!("Remove the template {}? This goes along:", template.name),
            vec![along],
        )
    };
    Ok(Confirm::removal(frame, question, along, path_of(&template.id)).answer())
}

pub(super) async fn remove(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let template = find(&mut scope, &id).await?;
    let having = scope
        .devices_of_template(&template.id, None, LIST_ROWS_MAX)
        .await?;
    scope.remove_template(&template.id).await?;
    by.note(&mut writing, "remove template", template.name.to_string())
        .await?;
    writing.commit().await?;
    resync::tell_in_turn(&site, &by.account, having.rows);
    Ok(Redirect::to(TEMPLATES).into_response())
}
