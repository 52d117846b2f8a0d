//! What a called device said when it refused.

use sip::header::unquote;
use sip::message::{HeaderName, Message, StatusCode};
use sip::user_agent::RequestFailure;

/// Characters kept of the words of a device: they stand on one line of a report.
const EXPLANATION_LENGTH_MAX: usize = 200;

/// How a called leg came to nothing.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    /// The local failure; `None` when the device refused.
    pub(crate) failure: Option<RequestFailure>,
    /// The device's own words.
    pub(crate) text: Option<String>,
}

/// The text of the first Warning of an answer, without what would move a terminal's cursor or turn its text around.
//= https://www.rfc-editor.org/rfc/rfc3261#section-20.43
//# The Warning header field is used to carry additional information about the status of a response.
pub(crate) fn explanation(answer: &Message) -> Option<String> {
    let warning = answer.list(HeaderName::Warning).next()?;
    // 399 host "text"
    let quoted = warning.get(warning.find('"')?..)?.trim_end();
    let text: String = unquote(quoted)
        .chars()
        .filter(|character| !character.is_control() && !turns_text_around(*character))
        .take(EXPLANATION_LENGTH_MAX)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn turns_text_around(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(warnings: &str) -> Option<String> {
        let answer = format!(
            "SIP/2.0 488 Not Acceptable Here\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{warnings}Content-Length: 0\r\n\r\n"
        );
        explanation(&Message::parse_datagram(answer.into_bytes()).unwrap())
    }

    #[test]
    fn the_first_warning_is_read_and_what_is_none_is_not() {
        let first = "Warning: 399 oyez \"no \\\"keys\\\", none\", 301 b \"another\"\r\n";
        assert_eq!(explained(first).as_deref(), Some("no \"keys\", none"));
        for none in [
            "",
            "Warning: 399 oyez\r\n",
            "Warning: 399 oyez \"\"\r\n",
            "Warning: 399 oyez \" \"\r\n",
        ] {
            assert_eq!(explained(none), None, "{none}");
        }
    }

    #[test]
    fn a_warning_is_one_line_of_bounded_length_that_moves_no_cursor() {
        let hostile = "Warning: 399 x \"a\\\u{1b}[2J\u{202e}b\r\n c\"\r\n";
        assert_eq!(explained(hostile).as_deref(), Some("a[2Jb c"));
        for (length, kept) in [
            (EXPLANATION_LENGTH_MAX, EXPLANATION_LENGTH_MAX),
            (EXPLANATION_LENGTH_MAX + 1, EXPLANATION_LENGTH_MAX),
        ] {
            let long = format!("Warning: 399 x \"{}\"\r\n", "é".repeat(length));
            assert_eq!(explained(&long).map(|text| text.chars().count()), Some(kept));
        }
    }
}
