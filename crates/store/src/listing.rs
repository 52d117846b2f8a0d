//! Lists that are read page by page. A page begins behind the last row of the one before, by that row's place in the order, so
//! rows that come or go meanwhile shift none of the others.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::inventory::{
    Assignment, Device, DeviceType, DisplayName, Holder, HolderId, HolderKind, LinePlace, SiteId, TemplateId,
};
use model::{DeviceId, Extension};

use crate::devices::device_columns;
use crate::engine::{Row, Value};
use crate::holders::holder_columns;
use crate::stored::Columns;
use crate::transaction::{Scope, StoreError};

/// Rows of a page at most.
pub const LIST_ROWS_MAX: u32 = 300;
/// Longest text that is searched for, in characters, as long as a name can be; what is longer is found nowhere.
pub const SEARCH_TEXT_MAX: usize = 255;
/// Digits of a hardware address that are searched for, at least: fewer are in too many.
const MAC_DIGITS_MIN: usize = 4;
/// Octets of a place in a list as it is written, at most: what any name takes.
const LIST_KEY_LENGTH_MAX: usize = 1_500;
/// Marks characters of a pattern that stand for themselves.
const ESCAPE: char = '!';
/// A pattern that nothing matches, because no column that is searched is empty.
const NOTHING: &str = "";

/// A place in the order of a list, as text that fits a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListKey {
    pub(crate) sorted_by: String,
    pub(crate) id: String,
}

/// A text that is no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a list; begin with the first page")]
pub struct NoListKey;

impl ListKey {
    /// The place of a row, by what the list is sorted by and the row's id.
    pub(crate) fn new(sorted_by: &str, id: &str) -> Self {
        Self {
            sorted_by: sorted_by.to_owned(),
            id: id.to_owned(),
        }
    }

    /// What stands at the place, of that by which the list is sorted.
    pub(crate) fn sorted_by(&self) -> &str {
        &self.sorted_by
    }

    /// The place before the first row.
    pub(crate) fn start() -> Self {
        Self {
            sorted_by: String::new(),
            id: String::new(),
        }
    }
}

impl fmt::Display for ListKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No id has a slash.
        formatter.write_str(&URL_SAFE_NO_PAD.encode(format!("{}/{}", self.id, self.sorted_by)))
    }
}

impl FromStr for ListKey {
    type Err = NoListKey;

    fn from_str(text: &str) -> Result<Self, NoListKey> {
        if text.len() > LIST_KEY_LENGTH_MAX {
            return Err(NoListKey);
        }
        let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoListKey)?;
        let text = String::from_utf8(octets).map_err(|_| NoListKey)?;
        let (id, sorted_by) = text.split_once('/').ok_or(NoListKey)?;
        // A database keeps no such character in a text, and may refuse to compare one.
        if text.contains('\0') {
            return Err(NoListKey);
        }
        Ok(Self {
            sorted_by: sorted_by.to_owned(),
            id: id.to_owned(),
        })
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Its rows, in the order of the list.
    pub rows: Vec<T>,
    /// Where the next page begins; none where this is the last.
    pub next: Option<ListKey>,
}

/// What a list of devices is narrowed to; by default to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Devices whose name has this text in it, or whose hardware address has, given at least four digits in any spelling; or with an
    /// extension that begins with it.
    pub text: String,
    /// Only those with a line, or only those without.
    pub is_assigned: Option<bool>,
    /// Only those of a type.
    pub kind: Option<DeviceType>,
    /// Only those with a line of a user, or only those with one of a common area.
    pub assignee: Option<HolderKind>,
    /// Only those at a site, or with a line of somebody there.
    pub site: Option<SiteId>,
}

/// What a list of users and common areas is narrowed to; by default to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderFilter {
    /// Those whose name has this text in it, or whose extension begins with it.
    pub text: String,
    /// Only users, or only common areas.
    pub kind: Option<HolderKind>,
    /// Only those at a site.
    pub site: Option<SiteId>,
    /// Only those of a department; of any where it is empty.
    pub department: String,
    /// Only those that a cost centre pays for; of any where it is empty.
    pub cost_center: String,
}

/// A device with what stands in its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// The device.
    pub device: Device,
    /// Its lines by kind and port, each with the name and extension of the user or common area it is for.
    pub lines: Vec<(Assignment, DisplayName, Extension)>,
    /// The template it has.
    pub template: Option<TemplateId>,
    /// Those users and common areas.
    pub holders: BTreeMap<HolderId, Holder>,
}

/// A user or common area with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedHolder {
    /// The user or common area.
    pub holder: Holder,
    /// Its lines by device, kind and port, each with the name of the device.
    pub lines: Vec<(Assignment, DisplayName)>,
    /// Those devices.
    pub devices: BTreeMap<DeviceId, Device>,
}

/// What a device passes the filter by; narrowed with what is cheapest first.
macro_rules! devices_where {
    () => {
        "account = $1 AND (LOWER(name) LIKE $2 ESCAPE '!' OR mac LIKE $3 OR device.id IN \
         (SELECT line.device FROM holder JOIN line ON line.holder = holder.id \
         WHERE holder.account = $1 AND $4 <> '' AND holder.extension LIKE $4)) \
         AND ($5 = -1 OR $5 = CASE WHEN EXISTS (SELECT 1 FROM line WHERE line.device = device.id) THEN 1 ELSE 0 END) \
         AND ($6 = '' OR kind = $6) \
         AND ($7 = '' OR EXISTS (SELECT 1 FROM line JOIN holder ON holder.id = line.holder \
         WHERE line.device = device.id AND holder.kind = $7)) \
         AND ($8 = '' OR device.site = $8 OR EXISTS (SELECT 1 FROM line JOIN holder ON holder.id = line.holder \
         WHERE line.device = device.id AND holder.site = $8))"
    };
}

/// What a user or common area passes the filter by.
macro_rules! holders_where {
    () => {
        "account = $1 AND (LOWER(name) LIKE $2 ESCAPE '!' OR extension LIKE $3) AND ($4 = '' OR kind = $4) \
         AND ($5 = '' OR site = $5) \
         AND ($6 = '' OR EXISTS (SELECT 1 FROM holder_profile AS p WHERE p.holder = holder.id AND p.department = $6)) \
         AND ($7 = '' OR EXISTS (SELECT 1 FROM holder_profile AS p WHERE p.holder = holder.id AND p.cost_center = $7))"
    };
}

impl DeviceFilter {
    /// What stands at the places of the filter.
    fn values(&self, account: Value) -> Vec<Value> {
        let search = Search::of(&self.text);
        vec![
            account,
            search.name.into(),
            search.mac.into(),
            search.number.into(),
            self.is_assigned.map_or(-1, i64::from).into(),
            self.kind.map_or("", DeviceType::as_str).into(),
            self.assignee.map_or("", HolderKind::as_str).into(),
            self.site.as_ref().map_or("", SiteId::as_str).into(),
        ]
    }
}

impl HolderFilter {
    /// What stands at the places of the filter.
    fn values(&self, account: Value) -> Vec<Value> {
        let search = Search::of(&self.text);
        vec![
            account,
            search.name.into(),
            search.number.into(),
            self.kind.map_or("", HolderKind::as_str).into(),
            self.site.as_ref().map_or("", SiteId::as_str).into(),
            self.department.replace('\0', " ").into(),
            self.cost_center.replace('\0', " ").into(),
        ]
    }
}

impl Scope<'_, '_> {
    /// Counts the devices that a list has on all its pages.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_devices(&mut self, filter: &DeviceFilter) -> Result<u64, StoreError> {
        let values = filter.values(self.id());
        self.count(
            concat!("SELECT COUNT(*) FROM device WHERE ", devices_where!()),
            &values,
        )
        .await
    }

    /// Counts the users and common areas that a list has on all its pages.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn count_holders(&mut self, filter: &HolderFilter) -> Result<u64, StoreError> {
        let values = filter.values(self.id());
        self.count(
            concat!("SELECT COUNT(*) FROM holder WHERE ", holders_where!()),
            &values,
        )
        .await
    }

    pub(crate) async fn count(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        let row = self.transaction.row(sql, values).await?;
        row.map_or(Ok(0), |row| Columns::of("count", row).number())
    }

    /// Lists devices by name, with no difference between capital and small letters of ASCII: at most `limit`, which is taken to lie
    /// between 1 and [`LIST_ROWS_MAX`], from behind the place `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_devices(
        &mut self,
        filter: &DeviceFilter,
        after: Option<&ListKey>,
        limit: u32,
    ) -> Result<Listed<ListedDevice>, StoreError> {
        let after = after.cloned().unwrap_or_else(ListKey::start);
        let limit = limit.clamp(1, LIST_ROWS_MAX);
        let mut values = filter.values(self.id());
        values.extend([after.sorted_by.into(), after.id.into(), one_more(limit)]);
        // The place is said twice because SQLite looks up a first column in an index over expressions, and no pair.
        let sql = concat!(
            "SELECT template, d.id, d.name, description, mac, d.kind, model, firmware, d.site, added_at, \
             line.kind, line.port, sip_user, holder.id, holder.kind, holder.name, holder.extension, package, country, \
             time_zone, holder.site FROM \
             (SELECT * FROM device WHERE LOWER(name) >= $9 AND (LOWER(name), id) > ($9, $10) AND ",
            devices_where!(),
            " ORDER BY LOWER(name), id LIMIT $11) AS d \
             LEFT JOIN line ON line.device = d.id LEFT JOIN holder ON holder.id = line.holder \
             LEFT JOIN device_template ON device_template.device = d.id \
             ORDER BY LOWER(d.name), d.id, line.kind, line.port"
        );
        let mut rows: Vec<ListedDevice> = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let (template, device, assigned) = device_row(row)?;
            if rows.last().is_none_or(|last| last.device.id != device.id) {
                rows.push(ListedDevice {
                    device,
                    template,
                    lines: Vec::new(),
                    holders: BTreeMap::new(),
                });
            }
            if let (Some(last), Some((assignment, holder))) = (rows.last_mut(), assigned) {
                let (name, extension) = (holder.name.clone(), holder.extension.clone());
                last.lines.push((assignment, name, extension));
                last.holders.insert(holder.id.clone(), holder);
            }
        }
        Ok(page(rows, limit, |last| ListKey {
            sorted_by: last.device.name.as_str().to_ascii_lowercase(),
            id: last.device.id.as_str().to_owned(),
        }))
    }

    /// Lists users and common areas by number: at most `limit`, which is taken to lie between 1 and [`LIST_ROWS_MAX`], from behind the
    /// place `after`.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn list_holders(
        &mut self,
        filter: &HolderFilter,
        after: Option<&ListKey>,
        limit: u32,
    ) -> Result<Listed<ListedHolder>, StoreError> {
        let after = after.cloned().unwrap_or_else(ListKey::start);
        let limit = limit.clamp(1, LIST_ROWS_MAX);
        let mut values = filter.values(self.id());
        values.extend([after.sorted_by.into(), one_more(limit)]);
        let sql = concat!(
            "SELECT h.id, h.kind, h.name, h.extension, package, country, time_zone, h.site, \
             line.kind, line.port, sip_user, device.id, device.name, description, mac, device.kind, model, firmware, \
             device.site, added_at FROM \
             (SELECT * FROM holder WHERE LENGTH(extension) >= LENGTH($8) \
             AND (LENGTH(extension), extension) > (LENGTH($8), $8) AND ",
            holders_where!(),
            " ORDER BY LENGTH(extension), extension LIMIT $9) AS h \
             LEFT JOIN line ON line.holder = h.id LEFT JOIN device ON device.id = line.device \
             ORDER BY LENGTH(h.extension), h.extension, line.device, line.kind, line.port"
        );
        let mut rows: Vec<ListedHolder> = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let (holder, assigned) = holder_row(row)?;
            if rows.last().is_none_or(|last| last.holder.id != holder.id) {
                rows.push(ListedHolder {
                    holder,
                    lines: Vec::new(),
                    devices: BTreeMap::new(),
                });
            }
            if let (Some(last), Some((assignment, device))) = (rows.last_mut(), assigned) {
                last.lines.push((assignment, device.name.clone()));
                last.devices.insert(device.id.clone(), device);
            }
        }
        Ok(page(rows, limit, |last| ListKey {
            sorted_by: last.holder.extension.as_str().to_owned(),
            id: last.holder.id.as_str().to_owned(),
        }))
    }
}

/// What a text is compared with, as patterns.
pub(crate) struct Search {
    pub(crate) name: String,
    mac: String,
    pub(crate) number: String,
}

impl Search {
    pub(crate) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self {
                name: "%".to_owned(),
                mac: NOTHING.to_owned(),
                number: NOTHING.to_owned(),
            };
        }
        if text.chars().count() > SEARCH_TEXT_MAX || text.contains('\0') {
            let nothing = || NOTHING.to_owned();
            return Self {
                name: nothing(),
                mac: nothing(),
                number: nothing(),
            };
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*');
        Self {
            name: format!("%{}%", escaped(&text.to_ascii_lowercase())),
            mac: mac_digits(text).map_or_else(|| NOTHING.to_owned(), |digits| format!("%{digits}%")),
            number: if is_number {
                format!("{text}%")
            } else {
                NOTHING.to_owned()
            },
        }
    }
}

/// The digits of a hardware address or a part of one, as addresses are stored.
fn mac_digits(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|character| !matches!(character, ':' | '-' | '.' | ' '))
        .map(|character| character.to_ascii_uppercase())
        .collect();
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hexadecimal && digits.len() >= MAC_DIGITS_MIN).then_some(digits)
}

pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | ESCAPE) {
            escaped.push(ESCAPE);
        }
        escaped.push(character);
    }
    escaped
}

/// One row more than are wanted says whether there is a next page.
pub(crate) fn one_more(limit: u32) -> Value {
    i64::from(limit).saturating_add(1).into()
}

pub(crate) fn page<T>(mut rows: Vec<T>, limit: u32, place: impl FnOnce(&T) -> ListKey) -> Listed<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(place);
    Listed { rows, next }
}

type DeviceRow = (Option<TemplateId>, Device, Option<(Assignment, Holder)>);

fn device_row(row: Row) -> Result<DeviceRow, StoreError> {
    let mut columns = Columns::of("device", row);
    let template = columns.parsed_or_null()?;
    let device = device_columns(&mut columns)?;
    let Some(place) = place_or_null(&mut columns)? else {
        return Ok((template, device, None));
    };
    let user = columns.parsed()?;
    let holder = holder_columns(&mut columns)?;
    let assignment = Assignment {
        device: device.id.clone(),
        place,
        holder: holder.id.clone(),
        user,
    };
    Ok((template, device, Some((assignment, holder))))
}

fn holder_row(row: Row) -> Result<(Holder, Option<(Assignment, Device)>), StoreError> {
    let mut columns = Columns::of("holder", row);
    let holder = holder_columns(&mut columns)?;
    let Some(place) = place_or_null(&mut columns)? else {
        return Ok((holder, None));
    };
    let user = columns.parsed()?;
    let device = device_columns(&mut columns)?;
    let assignment = Assignment {
        device: device.id.clone(),
        place,
        holder: holder.id.clone(),
        user,
    };
    Ok((holder, Some((assignment, device))))
}

fn place_or_null(columns: &mut Columns) -> Result<Option<LinePlace>, StoreError> {
    let Some(kind) = columns.text_or_null()? else {
        return Ok(None);
    };
    let port = columns.number()?;
    LinePlace::from_stored(&kind, port)
        .map(Some)
        .ok_or_else(|| columns.damaged())
}
