//! What may enter the dependency graph: the bans, licences and sources of `deny.toml`, checked without a network.
//!
//! `cargo deny check` reads the same file and checks the advisories besides, which it has to fetch.

mod licence;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use serde::Deserialize;

use crate::layers::Violation;
use crate::tree::{self, Entry, Source};

/// The parts of `deny.toml` that are checked here.
#[derive(Debug, Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    wildcards: Level,
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Allow,
    Warn,
    Deny,
}

/// Checks the workspace in `root` against its `deny.toml`; returns every violation found.
///
/// # Errors
///
/// When the file or the workspace cannot be read.
pub fn check(root: &Path) -> Result<Vec<Violation>> {
    let file = root.join("deny.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let manifest = root.join("Cargo.toml");
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(&manifest)
        .no_deps()
        .exec()
        .with_context(|| format!("cannot read the workspace of {}", manifest.display()))?;
    violations(&text, &manifest, &metadata).with_context(|| format!("cannot check {}", file.display()))
}

fn violations(deny: &str, manifest: &Path, metadata: &Metadata) -> Result<Vec<Violation>> {
    let rules: Rules = toml::from_str(deny)?;
    let mut found = Vec::new();
    for target in &rules.graph.targets {
        let tree = tree::entries(
            manifest,
            &[
                "--workspace",
                "--edges",
                "normal,build,dev",
                "--target",
                target.as_str(),
            ],
        )?;
        found.extend(tree.iter().flat_map(|entry| judge(&rules, entry)));
    }
    if rules.bans.wildcards == Level::Deny {
        found.extend(wildcards(metadata));
    }
    found.sort_by(|a, b| (&a.place, &a.what).cmp(&(&b.place, &b.what)));
    found.dedup_by(|a, b| a.place == b.place);
    Ok(found)
}

/// What is wrong with a package at one place of the tree; the first path to it is enough.
fn judge(rules: &Rules, entry: &Entry) -> Vec<Violation> {
    if entry.source == Source::Folder {
        return Vec::new();
    }
    let mut offences = Vec::new();
    if let Some(ban) = rules.bans.deny.iter().find(|ban| ban.name == entry.name) {
        offences.push(format!("is banned: {}", ban.reason));
    }
    match licence::is_satisfied(&entry.licence, &rules.licenses.allow) {
        Ok(true) => {}
        Ok(false) => offences.push(format!(
            "has the licence `{}`, of which too little is allowed",
            entry.licence
        )),
        Err(why) => offences.push(format!("has the licence `{}`: {why}", entry.licence)),
    }
    if let Source::Other(from) = &entry.source {
        let level = if from.starts_with("registry") {
            rules.sources.unknown_registry
        } else {
            rules.sources.unknown_git
        };
        if level == Level::Deny {
            offences.push(format!("is from {from}, not from crates.io"));
        }
    }
    let path = entry.path.join(" -> ");
    offences
        .into_iter()
        .map(|offence| Violation {
            place: entry.name.clone(),
            what: format!("{offence} ({path})"),
        })
        .collect()
}

/// Dependencies of ours that take any version of a foreign crate.
fn wildcards(metadata: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            if dependency.path.is_none() && dependency.req.to_string() == "*" {
                found.push(Violation {
                    place: package.name.to_string(),
                    what: format!("takes any version of {}; name one", dependency.name),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chores::root;

    fn deny() -> String {
        fs::read_to_string(root().join("deny.toml")).unwrap()
    }

    fn judged(deny: &str, line: (&str, Source, &str)) -> Vec<String> {
        let rules: Rules = toml::from_str(deny).unwrap();
        let (name, source, licence) = line;
        let entry = Entry {
            name: name.to_owned(),
            source,
            is_macro: false,
            licence: licence.to_owned(),
            path: vec!["net".to_owned(), name.to_owned()],
        };
        judge(&rules, &entry).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn this_workspace_is_sound() {
        assert_eq!(check(&root()).unwrap(), []);
    }

    #[test]
    fn a_ban_in_this_workspace_is_noticed() {
        let banned = deny().replace("{ crate = \"ring\",", "{ crate = \"memchr\",");
        let manifest = root().join("Cargo.toml");
        let metadata = cargo_metadata::MetadataCommand::new()
            .manifest_path(&manifest)
            .no_deps()
            .exec()
            .unwrap();
        let found = violations(&banned, &manifest, &metadata).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].to_string().starts_with("memchr: is banned:") && found[0].what.contains("-> memchr"),
            "{found:?}"
        );
    }

    #[test]
    fn every_ban_licence_and_source_is_noticed() {
        for name in ["ring", "openssl-sys", "alsa-sys", "native-tls"] {
            assert_eq!(
                judged(&deny(), (name, Source::CratesIo, "MIT")).len(),
                1,
                "{name}"
            );
        }
        for licence in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "", "MIT OR"] {
            assert_eq!(
                judged(&deny(), ("x", Source::CratesIo, licence)).len(),
                1,
                "{licence}"
            );
        }
        for from in ["registry `elsewhere`", "https://example.com/x.git#01234567"] {
            let source = Source::Other(from.to_owned());
            assert_eq!(judged(&deny(), ("x", source, "MIT")).len(), 1, "{from}");
        }
        assert_eq!(
            judged(&deny(), ("x", Source::CratesIo, "MIT OR GPL-3.0-only")),
            Vec::<String>::new()
        );
    }
}
