//! What the person at the keyboard sees, and how the program ends.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this module is the program's voice"
)]

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use device_web::LogBook;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was tried and failed: exit code 1.
    Failed(anyhow::Error),
    /// The configuration is wrong, and nothing was started: exit code 64.
    BadConfiguration(anyhow::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::BadConfiguration(_) => ExitCode::from(64),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Failed(error) | Self::BadConfiguration(error)) = self;
        f.write_str(&device::sentence(error.as_ref()))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Sends logs to standard error: warnings and errors, or what `OYEZ_LOG` asks for.
///
/// The book that is given back keeps the last lines for the web pages, whatever is asked for.
pub(crate) fn log_to_standard_error() -> LogBook {
    let filter = EnvFilter::try_from_env("OYEZ_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let book = LogBook::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_filter(filter);
    tracing_subscriber::registry()
        .with(lines)
        .with(book.clone())
        .init();
    book
}

/// Says why the command failed.
pub(crate) fn complain(failure: &Failure) {
    eprintln!("oyez-endpoint: {failure}");
}

/// Prints a line of the result on standard output.
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Asks for a line, on standard error.
pub(crate) fn ask(question: &str) {
    eprint!("{question}");
}
