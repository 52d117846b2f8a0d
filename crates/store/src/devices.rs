//! Devices.

use model::inventory::{Description, Device, DeviceType, DisplayName, MacAddress};
use model::{AccountId, DeviceId};

use crate::stored::Columns;
use crate::transaction::{Scope, StoreError, Transaction};

/// Why a device was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddDeviceError {
    /// The account has a device of that address.
    #[error("{mac} is {name}; open that device, or correct the address")]
    Known {
        /// The address.
        mac: MacAddress,
        /// The device that has it.
        name: String,
    },
    /// Another account has it.
    #[error("{mac} cannot be added here; see that the address is right, and ask who runs this service")]
    Elsewhere {
        /// The address.
        mac: MacAddress,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Transaction<'_> {
    /// Finds the device of a hardware address and the account it belongs to.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn device_of_mac(
        &mut self,
        mac: MacAddress,
    ) -> Result<Option<(AccountId, Device)>, StoreError> {
        let sql = "SELECT account, id, name, description, mac, kind, model, firmware, site, added_at FROM device WHERE mac = $1";
        let row = self.row(sql, &[mac.compact().into()]).await?;
        row.map(|row| {
            let mut columns = Columns::of(TABLE, row);
            let account = columns.parsed()?;
            Ok((account, device_columns(&mut columns)?))
        })
        .transpose()
    }
}

const TABLE: &str = "device";

impl Scope<'_, '_> {
    /// Adds a device.
    ///
    /// # Errors
    ///
    /// When its address is another device's, its site is not the account's, or the database fails.
    pub async fn add_device(&mut self, device: &Device) -> Result<(), AddDeviceError> {
        let mac = device.mac;
        if let Some((account, known)) = self.transaction.device_of_mac(mac).await? {
            return Err(if account == self.account {
                let name = known.name.to_string();
                AddDeviceError::Known { mac, name }
            } else {
                AddDeviceError::Elsewhere { mac }
            });
        }
        self.add_devices(&[(device, None)]).await?;
        Ok(())
    }

    /// Lists the addresses of devices of other accounts.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn macs_elsewhere(&mut self) -> Result<Vec<MacAddress>, StoreError> {
        let id = self.id();
        let sql = "SELECT mac FROM device WHERE account <> $1";
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| Columns::of(TABLE, row).parsed())
            .collect()
    }

    /// Lists the devices by name.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn devices(&mut self) -> Result<Vec<Device>, StoreError> {
        let sql = "SELECT id, name, description, mac, kind, model, firmware, site, added_at FROM device \
                   WHERE account = $1 ORDER BY name, id";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| device_columns(&mut Columns::of(TABLE, row)))
            .collect()
    }

    /// Lists the ids of the devices, in no order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn device_ids(&mut self) -> Result<Vec<DeviceId>, StoreError> {
        let id = self.id();
        let rows = self
            .transaction
            .rows("SELECT id FROM device WHERE account = $1", &[id])
            .await?;
        rows.into_iter()
            .map(|row| Columns::of(TABLE, row).parsed())
            .collect()
    }

    /// Finds a device.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn device(&mut self, id: &DeviceId) -> Result<Option<Device>, StoreError> {
        let sql = "SELECT id, name, description, mac, kind, model, firmware, site, added_at FROM device \
                   WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| device_columns(&mut Columns::of(TABLE, row)))
            .transpose()
    }

    /// Notes what a device has said of itself; what it has not said stays.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn note_device(
        &mut self,
        id: &DeviceId,
        model: Option<&str>,
        firmware: Option<&str>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE device SET model = COALESCE($3, model), firmware = COALESCE($4, firmware) \
                   WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into(), model.into(), firmware.into()];
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}

/// Reads the nine columns of a device.
pub(crate) fn device_columns(columns: &mut Columns) -> Result<Device, StoreError> {
    Ok(Device {
        id: columns.parsed()?,
        name: columns.checked(DisplayName::new)?,
        description: columns.checked(Description::new)?,
        mac: columns.parsed()?,
        kind: columns.word(DeviceType::from_stored)?,
        model: columns.text_or_null()?,
        firmware: columns.text_or_null()?,
        site: columns.parsed_or_null()?,
        added_at: columns.moment()?,
    })
}
