//! Many messages of one connection.

use sip::framing::{Framed, FramingFault, Side, StreamFramer};
use sip::message::MESSAGE_BYTES_MAX;

/// What one connection carried, and the fault that ended it.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    framed: Vec<Framed>,
    fault: Option<FramingFault>,
    is_within_message: bool,
}

/// Cuts a stream into messages, at once and in pieces of several sizes.
///
/// # Panics
/// If the pieces make a difference, a message exceeds its limit, a message that was cut out is not cut out again, or a
/// failed framer goes on.
pub fn stream_framing(data: &[u8]) {
    for side in [Side::Accepted, Side::Dialled] {
        let whole = outcome(side, std::iter::once(data));
        assert_eq!(outcome(side, data.chunks(1)), whole);
        assert_eq!(outcome(side, pieces(data)), whole);
        check_messages(side, &whole);
    }
}

/// Pieces whose lengths the octets themselves decide.
fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let length = usize::from(*rest.first()?).min(rest.len()).max(1);
        let (piece, tail) = rest.split_at_checked(length)?;
        rest = tail;
        Some(piece)
    })
}

fn outcome<'a>(side: Side, pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut framer = StreamFramer::new(side);
    let mut framed = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(item)) => framed.push(item),
                Ok(None) => break,
                Err(error) => return failed(framer, framed, error.fault()),
            }
        }
    }
    Outcome {
        framed,
        fault: None,
        is_within_message: framer.is_within_message(),
    }
}

/// A failed framer takes nothing more and says the same fault, without a request to answer.
fn failed(mut framer: StreamFramer, framed: Vec<Framed>, fault: FramingFault) -> Outcome {
    framer.push(b"OPTIONS sip:a@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n");
    let again = framer.next().expect_err("a failed framer stays failed");
    assert_eq!(again.fault(), fault);
    assert!(again.request().is_none());
    Outcome {
        framed,
        fault: Some(fault),
        is_within_message: framer.is_within_message(),
    }
}

fn check_messages(side: Side, whole: &Outcome) {
    let mut octets = Vec::new();
    let mut messages = Vec::new();
    for item in &whole.framed {
        if let Framed::Message(message) = item {
            assert!(message.as_bytes().len() <= MESSAGE_BYTES_MAX);
            octets.extend_from_slice(message.as_bytes());
            messages.push(item);
        }
    }
    let again = outcome(side, std::iter::once(octets.as_slice()));
    assert_eq!(again.fault, None);
    assert!(!again.is_within_message);
    assert_eq!(again.framed.iter().collect::<Vec<_>>(), messages);
}
