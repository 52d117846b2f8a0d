//! The benchmarks.

pub(crate) mod endpoint;
mod identity;
mod kamailio;
mod oyez;
pub(crate) mod page;
mod population;
pub(crate) mod registrar;
mod report;
mod sendto;
mod site;

pub(crate) use report::complain;
