//! Via (RFC 3261 section 20.42, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use super::parameters::Parameters;
use crate::flow::Transport;
use crate::syntax::{self, Scanner, SyntaxError};
use crate::uri::{self, Host};

/// What every branch of RFC 3261 begins with (section 8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

/// Protocol, version and transport of a Via.
#[derive(Clone, Copy, Debug)]
pub struct SentProtocol<'a> {
    /// `SIP`, as written.
    pub name: &'a str,
    /// `2.0`, as written.
    pub version: &'a str,
    /// The transport token, as written; it need not be one that we speak.
    pub transport: &'a str,
}

/// One Via value: a hop that the request took.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    protocol: SentProtocol<'a>,
    host: Host<'a>,
    port: Option<u16>,
    parameters: Parameters<'a>,
    /// The first `branch` among `parameters`.
    branch: Option<&'a str>,
    value: &'a str,
}

impl<'a> Via<'a> {
    /// Reads a value that fills the whole text.
    ///
    /// # Errors
    /// A [`SyntaxError`] that names the fault.
    pub fn parse(value: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(value);
        let via = Self::take(&mut scanner)?;
        scanner.expect_end()?;
        Ok(via)
    }

    /// Takes one value at the scanner's position and stops behind its parameters.
    pub(crate) fn take(scanner: &mut Scanner<'a>) -> Result<Self, SyntaxError> {
        let mut via = Self::take_sender(scanner)?;
        let start = scanner.position().saturating_sub(via.value.len());
        let mut branch = None;
        via.parameters = Parameters::take_noting(scanner, |parameter| {
            if branch.is_none() && parameter.is("branch") {
                branch = parameter.value;
            }
        })?;
        via.branch = branch;
        via.value = scanner.since(start);
        Ok(via)
    }

    /// Takes protocol and sent-by only: enough to answer a request whose Via parameters are malformed.
    pub(crate) fn take_sender(scanner: &mut Scanner<'a>) -> Result<Self, SyntaxError> {
        scanner.skip_whitespace();
        let start = scanner.position();
        let (name, version) = protocol(scanner)?;
        let transport = scanner.expect(syntax::TOKEN)?;
        if !scanner.peek().is_some_and(syntax::is_whitespace) {
            return Err(scanner.unexpected());
        }
        scanner.skip_whitespace();
        let host = Host::take(scanner)?;
        let port = if scanner.take_separator(b':') {
            Some(uri::port(scanner.expect(syntax::TOKEN)?)?)
        } else {
            None
        };
        let protocol = SentProtocol {
            name,
            version,
            transport,
        };
        let (parameters, branch) = (Parameters::default(), None);
        Ok(Self {
            protocol,
            host,
            port,
            parameters,
            branch,
            value: scanner.since(start),
        })
    }

    /// Reads the first value of a header line.
    pub(crate) fn parse_first(line: &'a str) -> Result<Self, SyntaxError> {
        let mut scanner = Scanner::new(line);
        let via = Self::take(&mut scanner)?;
        if !scanner.take_separator(b',') {
            scanner.expect_end()?;
        }
        Ok(via)
    }

    /// Protocol, version and transport.
    #[must_use]
    pub fn protocol(&self) -> SentProtocol<'a> {
        self.protocol
    }

    /// The transport, if it is one that we speak.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        Transport::from_token(self.protocol.transport)
    }

    /// The host of sent-by.
    #[must_use]
    pub fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port of sent-by, if it names one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The `branch` parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.branch
    }

    /// The `branch` parameter if its sender follows RFC 3261, and so made it unique; otherwise the
    /// transaction is to be found by the rules of RFC 2543 (RFC 3261 section 17.2.3).
    #[must_use]
    pub fn unique_branch(&self) -> Option<&'a str> {
        self.branch().filter(|branch| has_cookie(branch))
    }

    /// Says whether the branch is the cookie and nothing else, so that it is not unique at all
    /// (RFC 4475 section 3.2.1).
    #[must_use]
    pub fn has_empty_branch(&self) -> bool {
        self.branch()
            .is_some_and(|branch| has_cookie(branch) && branch.len() == MAGIC_COOKIE.len())
    }

    /// The `received` parameter, if it is an address; brackets around IPv6 are tolerated (RFC 5118
    /// section 4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.parameters.value("received")?;
        value.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The `rport` parameter: `None` if it is absent, `Some(None)` if it asks to be filled in.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.parameters
            .find("rport")
            .map(|parameter| parameter.value.and_then(|digits| uri::port(digits).ok()))
    }

    /// The `maddr` parameter.
    #[must_use]
    pub fn maddr(&self) -> Option<&'a str> {
        self.parameters.value("maddr")
    }

    /// All parameters.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        self.parameters
    }

    /// The value as it was written, parameters included.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.value
    }

    /// Where the response to a request goes that came from `source` by datagram, once the Via has been
    /// stamped (RFC 3261 section 18.2.2, RFC 3581 section 4); `maddr` is not followed.
    #[must_use]
    pub fn response_address(&self, source: SocketAddr) -> SocketAddr {
        let address = self
            .received()
            .or_else(|| self.host.ip())
            .unwrap_or_else(|| source.ip());
        let port = match self.rport() {
            Some(Some(port)) => port,
            Some(None) => source.port(),
            None => self.port.unwrap_or(Transport::Udp.default_port()),
        };
        SocketAddr::new(address, port)
    }
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.7
//# The branch ID inserted by an element compliant with this
//# specification MUST always begin with the characters "z9hG4bK".
fn has_cookie(branch: &str) -> bool {
    branch
        .get(..MAGIC_COOKIE.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
}

/// Takes `SIP / 2.0 /` with its white space.
fn protocol<'a>(scanner: &mut Scanner<'a>) -> Result<(&'a str, &'a str), SyntaxError> {
    const USUAL: &str = "SIP/2.0/";
    if scanner.rest().starts_with(USUAL) {
        scanner.advance(USUAL.len());
        return Ok(("SIP", "2.0"));
    }
    let name = scanner.expect(syntax::TOKEN)?;
    slash(scanner)?;
    let version = scanner.expect(syntax::TOKEN)?;
    slash(scanner)?;
    Ok((name, version))
}

fn slash(scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
    if scanner.take_separator(b'/') {
        Ok(())
    } else {
        Err(scanner.unexpected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_folds_stand_between_all_elements() {
        let via = Via::parse(
            "SIP  / 2.0\r\n  / TCP     spindle.example.com : 5070  ;\r\n  branch  =   z9hG4bK9ikj8 ;rport",
        )
        .unwrap();
        assert_eq!((via.protocol().name, via.protocol().version), ("SIP", "2.0"));
        assert_eq!((via.transport(), via.port()), (Some(Transport::Tcp), Some(5070)));
        assert_eq!(via.host(), Host::Domain("spindle.example.com"));
        assert_eq!(
            (via.unique_branch(), via.rport()),
            (Some("z9hG4bK9ikj8"), Some(None))
        );
    }

    #[test]
    fn a_branch_without_cookie_is_not_unique() {
        let via = Via::parse("SIP/2.0/UDP 192.0.2.2;branch=390skdjuw").unwrap();
        assert_eq!((via.branch(), via.unique_branch()), (Some("390skdjuw"), None));
        assert!(!via.has_empty_branch());
        assert!(
            Via::parse("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK")
                .unwrap()
                .has_empty_branch()
        );
    }

    #[test]
    fn an_ipv6_address_is_received_with_and_without_brackets() {
        for value in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let via = format!("SIP/2.0/UDP [2001:db8::9:1];received={value};branch=z9hG4bKas3-111");
            assert_eq!(
                Via::parse(&via).unwrap().received(),
                "2001:db8::9:255".parse().ok()
            );
        }
    }

    #[test]
    fn a_response_goes_where_the_request_came_from() {
        let source: SocketAddr = "198.51.100.7:40000".parse().unwrap();
        let cases = [
            (
                "SIP/2.0/UDP 192.0.2.2;received=198.51.100.7;rport=40000",
                "198.51.100.7:40000",
            ),
            (
                "SIP/2.0/UDP 192.0.2.2:5070;received=198.51.100.7",
                "198.51.100.7:5070",
            ),
            ("SIP/2.0/UDP 198.51.100.7", "198.51.100.7:5060"),
            ("SIP/2.0/UDP host.example.com:5080", "198.51.100.7:5080"),
        ];
        for (via, expected) in cases {
            assert_eq!(
                Via::parse(via).unwrap().response_address(source).to_string(),
                expected,
                "{via}"
            );
        }
    }

    #[test]
    fn malformed_values_are_refused() {
        for value in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0 192.0.2.1",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP 192.0.2.1:99999",
            "SIP/2.0/UDP 192.0.2.1:",
            "SIP/2.0/UDP 2001:db8::9",
            "SIP/2.0/UDP [2001:db8::9",
            "SIP/2.0/UDP 192.0.2.1 x",
        ] {
            assert!(Via::parse(value).is_err(), "{value:?}");
        }
    }
}
