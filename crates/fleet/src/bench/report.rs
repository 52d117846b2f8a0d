//! What a benchmark tells.

use std::time::Duration;

/// A table with aligned columns.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings and no rows.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(ToString::to_string).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text, a line a row.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths);
            let text: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
            text.join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// What one thing cost, in microseconds.
pub(crate) fn microseconds_each(total: Duration, things: u64) -> f64 {
    let things = u32::try_from(things.max(1)).unwrap_or(u32::MAX);
    total.as_secs_f64() * 1e6 / f64::from(things)
}

/// A cost beside a peer's.
pub(crate) fn ratio(own: f64, peer: f64) -> String {
    if peer > 0.0 {
        format!("{:.2}", own / peer)
    } else {
        "-".to_owned()
    }
}

/// The value below which this share (0 to 1) of `sorted` lies; the greatest for a share of 1.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Option<Duration> {
    // Counted up instead of computed, so that no conversion can go wrong.
    let length = u32::try_from(sorted.len()).ok()?;
    let wanted = f64::from(length) * share;
    let place = (1..length)
        .find(|rank| f64::from(*rank) >= wanted)
        .unwrap_or(length);
    sorted.get(usize::try_from(place).ok()?.checked_sub(1)?).copied()
}

/// A time in milliseconds.
pub(crate) fn milliseconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{:.1} ms", time.as_secs_f64() * 1e3),
    )
}

/// Tells the person at the keyboard.
#[expect(clippy::print_stdout, reason = "the results are what the program is for")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Tells what goes on, beside the results.
#[expect(
    clippy::print_stderr,
    reason = "a person waits for minutes and wants to know why"
)]
pub(crate) fn progress(text: &str) {
    eprintln!("... {text}");
}

/// Tells why there are no results.
#[expect(clippy::print_stderr, reason = "the way to tell a person")]
pub(crate) fn complain(error: &anyhow::Error) {
    eprintln!("fleet: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["what", "µs"]);
        table.row(vec!["a longer one".to_owned(), "4".to_owned()]);
        assert_eq!(table.text(), "what          µs\na longer one  4");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.5), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&sorted, 0.99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&sorted, 1.0), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&sorted[..1], 0.01), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_cost_is_shared_by_all_things() {
        assert!((microseconds_each(Duration::from_millis(3), 100) - 30.0).abs() < 1e-9);
        assert_eq!(ratio(15.0, 60.0), "0.25");
        assert_eq!(ratio(15.0, 0.0), "-");
    }
}
