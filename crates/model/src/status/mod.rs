//! What endpoints and zones say of themselves: plain data for pages, API, events and message bodies.
//!
//! Moments are relative: a duration in milliseconds up to the instant the status was made, so that the pure
//! cores need no calendar and two clocks that differ cannot disagree.

mod device;
mod page;
mod registration;
mod zone;

pub use device::{DeviceEvent, DeviceStatus, SinkHealth, SinkStatus, SlotStatus, Sounding};
pub use page::{ListenerReport, MissingReason, NotHeardReason, PageReport, Receipt, Verdict};
pub use registration::{
    Cause, CertificateFault, ProvisioningStep, RegistrationStatus, Shown, Target, TargetRole,
};
pub use zone::{AccountStatus, CallRefusal, RegistrationRefusal, ZoneEvent, ZoneStatus};
