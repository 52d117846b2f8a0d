//! Which files are fetched, from where, and what becomes of them.

use std::collections::BTreeMap;

use model::config::{Document, ProvisioningConfig};

/// A provisioning server and the folder of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) host: String,
    pub(super) port: u16,
    /// Begins with a slash and ends with one.
    pub(super) folder: String,
}

const HTTPS_PORT: u16 = 443;

impl Source {
    /// Reads a host, a host with a port, or an https address with a path; `None` for anything else, other schemes among it.
    pub(super) fn read(text: &str, folder: &str) -> Option<Self> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, rest)) => scheme.eq_ignore_ascii_case("https").then_some(rest)?,
            None => text,
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let at: model::config::HostPort = authority.parse().ok()?;
        let is_plain = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'?' | b'#' | b'\\');
        let parts: Vec<&str> = [path, folder]
            .into_iter()
            .flat_map(|path| path.split('/'))
            .filter(|part| !part.is_empty())
            .collect();
        let is_clean = parts
            .iter()
            .all(|part| part.bytes().all(is_plain) && *part != ".." && *part != ".");
        let folder = parts
            .iter()
            .fold("/".to_owned(), |path, part| format!("{path}{part}/"));
        is_clean.then_some(Self {
            host: at.host,
            port: at.port.unwrap_or(HTTPS_PORT),
            folder,
        })
    }
}

/// The names of the files, in the order in which they are laid over each other: the model's, the device's, and then the
/// incremental ones. `mac` is written without separators, in capital letters, as a server that is known to serve the hardware has it.
pub(super) fn files(config: &ProvisioningConfig, mac: &str) -> Vec<String> {
    let mac: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
    let stems = [
        format!("algop{}", config.model),
        format!("algom{}", mac.to_ascii_uppercase()),
    ];
    let full = stems.iter().map(|stem| format!("{stem}.conf"));
    let incremental = stems.iter().map(|stem| format!("{stem}-i.conf"));
    full.chain(incremental.filter(|_| config.is_incremental))
        .collect()
}

/// Lays fetched files over each other, the last on top, and all of them over the file that the endpoint was started with.
pub(super) fn merged(file: &Document, files: &[Document]) -> Result<Document, String> {
    let mut value_by_key = BTreeMap::new();
    for file in std::iter::once(file).chain(files) {
        for key in file.keys() {
            value_by_key.insert(key, file.value(key).unwrap_or_default());
        }
    }
    let mut merged = Document::default();
    for (key, value) in value_by_key {
        merged.set(key, value).map_err(|error| error.to_string())?;
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use model::config::{EndpointConfig, Settings};

    use super::*;

    fn config(text: &str) -> EndpointConfig {
        Settings::new(Document::parse(text).unwrap(), Document::default())
            .unwrap()
            .config()
    }

    #[test]
    fn a_server_is_a_host_or_an_https_address() {
        let read =
            |text: &str| Source::read(text, "").map(|source| (source.host, source.port, source.folder));
        let at = |host: &str, port, folder: &str| Some((host.to_owned(), port, folder.to_owned()));

        assert_eq!(read("prov.example"), at("prov.example", 443, "/"));
        assert_eq!(read("prov.example:8443"), at("prov.example", 8443, "/"));
        assert_eq!(
            read("https://prov.example/algo/v1"),
            at("prov.example", 443, "/algo/v1/")
        );
        assert_eq!(read("https://[2001:db8::1]:444/"), at("2001:db8::1", 444, "/"));
        for wrong in [
            "",
            "http://prov.example/",
            "tftp://prov.example",
            "https://user@prov.example/",
            "https://prov.example/../etc",
            "https://prov.example/a?b",
            "https://prov.example/a b",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(Source::read("a.example", "/algo/").unwrap().folder, "/algo/");
    }

    #[test]
    fn the_files_of_the_model_come_before_those_of_the_device() {
        let names = |text: &str| files(&config(text).provisioning, "00:22:ee:0a:0b:0c");

        assert_eq!(names(""), ["algopoyez.conf", "algom0022EE0A0B0C.conf"]);
        assert_eq!(
            names("prov.i = 1\noyez.prov.model = 8188\n"),
            [
                "algop8188.conf",
                "algom0022EE0A0B0C.conf",
                "algop8188-i.conf",
                "algom0022EE0A0B0C-i.conf"
            ]
        );
    }

    #[test]
    fn a_later_file_decides_and_the_endpoints_own_lies_under_them() {
        let document = |text: &str| Document::parse(text).unwrap();
        let own = document("prov.server.static = prov.example\nsip.proxy = old.example\noyez.sink = null\n");
        let files = [
            document("sip.proxy = model.example\naudio.page.vol = -6dB\n"),
            document("sip.proxy = device.example\noyez.sink = auto\n"),
        ];

        let merged = merged(&own, &files).unwrap();

        assert_eq!(merged.value("sip.proxy"), Some("device.example"));
        assert_eq!(merged.value("audio.page.vol"), Some("-6dB"));
        assert_eq!(merged.value("prov.server.static"), Some("prov.example"));
        assert_eq!(merged.value("oyez.sink"), Some("auto"));
    }
}
