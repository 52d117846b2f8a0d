//! What the service keeps: repositories over [`model::inventory`], and the database beneath them.
//!
//! Everything happens in a [`Transaction`]: [`Store::read`] sees one state of the database, [`Store::write`] changes it, and
//! what [`Transaction::commit`] has acknowledged is on the disk. A [`Scope`] is one account's part of a transaction: nothing
//! of another account can be read or changed through it. Passwords are sealed with a key that lies beside the database.
//!
//! The crate decides nothing: which assignment is allowed, and what a switch is told, is said by `model`.

mod access;
mod accounts;
mod addresses;
mod alarms;
mod alert_settings;
mod api_clients;
mod assignment;
mod audit_links;
#[cfg(test)]
mod both_engines;
mod certificates;
mod device_password;
mod devices;
#[cfg(test)]
mod endurance;
mod engine;
mod feed_position;
mod group_members;
mod group_pins;
mod groups;
mod hashes;
mod history;
mod holder_defaults;
mod holders;
mod invitations;
mod lines;
mod listing;
mod many;
mod moment;
mod names;
#[cfg(test)]
#[path = "tests/mod.rs"]
mod on_postgres;
#[cfg(test)]
#[expect(clippy::duplicate_mod, reason = "the same tests hold for both engines")]
#[path = "tests/mod.rs"]
mod on_sqlite;
mod page_reports;
mod paging_targets;
mod removal;
mod repeats;
mod review;
mod schema;
mod seal;
mod second_factor;
mod sites;
mod stored;
mod templates;
mod transaction;
mod unopened;
mod webhooks;

pub use access::SignedIn;
pub use addresses::{ADDRESSES_MAX, AddressFilter};
pub use alarms::StandingAlarm;
pub use alert_settings::{ALERT_SETTINGS_MAX, AlertSettingFilter};
pub use api_clients::{API_CLIENTS_MAX, API_TOKENS_MAX};
pub use audit_links::{AuditEnd, AuditFault, AuditList, AuditPlace, AuditVerified};
pub use certificates::{CLAIM_USES_MAX, ClaimError};
pub use device_password::{DEVICE_SECRETS_KEPT, DeviceSecret, GivenPassword};
pub use devices::AddDeviceError;
pub use engine::postgres::{NoServer, PostgresServer};
pub use group_members::NamedMember;
pub use group_pins::PinChange;
pub use groups::{GROUPS_MAX, GroupError, ListedGroup};
pub use hashes::Hashes;
pub use history::{AUDIT_MAX, AuditFilter};
pub use holders::NumberTaken;
pub use invitations::ADMINISTRATORS_MAX;
pub use listing::{
    DeviceFilter, HolderFilter, LIST_ROWS_MAX, ListKey, Listed, ListedDevice, ListedHolder, NoListKey,
    SEARCH_TEXT_MAX,
};
pub use many::Placing;
pub use moment::timestamp;
pub use names::NamedUser;
pub use page_reports::{
    FoundPageReports, KeptPageReport, LISTENERS_LOOKED_AT_MAX, PAGE_REPORTS_MAX, PageReportFilter,
    REPORTS_LOOKED_AT_MAX,
};
pub use removal::{RemoveDeviceError, RotateLineError};
pub use repeats::{REPEATS_MAX, Repeat};
pub use review::SHOWN_CERTIFICATES_MAX;
pub use second_factor::SecondFactor;
pub use sites::{ListedSite, SITES_MAX, SiteError, SiteMembers};
pub use templates::{ListedTemplate, TEMPLATES_MAX, TemplateStoreError};
pub use transaction::{OpenError, Scope, Store, StoreError, Transaction};
pub use unopened::Unopened;
pub use webhooks::{
    WEBHOOK_CAUSE_MAX, WEBHOOK_LOG_MAX, WEBHOOK_QUEUE_MAX, WEBHOOKS_MAX, WebhookAttempt, WebhookTask,
    WebhookTurn,
};
