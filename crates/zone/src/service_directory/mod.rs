//! The directory of a service elsewhere: sockets, files and the clock around [`feed::Zone`].

mod copy;
mod link;
mod vault;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ::feed::{Given, Message, Output, Report, Teller, Zone};
use model::config::HostPort;
use model::directory::{Snapshot, Update};
use model::status::ZoneEvent;
use net::tls::{Identity, IdentityError};
use tokio::sync::{broadcast, mpsc};

use crate::RollCall;
use crate::config::ServiceFeed;
use copy::ToKeep;
pub use copy::{DirectoryCopy, keep_last};
use link::{Event, Link};

/// Why a zone cannot learn its directory from a service.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file that the service has made for the zone.
    #[error("{0}; copy the file that the service has made for this zone")]
    Identity(#[source] IdentityError),
    /// It names no authority.
    #[error("{}: has no certificate of an authority behind the zone's; copy the file that the service has made for this zone", .0.display())]
    NoAuthority(PathBuf),
    /// The key of the zone's copy.
    #[error("{}: the key of the copy cannot be used ({source}); see that its folder can be written, or remove key and copy", .file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Randomness(getrandom::Error),
}

/// A running zone, as it is told of.
#[derive(Debug)]
struct Running {
    events: broadcast::Receiver<ZoneEvent>,
    roll_call: RollCall,
}

/// The directory of a service, and the zone's own copy of it; the service is told of the zone in return.
#[derive(Debug)]
pub struct ServiceDirectory {
    zone: Zone,
    teller: Teller,
    /// What is told of, once the zone runs.
    running: Option<Running>,
    feed: HostPort,
    identity: PathBuf,
    copy: Arc<DirectoryCopy>,
    /// Where what is held goes to be kept, once something is.
    to_keep: Option<ToKeep>,
    link: Option<Link>,
    /// What the zone was given, and whether it has that.
    given: Given,
    /// Why the service was lost or refused last, so that each cause is told once.
    last_trouble: Option<String>,
}

impl ServiceDirectory {
    /// Opens the zone's own copy. One that cannot be read, or that the authority has not signed, is told of and left out: the
    /// directory is fetched again.
    ///
    /// # Errors
    ///
    /// When the file that the service has made for the zone, or the key of the copy, cannot be used.
    pub fn open(config: &ServiceFeed) -> Result<Self, FeedError> {
        let identity =
            Identity::from_files(&config.identity, &config.identity).map_err(FeedError::Identity)?;
        let authority = identity.chain().get(1..).and_then(<[_]>::last).cloned();
        let authority = authority.ok_or_else(|| FeedError::NoAuthority(config.identity.clone()))?;
        let copy = DirectoryCopy::open(&config.copy, authority)?;
        let held = copy.read();
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(FeedError::Randomness)?;
        Ok(Self {
            zone: Zone::new(Instant::now(), held, u64::from_ne_bytes(random)),
            teller: Teller::default(),
            running: None,
            feed: config.feed.clone(),
            identity: config.identity.clone(),
            copy: Arc::new(copy),
            to_keep: None,
            link: None,
            given: Given::new(Instant::now(), None),
            last_trouble: None,
        })
    }

    /// What the zone begins with: its own copy, or, where it has none, what the service sends first.
    pub async fn first(&mut self) -> Snapshot {
        if self.zone.held().is_none() {
            tracing::info!(feed = %self.feed, "this zone has no copy of its directory; it waits for the service");
        }
        loop {
            if let Update::Snapshot(snapshot) = self.next().await {
                self.given = Given::new(Instant::now(), Some(snapshot.epoch));
                return snapshot;
            }
        }
    }

    /// The whole of what is held.
    fn whole(&self) -> Option<Snapshot> {
        self.zone.held()?.records().snapshot().ok()
    }

    /// Sends what the service sends, until nobody takes updates any more; and tells the service what happens in the zone.
    pub async fn run(
        mut self,
        updates: mpsc::Sender<Update>,
        events: broadcast::Receiver<ZoneEvent>,
        roll_call: RollCall,
    ) {
        self.running = Some(Running { events, roll_call });
        if let Some(held) = self.zone.held() {
            self.teller.set_epoch(held.records().epoch);
        }
        loop {
            let update = tokio::select! {
                update = self.next() => update,
                () = updates.closed() => return,
            };
            tracing::info!(epoch = update.epoch().0, "the directory has changed");
            self.given.note_given(update.epoch());
            if updates.send(update).await.is_err() {
                return;
            }
        }
    }

    /// Goes on until there is another directory. What it has done when it is given up is not lost.
    async fn next(&mut self) -> Update {
        loop {
            while let Some(output) = self.zone.poll_output() {
                if let Some(update) = self.act(output) {
                    return update;
                }
            }
            if self.given.take_wants_whole(Instant::now())
                && let Some(snapshot) = self.whole()
            {
                return Update::Snapshot(snapshot);
            }
            self.call_roll().await;
            let whole_at = self.given.next_timeout(Instant::now());
            let timeout = whole_at.map_or(self.zone.next_timeout(), |at| at.min(self.zone.next_timeout()));
            let timeout = tokio::time::sleep_until(timeout.into());
            let wants_room = self.teller.has_message();
            let turn = tokio::select! {
                event = event_of(&mut self.link, wants_room) => Turn::Event(event),
                happened = happened_in(&mut self.running) => Turn::Happened(happened),
                () = timeout => Turn::Timeout,
            };
            self.take(turn);
        }
    }

    fn take(&mut self, turn: Turn) {
        let now = Instant::now();
        match turn {
            Turn::Event(event) => self.handle(event),
            Turn::Timeout => self.zone.handle_timeout(now),
            Turn::Happened(Ok(event)) => {
                self.given.handle_event(&event);
                let given_up = self.teller.handle_event(now, &event);
                if given_up > 0 {
                    tracing::warn!(
                        given_up,
                        "alerts, beginnings or reports of pages are given up: too many wait for the service"
                    );
                }
            }
            Turn::Happened(Err(broadcast::error::RecvError::Lagged(missed))) => {
                tracing::warn!(
                    missed,
                    "the zone tells of more than is taken in; the service may miss alerts and pages"
                );
                self.given.handle_missed();
                self.teller.handle_missed();
            }
            Turn::Happened(Err(broadcast::error::RecvError::Closed)) => self.running = None,
        }
    }

    /// Finds out who is registered, when the service has to be told.
    async fn call_roll(&mut self) {
        if let Some(running) = &self.running
            && self.teller.take_wants_roll()
            && let Some(all) = running.roll_call.take().await
            && let Some(pages) = running.roll_call.pages().await
        {
            self.teller.handle_roll(all);
            self.teller.handle_pages(pages);
        }
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Connected => {
                self.zone.handle_connected(now);
                self.teller.handle_connected();
            }
            Event::Room => {
                if let (Some(link), Some(message)) = (&self.link, self.teller.poll_message(now)) {
                    link.send(message);
                }
            }
            Event::Said(Message::Heard { number }) => self.teller.handle_heard(number),
            Event::Said(message) => {
                if matches!(message, Message::Beat { .. }) {
                    self.teller.handle_beat();
                }
                let copy = &self.copy;
                self.zone.handle_message(now, message, |statement, signature| {
                    copy.is_signed(statement, signature)
                });
            }
            Event::Lost(why) => {
                self.link = None;
                self.teller.handle_lost();
                self.zone.handle_lost(now, why);
            }
        }
    }

    fn act(&mut self, output: Output) -> Option<Update> {
        match output {
            Output::Connect => self.link = Some(Link::start(self.feed.clone(), self.identity.clone())),
            Output::Send(message) => {
                if let Some(link) = &self.link {
                    link.send(message);
                }
            }
            Output::Disconnect => {
                self.link = None;
                self.teller.handle_lost();
            }
            Output::Take(update) => {
                // A refusal of what comes after it is another trouble, even where it says the same.
                self.last_trouble = None;
                return Some(update);
            }
            Output::Keep => self.keep(),
            Output::Report(report) => self.tell(report),
        }
        None
    }

    fn keep(&mut self) {
        let Some(held) = self.zone.held() else {
            return;
        };
        let to_keep = self.to_keep.get_or_insert_with(|| Arc::clone(&self.copy).keep());
        to_keep.send_replace(Some(Arc::clone(held)));
    }

    fn tell(&mut self, report: Report) {
        match report {
            Report::Refused(offence) => {
                let cause = std::error::Error::source(&offence).map(|cause| format!(": {cause}"));
                let error = format!("{offence}{}", cause.unwrap_or_default());
                if self.is_another_trouble(&error) {
                    tracing::error!(
                        error,
                        "the zone refuses the directory and goes on with what it has"
                    );
                }
            }
            Report::Lost(why) => {
                if self.is_another_trouble(&why) {
                    tracing::warn!(feed = %self.feed, why, "the service is not there; the zone goes on with what it has");
                }
            }
            Report::Stale(age) => {
                let seconds = age.as_secs();
                tracing::warn!(
                    seconds,
                    "the directory is stale: the service has not confirmed it for so long"
                );
            }
            Report::Fresh => {
                self.last_trouble = None;
                tracing::info!("the service has confirmed the directory");
            }
            Report::UnknownMessage(kind) => {
                tracing::warn!(
                    kind,
                    "the service says what this version of the zone does not know, and leaves out; bring the zone up to date"
                );
            }
            Report::UnknownRecords(kinds) => {
                tracing::warn!(
                    ?kinds,
                    "the directory has records of kinds that this version of the zone does not know, and leaves out; bring the zone up to date"
                );
            }
        }
    }

    fn is_another_trouble(&mut self, why: &str) -> bool {
        let is_another = self.last_trouble.as_deref() != Some(why);
        if is_another {
            self.last_trouble = Some(why.to_owned());
        }
        is_another
    }
}

/// What comes next.
enum Turn {
    Event(Event),
    Happened(Result<ZoneEvent, broadcast::error::RecvError>),
    Timeout,
}

async fn event_of(link: &mut Option<Link>, wants_room: bool) -> Event {
    match link {
        Some(link) => link.event(wants_room).await,
        None => std::future::pending().await,
    }
}

async fn happened_in(running: &mut Option<Running>) -> Result<ZoneEvent, broadcast::error::RecvError> {
    match running {
        Some(running) => running.events.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use ::feed::{Held, Records, Told};
    use model::directory::{DigestAlgorithm, Epoch};
    use net::authority::{AuthorityDirectory, Purpose, Subject};

    use super::*;

    /// The configuration of a zone with the file that an authority has made for it.
    fn config(folder: &Path, authority: &AuthorityDirectory) -> ServiceFeed {
        let subjects = [Subject::Name("b".to_owned())];
        authority
            .identity("zone-b", &subjects, Purpose::Client, SystemTime::now())
            .unwrap();
        ServiceFeed {
            feed: "127.0.0.1:1".parse().unwrap(),
            identity: folder.join("own/zone-b.pem"),
            copy: folder.join("directory.sealed"),
        }
    }

    fn authority(folder: &Path, name: &str) -> AuthorityDirectory {
        AuthorityDirectory::open(&folder.join(name), name, SystemTime::now()).unwrap()
    }

    /// Puts a copy away that an authority has signed.
    fn put_away(config: &ServiceFeed, signer: &AuthorityDirectory) {
        let account = "acme".parse().unwrap();
        let snapshot = Snapshot::empty(
            account,
            "acme".to_owned(),
            "a.b".to_owned(),
            DigestAlgorithm::Sha256,
        );
        let sign = |statement: &[u8]| signer.authority().sign(statement);
        let held = Held::sign(Records::of(&snapshot), sign).unwrap();
        let certificate = signer.authority().certificate().clone();
        let copy = DirectoryCopy::open(&config.copy, certificate).unwrap();
        copy.write(&held).unwrap();
    }

    #[tokio::test]
    async fn a_zone_begins_with_its_copy_if_its_authority_has_signed_it() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (authority(folder.path(), "own"), authority(folder.path(), "other"));
        let config = config(folder.path(), &own);
        put_away(&config, &own);
        let mut directory = ServiceDirectory::open(&config).unwrap();
        assert_eq!(directory.first().await.domain, "a.b");
        put_away(&config, &other);
        assert!(ServiceDirectory::open(&config).unwrap().zone.held().is_none());
        std::fs::write(&config.copy, "damaged by a disk that fails").unwrap();
        assert!(ServiceDirectory::open(&config).unwrap().zone.held().is_none());
    }

    #[tokio::test]
    async fn a_zone_that_cannot_go_on_from_what_it_has_is_given_everything() {
        let folder = tempfile::tempdir().unwrap();
        let own = authority(folder.path(), "own");
        let config = config(folder.path(), &own);
        put_away(&config, &own);
        let wanted = ZoneEvent::SnapshotWanted {
            account: "acme".parse().unwrap(),
            epoch: None,
        };
        let missed = || Turn::Happened(Err(broadcast::error::RecvError::Lagged(1)));
        let mut directory = ServiceDirectory::open(&config).unwrap();
        let first = directory.first().await;
        directory.take(Turn::Happened(Ok(wanted)));
        assert_eq!(directory.next().await, Update::Snapshot(first));

        let mut directory = ServiceDirectory::open(&config).unwrap();
        let first = directory.first().await;
        directory.take(missed());
        assert!(
            !directory.given.take_wants_whole(Instant::now()),
            "it has begun with that"
        );
        directory.given.note_given(Epoch(9));
        directory.take(missed());
        assert_eq!(directory.next().await, Update::Snapshot(first));
    }

    #[tokio::test]
    async fn a_trouble_is_told_once_and_again_after_a_directory_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let own = authority(folder.path(), "own");
        let config = config(folder.path(), &own);
        put_away(&config, &own);
        let mut directory = ServiceDirectory::open(&config).unwrap();
        let first = directory.first().await;
        let why = "it breaks a rule";
        assert!(directory.is_another_trouble(why));
        assert!(!directory.is_another_trouble(why));

        directory.act(Output::Take(Update::Snapshot(first)));

        assert!(directory.is_another_trouble(why));
    }

    #[tokio::test]
    async fn the_service_is_told_of_an_alert_while_its_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let own = authority(folder.path(), "own");
        let config = config(folder.path(), &own);
        put_away(&config, &own);
        let mut directory = ServiceDirectory::open(&config).unwrap();
        directory.first().await;
        directory.handle(Event::Connected);
        directory.handle(Event::Said(Message::Begin {
            account: "another".parse().unwrap(),
            epoch: 9,
            since: None,
        }));
        let mut is_refused = false;
        while let Some(output) = directory.zone.poll_output() {
            is_refused |= matches!(output, Output::Report(Report::Refused(_)));
            directory.act(output);
        }
        assert!(is_refused);
        let now = Instant::now();
        while directory.teller.poll_message(now).is_some() {}

        directory.take(Turn::Happened(Ok(ZoneEvent::AlertRaised {
            account: "acme".parse().unwrap(),
            call: "call".parse().unwrap(),
            extension: "911".parse().unwrap(),
            caller: "desk".parse().unwrap(),
        })));

        let told = directory.teller.poll_message(now);
        assert!(
            matches!(
                told,
                Some(Message::Tell {
                    told: Told::Alert { .. },
                    ..
                })
            ),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn what_is_held_is_kept_beside_the_zone_and_of_several_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let own = authority(folder.path(), "own");
        let config = config(folder.path(), &own);
        put_away(&config, &own);
        let copy =
            Arc::new(DirectoryCopy::open(&config.copy, own.authority().certificate().clone()).unwrap());
        let to_keep = Arc::clone(&copy).keep();
        let mut last = None;
        for epoch in 2..5 {
            let mut records = copy.read().unwrap().records().clone();
            records.epoch = Epoch(epoch);
            let sign = |statement: &[u8]| own.authority().sign(statement);
            let held = Arc::new(Held::sign(records, sign).unwrap());
            to_keep.send_replace(Some(Arc::clone(&held)));
            last = Some(held);
        }
        drop(to_keep);
        while copy.read().as_ref() != last.as_deref() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_file_without_an_authority_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let own = authority(folder.path(), "own");
        let config = config(folder.path(), &own);
        let text = std::fs::read_to_string(&config.identity).unwrap();
        let authority = own.authority().certificate_pem();
        std::fs::write(&config.identity, text.replace(authority, "")).unwrap();
        let refused = ServiceDirectory::open(&config).unwrap_err().to_string();
        assert!(
            refused.contains("zone-b.pem: has no certificate of an authority"),
            "{refused}"
        );
    }
}
