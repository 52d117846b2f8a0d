//! The table of attacks names tests that exist.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What stands in the place of a test where there is none; a reason follows it.
const NOT_COVERED: &str = "**not covered**";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of the tables: case, clause, tests.
fn rows() -> Vec<[String; 3]> {
    let document = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Case"));
    rows.map(|line| {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        cells.try_into().unwrap()
    })
    .collect()
}

/// The paths in backquotes: `crate::module::test`.
fn tests_in(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|text| text.contains("::")).collect()
}

/// The names of all functions in the Rust sources below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let names = source.lines().filter_map(|line| {
                let line = line.trim_start();
                let line = line.strip_prefix("async ").unwrap_or(line);
                line.strip_prefix("fn ")?.split(['(', '<']).next()
            });
            found.extend(names.map(str::to_owned));
        }
    }
}

/// The names of all functions of a package and its tests.
fn functions_of(package: &str) -> BTreeSet<String> {
    let package = root().join("crates").join(package);
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"].map(|folder| package.join(folder)) {
        if folder.is_dir() {
            functions(&folder, &mut found);
        }
    }
    found
}

#[test]
fn every_test_that_the_table_of_attacks_names_exists() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut missing = Vec::new();
    for [case, _, cell] in rows() {
        for test in tests_in(&cell) {
            let (package, _) = test.split_once("::").unwrap();
            let (_, name) = test.rsplit_once("::").unwrap();
            let of_package = known
                .entry(package.to_owned())
                .or_insert_with(|| functions_of(package));
            if !of_package.contains(name) {
                missing.push(format!("{case}: {test}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(!known.is_empty(), "the document has no table");
}

#[test]
fn every_clause_has_a_test_or_says_why_not() {
    let silent: Vec<_> = rows()
        .into_iter()
        .filter(|[_, _, cell]| {
            let reason = cell.split_once(NOT_COVERED).map(|(_, reason)| reason.trim());
            tests_in(cell).is_empty() && reason.is_none_or(str::is_empty)
        })
        .collect();
    assert_eq!(silent, Vec::<[String; 3]>::new());
}
