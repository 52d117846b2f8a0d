//! Fields that choose one of what there is, or nothing of it: the site of a user, common area or device, and the template of a device.

use std::str::FromStr;

use model::inventory::{DeviceType, Site, TemplateId, TemplateName};

use super::form::{Choice, Control, Field};

/// The field of the site.
pub(super) fn site_field(sites: &[Site]) -> Field {
    let choices = Control::Select(site_choices(sites));
    Field::new("site", "Site", "Optional: where it belongs.", choices)
}

/// The sites, and none.
pub(super) fn site_choices(sites: &[Site]) -> Vec<Choice> {
    let choices = sites.iter();
    let choices = choices.map(|site| Choice::new(site.id.as_str(), site.name.as_str()));
    with_none("No site", choices)
}

/// The field of the template.
pub(super) fn template_field(templates: &[(TemplateId, TemplateName)]) -> Field {
    Field::new(
        "template",
        "Template",
        "Optional: settings that are added to its configuration. A generic device fetches none.",
        Control::Select(template_choices(templates)),
    )
}

/// The templates, and none.
pub(super) fn template_choices(templates: &[(TemplateId, TemplateName)]) -> Vec<Choice> {
    let choices = templates.iter();
    let choices = choices.map(|(id, name)| Choice::new(id.as_str(), name.as_str()));
    with_none("No template", choices)
}

fn with_none(none: &str, choices: impl Iterator<Item = Choice>) -> Vec<Choice> {
    std::iter::once(Choice::new("", none)).chain(choices).collect()
}

/// Says whether a device of a type can have a template.
pub(super) fn may_have_template(kind: DeviceType, template: Option<&TemplateId>) -> Result<(), &'static str> {
    if template.is_some() && !kind.is_provisioned() {
        return Err("a generic device fetches no configuration; choose no template");
    }
    Ok(())
}

/// What was chosen; the field is marked where it is not offered.
pub(super) fn chosen<Id: FromStr>(field: &mut Field) -> Option<Option<Id>> {
    if field.value.is_empty() {
        return Some(None);
    }
    let is_offered = match &field.control {
        Control::Select(choices) => choices.iter().any(|choice| choice.value == field.value),
        _ => false,
    };
    let id = field.value.parse().ok().filter(|_| is_offered);
    field
        .take(id.ok_or("it has been removed; choose another"))
        .map(Some)
}

/// Fields without those that offer nothing but none.
pub(super) fn offered(fields: impl IntoIterator<Item = Field>) -> Vec<Field> {
    let offers = |field: &Field| match &field.control {
        Control::Select(choices) => choices.iter().any(|choice| !choice.value.is_empty()),
        _ => true,
    };
    fields.into_iter().filter(offers).collect()
}

/// What the choice of an id says.
pub(super) fn label_of(field: &Field, id: Option<&str>) -> String {
    let Control::Select(choices) = &field.control else {
        return String::new();
    };
    let id = id.unwrap_or_default();
    let found = choices.iter().find(|choice| choice.value == id);
    found.map_or_else(String::new, |choice| choice.label.clone())
}
