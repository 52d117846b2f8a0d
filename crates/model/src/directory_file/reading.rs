//! The state of one reading: the lines of the text, and what has been found wrong.

use super::{ERRORS_MAX, FileError};

/// Collects errors with their lines.
pub(super) struct Reading<'a> {
    file: &'a str,
    /// Offset of the first byte of each line.
    line_starts: Vec<usize>,
    errors: Vec<FileError>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a str, text: &str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self {
            file,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            errors: Vec::new(),
        }
    }

    /// The line a byte stands on, from 1.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    pub(super) fn refuse(&mut self, line: usize, key: &str, problem: &str, right: &str) {
        self.errors.push(FileError {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            problem: problem.to_owned(),
            right: right.to_owned(),
        });
    }

    /// All errors in the order of lines, cut to the first [`ERRORS_MAX`].
    pub(super) fn into_errors(mut self) -> Vec<FileError> {
        self.errors.sort_by_key(|error| error.line);
        self.errors.truncate(ERRORS_MAX);
        self.errors
    }
}
