//! The manual pages and the completions of the program: written from the definitions of the command line, and held to them.

use std::path::Path;

use clap::CommandFactory;
use oyez::cli::Arguments;

/// What the pages of all commands end with.
const FILES: &str = ".SH ENVIRONMENT
.TP
.B OYEZ_PASSWORD
The password to page with.
.TP
.B OYEZ_LOG
What is logged to standard error:
.BR error ,
.BR warn ,
.BR info ,
.B debug
or
.BR trace ,
for all or by part of the program.
.SH SEE ALSO
.BR oyez\\-endpoint (1)
";

#[test]
fn the_manual_pages_and_completions_are_what_the_command_line_says() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("package");
    manual::hold(&Arguments::command(), &package, FILES);
}
