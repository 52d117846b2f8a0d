//! The project's own chores, run as `cargo xtask NAME`.
//!
//! They decide nothing about the product: each is a check, a test run or a measurement that a person or a build machine
//! starts by name.

pub mod chores;
pub mod layers;
pub mod supply;
mod tree;
