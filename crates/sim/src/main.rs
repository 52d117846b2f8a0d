//! `sim --first N --seeds M`: runs seeds and names those that break an invariant.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use sim::{Campaign, Outcome, Progress, Scenario, run_traced};

/// Simulates a zone and its devices on a network on which everything goes wrong.
#[derive(Debug, Parser)]
#[command(name = "sim", after_help = EXAMPLES)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// How many at a time; as many as there are processors if not given
    #[arg(long)]
    threads: Option<usize>,
    /// Devices of the site
    #[arg(long)]
    devices: Option<usize>,
    /// Pages while faults happen
    #[arg(long)]
    pages: Option<usize>,
    /// Nothing goes wrong
    #[arg(long)]
    calm: bool,
    /// Run the first seed only, and write everything that happens
    #[arg(long)]
    trace: bool,
}

const EXAMPLES: &str = "\
Examples (`cargo xtask sim` builds with optimisation before):
  sim --seeds 100                   a hundred seeds; each that breaks an invariant is named
  sim --first 4711 --trace          one of them again, with everything that happens
  sim --devices 20 --pages 3 --calm   a small site on which nothing goes wrong";

impl Arguments {
    fn scenario(&self) -> Scenario {
        let usual = Scenario::default();
        let devices = self.devices.unwrap_or(usual.devices);
        let pages = self.pages.unwrap_or(usual.pages);
        if self.calm {
            Scenario::calm(devices, pages)
        } else {
            Scenario {
                devices,
                pages,
                ..usual
            }
        }
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let failed = if arguments.trace {
        trace(arguments.first, &arguments.scenario())?
    } else {
        campaign(&arguments)?
    };
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn trace(seed: u64, scenario: &Scenario) -> Result<bool> {
    let mut out = stdout().lock();
    let mut written = Ok(());
    let outcome = run_traced(seed, scenario, &mut |line| {
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    });
    written?;
    writeln!(out, "{:?}", outcome.tally)?;
    write_outcome(&mut out, &outcome)?;
    Ok(outcome.violation.is_some())
}

fn campaign(arguments: &Arguments) -> Result<bool> {
    let began = Instant::now();
    let campaign = Campaign {
        first: arguments.first,
        seeds: arguments.seeds,
        threads: arguments.threads.unwrap_or_else(processors),
        scenario: arguments.scenario(),
    };
    let progress = campaign.run(|progress| {
        let line = format!(
            "\r{} of {} seeds, {:.0} s, failed: {}",
            progress.done,
            campaign.seeds,
            began.elapsed().as_secs_f64(),
            seeds(&progress.failed)
        );
        // A progress line that cannot be written is not worth a failure.
        stderr().write_all(line.as_bytes()).unwrap_or_default();
    });
    let mut out = stdout().lock();
    writeln!(out)?;
    summary(&mut out, &progress)?;
    for outcome in &progress.failed {
        write_outcome(&mut out, outcome)?;
    }
    Ok(!progress.failed.is_empty())
}

fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn summary(out: &mut impl Write, progress: &Progress) -> Result<()> {
    let hours = progress.elapsed.as_secs_f64() / 3_600.0;
    writeln!(out, "{} seeds, {hours:.1} virtual hours", progress.done)?;
    writeln!(out, "{:?}", progress.tally)?;
    writeln!(out, "failed: {}", seeds(&progress.failed))?;
    Ok(())
}

fn seeds(outcomes: &[Outcome]) -> String {
    if outcomes.is_empty() {
        return "none".to_owned();
    }
    let seeds: Vec<String> = outcomes.iter().map(|outcome| outcome.seed.to_string()).collect();
    seeds.join(" ")
}

fn write_outcome(out: &mut impl Write, outcome: &Outcome) -> Result<()> {
    let Outcome { seed, trace_hash, .. } = outcome;
    match &outcome.violation {
        Some(violation) => writeln!(out, "seed {seed} (trace {trace_hash:016x}) {violation}")?,
        None => writeln!(out, "seed {seed} (trace {trace_hash:016x}) holds")?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_help_has_examples() {
        let command = Arguments::command();
        command.clone().debug_assert();
        assert!(command.get_after_help().is_some());
    }
}
