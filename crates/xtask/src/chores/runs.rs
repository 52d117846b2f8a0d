//! Test runs and measurements.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, bail};
use peers::SKIPPED_LIST;

use super::{announce, cargo, check_fuzz_targets, root, run};
use crate::layers::{self, Violation};
use crate::supply;

/// Simulated runs of full size that every change must pass: a minute of processor time.
const SEEDS_OF_A_TEST_RUN: u64 = 50;

/// Everything a change must pass: format, layers, dependencies, lints, tests, simulations. Says at the end which tests
/// were skipped.
///
/// # Errors
///
/// When a step fails; later steps are not started.
pub fn test() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    check_layers()?;
    check_supply()?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ])?;
    check_fuzz_targets()?;
    let list = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tested = run(Command::new(program)
        .args(["test", "--workspace", "--locked"])
        .env(SKIPPED_LIST, list.path())
        .current_dir(root()));
    let skipped = std::fs::read_to_string(list.path()).context("cannot read which tests were skipped")?;
    let simulated = tested.and_then(|()| sim(1, SEEDS_OF_A_TEST_RUN));
    announce(&summary(&skipped));
    simulated
}

/// What `skipped` says, a line `test: reason` for each test, by reason.
fn summary(skipped: &str) -> String {
    let mut tests_by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in skipped.lines() {
        let (test, reason) = line.split_once(": ").unwrap_or(("a test", line));
        tests_by_reason.entry(reason).or_default().push(test);
    }
    if tests_by_reason.is_empty() {
        return "no test was skipped".to_owned();
    }
    let count: usize = tests_by_reason.values().map(Vec::len).sum();
    let mut text = format!("{count} skipped; with OYEZ_REQUIRE_PEERS=1 they fail instead:");
    for (reason, mut tests) in tests_by_reason {
        tests.sort_unstable();
        text.push_str(&format!("\n   {reason}:\n     {}", tests.join(", ")));
    }
    text
}

/// Fails if a crate stands in the wrong place or knows what its place forbids.
///
/// # Errors
///
/// When the workspace cannot be read, or a rule is broken: every violation is listed.
pub fn check_layers() -> Result<()> {
    announce("check-layers");
    fail_on("layer", &layers::check(&root().join("Cargo.toml"))?)
}

/// Fails if the dependencies break a rule of `deny.toml`.
fn check_supply() -> Result<()> {
    announce("bans, licences and sources of deny.toml");
    fail_on("dependency", &supply::check(&root())?)
}

fn fail_on(of: &str, violations: &[Violation]) -> Result<()> {
    if !violations.is_empty() {
        let lines: Vec<String> = violations
            .iter()
            .map(|violation| format!("  {violation}"))
            .collect();
        bail!("{} broken {of} rule(s):\n{}", lines.len(), lines.join("\n"));
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
    cargo(&[
        "build",
        "--release",
        "--package",
        "oyez",
        "--package",
        "oyez-endpoint",
        "--package",
        "fleet",
    ])?;
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

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn skipped_tests_are_named_by_reason() {
        let skipped = "b: no sipp\na: no baresip\nc: no sipp\n";
        assert_eq!(
            summary(skipped),
            "3 skipped; with OYEZ_REQUIRE_PEERS=1 they fail instead:\n   no baresip:\n     a\n   no sipp:\n     b, c"
        );
        assert_eq!(summary(""), "no test was skipped");
    }
}
