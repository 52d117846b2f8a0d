//! The command line of `oyez`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Be heard, and know who heard it: paging, ringing and alerting over SIP.
#[derive(Debug, Parser)]
#[command(name = "oyez", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  oyez up                        try it: a zone, two loudspeakers, a spoken page, a report
  oyez up --once                 the same, then end: exit code 0 only if the page was heard
  oyez page 700 fire-drill.wav   place a page into the running zone
  oyez status                    how many are registered, how many pages run
  oyez zone --config zone.toml   run a zone from a configuration file

Exit codes: 0 done, 1 failed, 2 usage, 64 bad configuration.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a zone and two virtual loudspeakers, page them, and report who heard it
    Up(UpArguments),
    /// Place a page into a running zone
    Page(PageArguments),
    /// Show the state of a running zone
    Status(StatusArguments),
    /// Run a zone from a configuration file
    Zone(ZoneArguments),
}

/// Arguments of `oyez up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez up\n  oyez up --state /var/lib/oyez --sip-port 6060\n  oyez up --once --json | jq .heard"
)]
pub struct UpArguments {
    /// Folder that keeps keys, directory and recordings from run to run
    #[arg(long, value_name = "FOLDER", conflicts_with = "once")]
    pub state: Option<PathBuf>,
    /// Use a temporary state and free ports on loopback, place one page, and end
    #[arg(long)]
    pub once: bool,
    /// Print the report as JSON alone on standard output
    #[arg(long)]
    pub json: bool,
    /// UDP and TCP port of the zone; TLS takes the next one
    #[arg(long, value_name = "PORT", default_value_t = 5060, conflicts_with = "once",
          value_parser = clap::value_parser!(u16).range(1..=65_534))]
    pub sip_port: u16,
    /// First of the 10,000 UDP ports for media
    #[arg(long, value_name = "PORT", default_value_t = 20_000, conflicts_with = "once",
          value_parser = clap::value_parser!(u16).range(1_024..=55_000))]
    pub media_port: u16,
    /// Where the loudspeakers' sound goes
    #[arg(long, value_enum, default_value_t = SinkKind::File)]
    pub sink: SinkKind,
}

/// Where a loudspeaker's sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SinkKind {
    /// WAV files in the folder `recordings` of the state
    File,
    /// Nowhere: a page into it is never heard
    Null,
}

/// Arguments of `oyez page`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez page 700 notice.wav\n  espeak-ng --stdout 'All clear' | oyez page 700 -"
)]
pub struct PageArguments {
    /// Extension of the page group
    pub extension: String,
    /// WAV file to speak; `-` reads it from standard input
    #[arg(value_name = "FILE.wav")]
    pub file: PathBuf,
    /// State folder of the running zone
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Print the report as JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `oyez status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// State folder of the running zone
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Print JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `oyez zone`.
#[derive(Debug, Args)]
pub struct ZoneArguments {
    /// The zone's configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
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
    fn every_command_says_what_it_does() {
        for command in Arguments::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
