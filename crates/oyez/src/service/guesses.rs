//! Whoever guesses at a zone: somebody is told.

use std::sync::Arc;
use std::time::SystemTime;

use model::inventory::Timestamp;
use model::status::{RegistrationRefusal, ZoneEvent};
use portal::alarms;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Watches the zone of this process until it has ended. What is missed meanwhile is told with the next.
pub(super) async fn watch(mut events: broadcast::Receiver<ZoneEvent>, store: Arc<Store>) {
    let mut guesses = Guesses::default();
    loop {
        match events.recv().await {
            Ok(event) => guesses.tell(&store, &event).await,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Who guesses at a zone.
#[derive(Default)]
pub(super) struct Guesses {
    /// The last one of whom nobody could be told.
    untold: Option<(String, Timestamp)>,
}

impl Guesses {
    /// Raises an alarm where a zone looks at no more answers of somebody for a while, and one that could not be kept with whatever the
    /// zone tells next.
    pub(super) async fn tell(&mut self, store: &Store, event: &ZoneEvent) {
        if let ZoneEvent::RegistrationRefused {
            user,
            from,
            why: RegistrationRefusal::TooManyAttempts,
            ..
        } = event
        {
            // What strangers call themselves stays in its line.
            let user: String = user.chars().filter(|one| !one.is_control()).collect();
            self.untold = Some((format!("as {user} from {from}"), timestamp(SystemTime::now())));
        }
        let Some((detail, at)) = self.untold.clone() else {
            return;
        };
        if alarms::raise(store, "zone", alarms::GUESSED_EXTENSION, detail, at).await {
            self.untold = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened() -> (tempfile::TempDir, Store, model::AccountId) {
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
        (folder, store, id)
    }

    fn refused(why: RegistrationRefusal) -> ZoneEvent {
        ZoneEvent::RegistrationRefused {
            account: None,
            user: "desk\r\nforged".to_owned(),
            from: "192.0.2.7:5061".to_owned(),
            why,
        }
    }

    #[tokio::test]
    async fn a01_of_whom_nobody_could_be_told_is_told_with_what_the_zone_says_next() {
        let (_folder, store, id) = opened().await;
        let mut guesses = Guesses::default();
        let turn = store.write().await.unwrap();
        let too_many = refused(RegistrationRefusal::TooManyAttempts);
        tokio::select! {
            biased;
            () = guesses.tell(&store, &too_many) => panic!("another has the turn of writers"),
            () = std::future::ready(()) => {}
        }
        drop(turn);

        guesses
            .tell(&store, &refused(RegistrationRefusal::WrongCredentials))
            .await;

        let mut reading = store.read().await.unwrap();
        assert_eq!(reading.account(&id).audit(9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a01_whoever_guesses_at_a_zone_is_told_of_once_a_minute() {
        let (_folder, store, id) = opened().await;
        let mut guesses = Guesses::default();
        guesses
            .tell(&store, &refused(RegistrationRefusal::WrongCredentials))
            .await;
        for _ in 0..3 {
            guesses
                .tell(&store, &refused(RegistrationRefusal::TooManyAttempts))
                .await;
        }

        let mut reading = store.read().await.unwrap();
        let entries = reading.account(&id).audit(9).await.unwrap();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].detail, "as deskforged from 192.0.2.7:5061");
    }
}
