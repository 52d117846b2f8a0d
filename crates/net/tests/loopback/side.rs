//! One side of a test: transports with the queue of their driver.

use std::net::SocketAddr;
use std::time::SystemTime;

use net::authority::{Authority, Purpose, Subject};
use net::tls::{ClientCertificates, ClientTls, ClientTlsConfig, Identity, MinimumVersion, ServerTls, Trust};
use net::transport::{Channel, Dial, Incoming, Limits, ListenerConfig, ListenerKind, Transports};
use sip::flow::Flow;
use sip::message::Message;
use tokio::sync::mpsc;

/// Events that may wait for the driver.
const QUEUE: usize = 64;

pub(crate) struct Side {
    pub(crate) transports: Transports,
    pub(crate) events: mpsc::Receiver<Incoming>,
}

impl Side {
    pub(crate) fn client() -> Self {
        Self::new(Vec::new(), Limits::default(), QUEUE)
    }

    pub(crate) fn listening(kind: ListenerKind) -> Self {
        Self::listening_on("127.0.0.1:0", kind)
    }

    pub(crate) fn listening_on(address: &str, kind: ListenerKind) -> Self {
        Self::limited(address, kind, Limits::default(), QUEUE)
    }

    pub(crate) fn limited(address: &str, kind: ListenerKind, limits: Limits, queue: usize) -> Self {
        let bind = address.parse().unwrap();
        Self::new(
            vec![ListenerConfig {
                kind,
                bind,
                advertise: None,
            }],
            limits,
            queue,
        )
    }

    pub(crate) fn new(listeners: Vec<ListenerConfig>, limits: Limits, queue: usize) -> Self {
        let (incoming, events) = mpsc::channel(queue);
        Self {
            transports: Transports::bind(listeners, limits, incoming).unwrap(),
            events,
        }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.transports.bound()[0].local
    }

    /// The next event other than a pong.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            match self.events.recv().await.expect("the transports live") {
                Incoming::Pong { .. } => {}
                event => return event,
            }
        }
    }

    pub(crate) async fn connected(&mut self, dial: Dial) -> Flow {
        let wanted = self.transports.connect(dial);
        match self.next().await {
            Incoming::Connected { token, flow } if token == wanted => flow,
            other => panic!("not connected: {other:?}"),
        }
    }

    pub(crate) async fn opened(&mut self) -> Flow {
        match self.next().await {
            Incoming::Opened { flow } => flow,
            other => panic!("not opened: {other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> (Flow, Message) {
        match self.next().await {
            Incoming::Message { flow, message } => (flow, message),
            other => panic!("not a message: {other:?}"),
        }
    }

    pub(crate) async fn datagram(&mut self) -> (Flow, Vec<u8>) {
        match self.next().await {
            Incoming::Datagram { flow, bytes } => (flow, bytes),
            other => panic!("not a datagram: {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> net::transport::CloseCause {
        match self.next().await {
            Incoming::Closed { cause, .. } => cause,
            other => panic!("not closed: {other:?}"),
        }
    }
}

/// A REGISTER with the given sequence number.
pub(crate) fn register(sequence: u32) -> Vec<u8> {
    format!(
        "REGISTER sip:example.com SIP/2.0\r\n\
         Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK{sequence}\r\n\
         From: <sip:speaker@example.com>;tag=1\r\n\
         To: <sip:speaker@example.com>\r\n\
         Call-ID: 1@192.0.2.1\r\n\
         CSeq: {sequence} REGISTER\r\n\
         Content-Length: 0\r\n\
         \r\n"
    )
    .into_bytes()
}

/// A server and a client of it that trust one fresh authority.
pub(crate) fn tls_pair(names: &[&str], minimum: MinimumVersion) -> (ServerTls, ClientTls) {
    let authority = Authority::generate("Test", SystemTime::now()).unwrap();
    (
        server_tls(&authority, names, minimum),
        client_tls(&authority, minimum),
    )
}

pub(crate) fn server_tls(authority: &Authority, names: &[&str], minimum: MinimumVersion) -> ServerTls {
    let identity = identity(authority, names, SystemTime::now());
    ServerTls::new(&identity, minimum, ClientCertificates::NotAsked).unwrap()
}

pub(crate) fn client_tls(authority: &Authority, minimum: MinimumVersion) -> ClientTls {
    let trust = Trust::Authorities(vec![authority.certificate().clone()]);
    ClientTls::new(ClientTlsConfig {
        trust,
        minimum,
        identity: None,
        ..ClientTlsConfig::default()
    })
    .unwrap()
}

pub(crate) fn identity(authority: &Authority, names: &[&str], now: SystemTime) -> Identity {
    let subjects: Vec<_> = names
        .iter()
        .map(|name| {
            name.parse()
                .map_or_else(|_| Subject::Name((*name).to_owned()), Subject::Address)
        })
        .collect();
    let issued = authority.issue(&subjects, Purpose::ServerAndClient, now).unwrap();
    Identity::from_pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes()).unwrap()
}

pub(crate) fn udp(address: SocketAddr) -> Dial {
    dial(address, Channel::Udp)
}

pub(crate) fn tcp(address: SocketAddr) -> Dial {
    dial(address, Channel::Tcp)
}

pub(crate) fn dial(address: SocketAddr, channel: Channel) -> Dial {
    Dial {
        address,
        channel,
        keep_alive: None,
        lane: 0,
    }
}
