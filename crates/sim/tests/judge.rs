//! The judge has to find what is broken on purpose: an invariant that cannot break says nothing.

use sim::{Defect, Faults, Invariant, Scenario, run};

#[test]
fn a_device_that_does_not_hear_is_found() {
    assert_eq!(found(Defect::Deaf), Some(Invariant::HeardUnlessExplained));
}

#[test]
fn a_page_that_sounds_twice_is_found() {
    assert_eq!(found(Defect::Echo), Some(Invariant::SoundsOnce));
}

#[test]
fn a_report_that_lies_is_found() {
    assert_eq!(found(Defect::Lie), Some(Invariant::HeardIsTrue));
}

#[test]
fn a_report_that_does_not_come_is_found() {
    assert_eq!(found(Defect::Unreported), Some(Invariant::Reported));
}

#[test]
fn a_device_that_does_not_run_is_found() {
    assert_eq!(found(Defect::Absent), Some(Invariant::Registered));
}

#[test]
fn a_device_that_the_zone_has_forgotten_is_found() {
    assert_eq!(found(Defect::Forgotten), Some(Invariant::Registered));
}

#[test]
fn a_stranger_that_is_heard_is_found() {
    assert_eq!(found(Defect::Credulous), Some(Invariant::NoStranger));
}

#[test]
fn without_a_defect_nothing_is_found() {
    let outcome = run(1, &scenario(None));

    assert_eq!(outcome.violation, None);
    assert!(outcome.tally.intrusions > 0);
}

fn found(defect: Defect) -> Option<Invariant> {
    let outcome = run(1, &scenario(Some(defect)));
    outcome.violation.map(|violation| violation.invariant)
}

/// Five devices on a calm network, and a stranger who tries to be heard.
fn scenario(defect: Option<Defect>) -> Scenario {
    Scenario {
        faults: Faults {
            intrusions: 4,
            ..Faults::NONE
        },
        defect,
        ..Scenario::calm(5, 2)
    }
}
