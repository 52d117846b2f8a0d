//! Debian's Kamailio, set up like a phone cloud (`kamailio.cfg` beside this file).

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use net::authority::{Authority, Purpose, Subject};
use peers::Program;

pub(crate) const DOMAIN: &str = "acct.cloud.example";
pub(crate) const PROXY: &str = "sip01.cloud.example";
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Who may register: authorization id, user and password.
pub(crate) type Credential<'a> = [&'a str; 3];

/// The slots of an endpoint, and two phones.
const CREDENTIALS: &[Credential<'static>] = &[
    ["88213", "7001", "endpoint-secret"],
    ["88214", "7002", "ring-secret"],
    ["88215", "7003", "alert-secret"],
    ["88216", "7004", "cancel-secret"],
    ["77120", "2002", "phone-secret"],
    ["77121", "2003", "phone-secret"],
];

fn rule([id, user, password]: &Credential<'_>) -> String {
    format!(
        "    if ($au == \"{id}\") {{ $var(id) = $au; $var(user) = \"{user}\"; $var(password) = \"{password}\"; }}\n"
    )
}

/// A running Kamailio with its files.
pub(crate) struct Cloud {
    _kamailio: Program,
    pub(crate) authority: Authority,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Cloud {
    /// Starts one that knows `more` users besides.
    pub(crate) fn start(more: &[Credential<'_>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((LOOPBACK, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let udp_port = UdpSocket::bind((LOOPBACK, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let now = SystemTime::now();
        let authority = Authority::generate("cloud authority", now).unwrap();
        let name = Subject::Name("*.cloud.example".to_owned());
        let issued = authority.issue(&[name], Purpose::Server, now).unwrap();
        fs::write(folder.path().join("server.pem"), &issued.certificate_pem).unwrap();
        fs::write(folder.path().join("server.key"), issued.key_pem.as_bytes()).unwrap();
        let words = [
            ("@FOLDER@", folder.path().display().to_string()),
            ("@DOMAIN@", DOMAIN.to_owned()),
            ("@TLS_PORT@", port.to_string()),
            ("@UDP_PORT@", udp_port.to_string()),
            (
                "@CREDENTIALS@",
                CREDENTIALS.iter().chain(more).map(rule).collect(),
            ),
        ];
        for file in ["kamailio.cfg", "tls.cfg"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/cloud")
                .join(file);
            let template = fs::read_to_string(source).unwrap();
            let text = words
                .iter()
                .fold(template, |text, (word, value)| text.replace(word, value));
            fs::write(folder.path().join(file), text).unwrap();
        }
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        let kamailio = Program::start(
            Command::new("/usr/sbin/kamailio")
                .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
                .arg(folder.path().join("kamailio.cfg"))
                .arg("-Y")
                .arg(run),
        );
        Self {
            _kamailio: kamailio,
            authority,
            folder,
            port,
        }
    }
}
