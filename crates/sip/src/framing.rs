//! Finds messages in a stream (RFC 3261 sections 7.5 and 18.3, RFC 5626 sections 3.5.1 and 4.4.1).
//!
//! On a stream only Content-Length says where a message ends. Any doubt about it would let one peer make
//! another see requests that were never sent, so it ends the connection, after an answer where the headers
//! allow one. A message that is framed but otherwise unsound is not an error here: see
//! [`Message::validate`].

use thiserror::Error;

use crate::message::{Frame, MESSAGE_BYTES_MAX, Message, StatusCode};

/// Why octets are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FramingFault {
    /// A datagram of nothing but line ends: a keep-alive.
    #[error("the datagram is empty")]
    Empty,
    /// More than [`MESSAGE_BYTES_MAX`] octets.
    #[error("the message is too large")]
    TooLarge,
    /// A datagram ends within the header section.
    #[error("the header section has no end")]
    Incomplete,
    /// A CR or LF stands alone in the header section.
    #[error("a CR or LF stands alone in the header section")]
    BareLineEnd,
    /// Content-Length is not a plain number of 32 bits.
    #[error("Content-Length is malformed")]
    ContentLength,
    /// There is more than one Content-Length.
    #[error("Content-Length stands more than once")]
    RepeatedContentLength,
    /// A message on a stream has no Content-Length.
    #[error("Content-Length is missing")]
    MissingContentLength,
    /// A datagram ends before the length that Content-Length gives.
    #[error("the body is shorter than Content-Length says")]
    BodyTooShort,
}

impl FramingFault {
    /// The status that answers a request with this fault: the only place where one is chosen.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::MESSAGE_TOO_LARGE,
            Self::Empty
            | Self::Incomplete
            | Self::BareLineEnd
            | Self::ContentLength
            | Self::RepeatedContentLength
            | Self::MissingContentLength
            | Self::BodyTooShort => StatusCode::BAD_REQUEST,
        }
    }
}

/// Octets that are no message. A stream on which this happens is to be closed.
#[derive(Clone, Debug, Error)]
#[error("{fault}")]
pub struct FramingError {
    fault: FramingFault,
    message: Option<Box<Message>>,
}

impl FramingError {
    pub(crate) fn new(fault: FramingFault, message: Message) -> Self {
        Self {
            fault,
            message: Some(Box::new(message)),
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> FramingFault {
        self.fault
    }

    /// The status to answer with before closing or dropping; `None` if no answer could reach the sender.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.request().map(|_| self.fault.status())
    }

    /// The request to answer, without a body, if an answer could reach the sender.
    #[must_use]
    pub fn request(&self) -> Option<&Message> {
        self.message.as_deref().filter(|message| message.is_answerable())
    }
}

impl From<FramingFault> for FramingError {
    fn from(fault: FramingFault) -> Self {
        Self { fault, message: None }
    }
}

/// What a stream carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every value is a message, and boxing it costs an allocation"
)]
pub enum Framed {
    /// A message.
    Message(Message),
    /// CRLFCRLF from the side that opened the connection: to be answered with CRLF.
    Ping,
    /// CRLF from the side that accepted the connection: the answer to our ping.
    Pong,
}

/// Which side of a connection we are; it decides what a lone CRLF means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We opened the connection: CRLF is a pong.
    Dialled,
    /// The peer opened the connection: CRLFCRLF is a ping, and a lone CRLF means nothing.
    Accepted,
}

/// Cuts the octets of one connection into messages.
///
/// The cost is linear in the octets, in whatever pieces they come. Beyond one message the buffer holds
/// what the caller pushes before asking for messages; between messages it holds no memory.
#[derive(Debug)]
pub struct StreamFramer {
    side: Side,
    buffer: Vec<u8>,
    /// Octets at the front of `buffer` that were handed out.
    consumed: usize,
    /// Octets behind `consumed` that hold no end of a header section.
    searched: usize,
    /// The length of the message behind `consumed`, once its header section is complete.
    expected: Option<usize>,
    /// The fault that ended the framing.
    failed: Option<FramingFault>,
}

impl StreamFramer {
    /// Begins with an empty stream.
    #[must_use]
    pub fn new(side: Side) -> Self {
        Self {
            side,
            buffer: Vec::new(),
            consumed: 0,
            searched: 0,
            expected: None,
            failed: None,
        }
    }

    /// Adds octets that were received; call [`Self::next`] until it yields nothing, before the next push.
    pub fn push(&mut self, octets: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(octets);
    }

    /// Says whether part of a message has arrived and the rest is awaited. A lone CRLF is no part of one: it
    /// keeps the connection of some peers open, and trails the messages of others.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.failed.is_none() && !matches!(self.pending(), [] | b"\r" | b"\r\n" | b"\r\n\r")
    }

    /// Octets that have arrived and were not handed out.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending().len()
    }

    /// The next message or keep-alive, or `None` until more octets arrive.
    ///
    /// # Errors
    /// A [`FramingError`]: the connection is to be closed, after an answer if the error has a status.
    /// Later calls yield the same fault without a request.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator that yields nothing is over, a stream is not"
    )]
    pub fn next(&mut self) -> Result<Option<Framed>, FramingError> {
        if let Some(fault) = self.failed {
            return Err(fault.into());
        }
        let framed = self.frame();
        if let Err(error) = &framed {
            self.failed = Some(error.fault);
            self.buffer = Vec::new();
            self.consumed = 0;
        }
        framed
    }

    fn frame(&mut self) -> Result<Option<Framed>, FramingError> {
        if let Some(length) = self.expected {
            let octets = self.take(length);
            return Ok(octets.map(|octets| Framed::Message(Message::from_framed(octets))));
        }
        if let Some(keep_alive) = self.take_line_ends() {
            return Ok(Some(keep_alive));
        }
        let Some(head_length) = self.find_head()? else {
            return Ok(None);
        };
        let frame = Frame::measure(self.pending().get(..head_length).unwrap_or_default())?;
        match self.take(frame.length()) {
            Some(octets) => Ok(Some(Framed::Message(frame.complete(octets)))),
            None => {
                // The table is made again when the body is here: connections that wait keep no table.
                self.expected = Some(frame.length());
                Ok(None)
            }
        }
    }

    /// Takes line ends between messages; yields the first that means something.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-7.5
    //# Implementations processing SIP messages over stream-oriented
    //# transports MUST ignore any CRLF appearing before the start-line
    fn take_line_ends(&mut self) -> Option<Framed> {
        loop {
            let (length, meaning) = match (self.side, self.pending()) {
                (Side::Accepted, [b'\r', b'\n', b'\r', b'\n', ..]) => (4, Some(Framed::Ping)),
                // The second half of a ping may not have arrived.
                (Side::Accepted, [b'\r', b'\n'] | [b'\r', b'\n', b'\r']) => return None,
                (Side::Accepted, [b'\r', b'\n', ..]) => (2, None),
                (Side::Dialled, [b'\r', b'\n', ..]) => (2, Some(Framed::Pong)),
                (Side::Accepted | Side::Dialled, _) => return None,
            };
            self.discard(length);
            if meaning.is_some() {
                return meaning;
            }
        }
    }

    /// Finds the end of the header section.
    fn find_head(&mut self) -> Result<Option<usize>, FramingError> {
        let length = self.pending().len();
        let unsearched = self.unsearched();
        let found =
            memchr::memmem::find(unsearched, b"\r\n\r\n").map(|place| length - unsearched.len() + place + 4);
        match found {
            Some(head_length) if head_length <= MESSAGE_BYTES_MAX => Ok(Some(head_length)),
            None if length < MESSAGE_BYTES_MAX => {
                self.searched = length;
                Ok(None)
            }
            Some(_) | None => Err(FramingFault::TooLarge.into()),
        }
    }

    /// The octets where the empty line can end: those not searched before, and the three that may begin it.
    fn unsearched(&self) -> &[u8] {
        self.pending()
            .get(self.searched.saturating_sub(3)..)
            .unwrap_or_default()
    }

    /// Takes that many octets, if they have arrived; a buffer that holds nothing else is handed over.
    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        let octets = match self.pending().get(..length)? {
            _ if self.consumed == 0 && self.buffer.len() == length => std::mem::take(&mut self.buffer),
            octets => octets.to_vec(),
        };
        self.discard(length);
        self.expected = None;
        Some(octets)
    }

    fn discard(&mut self, length: usize) {
        self.consumed += length;
        self.searched = 0;
        if self.consumed >= self.buffer.len() {
            self.buffer = Vec::new();
            self.consumed = 0;
        }
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.consumed..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_begin_no_message() {
        for (octets, is_within) in [
            ("", false),
            ("\r", false),
            ("\r\n", false),
            ("\r\n\r", false),
            ("R", true),
            ("\r\nR", true),
        ] {
            let mut framer = StreamFramer::new(Side::Accepted);
            framer.push(octets.as_bytes());

            assert!(matches!(framer.next(), Ok(None)));
            assert_eq!(framer.is_within_message(), is_within, "{octets:?}");
        }
    }

    #[test]
    fn an_endless_header_section_is_searched_once_however_it_comes() {
        for size in [1, 7, 1000] {
            let mut framer = StreamFramer::new(Side::Accepted);
            for piece in b"a: b\r\n".repeat(1000).chunks(size) {
                framer.push(piece);
                assert!(framer.unsearched().len() <= piece.len() + 3);
                assert!(matches!(framer.next(), Ok(None)));
            }
        }
    }

    #[test]
    fn between_messages_no_memory_is_held() {
        let mut framer = StreamFramer::new(Side::Accepted);
        framer.push(b"\r\n\r\n");
        assert_eq!(framer.next().unwrap(), Some(Framed::Ping));
        assert_eq!(framer.buffer.capacity(), 0);

        framer.push(b"BYE sip:a@b SIP/2.0\r\nl: 0\r\n\r\n\r\n");
        assert!(matches!(framer.next(), Ok(Some(Framed::Message(_)))));
        assert_eq!(framer.next().unwrap(), None);
        framer.push(b"\r\n");
        assert_eq!(framer.next().unwrap(), Some(Framed::Ping));
        assert_eq!(framer.buffer.capacity(), 0);
    }
}
