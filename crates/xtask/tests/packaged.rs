//! The documents of a package lead nowhere but to documents of that package: whoever has it has no repository.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the files of the repository's documents lie once the package of a crate is installed, and what they are made of.
fn installed(name: &str) -> BTreeMap<PathBuf, PathBuf> {
    let folder = crates().join(name);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let assets = manifest.get("package").unwrap().get("metadata").unwrap();
    let assets = assets.get("deb").unwrap().get("assets").unwrap();
    let assets = assets.as_array().unwrap().iter();
    let assets = assets.map(|asset| (text(asset, 0), text(asset, 1)));
    assets
        .filter(|(from, _)| from.starts_with("../../docs/"))
        .flat_map(|(from, to)| {
            let from = folder.join(from);
            let files = matching(&from);
            assert!(
                !files.is_empty(),
                "{name} installs {}, which is not there",
                from.display()
            );
            files.into_iter().map(move |file| {
                // A folder ends with a slash, and keeps the name of the file.
                let name = file.file_name().unwrap();
                (Path::new(to).join(name), file.clone())
            })
        })
        .collect()
}

fn text(asset: &toml::Value, place: usize) -> &str {
    asset.get(place).unwrap().as_str().unwrap()
}

/// The files of a path whose name may be an asterisk and an ending.
fn matching(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let Some(ending) = name.strip_prefix('*') else {
        return path.exists().then(|| path.to_owned()).into_iter().collect();
    };
    let files = fs::read_dir(path.parent().unwrap()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|file| file.to_str().unwrap().ends_with(ending))
        .collect()
}

/// The relative links of a document, without what they lead to inside another.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1);
    let links = links.filter_map(|rest| rest.split([')', '#', ' ']).next());
    links.filter(|link| !link.is_empty() && !link.contains("://"))
}

/// A path without steps up.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(straight.pop(), "{} leads out", path.display()),
            part => straight.push(part),
        }
    }
    straight
}

#[test]
fn documents_of_a_package_lead_to_documents_of_that_package() {
    for name in ["oyez", "oyez-endpoint"] {
        let installed = installed(name);
        assert!(
            installed.keys().any(|path| path.ends_with("api/v1.json")),
            "{name}"
        );
        let mut dead = Vec::new();
        for (path, file) in &installed {
            if path.extension().is_none_or(|ending| ending != "md") {
                continue;
            }
            let text = fs::read_to_string(file).unwrap();
            let targets = links(&text).map(|link| straight(&path.parent().unwrap().join(link)));
            let missing = targets.filter(|target| !installed.contains_key(target));
            dead.extend(missing.map(|target| format!("{}: {}", path.display(), target.display())));
        }
        assert!(
            dead.is_empty(),
            "{name} installs links to what it does not install:\n{}",
            dead.join("\n")
        );
    }
}
