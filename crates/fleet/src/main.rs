//! The program `fleet`: benchmarks of Oyez beside its peers. `docs/benchmarks.md` says what is measured and how to read it.

mod bench;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::{delay, endpoint, page, portal, quality, registrar};

/// Longest time of a whole run.
const RUN_MAX: Duration = Duration::from_secs(15 * 60);

/// Measure Oyez beside its peers.
#[derive(Debug, Parser)]
#[command(name = "fleet", arg_required_else_help = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

const EXAMPLES: &str = "\
Examples (`cargo xtask bench` builds in release mode before):
  cargo xtask bench registrar
  cargo xtask bench page -- --help";

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Registrations over UDP and TLS, beside Kamailio
    #[command(after_help = "Examples:\n  cargo xtask bench registrar")]
    Registrar(registrar::Arguments),
    /// Pages to many loudspeakers, beside the kernel's own sendto
    #[command(after_help = "Examples:\n  cargo xtask bench page")]
    Page(page::Arguments),
    /// One endpoint beside baresip: start, memory, a page
    #[command(after_help = "Examples:\n  cargo xtask bench endpoint")]
    Endpoint(endpoint::Arguments),
    /// Speech through a network that loses and delays packets, beside baresip
    #[command(
        after_help = "Examples:\n  cargo xtask bench quality\n  cargo xtask bench quality -- --keep recordings"
    )]
    Quality(quality::Arguments),
    /// From a talker's mouth to the output, mark by mark, beside baresip
    #[command(after_help = "Examples:\n  cargo xtask bench delay\n  cargo xtask bench delay -- --calls 10")]
    Delay(delay::Arguments),
    /// The portal with ten thousand devices
    #[command(
        after_help = "Examples:\n  cargo xtask bench portal\n  cargo xtask bench portal -- --devices 1000"
    )]
    Portal(portal::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.benchmark) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            bench::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs a benchmark; whatever ends it, the servers it has started are ended with it.
fn run(benchmark: Benchmark) -> Result<()> {
    net::raise_open_files(0).context("cannot raise the limit of open files")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for a signal")?;
        let measuring = async {
            match benchmark {
                Benchmark::Registrar(arguments) => registrar::run(&arguments).await,
                Benchmark::Page(arguments) => page::run(&arguments).await,
                Benchmark::Endpoint(arguments) => endpoint::run(&arguments).await,
                Benchmark::Quality(arguments) => quality::run(&arguments).await,
                Benchmark::Delay(arguments) => delay::run(&arguments).await,
                Benchmark::Portal(arguments) => portal::run(&arguments).await,
            }
        };
        tokio::select! {
            measured = tokio::time::timeout(RUN_MAX, measuring) => match measured {
                Ok(measured) => measured,
                Err(_) => bail!("not done after {} minutes", RUN_MAX.as_secs() / 60),
            },
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            _ = terminate.recv() => bail!("told to end"),
        }
    })
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
                help.is_some_and(|help| help.contains("Examples")),
                "{}",
                command.get_name()
            );
        }
    }
}
