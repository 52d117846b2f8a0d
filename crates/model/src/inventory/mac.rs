//! Hardware addresses.

use std::fmt;
use std::str::FromStr;

/// The hardware address of a device: what it is known by until it proves who it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

/// A text that is no hardware address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no MAC address: 12 hexadecimal digits as on the product label, such as 00:22:EE:0A:0B:0C"
)]
pub struct MacError {
    /// The refused text, cut to a few characters.
    pub text: String,
}

/// Characters of a refused text that an error repeats.
const SHOWN_MAX: usize = 40;

impl MacAddress {
    /// Makes one of its octets.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Makes one that no hardware has: locally administered, and of forty random bits.
    #[must_use]
    pub const fn made_up(random: [u8; 5]) -> Self {
        let [a, b, c, d, e] = random;
        Self([0x02, a, b, c, d, e])
    }

    /// The twelve digits without separators, in capital letters, as file names have them: "0022EE0A0B0C".
    #[must_use]
    pub fn compact(self) -> String {
        self.0.iter().map(|octet| format!("{octet:02X}")).collect()
    }
}

impl FromStr for MacAddress {
    type Err = MacError;

    /// Takes every usual spelling: with colons, dashes, dots or spaces between groups of equal length, or nothing, in any case.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let refused = || MacError {
            text: text.chars().take(SHOWN_MAX).collect(),
        };
        let text = text.trim();
        let groups: Vec<&str> = text.split([':', '-', '.', ' ']).collect();
        let length = groups.first().map_or(0, |group| group.len());
        let even = groups.iter().all(|group| group.len() == length);
        if !even || !matches!((groups.len(), length), (1, 12) | (6, 2) | (3, 4) | (2, 6)) {
            return Err(refused());
        }
        let mut octets = [0; 6];
        let digits: Vec<u8> = groups.concat().into_bytes();
        for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or_else(refused)?;
                *octet = *octet << 4 | u8::try_from(value).map_err(|_| refused())?;
            }
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{f:02X}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_the_same_address() {
        for text in [
            "0022EE0A0B0C",
            "0022ee0a0b0c",
            "00:22:EE:0a:0B:0c",
            "00-22-EE-0A-0B-0C",
            "0022.ee0a.0b0c",
            "0022EE-0A0B0C",
            " 00 22 EE 0A 0B 0C ",
        ] {
            let mac: MacAddress = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(mac.to_string(), "00:22:EE:0A:0B:0C");
            assert_eq!(mac.compact(), "0022EE0A0B0C");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_shown_short() {
        for text in [
            "",
            "0022EE0A0B0",
            "0022EE0A0B0C0",
            "0022EE0A0B0G",
            "00:22:EE:0A:0B0C",
            "0:0:2:2:E:E:0:A:0:B:0:C",
            "é022EE0A0B0",
        ] {
            assert!(text.parse::<MacAddress>().is_err(), "{text:?}");
        }
        let long = "x".repeat(1_000).parse::<MacAddress>().unwrap_err();
        assert_eq!(long.text.len(), SHOWN_MAX);
    }
}
