//! The program `oyez zone` with the slots of one endpoint and two phones in its directory.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use net::authority::{Authority, Purpose, Subject};
use peers::{Program, build_program};

use crate::cloud::{Credential, LOOPBACK};
use crate::slot_plan::Slot;

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
    /// Starts one of the domain with an extension for each slot, called as it registers, and with phones that may call them.
    pub(crate) fn start(domain: &str, slots: &[Slot], phones: &[Credential<'_>]) -> Self {
        let oyez = build_program("oyez", Path::new(env!("CARGO_BIN_EXE_oyez-endpoint")));
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let authority = Authority::generate("zone authority", now).unwrap();
        let names = [Subject::Address(LOOPBACK), Subject::Name("localhost".to_owned())];
        let issued = authority.issue(&names, Purpose::Server, now).unwrap();
        let write = |file: &str, text: &[u8]| fs::write(folder.path().join(file), text).unwrap();
        write("zone.pem", issued.certificate_pem.as_bytes());
        write("zone.key", issued.key_pem.as_bytes());
        write("zone.toml", CONFIGURATION.as_bytes());
        write("directory.toml", directory(domain, slots, phones).as_bytes());
        let authority_file = folder.path().join("authority.pem");
        fs::write(&authority_file, authority.certificate_pem()).unwrap();
        let mut program = Program::start(
            Command::new(oyez)
                .args(["zone", "--config"])
                .arg(folder.path().join("zone.toml"))
                .env("OYEZ_LOG", "info"),
        );
        let line = program.wait_for(&["listening on "], PATIENCE);
        let address = line.split_whitespace().nth(2).unwrap();
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        Self {
            program,
            authority,
            folder,
            authority_file,
            port,
        }
    }
}

fn directory(domain: &str, slots: &[Slot], phones: &[Credential<'_>]) -> String {
    let mut text = format!("account = \"acme\"\ndomain = \"{domain}\"\n");
    for slot in slots {
        write!(
            text,
            "[[device]]\nuser = \"{user}\"\nauthorization-id = \"{id}\"\npassword = \"{password}\"\ndevice = \"lobby\"\n\
             kind = \"{kind}\"\nextension = \"{user}\"\n",
            user = slot.user,
            id = slot.authorization_id,
            password = slot.password,
            kind = slot.kind
        )
        .unwrap();
    }
    for [id, user, password] in phones {
        write!(
            text,
            "[[phone]]\nuser = \"{user}\"\nauthorization-id = \"{id}\"\npassword = \"{password}\"\nalgorithm = \"md5\"\n\
             [[permission]]\nwho = \"{user}\"\nmay = [\"call\", \"page\", \"alert\"]\nwhat = \"*\"\n"
        )
        .unwrap();
    }
    text
}
