//! Many seeds, on a few threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::outcome::{Invariant, Outcome, Tally, Violation};
use crate::scenario::Scenario;

/// Seeds to be run one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// How many are run at a time.
    pub threads: usize,
    /// What each of them runs.
    pub scenario: Scenario,
}

/// How far a campaign has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Seeds that were run.
    pub done: u64,
    /// What happened in them.
    pub tally: Tally,
    /// Virtual time that passed in them.
    pub elapsed: Duration,
    /// The outcomes of those that broke an invariant, in the order of their seeds.
    pub failed: Vec<Outcome>,
}

impl Campaign {
    /// Runs all seeds; `report` is called after each, from whatever thread ran it. A panic counts as a broken invariant.
    pub fn run(&self, report: impl Fn(&Progress) + Sync) -> Progress {
        let next = AtomicU64::new(0);
        let progress = Mutex::new(Progress::default());
        thread::scope(|scope| {
            for _thread in 0..self.threads.max(1) {
                scope.spawn(|| {
                    while let Some(seed) = self.seed(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = guarded(seed, &self.scenario);
                        // A thread that panicked has been stopped by `guarded` before it took the lock.
                        let mut progress = progress.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                        progress.add(outcome);
                        report(&progress);
                    }
                });
            }
        });
        let mut progress = progress
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        progress.failed.sort_by_key(|outcome| outcome.seed);
        progress
    }

    fn seed(&self, number: u64) -> Option<u64> {
        if number < self.seeds {
            self.first.checked_add(number)
        } else {
            None
        }
    }
}

impl Progress {
    fn add(&mut self, outcome: Outcome) {
        self.done += 1;
        self.tally.add(&outcome.tally);
        self.elapsed += outcome.elapsed;
        if outcome.violation.is_some() {
            self.failed.push(outcome);
        }
    }
}

fn guarded(seed: u64, scenario: &Scenario) -> Outcome {
    let run = || crate::run(seed, scenario);
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Outcome {
        seed,
        trace_hash: 0,
        elapsed: Duration::ZERO,
        tally: Tally::default(),
        violation: Some(Violation {
            invariant: Invariant::NoPanic,
            at: Duration::ZERO,
            found: words(panic.as_ref()).to_owned(),
            trace: Vec::new(),
        }),
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
