//! What the person at the keyboard sees: lines, progress, colour where there is a terminal.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this module is the program's voice"
)]

use std::io::{IsTerminal, Write, stderr, stdout};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Sends logs to standard error: warnings and errors, or what `OYEZ_LOG` asks for.
pub fn log_to_standard_error() {
    let filter = EnvFilter::try_from_env("OYEZ_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
}

/// Says why a command failed.
pub fn complain(failure: &Failure) {
    eprintln!(
        "{}: {failure}",
        paint(Colour::Red, "oyez", stderr().is_terminal())
    );
}

/// Prints a line of the result on standard output.
pub fn say(line: &str) {
    println!("{line}");
}

/// A line that tells what is going on, on standard error; on a terminal the next one takes its place.
#[derive(Debug)]
pub struct Progress {
    is_terminal: bool,
    is_quiet: bool,
}

impl Progress {
    /// A progress line; a quiet one says nothing unless there is a terminal.
    pub fn new(is_quiet: bool) -> Self {
        Self {
            is_terminal: stderr().is_terminal(),
            is_quiet,
        }
    }

    /// Shows what is going on.
    pub fn show(&self, what: &str) {
        if self.is_terminal {
            eprint!("\r\x1b[2K  {what}");
            // A terminal that does not take a progress line has other troubles.
            let _is_shown = stderr().flush().is_ok();
        } else if !self.is_quiet {
            eprintln!("  {what}");
        }
    }

    /// Shows what changes all the time: on a terminal only.
    pub fn tick(&self, what: &str) {
        if self.is_terminal {
            self.show(what);
        }
    }

    /// Clears the line.
    pub fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[2K");
            let _is_shown = stderr().flush().is_ok();
        }
    }
}

/// The colours that are used.
#[derive(Debug, Clone, Copy)]
pub enum Colour {
    /// Heard.
    Green,
    /// Not heard, and failures.
    Red,
    /// Headings.
    Bold,
}

/// Whether standard output is a terminal that may be coloured (<https://no-color.org>).
pub fn is_coloured() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `text` in a colour, if `is_coloured`.
pub fn paint(colour: Colour, text: &str, is_coloured: bool) -> String {
    let code = match colour {
        Colour::Green => "32",
        Colour::Red => "31",
        Colour::Bold => "1",
    };
    if is_coloured {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
