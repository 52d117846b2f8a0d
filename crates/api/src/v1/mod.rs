//! `/api/v1`: what the phone API has no words for.

mod devices;
mod shapes;

use crate::operation::Operation;

/// What stands before every path.
pub(crate) const BASE: &str = "/api/v1";

/// The scope that reads everything but passwords.
const READ: &[&str] = &["oyez:read"];

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    [devices::operations()].into_iter().flatten().collect()
}
