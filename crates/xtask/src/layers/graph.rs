//! The edges: between our own crates, and from the crates above the I/O line to everything they pull in.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata, Package};

use super::{Violation, place};
use crate::tree::{self, Entry};

/// The foreign crates that a crate above the line may name as a dependency: each computes from its arguments.
const ALLOWED_ABOVE_THE_LINE: &[&str] = &[
    "aes",
    "aws-lc-rs",
    "base64",
    "bytes",
    "hmac",
    "itoa",
    "md-5",
    "memchr",
    "rand_chacha",
    "rand_core",
    "regex-lite",
    "ropus",
    "rtcp-types",
    "sdp-types",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "smallvec",
    "subtle",
    "thiserror",
    "toml",
    "zeroize",
];

/// What those bring with them. A crate above the line does not name these: `libc` is here because `cpufeatures` asks
/// the processor through it on some machines.
const ALLOWED_BEHIND_THOSE: &[&str] = &[
    "aws-lc-sys",
    "block-buffer",
    "bstr",
    "bytemuck",
    "cfg-if",
    "cipher",
    "cmov",
    "cpubits",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "fallible-iterator",
    "hex",
    "hybrid-array",
    "inout",
    "libc",
    "ppv-lite86",
    "safe_arch",
    "serde_core",
    "serde_spanned",
    "toml_datetime",
    "toml_parser",
    "toml_writer",
    "typenum",
    "wide",
    "winnow",
    "zerocopy",
    "zmij",
];

/// Checks every edge of the workspace whose manifest is `manifest`.
pub(super) fn check(manifest: &Path, metadata: &Metadata) -> Result<Vec<Violation>> {
    let ours: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();

    let mut violations = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(own) = place(&package.name) else {
            violations.push(Violation {
                place: package.name.to_string(),
                what: "stands in no layer; add it to PLACES in crates/xtask/src/layers.rs".to_owned(),
            });
            continue;
        };
        violations.extend(edges(package, own, &ours));
        if own.pure {
            violations.extend(other_names(package));
            let name = package.name.as_str();
            let tree = tree::entries(
                manifest,
                &["--package", name, "--edges", "normal", "--target", "all"],
            )?;
            violations.extend(foreign_reach(name, &tree));
        }
    }
    Ok(violations)
}

/// Edges of one crate to our other crates: they go down, and no product links what is for tests.
fn edges(package: &Package, own: super::Place, ours: &BTreeSet<&str>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for dependency in package
        .dependencies
        .iter()
        .filter(|dependency| ours.contains(dependency.name.as_str()))
    {
        // A test may drive a neighbour of its own height (the endpoint core against the switch core), not one below
        // the line: virtual time must stay possible.
        let in_test = dependency.kind == DependencyKind::Development;
        let Some(theirs) = place(&dependency.name) else {
            continue;
        };
        let down = theirs.height < own.height || (in_test && theirs.height <= own.height);
        if !down {
            violations.push(Violation {
                place: package.name.to_string(),
                what: format!(
                    "depends upward on {}; arrows go down only, so move what is shared to a lower crate",
                    dependency.name
                ),
            });
        }
        if theirs.test_only && !own.test_only && !in_test {
            violations.push(Violation {
                place: package.name.to_string(),
                what: format!(
                    "links {}, which is for tests and benchmarks only",
                    dependency.name
                ),
            });
        }
    }
    violations
}

/// Dependencies of a pure crate under names of its own: what its sources name is judged by the crates' own names.
fn other_names(package: &Package) -> impl Iterator<Item = Violation> {
    let linked = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development);
    linked.filter_map(|dependency| {
        let name = dependency.rename.as_ref()?;
        Some(Violation {
            place: package.name.to_string(),
            what: format!(
                "stands above the I/O line and calls {} `{name}`; leave it its name, by which its paths are judged",
                dependency.name
            ),
        })
    })
}

/// Follows normal dependencies from a pure crate and names the path to each crate that is not allowed there.
fn foreign_reach(package: &str, tree: &[Entry]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut named = BTreeSet::new();
    // What stands below a macro, or below what is named already.
    let mut passed_over: Option<usize> = None;
    for entry in tree {
        if passed_over.is_some_and(|depth| entry.path.len() > depth) {
            continue;
        }
        passed_over = None;
        if entry.is_macro {
            passed_over = Some(entry.path.len());
            continue;
        }
        let name = entry.name.as_str();
        let above = entry
            .path
            .len()
            .checked_sub(2)
            .and_then(|above| entry.path.get(above));
        let is_named_by_ours = above.is_some_and(|above| place(above).is_some());
        // Edges between our own crates are judged by themselves.
        let is_allowed = place(name).is_some()
            || ALLOWED_ABOVE_THE_LINE.contains(&name)
            || (!is_named_by_ours && ALLOWED_BEHIND_THOSE.contains(&name));
        if is_allowed {
            continue;
        }
        passed_over = Some(entry.path.len());
        if named.insert(name) {
            violations.push(Violation {
                place: package.to_owned(),
                what: format!(
                    "stands above the I/O line and reaches {name} ({}); drop the dependency or its feature, or add it to \
                     the list in crates/xtask/src/layers/graph.rs if it knows no I/O, clock, randomness, lock or thread",
                    entry.path.join(" -> ")
                ),
            });
        }
    }
    violations
}
