//! The log of an endpoint at a foreign log server: Debian's rsyslog, over UDP, TCP and TLS.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests state what they expect, as tests do"
)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use net::authority::{Authority, Purpose, Subject};
use peers::{Program, available};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(30);
/// Ports that are tried.
const PORTS_TRIED_MAX: usize = 100;
/// How rsyslog writes what it has understood of a message.
const TEMPLATE: &str =
    "%syslogseverity-text%|%syslogfacility-text%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n";

struct LogServer {
    _rsyslog: Program,
    folder: tempfile::TempDir,
    port: u16,
}

/// A port that is free over TCP and UDP: the system picks one for the first, and others may have it for the second.
fn free_port() -> u16 {
    let mut streams: Vec<TcpListener> = Vec::new();
    loop {
        assert!(streams.len() < PORTS_TRIED_MAX, "no port is free over both");
        let stream = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let port = stream.local_addr().unwrap().port();
        if UdpSocket::bind((LOOPBACK, port)).is_ok() {
            return port;
        }
        // Held, so that it is not picked again.
        streams.push(stream);
    }
}

impl LogServer {
    fn start(input: impl FnOnce(&Path, u16) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let written = folder.path().join("written");
        let configuration = format!(
            "global(workDirectory=\"{folder}\")\n{input}\n\
             template(name=\"understood\" type=\"string\" string=\"{TEMPLATE}\")\n\
             action(type=\"omfile\" file=\"{written}\" template=\"understood\")\n",
            folder = folder.path().display(),
            input = input(folder.path(), port),
            written = written.display(),
        );
        let file = folder.path().join("rsyslog.conf");
        fs::write(&file, configuration).unwrap();
        let rsyslog = Program::start(
            Command::new("/usr/sbin/rsyslogd")
                .args(["-n", "-f"])
                .arg(&file)
                .arg("-i")
                .arg(folder.path().join("pid")),
        );
        Self {
            _rsyslog: rsyslog,
            folder,
            port,
        }
    }

    /// What has been written, as far as it is there.
    fn written(&self) -> String {
        fs::read_to_string(self.folder.path().join("written")).unwrap_or_default()
    }

    /// Waits until it takes connections.
    fn wait_for_listener(&self) {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((LOOPBACK, self.port)).is_err() && Instant::now() < end {
            std::thread::yield_now();
        }
    }

    /// Waits until a line holds all the words, and returns it.
    fn wait_for(&self, words: &[&str]) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let written = self.written();
            let found = written
                .lines()
                .find(|line| words.iter().all(|word| line.contains(word)));
            if let Some(line) = found {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "no line with {words:?} in\n{written}");
            std::thread::yield_now();
        }
    }
}

/// An endpoint whose server is out of reach, and that has to say so to the log server.
fn endpoint(folder: &Path, port: u16, rest: &str) -> Program {
    let configuration = format!(
        "sip.proxy = 127.0.0.1:9\nsip.transp = tcp\nsip.u1.user = 7001\nsip.u1.pwd = hunter2\noyez.sink = null\nprov.use = 0\n\
         log.method = network\nlog.server = 127.0.0.1:{port}\n{rest}"
    );
    let file = folder.join("lobby.conf");
    fs::write(&file, configuration).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_oyez-endpoint"));
    program.args(["run", "--web", "off", "--config"]).arg(&file);
    program.arg("--state").arg(folder.join("state"));
    Program::start(&mut program)
}

fn is_told(server: &LogServer, rest: &str) {
    is_told_from(tempfile::tempdir().unwrap().path(), server, rest);
}

/// The same of an endpoint whose state folder is `state` in the folder.
fn is_told_from(folder: &Path, server: &LogServer, rest: &str) {
    let program = endpoint(folder, server.port, rest);

    let line = server.wait_for(&["registration_changed", "No reply from server"]);

    let parts: Vec<&str> = line.splitn(7, '|').collect();
    let [severity, facility, name, process, kind, data, text] = parts[..] else {
        unreachable!("{line}")
    };
    assert_eq!((severity, facility, name), ("info", "daemon", "oyez-endpoint"));
    assert_eq!(process, program.id().to_string());
    assert_eq!(kind, "registration_changed");
    assert!(
        data.starts_with("[timeQuality tzKnown=\"1\"][origin software=\"oyez-endpoint\" "),
        "{data}"
    );
    assert!(data.contains("[meta sequenceId=\""), "{data}");
    let event: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(event.get("slot").unwrap(), "page-1");
    assert!(
        !server.written().contains("hunter2"),
        "no secret leaves the device"
    );
}

#[test]
fn a_log_server_is_told_over_udp() {
    if !available(&["rsyslogd"]) {
        return;
    }
    let server = LogServer::start(|_, port| {
        format!("module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")")
    });
    // A datagram to a server that does not listen yet is lost.
    let probe = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    probe.connect((LOOPBACK, server.port)).unwrap();
    let end = Instant::now() + PATIENCE;
    while !server.written().contains("probe") && Instant::now() < end {
        let _is_sent = probe.send(b"<14>1 - - - - - - probe").is_ok();
        std::thread::yield_now();
    }
    is_told(&server, "");
}

#[test]
fn a_log_server_is_told_over_tcp() {
    if !available(&["rsyslogd"]) {
        return;
    }
    let server = LogServer::start(|_, port| {
        format!("module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")")
    });
    is_told(&server, "log.protocol = tcp\n");
}

/// A server over TLS whose certificate is of an authority, and what it asks for besides, as its configuration says it.
fn over_tls(authority: &Authority, asks: &str) -> LogServer {
    let subject = [Subject::Address(LOOPBACK)];
    let issued = authority
        .issue(&subject, Purpose::Server, SystemTime::now())
        .unwrap();
    LogServer::start(|folder, port| {
        let place = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        format!(
            "global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{}\" \
             defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\")\n\
             module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" {asks})\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")",
            place("ca.pem", authority.certificate_pem()),
            place("server.pem", &issued.certificate_pem),
            place("server.key", &issued.key_pem),
        )
    })
}

#[test]
fn a_log_server_is_told_over_tls_if_it_is_the_one() {
    if !available(&["rsyslogd"]) {
        return;
    }
    let now = SystemTime::now();
    let authority = Authority::generate("log authority", now).unwrap();
    let server = over_tls(&authority, "streamDriver.authMode=\"anon\"");
    let other = Authority::generate("another authority", now).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("other.pem"), other.certificate_pem()).unwrap();
    fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();

    server.wait_for_listener();
    let mut wary = endpoint(
        folder.path(),
        server.port,
        "log.protocol = tls\noyez.log.ca = other.pem\n",
    );
    let why = wary.wait_for(&["a log server is out of reach"], PATIENCE);
    assert!(why.contains("authority"), "{why}");
    drop(wary);
    let ca = folder.path().join("ca.pem");
    is_told(
        &server,
        &format!("log.protocol = tls\noyez.log.ca = {}\n", ca.display()),
    );
}

#[test]
fn a_log_server_that_asks_for_a_certificate_is_shown_that_of_the_device() {
    if !available(&["rsyslogd"]) {
        return;
    }
    let name = "lobby.devices.example";
    let authority = Authority::generate("log authority", SystemTime::now()).unwrap();
    let asks = format!("streamDriver.authMode=\"x509/name\" permittedPeer=[\"{name}\"]");
    let server = over_tls(&authority, &asks);
    let ca = server.folder.path().join("ca.pem");
    let rest = format!("log.protocol = tls\noyez.log.ca = {}\n", ca.display());
    server.wait_for_listener();

    let nobody = tempfile::tempdir().unwrap();
    let mut refused = endpoint(nobody.path(), server.port, &rest);
    refused.wait_for(&["a log server is out of reach"], PATIENCE);
    drop(refused);
    assert!(!server.written().contains("registration_changed"));

    let lobby = tempfile::tempdir().unwrap();
    let folder = lobby.path().join("state/certificate");
    fs::create_dir_all(&folder).unwrap();
    let subject = [Subject::Name(name.to_owned())];
    let issued = authority
        .issue(&subject, Purpose::Client, SystemTime::now())
        .unwrap();
    fs::write(folder.join("device.pem"), &issued.certificate_pem).unwrap();
    fs::write(folder.join("device.key"), issued.key_pem.as_bytes()).unwrap();
    is_told_from(lobby.path(), &server, &rest);
}
