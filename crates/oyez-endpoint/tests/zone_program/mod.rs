//! The program `oyez zone`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use net::authority::{Authority, Purpose, Subject};
use peers::{Program, build_program};

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest wait for a line, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIGURATION: &str = r#"
directory = "directory.toml"
control = "zone.sock"

[listen]
tls = ["127.0.0.1:0"]
names = ["localhost"]

[tls]
certificate = "zone.pem"
key = "zone.key"
"#;

/// A running zone with its files.
pub(crate) struct ZoneProgram {
    pub(crate) program: Program,
    pub(crate) authority: Authority,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) authority_file: PathBuf,
    pub(crate) port: u16,
}

impl ZoneProgram {
    /// Starts one with this directory.
    pub(crate) fn start(directory: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let authority = Authority::generate("zone authority", now).unwrap();
        let names = [Subject::Address(LOOPBACK), Subject::Name("localhost".to_owned())];
        let issued = authority.issue(&names, Purpose::Server, now).unwrap();
        let write = |file: &str, text: &[u8]| fs::write(folder.path().join(file), text).unwrap();
        write("zone.pem", issued.certificate_pem.as_bytes());
        write("zone.key", issued.key_pem.as_bytes());
        write("zone.toml", CONFIGURATION.as_bytes());
        write("directory.toml", directory.as_bytes());
        let authority_file = folder.path().join("authority.pem");
        fs::write(&authority_file, authority.certificate_pem()).unwrap();
        let (program, port) = run(folder.path());
        Self {
            program,
            authority,
            folder,
            authority_file,
            port,
        }
    }
}

/// Runs the program with the files of a folder; returns it and its port.
pub(crate) fn run(folder: &Path) -> (Program, u16) {
    static OYEZ: OnceLock<PathBuf> = OnceLock::new();
    let beside = Path::new(env!("CARGO_BIN_EXE_oyez-endpoint"));
    let oyez = OYEZ.get_or_init(|| build_program("oyez", beside));
    let mut program = Program::start(
        Command::new(oyez)
            .args(["zone", "--config"])
            .arg(folder.join("zone.toml"))
            .env("OYEZ_LOG", "info"),
    );
    let line = program.wait_for(&["listening on "], PATIENCE);
    let address = line.split_whitespace().nth(2).unwrap();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (program, port)
}
