//! The octets of a file as text.

/// A file that is no text; a sentence with place and remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not UTF-8; save the file as UTF-8 text")]
pub struct NotUtf8 {
    /// The first line that is not, from 1.
    pub line: usize,
}

/// Takes the octets of a file for text.
///
/// # Errors
///
/// When they are not UTF-8: the line is named.
pub fn text_of(octets: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(octets).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(sound);
        NotUtf8 {
            line: before.filter(|octet| **octet == b'\n').count() + 1,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_and_anything_else_is_named_by_its_line() {
        assert_eq!(text_of("zone = \"Süd\"".into()).as_deref(), Ok("zone = \"Süd\""));
        assert_eq!(text_of(b"a\nb\nS\xfcd\n\xff".to_vec()), Err(NotUtf8 { line: 3 }));
    }
}
