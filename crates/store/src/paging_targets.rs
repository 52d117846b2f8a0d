//! Whom a page may go to: page groups, and those whose extension stands in a page slot.

use model::inventory::{DisplayName, LinePlace};
use model::{Extension, SlotKind};

use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

impl Scope<'_, '_> {
    /// Says whether an extension is a page group's, or stands in a page slot of a device. What is spoken to any other would ring a
    /// telephone or raise an alert.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn can_be_paged(&mut self, extension: &Extension) -> Result<bool, StoreError> {
        if self.group_of_number(extension).await?.is_some() {
            return Ok(true);
        }
        let place = self.place_of_extension(extension).await?;
        Ok(matches!(place, Some(LinePlace::Slot(slot)) if slot.kind() == SlotKind::Page))
    }

    /// Lists by their numbers the users and common areas whose extension stands in a page slot: at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn page_slot_holders(
        &mut self,
        limit: u32,
    ) -> Result<Vec<(Extension, DisplayName)>, StoreError> {
        let sql = "SELECT extension, name FROM holder WHERE account = $1 AND id IN \
                   (SELECT holder FROM line WHERE account = $1 AND kind = $2) ORDER BY LENGTH(extension), extension LIMIT $3";
        let values = [self.id(), SlotKind::Page.as_str().into(), i64::from(limit).into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("holder", row);
                Ok((columns.parsed()?, columns.checked(DisplayName::new)?))
            })
            .collect()
    }
}
