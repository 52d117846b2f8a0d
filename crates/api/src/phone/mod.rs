//! The phone API: resources as the published document has them.

mod addresses;
mod alert_settings;
mod common_areas;
mod devices;
mod logs;
mod shapes;
mod sites;
mod templates;
mod users;

pub(crate) use devices::SHOW_PASSWORDS;

use crate::operation::Operation;

/// What stands before every path.
pub(crate) const BASE: &str = "/v2";

/// The scope that reads everything but passwords.
const READ: &[&str] = &["phone:read:admin"];
/// The scope that changes everything.
const WRITE: &[&str] = &["phone:write:admin"];

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    [
        devices::operations(),
        common_areas::operations(),
        sites::operations(),
        users::operations(),
        templates::operations(),
        addresses::operations(),
        alert_settings::operations(),
        logs::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
