//! Hears what zones elsewhere tell of themselves: who is registered there goes to the portal, which alerts and pages begin to whoever is
//! told of that, what became of pages into the store.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use api::Happenings;
use feed::{Decoder, Hearing, Message, News, SILENCE_MAX};
use model::AccountId;
use model::inventory::Timestamp;
use model::status::ZoneEvent;
use registrations::Registrations;
use store::{Store, timestamp};
use tokio::io::{AsyncReadExt as _, ReadHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::guesses::Guesses;
use super::happenings::OF_ZONES;
use super::webhooks::tell_of;

/// Octets that are read of a zone at a time.
const PIECE: usize = 16 * 1024;
/// What waits for the store at most: a zone says no more unheard (`feed::UNHEARD_MAX`), and one that does is not read on.
const WAITING_MAX: usize = 32;

/// Where what is heard goes.
pub(super) struct Ear {
    pub(super) registrations: Arc<Registrations>,
    pub(super) store: Arc<Store>,
    account: AccountId,
    happenings: Arc<Happenings>,
    guesses: Guesses,
}

/// How far a zone was heard: up to the message before the first that waits.
struct Progress<'w> {
    heard: &'w watch::Sender<u64>,
    numbers: Mutex<Numbers>,
}

#[derive(Default)]
struct Numbers {
    last: u64,
    /// The messages of what the store has not taken yet.
    waiting: VecDeque<u64>,
}

impl Progress<'_> {
    fn taken(&self, number: u64) {
        self.change(|numbers| numbers.last = number);
    }

    fn waits(&self, number: u64) {
        self.change(|numbers| {
            numbers.last = number;
            numbers.waiting.push_back(number);
        });
    }

    fn kept(&self) {
        self.change(|numbers| {
            numbers.waiting.pop_front();
        });
    }

    fn change(&self, change: impl FnOnce(&mut Numbers)) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut numbers);
        let first = numbers.waiting.front();
        let heard = first.map_or(numbers.last, |first| first.saturating_sub(1));
        self.heard.send_replace(heard);
    }
}

/// What a zone of a later version says that is not known: told of once for a connection.
#[derive(Default)]
struct Unknown {
    is_told: bool,
}

impl Unknown {
    fn tell(&mut self, zone: &str, kind: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(
                zone,
                kind,
                "a zone tells what this version of the service does not know; it goes on without that. Bring the service up to date"
            );
        }
    }
}

/// A zone that is connected, until this goes.
pub(super) struct Present {
    registrations: Arc<Registrations>,
    happenings: Arc<Happenings>,
    account: AccountId,
    zone: String,
    connection: u64,
}

impl Drop for Present {
    fn drop(&mut self) {
        // A later connection has told already what goes on.
        if self.registrations.disconnect(&self.zone, self.connection, now()) {
            self.happenings
                .settle_pages(&self.account, Some(&self.zone), &[], now());
        }
    }
}

impl Ear {
    pub(super) fn new(
        registrations: &Arc<Registrations>,
        (store, guesses): (&Arc<Store>, Guesses),
        account: &AccountId,
        happenings: Arc<Happenings>,
    ) -> Self {
        Self {
            registrations: Arc::clone(registrations),
            store: Arc::clone(store),
            account: account.clone(),
            happenings,
            guesses,
        }
    }

    /// Shows a zone as connected.
    pub(super) fn present(&self, zone: &str) -> Present {
        Present {
            registrations: Arc::clone(&self.registrations),
            happenings: Arc::clone(&self.happenings),
            account: self.account.clone(),
            connection: self.registrations.connect(zone, now()),
            zone: zone.to_owned(),
        }
    }

    /// Takes what a zone tells for as long as it does; says how that ended. What was dealt with is `heard`. What the store does not
    /// take is tried until it does; what comes behind it is taken meanwhile, as much of it as a zone says unheard.
    pub(super) async fn hear(
        &self,
        zone: &str,
        stream: ReadHalf<TlsStream<TcpStream>>,
        decoder: Decoder,
        heard: &watch::Sender<u64>,
    ) -> io::Error {
        let progress = Progress {
            heard,
            numbers: Mutex::default(),
        };
        let (kept, mut to_keep) = mpsc::channel(WAITING_MAX);
        let keeping = async {
            while let Some(happened) = to_keep.recv().await {
                self.keep(zone, happened).await;
                progress.kept();
            }
        };
        let reading = self.read(zone, stream, decoder, kept, &progress);
        tokio::select! {
            error = reading => error,
            // It does not end before the reading.
            () = keeping => io::Error::other("nothing is kept any more"),
        }
    }

    async fn read(
        &self,
        zone: &str,
        mut stream: ReadHalf<TlsStream<TcpStream>>,
        mut decoder: Decoder,
        to_keep: mpsc::Sender<(Timestamp, ZoneEvent)>,
        progress: &Progress<'_>,
    ) -> io::Error {
        let mut hearing = Hearing::new(self.account.clone());
        let mut unknown = Unknown::default();
        let mut piece = vec![0; PIECE];
        loop {
            loop {
                match decoder.next_message() {
                    Ok(Some(Message::Tell { number, told })) => {
                        let news = match hearing.take(number, told) {
                            Ok(news) => news,
                            Err(error) => return io::Error::other(error),
                        };
                        if let Some(News::Unknown(kind)) = &news {
                            unknown.tell(zone, kind);
                        }
                        match news.and_then(|news| self.take(zone, news)) {
                            Some(event) => {
                                progress.waits(number);
                                // Who takes it is there as long as this is.
                                let _is_taken = to_keep.send(event).await.is_ok();
                            }
                            None => progress.taken(number),
                        }
                    }
                    // Without a number it needs no answer.
                    Ok(Some(Message::Unknown { kind })) => unknown.tell(zone, &kind),
                    Ok(Some(_)) => return io::Error::other("it says what a zone does not"),
                    Ok(None) => break,
                    Err(error) => return io::Error::other(error),
                }
            }
            match timeout(SILENCE_MAX, stream.read(&mut piece)).await {
                Ok(Ok(0)) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(Ok(read)) => decoder.push(piece.get(..read).unwrap_or_default()),
                Ok(Err(error)) => return error,
                Err(_) => return io::Error::other("it has fallen silent"),
            }
        }
    }

    /// Takes what needs no store; gives what does, with its time.
    fn take(&self, zone: &str, news: News) -> Option<(Timestamp, ZoneEvent)> {
        match news {
            News::Here(Some(epoch)) => self.registrations.note_epoch(zone, epoch, now()),
            News::Here(None) | News::Unknown(_) => {}
            News::Roll(all) => {
                self.registrations.restate_at(zone, &all, now());
                self.happenings.note_gap(&self.account, &OF_ZONES);
            }
            News::Pages(ongoing) => {
                self.happenings
                    .settle_pages(&self.account, Some(zone), &ongoing, now());
            }
            News::Event(event) => {
                self.registrations.note_at(zone, &event, now());
                self.happenings.note(&event, Some(zone), now());
                self.guesses.note(&event, now());
            }
            News::Happened(age, event) => {
                let at = before(age);
                self.happenings.note(&event, Some(zone), at);
                return Some((at, event));
            }
            News::Report(age, report) => {
                let account = self.account.clone();
                return Some((before(age), ZoneEvent::PageEnded { account, report }));
            }
            News::UnknownReport => {
                tracing::error!(
                    zone,
                    "the report of a page cannot be read; bring the older of service and zone up to date"
                );
            }
        }
        None
    }

    /// Puts what has happened into the store, and waits until that takes it.
    async fn keep(&self, zone: &str, (at, event): (Timestamp, ZoneEvent)) {
        tell_of(&event, at, &self.store, &self.registrations).await;
        // What became of a page is shown once it is kept.
        if matches!(event, ZoneEvent::PageEnded { .. }) {
            self.registrations.note_at(zone, &event, now());
            self.happenings.note(&event, Some(zone), at);
        }
    }
}

/// The moment that was so long ago.
fn before(age: Duration) -> Timestamp {
    SystemTime::now().checked_sub(age).map_or(Timestamp(0), timestamp)
}

fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use model::status::RegistrationRefusal;

    use super::super::guesses::tests::{opened, refused, told};
    use super::*;

    #[tokio::test]
    async fn a01_whoever_guesses_at_a_zone_elsewhere_is_told_of() {
        let (_folder, store, account) = opened().await;
        let guesses = Guesses::new(&store);
        let ear = Ear::new(&Arc::default(), (&store, guesses), &account, Arc::default());
        let too_many = refused("desk", 5061, RegistrationRefusal::TooManyAttempts);

        let to_keep = ear.take("b", News::Event(too_many));

        assert_eq!(to_keep, None, "nothing behind it waits for the store");
        let (told, _) = told(&store, &account).await;
        assert_eq!(told, "as desk from 192.0.2.7");
    }
}
