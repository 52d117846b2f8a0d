//! The benchmarks.

mod contestant;
pub(crate) mod delay;
pub(crate) mod endpoint;
mod identity;
mod kamailio;
mod marks;
mod own_output;
mod oyez;
pub(crate) mod page;
mod population;
pub(crate) mod portal;
pub(crate) mod quality;
pub(crate) mod registrar;
mod report;
mod sendto;
mod site;
mod sound_server;

pub(crate) use report::complain;
