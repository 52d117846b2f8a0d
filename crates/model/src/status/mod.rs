//! What endpoints and zones say of themselves: plain data for pages, API, events and message bodies.
//!
//! Moments are relative: a duration in milliseconds up to the instant the status was made, so that the pure
//! cores need no calendar and two clocks that differ cannot disagree.

mod device;
mod multicast;
mod page;
mod registration;
mod signals;
mod sounding;
mod zone;

pub use device::{
    DeviceEvent, DeviceStatus, MessagesStatus, MicrophoneStatus, SinkHealth, SinkStatus, SlotStatus,
};
pub use multicast::{MulticastCodec, MulticastMode, MulticastStatus, ZoneReception, ZoneStream};
pub use page::{HeardBy, ListenerReport, MissingReason, NotHeardReason, PageReport, Receipt, Verdict};
pub use registration::{
    Cause, CertificateFault, ProvisioningStep, RegistrationStatus, Shown, Target, TargetRole,
};
pub use signals::{RelayEvents, STROBE_MODELS, Signals, Strobe, StrobeColour, StrobeModel, StrobePattern};
pub use sounding::{SoundClass, SoundOrigin, Sounding, StopReason};
pub use zone::{
    AccountStatus, CallRefusal, HandshakeFailure, OngoingPage, RegisteredUser, RegistrationRefusal,
    SipTransport, WRONG_ANSWERS_KEPT_MS, WRONG_ANSWERS_WAIT_MAX_MS, ZoneEvent, ZoneStatus,
};
