//! A message as RFC 5424 writes it.

use std::fmt::Write as _;

use crate::moment::Moment;

/// Octets of a message; what is longer is cut.
//= https://www.rfc-editor.org/rfc/rfc5424#section-6.1
//# All receiver implementations SHOULD be able to accept messages of up to and including 2048 octets in length.
pub(crate) const MESSAGE_LENGTH_MAX: usize = 2_048;
/// Octets of the name of the machine (RFC 5424 6.2.4).
const HOST_NAME_LENGTH_MAX: usize = 255;
/// Octets of the kind of a message (RFC 5424 6.2.7).
const KIND_LENGTH_MAX: usize = 32;
/// The last sequence number (RFC 5424 7.3.1); behind it comes 1.
const SEQUENCE_MAX: u32 = 2_147_483_647;
/// The facility `daemon` (RFC 5424 6.2.1).
const FACILITY: u8 = 3;
/// What says that a text is UTF-8 (RFC 5424 6.4).
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// How grave a message is (RFC 5424 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Error.
    Error = 3,
    /// Warning.
    Warning = 4,
    /// Informational.
    Info = 6,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it happened, in seconds since 1970.
    pub(crate) at: u64,
    pub(crate) severity: Severity,
    /// What kind of message it is: `log`, or the name of an event.
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// Who tells it, to one server.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    host_name: String,
    process: u32,
    sequence: u32,
}

impl Origin {
    pub(crate) fn new(host_name: &str, process: u32) -> Self {
        Self {
            host_name: printable(host_name, HOST_NAME_LENGTH_MAX),
            process,
            sequence: 0,
        }
    }

    /// The next message. No enterprise number is registered, so that the structured data are those that everybody may use.
    pub(crate) fn message(&mut self, record: &Record) -> String {
        self.sequence = self.sequence % SEQUENCE_MAX + 1;
        let Self {
            host_name,
            process,
            sequence,
        } = self;
        let priority = FACILITY * 8 + record.severity as u8;
        let time = Moment(record.at).rfc3339();
        let kind = printable(&record.kind, KIND_LENGTH_MAX);
        let version = env!("CARGO_PKG_VERSION");
        let mut message = String::with_capacity(MESSAGE_LENGTH_MAX);
        write!(
            message,
            "<{priority}>1 {time} {host_name} oyez-endpoint {process} {kind} \
             [timeQuality tzKnown=\"1\"][origin software=\"oyez-endpoint\" swVersion=\"{version}\"][meta sequenceId=\"{sequence}\"] "
        )
        .expect("a String takes everything that is written to it");
        if !record.text.is_ascii() {
            message.push_str(BYTE_ORDER_MARK);
        }
        for character in record.text.chars() {
            // Whoever reads a log gets no line breaks and no terminal sequences from elsewhere.
            let character = if character.is_control() {
                '\u{fffd}'
            } else {
                character
            };
            if message.len() + character.len_utf8() > MESSAGE_LENGTH_MAX {
                break;
            }
            message.push(character);
        }
        message
    }
}

/// The characters of a header field, or the sign for nothing.
fn printable(text: &str, length_max: usize) -> String {
    let kept: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(length_max)
        .collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        Record {
            at: 1_782_864_000,
            severity: Severity::Warning,
            kind: "log".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_message_has_the_parts_of_the_standard_in_their_order() {
        let mut origin = Origin::new("lobby", 42);

        let message = origin.message(&record("the output has stalled"));

        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            message,
            format!(
                "<28>1 2026-07-01T00:00:00Z lobby oyez-endpoint 42 log [timeQuality tzKnown=\"1\"]\
                 [origin software=\"oyez-endpoint\" swVersion=\"{version}\"][meta sequenceId=\"1\"] the output has stalled"
            )
        );
        assert!(origin.message(&record("")).contains("sequenceId=\"2\""));
    }

    #[test]
    fn the_sequence_begins_again_at_one() {
        let mut origin = Origin::new("lobby", 42);
        origin.sequence = SEQUENCE_MAX - 1;

        assert!(origin.message(&record("")).contains("sequenceId=\"2147483647\""));
        assert!(origin.message(&record("")).contains("sequenceId=\"1\""));
    }

    #[test]
    fn text_that_is_no_ascii_is_marked_and_nothing_begins_a_line_of_its_own() {
        let mut origin = Origin::new("lobby", 42);

        let message = origin.message(&record("Flur\n<3>1 \u{1b}[2J ü"));

        assert!(
            message.ends_with("] \u{feff}Flur\u{fffd}<3>1 \u{fffd}[2J ü"),
            "{message}"
        );
    }

    #[test]
    fn w08_a_message_is_cut_at_its_limit_between_two_characters() {
        let header = Origin::new("lobby", 42).message(&record("")).len();
        let room = MESSAGE_LENGTH_MAX - header;
        let length = |text: &str| Origin::new("lobby", 42).message(&record(text)).len();

        assert_eq!(length(&"x".repeat(room)), MESSAGE_LENGTH_MAX);
        assert_eq!(length(&"x".repeat(room + 1)), MESSAGE_LENGTH_MAX);
        let wide = Origin::new("lobby", 42).message(&record(&"ü".repeat(room)));
        assert!((MESSAGE_LENGTH_MAX - 1..=MESSAGE_LENGTH_MAX).contains(&wide.len()));
        assert!(wide.ends_with('ü'));
    }

    #[test]
    fn names_that_no_header_takes_are_made_to_fit() {
        let message = Origin::new("a b\n[c]", 1).message(&record(""));
        assert!(message.contains("Z ab[c] oyez-endpoint "), "{message}");
        assert!(
            Origin::new("", 1)
                .message(&record(""))
                .contains("Z - oyez-endpoint ")
        );
        let long = Origin::new(&"x".repeat(HOST_NAME_LENGTH_MAX + 1), 1);
        assert_eq!(long.host_name.len(), HOST_NAME_LENGTH_MAX);
    }
}
