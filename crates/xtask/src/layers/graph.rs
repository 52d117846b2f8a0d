//! The edges: between our own crates, and from the crates above the I/O line to everything they pull in.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};

use super::{Violation, place};

/// Crates that bring sockets, clocks, OS randomness, locks or threads with them. A crate above the line must not
/// reach one of them by any path of normal dependencies.
const FORBIDDEN_ABOVE_THE_LINE: &[&str] = &[
    "async-std",
    "crossbeam-channel",
    "chrono",
    "getrandom",
    "hickory-resolver",
    "hyper",
    "mio",
    "parking_lot",
    "quinn",
    "rayon",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tokio-rustls",
    "tracing-subscriber",
];

/// Checks every edge of the workspace's dependency graph.
pub(super) fn check(metadata: &Metadata) -> Vec<Violation> {
    let package_by_id: BTreeMap<&PackageId, &Package> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package))
        .collect();
    let node_by_id: BTreeMap<&PackageId, &Node> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (&node.id, node))
        .collect();
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
            violations.extend(forbidden_reach(package, &package_by_id, &node_by_id));
        }
    }
    violations
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

/// Follows normal dependencies from a pure crate and names the path to each forbidden one.
fn forbidden_reach(
    package: &Package,
    package_by_id: &BTreeMap<&PackageId, &Package>,
    node_by_id: &BTreeMap<&PackageId, &Node>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![(&package.id, vec![package.name.to_string()])];
    while let Some((id, path)) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in node_by_id.get(id).iter().flat_map(|node| &node.deps) {
            let normal = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            let (true, Some(found)) = (normal, package_by_id.get(&dependency.pkg)) else {
                continue;
            };
            let mut longer = path.clone();
            longer.push(found.name.to_string());
            if FORBIDDEN_ABOVE_THE_LINE.contains(&found.name.as_str()) {
                violations.push(Violation {
                    place: package.name.to_string(),
                    what: format!(
                        "stands above the I/O line and reaches {} ({}); drop the dependency or its feature",
                        found.name,
                        longer.join(" -> ")
                    ),
                });
            } else {
                open.push((&dependency.pkg, longer));
            }
        }
    }
    violations
}
