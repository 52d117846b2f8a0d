//! The offset table: where start line, header names and header values lie in the octets of a message.
//!
//! One pass finds line ends and colons; nothing is copied and nothing is rewritten. A folded value is one
//! range that includes its folds.

use std::ops::Range;

use smallvec::SmallVec;

use super::header_name::{HeaderId, identify};
use super::start_line::{self, StartLine};
use super::{HEADERS_MAX, MESSAGE_BYTES_MAX};
use crate::syntax;

/// Headers whose ranges need no allocation; a REGISTER has about 12, an INVITE about 20.
const INLINE_HEADERS: usize = 24;

/// A range of octets; 16 bits each because a message has at most 64 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u16,
    length: u16,
}

impl Span {
    /// Makes the span of a range that lies inside a message of at most [`MESSAGE_BYTES_MAX`].
    pub(super) fn new(range: Range<usize>) -> Self {
        // No span is as long as the limit, because its line has an end, and none starts at the limit
        // unless it is empty.
        let narrow = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Self {
            start: narrow(range.start),
            length: narrow(range.len()),
        }
    }

    pub(super) fn range(self) -> Range<usize> {
        let start = usize::from(self.start);
        start..start + usize::from(self.length)
    }

    pub(super) fn of(self, octets: &[u8]) -> &[u8] {
        octets.get(self.range()).unwrap_or_default()
    }

    pub(super) fn text_of(self, octets: &[u8]) -> Option<&str> {
        std::str::from_utf8(self.of(octets)).ok()
    }
}

/// One header field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) id: HeaderId,
    pub(super) name: Span,
    /// Without white space at its ends.
    pub(super) value: Span,
}

/// What Content-Length says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentLength {
    Absent,
    Octets(u32),
    /// Not a plain number of 32 bits.
    Malformed,
    /// More than one Content-Length.
    Repeated,
}

/// A fault of the header section as such; the first one found is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// A line that has no colon, or no token before it.
    HeaderLine,
    /// More than [`HEADERS_MAX`] header fields; the rest is not in the table.
    TooManyHeaders,
}

/// The header section of a message, tabulated.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) start_line: StartLine,
    pub(super) entries: SmallVec<[Entry; INLINE_HEADERS]>,
    /// Octets up to and including the empty line.
    pub(super) length: usize,
    pub(super) content_length: ContentLength,
    pub(super) fault: Option<HeadFault>,
    /// A Via lies beyond the headers in the table, so an answer would lack it.
    pub(super) is_via_lost: bool,
    /// A CR or LF that is not part of a CRLF.
    pub(super) has_bare_line_end: bool,
    /// The empty line was found.
    pub(super) is_complete: bool,
}

impl Head {
    /// A table of nothing, to be filled in place: it is too large to be moved about for every message.
    pub(super) fn empty() -> Self {
        Self {
            start_line: StartLine::Malformed { is_response: false },
            entries: SmallVec::new(),
            length: 0,
            content_length: ContentLength::Absent,
            fault: None,
            is_via_lost: false,
            has_bare_line_end: false,
            is_complete: false,
        }
    }

    /// Tabulates a header section from its start line on; octets behind the empty line are not read.
    pub(super) fn tabulate(&mut self, octets: &[u8]) {
        debug_assert!(
            octets.len() <= MESSAGE_BYTES_MAX,
            "callers refuse longer messages"
        );
        let mut lines = Lines {
            octets,
            position: 0,
            has_bare_line_end: false,
        };
        self.length = octets.len();
        if let Some(line) = lines.next_line() {
            self.start_line = start_line::parse(octets, line);
            self.read_headers(&mut lines);
        }
        self.has_bare_line_end = lines.has_bare_line_end;
    }

    /// Follows a change of the octets by which `range`, inside one header's value, gets another length.
    pub(super) fn resize(&mut self, range: &Range<usize>, length: usize) {
        let moved = |place: usize| place - range.len() + length;
        for entry in &mut self.entries {
            let (name, value) = (entry.name.range(), entry.value.range());
            if name.start >= range.end {
                entry.name = Span::new(moved(name.start)..moved(name.end));
                entry.value = Span::new(moved(value.start)..moved(value.end));
            } else if value.end >= range.end && value.start <= range.start {
                entry.value = Span::new(value.start..moved(value.end));
            }
        }
        self.length = moved(self.length);
    }

    fn read_headers(&mut self, lines: &mut Lines<'_>) {
        while let Some(line) = lines.next_field() {
            if line.is_empty() {
                self.length = lines.position;
                self.is_complete = true;
                return;
            }
            self.read_header(lines.octets, line);
        }
    }

    fn read_header(&mut self, octets: &[u8], line: Range<usize>) {
        let Some(entry) = entry(octets, line) else {
            self.fault = self.fault.or(Some(HeadFault::HeaderLine));
            return;
        };
        if entry.id == HeaderId::ContentLength {
            self.content_length = match self.content_length {
                ContentLength::Absent => content_length(entry.value.of(octets)),
                _ => ContentLength::Repeated,
            };
        }
        if self.entries.len() == HEADERS_MAX {
            self.fault = self.fault.or(Some(HeadFault::TooManyHeaders));
            self.is_via_lost |= entry.id == HeaderId::Via;
            return;
        }
        self.entries.push(entry);
    }

    /// The headers of this id; for `Other` all whose names are to be compared.
    pub(super) fn entries_of(&self, id: HeaderId) -> impl Iterator<Item = Entry> + '_ {
        self.entries.iter().filter(move |entry| entry.id == id).copied()
    }
}

/// Reads `name HCOLON value`: a token, SP and HT, a colon, and the rest without white space at its ends.
fn entry(octets: &[u8], line: Range<usize>) -> Option<Entry> {
    let text = octets.get(line.clone())?;
    let name_length = text
        .iter()
        .take_while(|octet| syntax::is(**octet, syntax::TOKEN))
        .count();
    let (name, rest) = text.split_at_checked(name_length)?;
    let mut value = rest;
    while let [b' ' | b'\t', end @ ..] = value {
        value = end;
    }
    value = value.strip_prefix(b":").filter(|_| name_length > 0)?;
    while let [b' ' | b'\t' | b'\r' | b'\n', end @ ..] = value {
        value = end;
    }
    let value_start = line.end - value.len();
    while let [start @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
        value = start;
    }
    Some(Entry {
        id: identify(name),
        name: Span::new(line.start..line.start + name_length),
        value: Span::new(value_start..value_start + value.len()),
    })
}

fn content_length(value: &[u8]) -> ContentLength {
    let octets = std::str::from_utf8(value).ok().and_then(syntax::decimal);
    octets.map_or(ContentLength::Malformed, ContentLength::Octets)
}

/// Splits octets at CRLF.
struct Lines<'a> {
    octets: &'a [u8],
    position: usize,
    has_bare_line_end: bool,
}

impl Lines<'_> {
    /// The next line without its CRLF; `None` if there is no further CRLF.
    fn next_line(&mut self) -> Option<Range<usize>> {
        let start = self.position;
        let end = self.line_end()?;
        Some(start..end)
    }

    /// The next line together with the lines that continue it.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-7.3.1
    //# Header fields can be extended over multiple lines by preceding each
    //# extra line with at least one SP or horizontal tab (HT).
    fn next_field(&mut self) -> Option<Range<usize>> {
        let start = self.position;
        let mut end = self.line_end()?;
        while end > start && matches!(self.octets.get(self.position), Some(b' ' | b'\t')) {
            end = self.line_end()?;
        }
        Some(start..end)
    }

    /// Moves behind the next CRLF and returns its place.
    fn line_end(&mut self) -> Option<usize> {
        let mut from = self.position;
        loop {
            let rest = self.octets.get(from..)?;
            let place = from + memchr::memchr2(b'\r', b'\n', rest)?;
            match self.octets.get(place..place + 2) {
                Some(b"\r\n") => {
                    self.position = place + 2;
                    return Some(place);
                }
                Some(_) => self.has_bare_line_end = true,
                // A last CR may have its LF in octets that are not here.
                None => self.has_bare_line_end |= self.octets.get(place) == Some(&b'\n'),
            }
            from = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabulated(octets: &[u8]) -> Head {
        let mut head = Head::empty();
        head.tabulate(octets);
        head
    }

    fn values(text: &str) -> Vec<(HeaderId, String)> {
        let head = tabulated(text.as_bytes());
        head.entries
            .iter()
            .map(|entry| (entry.id, entry.value.text_of(text.as_bytes()).unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn a_fold_belongs_to_the_value_but_not_at_its_ends() {
        let found = values("X Y Z\r\nTO :\r\n sip:a@b ;\r\n\t tag=1 \r\n \r\nl:0\r\n\r\n");
        let expected = [
            (HeaderId::To, "sip:a@b ;\r\n\t tag=1".to_owned()),
            (HeaderId::ContentLength, "0".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_of_white_space_is_a_fold_and_does_not_end_the_section() {
        let head = tabulated(b"X Y Z\r\na: 1\r\n \r\nb: 2\r\n\r\nbody");
        assert_eq!((head.entries.len(), head.length, head.is_complete), (2, 24, true));
    }

    #[test]
    fn bare_line_ends_are_noticed() {
        assert!(tabulated(b"X Y Z\r\na: 1\nb: 2\r\n\r\n").has_bare_line_end);
        assert!(tabulated(b"X Y Z\r\na: 1\rb: 2\r\n\r\n").has_bare_line_end);
        assert!(!tabulated(b"X Y Z\r\na: 1\r\n\r\n\n").has_bare_line_end);
    }

    #[test]
    fn a_line_without_colon_or_name_is_a_fault() {
        for line in ["Foobar roobar", ": x", "a b: x", "a\0: x"] {
            let text = format!("X Y Z\r\n{line}\r\nTo: y\r\n\r\n");
            let head = tabulated(text.as_bytes());
            assert_eq!(
                (head.fault, head.entries.len()),
                (Some(HeadFault::HeaderLine), 1),
                "{line:?}"
            );
        }
    }

    #[test]
    fn content_length_is_a_plain_number_or_malformed() {
        let cases = [
            ("", ContentLength::Absent),
            ("Content-Length : 5\r\n", ContentLength::Octets(5)),
            ("l:\r\n 5\r\n", ContentLength::Octets(5)),
            ("l: 4294967295\r\n", ContentLength::Octets(u32::MAX)),
            ("l: 4294967296\r\n", ContentLength::Malformed),
            ("l: 18446744073709551615\r\n", ContentLength::Malformed),
            ("l: -999\r\n", ContentLength::Malformed),
            ("l: +5\r\n", ContentLength::Malformed),
            ("l: five\r\n", ContentLength::Malformed),
            ("l:\r\n", ContentLength::Malformed),
            ("l: 5, 5\r\n", ContentLength::Malformed),
            ("l: 5\r\nl: 5\r\n", ContentLength::Repeated),
        ];
        for (line, expected) in cases {
            let text = format!("X Y Z\r\n{line}\r\n");
            assert_eq!(tabulated(text.as_bytes()).content_length, expected, "{line:?}");
        }
    }
}
