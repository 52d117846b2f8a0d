//! A seeded network and a virtual clock around whole systems of pure cores.
//!
//! One run is a site of devices ([`endpoint::Endpoint`]), a zone ([`switch::Switch`] and [`media::bridge::Plane`]) and
//! talkers ([`endpoint::Caller`]), joined by a simulated network. Everything that happens follows from one number, the
//! seed: who takes part, what is paged when, what goes wrong, and the fate of each packet. So a run that breaks an
//! [`Invariant`] can be repeated at will.
//!
//! ```text
//!   Plan ──▶ Agenda ──▶ World ──▶ cores ──▶ outputs ──▶ Network ──▶ Agenda …
//!                         │                    │
//!                         └── Ledger, Trace ◀──┘ ──▶ Outcome
//! ```
//!
//! ```
//! use sim::{Scenario, run};
//!
//! let outcome = run(1, &Scenario::calm(3, 1));
//! assert_eq!(outcome.violation, None);
//! ```
//!
//! What it deliberately does not do: open sockets, sleep, or test the shells. Their part of the work is imitated: framing,
//! answers to pings, patience with dead connections.

mod agenda;
mod campaign;
mod chance;
mod ledger;
mod network;
mod outcome;
mod plan;
mod scenario;
mod site;
mod sound;
mod station;
mod trace;
mod world;
mod zone;

pub use campaign::{Campaign, Progress};
pub use outcome::{Excused, Invariant, Outcome, Tally, Violation};
pub use scenario::{DEVICES_MAX, Defect, Faults, PAGES_MAX, Scenario, Weather};
use world::World;

/// Runs one seed to its end, or to the first broken invariant.
#[must_use]
pub fn run(seed: u64, scenario: &Scenario) -> Outcome {
    World::new(seed, scenario, None).run()
}

/// Runs one seed and gives each line of its trace to `echo` as it comes.
pub fn run_traced(seed: u64, scenario: &Scenario, echo: &mut dyn FnMut(&str)) -> Outcome {
    World::new(seed, scenario, Some(echo)).run()
}
