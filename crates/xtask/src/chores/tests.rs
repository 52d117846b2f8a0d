//! Test runs and measurements.

use anyhow::{Result, bail};

use super::{announce, cargo, root};
use crate::layers;

/// Simulated runs of full size that every change must pass: a minute of processor time.
const SEEDS_OF_A_TEST_RUN: u64 = 50;

/// Everything a change must pass: format, lints, layers, tests, simulations.
///
/// # Errors
///
/// When a step fails; later steps are not started.
pub fn test() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    check_layers()?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ])?;
    cargo(&["test", "--workspace", "--locked"])?;
    sim(1, SEEDS_OF_A_TEST_RUN)
}

/// Fails if a crate stands in the wrong place or knows what its place forbids.
///
/// # Errors
///
/// When the workspace cannot be read, or a rule is broken: every violation is listed.
pub fn check_layers() -> Result<()> {
    announce("check-layers");
    let violations = layers::check(&root().join("Cargo.toml"))?;
    if !violations.is_empty() {
        let lines: Vec<String> = violations
            .iter()
            .map(|violation| format!("  {violation}"))
            .collect();
        bail!("{} broken layer rule(s):\n{}", lines.len(), lines.join("\n"));
    }
    Ok(())
}

/// Runs one benchmark of the crate `fleet` in release mode.
///
/// # Errors
///
/// When the benchmark cannot be built or fails.
pub fn bench(name: &str, rest: &[String]) -> Result<()> {
    if name == "parse" {
        return cargo(&["bench", "--package", "sip", "--bench", "parse"]);
    }
    let mut arguments = vec!["run", "--release", "--quiet", "--package", "fleet", "--", name];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&["build", "--release", "--package", "oyez", "--package", "fleet"])?;
    cargo(&arguments)
}

/// Runs `seeds` seeded simulations from `first` on.
///
/// # Errors
///
/// When a seed breaks an invariant: the seed is named.
pub fn sim(first: u64, seeds: u64) -> Result<()> {
    let (first, seeds) = (first.to_string(), seeds.to_string());
    cargo(&[
        "run",
        "--profile",
        "sim",
        "--quiet",
        "--package",
        "sim",
        "--",
        "--first",
        &first,
        "--seeds",
        &seeds,
    ])
}
