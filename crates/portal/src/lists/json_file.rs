//! A list as JSON: an object with a group of rows for each kind, whose fields have the names of the columns.

use std::borrow::Cow;
use std::fmt;

use model::inventory::import::{Cell, Column, Faults, RecordKind, Row, named};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Reading, Record, line_after};

/// The fields of an object, each as it stands in the file, also those that stand there twice.
struct Fields<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push((Cow::Owned(name), value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Finds the lines of values, which are asked for in the order of the file.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, value: &RawValue) -> u64 {
        // Both are parts of one text, and what is no part of it would only be told with another line.
        let start = value
            .get()
            .as_ptr()
            .addr()
            .saturating_sub(self.text.as_ptr().addr());
        let between = self.text.as_bytes().get(self.at..start).unwrap_or_default();
        self.line += line_after(between) - 1;
        self.at = self.at.max(start);
        self.line
    }
}

/// The line and the character of what is no JSON: the parser takes line feeds alone for ends of lines, and counts octets.
fn place_of(text: &str, error: &serde_json::Error) -> (u64, usize) {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let end = if error.is_eof() {
        text.len()
    } else {
        lines.map(str::len).sum::<usize>() + error.column().saturating_sub(1)
    };
    let before = text.as_bytes().get(..end).unwrap_or(text.as_bytes());
    let in_line = before.rsplit(|octet| matches!(octet, b'\r' | b'\n')).next();
    let characters = String::from_utf8_lossy(in_line.unwrap_or_default())
        .chars()
        .count();
    (line_after(before), characters.saturating_add(1))
}

pub(super) fn read(text: &str) -> Result<Vec<Row>, Faults> {
    let mut reading = Reading::default();
    let groups: Fields<'_> = match serde_json::from_str(text) {
        Ok(groups) => groups,
        Err(error) => {
            let (line, character) = place_of(text, &error);
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            let column = format!("character {character}");
            reading
                .faults
                .add(line, column, format!("this is no JSON: {why}"));
            return Err(reading.faults);
        }
    };
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut known: Vec<RecordKind> = Vec::new();
    for (name, value) in groups.0 {
        let line = lines.of(value);
        match named(&name, &RecordKind::ALL, RecordKind::group) {
            Ok(kind) if known.contains(&kind) => {
                reading
                    .faults
                    .add(line, kind.group(), "stands there twice; make one list of both");
            }
            Ok(kind) => {
                known.push(kind);
                if !group(&mut reading, &mut lines, kind, value) {
                    break;
                }
            }
            Err(why) => reading.faults.add(line, "group", why),
        }
    }
    reading.end()
}

/// Reads a group of rows; says whether more may follow.
fn group<'t>(reading: &mut Reading, lines: &mut Lines<'t>, kind: RecordKind, value: &'t RawValue) -> bool {
    let line = lines.of(value);
    let Ok(rows) = serde_json::from_str::<Vec<&'t RawValue>>(value.get()) else {
        reading
            .faults
            .add(line, kind.group(), "write a list in brackets: [ … ]");
        return true;
    };
    for value in rows {
        let line = lines.of(value);
        let Ok(Fields(fields)) = serde_json::from_str::<Fields<'t>>(value.get()) else {
            let why = format!("write each of {} as an object: {{ … }}", kind.group());
            reading.faults.add(line, kind.group(), why);
            continue;
        };
        let mut row = Row {
            line,
            kind,
            cells: Vec::with_capacity(fields.len()),
        };
        for (name, value) in fields {
            let line = lines.of(value);
            let cell = cell(reading, &row, (&name, line), value);
            row.cells.extend(cell);
        }
        if !reading.add(row) {
            return false;
        }
    }
    true
}

fn cell(reading: &mut Reading, row: &Row, (name, line): (&str, u64), value: &RawValue) -> Option<Cell> {
    let column = match named(name, row.kind.columns(), Column::as_str) {
        Ok(column) => column,
        Err(why) => {
            reading.faults.add(line, "field", why);
            return None;
        }
    };
    if row.cell(column).is_some() {
        reading
            .faults
            .add(line, column.as_str(), "stands there twice; take one away");
        return None;
    }
    let text = match serde_json::from_str(value.get()) {
        Ok(serde_json::Value::Null) => return None,
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Number(number)) => number.to_string(),
        Ok(serde_json::Value::Bool(_) | serde_json::Value::Array(_) | serde_json::Value::Object(_))
        | Err(_) => {
            reading
                .faults
                .add(line, column.as_str(), "write a text in quotes");
            return None;
        }
    };
    reading.cell(row.kind, column, line, &text)
}

/// Writes a list, part by part.
pub(crate) struct JsonWriter {
    group: Option<RecordKind>,
}

impl JsonWriter {
    /// What stands before the rows.
    pub(crate) fn begin() -> (Self, Vec<u8>) {
        (Self { group: None }, b"{".to_vec())
    }

    /// Some rows; those of one kind follow each other.
    pub(crate) fn rows(&mut self, records: &[Record]) -> Vec<u8> {
        let mut text = String::new();
        for (kind, cells) in records {
            if self.group == Some(*kind) {
                text.push(',');
            } else {
                text.push_str(if self.group.is_some() { "\n],\n" } else { "\n" });
                text.push_str(&format!("\"{}\": [", kind.group()));
                self.group = Some(*kind);
            }
            let fields: Vec<String> = cells
                .iter()
                .map(|(column, cell)| written(*column, cell))
                .collect();
            text.push_str(&format!("\n  {{{}}}", fields.join(", ")));
        }
        text.into_bytes()
    }

    /// What stands behind them.
    pub(crate) fn end(self) -> Vec<u8> {
        let end = if self.group.is_some() { "\n]\n}\n" } else { "}\n" };
        end.as_bytes().to_vec()
    }
}

/// A field as it is written; a port is a number.
fn written(column: Column, cell: &str) -> String {
    let value = match (column, cell.parse::<u8>()) {
        (Column::Port, Ok(port)) => port.into(),
        _ => serde_json::Value::from(cell),
    };
    format!("\"{}\": {value}", column.as_str())
}
