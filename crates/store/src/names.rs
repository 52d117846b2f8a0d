//! What people call numbers and SIP users today: reports of pages name both by what they were.

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::LinePlace;
use model::{DeviceId, Extension, SipUser};

use crate::engine::Value;
use crate::lines::place;
use crate::listing::Search;
use crate::many::Statement;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "line";

const NUMBERS: Statement = Statement {
    columns: &["number"],
    sql: "SELECT given.number, holder.name FROM scope CROSS JOIN given \
          JOIN holder ON holder.account = scope.account AND holder.extension = given.number \
          UNION ALL SELECT given.number, page_group.name FROM scope CROSS JOIN given \
          JOIN page_group ON page_group.account = scope.account AND page_group.extension = given.number",
};
const USERS: Statement = Statement {
    columns: &["sip_user"],
    sql: "SELECT line.sip_user, line.kind, line.port, holder.name, holder.extension, device.id, device.name \
          FROM scope CROSS JOIN given JOIN line ON line.account = scope.account AND line.sip_user = given.sip_user \
          JOIN holder ON holder.id = line.holder JOIN device ON device.id = line.device",
};

/// Where the line of a SIP user stands, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUser {
    /// The user or common area.
    pub holder: String,
    /// Its number.
    pub extension: Extension,
    /// The device.
    pub device: DeviceId,
    /// What people call the device.
    pub device_name: String,
    /// The slot or line of the device.
    pub place: LinePlace,
}

/// Numbers and SIP users that a text finds by names of today.
#[derive(Debug, Default)]
pub(crate) struct FoundNames {
    pub(crate) numbers: BTreeSet<Extension>,
    /// Those whose user or common area is found by its name or number, or whose device is by its name.
    pub(crate) users: BTreeSet<SipUser>,
}

impl Scope<'_, '_> {
    /// What people call those who have these numbers: users, common areas and page groups. A number that nobody has is left out.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn names_of_numbers(
        &mut self,
        numbers: &BTreeSet<Extension>,
    ) -> Result<BTreeMap<Extension, String>, StoreError> {
        let given: Vec<Vec<Value>> = numbers.iter().map(|one| vec![one.as_str().into()]).collect();
        let rows = self.read_given(&NUMBERS, &given).await?;
        let named = rows.into_iter().map(|row| {
            let mut columns = Columns::of(TABLE, row);
            Ok((columns.parsed()?, columns.text()?))
        });
        named.collect()
    }

    /// Whose lines these SIP users are, and where those stand. A user without a line is left out.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn named_users(
        &mut self,
        users: &BTreeSet<SipUser>,
    ) -> Result<BTreeMap<SipUser, NamedUser>, StoreError> {
        let given: Vec<Vec<Value>> = users.iter().map(|one| vec![one.as_str().into()]).collect();
        let rows = self.read_given(&USERS, &given).await?;
        let named = rows.into_iter().map(|row| {
            let mut columns = Columns::of(TABLE, row);
            let user = columns.parsed()?;
            let place = place(&mut columns)?;
            let named = NamedUser {
                place,
                holder: columns.text()?,
                extension: columns.parsed()?,
                device: columns.parsed()?,
                device_name: columns.text()?,
            };
            Ok((user, named))
        });
        named.collect()
    }

    /// Looks up what a text finds by names.
    pub(crate) async fn names_found_by(&mut self, text: &str) -> Result<FoundNames, StoreError> {
        let search = Search::of(text);
        let values = [self.id(), search.name.clone().into()];
        let sql = "SELECT extension FROM holder WHERE account = $1 AND LOWER(name) LIKE $2 ESCAPE '!' \
                   UNION ALL SELECT extension FROM page_group WHERE account = $1 AND LOWER(name) LIKE $2 ESCAPE '!'";
        let rows = self.transaction.rows(sql, &values).await?;
        let numbers = rows.into_iter().map(|row| Columns::of(TABLE, row).parsed());
        let numbers = numbers.collect::<Result<_, _>>()?;
        let values = [self.id(), search.name.into(), search.number.into()];
        let sql = "SELECT sip_user FROM line JOIN holder ON holder.id = line.holder JOIN device ON device.id = line.device \
                   WHERE line.account = $1 AND (LOWER(holder.name) LIKE $2 ESCAPE '!' \
                   OR LOWER(device.name) LIKE $2 ESCAPE '!' OR holder.extension LIKE $3)";
        let rows = self.transaction.rows(sql, &values).await?;
        let users = rows.into_iter().map(|row| Columns::of(TABLE, row).parsed());
        let users = users.collect::<Result<_, _>>()?;
        Ok(FoundNames { numbers, users })
    }
}
