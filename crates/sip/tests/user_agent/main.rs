//! The user agent against itself, in virtual time.

mod calls;
mod registration;
mod weather;
mod wire;
