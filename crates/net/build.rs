//! Gives the program the time of its build: no clock that is right shows an earlier one.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    // As reproducible builds give it (https://reproducible-builds.org/specs/source-date-epoch/).
    let given = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let built_at = given.or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    });
    println!("cargo::rustc-env=OYEZ_BUILT_AT={}", built_at.unwrap_or(0));
}
