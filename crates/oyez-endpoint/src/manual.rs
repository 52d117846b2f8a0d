//! The manual pages and the completions of the package: written from the definitions of the command line, and held to them.

use std::path::Path;

use clap::CommandFactory;

use crate::cli::Arguments;

/// What the pages of all commands end with.
const FILES: &str = ".SH FILES
.TP
.I /etc/oyez\\-endpoint/endpoint.conf
The configuration file of the service.
.TP
.I /var/lib/oyez\\-endpoint
The state folder of the service: what was set at the web pages, keys and certificates, tones, recordings, the control socket.
.TP
.I /usr/share/doc/oyez\\-endpoint/endpoint.md
All keys, and how an endpoint is run.
";

#[test]
fn the_manual_pages_and_completions_are_what_the_command_line_says() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("package");
    manual::hold(&Arguments::command(), &package, FILES);
}
