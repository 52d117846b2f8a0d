//! Lists that are read page by page. A page begins behind the last row of the one before, by that row's place in the order, so
//! rows that come or go meanwhile shift none of the others.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Extension;
use model::inventory::{Assignment, Device, DisplayName, Holder, HolderKind, LinePlace};

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
    sorted_by: String,
    id: String,
}

/// A text that is no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a list; begin with the first page")]
pub struct NoListKey;

impl ListKey {
    /// The place before the first row.
    fn start() -> Self {
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
}

/// What a list of users and common areas is narrowed to; by default to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderFilter {
    /// Those whose name has this text in it, or whose extension begins with it.
    pub text: String,
    /// Only users, or only common areas.
    pub kind: Option<HolderKind>,
}

/// A device with what stands in its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// The device.
    pub device: Device,
    /// Its lines by kind and port, each with the name and extension of the user or common area it is for.
    pub lines: Vec<(Assignment, DisplayName, Extension)>,
}

/// A user or common area with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedHolder {
    /// The user or common area.
    pub holder: Holder,
    /// Its lines by device, kind and port, each with the name of the device.
    pub lines: Vec<(Assignment, DisplayName)>,
}

impl Scope<'_, '_> {
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
        let search = Search::of(&filter.text);
        let values = [
            self.id(),
            after.sorted_by.into(),
            after.id.into(),
            search.name.into(),
            search.mac.into(),
            search.number.into(),
            filter.is_assigned.map_or(-1, i64::from).into(),
            one_more(limit),
        ];
        // The place is said twice because SQLite looks up a first column in an index over expressions, and no pair. Then the search
        // is narrowed with what is cheapest first.
        let sql = "SELECT d.id, d.name, description, mac, d.kind, model, firmware, d.site, added_at, \
                   line.kind, line.port, holder.id, sip_user, holder.name, holder.extension FROM \
                   (SELECT * FROM device WHERE account = $1 AND LOWER(name) >= $2 AND (LOWER(name), id) > ($2, $3) \
                   AND (LOWER(name) LIKE $4 ESCAPE '!' OR mac LIKE $5 OR ($6 <> '' AND EXISTS \
                   (SELECT 1 FROM line JOIN holder ON holder.id = line.holder \
                   WHERE line.device = device.id AND holder.extension LIKE $6))) \
                   AND ($7 = -1 OR $7 = CASE WHEN EXISTS (SELECT 1 FROM line WHERE line.device = device.id) THEN 1 ELSE 0 END) \
                   ORDER BY LOWER(name), id LIMIT $8) AS d \
                   LEFT JOIN line ON line.device = d.id LEFT JOIN holder ON holder.id = line.holder \
                   ORDER BY LOWER(d.name), d.id, line.kind, line.port";
        let mut rows: Vec<ListedDevice> = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let (device, assigned) = device_row(row)?;
            match rows.last_mut().filter(|last| last.device.id == device.id) {
                Some(last) => last.lines.extend(assigned),
                None => rows.push(ListedDevice {
                    device,
                    lines: assigned.into_iter().collect(),
                }),
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
        let search = Search::of(&filter.text);
        let values = [
            self.id(),
            after.sorted_by.into(),
            search.name.into(),
            search.number.into(),
            filter.kind.map_or("", HolderKind::as_str).into(),
            one_more(limit),
        ];
        let sql = "SELECT h.id, h.kind, h.name, h.extension, package, country, time_zone, h.site, \
                   line.device, line.kind, line.port, sip_user, device.name FROM \
                   (SELECT * FROM holder WHERE account = $1 AND LENGTH(extension) >= LENGTH($2) \
                   AND (LENGTH(extension), extension) > (LENGTH($2), $2) \
                   AND (LOWER(name) LIKE $3 ESCAPE '!' OR extension LIKE $4) AND ($5 = '' OR kind = $5) \
                   ORDER BY LENGTH(extension), extension LIMIT $6) AS h \
                   LEFT JOIN line ON line.holder = h.id LEFT JOIN device ON device.id = line.device \
                   ORDER BY LENGTH(h.extension), h.extension, line.device, line.kind, line.port";
        let mut rows: Vec<ListedHolder> = Vec::new();
        for row in self.transaction.rows(sql, &values).await? {
            let (holder, assigned) = holder_row(row)?;
            match rows.last_mut().filter(|last| last.holder.id == holder.id) {
                Some(last) => last.lines.extend(assigned),
                None => rows.push(ListedHolder {
                    holder,
                    lines: assigned.into_iter().collect(),
                }),
            }
        }
        Ok(page(rows, limit, |last| ListKey {
            sorted_by: last.holder.extension.as_str().to_owned(),
            id: last.holder.id.as_str().to_owned(),
        }))
    }
}

/// What a text is compared with, as patterns.
struct Search {
    name: String,
    mac: String,
    number: String,
}

impl Search {
    fn of(text: &str) -> Self {
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
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
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

fn escaped(text: &str) -> String {
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
fn one_more(limit: u32) -> Value {
    i64::from(limit).saturating_add(1).into()
}

fn page<T>(mut rows: Vec<T>, limit: u32, place: impl FnOnce(&T) -> ListKey) -> Listed<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(place);
    Listed { rows, next }
}

type AssignedTo = (Assignment, DisplayName, Extension);

fn device_row(row: Row) -> Result<(Device, Option<AssignedTo>), StoreError> {
    let mut columns = Columns::of("device", row);
    let device = device_columns(&mut columns)?;
    let Some(place) = place_or_null(&mut columns)? else {
        return Ok((device, None));
    };
    let assignment = Assignment {
        device: device.id.clone(),
        place,
        holder: columns.parsed()?,
        user: columns.parsed()?,
    };
    let name = columns.checked(DisplayName::new)?;
    Ok((device, Some((assignment, name, columns.parsed()?))))
}

fn holder_row(row: Row) -> Result<(Holder, Option<(Assignment, DisplayName)>), StoreError> {
    let mut columns = Columns::of("holder", row);
    let holder = holder_columns(&mut columns)?;
    let Some(device) = columns.parsed_or_null()? else {
        return Ok((holder, None));
    };
    let place = place_or_null(&mut columns)?.ok_or_else(|| columns.damaged())?;
    let assignment = Assignment {
        device,
        place,
        holder: holder.id.clone(),
        user: columns.parsed()?,
    };
    Ok((holder, Some((assignment, columns.checked(DisplayName::new)?))))
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
