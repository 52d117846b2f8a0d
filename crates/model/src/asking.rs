//! How a zone asks a talker for a PIN, in words that a program understands; people hear tones.

/// The header of a 200 to a talker, and of an INFO behind a wrong PIN, that says what it is asked for; its only value is
/// [`ASK_PIN`].
pub const ASK_HEADER: &str = "Oyez-Ask";

/// The talker is to key in the PIN of its permission (RFC 4733), and `#`.
pub const ASK_PIN: &str = "pin";

/// The package of the INFO (RFC 6086) by which a talker that asks for it is told that its page has begun, and which, or that its PIN
/// was wrong.
pub const TALKER_PACKAGE: &str = "oyez-talker";
