//! A running endpoint: sockets, sound and clock around the pure device core.
//!
//! [`Device::start`] binds what has to be bound and starts a task that owns the [`endpoint::Endpoint`] and is its clock. The sink has a
//! thread of its own. [`place_call`] places one call and speaks into it.
//!
//! An [`Appliance`] is such a device with its configuration on disk, which may change while it runs.
//!
//! It decides nothing about registrations, calls or sound; those are the core's.

pub mod appliance;
mod call;
mod capture;
mod cause;
mod driver;
mod machine;
mod network;
mod player;
mod start;
mod wording;

pub use appliance::Appliance;
pub use call::{CallError, CallOutcome, CallSetup, LIVE_MAX, LIVE_PAUSE_MAX, place_call, place_live_call};
pub use machine::unix_time;
pub use start::{Device, DeviceReport, DeviceSetup, OrderError, Reconfiguration, StartError};
pub use wording::sentence;
