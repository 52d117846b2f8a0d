//! One binding: where one contact of an address of record is reached, and until when.

use std::time::Instant;

use sip::flow::Flow;

/// Numbers a binding for as long as it exists; a refresh keeps the number, a number is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub u64);

/// The `reg-id` a device numbers its flows with (RFC 5626 §4.1); with its instance it identifies the binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboundKey(pub u32);

/// Where one contact of a user is reached.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its number.
    pub id: BindingId,
    /// The contact's URI as it was given; it becomes the Request-URI of requests to it.
    pub uri: Box<str>,
    /// The contact's header parameters as they were given, each with its `;`, without `expires`.
    pub parameters: Box<str>,
    /// Value of `+sip.instance` as it was given, quotes included.
    pub instance: Option<Box<str>>,
    /// Set where the contact is a flow of RFC 5626: then it and the instance identify the binding, otherwise the URI.
    pub outbound: Option<OutboundKey>,
    /// Call-ID of the REGISTER that made or last refreshed it.
    pub call_id: Box<str>,
    /// CSeq of that REGISTER.
    pub sequence: u32,
    /// The flow that the answer to that REGISTER went over. Requests to the contact go over it and nowhere else.
    pub flow: Flow,
    /// Path of that REGISTER (RFC 3327), the topmost first.
    pub path: Box<[Box<str>]>,
    /// When it was made or last refreshed.
    pub refreshed_at: Instant,
    /// When it ends unless refreshed.
    pub expires_at: Instant,
}

impl Binding {
    /// Whole seconds left, rounded up so that a live binding never says 0, which would mean "removed".
    #[must_use]
    pub fn seconds_left(&self, now: Instant) -> u64 {
        self.expires_at
            .saturating_duration_since(now)
            .as_millis()
            .div_ceil(1_000)
            .try_into()
            .unwrap_or(u64::MAX)
    }
}
