//! Dialogs (RFC 3261 12): what two user agents remember of each other between requests.

use crate::draft::{Draft, is_sips};
use crate::header::{Contacts, HeaderError, NameAddr, unfold};
use crate::message::{Message, OwnedMethod};

/// Values of Record-Route that a dialog takes: more proxies than that on one path is a loop, and each would be
/// sent back in every request.
pub const ROUTE_SET_MAX: usize = 32;

/// Why a message does not make a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DialogError {
    #[error("{0}")]
    Header(#[from] HeaderError),
    #[error("more than {ROUTE_SET_MAX} values of Record-Route")]
    RouteSetTooLong,
}

/// One end of a dialog.
#[derive(Debug, Clone)]
struct Party {
    /// The From or To header field, tag included, as it is repeated in each request.
    address: String,
    /// The tag; empty for a peer after RFC 2543, which has none.
    tag: String,
}

/// A dialog, or what a caller knows of one before the response that establishes it.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    call_id: String,
    local: Party,
    remote: Party,
    /// In the order in which requests of ours visit them.
    route_set: Vec<String>,
    remote_target: String,
    local_sequence: u32,
    /// `None` until the peer has sent a request.
    remote_sequence: Option<u32>,
    /// Whether our Contact must be `sips:` (RFC 3261 12.1.1).
    is_secure: bool,
}

/// What finds the session of a request inside a dialog: the Call-ID and our tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DialogKey {
    call_id: String,
    local_tag: String,
}

impl DialogKey {
    pub(crate) fn new(call_id: &str, local_tag: &str) -> Self {
        Self {
            call_id: call_id.to_owned(),
            local_tag: local_tag.to_owned(),
        }
    }
}

impl Dialog {
    /// What the caller knows when it sends its INVITE.
    pub(crate) fn calling(invite: &Draft, local_tag: String, sequence: u32) -> Self {
        Self {
            call_id: invite.call_id.clone(),
            local: Party {
                address: invite.from.clone(),
                tag: local_tag,
            },
            remote: Party {
                address: invite.to.clone(),
                tag: String::new(),
            },
            route_set: invite.route.clone(),
            remote_target: invite.uri.clone(),
            local_sequence: sequence,
            remote_sequence: None,
            is_secure: invite.is_secure(),
        }
    }

    /// The caller's dialog with the peer that sent `response` (RFC 3261 12.1.2).
    pub(crate) fn established_by(&self, response: &Message) -> Result<Self, DialogError> {
        let to = response.to()?;
        let mut route_set = route_set(response)?;
        route_set.reverse();
        let mut dialog = self.clone();
        dialog.remote = Party::new(&to);
        dialog.route_set = route_set;
        dialog.refresh_target(response);
        Ok(dialog)
    }

    /// The caller's dialog with a peer whose `response` makes none: enough to acknowledge it and to leave, straight to the
    /// peer, since the path it gives cannot be followed.
    pub(crate) fn unusable_with(&self, response: &Message) -> Self {
        let mut dialog = self.clone();
        if let Ok(to) = response.to() {
            dialog.remote = Party::new(&to);
        }
        dialog.route_set = Vec::new();
        dialog.refresh_target(response);
        dialog
    }

    /// The callee's dialog with the peer that sent `invite` (RFC 3261 12.1.1).
    pub(crate) fn called(invite: &Message, local_tag: &str) -> Result<Self, DialogError> {
        let from = invite.from()?;
        let route_set = route_set(invite)?;
        let mut dialog = Self {
            call_id: invite.call_id()?.to_owned(),
            local: Party {
                address: format!("{};tag={local_tag}", unfold(invite.to()?.as_str())),
                tag: local_tag.to_owned(),
            },
            remote: Party::new(&from),
            remote_target: from.uri().as_str().to_owned(),
            local_sequence: 0,
            remote_sequence: Some(invite.cseq()?.sequence),
            is_secure: is_secured_by(invite, route_set.first()),
            route_set,
        };
        dialog.refresh_target(invite);
        Ok(dialog)
    }

    pub(crate) fn key(&self) -> DialogKey {
        DialogKey::new(&self.call_id, &self.local.tag)
    }

    pub(crate) fn local_tag(&self) -> &str {
        &self.local.tag
    }

    pub(crate) fn remote_tag(&self) -> &str {
        &self.remote.tag
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Makes this the number of the INVITE that an ACK is for.
    pub(crate) fn set_local_sequence(&mut self, sequence: u32) {
        self.local_sequence = sequence;
    }

    pub(crate) fn local_sequence(&self) -> u32 {
        self.local_sequence
    }

    /// The number of our next request; a dialog that has sent none starts at `first`.
    pub(crate) fn next_sequence(&mut self, first: u32) -> u32 {
        self.local_sequence = if self.local_sequence == 0 {
            first
        } else {
            self.local_sequence.saturating_add(1)
        };
        self.local_sequence
    }

    /// Takes the number of a request of the peer; `false` says that it is out of order.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.2
    //# If the remote sequence number was not empty, but the sequence number
    //# of the request is lower than the remote sequence number, the request
    //# is out of order and MUST be rejected with a 500 (Server Internal
    //# Error) response.
    pub(crate) fn accept_sequence(&mut self, sequence: u32) -> bool {
        if self.remote_sequence.is_some_and(|last| sequence < last) {
            return false;
        }
        self.remote_sequence = Some(sequence);
        true
    }

    /// Takes the Contact of a target refresh request or of a 2xx to one (RFC 3261 12.2.1.2 and 12.2.2).
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        if let Ok(contacts @ Contacts::List(_)) = message.contacts()
            && let Some(contact) = contacts.first()
            && contact.uri().is_sip()
        {
            contact.uri().as_str().clone_into(&mut self.remote_target);
        }
    }

    /// A request inside the dialog, addressed by its route set (RFC 3261 12.2.1.1).
    pub(crate) fn draft(&self, method: OwnedMethod) -> Draft {
        let (uri, route) = self.path();
        Draft {
            method,
            uri,
            route,
            from: self.local.address.clone(),
            to: self.remote.address.clone(),
            call_id: self.call_id.clone(),
            contact: None,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Request-URI and Route: a strict first router takes the place of the target, which goes to the end.
    fn path(&self) -> (String, Vec<String>) {
        let Some((first, others)) = self.route_set.split_first() else {
            return (self.remote_target.clone(), Vec::new());
        };
        match NameAddr::parse(first) {
            Ok(strict) if !strict.uri().has_parameter("lr") => {
                let mut route = others.to_vec();
                route.push(format!("<{}>", self.remote_target));
                (strict.uri().as_str().to_owned(), route)
            }
            Ok(_) | Err(_) => (self.remote_target.clone(), self.route_set.clone()),
        }
    }
}

impl Party {
    fn new(address: &NameAddr<'_>) -> Self {
        Self {
            address: unfold(address.as_str()).into_owned(),
            tag: address.tag().unwrap_or_default().to_owned(),
        }
    }
}

/// Record-Route in the order of the message.
fn route_set(message: &Message) -> Result<Vec<String>, DialogError> {
    let mut routes = Vec::new();
    for route in message.record_routes() {
        if routes.len() == ROUTE_SET_MAX {
            return Err(DialogError::RouteSetTooLong);
        }
        routes.push(unfold(route?.as_str()).into_owned());
    }
    Ok(routes)
}

/// Whether the Contact of the answer must be `sips:`.
//= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
//# If the request that initiated the dialog contained a
//# SIPS URI in the Request-URI or in the top Record-Route header field
//# value, if there was any, or the Contact header field if there was no
//# Record-Route header field, the Contact header field in the response
//# MUST be a SIPS URI.
fn is_secured_by(invite: &Message, top_record_route: Option<&String>) -> bool {
    let next = match top_record_route {
        Some(route) => NameAddr::parse(route).is_ok_and(|route| is_sips(route.uri().as_str())),
        None => invite.contacts().is_ok_and(|contacts| {
            contacts
                .first()
                .is_some_and(|contact| is_sips(contact.uri().as_str()))
        }),
    };
    next || invite.request_uri().is_some_and(is_sips)
}
