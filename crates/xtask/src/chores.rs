//! The chores that start other programs.

mod fuzz;
mod peers;
mod runs;

use fuzz::check_fuzz_targets;
pub use fuzz::fuzz;
pub use peers::install_peers;
pub use runs::{bench, check_layers, sim, test};

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root folder of the workspace.
///
/// # Panics
///
/// Never: this crate stands two folders below the root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/xtask is two below the root")
        .to_path_buf()
}

/// Starts `cargo` with `arguments` in the root folder, says so, and fails if it fails.
fn cargo(arguments: &[&str]) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(program).args(arguments).current_dir(root()))
}

/// Runs `command` with its output shown; names it when it fails.
fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    announce(&shown);
    let status = command
        .status()
        .with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "a chore tells the person at the keyboard what it starts"
)]
fn announce(what: &str) {
    eprintln!("── {what}");
}
