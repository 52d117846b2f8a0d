//! Seeds that every change must pass. `cargo xtask sim` runs more of them.

use sim::{Scenario, run};

#[test]
fn five_devices_on_a_calm_network_hear_every_page() {
    let outcome = run(1, &Scenario::calm(5, 2));

    if let Some(violation) = &outcome.violation {
        panic!("seed 1: {violation}");
    }
    assert_eq!(outcome.tally.lost, 0);
    assert_eq!(outcome.tally.pages, 3);
    assert!(outcome.tally.heard >= 5, "{:?}", outcome.tally);
}
