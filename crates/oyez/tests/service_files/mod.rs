//! The files of docs/service.md, and the service that is started with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model::inventory::MacAddress;
use peers::Program;

const DOCUMENT: &str = include_str!("../../../../docs/service.md");
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The block of the document in `language` that contains `words`.
pub(crate) fn example(language: &str, words: &str) -> &'static str {
    let mut blocks = DOCUMENT.split("```").skip(1).step_by(2);
    blocks
        .find_map(|block| block.strip_prefix(language).filter(|text| text.contains(words)))
        .unwrap()
        .trim_start()
}

/// The document's files in `folder`, on free ports of loopback; the service's is returned.
pub(crate) fn written(folder: &Path) -> PathBuf {
    let local = |text: &str| {
        text.replace("0.0.0.0:8443", "127.0.0.1:0")
            .replace("0.0.0.0:8444", "127.0.0.1:0")
            .replace("0.0.0.0:5061", "127.0.0.1:0")
            .replace("oyez.example.com", "127.0.0.1")
            .replace("/var/lib/oyez", "state")
    };
    fs::write(folder.join("zone.toml"), local(example("toml", "control ="))).unwrap();
    let file = folder.join("service.toml");
    fs::write(&file, local(example("toml", "[portal]"))).unwrap();
    file
}

pub(crate) fn service(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oyez"));
    command.args(["service", "--config"]).arg(file);
    command
}

/// The hardware address that an endpoint on this machine takes for its own; none on a machine without a network.
pub(crate) fn own_mac() -> Option<MacAddress> {
    let interfaces = fs::read_dir("/sys/class/net").unwrap().flatten();
    let mut addresses: Vec<(bool, String, MacAddress)> = interfaces
        .filter_map(|entry| {
            let address = fs::read_to_string(entry.path().join("address")).ok()?;
            let mac: MacAddress = address.trim().parse().ok()?;
            let is_virtual = !entry.path().join("device").exists();
            let name = entry.file_name().to_string_lossy().into_owned();
            (mac != MacAddress::new([0; 6])).then_some((is_virtual, name, mac))
        })
        .collect();
    addresses.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    addresses.first().map(|(_, _, mac)| *mac)
}

/// What stands in the line of the service's output that begins so.
pub(crate) fn told(program: &mut Program, begin: &str) -> String {
    program.told(begin, PATIENCE)
}
