//! Edits that change one header and leave every other octet as it is.

use std::net::SocketAddr;
use std::ops::Range;

use super::{BuildError, HEADERS_MAX, HeaderName, MESSAGE_BYTES_MAX, Message};
use crate::header::{ListValues, Parameters, Via, is_token};
use crate::syntax::Scanner;
use crate::uri::Uri;

impl Message {
    /// Notes in the top Via where a request came from (RFC 3261 section 18.2.1, RFC 3581 section 4).
    ///
    /// `rport` is filled in if it is there; `received` is added if the address differs from sent-by or
    /// `rport` is there. Values that the sender put there itself are overwritten. A message whose top Via is
    /// malformed is returned as it is.
    //= https://www.rfc-editor.org/rfc/rfc3581#section-4
    //# When a server compliant to this specification (which can be a proxy
    //# or UAS) receives a request, it examines the topmost Via header field
    //# value.  If this Via header field value contains an "rport" parameter
    //# with no value, it MUST set the value of the parameter to the source
    //# port of the request.
    #[must_use]
    pub fn with_received_from(mut self, source: SocketAddr) -> Self {
        if let Some(splice) = self.received_splice(source) {
            self.splice_value(splice);
        }
        self
    }

    /// The message with a further Via on top.
    ///
    /// # Errors
    /// [`BuildError`] if the value holds a line end, or the message exceeds a limit.
    pub fn with_top_via(&self, value: &str) -> Result<Self, BuildError> {
        let place = match self.entry(HeaderName::Via) {
            Some(entry) => entry.name.range().start,
            None => self.first_header(),
        };
        self.spliced(vec![Splice::insert(place, line(HeaderName::Via, value)?)])
    }

    /// The message without its top Via; the same message if it has none.
    ///
    /// # Errors
    /// [`BuildError`] never happens in practice: the message gets smaller.
    pub fn without_top_via(&self) -> Result<Self, BuildError> {
        self.without_first_value(HeaderName::Via)
    }

    /// The message without the first of the comma-separated values of this header.
    ///
    /// # Errors
    /// [`BuildError`] never happens in practice: the message gets smaller.
    pub fn without_first_value(&self, name: HeaderName<'_>) -> Result<Self, BuildError> {
        let Some(entry) = self.entry(name) else {
            return Ok(self.clone());
        };
        let value = entry.value.text_of(&self.octets).unwrap_or_default();
        let mut values = ListValues::new(value);
        let splice = match (values.next(), values.remainder()) {
            (Some(_), Some(rest)) => {
                let range = entry.value.range();
                let kept = rest.trim_start();
                Splice::remove(range.start..range.end - kept.len())
            }
            _ => Splice::remove(self.line_of(entry.name.range().start, entry.value.range().end)),
        };
        self.spliced(vec![splice])
    }

    /// The message with this header once, in place of the first one of its name, or else as the last header.
    ///
    /// # Errors
    /// [`BuildError`] if the name is no token, the value holds a line end, the header is Content-Length, or
    /// the message exceeds a limit.
    pub fn with_header(&self, name: HeaderName<'_>, value: &str) -> Result<Self, BuildError> {
        let line = line(name, value)?;
        let mut splices = self.removals(name);
        match splices.first_mut() {
            Some(first) => first.replacement = line,
            None => splices.push(Splice::insert(self.end_of_headers(), line)),
        }
        self.spliced(splices)
    }

    /// The message without any header of this name.
    ///
    /// # Errors
    /// [`BuildError::ContentLength`] for that header, without which a stream cannot be framed.
    pub fn without_header(&self, name: HeaderName<'_>) -> Result<Self, BuildError> {
        if name == HeaderName::ContentLength {
            return Err(BuildError::ContentLength);
        }
        self.spliced(self.removals(name))
    }

    /// The request with another Request-URI; a response is returned as it is.
    ///
    /// # Errors
    /// [`BuildError`] if the URI is malformed, or the message exceeds a limit.
    pub fn with_request_uri(&self, uri: &str) -> Result<Self, BuildError> {
        Uri::parse(uri)?;
        let super::StartLine::Request { uri: span, .. } = self.head.start_line else {
            return Ok(self.clone());
        };
        self.spliced(vec![Splice {
            range: span.range(),
            replacement: uri.as_bytes().to_vec(),
        }])
    }

    /// The change that stamps the top Via, if there is anything to change.
    fn received_splice(&self, source: SocketAddr) -> Option<Splice> {
        let entry = self.entry(HeaderName::Via)?;
        let text = entry.value.text_of(&self.octets)?;
        let via = Via::take(&mut Scanner::new(text)).ok()?;
        let address = source.ip().to_canonical();
        let parameters = via.parameters();
        let is_needed = via.host().ip().is_none_or(|host| host.to_canonical() != address)
            || via.rport().is_some()
            || parameters.contains("received");
        if !is_needed {
            return None;
        }
        let stamped = stamped(
            parameters,
            &format!(";received={address}"),
            &format!(";rport={}", source.port()),
        );
        // A header value has no white space before its first Via, so this Via begins where the value does.
        let start = entry.value.range().start + via.as_str().len() - parameters.as_str().len();
        Some(Splice {
            range: start..start + parameters.as_str().len(),
            replacement: stamped.into_bytes(),
        })
    }

    fn removals(&self, name: HeaderName<'_>) -> Vec<Splice> {
        let line = |entry: super::Entry| self.line_of(entry.name.range().start, entry.value.range().end);
        self.entries(name)
            .map(|entry| Splice::remove(line(entry)))
            .collect()
    }

    /// The range of a header line, its CRLF included.
    fn line_of(&self, start: usize, value_end: usize) -> Range<usize> {
        let mut end = value_end;
        // Behind the value there is nothing but white space up to the CRLF that no white space follows.
        while let Some(rest) = self.octets.get(end..self.head.length) {
            match rest {
                [b'\r', b'\n', b' ' | b'\t', ..] => end += 3,
                [b'\r', b'\n', ..] => return start..end + 2,
                [_, ..] => end += 1,
                [] => break,
            }
        }
        start..end
    }

    /// The place behind the start line.
    fn first_header(&self) -> usize {
        memchr::memchr(b'\n', &self.octets).map_or(self.head.length, |place| place + 1)
    }

    /// The place of the empty line.
    fn end_of_headers(&self) -> usize {
        self.head.length.saturating_sub(2)
    }

    /// Replaces a range inside one header's value by octets without line end: the table stays right but for its places. A
    /// message this close to the limit that it would get too large stays as it is: it is answered by the address it names.
    fn splice_value(&mut self, splice: Splice) {
        let Splice { range, replacement } = splice;
        if self.octets.len() - range.len() + replacement.len() > MESSAGE_BYTES_MAX {
            return;
        }
        self.head.resize(&range, replacement.len());
        self.octets.splice(range, replacement);
    }

    /// The message with ranges replaced, which are in order and do not overlap.
    fn spliced(&self, splices: Vec<Splice>) -> Result<Self, BuildError> {
        let growth: usize = splices.iter().map(|splice| splice.replacement.len()).sum();
        let mut octets = Vec::with_capacity(self.octets.len() + growth);
        let mut position = 0;
        for splice in splices {
            octets.extend_from_slice(self.octets.get(position..splice.range.start).unwrap_or_default());
            octets.extend_from_slice(&splice.replacement);
            position = splice.range.end;
        }
        octets.extend_from_slice(self.octets.get(position..).unwrap_or_default());
        if octets.len() > MESSAGE_BYTES_MAX {
            return Err(BuildError::TooLarge);
        }
        let message = Self::from_framed(octets);
        if message.head.entries.len() == HEADERS_MAX && message.head.fault.is_some() {
            return Err(BuildError::TooManyHeaders);
        }
        Ok(message)
    }
}

/// A range of octets and what stands there instead.
struct Splice {
    range: Range<usize>,
    replacement: Vec<u8>,
}

impl Splice {
    fn insert(place: usize, replacement: Vec<u8>) -> Self {
        Self {
            range: place..place,
            replacement,
        }
    }

    fn remove(range: Range<usize>) -> Self {
        Self {
            range,
            replacement: Vec::new(),
        }
    }
}

fn line(name: HeaderName<'_>, value: &str) -> Result<Vec<u8>, BuildError> {
    let text = name.as_str();
    if !is_token(text) {
        return Err(BuildError::Token(text.to_owned()));
    }
    if memchr::memchr3(b'\r', b'\n', 0, value.as_bytes()).is_some() {
        return Err(BuildError::Value(text.to_owned()));
    }
    if name == HeaderName::ContentLength {
        return Err(BuildError::ContentLength);
    }
    Ok([text, ": ", value, "\r\n"].concat().into_bytes())
}

/// The parameters of a Via with `received`, and with `rport` filled in where there is one.
fn stamped(parameters: Parameters<'_>, received: &str, rport: &str) -> String {
    let text = parameters.as_str();
    let mut stamped = String::with_capacity(text.len() + received.len() + rport.len());
    let mut has_rport = false;
    let mut iterator = parameters.into_iter();
    let mut position = 0;
    while let Some(parameter) = iterator.next() {
        let written = text.get(position..iterator.position()).unwrap_or_default();
        position = iterator.position();
        if parameter.is("rport") {
            stamped.push_str(if has_rport { "" } else { rport });
            has_rport = true;
        } else if !parameter.is("received") {
            stamped.push_str(written);
        }
    }
    stamped.push_str(received);
    stamped
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "OPTIONS sip:a@example.com SIP/2.0\r\nvia : SIP/2.0/UDP 192.0.2.1 \r\n \r\nX:  a \r\n\
        Contact: <sip:b>,\r\n <sip:c>\r\nx: b\r\nl: 2\r\n\r\nhi";

    fn parse(text: &str) -> Message {
        Message::parse_datagram(text.as_bytes().to_vec()).unwrap()
    }

    fn text(message: &Message) -> &str {
        std::str::from_utf8(message.as_bytes()).unwrap()
    }

    /// Stamps a request that has this Via, and returns the Via line as it then stands.
    fn stamp(via: &str, source: &str) -> String {
        let request = format!("BYE sip:a@b SIP/2.0\r\nTo:  x\r\nVia:{via}\r\nZ :y\r\n\r\nbody");
        let stamped = parse(&request).with_received_from(source.parse().unwrap());
        let read_again = Message::from_framed(stamped.as_bytes().to_vec());
        assert!(stamped.fields().eq(read_again.fields()), "the table follows");
        assert_eq!(stamped.body(), read_again.body());
        let (head, rest) = text(&stamped).split_once("Via:").unwrap();
        let (via, tail) = rest.split_once("\r\nZ :y\r\n\r\n").unwrap();
        assert_eq!((head, tail), ("BYE sip:a@b SIP/2.0\r\nTo:  x\r\n", "body"));
        via.to_owned()
    }

    #[test]
    fn rport_is_filled_in_together_with_received() {
        assert_eq!(
            stamp(
                " SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff",
                "192.0.2.1:9988"
            ),
            " SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1"
        );
        assert_eq!(
            stamp(" SIP/2.0/UDP 192.0.2.1;rport", "192.0.2.1:5060"),
            " SIP/2.0/UDP 192.0.2.1;rport=5060;received=192.0.2.1"
        );
    }

    #[test]
    fn without_rport_only_a_differing_address_is_noted() {
        assert_eq!(
            stamp(" SIP/2.0/TCP 192.0.2.1;branch=1", "192.0.2.1:9988"),
            " SIP/2.0/TCP 192.0.2.1;branch=1"
        );
        assert_eq!(
            stamp(" SIP/2.0/TCP h.example;branch=1", "192.0.2.1:1"),
            " SIP/2.0/TCP h.example;branch=1;received=192.0.2.1"
        );
        assert_eq!(
            stamp("SIP/2.0/TCP 192.0.2.9", "[2001:db8::1]:1"),
            "SIP/2.0/TCP 192.0.2.9;received=2001:db8::1"
        );
        assert_eq!(
            stamp("SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:1"),
            "SIP/2.0/UDP 192.0.2.1"
        );
    }

    #[test]
    fn what_the_sender_claims_about_itself_is_overwritten() {
        assert_eq!(
            stamp(
                " SIP/2.0/UDP 192.0.2.1;received=203.0.113.5 ;rport=1;rport=2;x=\"y\"",
                "192.0.2.1:7"
            ),
            " SIP/2.0/UDP 192.0.2.1;rport=7;x=\"y\";received=192.0.2.1"
        );
        assert_eq!(
            stamp(" SIP/2.0/UDP 192.0.2.1;received=203.0.113.5", "192.0.2.1:5060"),
            " SIP/2.0/UDP 192.0.2.1;received=192.0.2.1"
        );
    }

    #[test]
    fn only_the_top_value_of_a_via_list_is_stamped() {
        assert_eq!(
            stamp(
                " SIP/2.0/UDP a.example ; branch=1 ,\r\n SIP/2.0/UDP b.example;rport",
                "192.0.2.1:7"
            ),
            " SIP/2.0/UDP a.example ; branch=1;received=192.0.2.1 ,\r\n SIP/2.0/UDP b.example;rport"
        );
    }

    #[test]
    fn a_malformed_via_is_left_alone() {
        assert_eq!(
            stamp(" SIP/2.0/UDP a.example;;", "192.0.2.1:7"),
            " SIP/2.0/UDP a.example;;"
        );
    }

    #[test]
    fn an_edit_changes_only_the_header_it_names() {
        let message = parse(REQUEST);
        assert_eq!(
            text(&message.with_header(HeaderName::Other("x"), "c").unwrap()),
            REQUEST.replace("X:  a \r\n", "x: c\r\n").replace("x: b\r\n", "")
        );
        assert_eq!(
            text(&message.with_header(HeaderName::Subject, "c").unwrap()),
            REQUEST.replace("l: 2\r\n", "l: 2\r\nSubject: c\r\n")
        );
        assert_eq!(
            text(&message.without_header(HeaderName::Via).unwrap()),
            REQUEST.replace("via : SIP/2.0/UDP 192.0.2.1 \r\n \r\n", "")
        );
        assert_eq!(
            text(&message.with_request_uri("tel:+1").unwrap()),
            REQUEST.replace("sip:a@example.com", "tel:+1")
        );
    }

    #[test]
    fn the_first_value_of_a_list_is_removed_alone() {
        let message = parse(REQUEST).without_first_value(HeaderName::Contact).unwrap();
        assert_eq!(text(&message), REQUEST.replace("<sip:b>,\r\n <sip:c>", "<sip:c>"));
        let message = message.without_first_value(HeaderName::Contact).unwrap();
        assert_eq!(
            text(&message),
            REQUEST.replace("Contact: <sip:b>,\r\n <sip:c>\r\n", "")
        );
    }

    #[test]
    fn a_via_is_put_on_top_and_taken_off_again() {
        let message = parse(REQUEST);
        let forwarded = message
            .with_top_via("SIP/2.0/TCP 192.0.2.9;branch=z9hG4bK1")
            .unwrap();
        assert_eq!(forwarded.top_via().unwrap().branch(), Some("z9hG4bK1"));
        assert_eq!(forwarded.without_top_via(), Ok(message));
    }

    #[test]
    fn a_value_with_a_line_end_is_refused() {
        let message = parse(REQUEST);
        assert_eq!(
            message.with_header(HeaderName::To, "a\r\nb: c"),
            Err(BuildError::Value("To".to_owned()))
        );
        assert_eq!(
            message.with_header(HeaderName::Other("l"), "0"),
            Err(BuildError::ContentLength)
        );
        assert_eq!(
            message.without_header(HeaderName::ContentLength),
            Err(BuildError::ContentLength)
        );
        assert_eq!(
            message.with_header(HeaderName::Other("a b"), "0"),
            Err(BuildError::Token("a b".to_owned()))
        );
    }
}
