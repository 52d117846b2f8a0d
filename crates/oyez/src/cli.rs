//! The command line of `oyez`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use model::config::HostPort;
use portal::checkpoint::Checkpoint;

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
  oyez check 00:22:EE:0A:0B:0C   what keeps a device from being registered
  oyez zone --config zone.toml   run a zone from a configuration file
  oyez service --config service.toml
                                 run the portal and the provisioning server, and a zone with them

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
    /// Say what keeps a device of a running service from being registered
    Check(CheckArguments),
    /// Run a zone from a configuration file
    Zone(ZoneArguments),
    /// Run the portal and the provisioning server from a configuration file, and a zone with them
    Service(ServiceArguments),
}

/// Arguments of `oyez up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez up\n  oyez up --state /var/lib/oyez --sip-port 6060\n  oyez up --once --state try          keep the recordings\n  oyez up --once --json | jq .heard"
)]
pub struct UpArguments {
    /// Folder that keeps keys, accounts and recordings from run to run
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Use free ports on loopback, and a temporary state unless one is named; place one page, and end
    #[arg(long)]
    pub once: bool,
    /// Print the report as JSON alone on standard output
    #[arg(long)]
    pub json: bool,
    /// UDP and TCP port of the zone; TLS takes the next one, and 0 free ones
    #[arg(long, value_name = "PORT", default_value_t = 5060, conflicts_with = "once",
          value_parser = clap::value_parser!(u16).range(0..=65_534))]
    pub sip_port: u16,
    /// First of the 10,000 UDP ports for media
    #[arg(long, value_name = "PORT", default_value_t = 20_000, conflicts_with = "once",
          value_parser = clap::value_parser!(u16).range(1_024..=55_000))]
    pub media_port: u16,
    /// Port of the portal; the provisioning server takes the next one, and 0 free ones
    #[arg(long, value_name = "PORT", default_value_t = 9443, conflicts_with = "once",
          value_parser = clap::value_parser!(u16).range(0..=65_534))]
    pub web_port: u16,
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

/// Seconds after the answer at which a PIN is keyed in unasked, at most: servers give half a minute for it.
pub const PIN_AFTER_MAX: u64 = 30;

/// Arguments of `oyez page`.
#[derive(Debug, Args)]
#[command(after_help = PAGE_HELP)]
pub struct PageArguments {
    /// Extension of the page group
    pub extension: String,
    /// WAV file to speak; `-` reads it from standard input
    #[arg(value_name = "FILE.wav")]
    pub file: PathBuf,
    /// File with the PIN of the page group in its first line, in place of OYEZ_PIN
    #[arg(long, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
    /// Key the PIN in so many seconds after the answer, unasked: for a PBX that asks for it by a voice
    #[arg(long, value_name = "SECONDS", requires = "server", value_parser = clap::value_parser!(u64).range(..=PIN_AFTER_MAX))]
    pub pin_after: Option<u64>,
    /// State folder of a running `oyez up`
    #[arg(long, value_name = "FOLDER", conflicts_with = "server")]
    pub state: Option<PathBuf>,
    /// Any other zone.
    #[command(flatten)]
    pub zone: ZoneOptions,
    /// Print the report as JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

const PAGE_HELP: &str = "\
Examples:
  oyez page 700 notice.wav                         into the zone of `oyez up`
  espeak-ng --stdout 'All clear' | oyez page 700 -
  OYEZ_PASSWORD=… oyez page 700 notice.wav --server pbx.example.com --user desk --control zone.sock

Without --server the page goes into the zone of `oyez up` on this machine. With it, it goes to any zone over TLS; the
password is taken from OYEZ_PASSWORD or --password-file.

Where a page group asks for a PIN, it is taken from OYEZ_PIN or --pin-file and keyed in behind the answer, as on a telephone.
A zone asks for it in a way that a program understands. Another server may ask by a voice alone; then --pin-after says when to key it in,
and nobody says whether it was right.

Exit code 0: everybody who gives receipts heard the page, and everybody else answered. Exit code 1: somebody did not,
or the page failed. Without --control a zone elsewhere cannot say who heard the page; then 0 means that it was spoken.";

/// A zone that `oyez up` does not run.
#[derive(Debug, Clone, Args)]
pub struct ZoneOptions {
    /// Page through the zone at this address, over TLS
    #[arg(long, value_name = "HOST[:PORT]", requires = "user")]
    pub server: Option<HostPort>,
    /// User to page as; its domain, if the server's name is not the zone's domain
    #[arg(long, value_name = "USER[@DOMAIN]", requires = "server")]
    pub user: Option<String>,
    /// Authorization id of the user, if it is not the user's name
    #[arg(long, value_name = "ID", requires = "server")]
    pub authorization_id: Option<String>,
    /// Certificates of the authorities to trust (PEM), in place of the system's
    #[arg(long, value_name = "FILE", requires = "server")]
    pub ca: Option<PathBuf>,
    /// File with the user's password in its first line, in place of OYEZ_PASSWORD
    #[arg(long, value_name = "FILE", requires = "server")]
    pub password_file: Option<PathBuf>,
    /// Control socket of the zone, which tells who heard the page
    #[arg(long, value_name = "SOCKET", requires = "server")]
    pub control: Option<PathBuf>,
}

/// Arguments of `oyez status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez status\n  oyez status --control /run/oyez/zone.sock\n  oyez status --json | jq .accounts"
)]
pub struct StatusArguments {
    /// State folder of a running `oyez up`
    #[arg(long, value_name = "FOLDER", conflicts_with = "control")]
    pub state: Option<PathBuf>,
    /// Control socket of a running `oyez zone`
    #[arg(long, value_name = "SOCKET")]
    pub control: Option<PathBuf>,
    /// Print JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `oyez check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez check 00:22:EE:0A:0B:0C\n  oyez check \"Hall loudspeaker\" --state /var/lib/oyez\n  oyez check 0022ee0a0b0c --json | jq .verdict\n\nExit codes: 0 registered, 1 not registered or not known, 2 usage."
)]
pub struct CheckArguments {
    /// The device: its MAC address, or its whole name
    #[arg(value_name = "DEVICE")]
    pub device: String,
    /// State folder of a running `oyez service` or `oyez up`
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Print JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `oyez zone`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez zone --config /etc/oyez/zone.toml\n  OYEZ_LOG=info oyez zone --config zone.toml   tell what happens"
)]
pub struct ZoneArguments {
    /// The zone's configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Arguments of `oyez service`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  oyez service --config /etc/oyez/service.toml\n  OYEZ_LOG=info oyez service --config service.toml   tell what happens\n  oyez service certificate 00:22:EE:0A:0B:0C --csr device.csr   sign a request for a device\n  oyez service audit   see whether anything else has changed the audit",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct ServiceArguments {
    /// The service's configuration file
    #[arg(long, value_name = "FILE", required = true)]
    pub config: Option<PathBuf>,
    /// Something to have a running service do.
    #[command(subcommand)]
    pub command: Option<ServiceCommand>,
}

/// What a running service is asked to do.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Have a running service sign the request of a device that cannot enrol with a claim code
    Certificate(CertificateArguments),
    /// Have a running service go through its audit: has anything else changed it?
    Audit(AuditArguments),
}

/// Arguments of `oyez service audit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sudo -u oyez oyez service audit --state /var/lib/oyez\n  oyez service audit --json | jq .fault\n  oyez service audit --from \"people 97 5fb02d7c4e1a9088, programs 30 c11f3e0a7d52b694, alarms 1 08e7aa5310d9f26b\"\n\nExit codes: 0 every entry fits, and the checkpoint is there, 1 one is not or nothing can be said, 2 usage."
)]
pub struct AuditArguments {
    /// Say as well whether the audit still has what it had at an earlier checkpoint, as the log and this command print one
    #[arg(long, value_name = "CHECKPOINT")]
    pub from: Option<Checkpoint>,
    /// State folder of the running `oyez service` or `oyez up`
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Print JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `oyez service certificate`.
#[derive(Debug, Args)]
#[command(after_help = CERTIFICATE_HELP)]
pub struct CertificateArguments {
    /// The device's MAC address, as it was added in the portal
    #[arg(value_name = "MAC")]
    pub mac: String,
    /// Its signing request (PKCS #10), in PEM or DER
    #[arg(long, value_name = "FILE")]
    pub csr: PathBuf,
    /// File to write the certificate to, with the authority's after it; without one they are printed
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// State folder of the running `oyez service` or `oyez up`
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Print JSON alone on standard output
    #[arg(long)]
    pub json: bool,
}

const CERTIFICATE_HELP: &str = "\
Examples:
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
    -keyout device.key -out device.csr -subj /CN=0022EE0A0B0C
  sudo -u oyez oyez service certificate 00:22:EE:0A:0B:0C --csr device.csr --state /var/lib/oyez > device.pem
  oyez service certificate 0022ee0a0b0c --csr device.csr --out device.pem
  oyez service certificate 0022ee0a0b0c --csr device.csr --json | jq -r .fingerprint

The key stays on the device, and the common name of the request is the device's MAC address. The certificate is renewed
and taken back as one for a claim code, and is in the audit.

Exit codes: 0 signed, 1 not signed, 2 usage.";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, PIN_AFTER_MAX};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_has_examples() {
        let command = Arguments::command();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|help| help.contains("Examples:")),
                "{}",
                command.get_name()
            );
        }
    }

    #[test]
    fn a_password_is_no_argument_and_a_server_needs_a_user() {
        let parse = |more: &[&str]| {
            let all = ["oyez", "page", "700", "x.wav"].iter().chain(more);
            Arguments::try_parse_from(all).is_ok()
        };
        assert!(parse(&["--server", "pbx.example.com:5061", "--user", "desk"]));
        assert!(!parse(&["--server", "pbx.example.com:5061"]));
        assert!(!parse(&["--server", "pbx.example.com:port", "--user", "desk"]));
        assert!(!parse(&["--user", "desk"]));
        assert!(!parse(&["--password", "x"]));
    }

    #[test]
    fn a_pin_is_keyed_in_unasked_at_other_servers_alone_and_within_half_a_minute() {
        let parse = |more: &[&str]| {
            let all = ["oyez", "page", "700", "x.wav"].iter().chain(more);
            Arguments::try_parse_from(all).is_ok()
        };
        let after = |seconds: u64| {
            let seconds = seconds.to_string();
            parse(&["--server", "pbx", "--user", "desk", "--pin-after", &seconds])
        };
        assert!(after(0) && after(PIN_AFTER_MAX) && !after(PIN_AFTER_MAX + 1));
        assert!(!parse(&["--pin-after", "5"]));
    }
}
