//! A connection to a service, in a task of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use feed::{Decoder, Message};
use model::config::HostPort;
use net::authority::CertificateFacts;
use net::tls::{ClientTls, ClientTlsConfig, Identity, MinimumVersion, TlsFailure, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Messages that wait for the zone: then the service waits.
const EVENTS_KEPT: usize = 4;
/// Messages to the service that wait to be sent.
const MESSAGES_KEPT: usize = 4;
/// Octets that are read at a time.
const PIECE: usize = 64 * 1024;

/// What comes of a connection.
pub(super) enum Event {
    /// It is there.
    Connected,
    /// The service says something.
    Said(Message),
    /// A message can be sent.
    Room,
    /// It has gone, or could not be had.
    Lost(String),
}

/// A connection, or an attempt at one; it ends with this value.
#[derive(Debug)]
pub(super) struct Link {
    task: JoinHandle<()>,
    events: mpsc::Receiver<Event>,
    messages: mpsc::Sender<Message>,
}

impl Link {
    pub(super) fn start(feed: HostPort, identity: PathBuf) -> Self {
        let (event_sender, events) = mpsc::channel(EVENTS_KEPT);
        let (messages, message_receiver) = mpsc::channel(MESSAGES_KEPT);
        let task = tokio::spawn(async move {
            let why = match speak(&feed, &identity, &event_sender, message_receiver).await {
                Ok(()) => "it has ended the connection".to_owned(),
                Err(error) => error.to_string(),
            };
            // The zone may have given it up meanwhile.
            let _is_told = event_sender.send(Event::Lost(why)).await.is_ok();
        });
        Self {
            task,
            events,
            messages,
        }
    }

    /// The next thing that comes; where a message waits to be sent, that may be room for it.
    pub(super) async fn event(&mut self, wants_room: bool) -> Event {
        let ended = || Event::Lost("it has ended".to_owned());
        tokio::select! {
            event = self.events.recv() => event.unwrap_or_else(ended),
            Ok(_) = self.messages.reserve(), if wants_room => Event::Room,
        }
    }

    /// Sends a message, if there is room for it; it is sent once there is a connection.
    pub(super) fn send(&self, message: Message) {
        let _has_ended = self.messages.try_send(message).is_err();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn speak(
    feed: &HostPort,
    identity: &Path,
    events: &mpsc::Sender<Event>,
    messages: mpsc::Receiver<Message>,
) -> io::Result<()> {
    let stream = connect(feed, identity).await?;
    events.send(Event::Connected).await.map_err(|_| has_ended())?;
    let (reading, writing) = tokio::io::split(stream);
    // Each by itself: two that wait for the other to read would wait for ever.
    tokio::select! {
        read = hear(reading, events) => read,
        written = say(writing, messages) => written,
    }
}

async fn hear(mut stream: ReadHalf<TlsStream<TcpStream>>, events: &mpsc::Sender<Event>) -> io::Result<()> {
    let mut decoder = Decoder::default();
    let mut piece = vec![0; PIECE];
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        decoder.push(piece.get(..read).unwrap_or_default());
        while let Some(message) = decoder.next_message().map_err(io::Error::other)? {
            events.send(Event::Said(message)).await.map_err(|_| has_ended())?;
        }
    }
}

async fn say(
    mut stream: WriteHalf<TlsStream<TcpStream>>,
    mut messages: mpsc::Receiver<Message>,
) -> io::Result<()> {
    while let Some(message) = messages.recv().await {
        let octets = feed::encode(&message).map_err(io::Error::other)?;
        stream.write_all(&octets).await?;
        stream.flush().await?;
    }
    Err(has_ended())
}

fn has_ended() -> io::Error {
    io::Error::other("the zone has ended")
}

/// Connects as the zone that the file says it is, to the service of the same authority. The file is read each time: a renewed
/// one counts from the next connection on.
async fn connect(feed: &HostPort, file: &Path) -> io::Result<TlsStream<TcpStream>> {
    let identity = Identity::from_files(file, file).map_err(io::Error::other)?;
    warn_of_renewal(&identity, file);
    let authority = identity.chain().last().cloned();
    let tls = ClientTls::new(ClientTlsConfig {
        trust: Trust::Authorities(authority.into_iter().collect()),
        minimum: MinimumVersion::Tls13,
        identity: Some(identity),
        ..ClientTlsConfig::default()
    });
    let tls = tls.map_err(io::Error::other)?;
    let name = ServerName::try_from(feed.host.clone()).map_err(io::Error::other)?;
    let stream = TcpStream::connect((feed.host.as_str(), feed.port.unwrap_or_default())).await?;
    stream.set_nodelay(true)?;
    let connecting = TlsConnector::from(tls.config()).connect(name, stream);
    connecting
        .await
        .map_err(|error| io::Error::other(TlsFailure::from_io(&error).to_string()))
}

fn warn_of_renewal(identity: &Identity, file: &Path) {
    let facts = identity.chain().first().map(CertificateFacts::read);
    if let Some(Ok(facts)) = facts
        && facts.renewal_is_due(SystemTime::now())
    {
        tracing::warn!(
            file = %file.display(),
            "the certificate for the feed ends soon: copy the file that the service has made anew"
        );
    }
}
