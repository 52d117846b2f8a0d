//! What an administrator keeps in the service: who has an extension, which devices there are, and what stands in their
//! slots. A switch knows nothing of it but the [directory](crate::directory) that [`directory_of`] makes of it.

mod access;
mod api;
mod assignment;
mod configuration;
mod device;
mod holder;
mod id;
mod mac;
mod projection;
mod provisioning;
mod text;
mod time;

pub use access::{Administrator, AuditEntry, PasswordHash, Role, Session, TokenHash};
pub use api::{ApiClient, ApiScope, ApiScopes, ApiScopesError};
pub use assignment::{AssignmentError, Firmware, check_assignment};
pub use configuration::{Uplink, configuration_of};
pub use device::{Assignment, Device, DeviceType, EarlierPassword, Line, LinePlace};
pub use holder::{Account, Holder, HolderKind, PageGroup, Site};
pub use id::{AdministratorId, ApiClientId, GroupId, HolderId, LineId, SiteId};
pub use mac::{MacAddress, MacError};
pub use projection::{Inventory, directory_of};
pub use provisioning::{Attempt, AttemptOutcome, ClaimCode, FormerLine, IssuedCertificate};
pub use text::{CountryCode, Description, DisplayName, FieldError, TimeZone};
pub use time::Timestamp;
