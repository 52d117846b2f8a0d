//! How a zone asks a talker for a PIN, in words that a program understands; people hear tones.

/// The header of a 200 to a talker, and of an INFO behind a wrong PIN, that says what it is asked for; its only value is
/// [`ASK_PIN`].
pub const ASK_HEADER: &str = "Oyez-Ask";

/// The talker is to key in the PIN of its permission (RFC 4733), and `#`.
pub const ASK_PIN: &str = "pin";

/// The package of the INFO (RFC 6086) by which a talker that asks for it is told that its page has begun, and which, or that its PIN
/// was wrong.
pub const TALKER_PACKAGE: &str = "oyez-talker";

/// The Q.850 cause in the Reason of a BYE behind the last wrong PIN: call rejected.
pub const WRONG_PIN_CAUSE: u32 = 21;

/// The Q.850 cause in the Reason of a BYE where no PIN was keyed in in time: recovery on timer expiry.
pub const NO_PIN_CAUSE: u32 = 102;
