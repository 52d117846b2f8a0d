//! URIs, alone and compared.

use sip::uri::{
    COMPARED_PARAMETERS_MAX, Host, OwnedUri, Uri, UriBuilder, escape_parameter, escape_user, unescape,
};

/// Reads one URI on each line, writes it from its parts, and compares the first two.
///
/// # Panics
/// If a URI reads differently the second time or from its parts, an escape loses an octet, or a comparison depends on
/// the order.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    assert_eq!(unescape(&escape_user(text)), text.as_bytes());
    assert_eq!(unescape(&escape_parameter(text)), text.as_bytes());
    let mut lines = text.split('\n').map(Uri::parse);
    let first = lines.next().and_then(Result::ok);
    let second = lines.next().and_then(Result::ok);
    for uri in [first, second].iter().flatten() {
        check(uri);
    }
    if let (Some(first), Some(second)) = (first, second) {
        assert_eq!(first.is_equivalent_to(&second), second.is_equivalent_to(&first));
    }
}

fn check(uri: &Uri<'_>) {
    let owned = OwnedUri::parse(uri.as_str()).expect("a URI that was read can be read again");
    let again = owned.as_uri();
    assert_eq!(again.as_str(), uri.as_str());
    assert_eq!(again.scheme(), uri.scheme());
    assert_eq!((again.user(), again.password()), (uri.user(), uri.password()));
    assert_eq!((again.host(), again.port()), (uri.host(), uri.port()));
    assert!(again.parameters().eq(uri.parameters()));
    assert_eq!(uri.is_sip(), uri.host().is_some());
    assert_eq!(again.is_equivalent_to(uri), uri.is_equivalent_to(&again));
    if let Some(host) = uri.host() {
        assert_eq!(Host::parse(&host.to_string()).ok(), Some(host));
        check_parts(uri, host);
    }
}

/// Writes the URI anew, with the escapes that are needed and no others.
fn check_parts(uri: &Uri<'_>, host: Host<'_>) {
    let mut builder = UriBuilder::new(uri.scheme(), host);
    if uri.user().is_some() {
        let Some(user) = uri.decoded_user() else {
            return;
        };
        builder = builder.user(&user);
    }
    if let Some(port) = uri.port() {
        builder = builder.port(port);
    }
    for parameter in uri.parameters() {
        let Some(name) = decoded(parameter.name) else {
            return;
        };
        builder = match parameter.value.map(decoded) {
            Some(Some(value)) => builder.parameter(&name, &value),
            Some(None) => return,
            None => builder.flag(&name),
        };
    }
    let built = builder.build().expect("the parts of a URI make a URI");
    let built = built.as_uri();
    assert_eq!(built.decoded_user(), uri.decoded_user());
    assert_eq!((built.host(), built.port()), (uri.host(), uri.port()));
    let decoded_parameters = |uri: &Uri<'_>| -> Vec<_> {
        let parameters = uri.parameters();
        parameters
            .map(|parameter| (decoded(parameter.name), parameter.value.map(decoded)))
            .collect()
    };
    assert_eq!(decoded_parameters(&built), decoded_parameters(uri));
    // A parameter that stands there twice has no comparison to speak of (RFC 3261 section 19.1.1 forbids it).
    let is_compared = uri.parameters().count() < COMPARED_PARAMETERS_MAX;
    if is_compared && uri.password().is_none() && uri.headers().is_none() && uri.is_equivalent_to(uri) {
        assert!(built.is_equivalent_to(uri) && uri.is_equivalent_to(&built));
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(unescape(text).into_owned()).ok()
}
