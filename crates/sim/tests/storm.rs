//! Every device comes back at once: the zone's part in a reconnect storm, in virtual time.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use sim::{Faults, Scenario, run_traced};

const DEVICES: usize = 200;
/// Runs in which the zone fails: a seed may leave its fault out.
const SEEDS: [u64; 3] = [4, 7, 11];

/// What a trace says of the zone's failure and of what came after.
#[derive(Default)]
struct Storm {
    /// The zone has failed.
    has_failed: bool,
    /// When it ran again.
    runs_at: Option<Duration>,
    /// Its directory has come, without which it knows nobody.
    knows_its_users: bool,
    users_before: BTreeSet<String>,
    users_after: BTreeSet<String>,
    last_registered_at: Duration,
    refusals: Vec<String>,
}

impl Storm {
    fn read(&mut self, line: &str) {
        let (at, what) = line.trim_start().split_once(' ').unwrap();
        if what.starts_with("FAULT ") {
            self.has_failed = true;
        } else if what == "zone: starts" && self.has_failed {
            self.runs_at = Some(seconds(at));
        } else if what.starts_with("zone: DirectoryApplied") {
            self.knows_its_users = self.runs_at.is_some();
        } else if let Some(told) = what.strip_prefix("zone: Registered ") {
            let (_, user) = told.split_once("user: ").unwrap();
            let user = user.split(", ").next().unwrap().to_owned();
            if self.runs_at.is_none() {
                self.users_before.insert(user);
            } else if self.users_after.insert(user) {
                self.last_registered_at = seconds(at);
            }
        }
        let is_refusal = what.contains("Refused {") || what.contains("is sent SIP/2.0 5");
        if is_refusal && self.knows_its_users {
            self.refusals.push(line.to_owned());
        }
    }
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs_f64(text.parse().unwrap())
}

/// The zone of devices that all have streams fails once; every user must be back in time, and nobody be sent away.
fn assert_back_within(patience: Duration, faults: Faults) {
    for seed in SEEDS {
        let scenario = Scenario {
            datagram_permille: 0,
            busy: Duration::from_secs(20),
            healing: Duration::from_secs(20) + patience,
            faults,
            ..Scenario::calm(DEVICES, 0)
        };
        let mut storm = Storm::default();
        let outcome = run_traced(seed, &scenario, &mut |line| storm.read(line));

        assert_eq!(outcome.violation, None, "seed {seed}");
        assert_eq!(outcome.tally.faults, 1, "seed {seed}");
        assert!(storm.knows_its_users, "seed {seed}");
        assert!(storm.users_before.len() >= DEVICES, "seed {seed}");
        assert_eq!(storm.users_after, storm.users_before, "seed {seed}");
        let took = storm.last_registered_at - storm.runs_at.unwrap();
        assert!(took <= patience, "seed {seed}: {took:?}");
        assert_eq!(storm.refusals, Vec::<String>::new(), "seed {seed}");
    }
}

/// All connections end at one instant, and all devices dial.
#[test]
fn w07_a_zone_that_crashes_has_every_device_back_within_ten_seconds() {
    let faults = Faults {
        zone_crashes: 1,
        ..Faults::NONE
    };
    assert_back_within(Duration::from_secs(10), faults);
}

/// Nobody is told: a device notices by a keep-alive, due within 20 s and given up after 10, and dials then.
#[test]
fn w07_a_zone_that_loses_its_power_has_every_device_back_within_forty_seconds() {
    let faults = Faults {
        zone_power_cuts: 1,
        ..Faults::NONE
    };
    assert_back_within(Duration::from_secs(40), faults);
}
