//! SIP without I/O: messages, transactions, dialogs, digest, choice of target.

pub mod digest;
