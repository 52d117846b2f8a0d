//! A server that has been started for a measurement: its folder, its ports, its processes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fleet::link::Link;
use fleet::process::Server;
use fleet::registrant::Registrant;
use tempfile::TempDir;

use super::population::{DOMAIN, Population, password};

/// Longest time until a server answers.
const READY_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A folder and ports for a server that is not started yet.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
    /// Where it is to listen for datagrams.
    pub(crate) udp: SocketAddr,
    /// Where it is to listen for TLS.
    pub(crate) tls: SocketAddr,
}

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its processes.
    pub(crate) server: Server,
    /// Where it listens for datagrams.
    pub(crate) udp: SocketAddr,
    /// Where it listens for TLS.
    pub(crate) tls: SocketAddr,
    _folder: TempDir,
}

impl Site {
    /// Makes a folder and finds free ports on loopback.
    pub(crate) fn new() -> Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Self {
            folder: tempfile::tempdir().context("cannot make a temporary folder")?,
            udp: UdpSocket::bind(any)?.local_addr()?,
            tls: TcpListener::bind(any)?.local_addr()?,
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Starts the server and waits until it registers the first user over UDP.
    pub(crate) async fn start(self, name: &'static str, command: &mut Command) -> Result<Running> {
        let log = self.write("log", "")?;
        let log = fs::OpenOptions::new().append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut server = Server::start(command).with_context(|| format!("cannot start {name}"))?;
        let end = Instant::now() + READY_MAX;
        let user = Population::user(0);
        loop {
            let mut registrant = Registrant::new(DOMAIN, &user, &password(&user));
            let registered = async {
                let mut link = Link::open_udp(self.udp, Ipv4Addr::LOCALHOST.into()).await?;
                registrant.register(&mut link).await
            };
            match registered.await {
                Ok(()) => break,
                Err(error) if !server.is_running() || Instant::now() > end => {
                    bail!(
                        "{name} does not register anybody ({error}); it said:\n{}",
                        self.said()
                    )
                }
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        Ok(Running {
            name,
            server,
            udp: self.udp,
            tls: self.tls,
            _folder: self.folder,
        })
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
