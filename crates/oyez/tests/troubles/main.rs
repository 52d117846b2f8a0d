//! Everything that keeps a device from being registered, provoked: what the portal, `oyez check` and the device itself say of it.
//! docs/troubles.md is the table of it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

#[path = "../service_files/mod.rs"]
mod service_files;

mod hardware;
mod registering;
mod seed;
mod site;
mod verdicts;
