//! Fuzzing through cargo-fuzz, which runs on the stable toolchain with `RUSTC_BOOTSTRAP=1`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{root, run};

/// Fuzzes each target for `seconds`, or only `target`.
///
/// # Errors
///
/// When cargo-fuzz is not installed or a target finds a crash.
pub fn fuzz(target: Option<&str>, seconds: u64) -> Result<()> {
    let folder = root().join("fuzz");
    let installed = Command::new("cargo")
        .args(["fuzz", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        bail!("cargo-fuzz is not installed; run `cargo install cargo-fuzz --locked`");
    }
    for name in names()?
        .iter()
        .filter(|name| target.is_none_or(|wanted| wanted == name.as_str()))
    {
        let limit = format!("-max_total_time={seconds}");
        run(Command::new("cargo")
            .args([
                "fuzz",
                "run",
                name,
                "--",
                &limit,
                "-rss_limit_mb=2048",
                "-timeout=5",
            ])
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(&folder))
        .with_context(|| {
            format!("the target {name} found something; its input is under fuzz/artifacts/{name}")
        })?;
    }
    Ok(())
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
