//! Manual pages and shell completions of a program: written from the definitions of its command line, and held to them.
//!
//! They are files of the repository, so that a package takes them as they are and the program knows nothing of them. A test of each
//! program calls [`hold`].
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// Asks for the files to be written instead of compared.
const WRITE: &str = "OYEZ_WRITE_DOCS";
/// The shells that have completions.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Compares the folders `man` and `completions` of `package` with what the command line says, or writes them if `OYEZ_WRITE_DOCS` is set.
/// Each manual page ends with `ending`, as roff.
///
/// # Panics
///
/// When a file is not what the command line says, is missing, or belongs to no command.
pub fn hold(command: &Command, package: &Path, ending: &str) {
    let pages = pages(command, ending);
    let completions = SHELLS.map(|shell| completion(command, shell)).into();
    for (folder, files) in [("man", pages), ("completions", completions)] {
        let folder = package.join(folder);
        if std::env::var_os(WRITE).is_some() {
            write(&folder, &files);
        }
        compare(&folder, &files);
    }
}

fn write(folder: &Path, files: &BTreeMap<String, String>) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn compare(folder: &Path, files: &BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).unwrap();
    let mut kept: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept.iter().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    for (name, text) in files {
        let path = folder.join(name);
        assert!(
            &fs::read_to_string(&path).unwrap() == text,
            "{} is not what the command line says: run the test with {WRITE}=1",
            path.display()
        );
    }
}

/// A page for the program and for each of its commands, by the names of their files.
fn pages(command: &Command, ending: &str) -> BTreeMap<String, String> {
    let mut command = command.clone().disable_help_subcommand(true);
    command.build();
    all(&command).map(|command| page(command, ending)).collect()
}

/// A command and those below it.
fn all(command: &Command) -> Box<dyn Iterator<Item = &Command> + '_> {
    let below = command.get_subcommands().flat_map(all);
    Box::new(std::iter::once(command).chain(below))
}

/// The page of one command, by its name.
fn page(command: &Command, ending: &str) -> (String, String) {
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone().after_help(None::<&'static str>));
    let mut text = Vec::new();
    man.render(&mut text).unwrap();
    let mut text = String::from_utf8(text).unwrap();
    if let Some(examples) = examples {
        text.push_str(&section(&examples));
    }
    text.push_str(ending);
    let name = command.get_display_name().unwrap_or(command.get_name());
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

/// What a shell completes the command line with, by the name under which the shell looks for it.
fn completion(command: &Command, shell: Shell) -> (String, String) {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), &name, &mut text);
    let file = match shell {
        Shell::Zsh => format!("_{name}"),
        Shell::Fish => format!("{name}.fish"),
        _ => name,
    };
    (file, String::from_utf8(text).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_each_shell_a_completion() {
        let command = Command::new("bell").subcommand(Command::new("ring").after_help("Examples:\n.bell -1"));

        let pages = pages(&command, ".SH FILES\n");

        assert_eq!(pages.keys().collect::<Vec<_>>(), ["bell-ring.1", "bell.1"]);
        assert!(pages["bell-ring.1"].ends_with(".nf\n\\&.bell \\-1\n.fi\n.SH FILES\n"));
        for (shell, file) in SHELLS.into_iter().zip(["bell", "_bell", "bell.fish"]) {
            let (name, text) = completion(&command, shell);
            assert_eq!(name, file);
            assert!(text.contains("ring"), "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "is not what the command line says")]
    fn a_file_that_says_something_else_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let files = |text: &str| BTreeMap::from([("bell.1".to_owned(), text.to_owned())]);
        write(folder.path(), &files("one"));

        compare(folder.path(), &files("two"));
    }
}
