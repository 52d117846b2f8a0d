//! Many at once, as an import has them: a statement for hundreds of rows where one each would keep other writers waiting. Who
//! calls has compared them with what this transaction sees, so that no rule is against any of them.

use model::inventory::{
    Device, GroupId, GroupMember, Holder, HolderId, Line, LinePlace, PageGroup, Pagers, TemplateId,
};
use model::{DeviceId, Secret, SlotKind};

use crate::assignment::drawn_line;
use crate::engine::{Row, Value};
use crate::groups::{EVERY_PORT, pagers_word, urgency_word};
use crate::lines::word_of;
use crate::stored::moment;
use crate::transaction::{Scope, StoreError};

/// Rows of one statement: more of them make it no faster.
const ROWS_AT_ONCE: usize = 200;

/// A statement over rows that are given with it, as a table `given`; `scope` has the account.
pub(crate) struct Statement {
    /// The columns of the given rows.
    pub(crate) columns: &'static [&'static str],
    /// What is done with them.
    pub(crate) sql: &'static str,
}

impl Statement {
    /// The statement for so many rows, whose places `place` writes.
    fn for_rows(&self, rows: usize, place: impl Fn(&mut String, usize)) -> String {
        let mut sql = "WITH scope (account) AS (VALUES (".to_owned();
        place(&mut sql, 1);
        sql.push_str(")), given (");
        sql.push_str(&self.columns.join(", "));
        sql.push_str(") AS (VALUES ");
        let mut places = 2..;
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for (column, number) in (0..self.columns.len()).zip(&mut places) {
                sql.push_str(if column == 0 { "" } else { ", " });
                place(&mut sql, number);
            }
            sql.push(')');
        }
        sql.push_str(") ");
        sql.push_str(self.sql);
        sql
    }
}

/// What stands in a slot from here on.
#[derive(Clone, Debug)]
pub struct Placing<'p> {
    /// The device.
    pub device: &'p Device,
    /// Whose extension it is.
    pub holder: &'p HolderId,
    /// Which slot.
    pub place: LinePlace,
    /// The password, drawn by the caller.
    pub password: Secret,
}

const NUMBERS: Statement = Statement {
    columns: &["number"],
    sql: "INSERT INTO extension SELECT scope.account, given.number FROM scope, given",
};
const HOLDERS: Statement = Statement {
    columns: &[
        "id",
        "name",
        "package",
        "country",
        "time_zone",
        "site",
        "kind",
        "extension",
    ],
    sql: "INSERT INTO holder SELECT given.id, scope.account, given.kind, given.name, given.extension, given.package, given.country, \
          given.time_zone, given.site FROM scope, given \
          WHERE given.site IS NULL OR EXISTS (SELECT 1 FROM site WHERE site.account = scope.account AND site.id = given.site)",
};
const CHANGED_HOLDERS: Statement = Statement {
    columns: &["id", "name", "package", "country", "time_zone", "site"],
    sql: "UPDATE holder SET name = given.name, package = given.package, country = given.country, \
          time_zone = given.time_zone, site = given.site FROM scope, given WHERE holder.account = scope.account AND holder.id = given.id \
          AND (given.site IS NULL OR EXISTS (SELECT 1 FROM site WHERE site.account = scope.account AND site.id = given.site))",
};
const DEVICES: Statement = Statement {
    columns: &[
        "id",
        "name",
        "description",
        "site",
        "mac",
        "kind",
        "model",
        "firmware",
        "added_at",
    ],
    sql: "INSERT INTO device SELECT given.id, scope.account, given.name, given.description, given.mac, given.kind, given.model, \
          given.firmware, given.site, given.added_at FROM scope, given \
          WHERE given.site IS NULL OR EXISTS (SELECT 1 FROM site WHERE site.account = scope.account AND site.id = given.site)",
};
const CHANGED_DEVICES: Statement = Statement {
    columns: &["id", "name", "description", "site"],
    sql: "UPDATE device SET name = given.name, description = given.description, site = given.site FROM scope, given \
          WHERE device.account = scope.account AND device.id = given.id \
          AND (given.site IS NULL OR EXISTS (SELECT 1 FROM site WHERE site.account = scope.account AND site.id = given.site))",
};
const FORGOTTEN_TEMPLATES: Statement = Statement {
    columns: &["id"],
    sql: "DELETE FROM device_template WHERE device IN \
          (SELECT device.id FROM scope CROSS JOIN given JOIN device ON device.account = scope.account AND device.id = given.id)",
};
const TEMPLATES: Statement = Statement {
    columns: &["device", "template"],
    sql: "INSERT INTO device_template SELECT device.id, provision_template.id FROM scope CROSS JOIN given \
          JOIN device ON device.account = scope.account AND device.id = given.device \
          JOIN provision_template ON provision_template.account = scope.account AND provision_template.id = given.template",
};
const LINES: Statement = Statement {
    columns: &[
        "id",
        "device",
        "kind",
        "port",
        "holder",
        "sip_user",
        "authorization_id",
        "algorithm",
        "generation",
        "password",
    ],
    sql: "INSERT INTO line SELECT given.id, scope.account, device.id, given.kind, given.port, holder.id, given.sip_user, \
          given.authorization_id, given.algorithm, given.generation, given.password FROM scope CROSS JOIN given \
          JOIN device ON device.account = scope.account AND device.id = given.device \
          JOIN holder ON holder.account = scope.account AND holder.id = given.holder",
};
const GROUPS: Statement = Statement {
    columns: &["id", "name", "extension", "urgency", "pagers"],
    sql: "INSERT INTO page_group (id, account, name, extension, urgency, pagers) \
          SELECT given.id, scope.account, given.name, given.extension, given.urgency, given.pagers FROM scope, given",
};
const MEMBER: &[&str] = &["owner", "member"];
const MEMBER_HOLDERS: Statement = Statement {
    columns: MEMBER,
    sql: "INSERT INTO page_group_member SELECT page_group.id, holder.id FROM scope CROSS JOIN given \
          JOIN page_group ON page_group.account = scope.account AND page_group.id = given.owner \
          JOIN holder ON holder.account = scope.account AND holder.id = given.member",
};
const MEMBER_DEVICES: Statement = Statement {
    columns: &["owner", "member", "port"],
    sql: "INSERT INTO page_group_device (page_group, device, port) SELECT page_group.id, device.id, given.port FROM scope CROSS JOIN given \
          JOIN page_group ON page_group.account = scope.account AND page_group.id = given.owner \
          JOIN device ON device.account = scope.account AND device.id = given.member",
};
const MEMBER_SITES: Statement = Statement {
    columns: MEMBER,
    sql: "INSERT INTO page_group_site SELECT page_group.id, site.id FROM scope CROSS JOIN given \
          JOIN page_group ON page_group.account = scope.account AND page_group.id = given.owner \
          JOIN site ON site.account = scope.account AND site.id = given.member",
};
const PAGERS: Statement = Statement {
    columns: MEMBER,
    sql: "INSERT INTO page_group_pager SELECT page_group.id, holder.id FROM scope CROSS JOIN given \
          JOIN page_group ON page_group.account = scope.account AND page_group.id = given.owner \
          JOIN holder ON holder.account = scope.account AND holder.id = given.member",
};

impl Scope<'_, '_> {
    /// Runs a statement over rows; says how many it touched.
    async fn given(&mut self, statement: &Statement, rows: &[Vec<Value>]) -> Result<u64, StoreError> {
        let mut touched = 0;
        for some in rows.chunks(ROWS_AT_ONCE) {
            let (sql, values) = self.made(statement, some);
            touched += self.transaction.execute_made(sql, &values).await?;
        }
        Ok(touched)
    }

    /// Reads by a statement over rows.
    pub(crate) async fn read_given(
        &mut self,
        statement: &Statement,
        rows: &[Vec<Value>],
    ) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for some in rows.chunks(ROWS_AT_ONCE) {
            let (sql, values) = self.made(statement, some);
            found.extend(self.transaction.rows_made(sql, &values).await?);
        }
        Ok(found)
    }

    fn made(&self, statement: &Statement, rows: &[Vec<Value>]) -> (String, Vec<Value>) {
        let mut values = Vec::with_capacity(1 + rows.len() * statement.columns.len());
        values.push(self.id());
        values.extend(rows.iter().flatten().cloned());
        let transaction = &self.transaction;
        let sql = statement.for_rows(rows.len(), |sql, number| transaction.write_place(sql, number));
        (sql, values)
    }

    /// Runs a statement that touches as many rows as it is given.
    async fn given_all(
        &mut self,
        statement: &Statement,
        rows: &[Vec<Value>],
        what: &'static str,
    ) -> Result<(), StoreError> {
        let touched = self.given(statement, rows).await?;
        check(touched, rows.len(), what)
    }

    /// Adds users and common areas whose numbers nobody has.
    ///
    /// # Errors
    ///
    /// When a site is not the account's, or the database fails.
    pub async fn add_holders(&mut self, holders: &[&Holder]) -> Result<(), StoreError> {
        let numbers: Vec<_> = holders
            .iter()
            .map(|holder| vec![holder.extension.as_str().into()])
            .collect();
        self.given(&NUMBERS, &numbers).await?;
        self.put_holders(holders).await?;
        self.change_directory().await
    }

    /// Puts users and common areas beside their numbers.
    pub(crate) async fn put_holders(&mut self, holders: &[&Holder]) -> Result<(), StoreError> {
        let rows: Vec<Vec<Value>> = holders
            .iter()
            .map(|holder| {
                let mut row = changeable_of_holder(holder);
                row.extend([holder.kind.as_str().into(), holder.extension.as_str().into()]);
                row
            })
            .collect();
        self.given_all(&HOLDERS, &rows, "site").await
    }

    /// Changes users and common areas that keep their numbers.
    ///
    /// # Errors
    ///
    /// When one of them or its site is not the account's, or the database fails.
    pub async fn update_holders(&mut self, holders: &[&Holder]) -> Result<(), StoreError> {
        let rows: Vec<Vec<Value>> = holders
            .iter()
            .map(|holder| changeable_of_holder(holder))
            .collect();
        let what = "user, common area or site";
        self.given_all(&CHANGED_HOLDERS, &rows, what).await?;
        self.change_directory().await
    }

    /// Adds devices whose addresses no device has, each with its template.
    ///
    /// # Errors
    ///
    /// When a site or template is not the account's, or the database fails.
    pub async fn add_devices(
        &mut self,
        devices: &[(&Device, Option<&TemplateId>)],
    ) -> Result<(), StoreError> {
        let rows: Vec<Vec<Value>> = devices
            .iter()
            .map(|(device, _)| {
                let mut row = changeable_of_device(device);
                row.extend([
                    device.mac.compact().into(),
                    device.kind.as_str().into(),
                    device.model.clone().into(),
                    device.firmware.clone().into(),
                    moment(device.added_at),
                ]);
                row
            })
            .collect();
        self.given_all(&DEVICES, &rows, "site").await?;
        self.add_templates(devices).await
    }

    /// Changes what devices are called, where they are and which templates they have.
    ///
    /// # Errors
    ///
    /// When one of them, its site or its template is not the account's, or the database fails.
    pub async fn update_devices(
        &mut self,
        devices: &[(&Device, Option<&TemplateId>)],
    ) -> Result<(), StoreError> {
        let rows: Vec<Vec<Value>> = devices
            .iter()
            .map(|(device, _)| changeable_of_device(device))
            .collect();
        let what = "device or site";
        self.given_all(&CHANGED_DEVICES, &rows, what).await?;
        let ids: Vec<_> = devices
            .iter()
            .map(|(device, _)| vec![device.id.as_str().into()])
            .collect();
        self.given(&FORGOTTEN_TEMPLATES, &ids).await?;
        self.add_templates(devices).await?;
        self.change_directory().await
    }

    async fn add_templates(&mut self, devices: &[(&Device, Option<&TemplateId>)]) -> Result<(), StoreError> {
        let rows: Vec<Vec<Value>> = devices
            .iter()
            .filter_map(|(device, template)| {
                let template = template.as_ref()?;
                Some(vec![device.id.as_str().into(), template.as_str().into()])
            })
            .collect();
        let what = "device or template";
        self.given_all(&TEMPLATES, &rows, what).await
    }

    /// Puts extensions in slots that are empty, each with a user name of its own.
    ///
    /// # Errors
    ///
    /// When a device, user or common area is not the account's, the database fails, or the system gives no random numbers.
    pub async fn place_all(&mut self, placings: &[Placing<'_>]) -> Result<(), StoreError> {
        let drawn = |placing: &Placing<'_>| {
            drawn_line(
                placing.device,
                placing.holder,
                placing.place,
                placing.password.clone(),
            )
        };
        let lines: Vec<Line> = placings.iter().map(drawn).collect::<Result<_, StoreError>>()?;
        self.put_lines(&lines).await?;
        self.change_directory().await
    }

    /// Puts lines in their places.
    pub(crate) async fn put_lines(&mut self, lines: &[Line]) -> Result<(), StoreError> {
        let sealer = self.transaction.sealer();
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(lines.len());
        for line in lines {
            let password = sealer
                .seal(&line.password, line.id.as_str())
                .ok_or(StoreError::NoRandomness)?;
            rows.push(vec![
                line.id.as_str().into(),
                line.device.as_str().into(),
                line.place.kind().into(),
                i64::from(line.place.port()).into(),
                line.holder.as_str().into(),
                line.user.as_str().into(),
                line.authorization_id.as_str().into(),
                word_of(line.algorithm).into(),
                i64::from(line.generation.0).into(),
                password.into(),
            ]);
        }
        self.given_all(&LINES, &rows, "device, user or common area").await
    }

    /// Adds page groups whose numbers nobody has, with nobody in them, for a caller who has seen that there are not too many.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn add_groups(&mut self, groups: &[&PageGroup]) -> Result<(), StoreError> {
        let numbers: Vec<_> = groups
            .iter()
            .map(|group| vec![group.extension.as_str().into()])
            .collect();
        self.given(&NUMBERS, &numbers).await?;
        self.put_groups(groups).await?;
        self.change_directory().await
    }

    /// Puts page groups beside their numbers, with nobody in them.
    pub(crate) async fn put_groups(&mut self, groups: &[&PageGroup]) -> Result<(), StoreError> {
        let rows: Vec<Vec<Value>> = groups
            .iter()
            .map(|group| {
                vec![
                    group.id.as_str().into(),
                    group.name.as_str().into(),
                    group.extension.as_str().into(),
                    urgency_word(group.urgency).into(),
                    pagers_word(&group.pagers).into(),
                ]
            })
            .collect();
        self.given(&GROUPS, &rows).await?;
        Ok(())
    }

    /// Puts members in page groups that do not have them and have room.
    ///
    /// # Errors
    ///
    /// When the account has no such group or member, or the database fails.
    pub async fn add_group_members(
        &mut self,
        members: &[(&GroupId, &GroupMember)],
    ) -> Result<(), StoreError> {
        let touched = self.put_members(members).await?;
        check(touched, members.len(), "page group or member of one")?;
        self.change_directory().await
    }

    /// Names those who may page groups that name who may, and do not name them yet.
    ///
    /// # Errors
    ///
    /// When the account has no such group, user or common area, or the database fails.
    pub async fn add_group_pagers(&mut self, pagers: &[(&GroupId, &HolderId)]) -> Result<(), StoreError> {
        let touched = self.put_pagers(pagers).await?;
        check(touched, pagers.len(), "page group, user or common area")?;
        self.change_directory().await
    }

    /// Puts members in groups; says how many of them the account has.
    pub(crate) async fn put_members(
        &mut self,
        members: &[(&GroupId, &GroupMember)],
    ) -> Result<u64, StoreError> {
        let [mut holders, mut devices, mut sites] = [const { Vec::new() }; 3];
        for (group, member) in members {
            let group: Value = group.as_str().into();
            let on_device = |device: &DeviceId, port: u8| -> Vec<Value> {
                vec![group.clone(), device.as_str().into(), i64::from(port).into()]
            };
            match member {
                GroupMember::Holder(holder) => holders.push(vec![group, holder.as_str().into()]),
                GroupMember::Device(device) => devices.push(on_device(device, EVERY_PORT)),
                GroupMember::Slot(device, slot) if slot.kind() == SlotKind::Page => {
                    devices.push(on_device(device, slot.port()));
                }
                // Nobody is paged in another slot.
                GroupMember::Slot(..) => {}
                GroupMember::Site(site) => sites.push(vec![group, site.as_str().into()]),
            }
        }
        let touched = self.given(&MEMBER_HOLDERS, &holders).await?
            + self.given(&MEMBER_DEVICES, &devices).await?
            + self.given(&MEMBER_SITES, &sites).await?;
        Ok(touched)
    }

    /// Names those who may page groups; says how many of them the account has.
    pub(crate) async fn put_pagers(&mut self, pagers: &[(&GroupId, &HolderId)]) -> Result<u64, StoreError> {
        let rows: Vec<Vec<Value>> = pagers
            .iter()
            .map(|(group, holder)| vec![group.as_str().into(), holder.as_str().into()])
            .collect();
        self.given(&PAGERS, &rows).await
    }

    /// Puts the members and named pagers of a group in it that has none.
    pub(crate) async fn put_ends(&mut self, group: &PageGroup) -> Result<(), StoreError> {
        let members: Vec<_> = group.members.iter().map(|member| (&group.id, member)).collect();
        self.put_members(&members).await?;
        if let Pagers::Named(named) = &group.pagers {
            let pagers: Vec<_> = named.iter().map(|holder| (&group.id, holder)).collect();
            self.put_pagers(&pagers).await?;
        }
        Ok(())
    }
}

/// What can be changed of a user or common area, behind what it is found by.
fn changeable_of_holder(holder: &Holder) -> Vec<Value> {
    vec![
        holder.id.as_str().into(),
        holder.name.as_str().into(),
        holder.package.as_str().into(),
        holder.country.to_string().into(),
        holder.time_zone.as_str().into(),
        holder.site.as_ref().map(|site| site.as_str()).into(),
    ]
}

/// What can be changed of a device, behind what it is found by.
fn changeable_of_device(device: &Device) -> Vec<Value> {
    vec![
        device.id.as_str().into(),
        device.name.as_str().into(),
        device.description.as_str().into(),
        device.site.as_ref().map(|site| site.as_str()).into(),
    ]
}

fn check(touched: u64, given: usize, what: &'static str) -> Result<(), StoreError> {
    if usize::try_from(touched) == Ok(given) {
        Ok(())
    } else {
        Err(StoreError::Missing { what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_a_place_for_each_value_behind_the_account() {
        let statement = Statement {
            columns: &["a", "b"],
            sql: "SELECT 1",
        };
        assert_eq!(
            statement.for_rows(2, |sql, number| sql.push_str(&number.to_string())),
            "WITH scope (account) AS (VALUES (1)), given (a, b) AS (VALUES (2, 3), (4, 5)) SELECT 1"
        );
    }
}
