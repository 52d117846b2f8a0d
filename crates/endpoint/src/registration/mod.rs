//! Registrations: one machine per slot, and what a registrar's answer means.

mod machine;
mod outcome;
pub(crate) mod request;

pub use machine::RegistrationTimes;
pub(crate) use machine::{Judgement, Register, Registration};
pub(crate) use outcome::{Answer, Outcome, flow_timer, keeps_flows, seen_at};
