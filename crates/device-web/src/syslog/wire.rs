//! The way to one log server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use model::config::HostPort;
use net::tls::{ClientTls, TlsFailure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long a connection may take, from the question for the name to the end of the handshake.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long a server may take to make room for a message; one that takes longer is connected to anew.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Octets that are read at a time of what a server says, which means nothing.
const READ_LENGTH: usize = 256;

/// Reads whom to trust and what to show.
pub(super) type ReadPolicy = Arc<dyn Fn() -> Result<ClientTls, String> + Send + Sync>;

/// How servers are reached.
#[derive(Clone)]
pub(super) enum Protocol {
    Udp,
    Tcp,
    /// The policy is read for each connection: its files may come later than the configuration, and change.
    Tls(ReadPolicy),
}

impl Protocol {
    /// The usual port (RFC 5426 3.3, RFC 6587 3.4, RFC 5425 4.1).
    const fn usual_port(&self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls(_) => 6_514,
        }
    }
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open way to a log server.
pub(super) enum Wire {
    Datagrams(UdpSocket),
    Stream(ReadHalf<Box<dyn Stream>>, WriteHalf<Box<dyn Stream>>),
}

impl Wire {
    /// Opens it.
    pub(super) async fn open(server: &HostPort, protocol: &Protocol) -> io::Result<Self> {
        timeout(CONNECT_TIME, Self::connect(server, protocol))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(server: &HostPort, protocol: &Protocol) -> io::Result<Self> {
        let port = server.port.unwrap_or(protocol.usual_port());
        let host = server.host.as_str();
        let stream: Box<dyn Stream> = match protocol {
            Protocol::Udp => return datagrams(host, port).await.map(Self::Datagrams),
            Protocol::Tcp => Box::new(TcpStream::connect((host, port)).await?),
            Protocol::Tls(policy) => {
                let policy = Arc::clone(policy);
                let tls = spawn_blocking(move || policy()).await.map_err(io::Error::other)?;
                let tls = tls.map_err(io::Error::other)?;
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let connection = TcpStream::connect((host, port)).await?;
                let connector = TlsConnector::from(tls.config());
                let secured = connector.connect(name, connection).await;
                Box::new(secured.map_err(|error| io::Error::other(TlsFailure::from_io(&error).to_string()))?)
            }
        };
        let (reader, writer) = split(stream);
        Ok(Self::Stream(reader, writer))
    }

    /// Says whether it was opened with the server, which datagrams need not be.
    pub(super) const fn is_connection(&self) -> bool {
        match self {
            Self::Datagrams(_) => false,
            Self::Stream(..) => true,
        }
    }

    /// Sends a message; over a stream with its length before it.
    pub(super) async fn send(&mut self, message: &str) -> io::Result<()> {
        let sent = async {
            match self {
                Self::Datagrams(socket) => socket.send(message.as_bytes()).await.map(|_| ()),
                Self::Stream(_, writer) => {
                    //= https://www.rfc-editor.org/rfc/rfc6587#section-3.4.1
                    //# SYSLOG-FRAME = MSG-LEN SP SYSLOG-MSG   ; Octet-counting
                    let frame = format!("{} {message}", message.len());
                    writer.write_all(frame.as_bytes()).await?;
                    writer.flush().await
                }
            }
        };
        timeout(SEND_TIME, sent)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Waits until the server is found to be gone. What a closed connection is sent is lost without a word, so that its end is watched for.
    pub(super) async fn gone(&mut self) -> io::Error {
        let mut said = [0; READ_LENGTH];
        loop {
            let read = match self {
                Self::Datagrams(socket) => match socket.recv(&mut said).await {
                    Ok(_) => Ok(1),
                    Err(error) => Err(error),
                },
                Self::Stream(reader, _) => reader.read(&mut said).await,
            };
            match read {
                Ok(0) => return io::ErrorKind::ConnectionAborted.into(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }
}

/// A socket that sends to the first address of a host.
async fn datagrams(host: &str, port: u16) -> io::Result<UdpSocket> {
    let to: SocketAddr = lookup_host((host, port))
        .await?
        .next()
        .ok_or(io::ErrorKind::NotFound)?;
    let from: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}
