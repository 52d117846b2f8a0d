//! Foreign phones and servers for tests: started, watched, ended, and what they said judged.
//!
//! A peer is a program from Debian's packages (`cargo xtask peers` installs them). Where one is missing the test that wants it
//! says that it was skipped; with `OYEZ_REQUIRE_PEERS=1` it fails instead. Every process is a child of the test, on loopback or in a
//! network namespace that the test made, and ends with the value that holds it.

mod accessibility;
mod baresip;
mod browser;
mod debian;
mod group;
mod linphone;
mod network;
mod postgres;
mod program;
mod sipp;
mod stoi;

pub use accessibility::Axe;
pub use baresip::{Account, Baresip, Media};
pub use browser::{BROWSER_PROGRAMS, Browser, Element, View};
pub use debian::{DEBIAN_PROGRAMS, Debian, assert_unit_is_tight, debian_package, done};
pub use group::free_group;
pub use linphone::Linphone;
pub use network::{Home, Internet, Way};
pub use postgres::{GUARDED_USER, Postgres};
pub use program::{Program, SKIPPED_LIST, available, build_program, skip};
pub use sipp::play_scenario;
pub use stoi::stoi;
