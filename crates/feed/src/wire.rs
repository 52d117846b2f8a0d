//! Messages of the feed: four octets of length, and JSON.
//!
//! Service and zone may be of different versions. Fields that are not known are left out, so a later version may add one that is no
//! loss to whoever does not know it; a message that is not known is told as that.

use model::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Difference, Digest, Told};

/// Octets of a message at most. A record has a few hundred, the largest page group some 700,000.
pub const FRAME_LENGTH_MAX: usize = 2 * 1024 * 1024;
/// Octets of records that are put into one message, so that a beat is never far behind.
const PART_OCTETS: usize = 128 * 1024;
/// Octets of the length.
const HEAD: usize = 4;
/// Characters of the name of what is not known.
const KIND_MAX: usize = 64;

/// What one side tells the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The zone says what it holds: nothing, or the records of an epoch.
    Hello {
        /// Epoch and digest of what it holds.
        holds: Option<(u64, Digest)>,
        /// It tells of itself, message by message.
        #[serde(default)]
        tells: bool,
    },
    /// The zone tells something of itself.
    Tell {
        /// Counts what it tells on a connection, from 1.
        number: u64,
        /// What.
        told: Told,
    },
    /// The service has heard everything up to a message.
    Heard {
        /// Its number.
        number: u64,
    },
    /// The service begins to send what leads to an epoch.
    Begin {
        /// Whose directory.
        account: AccountId,
        /// The epoch.
        epoch: u64,
        /// From where: nothing, or the epoch that the zone holds.
        since: Option<u64>,
    },
    /// Some of it.
    Part {
        /// Records with their keys.
        put: Vec<(String, String)>,
        /// Keys of records that go.
        remove: Vec<String>,
    },
    /// The end of it, with the signature of the records that are reached, in base 64.
    End {
        /// The signature.
        signature: String,
    },
    /// The zone holds the last there is.
    Beat {
        /// Its epoch.
        epoch: u64,
    },
    /// Something that a later version says.
    #[serde(skip)]
    Unknown {
        /// What that calls it.
        kind: String,
    },
}

impl Message {
    /// Reads one; of a later version's as much as has to be known.
    fn read(json: &[u8]) -> Result<Self, WireError> {
        serde_json::from_slice(json).or_else(|error| {
            let value = serde_json::from_slice(json).ok();
            let later = value.as_ref().and_then(Self::of_later_version);
            later.ok_or(WireError::Unreadable(error))
        })
    }

    fn of_later_version(value: &Value) -> Option<Self> {
        let (kind, body) = tagged(value)?;
        match kind {
            "tell" => Some(Self::Tell {
                number: body?.get("number")?.as_u64()?,
                told: Told::Unknown {
                    kind: shown(tagged(body?.get("told")?)?.0),
                },
            }),
            // Nothing can be guessed of a message that has to be understood.
            "hello" | "heard" | "begin" | "part" | "end" | "beat" => None,
            _ => Some(Self::Unknown { kind: shown(kind) }),
        }
    }

    /// Splits a difference into messages that are no longer than they may be.
    pub(crate) fn parts(difference: &Difference) -> Vec<Self> {
        let mut parts = Vec::new();
        let (mut put, mut remove, mut octets) = (Vec::new(), Vec::new(), 0_usize);
        let mut close = |put: &mut Vec<_>, remove: &mut Vec<_>, octets: &mut usize| {
            *octets = 0;
            parts.push(Self::Part {
                put: std::mem::take(put),
                remove: std::mem::take(remove),
            });
        };
        for (key, json) in &difference.put {
            octets = octets.saturating_add(key.len()).saturating_add(json.len());
            put.push((key.to_string(), json.to_string()));
            if octets >= PART_OCTETS {
                close(&mut put, &mut remove, &mut octets);
            }
        }
        for key in &difference.remove {
            octets = octets.saturating_add(key.len());
            remove.push(key.to_string());
            if octets >= PART_OCTETS {
                close(&mut put, &mut remove, &mut octets);
            }
        }
        if octets > 0 {
            close(&mut put, &mut remove, &mut octets);
        }
        parts
    }
}

/// What something is called, and what it says.
fn tagged(value: &Value) -> Option<(&str, Option<&Value>)> {
    if let Value::String(kind) = value {
        return Some((kind, None));
    }
    let mut fields = value.as_object()?.iter();
    let (kind, body) = fields.next()?;
    fields.next().is_none().then_some((kind.as_str(), Some(body)))
}

/// The name of what is not known, as long as a log may have it.
pub(crate) fn shown(kind: &str) -> String {
    kind.chars().take(KIND_MAX).collect()
}

/// Why octets are no message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It is too long.
    #[error("a message has {0} octets, more than the {FRAME_LENGTH_MAX} that one may have")]
    TooLong(usize),
    /// It cannot be read.
    #[error("a message cannot be read; bring the older of service and zone up to date")]
    Unreadable(#[source] serde_json::Error),
}

/// Writes a message.
///
/// # Errors
///
/// When it is longer than one may be, as with a record that is.
pub fn encode(message: &Message) -> Result<Vec<u8>, WireError> {
    let json = serde_json::to_vec(message).map_err(WireError::Unreadable)?;
    let length = u32::try_from(json.len()).map_err(|_| WireError::TooLong(json.len()))?;
    if json.len() > FRAME_LENGTH_MAX {
        return Err(WireError::TooLong(json.len()));
    }
    Ok([length.to_be_bytes().as_slice(), &json].concat())
}

/// Reads messages out of octets that come in pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    octets: Vec<u8>,
}

impl Decoder {
    /// Takes a piece. What is called for between two pieces is at most one message and a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.octets.extend_from_slice(piece);
    }

    /// The next message; none until more has come.
    ///
    /// # Errors
    ///
    /// When what comes is none; then nothing behind it can be read either.
    pub fn next_message(&mut self) -> Result<Option<Message>, WireError> {
        let Some((head, rest)) = self.octets.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if length > FRAME_LENGTH_MAX {
            return Err(WireError::TooLong(length));
        }
        let Some(json) = rest.get(..length) else {
            return Ok(None);
        };
        let message = Message::read(json)?;
        self.octets.drain(..HEAD.saturating_add(length));
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_of_any_pieces() {
        let messages = [
            Message::Hello {
                holds: None,
                tells: false,
            },
            Message::Begin {
                account: "acme".parse().unwrap(),
                epoch: 7,
                since: Some(3),
            },
            Message::Beat { epoch: 7 },
        ];
        let octets: Vec<u8> = messages
            .iter()
            .flat_map(|message| encode(message).unwrap())
            .collect();
        for size in [1, 2, 5, 1_000] {
            let mut decoder = Decoder::default();
            let mut read = Vec::new();
            for piece in octets.chunks(size) {
                decoder.push(piece);
                while let Some(message) = decoder.next_message().unwrap() {
                    read.push(message);
                }
            }
            assert_eq!(read, messages);
        }
    }

    #[test]
    fn a_message_may_have_its_length_and_not_one_octet_more() {
        let signature = |length| Message::End {
            signature: "A".repeat(length),
        };
        let around = encode(&signature(0)).unwrap().len() - HEAD;
        let longest = signature(FRAME_LENGTH_MAX - around);
        let mut decoder = Decoder::default();
        decoder.push(&encode(&longest).unwrap());
        assert_eq!(decoder.next_message().unwrap(), Some(longest));
        let longer = encode(&signature(FRAME_LENGTH_MAX - around + 1));
        assert!(matches!(longer, Err(WireError::TooLong(_))));
        let head = u32::try_from(FRAME_LENGTH_MAX + 1).unwrap();
        decoder.push(&head.to_be_bytes());
        assert!(matches!(decoder.next_message(), Err(WireError::TooLong(_))));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut decoder = Decoder::default();
        decoder.push(b"\0\0\0\x02{}");
        assert!(matches!(decoder.next_message(), Err(WireError::Unreadable(_))));
    }

    fn read(json: &str) -> Result<Message, WireError> {
        let head = u32::try_from(json.len()).unwrap().to_be_bytes();
        let mut decoder = Decoder::default();
        decoder.push(&[head.as_slice(), json.as_bytes()].concat());
        decoder.next_message().map(Option::unwrap)
    }

    #[test]
    fn what_a_later_version_says_is_told_by_its_name_and_what_has_to_be_understood_is_refused() {
        let kind = |kind: &str| kind.to_owned();
        let unknown = |name| Message::Unknown { kind: kind(name) };
        assert_eq!(read(r#"{"moon":{"phase":3}}"#).unwrap(), unknown("moon"));
        assert_eq!(read(r#""bye""#).unwrap(), unknown("bye"));
        let long = format!("\"{}\"", "a".repeat(KIND_MAX + 1));
        assert_eq!(read(&long).unwrap(), unknown(&"a".repeat(KIND_MAX)));

        let unknown = |name| Message::Tell {
            number: 7,
            told: Told::Unknown { kind: kind(name) },
        };
        let tell = |told: &str| read(&format!(r#"{{"tell":{{"number":7,"told":{told}}}}}"#)).unwrap();
        assert_eq!(tell(r#"{"weather":{"is_fair":true}}"#), unknown("weather"));
        assert_eq!(tell(r#""thunder""#), unknown("thunder"));
        let why = r#"{"handshake_failed":{"from":"192.0.2.1","why":"of_a_later_cause"}}"#;
        assert_eq!(tell(why), unknown("handshake_failed"));

        let later = r#"{"beat":{"epoch":7,"of_a_later_version":true}}"#;
        assert_eq!(read(later).unwrap(), Message::Beat { epoch: 7 });
        for json in [
            r#"{"begin":{"epoch":7}}"#,
            r#"{"tell":{"told":{"weather":{}}}}"#,
            r#"{"beat":{"epoch":7},"moon":{}}"#,
            "[]",
            "{}",
            "no JSON",
        ] {
            assert!(matches!(read(json), Err(WireError::Unreadable(_))), "{json}");
        }
    }

    #[test]
    fn a_long_difference_travels_in_parts() {
        let record = |number: usize| (format!("user/{number}").into(), "x".repeat(1_000).into());
        let difference = Difference {
            put: (0..1_000).map(record).collect(),
            remove: vec!["user/a".into()],
        };
        let parts = Message::parts(&difference);
        assert_eq!(parts.len(), 8);
        for part in &parts {
            assert!(encode(part).unwrap().len() < 2 * PART_OCTETS);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_a_message_a_part_of_one_or_an_error(
            pieces in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..64), 0..8),
            length in 0_u32..80,
        ) {
            let mut decoder = Decoder::default();
            decoder.push(&length.to_be_bytes());
            for piece in pieces {
                decoder.push(&piece);
                if decoder.next_message().is_err() {
                    break;
                }
            }
        }
    }
}
