//! Where a message ends, by its Content-Length.

use super::head::{ContentLength, Head};
use super::{MESSAGE_BYTES_MAX, Message};
use crate::framing::{FramingError, FramingFault};

impl Message {
    /// Reads the message of one datagram; octets behind the length that Content-Length gives are dropped.
    ///
    /// # Errors
    /// A [`FramingError`] if the octets are no complete message; it says whether they can be answered.
    pub fn parse_datagram(mut bytes: Vec<u8>) -> Result<Self, FramingError> {
        let leading = bytes.chunks_exact(2).take_while(|pair| *pair == b"\r\n").count() * 2;
        if leading > 0 {
            bytes.drain(..leading);
        }
        if bytes.is_empty() {
            return Err(FramingFault::Empty.into());
        }
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(FramingFault::TooLarge.into());
        }
        let mut message = Self {
            octets: bytes,
            head: Head::empty(),
        };
        message.head.tabulate(&message.octets);
        let available = message.octets.len() - message.head.length;
        //= https://www.rfc-editor.org/rfc/rfc3261#section-18.3
        //# If there are additional bytes in the transport packet beyond the end
        //# of the body, they MUST be discarded.
        let body_length = match body_length(&message.head) {
            Ok(Some(octets)) if octets > available => Err(FramingFault::BodyTooShort),
            Ok(octets) => Ok(octets.unwrap_or(available)),
            Err(fault) => Err(fault),
        };
        message
            .octets
            .truncate(message.head.length + *body_length.as_ref().unwrap_or(&0));
        match body_length {
            Ok(_) => Ok(message),
            Err(fault) => Err(FramingError::new(fault, message)),
        }
    }

    /// Makes a message of octets whose framing the caller has settled.
    pub(crate) fn from_framed(octets: Vec<u8>) -> Self {
        let mut message = Self {
            octets,
            head: Head::empty(),
        };
        message.head.tabulate(&message.octets);
        message
    }
}

/// The start of a stream that holds a complete header section.
pub(crate) struct Frame {
    head: Head,
    length: usize,
}

impl Frame {
    /// Reads a header section that includes its empty line.
    pub(crate) fn measure(section: &[u8]) -> Result<Self, FramingError> {
        let mut head = Head::empty();
        head.tabulate(section);
        let length = match body_length(&head) {
            //= https://www.rfc-editor.org/rfc/rfc3261#section-18.3
            //# The Content-Length header field MUST be used with stream oriented transports.
            Ok(None) => Err(FramingFault::MissingContentLength),
            Ok(Some(octets)) if octets > MESSAGE_BYTES_MAX - section.len() => Err(FramingFault::TooLarge),
            Ok(Some(octets)) => Ok(section.len() + octets),
            Err(fault) => Err(fault),
        };
        match length {
            Ok(length) => Ok(Self { head, length }),
            Err(fault) => Err(FramingError::new(
                fault,
                Message {
                    octets: section.to_vec(),
                    head,
                },
            )),
        }
    }

    /// The length of the whole message in octets.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The message, given all its octets.
    pub(crate) fn complete(self, octets: Vec<u8>) -> Message {
        debug_assert_eq!(
            octets.len(),
            self.length,
            "the caller cuts the stream at the length"
        );
        Message {
            octets,
            head: self.head,
        }
    }
}

/// The length of the body, if the header section says one.
fn body_length(head: &Head) -> Result<Option<usize>, FramingFault> {
    if !head.is_complete {
        return Err(FramingFault::Incomplete);
    }
    if head.has_bare_line_end {
        return Err(FramingFault::BareLineEnd);
    }
    match head.content_length {
        ContentLength::Absent => Ok(None),
        // A number that does not fit is beyond every limit anyway.
        ContentLength::Octets(octets) => Ok(Some(usize::try_from(octets).unwrap_or(usize::MAX))),
        ContentLength::Malformed => Err(FramingFault::ContentLength),
        ContentLength::Repeated => Err(FramingFault::RepeatedContentLength),
    }
}
