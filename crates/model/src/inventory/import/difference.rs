//! A change as people read it: field by field.

use std::collections::BTreeMap;

use super::groups::{pagers_word, urgency_word};
use super::{Change, Column, Present};
use crate::inventory::{Device, Holder, PageGroup, SiteId, TemplateId};

/// What a field says before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub column: Column,
    /// What it says; nothing where it is added.
    pub before: String,
    /// What it is to say.
    pub after: String,
}

/// What sites and templates are called.
#[derive(Clone, Debug, Default)]
pub struct Names {
    sites: BTreeMap<SiteId, String>,
    templates: BTreeMap<TemplateId, String>,
}

impl Names {
    /// Those that are there.
    #[must_use]
    pub fn of(present: &Present) -> Self {
        let sites = present.sites.iter();
        let templates = present.templates.iter();
        Self {
            sites: sites
                .map(|site| (site.id.clone(), site.name.to_string()))
                .collect(),
            templates: templates
                .map(|(id, name)| (id.clone(), name.to_string()))
                .collect(),
        }
    }

    /// The name of a site, or nothing.
    #[must_use]
    pub fn site(&self, id: Option<&SiteId>) -> String {
        id.and_then(|id| self.sites.get(id)).cloned().unwrap_or_default()
    }

    /// The name of a template, or nothing.
    #[must_use]
    pub fn template(&self, id: Option<&TemplateId>) -> String {
        let name = id.and_then(|id| self.templates.get(id));
        name.cloned().unwrap_or_default()
    }

    /// What a user or common area says in each of its columns.
    #[must_use]
    pub fn holder(&self, holder: &Holder) -> Vec<(Column, String)> {
        vec![
            (Column::Name, holder.name.to_string()),
            (Column::Extension, holder.extension.to_string()),
            (Column::Package, holder.package.clone()),
            (Column::Country, holder.country.to_string()),
            (Column::TimeZone, holder.time_zone.to_string()),
            (Column::Site, self.site(holder.site.as_ref())),
        ]
    }

    /// What a device says in each of its columns.
    #[must_use]
    pub fn device(&self, device: &Device, template: Option<&TemplateId>) -> Vec<(Column, String)> {
        vec![
            (Column::Name, device.name.to_string()),
            (Column::Mac, device.mac.to_string()),
            (Column::Type, device.kind.as_str().to_owned()),
            (Column::Description, device.description.to_string()),
            (Column::Site, self.site(device.site.as_ref())),
            (Column::Template, self.template(template)),
        ]
    }
}

/// What a page group says in each of its columns.
#[must_use]
pub fn group_columns(group: &PageGroup) -> Vec<(Column, String)> {
    vec![
        (Column::Name, group.name.to_string()),
        (Column::Extension, group.extension.to_string()),
        (Column::Urgency, urgency_word(group.urgency).to_owned()),
        (Column::Pagers, pagers_word(&group.pagers).to_owned()),
    ]
}

impl Change {
    /// What it is about, as people know it.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::AddHolder(holder) | Self::ChangeHolder { before: holder, .. } => {
                format!("{} ({})", holder.name, holder.extension)
            }
            Self::AddDevice(device, _)
            | Self::ChangeDevice {
                before: (device, _), ..
            } => {
                format!("{} ({})", device.name, device.mac)
            }
            Self::Assign { device, place, .. } => {
                format!(
                    "{} {} of {} ({})",
                    place.kind(),
                    place.port(),
                    device.name,
                    device.mac
                )
            }
            Self::AddGroup(group) | Self::ChangeGroup { before: group, .. } => {
                format!("{} ({})", group.name, group.extension)
            }
            Self::AddMember { told, .. } | Self::AddPager { told, .. } => told.clone(),
        }
    }

    /// What is different, field by field; of what is added, every field that says something.
    #[must_use]
    pub fn differences(&self, names: &Names) -> Vec<Difference> {
        match self {
            Self::AddHolder(holder) => added(names.holder(holder)),
            Self::ChangeHolder { before, after } => changed(names.holder(before), names.holder(after)),
            Self::AddDevice(device, template) => added(names.device(device, template.as_ref())),
            Self::ChangeDevice { before, after } => changed(
                names.device(&before.0, before.1.as_ref()),
                names.device(&after.0, after.1.as_ref()),
            ),
            Self::Assign {
                extension,
                instead_of,
                ..
            } => vec![Difference {
                column: Column::Extension,
                before: instead_of.as_ref().map(ToString::to_string).unwrap_or_default(),
                after: extension.to_string(),
            }],
            Self::AddGroup(group) => added(group_columns(group)),
            Self::ChangeGroup { before, after } => changed(group_columns(before), group_columns(after)),
            // All of it is what it is about.
            Self::AddMember { .. } | Self::AddPager { .. } => Vec::new(),
        }
    }
}

fn added(fields: Vec<(Column, String)>) -> Vec<Difference> {
    let stated = fields.into_iter().filter(|(_, text)| !text.is_empty());
    let difference = |(column, after)| Difference {
        column,
        before: String::new(),
        after,
    };
    stated.map(difference).collect()
}

fn changed(before: Vec<(Column, String)>, after: Vec<(Column, String)>) -> Vec<Difference> {
    let both = before.into_iter().zip(after);
    let different = both.filter(|((_, before), (_, after))| before != after);
    let difference = |((column, before), (_, after))| Difference {
        column,
        before,
        after,
    };
    different.map(difference).collect()
}
