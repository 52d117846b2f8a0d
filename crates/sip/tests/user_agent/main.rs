//! The user agent against itself, in virtual time.

mod called;
mod calling;
mod calls;
mod challenges;
mod dialogs;
mod limits;
mod lone;
mod refusals;
mod registration;
mod weather;
mod wire;
