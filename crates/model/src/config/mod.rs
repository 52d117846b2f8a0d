//! The configuration of an endpoint: one flat `key = value` namespace for file, web form and REST.
//!
//! - [`KEYS`] is the schema: every key that means something here, with its type, range, default and page.
//! - [`Document`] is a file: it keeps lines, comments and unknown keys as they are, so that an export equals the
//!   import but for what was set.
//! - [`Settings`] are two files, one over the other: what an endpoint was given, and what was set on it.
//! - [`EndpointConfig`] is what the endpoint works with: typed sections, made from a document as a whole or not at all.
//!
//! Key names that no source documents are marked [`Evidence::Inferred`]; keys that only this endpoint knows begin
//! with `oyez.`.

mod caller_pattern;
mod document;
mod endpoint;
mod keys;
mod kind;
mod multicast_values;
mod reader;
mod settings;

pub use caller_pattern::{CallerPattern, CallerPatternError};
pub use document::{
    ConfigError, DOCUMENT_LENGTH_MAX, Document, IdleKey, LINES_MAX, UnknownKey, VALUE_LENGTH_MAX,
};
pub(crate) use endpoint::slots::SlotKeys;
pub use endpoint::{
    AlertsConfig, AnnouncementConfig, ApiAuthentication, ApiConfig, CheckSync, EndpointConfig, InteropConfig,
    KeepAliveConfig, KeepAliveMethod, KindsConfig, LogLevel, LogProtocol, LoggingConfig, Marking,
    MicrophoneConfig, MulticastConfig, MulticastMode, MulticastSending, PageConfig, PageModeConfig,
    PagePasscodeConfig, PasscodeConfig, PriorityTrust, ProvisioningConfig, RedundancyConfig, RingConfig,
    RingRule, SecurityConfig, ServerConfig, SlotConfig, SrtpOffer, SrtpSuite, TlsVersion, Tone,
    TransportChoice, ZoneConfig, ZoneRole,
};
pub use keys::{Evidence, KEYS, KeyPattern, KeySpec, Tab, find};
pub(crate) use kind::TEXT_LENGTH_MAX;
pub use kind::{HostPort, Kind, MicrophoneChoice, SinkChoice};
pub use multicast_values::{GroupAddress, SOURCES_MAX, SourceNetwork, ZoneChoice, ZoneNumber};
pub use settings::{CONCEALED, Difference, Origin, SettingChange, Settings};
