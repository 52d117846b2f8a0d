//! A list as CSV: the first line names the columns, and each row says in the column `record` what it is about.

use csv::{ReaderBuilder, StringRecord, Trim, Writer, WriterBuilder};
use model::inventory::import::{Column, Faults, RecordKind, Row, named};

use super::{Breaks, Reading, Record};

/// The column that says what a row is about.
const RECORD: &str = "record";
/// What separates cells: a comma, or what spreadsheets write where a comma stands in numbers.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Columns of a file at most: those there are, and what says of what.
const COLUMNS_MAX: usize = Column::ALL.len() + 1;

/// What a column of the file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heading {
    Record,
    Says(Column),
}

pub(super) fn read(text: &str) -> Result<Vec<Row>, Faults> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut reading = Reading::default();
    let mut lines = Lines::of(text);
    let mut headings: Option<Vec<Heading>> = None;
    let mut record = StringRecord::new();
    loop {
        let start = reader.position().byte();
        // What is read is text in memory, whose rows may have any length: nothing is left to fail.
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
        let line = lines.at(start);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let Some(headings) = &headings else {
            headings = Some(headings_of(&mut reading, line, &record));
            if !reading.faults.is_empty() {
                return Err(reading.faults);
            }
            continue;
        };
        let Some(row) = row(&mut reading, line, headings, &record) else {
            continue;
        };
        if !reading.add(row) {
            break;
        }
    }
    if headings.is_none() {
        let why = format!(
            "the file is empty; its first line names the columns: {}",
            all_columns()
        );
        reading.faults.add(1, RECORD, why);
    }
    reading.end()
}

/// What separates the cells of the first line.
fn separator(text: &str) -> u8 {
    let first = text
        .split(['\n', '\r'])
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |separator: &u8| first.bytes().filter(|octet| octet == separator).count();
    let most = SEPARATORS.iter().rev().max_by_key(|separator| count(separator));
    most.copied().unwrap_or(b',')
}

/// Finds lines of octets that are asked for one after the other.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
    breaks: Breaks,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: 1,
            breaks: Breaks::default(),
        }
    }

    /// The line of a row that begins at an octet, or behind the empty lines there.
    fn at(&mut self, octet: u64) -> u64 {
        let start = usize::try_from(octet).unwrap_or(usize::MAX);
        let rest = self.text.get(self.at..).unwrap_or_default();
        for octet in rest {
            let is_break = matches!(octet, b'\n' | b'\r');
            if self.at >= start && !is_break {
                break;
            }
            self.at += 1;
            self.line += self.breaks.count(*octet);
        }
        self.line
    }
}

fn all_columns() -> String {
    let names = Column::ALL.map(Column::as_str);
    format!("{RECORD}, {}", names.join(", "))
}

fn headings_of(reading: &mut Reading, line: u64, record: &StringRecord) -> Vec<Heading> {
    let all: Vec<Option<Column>> = std::iter::once(None)
        .chain(Column::ALL.into_iter().map(Some))
        .collect();
    let mut headings = Vec::new();
    for (cell, at) in record.iter().zip(1_usize..) {
        let word = cell.to_ascii_lowercase().replace(' ', "_");
        let found = named(&word, &all, |column| column.map_or(RECORD, Column::as_str));
        let heading = match found {
            Ok(column) => column.map_or(Heading::Record, Heading::Says),
            Err(why) => {
                reading.faults.add(line, format!("column {at}"), why);
                continue;
            }
        };
        if headings.contains(&heading) {
            let why = "stands there twice; take one away";
            reading.faults.add(line, word, why);
        }
        headings.push(heading);
        if at > COLUMNS_MAX {
            break;
        }
    }
    if !headings.contains(&Heading::Record) {
        let kinds = RecordKind::ALL.map(RecordKind::as_str).join(", ");
        let why = format!("the first line needs this column; it says of each row what it is: {kinds}");
        reading.faults.add(line, RECORD, why);
    }
    headings
}

fn row(reading: &mut Reading, line: u64, headings: &[Heading], record: &StringRecord) -> Option<Row> {
    if record.len() != headings.len() {
        let why = format!(
            "the row has {} cells and the first line {}; put texts with commas in quotes, and write every comma",
            record.len(),
            headings.len()
        );
        reading.faults.add(line, "row", why);
        return None;
    }
    let cells = || headings.iter().zip(record.iter());
    let word = cells().find(|(heading, _)| **heading == Heading::Record);
    let word = word
        .map_or("", |(_, word)| word)
        .to_ascii_lowercase()
        .replace(' ', "_");
    let kind = match named(&word, &RecordKind::ALL, RecordKind::as_str) {
        Ok(kind) => kind,
        Err(why) => {
            reading.faults.add(line, RECORD, why);
            return None;
        }
    };
    let mut row = Row {
        line,
        kind,
        cells: Vec::with_capacity(kind.columns().len()),
    };
    for (heading, text) in cells() {
        if let Heading::Says(column) = heading {
            row.cells
                .extend(reading.cell(kind, *column, line, without_guard(text)));
        }
    }
    Some(row)
}

/// Says whether a spreadsheet would take a text for a formula.
fn is_formula(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A text behind the mark that keeps spreadsheets from calculating with it.
fn guarded(text: &str) -> String {
    if is_formula(text) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// A text without that mark.
fn without_guard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => text,
    }
}

/// Writes a list, part by part.
pub(crate) struct CsvWriter(());

impl CsvWriter {
    /// The first line.
    pub(crate) fn begin() -> (Self, Vec<u8>) {
        let mut writer = writer();
        let names = Column::ALL.map(Column::as_str);
        // It is written to memory.
        let _is_written = writer.write_record(std::iter::once(RECORD).chain(names)).is_ok();
        (Self(()), writer.into_inner().unwrap_or_default())
    }

    /// Some rows.
    pub(crate) fn rows(&mut self, records: &[Record]) -> Vec<u8> {
        let rows = records.iter().map(|(kind, cells)| {
            let said = Column::ALL.map(|column| {
                let cell = cells.iter().find(|(of, _)| *of == column);
                cell.map_or("", |(_, text)| text.as_str())
            });
            std::iter::once(kind.as_str()).chain(said)
        });
        guarded_rows(rows)
    }
}

/// Rows of a file, in which nothing is a formula.
pub(crate) fn guarded_rows<R, C>(rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator<Item = C>,
    C: AsRef<str>,
{
    let mut writer = writer();
    for row in rows {
        let cells = row.into_iter().map(|cell| guarded(cell.as_ref()));
        // It is written to memory.
        let _is_written = writer.write_record(cells).is_ok();
    }
    writer.into_inner().unwrap_or_default()
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().from_writer(Vec::new())
}
