//! Whoever guesses at a zone: somebody is told.

use std::sync::Arc;
use std::time::SystemTime;

use model::inventory::Timestamp;
use model::status::{RegistrationRefusal, ZoneEvent};
use portal::alarm_queue::AlarmQueue;
use portal::alarms::GUESSED_EXTENSION;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Watches the zone of this process until it has ended.
pub(super) async fn watch(mut events: broadcast::Receiver<ZoneEvent>, guesses: Guesses) {
    loop {
        match events.recv().await {
            Ok(event) => guesses.note(&event, timestamp(SystemTime::now())),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Who guesses at the zones of a service, whichever it is and whether that is connected or not.
#[derive(Clone)]
pub(super) struct Guesses(AlarmQueue);

impl Guesses {
    pub(super) fn new(store: &Arc<Store>) -> Self {
        Self(AlarmQueue::new(store, "zone", GUESSED_EXTENSION))
    }

    /// Raises an alarm where a zone looks at no more answers of somebody for a while. Another port of the same address is no other.
    pub(super) fn note(&self, event: &ZoneEvent, at: Timestamp) {
        let ZoneEvent::RegistrationRefused {
            user,
            from,
            why: RegistrationRefusal::TooManyAttempts,
            ..
        } = event
        else {
            return;
        };
        // What strangers call themselves stays in its line.
        let user: String = user.chars().filter(|one| !one.is_control()).collect();
        let from = from
            .rsplit_once(':')
            .map_or(from.as_str(), |(address, _)| address);
        self.0.raise_of_name(at, &user, format!("as {user} from {from}"));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) async fn opened() -> (tempfile::TempDir, Arc<Store>, model::AccountId) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let id: model::AccountId = "acme".parse().unwrap();
        let account = model::inventory::Account {
            domain: "pbx.example.com".to_owned(),
            id: id.clone(),
            name: model::inventory::DisplayName::new("Acme").unwrap(),
            many_extensions_before_5_5: false,
            generic_devices: true,
        };
        let mut writing = store.write().await.unwrap();
        writing.add_account(&account).await.unwrap();
        writing.commit().await.unwrap();
        (folder, Arc::new(store), id)
    }

    pub(crate) fn refused(user: &str, port: u16, why: RegistrationRefusal) -> ZoneEvent {
        ZoneEvent::RegistrationRefused {
            account: None,
            user: user.to_owned(),
            from: format!("192.0.2.7:{port}"),
            why,
        }
    }

    /// What somebody is told first, and when it was.
    pub(crate) async fn told(store: &Store, id: &model::AccountId) -> (String, Timestamp) {
        loop {
            let mut reading = store.read().await.unwrap();
            if let [entry] = &reading.account(id).audit(9).await.unwrap()[..] {
                return (entry.detail.clone(), entry.at);
            }
        }
    }

    #[tokio::test]
    async fn a01_whoever_guesses_at_a_zone_is_told_of_in_one_line_from_whichever_ports_it_comes() {
        let (_folder, store, id) = opened().await;
        let guesses = Guesses::new(&store);
        let now = timestamp(SystemTime::now());
        let wrong = RegistrationRefusal::WrongCredentials;
        guesses.note(&refused("hall", 5061, wrong), now);
        for port in [5061, 5062] {
            let too_many = RegistrationRefusal::TooManyAttempts;
            guesses.note(&refused("desk\r\nforged", port, too_many), now);
        }

        let expected = ("as deskforged from 192.0.2.7".to_owned(), now);
        assert_eq!(told(&store, &id).await, expected);
    }
}
