//! What stands in the slots of devices, with its credentials.

use std::time::SystemTime;

use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    Assignment, Device, EarlierPassword, FormerLine, Holder, HolderId, Line, LineId, LinePlace, Timestamp,
};
use model::{DeviceId, Extension, Secret};

use crate::engine::Row;
use crate::moment::timestamp;
use crate::seal::Sealer;
use crate::stored::{Columns, moment};
use crate::transaction::{Scope, StoreError};

const TABLE: &str = "line";
/// Extensions that were taken from a device, of each device: as many as it may have had in its slots at a time.
const FORMER_MAX: i64 = 72;
/// More than there can be past that.
const FORGOTTEN_MAX: i64 = 1_000;

impl Scope<'_, '_> {
    /// Puts a line in its place.
    ///
    /// # Errors
    ///
    /// When the place is taken, device or holder are not the account's, or the database fails.
    pub async fn add_line(&mut self, line: &Line) -> Result<(), StoreError> {
        self.put_lines(std::slice::from_ref(line)).await?;
        let sql = "DELETE FROM former_line WHERE sip_user = $1";
        self.transaction
            .execute(sql, &[line.user.as_str().into()])
            .await?;
        self.change_directory().await
    }

    /// Takes a line away, and remembers for a while that it was the device's; says whether it was there.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn remove_line(&mut self, id: &LineId) -> Result<bool, StoreError> {
        self.remove_line_at(id, timestamp(SystemTime::now())).await
    }

    /// Takes a line away as [`Scope::remove_line`] does, at a time.
    pub(crate) async fn remove_line_at(&mut self, id: &LineId, at: Timestamp) -> Result<bool, StoreError> {
        let values = [self.id(), id.as_str().into(), moment(at)];
        let sql = "INSERT INTO former_line (sip_user, device, kind, port, removed_at) \
                   SELECT sip_user, device, kind, port, $3 FROM line WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        let sql = "DELETE FROM former_line WHERE sip_user IN (SELECT one.sip_user FROM former_line AS one \
                   JOIN line ON line.device = one.device WHERE line.account = $1 AND line.id = $2 \
                   ORDER BY one.removed_at DESC, one.sip_user LIMIT $4 OFFSET $3)";
        let values = [
            self.id(),
            id.as_str().into(),
            FORMER_MAX.into(),
            FORGOTTEN_MAX.into(),
        ];
        self.transaction.execute(sql, &values).await?;
        let values = [self.id(), id.as_str().into()];
        let sql = "DELETE FROM line WHERE account = $1 AND id = $2";
        let was_there = self.transaction.execute(sql, &values).await? > 0;
        if was_there {
            self.change_directory().await?;
        }
        Ok(was_there)
    }

    /// Takes the line at a place of a device away as [`Scope::remove_line`] does; says whether there was one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn clear_place(&mut self, device: &DeviceId, place: LinePlace) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM line WHERE account = $1 AND device = $2 AND kind = $3 AND port = $4";
        let values = [
            self.id(),
            device.as_str().into(),
            place.kind().into(),
            i64::from(place.port()).into(),
        ];
        match self.transaction.row(sql, &values).await? {
            Some(row) => {
                let id = Columns::of(TABLE, row).parsed()?;
                self.remove_line(&id).await
            }
            None => Ok(false),
        }
    }

    /// Lists the extensions that were taken from a device of late, the last first.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn former_lines(&mut self, device: &DeviceId) -> Result<Vec<FormerLine>, StoreError> {
        let sql = "SELECT kind, port, sip_user, removed_at FROM former_line WHERE device = $2 \
                   AND device IN (SELECT id FROM device WHERE account = $1 AND id = $2) ORDER BY removed_at DESC, sip_user";
        let values = [self.id(), device.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("former_line", row);
                Ok(FormerLine {
                    place: place(&mut columns)?,
                    user: columns.parsed()?,
                    removed_at: columns.moment()?,
                })
            })
            .collect()
    }

    /// Lists every line of the account.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn lines(&mut self) -> Result<Vec<Line>, StoreError> {
        let sealed = self.sealed_lines().await?;
        self.open_lines(sealed)
    }

    /// Lists every line of the account; no password is opened for it.
    pub(crate) async fn sealed_lines(&mut self) -> Result<Vec<Line<Sealed>>, StoreError> {
        let sql = "SELECT id, device, kind, port, holder, sip_user, authorization_id, algorithm, generation, password \
                   FROM line WHERE account = $1 ORDER BY device, kind, port";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter().map(line).collect()
    }

    /// Lists the passwords that rotations have left good.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn earlier_passwords(&mut self) -> Result<Vec<EarlierPassword>, StoreError> {
        let sealed = self.sealed_earlier_passwords().await?;
        let sealer = self.transaction.sealer();
        sealed
            .into_iter()
            .map(|earlier| {
                Ok(EarlierPassword {
                    password: open(sealer, &earlier.password, &earlier.line)?,
                    line: earlier.line,
                    generation: earlier.generation,
                })
            })
            .collect()
    }

    /// Lists the passwords that rotations have left good; none is opened for it.
    pub(crate) async fn sealed_earlier_passwords(
        &mut self,
    ) -> Result<Vec<EarlierPassword<Sealed>>, StoreError> {
        let sql = "SELECT line, earlier_password.generation, earlier_password.password FROM earlier_password \
                   JOIN line ON line = id WHERE account = $1 ORDER BY line";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of("earlier_password", row);
                Ok(EarlierPassword {
                    line: columns.parsed()?,
                    generation: Generation(columns.number()?),
                    password: Sealed(columns.octets()?),
                })
            })
            .collect()
    }

    /// Lists the lines of a device that have an earlier password which is good; none is opened for it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn earlier_passwords_of_device(
        &mut self,
        device: &DeviceId,
    ) -> Result<Vec<LineId>, StoreError> {
        let sql =
            "SELECT line FROM earlier_password JOIN line ON line = id WHERE account = $1 AND device = $2";
        let values = [self.id(), device.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        rows.into_iter()
            .map(|row| Columns::of("earlier_password", row).parsed())
            .collect()
    }

    /// Lists the lines of a device, by kind and port.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn lines_of_device(&mut self, device: &DeviceId) -> Result<Vec<Line>, StoreError> {
        let sql = "SELECT id, device, kind, port, holder, sip_user, authorization_id, algorithm, generation, password \
                   FROM line WHERE account = $1 AND device = $2 ORDER BY kind, port";
        let values = [self.id(), device.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        self.read_lines(rows)
    }

    /// Lists the lines of a device as [`Scope::lines_of_device`] does, each with the user or common area it is for.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn held_lines_of_device(
        &mut self,
        device: &DeviceId,
    ) -> Result<Vec<(Line, Holder)>, StoreError> {
        let mut held = Vec::new();
        for line in self.lines_of_device(device).await? {
            let holder = self.holder(&line.holder).await?;
            held.push((line, holder.ok_or(StoreError::Damaged { table: TABLE })?));
        }
        Ok(held)
    }

    /// Lists what stands where on all devices of the account; no password is opened for it.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn assignments(&mut self) -> Result<Vec<Assignment>, StoreError> {
        let sql = "SELECT device, kind, port, holder, sip_user FROM line WHERE account = $1 ORDER BY device, kind, port";
        let id = self.id();
        let rows = self.transaction.rows(sql, &[id]).await?;
        rows.into_iter()
            .map(|row| {
                let mut columns = Columns::of(TABLE, row);
                Ok(Assignment {
                    device: columns.parsed()?,
                    place: place(&mut columns)?,
                    holder: columns.parsed()?,
                    user: columns.parsed()?,
                })
            })
            .collect()
    }

    /// Finds the device that registers under a name: the user name of one of its lines, or the authorization ID.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn device_of_name(&mut self, name: &str) -> Result<Option<Device>, StoreError> {
        let sql =
            "SELECT device FROM line WHERE account = $1 AND (sip_user = $2 OR authorization_id = $2) LIMIT 1";
        let values = [self.id(), name.into()];
        let Some(row) = self.transaction.row(sql, &values).await? else {
            return Ok(None);
        };
        let id = Columns::of(TABLE, row).parsed()?;
        self.device(&id).await
    }

    /// Finds where the extension of a user or common area stands; the first place where there are several, which are of one kind.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn place_of_extension(
        &mut self,
        extension: &Extension,
    ) -> Result<Option<LinePlace>, StoreError> {
        let sql = "SELECT line.kind, port FROM line JOIN holder ON holder = holder.id WHERE line.account = $1 \
                   AND extension = $2 ORDER BY line.kind, port LIMIT 1";
        let values = [self.id(), extension.as_str().into()];
        let row = self.transaction.row(sql, &values).await?;
        row.map(|row| place(&mut Columns::of(TABLE, row))).transpose()
    }

    /// Lists the lines that a user or common area has on any device.
    ///
    /// # Errors
    ///
    /// When the database fails, or a password cannot be opened.
    pub async fn lines_of_holder(&mut self, holder: &HolderId) -> Result<Vec<Line>, StoreError> {
        let sql = "SELECT id, device, kind, port, holder, sip_user, authorization_id, algorithm, generation, password \
                   FROM line WHERE account = $1 AND holder = $2 ORDER BY device, kind, port";
        let values = [self.id(), holder.as_str().into()];
        let rows = self.transaction.rows(sql, &values).await?;
        self.read_lines(rows)
    }

    fn read_lines(&self, rows: Vec<Row>) -> Result<Vec<Line>, StoreError> {
        let sealed = rows.into_iter().map(line).collect::<Result<_, _>>()?;
        self.open_lines(sealed)
    }

    fn open_lines(&self, sealed: Vec<Line<Sealed>>) -> Result<Vec<Line>, StoreError> {
        let sealer = self.transaction.sealer();
        let opened = |line: Line<Sealed>| {
            let password = open(sealer, &line.password, &line.id)?;
            Ok(with_password(line, password))
        };
        sealed.into_iter().map(opened).collect()
    }
}

/// A password as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed(pub(crate) Vec<u8>);

/// The line with something else in place of its password.
pub(crate) fn with_password<P, Q>(line: Line<P>, password: Q) -> Line<Q> {
    Line {
        id: line.id,
        device: line.device,
        place: line.place,
        holder: line.holder,
        user: line.user,
        authorization_id: line.authorization_id,
        algorithm: line.algorithm,
        generation: line.generation,
        password,
    }
}

fn line(row: Row) -> Result<Line<Sealed>, StoreError> {
    let mut columns = Columns::of(TABLE, row);
    Ok(Line {
        id: columns.parsed()?,
        device: columns.parsed()?,
        place: place(&mut columns)?,
        holder: columns.parsed()?,
        user: columns.parsed()?,
        authorization_id: columns.parsed()?,
        algorithm: columns.word(algorithm_of)?,
        generation: Generation(columns.number()?),
        password: Sealed(columns.octets()?),
    })
}

/// Reads kind and port.
pub(crate) fn place(columns: &mut Columns) -> Result<LinePlace, StoreError> {
    let kind = columns.text()?;
    let port = columns.number()?;
    LinePlace::from_stored(&kind, port).ok_or_else(|| columns.damaged())
}

/// Opens the password of a line.
pub(crate) fn open(sealer: &Sealer, sealed: &Sealed, id: &LineId) -> Result<Secret, StoreError> {
    sealer
        .open_sealed(&sealed.0, id.as_str())
        .ok_or(StoreError::WrongKey)
}

pub(crate) fn word_of(algorithm: DigestAlgorithm) -> &'static str {
    match algorithm {
        DigestAlgorithm::Md5 => "md5",
        DigestAlgorithm::Sha256 => "sha-256",
    }
}

fn algorithm_of(word: &str) -> Option<DigestAlgorithm> {
    [DigestAlgorithm::Md5, DigestAlgorithm::Sha256]
        .into_iter()
        .find(|algorithm| word_of(*algorithm) == word)
}
