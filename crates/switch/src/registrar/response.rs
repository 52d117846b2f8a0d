//! The 200 to a REGISTER.

use std::fmt::Write;
use std::time::Instant;

use model::{PRIORITY_HEADER, PRIORITY_OF_ZONE};
use sip::message::StatusCode;
use sip::user_agent::Reply;

use super::request::Registration;
use super::{Binding, FLOW_TIMER};

/// Lists all bindings with their parameters as given and the time each has left (RFC 3261 §10.3, step 8).
pub(super) fn ok(now: Instant, bindings: &[Binding], registration: &Registration<'_>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    reply.headers.reserve(bindings.len() + 4);
    reply = reply.header(PRIORITY_HEADER, PRIORITY_OF_ZONE);
    for binding in bindings {
        let mut contact = String::with_capacity(binding.uri.len() + binding.parameters.len() + 24);
        let seconds = binding.seconds_left(now);
        write!(
            contact,
            "<{}>{};expires={seconds}",
            binding.uri, binding.parameters
        )
        .expect("writing to a String cannot fail");
        reply = reply.header("Contact", contact);
    }
    //= https://www.rfc-editor.org/rfc/rfc3327#section-5.3
    //# The registrar SHOULD also return the Path header field values in the 2xx
    for value in &registration.path {
        reply = reply.header("Path", sip::header::unfold(value));
    }
    if registration.is_outbound {
        //= https://www.rfc-editor.org/rfc/rfc5626#section-6
        //# the registrar MUST include the
        //# outbound option-tag in a Require header field value in its response
        //# to that REGISTER request.
        reply = reply
            .header("Require", "outbound")
            .header("Flow-Timer", FLOW_TIMER.as_secs().to_string());
    }
    reply
}
