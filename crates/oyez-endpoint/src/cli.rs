//! The command line of `oyez-endpoint`.

use std::net::SocketAddr;
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
  oyez-endpoint run                         configured in the browser, at https://localhost:8443/
  oyez-endpoint run --config lobby.conf     configured by a file as well
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
    /// Get a certificate for the device from an authority
    Enrol(EnrolArguments),
    /// Show the registration of each slot of a running endpoint
    Status(StatusArguments),
}

/// Arguments of `oyez-endpoint run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez-endpoint run\n  oyez-endpoint run --config lobby.conf --web 127.0.0.1:8443\n  OYEZ_LOG=info oyez-endpoint run --config /etc/oyez/lobby.conf --state /var/lib/oyez-endpoint"
)]
pub(crate) struct RunArguments {
    /// A configuration file, under what is set on the device itself
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for the device's identity, its recordings and its control socket
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Where the web pages are served, or off
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443", value_parser = web_address)]
    pub(crate) web: WebAddress,
}

/// Where the web pages are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebAddress {
    /// Nowhere.
    Off,
    /// Over HTTPS at this address.
    At(SocketAddr),
}

fn web_address(text: &str) -> Result<WebAddress, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(WebAddress::Off);
    }
    text.parse().map(WebAddress::At).map_err(|_| {
        "an address with a port, as 0.0.0.0:8443 or [::]:8443, or off, would be right".to_owned()
    })
}

/// Arguments of `oyez-endpoint enrol`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez-endpoint enrol https://service.example.com < claim-code\n  sudo oyez-endpoint enrol https://service.example.com:8444/site --ca authority.pem --state /var/lib/oyez-endpoint"
)]
pub(crate) struct EnrolArguments {
    /// The authority: a host, or an https address. The claim code that it has given out is read from standard input
    #[arg(value_name = "ADDRESS")]
    pub(crate) authority: String,
    /// PEM file of the authorities to trust for this, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The hardware address that names the device, instead of the machine's first
    #[arg(long, value_name = "MAC")]
    pub(crate) mac: Option<String>,
    /// Folder for the device's identity: that of the endpoint that is to show it
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
