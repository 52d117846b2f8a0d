//! What an agent has refused, dropped and absorbed.

/// Counts since the agent was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Malformed requests answered without state (400, 505).
    pub malformed_answered: u64,
    /// Malformed requests that could not be answered.
    pub malformed_dropped: u64,
    /// Malformed responses, dropped.
    pub responses_malformed: u64,
    /// Responses that belong to no transaction, dropped.
    pub responses_stray: u64,
    /// Requests refused by RFC 3261 8.2 (405, 415, 416, 420, 482, 501, ...).
    pub refused: u64,
    /// Requests inside a dialog that does not exist, answered 481; ACKs among them are not answered.
    pub without_dialog: u64,
    /// Requests answered 503 without state, because a limit was reached.
    pub overflow: u64,
    /// Requests that had arrived before, answered by their transaction.
    pub retransmissions: u64,
    /// BYEs for which there was no room, and ACKs and responses that could not be written.
    pub unsent: u64,
    /// Replies of the owner that came after the transaction's end, or a second time.
    pub late_replies: u64,
    /// Sessions that ended because nobody refreshed them (RFC 4028).
    pub expired: u64,
}
