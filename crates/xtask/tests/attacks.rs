//! The table of attacks names tests that exist, where it says, and run.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenTree};

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

/// The tests of a file below `module`: functions with an attribute whose path ends in `test`, unless they are ignored.
fn tests_of(module: &str, items: &[syn::Item], found: &mut BTreeSet<String>) {
    for item in items {
        match item {
            syn::Item::Fn(function) => {
                let has = |name: &str| {
                    let mut paths = function.attrs.iter().map(syn::Attribute::path);
                    paths.any(|path| path.segments.last().is_some_and(|last| last.ident == name))
                };
                if has("test") && !has("ignore") {
                    found.insert(format!("{module}::{}", function.sig.ident));
                }
            }
            syn::Item::Mod(inner) => {
                let items = inner.content.as_ref().map_or(&[][..], |(_, items)| items);
                tests_of(&format!("{module}::{}", inner.ident), items, found);
            }
            syn::Item::Macro(called) => tests_of_macro(module, called, found),
            _ => {}
        }
    }
}

/// What stands in `proptest! { … }` are functions with other parameters: attributes and names are picked out.
fn tests_of_macro(module: &str, called: &syn::ItemMacro, found: &mut BTreeSet<String>) {
    if !called.mac.path.is_ident("proptest") {
        return;
    }
    let mut attributes = Vec::new();
    let mut tokens = called.mac.tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                attributes.extend(group.stream().into_iter().next().map(|name| name.to_string()));
            }
            TokenTree::Ident(word) if word == "fn" => {
                let has = |name: &str| attributes.iter().any(|attribute| attribute == name);
                if let Some(name) = tokens.peek().filter(|_| has("test") && !has("ignore")) {
                    found.insert(format!("{module}::{name}"));
                }
                attributes.clear();
            }
            _ => {}
        }
    }
}

/// The module of a source file, as the document writes it: `crate::module` of the library, and `crate::test` or
/// `crate::test::module` of an integration test.
fn module_of(package: &str, below: &Path) -> String {
    let mut parts = vec![package.to_owned()];
    parts.extend(
        below
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned()),
    );
    if parts
        .last()
        .is_some_and(|last| matches!(last.as_str(), "lib" | "main" | "mod"))
    {
        parts.pop();
    }
    parts.join("::")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The tests of a package that run without being asked for by name, in the files where `named` says that some are.
fn tests_of_package(package: &str, named: &[&str]) -> BTreeSet<String> {
    let folder = root().join("crates").join(package);
    let mut found = BTreeSet::new();
    for part in ["src", "tests"].map(|part| folder.join(part)) {
        let mut files = Vec::new();
        sources(&part, &mut files);
        for file in files {
            let module = module_of(package, file.strip_prefix(&part).unwrap());
            let inside = format!("{module}::");
            if !named.iter().any(|test| test.starts_with(&inside)) {
                continue;
            }
            let source = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
            tests_of(&module, &source.items, &mut found);
        }
    }
    found
}

fn tests_in_source(source: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    tests_of("net::x", &syn::parse_file(source).unwrap().items, &mut found);
    found.into_iter().collect()
}

#[test]
fn only_a_test_that_runs_counts() {
    for (source, expected) in [
        ("#[test] fn a() {}", vec!["net::x::a"]),
        (
            "#[tokio::test(flavor = \"multi_thread\")] async fn a() {}",
            vec!["net::x::a"],
        ),
        ("mod tests { #[test] fn a() {} }", vec!["net::x::tests::a"]),
        ("proptest! { #[test] fn a(x in 0..9u8) {} }", vec!["net::x::a"]),
        ("proptest! { #[test] #[ignore] fn a(x in 0..9u8) {} }", vec![]),
        ("fn a() {}", vec![]),
        ("#[test] #[ignore = \"slow\"] fn a() {}", vec![]),
        ("mod other { fn a() {} }", vec![]),
        ("// #[test] fn a() {}", vec![]),
    ] {
        assert_eq!(tests_in_source(source), expected, "{source}");
    }
}

#[test]
fn the_module_of_a_file_is_its_path() {
    for (below, module) in [
        ("lib.rs", "net"),
        ("reply_budget.rs", "net::reply_budget"),
        ("digest/tests.rs", "net::digest::tests"),
        ("digest/mod.rs", "net::digest"),
        ("loopback/main.rs", "net::loopback"),
    ] {
        assert_eq!(module_of("net", Path::new(below)), module);
    }
}

#[test]
fn every_test_that_the_tables_of_attacks_and_of_troubles_name_exists_there_and_runs() {
    let rows = rows();
    let troubles = fs::read_to_string(root().join("docs/troubles.md")).unwrap();
    let in_troubles = tests_in(&troubles);
    assert!(!in_troubles.is_empty(), "docs/troubles.md has no table");
    let in_attacks = rows.iter().flat_map(|[_, _, cell]| tests_in(cell));
    let mut named_by_package: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for test in in_attacks.chain(in_troubles) {
        let (package, _) = test.split_once("::").unwrap();
        named_by_package.entry(package).or_default().push(test);
    }
    assert!(!named_by_package.is_empty(), "the document has no table");
    let mut missing = Vec::new();
    for (package, named) in named_by_package {
        let known = tests_of_package(package, &named);
        missing.extend(named.into_iter().filter(|test| !known.contains(*test)));
    }
    assert_eq!(missing, Vec::<&str>::new());
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
