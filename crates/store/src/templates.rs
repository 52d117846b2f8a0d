//! Provisioning templates, and the devices that have one.

use std::collections::BTreeMap;

use model::DeviceId;
use model::inventory::{Description, Device, ProvisionTemplate, TemplateContent, TemplateId, TemplateName};

use crate::devices::device_columns;
use crate::engine::Row;
use crate::listing::{LIST_ROWS_MAX, ListKey, Listed, Search, one_more, page};
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "provision_template";
/// Templates of one account.
pub const TEMPLATES_MAX: u64 = 1_000;

/// Why a template was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateStoreError {
    /// Another has the name.
    #[error("Provision template name ({0}) already exists.")]
    NameTaken(TemplateName),
    /// There are too many.
    #[error("an account has {TEMPLATES_MAX} templates at most; remove one first")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A template without its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTemplate {
    /// Its id.
    pub id: TemplateId,
    /// What people call it.
    pub name: TemplateName,
    /// What it is for.
    pub description: Description,
    /// How many devices have it.
    pub devices: u64,
}

impl Scope<'_, '_> {
    /// Lists templates whose name has a text in it by name: at most `limit`, which is taken to lie between 1 and [`LIST_ROWS_MAX`],
    /// from behind the place `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find_templates(
        &mut self,
        text: &str,
        after: Option<&ListKey>,
        limit: u32,
    ) -> Result<Listed<ListedTemplate>, StoreError> {
        let after = after.cloned().unwrap_or_else(ListKey::start);
        let limit = limit.clamp(1, LIST_ROWS_MAX);
        let values = [
            self.id(),
            Search::of(text).name.into(),
            after.sorted_by.into(),
            after.id.into(),
            one_more(limit),
        ];
        let sql = "SELECT id, name, description, \
                   (SELECT COUNT(*) FROM device_template WHERE template = t.id) FROM provision_template AS t \
                   WHERE account = $1 AND LOWER(name) LIKE $2 ESCAPE '!' AND (LOWER(name), id) > ($3, $4) \
                   ORDER BY LOWER(name), id LIMIT $5";
        let mut rows = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let mut columns = Columns::of(TABLE, row);
            rows.push(ListedTemplate {
                id: columns.parsed()?,
                name: columns.checked(TemplateName::new)?,
                description: columns.checked(Description::new)?,
                devices: columns.number()?,
            });
        }
        Ok(page(rows, limit, |last| ListKey {
            sorted_by: last.name.as_str().to_ascii_lowercase(),
            id: last.id.as_str().to_owned(),
        }))
    }

    /// Lists devices that have a template by name, from behind the place `after`, as [`Scope::find_templates`] lists templates.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn devices_of_template(
        &mut self,
        id: &TemplateId,
        after: Option<&ListKey>,
        limit: u32,
    ) -> Result<Listed<Device>, StoreError> {
        let after = after.cloned().unwrap_or_else(ListKey::start);
        let limit = limit.clamp(1, LIST_ROWS_MAX);
        let values = [
            self.id(),
            id.as_str().into(),
            after.sorted_by.into(),
            after.id.into(),
            one_more(limit),
        ];
        let sql = "SELECT id, name, description, mac, kind, model, firmware, site, added_at FROM device \
                   JOIN device_template ON device = id WHERE account = $1 AND template = $2 \
                   AND (LOWER(name), id) > ($3, $4) ORDER BY LOWER(name), id LIMIT $5";
        let rows = self.transaction.rows(sql, &values).await?;
        let devices = rows
            .into_iter()
            .map(|row| device_columns(&mut Columns::of("device", row)));
        let devices = devices.collect::<Result<_, _>>()?;
        Ok(page(devices, limit, |last: &Device| ListKey {
            sorted_by: last.name.as_str().to_ascii_lowercase(),
            id: last.id.as_str().to_owned(),
        }))
    }

    /// Lists templates by id from behind `after`, each with how many devices have it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_templates(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(ProvisionTemplate, u64)>, StoreError> {
        let sql = "SELECT id, name, description, content, \
                   (SELECT COUNT(*) FROM device_template WHERE template = provision_template.id) \
                   FROM provision_template WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3";
        let values = [self.id(), after.into(), i64::from(limit).into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter().map(template).collect()
    }

    /// Counts the templates.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_templates(&mut self) -> Result<u64, StoreError> {
        let id = self.id();
        self.count(
            "SELECT COUNT(*) FROM provision_template WHERE account = $1",
            &[id],
        )
        .await
    }

    /// Lists the names of the templates.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn template_names(&mut self) -> Result<Vec<(TemplateId, TemplateName)>, StoreError> {
        let id = self.id();
        let sql = "SELECT id, name FROM provision_template WHERE account = $1 ORDER BY LOWER(name), id";
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(TABLE, row);
                Ok((columns.parsed()?, columns.checked(TemplateName::new)?))
            })
            .collect()
    }

    /// Lists the devices that have a template, each with it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn device_templates(&mut self) -> Result<BTreeMap<DeviceId, TemplateId>, StoreError> {
        let id = self.id();
        let sql =
            "SELECT device, template FROM device_template JOIN device ON device = id WHERE account = $1";
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("device_template", row);
                Ok((columns.parsed()?, columns.parsed()?))
            })
            .collect()
    }

    /// Finds a template, with how many devices have it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn template(
        &mut self,
        id: &TemplateId,
    ) -> Result<Option<(ProvisionTemplate, u64)>, StoreError> {
        let sql = "SELECT id, name, description, content, \
                   (SELECT COUNT(*) FROM device_template WHERE template = provision_template.id) \
                   FROM provision_template WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(template).transpose()
    }

    /// Adds a template.
    ///
    /// # Errors
    ///
    /// When another has its name, there are too many, or the database fails.
    pub async fn add_template(&mut self, template: &ProvisionTemplate) -> Result<(), TemplateStoreError> {
        if self.count_templates().await? >= TEMPLATES_MAX {
            return Err(TemplateStoreError::TooMany);
        }
        self.check_template_name(template).await?;
        let values = [
            template.id.as_str().into(),
            self.id(),
            template.name.as_str().into(),
            template.description.as_str().into(),
            template.content.as_str().into(),
        ];
        let sql = "INSERT INTO provision_template (id, account, name, description, content) VALUES ($1, $2, $3, $4, $5)";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    /// Changes a template; says whether it was there.
    ///
    /// # Errors
    ///
    /// When another has its name, or the database fails.
    pub async fn update_template(
        &mut self,
        template: &ProvisionTemplate,
    ) -> Result<bool, TemplateStoreError> {
        self.check_template_name(template).await?;
        let values = [
            template.id.as_str().into(),
            self.id(),
            template.name.as_str().into(),
            template.description.as_str().into(),
            template.content.as_str().into(),
        ];
        let sql = "UPDATE provision_template SET name = $3, description = $4, content = $5 WHERE account = $2 AND id = $1";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// Removes a template, also from the devices that have it; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_template(&mut self, id: &TemplateId) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM provision_template WHERE account = $1 AND id = $2";
        Ok(self.transaction.execute(sql, &values).await? > 0)
    }

    /// The template of a device.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn template_of_device(
        &mut self,
        id: &DeviceId,
    ) -> Result<Option<ProvisionTemplate>, StoreError> {
        let sql = "SELECT provision_template.id, name, description, content, 0 FROM provision_template \
                   JOIN device_template ON template = provision_template.id WHERE account = $1 AND device = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        Ok(row.map(template).transpose()?.map(|(template, _)| template))
    }

    /// Gives a device a template, or none.
    ///
    /// # Errors
    ///
    /// When device or template are not the account's, or the database fails.
    pub async fn set_device_template(
        &mut self,
        device: &DeviceId,
        template: Option<&TemplateId>,
    ) -> Result<(), StoreError> {
        let values = [self.id(), device.as_str().into()];
        let sql = "DELETE FROM device_template WHERE device IN (SELECT id FROM device WHERE account = $1 AND id = $2)";
        self.transaction.execute(sql, &values).await?;
        let Some(template) = template else {
            return Ok(());
        };
        let [account, device] = values;
        let values = [account, device, template.as_str().into()];
        let sql = "INSERT INTO device_template SELECT device.id, provision_template.id FROM device, provision_template \
                   WHERE device.account = $1 AND device.id = $2 AND provision_template.account = $1 \
                   AND provision_template.id = $3";
        if self.transaction.execute(sql, &values).await? == 0 {
            let what = "device or template";
            return Err(StoreError::Missing { what });
        }
        Ok(())
    }

    async fn check_template_name(&mut self, template: &ProvisionTemplate) -> Result<(), TemplateStoreError> {
        let sql = "SELECT id FROM provision_template WHERE account = $1 AND name = $2 AND id <> $3";
        let values = [
            self.id(),
            template.name.as_str().into(),
            template.id.as_str().into(),
        ];
        match self.transaction.row(sql, &values).await? {
            Some(_) => Err(TemplateStoreError::NameTaken(template.name.clone())),
            None => Ok(()),
        }
    }
}

fn template(row: Row) -> Result<(ProvisionTemplate, u64), StoreError> {
    let mut columns = Columns::of(TABLE, row);
    let template = ProvisionTemplate {
        id: columns.parsed()?,
        name: columns.checked(TemplateName::new)?,
        description: columns.checked(Description::new)?,
        content: TemplateContent::from_stored(&columns.text()?),
    };
    Ok((template, columns.number()?))
}
