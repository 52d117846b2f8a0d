//! The layer check sees what it is there to see: each fixture workspace breaks one rule.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::path::{Path, PathBuf};

use xtask::layers;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
        .join("Cargo.toml")
}

fn violations(name: &str) -> Vec<String> {
    layers::check(&fixture(name))
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_sound_workspace_has_no_violation() {
    assert_eq!(violations("sound"), Vec::<String>::new());
}

#[test]
fn tokio_through_a_dependency_is_named_with_its_path() {
    let found = violations("tokio_through_a_dependency");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("sip:") && line.contains("sip -> bytes -> tokio")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|line| line.starts_with("paging:")),
        "a pure crate above it is named too: {found:?}"
    );
    assert!(
        !found.iter().any(|line| line.starts_with("zone:")),
        "below the line tokio is free: {found:?}"
    );
}

#[test]
fn a_foreign_crate_is_named_unless_it_is_known_to_be_pure() {
    let found = violations("foreign_crate");
    for (place, path) in [("sip:", "sip -> libc"), ("paging:", "paging -> fastrand")] {
        assert!(
            found
                .iter()
                .any(|line| line.starts_with(place) && line.contains(path)),
            "{path}: {found:?}"
        );
    }
}

#[test]
fn an_upward_edge_is_named() {
    let found = violations("upward_edge");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found.iter().all(|line| line.contains("depends upward on paging")),
        "{found:?}"
    );
}

#[test]
fn a_product_must_not_link_the_load_generator() {
    let found = violations("test_only_in_a_product");
    assert!(
        found
            .iter()
            .any(|line| line.contains("for tests and benchmarks only")),
        "{found:?}"
    );
}

#[test]
fn a_dependency_of_another_name_is_named() {
    let found = violations("renamed_dependency");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("sip:") && line.contains("calls bytes `crypto`")),
        "{found:?}"
    );
}

#[test]
fn a_module_for_tests_and_for_the_product_is_read() {
    let found = violations("module_of_two_builds");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found
            .iter()
            .all(|line| line.contains("sip/src/x.rs:2") && line.contains("std::fs::read")),
        "{found:?}"
    );
}

#[test]
fn a_crate_that_begins_outside_its_sources_is_named() {
    let found = violations("root_elsewhere");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found
            .iter()
            .all(|line| line.starts_with("sip:") && line.contains("elsewhere.rs")),
        "{found:?}"
    );
}
