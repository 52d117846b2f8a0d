//! What the tables of transactions hand to the agent after each call, in order.

use std::collections::VecDeque;

use bytes::Bytes;

use super::TransactionId;
use crate::flow::Flow;

/// One effect for the agent.
pub(crate) enum Outgoing {
    /// Send these bytes.
    Transmit(Flow, Bytes),
    /// A client transaction had no final response in time.
    TimedOut(TransactionId),
    /// The flow of a client transaction failed.
    FlowFailed(TransactionId),
    /// A transaction is over: forget what belongs to it.
    Over(TransactionId),
}

/// Effects in the order in which they are to happen.
pub(crate) type Outbox = VecDeque<Outgoing>;
