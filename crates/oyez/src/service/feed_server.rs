//! The feed of a service: tells zones elsewhere what the directory is, and at once when it has changed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use feed::{BEAT_EVERY, Decoder, Digest, Held, History, Message, Records};
use model::directory::{Epoch, Snapshot, Update};
use net::authority::{AuthorityDirectory, CertificateFacts, Purpose, Subject};
use net::tls::{ClientCertificates, MinimumVersion, ServerTls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::subject;
use super::config::{FeedConfig, ServiceConfig};
use super::feed::DirectoryFeed;
use crate::failure::Failure;
use crate::state::StateFolder;

/// Name of the authority of zones, as it stands in its certificate.
const AUTHORITY_NAME: &str = "Oyez zone authority";
/// Connections at a time: a few for each zone that there may be.
const CONNECTIONS_MAX: usize = 64;
/// How long a handshake and the first message may take.
const GREETING_TIME: Duration = Duration::from_secs(10);
/// How long a message may wait for a zone to take it.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Wait after the system has refused to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Octets that are read of a zone at a time: it says one short thing.
const PIECE: usize = 1_024;

/// A running feed; it ends with this value.
#[derive(Debug)]
pub(super) struct FeedServer {
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// What all connections are served from.
struct Hub {
    history: Mutex<History>,
    changed: watch::Sender<Epoch>,
    zones: Vec<String>,
}

impl FeedServer {
    /// Makes what zones show, listens, and serves them.
    ///
    /// # Errors
    ///
    /// When the authority, a certificate, the store or the address cannot be had.
    pub(super) async fn start(
        config: &ServiceConfig,
        own: &FeedConfig,
        state: &StateFolder,
        directory: DirectoryFeed,
    ) -> Result<Self, Failure> {
        let authority = AuthorityDirectory::open(&state.zones(), AUTHORITY_NAME, SystemTime::now())
            .context("the authority of zones cannot be used")?;
        let tls = identities(&authority, own).context("a certificate for the feed cannot be made")?;
        let listener = TcpListener::bind(own.listen)
            .await
            .map_err(|error| config.wrong("feed.listen", &format!("cannot be listened on: {error}")))?;
        let address = listener.local_addr().map_err(|error| anyhow!(error))?;
        let authority = Arc::new(authority);
        let snapshot = directory.snapshot().await.map_err(|error| anyhow!(error))?;
        let first = signed(Arc::clone(&authority), snapshot).await?;
        let hub = Arc::new(Hub {
            changed: watch::Sender::new(first.records.epoch),
            history: Mutex::new(History::new(first)),
            zones: own.zones.clone(),
        });
        let (updates, taken) = mpsc::channel(1);
        Ok(Self {
            address,
            tasks: vec![
                tokio::spawn(directory.run(updates)),
                tokio::spawn(publish(taken, authority, Arc::clone(&hub))),
                tokio::spawn(accept(listener, TlsAcceptor::from(tls.config()), hub)),
            ],
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Makes the file of each zone, and what the feed itself shows. They are of an authority of their own: what a device has shows
/// that it is a device, and must not open the directory.
fn identities(authority: &AuthorityDirectory, own: &FeedConfig) -> anyhow::Result<ServerTls> {
    let now = SystemTime::now();
    for zone in &own.zones {
        let subjects = [Subject::Name(zone.clone())];
        authority.identity(&format!("zone-{zone}"), &subjects, Purpose::Client, now)?;
    }
    let subjects = [subject(&own.address.host)];
    let identity = authority.identity("feed", &subjects, Purpose::Server, now)?;
    let clients = ClientCertificates::Required(vec![authority.authority().certificate().clone()]);
    Ok(ServerTls::new(&identity, MinimumVersion::Tls13, clients)?)
}

/// Hashes and signs a directory, apart from what has to answer.
async fn signed(authority: Arc<AuthorityDirectory>, snapshot: Snapshot) -> anyhow::Result<Held> {
    let work = move || {
        let records = Records::of(&snapshot);
        let signature = authority.authority().sign(&records.statement())?;
        Ok(Held { records, signature })
    };
    tokio::task::spawn_blocking(work).await?
}

/// Tells the connections of every change.
async fn publish(mut taken: mpsc::Receiver<Update>, authority: Arc<AuthorityDirectory>, hub: Arc<Hub>) {
    while let Some(update) = taken.recv().await {
        let Update::Snapshot(snapshot) = update else {
            continue;
        };
        match signed(Arc::clone(&authority), snapshot).await {
            Ok(held) => {
                let epoch = held.records.epoch;
                let is_later = hub
                    .history
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .advance(held);
                if is_later {
                    hub.changed.send_replace(epoch);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the directory cannot be signed; zones are not told of the change");
            }
        }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, hub: Arc<Hub>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        continue;
                    };
                    let (acceptor, hub) = (acceptor.clone(), Arc::clone(&hub));
                    connections.spawn(async move {
                        let _place = place;
                        serve(stream, from, &acceptor, &hub).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the feed cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, from: SocketAddr, acceptor: &TlsAcceptor, hub: &Hub) {
    let _is_quick = stream.set_nodelay(true).is_ok();
    let greeting = async {
        let mut stream = acceptor.accept(stream).await?;
        let zone = zone_of(&stream, &hub.zones)?;
        Ok((zone, hello(&mut stream).await?, stream))
    };
    let greeted: io::Result<_> = timeout(GREETING_TIME, greeting)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("it says nothing")));
    match greeted {
        Ok((zone, holds, stream)) => {
            tracing::info!(zone, "a zone follows the directory");
            let error = follow(stream, holds, hub).await;
            tracing::warn!(zone, %error, "a zone follows the directory no longer");
        }
        Err(error) => tracing::debug!(%from, %error, "a connection to the feed is refused"),
    }
}

/// The zone that a certificate names, if it is one of those in the file.
fn zone_of(stream: &TlsStream<TcpStream>, zones: &[String]) -> io::Result<String> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let facts = certificates.first().map(CertificateFacts::read);
    let subjects = facts.and_then(Result::ok).map(|facts| facts.subjects);
    let is_of = |zone: &&String| {
        let named = Subject::Name((*zone).clone());
        subjects
            .as_ref()
            .is_some_and(|subjects| subjects.contains(&named))
    };
    let zone = zones.iter().find(is_of).cloned();
    zone.ok_or_else(|| io::Error::other("its certificate names no zone of this service"))
}

async fn hello(stream: &mut TlsStream<TcpStream>) -> io::Result<Option<(Epoch, Digest)>> {
    let mut decoder = Decoder::default();
    let mut piece = [0; PIECE];
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decoder.push(piece.get(..read).unwrap_or_default());
        match decoder.next_message().map_err(io::Error::other)? {
            Some(Message::Hello { holds }) => return Ok(holds.map(|(epoch, digest)| (Epoch(epoch), digest))),
            Some(_) => return Err(io::Error::other("it does not say what it holds")),
            None => {}
        }
    }
}

/// Tells a zone what it lacks, whenever it lacks something; says how that ended.
async fn follow(
    mut stream: TlsStream<TcpStream>,
    mut holds: Option<(Epoch, Digest)>,
    hub: &Hub,
) -> io::Error {
    let mut changed = hub.changed.subscribe();
    loop {
        changed.borrow_and_update();
        let messages = {
            let history = hub.history.lock().unwrap_or_else(PoisonError::into_inner);
            let messages = history.answer(holds);
            holds = Some(history.position());
            messages
        };
        for message in messages {
            let written = timeout(WRITE_TIME, write(&mut stream, &message)).await;
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::Error::other("it does not take what it is sent"),
            }
        }
        tokio::select! {
            changed = changed.changed() => if changed.is_err() {
                return io::Error::other("the service ends");
            },
            () = tokio::time::sleep(BEAT_EVERY) => {}
        }
    }
}

async fn write(stream: &mut TlsStream<TcpStream>, message: &Message) -> io::Result<()> {
    let octets = feed::encode(message).map_err(io::Error::other)?;
    stream.write_all(&octets).await?;
    stream.flush().await
}
