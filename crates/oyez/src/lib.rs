//! Be heard, and know who heard it: the service side of Oyez in one program.
//!
//! Each command is a module; [`cli`] says what there is. The library is there for the program and its tests.

pub mod audit;
pub mod certificate;
pub mod check;
pub mod cli;
pub mod console;
pub mod failure;
pub mod interrupt;
pub mod page;
mod question;
pub mod service;
pub mod state;
pub mod status;
pub mod up;
pub mod zone_command;
