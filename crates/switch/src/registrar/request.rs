//! A REGISTER as the registrar understands it.

use std::time::Duration;

use sip::flow::{Flow, Transport};
use sip::header::{Contact, Contacts, NameAddr};
use sip::message::{HeaderName, Message};
use sip::uri::Scheme;
use smallvec::SmallVec;

use super::{
    BINDINGS_PER_REQUEST_MAX, CONTACT_LENGTH_MAX, LIFETIME_DATAGRAM_MAX, LIFETIME_DEFAULT, LIFETIME_MAX,
    LIFETIME_MIN, PATHS_MAX, RegisterOffence,
};

/// A REGISTER that breaks no rule by itself.
#[derive(Debug)]
pub(super) struct Registration<'a> {
    pub(super) call_id: &'a str,
    pub(super) sequence: u32,
    pub(super) path: SmallVec<[&'a str; 2]>,
    pub(super) change: Change<'a>,
    /// The sender supports RFC 5626 and no proxy on the way prevents it.
    pub(super) is_outbound: bool,
}

/// What is to become of the bindings.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every request has one contact, and boxing it costs an allocation"
)]
pub(super) enum Change<'a> {
    /// Nothing: the sender wants to see them.
    Fetch,
    /// All are to go.
    RemoveAll,
    /// These are to be added, refreshed or removed, in this order.
    Contacts(SmallVec<[Wanted<'a>; 1]>),
}

/// One contact and what is to become of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) contact: Contact<'a>,
    /// Zero removes it.
    pub(super) lifetime: Duration,
    /// `+sip.instance` as written, quotes included.
    pub(super) instance: Option<&'a str>,
    /// `reg-id`, where the flow is one of RFC 5626.
    pub(super) registration: Option<u32>,
}

impl<'a> Registration<'a> {
    /// Reads a REGISTER that came over `flow`.
    pub(super) fn read(message: &'a Message, flow: &Flow) -> Result<Self, RegisterOffence> {
        let path = read_path(message)?;
        let wishes_outbound = message.has_token(HeaderName::Supported, "outbound");
        let hop = match message.list(HeaderName::Via).take(2).count() == 1 || is_outbound_path(&path) {
            true => FirstHop::KeepsFlows,
            false if wishes_outbound => FirstHop::LacksOutbound,
            false => FirstHop::Unaware,
        };
        let change = read_change(message, flow, hop)?;
        let has_flow =
            matches!(&change, Change::Contacts(list) if list.iter().any(|one| one.registration.is_some()));
        Ok(Self {
            call_id: message.call_id()?,
            sequence: message.cseq()?.sequence,
            path,
            change,
            is_outbound: wishes_outbound && has_flow,
        })
    }
}

/// What the hop next to the user agent does for flows of RFC 5626.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstHop {
    /// It is this registrar, or a proxy that says in its Path that it keeps them.
    KeepsFlows,
    /// It is a proxy that knows nothing of them, and the user agent counts on them.
    LacksOutbound,
    /// It is a proxy that knows nothing of them, and so does the user agent.
    Unaware,
}

fn read_change<'a>(message: &'a Message, flow: &Flow, hop: FirstHop) -> Result<Change<'a>, RegisterOffence> {
    let expires = message.expires();
    let list = match message.contacts()? {
        Contacts::Star if expires == Some(0) => return Ok(Change::RemoveAll),
        Contacts::Star => return Err(RegisterOffence::WildcardWithoutZero),
        Contacts::List(list) if list.is_empty() => return Ok(Change::Fetch),
        Contacts::List(list) => list,
    };
    if list.len() > BINDINGS_PER_REQUEST_MAX {
        return Err(RegisterOffence::TooManyContacts);
    }
    let wanted: SmallVec<[Wanted<'a>; 1]> = list
        .iter()
        .map(|contact| read_contact(*contact, expires, flow, hop))
        .collect::<Result<_, _>>()?;
    let added = wanted.iter().filter(|one| !one.lifetime.is_zero());
    //= https://www.rfc-editor.org/rfc/rfc5626#section-6
    //# if the Contact header field
    //# contains more than one header field value with a non-zero expiration and any
    //# of these header field values contain a "reg-id" Contact header field
    //# parameter, the entire registration SHOULD be rejected with a 400
    if added.clone().count() > 1 && added.clone().any(|one| one.registration.is_some()) {
        return Err(RegisterOffence::SeveralFlows);
    }
    Ok(Change::Contacts(wanted))
}

fn read_contact<'a>(
    contact: Contact<'a>,
    expires: Option<u32>,
    flow: &Flow,
    hop: FirstHop,
) -> Result<Wanted<'a>, RegisterOffence> {
    if contact.as_str().len() > CONTACT_LENGTH_MAX {
        return Err(RegisterOffence::ContactTooLong);
    }
    let uri = contact.uri();
    if !uri.is_sip() {
        return Err(RegisterOffence::ContactScheme);
    }
    if uri.scheme() == Scheme::Sips && flow.transport != Transport::Tls {
        return Err(RegisterOffence::InsecureFlow);
    }
    let lifetime = contact
        .expires()
        .or(expires)
        .map_or(LIFETIME_DEFAULT, |s| Duration::from_secs(s.into()));
    if !lifetime.is_zero() && lifetime < LIFETIME_MIN {
        return Err(RegisterOffence::IntervalTooBrief);
    }
    let instance = contact.parameters().value("+sip.instance");
    let registration = match (contact.parameters().value("reg-id"), hop) {
        (None, _) | (Some(_), FirstHop::Unaware) => None,
        (Some(_), FirstHop::LacksOutbound) => return Err(RegisterOffence::FirstHopLacksOutbound),
        (Some(number), FirstHop::KeepsFlows) => number.parse().ok().filter(|_| instance.is_some()),
    };
    let longest = if flow.transport.is_reliable() {
        LIFETIME_MAX
    } else {
        LIFETIME_DATAGRAM_MAX
    };
    Ok(Wanted {
        contact,
        lifetime: lifetime.min(longest),
        instance,
        registration,
    })
}

fn read_path(message: &Message) -> Result<SmallVec<[&str; 2]>, RegisterOffence> {
    let path: SmallVec<[&str; 2]> = message.list(HeaderName::Path).take(PATHS_MAX + 1).collect();
    if path.len() > PATHS_MAX {
        return Err(RegisterOffence::TooManyPaths);
    }
    if path.iter().any(|value| value.len() > CONTACT_LENGTH_MAX) {
        return Err(RegisterOffence::ContactTooLong);
    }
    if !path.is_empty() && !message.has_token(HeaderName::Supported, "path") {
        return Err(RegisterOffence::PathNotSupported);
    }
    Ok(path)
}

/// The first proxy on the way keeps the flow to the user agent (RFC 5626 §5.1): it is the last one in the path's order.
fn is_outbound_path(path: &[&str]) -> bool {
    let edge = path.last().and_then(|value| NameAddr::parse(value).ok());
    edge.is_some_and(|edge| edge.uri().has_parameter("ob"))
}
