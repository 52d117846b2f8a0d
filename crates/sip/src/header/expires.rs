//! Expires, and the `expires` parameter of Contact (RFC 3261 sections 20.10 and 20.19).

use crate::syntax;

/// What a malformed value counts as, in seconds (RFC 3261 section 20.10).
pub const EXPIRES_DEFAULT: u32 = 3600;

/// Reads delta-seconds.
pub(crate) fn parse(value: &str) -> u32 {
    syntax::decimal(syntax::trim(value)).unwrap_or(EXPIRES_DEFAULT)
}
