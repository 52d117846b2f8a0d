//! Fuzzing through cargo-fuzz, which runs on the stable toolchain with `RUSTC_BOOTSTRAP=1`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{root, run};

/// Fuzzes each target for `seconds`, or only `target`.
///
/// # Errors
///
/// When there is no such target, cargo-fuzz is not installed, or a target finds a crash.
pub fn fuzz(target: Option<&str>, seconds: u64) -> Result<()> {
    let names = chosen(names()?, target)?;
    let fuzz = root().join("fuzz");
    let installed = Command::new("cargo")
        .args(["fuzz", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        bail!("cargo-fuzz is not installed; run `cargo install cargo-fuzz --locked`");
    }
    for name in names {
        let limit = format!("-max_total_time={seconds}");
        // libFuzzer adds what it finds to the first folder: the corpus of the repository is the second.
        let found = format!("target/corpus/{name}");
        fs::create_dir_all(fuzz.join(&found)).with_context(|| format!("cannot make {found}"))?;
        let corpus = format!("corpus/{name}");
        run(Command::new("cargo")
            .args([
                "fuzz",
                "run",
                &name,
                &found,
                &corpus,
                "--",
                &limit,
                "-rss_limit_mb=2048",
                "-timeout=5",
            ])
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(&fuzz))
        .with_context(|| {
            format!("the target {name} found something; its input is under fuzz/artifacts/{name}")
        })?;
    }
    Ok(())
}

/// Lints the targets, which stand in a workspace of their own.
///
/// Their libFuzzer is C++ and is linked only when they run: the build is told that it exists, so that no C++ compiler is
/// needed.
pub(super) fn check_fuzz_targets() -> Result<()> {
    let root = root();
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(program)
        .args([
            "clippy",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--target-dir",
            "target/fuzz",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ])
        .env("CUSTOM_LIBFUZZER_PATH", root.join("target/fuzz/libfuzzer.a"))
        .current_dir(&root))
}

/// All of `names`, or the one that is wanted.
fn chosen(names: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>> {
    let Some(wanted) = wanted else {
        return Ok(names);
    };
    if !names.iter().any(|name| name == wanted) {
        bail!("there is no target `{wanted}`; there are {}", names.join(", "));
    }
    Ok(vec![wanted.to_owned()])
}

/// The targets are the files of `fuzz/fuzz_targets`.
fn names() -> Result<Vec<String>> {
    let folder = root().join("fuzz").join("fuzz_targets");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{chosen, names};

    #[test]
    fn a_target_that_does_not_exist_is_refused_and_the_others_are_listed() {
        let error = chosen(names().unwrap(), Some("sip_mesage"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`sip_mesage`") && error.contains("sip_message, srtp"),
            "{error}"
        );
    }

    #[test]
    fn one_target_is_chosen_by_name_and_all_without() {
        assert_eq!(chosen(names().unwrap(), Some("uri")).unwrap(), ["uri"]);
        assert!(chosen(names().unwrap(), None).unwrap().len() > 1);
    }
}
