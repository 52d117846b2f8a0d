//! What the machine says of itself.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Names of network interfaces looked at.
const INTERFACES_MAX: usize = 64;

/// The hardware address that names the device, in capital letters with colons: of the interface that comes first among those
/// of real hardware, else among all but the loopback; empty without any.
pub(crate) fn mac() -> String {
    mac_in(Path::new("/sys/class/net"))
}

fn mac_in(folder: &Path) -> String {
    let Ok(entries) = fs::read_dir(folder) else {
        return String::new();
    };
    let mut addresses: Vec<(bool, String, String)> = entries
        .flatten()
        .take(INTERFACES_MAX)
        .filter_map(|entry| {
            let address = fs::read_to_string(entry.path().join("address")).ok()?;
            let address = address.trim().to_ascii_uppercase();
            let is_virtual = !entry.path().join("device").exists();
            let name = entry.file_name().to_string_lossy().into_owned();
            (address.len() == "00:00:00:00:00:00".len() && address != "00:00:00:00:00:00")
                .then_some((is_virtual, name, address))
        })
        .collect();
    addresses.sort();
    addresses
        .into_iter()
        .next()
        .map_or_else(String::new, |(_, _, address)| address)
}

/// Seconds since 1970-01-01 UTC by the machine's clock; 0 for a clock before that.
#[must_use]
pub fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_hardware_comes_before_bridges_and_the_loopback_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        for (name, address, is_real) in [
            ("lo", "00:00:00:00:00:00", false),
            ("br0", "02:00:00:00:00:01", false),
            ("eth1", "0a:00:00:00:00:02", true),
            ("eth0", "0a:00:00:00:00:01", true),
        ] {
            let interface = folder.path().join(name);
            fs::create_dir(&interface).unwrap();
            fs::write(interface.join("address"), format!("{address}\n")).unwrap();
            if is_real {
                fs::create_dir(interface.join("device")).unwrap();
            }
        }

        assert_eq!(mac_in(folder.path()), "0A:00:00:00:00:01");
        assert_eq!(mac_in(&folder.path().join("none")), "");
    }
}
