//! The PINs of page groups. They are no part of what is shown of a group: only the zones learn them.

use std::collections::BTreeMap;
use std::fmt;

use model::Secret;
use model::inventory::GroupId;

use crate::engine::Value;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "page_group";

/// What has become of the PIN of a group; the audit says so much, and no digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinChange {
    /// It has one, and had none.
    Set,
    /// It has another one.
    Changed,
    /// It has none any more.
    Removed,
}

impl fmt::Display for PinChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Set => "set",
            Self::Changed => "changed",
            Self::Removed => "removed",
        })
    }
}

impl Scope<'_, '_> {
    /// Says whether a page group asks for a PIN.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn has_group_pin(&mut self, id: &GroupId) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM page_group WHERE account = $1 AND id = $2 AND pin IS NOT NULL";
        let values = [self.id(), id.as_str().into()];
        Ok(self.count(sql, &values).await? > 0)
    }

    /// Gives a page group this PIN, or none; says what that has changed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_group_pin(
        &mut self,
        id: &GroupId,
        pin: Option<&Secret>,
    ) -> Result<Option<PinChange>, StoreError> {
        let before = self.group_pins_of(Some(id)).await?.remove(id);
        let change = match (&before, pin) {
            (None, None) => return Ok(None),
            (Some(before), Some(pin)) if pin.matches(before.reveal()) => return Ok(None),
            (None, Some(_)) => PinChange::Set,
            (Some(_), Some(_)) => PinChange::Changed,
            (Some(_), None) => PinChange::Removed,
        };
        let sealer = self.transaction.sealer();
        let sealed = pin.map(|pin| sealer.seal(pin, &sealed_for(id)).ok_or(StoreError::NoRandomness));
        let sealed: Option<Vec<u8>> = sealed.transpose()?;
        let sql = "UPDATE page_group SET pin = $3 WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into(), sealed.into()];
        self.transaction.execute(sql, &values).await?;
        self.change_directory().await?;
        Ok(Some(change))
    }

    /// The PINs of the page groups that ask for one.
    ///
    /// # Errors
    ///
    /// When the database fails, or a PIN cannot be opened.
    pub async fn group_pins(&mut self) -> Result<BTreeMap<GroupId, Secret>, StoreError> {
        self.group_pins_of(None).await
    }

    async fn group_pins_of(
        &mut self,
        one: Option<&GroupId>,
    ) -> Result<BTreeMap<GroupId, Secret>, StoreError> {
        let values: [Value; 2] = [self.id(), one.map_or("", GroupId::as_str).into()];
        let sql =
            "SELECT id, pin FROM page_group WHERE account = $1 AND ($2 = '' OR id = $2) AND pin IS NOT NULL";
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(TABLE, row);
                let id: GroupId = columns.parsed()?;
                let sealed = columns.octets()?;
                let pin = self.transaction.sealer().open_sealed(&sealed, &sealed_for(&id));
                Ok((id, pin.ok_or(StoreError::WrongKey)?))
            })
            .collect()
    }
}

/// What a PIN is sealed for: no id of a line has a space in it.
fn sealed_for(id: &GroupId) -> String {
    format!("PIN of page group {id}")
}
