//! An IP endpoint for paging, ringing and alerting.

fn main() {}
