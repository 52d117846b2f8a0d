//! What a switch has done so far, in numbers.

use serde::Serialize;

/// What a switch holds at one instant. All but the bindings come to nothing when nobody calls or registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holdings {
    /// Bindings in force.
    pub bindings: usize,
    /// Calls and pages, those that are ending included.
    pub calls: usize,
    /// Legs of calls.
    pub legs: usize,
    /// Sessions of the user agent.
    pub sessions: usize,
    /// Client and server transactions of the user agent.
    pub transactions: usize,
}

/// Counts since the switch was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// REGISTER and the bindings.
    pub registrations: RegistrationCounters,
    /// Who is who.
    pub identity: IdentityCounters,
    /// Calls and pages.
    pub calls: CallCounters,
    /// Legs that were called.
    pub legs: LegCounters,
    /// Requests outside calls, other than REGISTER.
    pub requests: RequestCounters,
}

/// Counts of the registrar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RegistrationCounters {
    /// REGISTER requests, challenged ones included.
    pub received: u64,
    /// Answered 200.
    pub accepted: u64,
    /// Refused otherwise than by a challenge.
    pub refused: u64,
    /// Keep-alives sent.
    pub keep_alives: u64,
}

/// Counts of digest authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IdentityCounters {
    /// Challenges to requests that had no answer yet.
    pub challenged: u64,
    /// Answers that were wrong: user unknown or password wrong.
    pub wrong_answers: u64,
    /// Answers to a nonce that is old, foreign, forgotten or used.
    pub stale_answers: u64,
    /// Answers refused as malformed or as an attack.
    pub refused: u64,
    /// Requests refused because no directory has come yet.
    pub not_serving: u64,
}

/// Counts of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallCounters {
    /// INVITEs for new calls, challenged ones included.
    pub received: u64,
    /// Refused because of a malformed or missing description, or one without common media.
    pub refused_media: u64,
    /// Refused because the caller may not.
    pub refused_permission: u64,
    /// Refused because nothing has that number or domain.
    pub refused_unknown: u64,
    /// Refused because a limit is reached.
    pub refused_full: u64,
    /// Refused for another reason.
    pub refused_other: u64,
    /// Talkers that were asked for a PIN.
    pub pins_asked: u64,
    /// PINs that were wrong.
    pub wrong_pins: u64,
    /// Pages begun.
    pub pages_started: u64,
    /// Pages reported.
    pub pages_reported: u64,
    /// Two-party calls begun.
    pub conversations_started: u64,
    /// Pages ended because their talker fell silent.
    pub silent_talkers: u64,
    /// Receipts taken.
    pub receipts: u64,
    /// Receipts that could not be read, or came from somebody else.
    pub receipts_refused: u64,
}

/// Counts of legs that were called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LegCounters {
    /// INVITEs sent to registered contacts.
    pub invited: u64,
    /// Answered, once each, however many attempts were.
    pub answered: u64,
    /// Refused by the peer, or unreachable.
    pub failed: u64,
    /// Ended because the peer's answer would have lowered the protection, or had no common media.
    pub refused_media: u64,
    /// INVITEs over another flow of the same device, in the place of one that failed or beside one that was not heard of.
    pub other_flow: u64,
}

/// Counts of requests outside calls, other than REGISTER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounters {
    /// OPTIONS answered.
    pub options: u64,
    /// Refused: no such request is taken outside a call.
    pub refused: u64,
}
