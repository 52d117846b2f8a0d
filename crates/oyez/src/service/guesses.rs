//! Whoever guesses at a zone: somebody is told.

use std::sync::Arc;
use std::time::SystemTime;

use model::status::{RegistrationRefusal, ZoneEvent};
use portal::alarms;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Watches the zone of this process until it has ended. What is missed meanwhile is told with the next.
pub(super) async fn watch(mut events: broadcast::Receiver<ZoneEvent>, store: Arc<Store>) {
    loop {
        match events.recv().await {
            Ok(event) => tell(&store, &event).await,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Raises an alarm where a zone looks at no more answers of somebody for a while.
pub(super) async fn tell(store: &Store, event: &ZoneEvent) {
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
    let detail = format!("as {user} from {from}");
    let at = timestamp(SystemTime::now());
    alarms::raise(store, "zone", alarms::GUESSED_EXTENSION, detail, at).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a01_whoever_guesses_at_a_zone_is_told_of_once_a_minute() {
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
        let refused = |why| ZoneEvent::RegistrationRefused {
            account: None,
            user: "desk\r\nforged".to_owned(),
            from: "192.0.2.7:5061".to_owned(),
            why,
        };

        tell(&store, &refused(RegistrationRefusal::WrongCredentials)).await;
        for _ in 0..3 {
            tell(&store, &refused(RegistrationRefusal::TooManyAttempts)).await;
        }

        let mut reading = store.read().await.unwrap();
        let entries = reading.account(&id).audit(9).await.unwrap();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].detail, "as deskforged from 192.0.2.7:5061");
    }
}
