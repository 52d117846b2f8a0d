//! Writes a machine's transitions as a text table and compares it with the one kept in `tables/`.
//!
//! One line per (transport, state, input): the next state, the effects in order, the timers that run afterwards. A
//! timer is an input only where it runs.

use std::fmt::{Debug, Write};
use std::time::Instant;

use super::{Effects, Running, Timer, Timers};

/// What the four machines have in common, as far as a table needs it.
pub(crate) trait Machine: Clone {
    type Input: Copy + Debug;

    fn step(&mut self, input: Self::Input, now: Instant, timers: &Timers) -> Effects;
    fn state(&self) -> String;
    /// The timer whose firing is this input.
    fn timer(input: Self::Input) -> Option<Timer>;
    fn ticking(&mut self) -> &mut Running;
}

/// Panics with the table as it is when it differs from `kept`.
pub(crate) fn check<M: Machine>(
    name: &str,
    kept: &str,
    start: fn(bool, Instant, &Timers) -> M,
    paths: &[(&str, &[M::Input])],
    inputs: &[M::Input],
) {
    let table = write_table(start, paths, inputs);

    assert!(
        table == kept,
        "tables/{name}.txt differs from the machine, which is:\n{table}"
    );
}

fn write_table<M: Machine>(
    start: fn(bool, Instant, &Timers) -> M,
    paths: &[(&str, &[M::Input])],
    inputs: &[M::Input],
) -> String {
    let timers = Timers::default();
    let now = Instant::now();
    let mut table = String::new();
    for reliable in [false, true] {
        let transport = if reliable { "reliable" } else { "unreliable" };
        for (state, path) in paths {
            let mut machine = start(reliable, now, &timers);
            for input in *path {
                machine.step(*input, now, &timers);
            }
            if machine.state() != *state {
                writeln!(
                    table,
                    "{transport} {state}: not reached, {} instead",
                    machine.state()
                )
                .expect("a String takes all");
                continue;
            }
            writeln!(table, "{transport} {state} [{}]", machine.ticking().describe(now))
                .expect("a String takes all");
            for input in inputs {
                let mut machine = machine.clone();
                if let Some(timer) = M::timer(*input) {
                    if !machine.ticking().is_running(timer) {
                        continue;
                    }
                    machine.ticking().stop(timer);
                }
                let effects = machine.step(*input, now, &timers);
                writeln!(
                    table,
                    "  {input:?} -> {} {:?} [{}]",
                    machine.state(),
                    effects.as_slice(),
                    machine.ticking().describe(now)
                )
                .expect("a String takes all");
            }
        }
    }
    table
}
