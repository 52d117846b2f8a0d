//! What an administrator keeps in the service: who has an extension, which devices there are, and what stands in their
//! slots. A switch knows nothing of it but the [directory](crate::directory) that [`directory_of`] makes of it.

mod access;
mod alert_setting;
mod api;
mod assignment;
mod catalogue;
mod configuration;
pub mod countries;
mod device;
mod group;
mod hardware;
mod holder;
mod id;
pub mod import;
mod mac;
mod projection;
mod provisioning;
mod template;
mod text;
mod time;
pub mod time_zones;
mod webhook;

pub use access::{Administrator, AuditEntry, PasswordHash, Role, Session, TokenHash};
pub use alert_setting::{
    AlertChannel, AlertCondition, AlertSetting, AlertSettingError, AlertTarget, AlertTimes,
};
pub use api::{ApiClient, ApiScope, ApiScopes, ApiScopesError};
pub use assignment::{AssignmentError, Firmware, check_assignment, check_place};
pub use catalogue::{Catalogue, CatalogueError, DeviceModel, MODELS_MAX, firmware_in};
pub use configuration::{NOTICE_LENGTH_MAX, Uplink, configuration_of, hardware_configuration_of};
pub use device::{Assignment, Device, DeviceType, EarlierPassword, Line, LinePlace};
pub use group::{GroupMember, PageGroup, Pagers};
pub use hardware::{
    HARDWARE_KEY_LENGTH_MAX, HARDWARE_VALUE_LENGTH_MAX, HardwareSetting, HardwareSettings, HardwareWhat,
    SlotGroup, SlotPart,
};
pub use holder::{
    Account, EmergencyAddress, Holder, HolderDefaults, HolderKind, HolderProfile, Site, SiteProfile,
};
pub use id::{
    AddressId, AdministratorId, AlertSettingId, ApiClientId, GroupId, HolderId, LineId, SiteId, TemplateId,
    WebhookId,
};
pub use mac::{MacAddress, MacError};
pub use projection::{DirectoryDevice, DirectoryHolder, Inventory, directory_of};
pub use provisioning::{
    Attempt, AttemptOutcome, ClaimCode, FormerLine, HeldDevice, IssuedCertificate, ShownCertificate, Standing,
};
pub use template::{ProvisionTemplate, TemplateContent, TemplateError};
pub use text::{
    AddressLine, CountryCode, Description, DisplayName, FieldError, Remark, SiteTitle, TemplateName, TimeZone,
};
pub use time::Timestamp;
pub use webhook::{
    DeliveryState, Webhook, WebhookDelivery, WebhookEvent, WebhookEvents, WebhookEventsError, WebhookMessage,
    WebhookState, WebhookUrl, WebhookUrlError,
};
