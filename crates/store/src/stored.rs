//! What is read back from a row. The database holds only what was checked when it went in, so a value that does not pass
//! its check again means a damaged or foreign database.

use std::str::FromStr;

use model::inventory::{Timestamp, TokenHash};

use crate::engine::{Kind, Row, Value};
use crate::transaction::StoreError;

/// Takes the columns of a row one after the other.
pub(crate) struct Columns {
    table: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl Columns {
    pub(crate) fn of(table: &'static str, row: Row) -> Self {
        Self {
            table,
            values: row.0.into_iter(),
        }
    }

    pub(crate) fn damaged(&self) -> StoreError {
        StoreError::Damaged { table: self.table }
    }

    fn value(&mut self) -> Value {
        self.values.next().unwrap_or(Value::Null(Kind::Text))
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        self.text_or_null()?.ok_or_else(|| self.damaged())
    }

    pub(crate) fn text_or_null(&mut self) -> Result<Option<String>, StoreError> {
        match self.value() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null(_) => Ok(None),
            Value::Integer(_) | Value::Octets(_) => Err(self.damaged()),
        }
    }

    pub(crate) fn integer(&mut self) -> Result<i64, StoreError> {
        self.integer_or_null()?.ok_or_else(|| self.damaged())
    }

    fn integer_or_null(&mut self) -> Result<Option<i64>, StoreError> {
        match self.value() {
            Value::Integer(number) => Ok(Some(number)),
            Value::Null(_) => Ok(None),
            Value::Text(_) | Value::Octets(_) => Err(self.damaged()),
        }
    }

    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        self.integer()?.try_into().map_err(|_| self.damaged())
    }

    pub(crate) fn number_or_null<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, StoreError> {
        let number = self.integer_or_null()?;
        number
            .map(|number| number.try_into().map_err(|_| self.damaged()))
            .transpose()
    }

    pub(crate) fn truth(&mut self) -> Result<bool, StoreError> {
        Ok(self.integer()? != 0)
    }

    pub(crate) fn octets(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.value() {
            Value::Octets(octets) => Ok(octets),
            Value::Null(_) | Value::Integer(_) | Value::Text(_) => Err(self.damaged()),
        }
    }

    pub(crate) fn octets_or_null(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.value() {
            Value::Octets(octets) => Ok(Some(octets)),
            Value::Null(_) => Ok(None),
            Value::Integer(_) | Value::Text(_) => Err(self.damaged()),
        }
    }

    pub(crate) fn hash(&mut self) -> Result<TokenHash, StoreError> {
        self.octets()?
            .try_into()
            .map(TokenHash)
            .map_err(|_| self.damaged())
    }

    pub(crate) fn moment(&mut self) -> Result<Timestamp, StoreError> {
        self.number().map(Timestamp)
    }

    pub(crate) fn moment_or_null(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let number = self.integer_or_null()?;
        number
            .map(|number| u64::try_from(number).map(Timestamp).map_err(|_| self.damaged()))
            .transpose()
    }

    pub(crate) fn parsed<T: FromStr>(&mut self) -> Result<T, StoreError> {
        self.text()?.parse().map_err(|_| self.damaged())
    }

    pub(crate) fn parsed_or_null<T: FromStr>(&mut self) -> Result<Option<T>, StoreError> {
        let text = self.text_or_null()?;
        text.map(|text| text.parse().map_err(|_| self.damaged()))
            .transpose()
    }

    /// Reads a text by a check of its own.
    pub(crate) fn checked<T, E>(
        &mut self,
        check: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        check(&self.text()?).map_err(|_| self.damaged())
    }

    /// Reads one of the words of an enumeration.
    pub(crate) fn word<T>(&mut self, from_stored: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        from_stored(&self.text()?).ok_or_else(|| self.damaged())
    }
}

/// A moment as it is stored. Moments past the year 292,000,000 are that year's.
pub(crate) fn moment(at: Timestamp) -> Value {
    Value::Integer(i64::try_from(at.0).unwrap_or(i64::MAX))
}

/// A moment that may not have come, as it is stored.
pub(crate) fn moment_or_null(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null(Kind::Integer), moment)
}

/// A hash as it is stored.
pub(crate) fn hash(hash: TokenHash) -> Value {
    Value::Octets(hash.0.to_vec())
}
