//! A few small runs that every change must pass. `cargo xtask test` runs fifty of full size besides, `cargo xtask sim` a
//! thousand.

use std::time::Duration;

use sim::{Outcome, Scenario, run, run_traced};

#[test]
fn five_devices_on_a_calm_network_hear_every_page() {
    let outcome = run(1, &Scenario::calm(5, 2));

    assert_holds(&outcome);
    assert_eq!(outcome.tally.lost, 0);
    assert_eq!(outcome.tally.pages, 3);
    assert!(outcome.tally.owed >= 5, "{:?}", outcome.tally);
}

#[test]
fn a_seed_replays_exactly() {
    let scenario = stormy();

    let first = run(3, &scenario);
    let again = run_traced(3, &scenario, &mut |_line| {});
    let other = run(4, &scenario);

    assert_holds(&first);
    assert_eq!(first, again);
    assert_ne!(first.trace_hash, other.trace_hash);
}

#[test]
fn a_failing_seed_replays_to_the_same_violation() {
    let scenario = Scenario {
        defect: Some(sim::Defect::Deaf),
        ..stormy()
    };

    let first = run(3, &scenario);

    assert!(first.violation.is_some());
    assert_eq!(run(3, &scenario), first);
}

#[test]
fn a_small_site_survives_everything_that_goes_wrong() {
    let outcome = run(5, &stormy());

    assert_holds(&outcome);
    let tally = &outcome.tally;
    assert!(
        tally.lost > 0 && tally.faults > 0 && tally.intrusions > 0,
        "{tally:?}"
    );
    assert!(tally.owed > 0, "{tally:?}");
}

/// Twenty devices, and as many faults as two hundred have to put up with.
fn stormy() -> Scenario {
    Scenario {
        devices: 20,
        pages: 3,
        busy: Duration::from_secs(60),
        ..Scenario::default()
    }
}

fn assert_holds(outcome: &Outcome) {
    let found = outcome.violation.as_ref().map(ToString::to_string);
    assert!(
        found.is_none(),
        "seed {}: {}",
        outcome.seed,
        found.unwrap_or_default()
    );
}
