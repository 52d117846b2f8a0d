//! Users and common areas.

use model::Extension;
use model::inventory::{CountryCode, DisplayName, Holder, HolderId, HolderKind, TimeZone};

use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

/// Why a number was not given.
#[derive(Debug, thiserror::Error)]
pub enum NumberTaken {
    /// Somebody has it.
    #[error("extension {extension} is {name}'s; choose another")]
    By {
        /// The number.
        extension: Extension,
        /// Who has it.
        name: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const TABLE: &str = "holder";

impl Scope<'_, '_> {
    /// Adds a user or a common area.
    ///
    /// # Errors
    ///
    /// When its number is another's, its site is not the account's, or the database fails.
    pub async fn add_holder(&mut self, holder: &Holder) -> Result<(), NumberTaken> {
        self.take_number(&holder.extension).await?;
        self.put_holders(&[holder]).await?;
        self.change_directory().await?;
        Ok(())
    }

    /// Lists users, common areas, or both, by their numbers.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn holders(&mut self, kind: Option<HolderKind>) -> Result<Vec<Holder>, StoreError> {
        let sql = "SELECT id, kind, name, extension, package, country, time_zone, site FROM holder \
                   WHERE account = $1 AND ($2 IS NULL OR kind = $2) ORDER BY LENGTH(extension), extension";
        let values = [self.id(), kind.map(HolderKind::as_str).into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| holder_columns(&mut Columns::of(TABLE, row)))
            .collect()
    }

    /// Finds a user or a common area.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn holder(&mut self, id: &HolderId) -> Result<Option<Holder>, StoreError> {
        let sql = "SELECT id, kind, name, extension, package, country, time_zone, site FROM holder \
                   WHERE account = $1 AND id = $2";
        let values = [self.id(), id.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| holder_columns(&mut Columns::of(TABLE, row)))
            .transpose()
    }

    /// The lowest number of so many digits, from 101, 1001 or alike, that nobody has; none where all are taken.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn free_number(&mut self, digits: u32) -> Result<Option<u64>, StoreError> {
        let (length, first) = (i64::from(digits), 10_u64.pow(digits.saturating_sub(1)) + 1);
        let sql = "SELECT number FROM extension WHERE account = $1 AND LENGTH(number) = $2 ORDER BY number";
        let values = [self.id(), length.into()];
        let mut free = first;
        for row in self.transaction.rows(sql, &values).await? {
            let number = Columns::of("extension", row).text()?;
            // Numbers with asterisks are in nobody's way.
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            if number == free {
                free += 1;
            } else if number > free {
                break;
            }
        }
        Ok(Some(free).filter(|free| *free < 10_u64.pow(digits)))
    }

    /// What people call who has a number: a user, a common area or a page group; none where nobody has it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn name_of_number(&mut self, extension: &Extension) -> Result<Option<String>, StoreError> {
        let values = [self.id(), extension.as_str().into()];
        let sql = "SELECT name FROM holder WHERE account = $1 AND extension = $2 \
                   UNION ALL SELECT name FROM page_group WHERE account = $1 AND extension = $2";
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| Columns::of(TABLE, row).text()).transpose()
    }

    /// Takes a number that nobody has.
    pub(crate) async fn take_number(&mut self, extension: &Extension) -> Result<(), NumberTaken> {
        if let Some(name) = self.name_of_number(extension).await? {
            return Err(NumberTaken::By {
                extension: extension.clone(),
                name,
            });
        }
        let values = [self.id(), extension.as_str().into()];
        let sql = "INSERT INTO extension VALUES ($1, $2)";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }
}

/// Reads the eight columns of a user or common area.
pub(crate) fn holder_columns(columns: &mut Columns) -> Result<Holder, StoreError> {
    Ok(Holder {
        id: columns.parsed()?,
        kind: columns.word(HolderKind::from_stored)?,
        name: columns.checked(DisplayName::new)?,
        extension: columns.parsed()?,
        package: columns.text()?,
        country: columns.checked(CountryCode::new)?,
        time_zone: columns.checked(TimeZone::new)?,
        site: columns.parsed_or_null()?,
    })
}
