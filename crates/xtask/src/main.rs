//! `cargo xtask`: the project's own chores.

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::chores;

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask test                            what every change must pass
  cargo xtask peers                           install what some of its tests start
  cargo xtask fuzz sip_message --seconds 60   look for octets that the parser does not take well";

#[derive(Debug, Subcommand)]
enum Chore {
    /// Format, layers, dependencies, lints, every test and fifty simulations
    #[command(after_help = "Examples:
  cargo xtask test                        tests whose peers are missing are skipped, and named at the end
  OYEZ_REQUIRE_PEERS=1 cargo xtask test   the same, but a missing peer fails its tests")]
    Test,
    /// Check the I/O line and the direction of every edge between crates
    #[command(after_help = "Examples:\n  cargo xtask check-layers")]
    CheckLayers,
    /// Install the Debian packages of the peers that tests start (needs root; starts no daemon)
    #[command(after_help = "Examples:\n  sudo -E cargo xtask peers")]
    Peers,
    /// Measure: `registrar`, `page`, `endpoint`, `quality`, `delay`, `portal` or `parse`, peer and Oyez in one run
    #[command(after_help = "Examples:
  cargo xtask bench parse
  cargo xtask bench registrar
  cargo xtask bench page -- --help")]
    Bench {
        /// Which benchmark
        #[arg(value_parser = ["registrar", "page", "endpoint", "quality", "delay", "portal", "parse"])]
        name: String,
        /// Options of the benchmark; `-- --help` lists them
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Run seeded simulations of a zone and 200 endpoints
    #[command(after_help = "Examples:
  cargo xtask sim --seeds 100
  cargo xtask sim --first 4711 --seeds 1   one seed again, after it failed")]
    Sim {
        /// The first seed
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// How many seeds
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
    },
    /// Fuzz the parsers with cargo-fuzz
    #[command(after_help = "Examples:
  cargo xtask fuzz --seconds 60               every target in turn
  cargo xtask fuzz sip_message --seconds 60   one target")]
    Fuzz {
        /// Only this target: a file of fuzz/fuzz_targets without its ending
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Test => chores::test(),
        Chore::CheckLayers => chores::check_layers(),
        Chore::Peers => chores::install_peers(),
        Chore::Bench { name, rest } => chores::bench(&name, &rest),
        Chore::Sim { first, seeds } => chores::sim(first, seeds),
        Chore::Fuzz { target, seconds } => chores::fuzz(target.as_deref(), seconds),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn every_command_has_examples() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            let help = command.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|help| help.contains("Examples:")),
                "{}",
                command.get_name()
            );
        }
    }
}
