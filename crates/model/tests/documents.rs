//! What the documents say of configuration is what the program takes: the table of keys, and every example.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use model::config::{Document, EndpointConfig, Evidence, KEYS, KeySpec, Tab};

/// What stands before and behind the table of keys in docs/endpoint.md.
const BEGIN: &str =
    "<!-- The table is written by `OYEZ_WRITE_DOCS=1 cargo test -p model --test documents`. -->\n";
const END: &str = "<!-- end of the table -->\n";

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(document(name)).unwrap()
}

/// The blocks of a document in `language`.
fn examples<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

fn table() -> String {
    let mut text = String::new();
    for tab in Tab::ALL {
        write!(
            text,
            "\n### {}\n\n| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n",
            tab.title()
        )
        .unwrap();
        for spec in KEYS.iter().filter(|spec| spec.tab == tab) {
            writeln!(text, "{}", row(spec)).unwrap();
        }
    }
    text.push('\n');
    text
}

fn row(spec: &KeySpec) -> String {
    let pattern = spec.pattern.to_string();
    let default = match (spec.default, spec.defaults) {
        ("", []) => String::new(),
        (value, []) => format!("`{value}`"),
        (_, [first, second, .., last]) => format!("`{first}`, `{second}`, …, `{last}`"),
        (_, few) => few.join(", "),
    };
    let mut meaning = spec.help.to_owned();
    if !spec.has_effect {
        meaning.push_str(" *Read and checked, without effect.*");
    }
    if spec.evidence == Evidence::Inferred {
        meaning.push_str(" †");
    }
    format!("| `{pattern}` | {} | {default} | {meaning} |", spec.kind)
}

#[test]
fn the_table_of_keys_is_the_schema() {
    let text = read("endpoint.md");
    let (before, rest) = text
        .split_once(BEGIN)
        .expect("the beginning of the table is marked");
    let (found, after) = rest.split_once(END).expect("the end of the table is marked");
    let right = table();
    if std::env::var_os("OYEZ_WRITE_DOCS").is_some() {
        let text = format!("{before}{BEGIN}{right}{END}{after}");
        fs::write(document("endpoint.md"), text).unwrap();
        return;
    }
    assert!(
        found == right,
        "docs/endpoint.md is not what the schema says; run\n  OYEZ_WRITE_DOCS=1 cargo test -p model --test documents"
    );
}

#[test]
fn every_example_of_an_endpoint_is_taken() {
    let text = read("endpoint.md");
    let examples = examples(&text, "text");
    assert!(!examples.is_empty());
    for example in examples {
        let document = Document::parse(example).unwrap_or_else(|errors| panic!("{errors:?}\n{example}"));
        assert!(document.unknown_keys().is_empty(), "{example}");
        EndpointConfig::from_document(&document).unwrap_or_else(|errors| panic!("{errors:?}\n{example}"));
    }
}

#[test]
fn every_example_of_a_directory_is_taken() {
    let text = read("zone.md");
    let directories: Vec<&str> = examples(&text, "toml")
        .into_iter()
        .filter(|example| example.contains("account ="))
        .collect();
    assert!(directories.len() > 1);
    for example in directories {
        model::directory_file::parse("directory.toml", example)
            .unwrap_or_else(|errors| panic!("{errors:?}\n{example}"));
    }
}
