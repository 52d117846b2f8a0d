//! The feed of a service: tells zones elsewhere what the directory is, and at once when it has changed.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use feed::{BEAT_EVERY, Decoder, Digest, Held, History, Message};
use model::directory::Epoch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::LOOK_EVERY;
use super::config::{FeedConfig, ServiceConfig};
use super::feed::{DirectoryFeed, RETRY_AFTER};
use super::feed_certificates::FeedCertificates;
use super::feed_ear::Ear;
use crate::failure::Failure;
use crate::state::StateFolder;

/// Connections at a time that have not shown yet which zone they are; of the others there is one for each zone.
const GREETINGS_MAX: usize = 64;
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
    /// Who hears what zones tell.
    ear: Ear,
    history: Mutex<History>,
    changed: watch::Sender<Epoch>,
    /// Whether a change has not come into the history yet.
    is_behind: AtomicBool,
}

impl Hub {
    /// What a zone is told that holds something, and then holds more. As long as a change cannot be told, none is told that it holds
    /// the last there is.
    fn answer(&self, holds: &mut Option<(Epoch, Digest)>) -> Vec<Message> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_behind.load(Ordering::Relaxed) && *holds == Some(history.position()) {
            return Vec::new();
        }
        let messages = history.answer(*holds);
        *holds = Some(history.position());
        messages
    }
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
        ear: Ear,
    ) -> Result<Self, Failure> {
        let host = &own.address.host;
        let certificates = FeedCertificates::open(&state.zones(), host, &own.zones, SystemTime::now())
            .context("the certificates of the feed cannot be made")?;
        let listener = TcpListener::bind(own.listen)
            .await
            .map_err(|error| config.wrong("feed.listen", &format!("cannot be listened on: {error}")))?;
        let address = listener.local_addr().map_err(|error| anyhow!(error))?;
        let certificates = Arc::new(certificates);
        let publisher = Publisher {
            directory,
            certificates: Arc::clone(&certificates),
        };
        let first = publisher.next().await?;
        for zone in &own.zones {
            ear.registrations.expect_zone(zone);
        }
        let hub = Arc::new(Hub {
            ear,
            changed: watch::Sender::new(first.records().epoch),
            history: Mutex::new(History::new(first)),
            is_behind: AtomicBool::new(false),
        });
        Ok(Self {
            address,
            tasks: vec![
                tokio::spawn(renew(Arc::clone(&certificates))),
                tokio::spawn(publisher.publish(Arc::clone(&hub))),
                tokio::spawn(accept(listener, certificates, hub)),
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

/// Says what the directory is whenever it has changed.
struct Publisher {
    directory: DirectoryFeed,
    certificates: Arc<FeedCertificates>,
}

impl Publisher {
    /// The directory as it is told, which is kept before anybody is.
    async fn next(&self) -> anyhow::Result<Held> {
        loop {
            let held = self.signed().await?;
            if !self.directory.note_told(&held).await? {
                return Ok(held);
            }
        }
    }

    /// Signs the directory, apart from what has to answer.
    async fn signed(&self) -> anyhow::Result<Held> {
        let (snapshot, reader) = self.directory.recorded().await?;
        let certificates = Arc::clone(&self.certificates);
        let work = move || {
            Held::sign(reader.records(&snapshot), |statement| {
                certificates.authority().sign(statement)
            })
        };
        Ok(tokio::task::spawn_blocking(work).await??)
    }

    /// Tells the connections of every change; one that cannot be told yet is tried until it can.
    async fn publish(mut self, hub: Arc<Hub>) {
        while self.directory.changed().await {
            hub.is_behind.store(true, Ordering::Relaxed);
            let held = loop {
                match self.next().await {
                    Ok(held) => break held,
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(%error, "zones cannot be told of a change; it is tried again");
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                }
            };
            let epoch = held.records().epoch;
            let is_later = hub
                .history
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .advance(held);
            hub.is_behind.store(false, Ordering::Relaxed);
            if is_later {
                hub.changed.send_replace(epoch);
            }
        }
    }
}

/// Renews certificates for as long as the feed runs.
async fn renew(certificates: Arc<FeedCertificates>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        if let Err(error) = certificates.look(SystemTime::now()) {
            tracing::error!(
                error = format!("{error:#}"),
                "a certificate of the feed cannot be renewed"
            );
        }
    }
}

/// A connection that has shown which zone it is, and what that holds.
struct Greeted {
    zone: String,
    hello: Hello,
    stream: TlsStream<TcpStream>,
}

/// What a zone says first.
struct Hello {
    holds: Option<(Epoch, Digest)>,
    /// It tells of itself.
    tells: bool,
    /// What it has said behind that.
    decoder: Decoder,
}

/// Those that have shown nothing yet, the longest there first.
#[derive(Default)]
struct Waiting {
    greetings: VecDeque<AbortHandle>,
    is_told: bool,
}

impl Waiting {
    /// Has one more, and ends the longest there where there are too many: whoever is a zone shows it at once.
    fn add(&mut self, greeting: AbortHandle) {
        self.greetings.retain(|greeting| !greeting.is_finished());
        if self.greetings.is_empty() {
            self.is_told = false;
        }
        self.greetings.push_back(greeting);
        if self.greetings.len() > GREETINGS_MAX
            && let Some(longest) = self.greetings.pop_front()
        {
            longest.abort();
            if !std::mem::replace(&mut self.is_told, true) {
                tracing::warn!(
                    most = GREETINGS_MAX,
                    "more connections to the feed than may wait show no zone; the longest there are ended"
                );
            }
        }
    }
}

async fn accept(listener: TcpListener, certificates: Arc<FeedCertificates>, hub: Arc<Hub>) {
    let acceptor = TlsAcceptor::from(certificates.tls().config());
    let mut waiting = Waiting::default();
    let mut greetings = JoinSet::new();
    let mut following = JoinSet::new();
    let mut by_zone: BTreeMap<String, AbortHandle> = BTreeMap::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    waiting.add(greetings.spawn(greet(stream, from, acceptor.clone(), Arc::clone(&certificates))));
                }
                Err(error) => {
                    tracing::warn!(%error, "the feed cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(greeted) = greetings.join_next() => if let Ok(Some(greeted)) = greeted {
                let zone = greeted.zone.clone();
                let handle = following.spawn(serve(greeted, Arc::clone(&hub)));
                // A zone has one connection: an older one is of a peer that has vanished.
                if let Some(older) = by_zone.insert(zone, handle) {
                    older.abort();
                }
            },
            Some(_) = following.join_next() => {}
        }
    }
}

async fn greet(
    stream: TcpStream,
    from: SocketAddr,
    acceptor: TlsAcceptor,
    certificates: Arc<FeedCertificates>,
) -> Option<Greeted> {
    let _is_quick = stream.set_nodelay(true).is_ok();
    let greeting = async {
        let mut stream = acceptor.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let zone = shown.first().and_then(|shown| certificates.zone_of(shown));
        let zone =
            zone.ok_or_else(|| io::Error::other("its certificate is that of no zone of this service"))?;
        let hello = hello(&mut stream).await?;
        Ok(Greeted { zone, hello, stream })
    };
    let greeted: io::Result<_> = timeout(GREETING_TIME, greeting)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("it says nothing")));
    match greeted {
        Ok(greeted) => Some(greeted),
        Err(error) => {
            tracing::debug!(%from, %error, "a connection to the feed is refused");
            None
        }
    }
}

async fn serve(greeted: Greeted, hub: Arc<Hub>) {
    let Greeted { zone, hello, stream } = greeted;
    tracing::info!(zone, "a zone follows the directory");
    let (reading, writing) = tokio::io::split(stream);
    let heard = watch::Sender::new(0);
    let following = follow(writing, hello.holds, &hub, heard.subscribe());
    // It is shown as connected for as long as this goes on, however it ends.
    let _present = hub.ear.present(&zone);
    let hearing = async {
        if hello.tells {
            hub.ear.hear(&zone, reading, hello.decoder, &heard).await
        } else {
            std::future::pending().await
        }
    };
    let error = tokio::select! {
        error = following => error,
        error = hearing => error,
    };
    tracing::warn!(zone, %error, "a zone follows the directory no longer");
}

async fn hello(stream: &mut TlsStream<TcpStream>) -> io::Result<Hello> {
    let mut decoder = Decoder::default();
    let mut piece = [0; PIECE];
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        decoder.push(piece.get(..read).unwrap_or_default());
        match decoder.next_message().map_err(io::Error::other)? {
            Some(Message::Hello { holds, tells }) => {
                return Ok(Hello {
                    holds: holds.map(|(epoch, digest)| (Epoch(epoch), digest)),
                    tells,
                    decoder,
                });
            }
            Some(_) => return Err(io::Error::other("it does not say what it holds")),
            None => {}
        }
    }
}

/// Tells a zone what it lacks, whenever it lacks something, and what was heard of it; says how that ended.
async fn follow(
    mut stream: WriteHalf<TlsStream<TcpStream>>,
    mut holds: Option<(Epoch, Digest)>,
    hub: &Hub,
    mut heard: watch::Receiver<u64>,
) -> io::Error {
    let mut changed = hub.changed.subscribe();
    let mut beats = tokio::time::interval(BEAT_EVERY);
    loop {
        let messages = tokio::select! {
            changed = changed.changed() => match changed {
                Ok(()) => hub.answer(&mut holds),
                Err(_) => return io::Error::other("the service ends"),
            },
            Ok(()) = heard.changed() => vec![Message::Heard { number: *heard.borrow_and_update() }],
            _ = beats.tick() => hub.answer(&mut holds),
        };
        for message in messages {
            let written = timeout(WRITE_TIME, write(&mut stream, &message)).await;
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::Error::other("it does not take what it is sent"),
            }
        }
    }
}

async fn write(stream: &mut WriteHalf<TlsStream<TcpStream>>, message: &Message) -> io::Result<()> {
    let octets = feed::encode(message).map_err(io::Error::other)?;
    stream.write_all(&octets).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use feed::Records;
    use model::directory::{DigestAlgorithm, Snapshot};

    use super::super::guesses::Guesses;
    use super::*;

    async fn hub(folder: &std::path::Path) -> Hub {
        let account = "acme".parse().unwrap();
        let snapshot = Snapshot::empty(
            account,
            "acme".to_owned(),
            "a.b".to_owned(),
            DigestAlgorithm::Sha256,
        );
        let records = Records::of(&snapshot);
        let store = Arc::new(store::Store::open(folder).await.unwrap());
        Hub {
            ear: Ear::new(
                &Arc::default(),
                (&store, Guesses::new(&store)),
                &snapshot.account,
                Arc::default(),
            ),
            changed: watch::Sender::new(records.epoch),
            history: Mutex::new(History::new(Held::new(records, Vec::new()))),
            is_behind: AtomicBool::new(false),
        }
    }

    #[tokio::test]
    async fn no_zone_is_told_that_it_holds_the_last_while_a_change_cannot_be_told() {
        let folder = tempfile::tempdir().unwrap();
        let hub = hub(folder.path()).await;
        let mut holds = None;
        hub.is_behind.store(true, Ordering::Relaxed);
        assert!(
            !hub.answer(&mut holds).is_empty(),
            "what there is is better than nothing"
        );
        assert!(hub.answer(&mut holds).is_empty());
        hub.is_behind.store(false, Ordering::Relaxed);
        assert!(matches!(
            hub.answer(&mut holds).as_slice(),
            [Message::Beat { .. }]
        ));
    }

    #[tokio::test]
    async fn one_more_that_shows_nothing_ends_the_one_that_is_there_longest() {
        let mut tasks = JoinSet::new();
        let mut waiting = Waiting::default();
        for _ in 0..GREETINGS_MAX {
            waiting.add(tasks.spawn(std::future::pending::<()>()));
        }
        let longest = waiting.greetings.front().unwrap().id();
        assert!(tasks.try_join_next().is_none());
        waiting.add(tasks.spawn(std::future::pending()));
        assert_eq!(tasks.join_next().await.unwrap().unwrap_err().id(), longest);
        assert_eq!(waiting.greetings.len(), GREETINGS_MAX);
    }
}
