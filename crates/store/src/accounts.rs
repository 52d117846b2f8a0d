//! Accounts, and the directory that follows from all that belongs to one.

use model::AccountId;
use model::directory::{CredentialSecret, Epoch, Snapshot};
use model::inventory::{
    Account, DirectoryDevice, DirectoryHolder, DisplayName, EarlierPassword, Inventory, Line, directory_of,
};

use crate::audit_links::AuditList;
use crate::engine::Row;
use crate::hashes::Hashes;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError, Transaction};

impl Transaction<'_> {
    /// Adds an account.
    ///
    /// # Errors
    ///
    /// When the database fails, or has one of that id.
    pub async fn add_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let values = [
            account.id.as_str().into(),
            account.name.as_str().into(),
            account.domain.as_str().into(),
            account.many_extensions_before_5_5.into(),
            account.generic_devices.into(),
        ];
        let sql = "INSERT INTO account (id, name, domain, many_extensions_before_5_5, generic_devices, epoch) \
                   VALUES ($1, $2, $3, $4, $5, 1)";
        self.execute(sql, &values).await?;
        self.account(&account.id).begin_audit(&AuditList::ALL).await
    }

    /// Lists the ids of the accounts; a database of any version has these.
    pub(crate) async fn account_ids(&mut self) -> Result<Vec<AccountId>, StoreError> {
        let rows = self.rows("SELECT id FROM account ORDER BY id", &[]).await?;
        rows.into_iter()
            .map(|row| Columns::of("account", row).parsed())
            .collect()
    }

    /// Lists the accounts.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn accounts(&mut self) -> Result<Vec<Account>, StoreError> {
        let rows = self
            .rows("SELECT id, name, domain, many_extensions_before_5_5, generic_devices FROM account ORDER BY id", &[])
            .await?;
        rows.into_iter().map(account).collect()
    }

    /// Finds an account.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find_account(&mut self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let row = self
            .row(
                "SELECT id, name, domain, many_extensions_before_5_5, generic_devices FROM account WHERE id = $1",
                &[id.as_str().into()],
            )
            .await?;
        row.map(account).transpose()
    }
}

impl Scope<'_, '_> {
    /// Which state of the directory this is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn epoch(&mut self) -> Result<Epoch, StoreError> {
        let sql = "SELECT epoch FROM account WHERE id = $1";
        let id = self.id();
        let row = self.transaction.row(sql, &[id]).await?;
        Ok(Epoch(
            row.map_or(Ok(0), |row| Columns::of("account", row).number())?,
        ))
    }

    /// What the zones are told of the account, with passwords; none where there is no such account.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn directory(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let (lines, earlier) = (self.lines().await?, self.earlier_passwords().await?);
        self.directory_with(lines, earlier).await
    }

    /// What the zones are told of the account, with hashes of passwords; none where there is no such account. Of those that are in
    /// `hashes` no password is opened, and it has those of this directory from here on.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn hashed_directory(&mut self, hashes: &mut Hashes) -> Result<Option<Snapshot>, StoreError> {
        let (lines, earlier) = (self.sealed_lines().await?, self.sealed_earlier_passwords().await?);
        let (lines, earlier) = hashes.follow(&self.account, self.transaction.sealer(), lines, earlier)?;
        self.directory_with(lines, earlier).await
    }

    async fn directory_with<P: Clone + Into<CredentialSecret>>(
        &mut self,
        lines: Vec<Line<P>>,
        earlier_passwords: Vec<EarlierPassword<P>>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let id = self.account.clone();
        let Some(account) = self.transaction.find_account(&id).await? else {
            return Ok(None);
        };
        let epoch = self.epoch().await?;
        let inventory = Inventory {
            account,
            holders: self.directory_holders().await?,
            devices: self.directory_devices().await?,
            lines,
            earlier_passwords,
            groups: self.groups().await?,
            pins: self.group_pins().await?,
        };
        Ok(Some(directory_of(&inventory, epoch)))
    }

    async fn directory_holders(&mut self) -> Result<Vec<DirectoryHolder>, StoreError> {
        let sql = "SELECT id, name, extension, site FROM holder WHERE account = $1 ORDER BY LENGTH(extension), extension";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("holder", row);
                Ok(DirectoryHolder {
                    id: columns.parsed()?,
                    name: columns.checked(DisplayName::new)?,
                    extension: columns.parsed()?,
                    site: columns.parsed_or_null()?,
                })
            })
            .collect()
    }

    async fn directory_devices(&mut self) -> Result<Vec<DirectoryDevice>, StoreError> {
        let id = self.id();
        let sql = "SELECT id, name, site FROM device WHERE account = $1";
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("device", row);
                Ok(DirectoryDevice {
                    id: columns.parsed()?,
                    name: columns.checked(DisplayName::new)?,
                    site: columns.parsed_or_null()?,
                })
            })
            .collect()
    }
}

fn account(row: Row) -> Result<Account, StoreError> {
    let mut columns = Columns::of("account", row);
    Ok(Account {
        id: columns.parsed()?,
        name: columns.checked(DisplayName::new)?,
        domain: columns.text()?,
        many_extensions_before_5_5: columns.truth()?,
        generic_devices: columns.truth()?,
    })
}
