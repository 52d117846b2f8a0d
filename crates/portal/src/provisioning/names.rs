//! Names of files, as the hardware asks for them.
//!
//! `algom<MAC>.conf` is a device's, `algop<MODEL>.conf` is for every device of a model; `-i` before the dot marks settings that are
//! laid over others, and `.md5` behind it the checksum of a file. Which of these a device insists on is not verified.

use model::inventory::MacAddress;

/// Longest name that is looked at.
pub(super) const NAME_LENGTH_MAX: usize = 64;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A device's file.
    Device(MacAddress, Part),
    /// The file of a model, in the words of the name.
    Model(String, Part),
    /// Nothing that there could be.
    Unknown,
}

/// What of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The file.
    Whole,
    /// Its checksum.
    Checksum,
    /// What is to be laid over it: there is none, since everything stands in the file.
    Incremental,
}

impl Wanted {
    /// Reads a name.
    pub(super) fn of(name: &str) -> Self {
        Self::read(name).unwrap_or(Self::Unknown)
    }

    fn read(name: &str) -> Option<Self> {
        let name = Some(name).filter(|name| name.len() <= NAME_LENGTH_MAX)?;
        let (name, is_checksum) = name
            .strip_suffix(".md5")
            .map_or((name, false), |name| (name, true));
        let stem = name.strip_suffix(".conf")?;
        let (stem, part) = match stem.strip_suffix("-i") {
            Some(stem) => (stem, Part::Incremental),
            None if is_checksum => (stem, Part::Checksum),
            None => (stem, Part::Whole),
        };
        let rest = stem.strip_prefix("algo")?;
        // Some name a device's file without the m.
        if let Some(mac) = rest
            .strip_prefix('m')
            .and_then(twelve_digits)
            .or_else(|| twelve_digits(rest))
        {
            return Some(Self::Device(mac, part));
        }
        let model = rest.strip_prefix('p')?;
        let is_name = !model.is_empty()
            && model
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        is_name.then(|| Self::Model(model.to_owned(), part))
    }
}

fn twelve_digits(digits: &str) -> Option<MacAddress> {
    let is_bare = digits.len() == 12 && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    digits.parse().ok().filter(|_| is_bare)
}

/// The hardware address in a name that is no name of a file here, where twelve digits stand in it.
pub(super) fn address_in(name: &str) -> Option<MacAddress> {
    let short: String = name.chars().take(NAME_LENGTH_MAX).collect();
    short
        .split(|character: char| !character.is_ascii_hexdigit())
        .find_map(twelve_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddress = MacAddress::new([0, 0x22, 0xEE, 0x0A, 0x0B, 0x0C]);

    #[test]
    fn files_of_devices_and_models_are_known_by_their_names() {
        let model = |name: &str, part| Wanted::Model(name.to_owned(), part);
        for (name, wanted) in [
            ("algom0022EE0A0B0C.conf", Wanted::Device(MAC, Part::Whole)),
            ("algom0022ee0a0b0c.conf", Wanted::Device(MAC, Part::Whole)),
            ("algo0022EE0A0B0C.conf", Wanted::Device(MAC, Part::Whole)),
            ("algom0022EE0A0B0C.conf.md5", Wanted::Device(MAC, Part::Checksum)),
            ("algom0022EE0A0B0C-i.conf", Wanted::Device(MAC, Part::Incremental)),
            (
                "algom0022EE0A0B0C-i.conf.md5",
                Wanted::Device(MAC, Part::Incremental),
            ),
            ("algop8180.conf", model("8180", Part::Whole)),
            ("algopoyez.conf.md5", model("oyez", Part::Checksum)),
            ("algop8190S-i.conf", model("8190S", Part::Incremental)),
        ] {
            assert_eq!(Wanted::of(name), wanted, "{name}");
        }
        for name in [
            "",
            "algom.conf",
            "algom00:22:EE:0A:0B:0C.conf",
            "algom0022EE0A0B0.conf",
            "../algom0022EE0A0B0C.conf",
            "algomé022EE0A0B0C.conf",
            "algop.conf",
            "algop../x.conf",
            "0022ee0a0b0c.cfg",
        ] {
            assert_eq!(Wanted::of(name), Wanted::Unknown, "{name}");
        }
        let longest = format!("algop{}.conf", "x".repeat(NAME_LENGTH_MAX - 10));
        assert_ne!(Wanted::of(&longest), Wanted::Unknown);
        assert_eq!(Wanted::of(&longest.replace("algop", "algopx")), Wanted::Unknown);
    }

    #[test]
    fn an_address_is_read_out_of_names_that_no_file_has() {
        assert_eq!(address_in("algom0022EE0A0B0C-x.conf"), Some(MAC));
        assert_eq!(address_in("0022ee0a0b0c.cfg"), Some(MAC));
        assert_eq!(address_in("algop8180.cfg"), None);
        let late = format!("{}0022ee0a0b0c", "-".repeat(NAME_LENGTH_MAX - 11));
        assert_eq!(address_in(&late), None);
    }
}
