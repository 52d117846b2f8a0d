//! Telephone events: key presses as RTP payloads (RFC 4733).

use std::time::Duration;

/// Octets of the payload of one event.
pub const PAYLOAD_LENGTH: usize = 4;
/// How often the packet that ends an event is sent, so that loss of one does not hold the key down (RFC 4733
/// 2.5.1.4).
pub const END_PACKETS: u8 = 3;
/// How long a key is pressed at least, so that every receiver takes notice (ITU-T Q.24 asks for 40 ms).
pub const DURATION_MIN: Duration = Duration::from_millis(40);
/// How long a key is pressed at most: what sixteen bits can say at 48 kHz.
pub const DURATION_MAX: Duration = Duration::from_millis(1_365);

const END_BIT: u8 = 0x80;
const VOLUME_MASK: u8 = 0x3f;
/// Power of the tone in -dBm0, as keypads send it.
const VOLUME: u8 = 10;

/// A key of a telephone (event codes 0 to 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u8);

impl Key {
    const CHARACTERS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
    ];
    /// The hook flash, event code 16.
    pub const FLASH: Key = Key(16);

    /// The key with this event code, if it is one (RFC 4733 table 3).
    pub fn from_code(code: u8) -> Option<Key> {
        (code <= Key::FLASH.0).then_some(Key(code))
    }

    /// The key with this character: 0-9, `*`, `#`, A-D in either case.
    pub fn from_char(character: char) -> Option<Key> {
        let upper = character.to_ascii_uppercase();
        let code = Key::CHARACTERS.iter().position(|&known| known == upper)?;
        u8::try_from(code).ok().map(Key)
    }

    /// The event code.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The character on the key; the hook flash has none.
    pub fn character(self) -> Option<char> {
        Key::CHARACTERS.get(usize::from(self.0)).copied()
    }
}

/// The payload of a telephone event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Which key.
    pub key: Key,
    /// The key was released.
    pub end: bool,
    /// How long it has been pressed, in units of the RTP timestamp.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads the payload; `None` for what is too short or names no key.
    pub fn parse(payload: &[u8]) -> Option<TelephoneEvent> {
        let [code, flags, high, low] = *payload.first_chunk::<PAYLOAD_LENGTH>()?;
        Some(TelephoneEvent {
            key: Key::from_code(code)?,
            end: flags & END_BIT != 0,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Writes the payload.
    pub fn to_bytes(self) -> [u8; PAYLOAD_LENGTH] {
        let end = if self.end { END_BIT } else { 0 };
        let [high, low] = self.duration.to_be_bytes();
        [self.key.code(), end | (VOLUME & VOLUME_MASK), high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back() {
        let event = TelephoneEvent {
            key: Key::from_char('#').unwrap(),
            end: true,
            duration: 1_600,
        };

        let bytes = event.to_bytes();

        assert_eq!(bytes, [11, 0x8a, 0x06, 0x40]);
        assert_eq!(TelephoneEvent::parse(&bytes), Some(event));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(
            TelephoneEvent::parse(&[16, 0, 0, 0]).map(|event| event.key),
            Some(Key::FLASH)
        );
        assert_eq!(TelephoneEvent::parse(&[17, 0, 0, 0]), None);
        assert_eq!(TelephoneEvent::parse(&[1, 0, 0]), None);
        assert_eq!(Key::from_char('E'), None);
    }

    #[test]
    fn every_character_names_its_key() {
        for character in "0123456789*#ABCD".chars() {
            assert_eq!(Key::from_char(character).unwrap().character(), Some(character));
        }
        assert_eq!(Key::from_char('d'), Key::from_code(15));
    }
}
