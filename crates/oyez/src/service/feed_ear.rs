//! Hears what zones elsewhere tell of themselves: who is registered there goes to the portal, which alerts and pages begin to whoever is
//! told of that, what became of pages into the store.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::Happenings;
use feed::{Decoder, Hearing, Message, News, SILENCE_MAX};
use model::AccountId;
use model::inventory::Timestamp;
use model::status::{PageReport, ZoneEvent};
use registrations::Registrations;
use store::{Store, StoreError, timestamp};
use tokio::io::{AsyncReadExt as _, ReadHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use webhooks::message::Frame;

use super::feed::RETRY_AFTER;
use super::guesses;
use super::happenings::OF_ZONES;
use super::webhooks::{frame, tell_of};

/// Octets that are read of a zone at a time.
const PIECE: usize = 16 * 1024;

/// Where what is heard goes.
pub(super) struct Ear {
    pub(super) registrations: Arc<Registrations>,
    pub(super) store: Arc<Store>,
    pub(super) account: AccountId,
    pub(super) happenings: Arc<Happenings>,
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
        store: &Arc<Store>,
        account: &AccountId,
        happenings: Arc<Happenings>,
    ) -> Self {
        Self {
            registrations: Arc::clone(registrations),
            store: Arc::clone(store),
            account: account.clone(),
            happenings,
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

    /// Takes what a zone tells for as long as it does; says how that ended. What was dealt with is `heard`: a report that the store does not
    /// take is tried until it does, and the zone waits.
    pub(super) async fn hear(
        &self,
        zone: &str,
        mut stream: ReadHalf<TlsStream<TcpStream>>,
        mut decoder: Decoder,
        heard: &watch::Sender<u64>,
    ) -> io::Error {
        let mut hearing = Hearing::new(self.account.clone());
        let mut piece = vec![0; PIECE];
        loop {
            loop {
                match decoder.next_message() {
                    Ok(Some(Message::Tell { number, told })) => {
                        match hearing.take(number, told) {
                            Ok(Some(news)) => self.take(zone, news).await,
                            Ok(None) => {}
                            Err(error) => return io::Error::other(error),
                        }
                        heard.send_replace(number);
                    }
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

    async fn take(&self, zone: &str, news: News) {
        match news {
            News::Here(Some(epoch)) => self.registrations.note_epoch(zone, epoch, now()),
            News::Here(None) => {}
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
                guesses::tell(&self.store, &event).await;
            }
            News::Happened(age, event) => {
                let at = before(age);
                self.happenings.note(&event, Some(zone), at);
                tell_of(&event, at, &self.store, &self.registrations).await;
            }
            News::Report(age, report) => {
                self.keep(zone, age, &report).await;
                let account = self.account.clone();
                let ended = ZoneEvent::PageEnded { account, report };
                self.registrations.note_at(zone, &ended, now());
                self.happenings.note(&ended, Some(zone), before(age));
            }
            News::UnknownReport => {
                tracing::error!(
                    zone,
                    "the report of a page cannot be read; service and zone have to be of versions that know each other"
                );
            }
        }
    }

    async fn keep(&self, zone: &str, age: Duration, report: &PageReport) {
        let at = before(age);
        while let Err(error) = self.add(at, report).await {
            let is_lasting = matches!(error, StoreError::Damaged { .. } | StoreError::Missing { .. });
            let error = device::sentence(&error);
            tracing::error!(zone, %error, "the report of a page cannot be kept");
            if is_lasting {
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn add(&self, at: Timestamp, report: &PageReport) -> Result<(), StoreError> {
        let mut writing = self.store.write().await?;
        let mut scope = writing.account(&self.account);
        // A zone tells it again where it does not know that it was heard.
        if scope.add_page_report_once(at, report).await? {
            let told = Frame {
                at,
                ..frame(&self.account)?
            };
            scope.queue_webhook_message(&told.page_ended(report)).await?;
        }
        writing.commit().await
    }
}

/// The moment that was so long ago.
fn before(age: Duration) -> Timestamp {
    SystemTime::now().checked_sub(age).map_or(Timestamp(0), timestamp)
}

fn now() -> Timestamp {
    timestamp(SystemTime::now())
}
