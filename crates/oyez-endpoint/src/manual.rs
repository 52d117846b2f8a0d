//! The manual pages of the package: written from the definitions of the command line, and held to them.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Arguments;

/// Asks for the pages to be written instead of compared.
const WRITE: &str = "OYEZ_WRITE_DOCS";

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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("package/man")
}

/// The page of one command, by its name.
fn page(command: &Command) -> (String, String) {
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone().after_help(None::<&'static str>));
    let mut text = Vec::new();
    man.render(&mut text).unwrap();
    let mut text = String::from_utf8(text).unwrap();
    if let Some(examples) = examples {
        text.push_str(&section(&examples));
    }
    text.push_str(FILES);
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    (format!("{name}.1"), text)
}

/// Examples as they stand on the terminal, line by line.
fn section(examples: &str) -> String {
    let lines = examples.strip_prefix("Examples:\n").unwrap_or(examples);
    let lines = lines.replace('\\', "\\\\").replace('-', "\\-");
    // A line that began with a dot would be a request.
    let lines: String = lines.lines().map(|line| format!("\\&{line}\n")).collect();
    format!(".SH EXAMPLES\n.nf\n{lines}.fi\n")
}

#[test]
fn the_manual_pages_are_what_the_command_line_says() {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let pages: Vec<(String, String)> = std::iter::once(&command)
        .chain(command.get_subcommands())
        .map(page)
        .collect();
    let mut kept: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    if std::env::var_os(WRITE).is_some() {
        for name in kept.drain(..) {
            fs::remove_file(folder().join(name)).unwrap();
        }
        for (name, text) in &pages {
            fs::write(folder().join(name), text).unwrap();
            kept.push(name.clone());
        }
    }
    kept.sort();
    let mut names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(kept.iter().collect::<Vec<_>>(), names);
    for (name, text) in &pages {
        assert_eq!(
            &fs::read_to_string(folder().join(name)).unwrap(),
            text,
            "package/man/{name} is written by OYEZ_WRITE_DOCS=1 cargo test -p oyez-endpoint --bins"
        );
    }
}
