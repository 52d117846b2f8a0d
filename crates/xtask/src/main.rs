//! `cargo xtask`: the project's own chores.

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::chores;

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Format, layers, lints, every test and fifty simulations
    Test,
    /// Check the I/O line and the direction of every edge between crates
    CheckLayers,
    /// Install the Debian packages of the peers that tests start (needs root; starts no daemon)
    Peers,
    /// Measure: `registrar`, `page` or `parse`, peer and Oyez in one run
    Bench {
        /// Which benchmark
        #[arg(value_parser = ["registrar", "page", "parse"])]
        name: String,
        /// Options of the benchmark; `-- --help` lists them
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Run seeded simulations of a zone and 200 endpoints
    Sim {
        /// The first seed
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// How many seeds
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
    },
    /// Fuzz the parsers with cargo-fuzz
    Fuzz {
        /// Only this target
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
