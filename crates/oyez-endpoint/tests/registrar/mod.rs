//! What the registrar of a cloud knows.

use std::process::Command;

use crate::cloud::Cloud;

/// What it says of a user: an address for each binding, and nothing of somebody who is not registered.
pub(crate) fn binding(cloud: &Cloud, user: &str) -> String {
    let control = format!("unix:{}", cloud.folder.path().join("control").display());
    let asked = Command::new("kamcmd")
        .args(["-s", &control, "ul.lookup", "s:location", &format!("s:{user}")])
        .output()
        .unwrap();
    String::from_utf8_lossy(&asked.stdout).into_owned()
}
