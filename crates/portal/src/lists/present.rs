//! What is there, read in one transaction.

use model::AccountId;
use model::inventory::Account;
use model::inventory::import::Present;
use store::{StoreError, Transaction};

/// Reads what a list is compared with, or made of; none where there is no such account.
pub(crate) async fn present(
    transaction: &mut Transaction<'_>,
    id: &AccountId,
) -> Result<Option<Present>, StoreError> {
    let Some(account): Option<Account> = transaction.find_account(id).await? else {
        return Ok(None);
    };
    let catalogue = transaction.catalogue().clone();
    let mut scope = transaction.account(id);
    let mut templates = scope.device_templates().await?;
    let devices = scope.devices().await?.into_iter();
    let devices = devices.map(|device| {
        let template = templates.remove(&device.id);
        (device, template)
    });
    Ok(Some(Present {
        account,
        defaults: scope.holder_defaults().await?,
        catalogue,
        sites: scope.sites().await?,
        templates: scope.template_names().await?,
        holders: scope.holders(None).await?,
        groups: scope.groups().await?,
        assignments: scope.assignments().await?,
        elsewhere: scope.macs_elsewhere().await?,
        devices: devices.collect(),
    }))
}
