//! Descriptions where they are kept: not shown by accident.

use std::fmt;

/// A description, or octets that may be one, of which `Debug` shows the length only: SDP carries media keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden<T>(pub T);

impl<T: AsRef<[u8]>> fmt::Debug for Hidden<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hidden({} octets)", self.0.as_ref().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_the_length_and_nothing_of_the_description() {
        let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0";

        assert_eq!(format!("{:?}", Hidden(line)), "Hidden(50 octets)");
        assert_eq!(
            format!("{:?}", Hidden(line.as_bytes().to_vec())),
            "Hidden(50 octets)"
        );
    }
}
