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

/// Tells each key press of a stream once, however many packets it has and whichever of them arrive.
#[derive(Default)]
pub(crate) struct Presses {
    last: Option<Press>,
}

/// The newest key press.
struct Press {
    /// All packets of one press carry the timestamp of its beginning (RFC 4733 section 2.5.1.2).
    began: u32,
    key: Key,
    duration: u16,
    is_over: bool,
}

impl Presses {
    /// Takes a packet of a press; gives the key if nothing of that press was there before. A packet that `begins` a stream
    /// counts in a clock of its own.
    pub(crate) fn take(&mut self, timestamp: u32, event: TelephoneEvent, begins: bool) -> Option<Key> {
        let press = Press {
            began: timestamp,
            key: event.key,
            duration: event.duration,
            is_over: event.end,
        };
        let Some(last) = &mut self.last else {
            self.last = Some(press);
            return Some(event.key);
        };
        let ahead = timestamp.wrapping_sub(last.began);
        if ahead == 0 {
            last.duration = last.duration.max(event.duration);
            last.is_over |= event.end;
            return None;
        }
        if ahead > u32::MAX / 2 && !begins {
            // A press that another one has followed: its last packet is sent three times, and was overtaken.
            return None;
        }
        //= https://www.rfc-editor.org/rfc/rfc4733#section-2.5.1.3
        //# The sender MUST then begin reporting a new "segment" with the RTP
        //# timestamp set to the time at which the previous segment ended
        let is_full = last.duration == u16::MAX && ahead == u32::from(u16::MAX);
        let goes_on = is_full && !last.is_over && last.key == event.key;
        *last = press;
        (!goes_on).then_some(event.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(packets: &[(u32, char, u16, bool)]) -> String {
        let mut presses = Presses::default();
        let told = packets.iter().filter_map(|&(timestamp, key, duration, end)| {
            let key = Key::from_char(key).unwrap();
            presses.take(timestamp, TelephoneEvent { key, end, duration }, false)
        });
        told.filter_map(Key::character).collect()
    }

    #[test]
    fn a_press_is_told_once_whichever_of_its_packets_come() {
        let whole = [(0, '1', 160, false), (0, '1', 320, true), (0, '1', 320, true)];
        assert_eq!(pressed(&whole), "1");
        assert_eq!(pressed(&whole[2..]), "1", "only the last of three ends came");
        assert_eq!(
            pressed(&[(0, '1', 320, true), (900, '1', 160, false)]),
            "11",
            "the same key again"
        );
    }

    #[test]
    fn the_end_of_a_press_that_another_has_overtaken_is_no_press() {
        let packets = [
            (0, '1', 320, true),
            (900, '2', 160, false),
            (0, '1', 320, true),
            (900, '2', 320, true),
        ];
        assert_eq!(pressed(&packets), "12");
        let around = u32::MAX - 100;
        assert_eq!(
            pressed(&[
                (around, '1', 320, true),
                (800, '2', 1, false),
                (around, '1', 320, true)
            ]),
            "12"
        );
    }

    #[test]
    fn a_stream_that_begins_anew_counts_from_another_time() {
        let event = TelephoneEvent {
            key: Key::from_char('5').unwrap(),
            end: true,
            duration: 320,
        };
        let mut presses = Presses::default();
        assert!(presses.take(80_000, event, true).is_some());
        assert!(
            presses.take(80_000, event, true).is_none(),
            "the same press behind a gap"
        );
        assert!(presses.take(1_000, event, true).is_some());
    }

    #[test]
    fn a_press_in_segments_is_one_and_a_second_press_is_not_its_segment() {
        assert_eq!(pressed(&[(0, '1', 0xffff, false), (0xffff, '1', 160, true)]), "1");
        assert_eq!(
            pressed(&[(0, '1', 0xffff, true), (0xffff, '1', 160, true)]),
            "11",
            "it had ended"
        );
        assert_eq!(
            pressed(&[(0, '1', 160, false), (900, '1', 160, true)]),
            "11",
            "there was a pause between"
        );
        assert_eq!(
            pressed(&[(0, '1', 0xffff, false), (0xffff, '2', 160, true)]),
            "12",
            "another key"
        );
    }

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
