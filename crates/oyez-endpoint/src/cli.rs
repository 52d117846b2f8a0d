//! The command line of `oyez-endpoint`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// An IP endpoint for paging, ringing and alerting.
#[derive(Debug, Parser)]
#[command(name = "oyez-endpoint", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  oyez-endpoint run --config lobby.conf     register and wait for pages
  oyez-endpoint status                      each slot's registration, with its cause
  oyez-endpoint status --json | jq .slots

A configuration file has lines `key = value`, with the keys of the hardware it follows:
  sip.proxy = pbx.example.net:5061
  sip.transp = tls
  sip.u1.user = 7001
  sip.u1.pwd = secret

Exit codes: 0 done, 1 failed, 2 usage, 64 bad configuration.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register and wait for pages, until told to end
    Run(RunArguments),
    /// Show the registration of each slot of a running endpoint
    Status(StatusArguments),
}

/// Arguments of `oyez-endpoint run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez-endpoint run --config lobby.conf\n  OYEZ_LOG=info oyez-endpoint run --config /etc/oyez/lobby.conf --state /var/lib/oyez-endpoint"
)]
pub(crate) struct RunArguments {
    /// A configuration file, under what is set on the device itself
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for the device's identity, its recordings and its control socket
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
}

/// Arguments of `oyez-endpoint status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez-endpoint status\n  oyez-endpoint status --state /var/lib/oyez-endpoint --json | jq .slots"
)]
pub(crate) struct StatusArguments {
    /// State folder of the running endpoint
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Print JSON alone on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        let command = Arguments::command();
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
