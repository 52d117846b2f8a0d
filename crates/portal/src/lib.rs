//! The service over its [`store`]: how devices come to their certificates and configuration, and the
//! pages of an administrator.
//!
//! What this crate deliberately does not do: it carries no call. A zone takes the directory that the store makes, and goes on
//! without the service.

pub mod alarm_queue;
pub mod alarms;
pub mod audit_check;
pub mod check;
pub mod checkpoint;
mod lists;
pub mod pages;
pub mod provisioning;
pub mod talk;
