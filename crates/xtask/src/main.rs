//! The project's own chores: test, check-layers, peers, bench, sim, fuzz.

fn main() {}
