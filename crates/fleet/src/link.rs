//! One way to a SIP server: a datagram socket or a TLS connection, messages out and messages in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use net::tls::ClientTls;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sip::flow::{ConnectionId, Flow, Transport};
use sip::framing::{Framed, FramingError, Side, StreamFramer};
use sip::message::Message;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Octets read at once; most messages fit.
const READ_BYTES: usize = 8 * 1024;

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum Channel {
    /// Datagrams.
    Udp,
    /// A TLS connection.
    Tls {
        /// The name that the server's certificate must be valid for.
        server_name: String,
        /// Whom to trust.
        policy: ClientTls,
    },
}

/// Why nothing more comes or goes on a link.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The server's name is neither a host name nor an address.
    #[error("`{0}` is no name a certificate could be valid for")]
    ServerName(String),
    /// The socket or the handshake failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What the server sends is no SIP.
    #[error("the server sends no SIP: {0}")]
    Framing(#[from] FramingError),
}

/// An open way to a server.
#[derive(Debug)]
pub struct Link {
    flow: Flow,
    wire: Wire,
}

#[derive(Debug)]
enum Wire {
    Udp(UdpSocket),
    Tls {
        stream: Box<TlsStream<TcpStream>>,
        framer: StreamFramer,
    },
}

impl Link {
    /// Binds a socket of its own, or connects and shakes hands.
    ///
    /// # Errors
    ///
    /// When the socket cannot be had, or the handshake fails.
    pub async fn open(server: SocketAddr, channel: &Channel) -> Result<Self, LinkError> {
        let source = unspecified(server);
        match channel {
            Channel::Udp => Self::open_udp(server, source).await,
            Channel::Tls { server_name, policy } => {
                let name = ServerName::try_from(server_name.clone())
                    .map_err(|_| LinkError::ServerName(server_name.clone()))?;
                Self::open_tls(server, source, name, policy.config()).await
            }
        }
    }

    /// Binds a datagram socket on the address `source`.
    ///
    /// # Errors
    ///
    /// When the socket cannot be had.
    pub async fn open_udp(server: SocketAddr, source: IpAddr) -> Result<Self, LinkError> {
        let socket = UdpSocket::bind(SocketAddr::new(source, 0)).await?;
        socket.connect(server).await?;
        let local = socket.local_addr()?;
        Ok(Self::new(Transport::Udp, local, server, Wire::Udp(socket)))
    }

    /// Connects from the address `source` and shakes hands by a configuration of the caller's.
    ///
    /// # Errors
    ///
    /// When the connection or the handshake fails.
    pub async fn open_tls(
        server: SocketAddr,
        source: IpAddr,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> Result<Self, LinkError> {
        let socket = match server {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if !source.is_unspecified() {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let tcp = socket.connect(server).await?;
        tcp.set_nodelay(true)?;
        let local = tcp.local_addr()?;
        let stream = TlsConnector::from(config).connect(name, tcp).await?;
        let wire = Wire::Tls {
            stream: Box::new(stream),
            framer: StreamFramer::new(Side::Dialled),
        };
        Ok(Self::new(Transport::Tls, local, server, wire))
    }

    fn new(transport: Transport, local: SocketAddr, remote: SocketAddr, wire: Wire) -> Self {
        let flow = Flow {
            transport,
            local,
            remote,
            connection: ConnectionId(1),
        };
        Self { flow, wire }
    }

    /// Where messages go and come from.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Sends one message.
    ///
    /// # Errors
    ///
    /// When the socket does not take it.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), LinkError> {
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send(message).await?;
            }
            Wire::Tls { stream, .. } => {
                stream.write_all(message).await?;
                stream.flush().await?;
            }
        }
        Ok(())
    }

    /// Waits for the next message; datagrams that are none are passed over. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// When the socket fails, the connection ends, or a stream cannot be followed any more.
    pub async fn next(&mut self) -> Result<Message, LinkError> {
        let mut octets = Vec::with_capacity(READ_BYTES);
        loop {
            octets.clear();
            match &mut self.wire {
                Wire::Udp(socket) => {
                    socket.recv_buf(&mut octets).await?;
                    if let Ok(message) = Message::parse_datagram(octets.clone()) {
                        return Ok(message);
                    }
                }
                Wire::Tls { stream, framer } => {
                    while let Some(framed) = framer.next()? {
                        if let Framed::Message(message) = framed {
                            return Ok(message);
                        }
                    }
                    if stream.read_buf(&mut octets).await? == 0 {
                        return Err(LinkError::Closed);
                    }
                    framer.push(&octets);
                }
            }
        }
    }
}

fn unspecified(server: SocketAddr) -> IpAddr {
    match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
