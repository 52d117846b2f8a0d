//! Whoever guesses at a zone: somebody is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use model::inventory::{AuditEntry, Timestamp};
use model::status::{RegistrationRefusal, ZoneEvent};
use portal::alarms;
use store::{Store, timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Those who guess that wait until somebody can be told; whoever comes past these is not named.
const UNTOLD_MAX: usize = 20;

/// Watches the zone of this process until it has ended. What is missed meanwhile is told with the next.
pub(super) async fn watch(mut events: broadcast::Receiver<ZoneEvent>, store: Arc<Store>) {
    let mut guesses = Guesses::default();
    loop {
        match events.recv().await {
            Ok(event) => guesses.tell(&store, &event, timestamp(SystemTime::now())).await,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Who guesses at a zone.
#[derive(Default)]
pub(super) struct Guesses {
    /// Those of whom nobody could be told yet, and since when, the first in front.
    untold: VecDeque<(String, Timestamp)>,
    /// When somebody was told last, or could not be.
    raised_at: Option<Timestamp>,
}

impl Guesses {
    /// Raises an alarm where a zone looks at no more answers of somebody for a while, and one that could not be kept with whatever the
    /// zone tells a minute later. What is given up before it has ended can be kept by the next.
    pub(super) async fn tell(&mut self, store: &Store, event: &ZoneEvent, now: Timestamp) {
        if let ZoneEvent::RegistrationRefused {
            user,
            from,
            why: RegistrationRefusal::TooManyAttempts,
            ..
        } = event
        {
            // What strangers call themselves stays in its line.
            let user: String = user.chars().filter(|one| !one.is_control()).collect();
            self.note(alarms::guessed_at_zone(&user, from), now);
        }
        let Some((detail, at)) = self.untold.front().cloned() else {
            return;
        };
        // A clock that was set back silences nobody.
        let is_just_before = |raised: Timestamp| {
            let age = now.0.checked_sub(raised.0);
            age.is_some_and(|age| age <= alarms::AGAIN_MS)
        };
        if self.raised_at.is_some_and(is_just_before) {
            return;
        }
        let alarm = AuditEntry {
            at,
            by: "zone".to_owned(),
            action: alarms::GUESSED_EXTENSION.to_owned(),
            detail,
        };
        let is_kept = alarms::raise(store, &alarm, now).await;
        self.raised_at = Some(now);
        if is_kept {
            self.untold.pop_front();
        }
    }

    /// Has somebody told of a name and where it comes from. Another port of the same address is no other.
    fn note(&mut self, guessed: String, now: Timestamp) {
        let without_port = |text: &str| text.rsplit_once(':').map(|(before, _)| before.to_owned());
        let is_there = |(other, _): &(String, Timestamp)| without_port(other) == without_port(&guessed);
        if self.untold.len() < UNTOLD_MAX && !self.untold.iter().any(is_there) {
            self.untold.push_back((guessed, now));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) async fn opened() -> (tempfile::TempDir, Store, model::AccountId) {
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

    pub(crate) fn refused(user: &str, why: RegistrationRefusal) -> ZoneEvent {
        ZoneEvent::RegistrationRefused {
            account: None,
            user: user.to_owned(),
            from: "192.0.2.7:5061".to_owned(),
            why,
        }
    }

    /// What somebody was told, and when it was, the last first.
    pub(crate) async fn told(store: &Store, id: &model::AccountId) -> Vec<(String, Timestamp)> {
        let mut reading = store.read().await.unwrap();
        let entries = reading.account(id).audit(9).await.unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.detail, entry.at))
            .collect()
    }

    const EARLY: Timestamp = Timestamp(1_000_000);
    /// As soon as somebody is told again.
    const NEXT: Timestamp = Timestamp(EARLY.0 + alarms::AGAIN_MS + 1);

    #[tokio::test]
    async fn a01_of_whom_nobody_could_be_told_is_told_with_what_the_zone_says_a_minute_later() {
        let (_folder, store, id) = opened().await;
        let mut guesses = Guesses::default();
        let turn = store.write().await.unwrap();
        // Nothing but the turn of writers is waited for.
        tokio::time::pause();
        let too_many = refused("desk", RegistrationRefusal::TooManyAttempts);
        guesses.tell(&store, &too_many, EARLY).await;
        tokio::time::resume();
        drop(turn);
        let other = refused("hall", RegistrationRefusal::WrongCredentials);

        guesses.tell(&store, &other, Timestamp(NEXT.0 - 1)).await;
        assert_eq!(told(&store, &id).await, [], "it is not tried at every word");
        guesses.tell(&store, &other, NEXT).await;

        let expected = ("as desk from 192.0.2.7:5061".to_owned(), EARLY);
        assert_eq!(told(&store, &id).await, [expected]);
    }

    #[tokio::test]
    async fn a01_who_guesses_within_a_minute_of_another_is_told_of_when_it_is_over() {
        let (_folder, store, id) = opened().await;
        let (mut here, mut there) = (Guesses::default(), Guesses::default());
        let too_many = |user| refused(user, RegistrationRefusal::TooManyAttempts);
        here.tell(&store, &too_many("desk"), EARLY).await;
        there.tell(&store, &too_many("hall"), EARLY).await;
        here.tell(&store, &too_many("gate"), EARLY).await;
        let other = refused("yard", RegistrationRefusal::WrongCredentials);

        there.tell(&store, &other, NEXT).await;
        here.tell(&store, &other, NEXT).await;

        let users: Vec<String> = told(&store, &id)
            .await
            .into_iter()
            .map(|(told, _)| told)
            .collect();
        let expected = ["gate", "hall", "desk"].map(|user| format!("as {user} from 192.0.2.7:5061"));
        assert_eq!(users, expected);
    }

    #[test]
    fn a01_so_many_who_guess_wait_each_once_and_not_one_more() {
        let mut guesses = Guesses::default();
        for number in 0..=UNTOLD_MAX {
            for port in [5061, 5062] {
                guesses.note(format!("as desk{number} from 192.0.2.7:{port}"), EARLY);
            }
        }

        let names: Vec<String> = guesses.untold.into_iter().map(|(told, _)| told).collect();
        let expected = (0..UNTOLD_MAX).map(|number| format!("as desk{number} from 192.0.2.7:5061"));
        assert_eq!(names, expected.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a01_of_many_who_guess_within_a_minute_one_is_told_of_each_minute() {
        let (_folder, store, id) = opened().await;
        let mut guesses = Guesses::default();
        for user in ["desk", "hall", "gate"] {
            let too_many = refused(user, RegistrationRefusal::TooManyAttempts);
            guesses.tell(&store, &too_many, EARLY).await;
        }
        let other = refused("yard", RegistrationRefusal::WrongCredentials);
        let mut counts = Vec::new();
        for minutes in 0..3 {
            let at = Timestamp(EARLY.0 + minutes * (alarms::AGAIN_MS + 1));
            guesses.tell(&store, &other, at).await;
            counts.push(told(&store, &id).await.len());
        }

        assert_eq!(counts, [1, 2, 3]);
        let expected = ["gate", "hall", "desk"].map(|user| (format!("as {user} from 192.0.2.7:5061"), EARLY));
        assert_eq!(told(&store, &id).await, expected);
    }

    #[tokio::test]
    async fn a01_whoever_guesses_at_a_zone_is_told_of_once_a_minute() {
        let (_folder, store, id) = opened().await;
        let mut guesses = Guesses::default();
        let named = "desk\r\nforged";
        let wrong = refused(named, RegistrationRefusal::WrongCredentials);
        guesses.tell(&store, &wrong, EARLY).await;
        assert_eq!(told(&store, &id).await, []);
        for _ in 0..3 {
            let too_many = refused(named, RegistrationRefusal::TooManyAttempts);
            guesses.tell(&store, &too_many, EARLY).await;
        }

        let expected = ("as deskforged from 192.0.2.7:5061".to_owned(), EARLY);
        assert_eq!(told(&store, &id).await, [expected]);
    }

    #[tokio::test]
    async fn a01_a_clock_that_was_set_back_silences_nobody() {
        let (_folder, store, id) = opened().await;
        let mut guesses = Guesses::default();
        for at in [NEXT, EARLY] {
            let too_many = refused("desk", RegistrationRefusal::TooManyAttempts);
            guesses.tell(&store, &too_many, at).await;
        }

        assert_eq!(told(&store, &id).await.len(), 2);
    }
}
