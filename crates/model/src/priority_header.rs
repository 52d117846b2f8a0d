//! What a zone says to an endpoint of the Priority of its calls.

/// The header of the 200 to a REGISTER in which a server says that it sets the Priority (RFC 3261 section 20.26) of
/// every call itself, so that no caller's own arrives.
pub const PRIORITY_HEADER: &str = "Oyez-Priority";

/// The value of [`PRIORITY_HEADER`] in the answers of a zone.
pub const PRIORITY_OF_ZONE: &str = "zone";
