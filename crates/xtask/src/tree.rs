//! What cargo really builds, from `cargo tree`: it follows features exactly, where `cargo metadata` also lists optional
//! dependencies that no feature asks for.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A package at one place of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// Where its source is from.
    pub(crate) source: Source,
    /// It runs in the compiler and is not linked.
    pub(crate) is_macro: bool,
    /// Its licence as an SPDX expression; empty if it names none.
    pub(crate) licence: String,
    /// The names from the root of the tree to this package.
    pub(crate) path: Vec<String>,
}

/// Where a package is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// crates.io.
    CratesIo,
    /// A folder of this machine: our own.
    Folder,
    /// Anywhere else, as cargo names it.
    Other(String),
}

/// The tree of the workspace at `manifest`, in the order of its lines; `arguments` select its roots and edges. What
/// stands below a package is listed once.
///
/// # Errors
///
/// When cargo fails or writes a line of another form.
pub(crate) fn entries(manifest: &Path, arguments: &[&str]) -> Result<Vec<Entry>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args([
            "tree", "--quiet", "--locked", "--prefix", "depth", "--format", "{p}|{l}",
        ])
        .args(arguments)
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!(
            "cannot read the dependencies of {}: {}",
            manifest.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    read(&String::from_utf8_lossy(&output.stdout))
}

fn read(text: &str) -> Result<Vec<Entry>> {
    let mut path: Vec<String> = Vec::new();
    let mut entries = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let entry = line
            .split_once(|character: char| !character.is_ascii_digit())
            .and_then(|(depth, _)| Some((depth.parse::<usize>().ok()?, line.strip_prefix(depth)?)))
            .and_then(|(depth, rest)| entry(&mut path, depth, rest))
            .with_context(|| format!("cargo tree wrote a line of another form: {line}"))?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Reads `name v1.2.3 (proc-macro) (source)|licence (*)`.
fn entry(path: &mut Vec<String>, depth: usize, text: &str) -> Option<Entry> {
    let (package, licence) = text.split_once('|')?;
    let (name, rest) = package.split_once(" v")?;
    let marks: Vec<&str> = rest
        .split(" (")
        .skip(1)
        .map(|mark| mark.trim_end_matches(')'))
        .collect();
    let from = marks.iter().find(|mark| !matches!(**mark, "proc-macro" | "*"));
    path.truncate(depth);
    path.push(name.to_owned());
    Some(Entry {
        name: name.to_owned(),
        source: match from {
            None => Source::CratesIo,
            Some(from) if from.starts_with('/') => Source::Folder,
            Some(from) => Source::Other((*from).to_owned()),
        },
        is_macro: marks.contains(&"proc-macro"),
        licence: licence.trim_end_matches(" (*)").to_owned(),
        path: path.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_with_paths_sources_and_licences() {
        let text = "0sip v0.1.0 (/src/sip)|MIT OR Apache-2.0\n\
                    1bytes v1.12.0|MIT\n\
                    2derive v2.0.0 (proc-macro)|MIT (*)\n\
                    1forked v0.3.0 (https://example.com/forked.git#0123abcd)|\n\n\
                    0model v0.1.0 (/src/model)|MIT OR Apache-2.0 (*)\n";
        let entries = read(text).unwrap();
        let paths: Vec<String> = entries.iter().map(|entry| entry.path.join(" ")).collect();
        assert_eq!(
            paths,
            ["sip", "sip bytes", "sip bytes derive", "sip forked", "model"]
        );
        let sources: Vec<&Source> = entries.iter().map(|entry| &entry.source).collect();
        let forked = Source::Other("https://example.com/forked.git#0123abcd".to_owned());
        assert_eq!(
            sources,
            [
                &Source::Folder,
                &Source::CratesIo,
                &Source::CratesIo,
                &forked,
                &Source::Folder
            ]
        );
        assert_eq!((entries[2].is_macro, entries[2].licence.as_str()), (true, "MIT"));
        assert_eq!(entries[3].licence, "");
    }

    #[test]
    fn a_line_of_another_form_is_no_tree() {
        assert!(read("warning: something\n").is_err());
    }
}
