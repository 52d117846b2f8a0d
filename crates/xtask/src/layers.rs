//! The I/O line and the direction of every edge, checked.
//!
//! The workspace is a stack of layers. An edge between two of our crates must go down, and the crates above
//! the I/O line must not know a socket, file, clock, source of randomness, lock or thread: neither in their
//! own source ([`source`]) nor through anything they depend on ([`graph`]).

mod graph;
mod source;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Package, TargetKind};

/// Where a crate stands. A crate may depend on crates of a lower height only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Height in the stack; edges go from higher to lower.
    pub(crate) height: u8,
    /// True above the I/O line: no I/O, clock, OS randomness, lock or thread.
    pub(crate) pure: bool,
    /// True for what only tests and benchmarks may link.
    pub(crate) test_only: bool,
}

const fn pure(height: u8) -> Place {
    Place {
        height,
        pure: true,
        test_only: false,
    }
}

const fn shell(height: u8) -> Place {
    Place {
        height,
        pure: false,
        test_only: false,
    }
}

const fn test_only(height: u8) -> Place {
    Place {
        height,
        pure: false,
        test_only: true,
    }
}

/// The stack, from the bottom up. A crate that is missing here fails the check.
pub(crate) const PLACES: &[(&str, Place)] = &[
    ("sip", pure(1)),
    ("media", pure(1)),
    ("model", pure(1)),
    ("paging", pure(2)),
    ("feed", pure(2)),
    ("webhooks", pure(2)),
    ("endpoint", pure(3)),
    ("switch", pure(3)),
    ("net", shell(4)),
    ("audio", shell(4)),
    ("device", shell(5)),
    ("device-web", shell(6)),
    ("store", shell(4)),
    ("web", shell(5)),
    ("registrations", shell(5)),
    ("portal", shell(6)),
    ("api", shell(7)),
    ("zone", shell(5)),
    ("oyez", shell(8)),
    ("oyez-endpoint", shell(8)),
    ("fleet", test_only(6)),
    ("fuzzed", test_only(2)),
    ("manual", test_only(1)),
    ("peers", test_only(1)),
    ("sim", test_only(6)),
    ("xtask", test_only(9)),
];

/// The place of the crate `name`, if the stack knows it.
pub(crate) fn place(name: &str) -> Option<Place> {
    PLACES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, place)| *place)
}

/// One broken rule, with the place and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Crate, or `file:line`.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Checks the workspace whose manifest is `manifest`; returns every violation found.
///
/// # Errors
///
/// When `cargo metadata` fails or a source file cannot be read or parsed.
pub fn check(manifest: &Path) -> Result<Vec<Violation>> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .with_context(|| format!("cannot read the workspace of {}", manifest.display()))?;
    let mut violations = graph::check(manifest, &metadata)?;
    for package in metadata.workspace_packages() {
        if place(&package.name).is_some_and(|place| place.pure) {
            let root = package
                .manifest_path
                .parent()
                .context("a manifest has a folder")?;
            violations.extend(roots(package, root.as_std_path()));
            violations.extend(source::check_folder(&root.join("src").into_std_path_buf())?);
        }
    }
    Ok(violations)
}

/// What is linked begins where the sources are read, and modules are found from there.
fn roots(package: &Package, folder: &Path) -> Vec<Violation> {
    let usual = ["lib.rs", "main.rs"].map(|file| folder.join("src").join(file));
    let is_built_in = |target: &&cargo_metadata::Target| {
        !target
            .kind
            .iter()
            .all(|kind| matches!(kind, TargetKind::Test | TargetKind::Bench | TargetKind::Example))
    };
    let elsewhere = package
        .targets
        .iter()
        .filter(is_built_in)
        .filter(|target| !usual.iter().any(|file| target.src_path == *file));
    elsewhere
        .map(|target| Violation {
            place: package.name.to_string(),
            what: format!(
                "stands above the I/O line and is built from {}, which is not checked; begin in src/lib.rs",
                target.src_path
            ),
        })
        .collect()
}
