//! The REGISTER request of a slot (RFC 3261 section 10.2, RFC 5626 section 4.2).

use std::time::Duration;

use sip::digest::{Algorithm, ClientCredentials, Secret};
use sip::flow::{Flow, Transport, as_written};
use sip::message::Method;
use sip::user_agent::{OutgoingRequest, Sequence};

use crate::profile::{Account, Profile, TargetProfile};

/// Writes the REGISTER of `account` over `flow`; with a `reg-id` as one of RFC 5626.
pub(crate) fn register(
    profile: &Profile,
    account: &Account,
    target: Option<&TargetProfile>,
    flow: Flow,
    expires: Duration,
    reg_id: Option<u8>,
    sequence: Sequence,
) -> OutgoingRequest {
    let of_record = address_of_record(account, &profile.domain, profile.sips);
    let mut request = OutgoingRequest::new(
        Method::Register,
        registrar_uri(profile),
        of_record.clone(),
        of_record,
    );
    request.contact = Some(contact(profile, account, flow, reg_id));
    request.route = target
        .and_then(|target| route(target, flow.transport))
        .into_iter()
        .collect();
    request.headers = vec![("Expires".to_owned(), expires.as_secs().to_string())];
    request.sequence = Some(sequence);
    request.credentials = credentials(account);
    request
}

/// The Request-URI of a REGISTER, and of an OPTIONS that asks whether the server lives.
pub(crate) fn registrar_uri(profile: &Profile) -> String {
    let host = profile.registrar.as_ref().unwrap_or(&profile.domain);
    format!("{}:{host}", scheme(profile.sips))
}

/// Who calls or registers, with a display name if there is one.
pub(crate) fn address_of_record(account: &Account, domain: &str, sips: bool) -> String {
    let uri = format!("<{}:{}@{domain}>", scheme(sips), account.user);
    if account.display_name.is_empty() {
        uri
    } else {
        format!("{} {uri}", quoted(&account.display_name))
    }
}

/// The address at which the device takes calls over `flow`.
pub(crate) fn contact_uri(account: &Account, flow: Flow, sips: bool) -> String {
    let transport = match flow.transport {
        Transport::Udp => "",
        Transport::Tls if sips => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    format!(
        "{}:{}@{}{transport}",
        scheme(sips),
        account.user,
        as_written(flow.local)
    )
}

fn scheme(sips: bool) -> &'static str {
    if sips { "sips" } else { "sip" }
}

/// What answers a challenge, if the account has a password.
pub(crate) fn credentials(account: &Account) -> Option<ClientCredentials> {
    let password = account.password.as_ref()?;
    Some(ClientCredentials {
        username: account.authorization_id.to_string(),
        password: Secret::from(password.reveal()),
        weakest: if account.answers_md5 {
            Algorithm::Md5
        } else {
            Algorithm::Sha256
        },
    })
}

/// The Route header that names an outbound proxy.
//= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.2
//# a pre-existing route set with a single URI SHOULD be used instead.
pub(crate) fn route(target: &TargetProfile, transport: Transport) -> Option<String> {
    if !target.is_outbound_proxy {
        return None;
    }
    Some(format!(
        "<sip:{};transport={};lr>",
        target.authority(),
        transport.uri_token()
    ))
}

fn contact(profile: &Profile, account: &Account, flow: Flow, reg_id: Option<u8>) -> String {
    let uri = contact_uri(account, flow, profile.sips);
    match profile.instance.as_ref().zip(reg_id) {
        Some((instance, reg_id)) => format!("<{uri}>;+sip.instance=\"<{instance}>\";reg-id={reg_id}"),
        None => format!("<{uri}>"),
    }
}

/// A quoted-string (RFC 3261 section 25.1). Control characters cannot stand in a header field at all.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use sip::flow::ConnectionId;

    use super::*;

    #[test]
    fn a12_an_ipv6_scope_is_not_in_a_contact() {
        let account = Account {
            user: "hall".parse().unwrap(),
            authorization_id: "hall".parse().unwrap(),
            password: None,
            answers_md5: true,
            display_name: String::new(),
        };
        let flow = Flow {
            transport: Transport::Tcp,
            local: "[fe80::1%3]:40000".parse().unwrap(),
            remote: "[fe80::2%3]:5060".parse().unwrap(),
            connection: ConnectionId(1),
        };

        assert_eq!(
            contact_uri(&account, flow, false),
            "sip:hall@[fe80::1]:40000;transport=tcp"
        );
    }
}
