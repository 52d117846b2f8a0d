//! Receivers of what happens, their queues, and what has become of what was in them.

use model::inventory::{
    DeliveryState, Webhook, WebhookEvent, WebhookEvents, WebhookId, WebhookMessage, WebhookState,
};

use super::*;
use crate::{Transaction, WEBHOOK_LOG_MAX, WEBHOOK_QUEUE_MAX, WEBHOOKS_MAX, WebhookAttempt, WebhookTask};

fn webhook(number: u8) -> Webhook {
    Webhook {
        id: WebhookId::from_random(number.into()),
        url: "https://hooks.example.com/oyez".parse().unwrap(),
        events: WebhookEvents::new(["phone.generic_device_provision", "oyez.page_ended"]).unwrap(),
        shows_passwords: number % 2 == 1,
        secret: Some(secret()),
        state: WebhookState::Active,
        because: String::new(),
        failures: 0,
        dropped: 0,
        added_at: Timestamp(number.into()),
    }
}

fn secret() -> Secret {
    Secret::from("a secret token")
}

fn message(event: WebhookEvent, number: i64) -> WebhookMessage {
    WebhookMessage {
        event,
        id: format!("event {number}"),
        at: NOW,
        body: Secret::from("without"),
        body_with_passwords: Some(Secret::from("with hunter2")),
    }
}

fn attempt(state: DeliveryState) -> WebhookAttempt {
    WebhookAttempt {
        at: NOW,
        status: Some(500),
        cause: "the receiver answers 500".to_owned(),
        state,
        not_before: NOW.after_seconds(10),
        stops: None,
        alerts_rest: None,
    }
}

#[tokio::test]
async fn a_message_waits_for_all_who_want_it_across_a_restart_and_passwords_only_for_those_who_may() {
    let (folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in [1, 2] {
        assert!(scope.add_webhook(&webhook(number)).await.unwrap());
    }
    let unproved = Webhook {
        state: WebhookState::Unproved,
        ..webhook(3)
    };
    assert!(scope.add_webhook(&unproved).await.unwrap());
    let provision = message(WebhookEvent::GenericDeviceProvision, 1);
    assert_eq!(scope.queue_webhook_message(&provision).await.unwrap(), 2);
    let unwanted = message(WebhookEvent::DeviceDown, 2);
    assert!(!scope.is_webhook_wanted(WebhookEvent::DeviceDown).await.unwrap());
    assert_eq!(scope.queue_webhook_message(&unwanted).await.unwrap(), 0);
    let mut other = writing.account(&id("two"));
    assert_eq!(other.queue_webhook_message(&provision).await.unwrap(), 0);
    assert_eq!(other.webhook(&webhook(1).id).await.unwrap(), None);
    let mut changes = store.webhook_changes();
    writing.commit().await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    drop(store);

    let store = folder.open().await.unwrap();
    let mut reading = store.read().await.unwrap();
    let turns = reading.webhook_turns(NOW).await.unwrap();
    assert_eq!(turns.len(), 2);
    let mut scope = reading.account(&id("one"));
    assert_eq!(
        scope.webhooks().await.unwrap(),
        [webhook(1), webhook(2), unproved]
    );
    for (turn, right) in turns.iter().zip(["with hunter2", "without"]) {
        let WebhookTask::Message { number, tries: 0, .. } = turn.task else {
            panic!("{turn:?}");
        };
        let found = scope.webhook_message(&turn.webhook, number).await.unwrap();
        assert_eq!(found, Some(("event 1".to_owned(), Secret::from(right))));
    }
}

#[tokio::test]
async fn what_became_of_a_message_is_kept_without_what_it_said() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    let ended = message(WebhookEvent::PageEnded, 1);
    scope.queue_webhook_message(&ended).await.unwrap();
    let number = scope.webhook_deliveries(&hook, 9).await.unwrap()[0].number;

    scope
        .settle_webhook_message(&hook, number, &attempt(DeliveryState::Waiting))
        .await
        .unwrap();

    let turn = writing.webhook_turns(NOW).await.unwrap().remove(0);
    let again = WebhookTask::Message {
        number,
        tries: 1,
        not_before: NOW.after_seconds(10),
        is_urgent: false,
    };
    assert_eq!((turn.failures, turn.task), (1, again));
    let mut scope = writing.account(&id("one"));
    assert!(scope.webhook_message(&hook, number).await.unwrap().is_some());

    let stops = WebhookAttempt {
        stops: Some("it failed".to_owned()),
        ..attempt(DeliveryState::GivenUp)
    };
    scope.settle_webhook_message(&hook, number, &stops).await.unwrap();

    assert_eq!(scope.webhook_message(&hook, number).await.unwrap(), None);
    let kept = scope.webhook_deliveries(&hook, 9).await.unwrap().remove(0);
    assert_eq!(
        (kept.state, kept.tries, kept.status),
        (DeliveryState::GivenUp, 2, Some(500))
    );
    let stopped = scope.webhook(&hook).await.unwrap().unwrap();
    assert_eq!((stopped.state, stopped.failures), (WebhookState::Stopped, 2));
    assert_eq!(stopped.because, "it failed");
    // It is kept for whoever was stopped, and sent once that has been looked at.
    let next = message(WebhookEvent::PageEnded, 2);
    scope.queue_webhook_message(&next).await.unwrap();
    assert!(writing.webhook_turns(NOW).await.unwrap().is_empty());
    let mut scope = writing.account(&id("one"));
    scope.ask_webhook(&hook).await.unwrap();
    assert_eq!(
        writing.webhook_turns(NOW).await.unwrap()[0].task,
        WebhookTask::Question
    );
    let mut scope = writing.account(&id("one"));
    scope
        .prove_webhook(&hook, &secret(), Some("wrong secret"))
        .await
        .unwrap();
    let stopped = scope.webhook(&hook).await.unwrap().unwrap();
    assert_eq!(
        (stopped.state, stopped.because.as_str()),
        (WebhookState::Stopped, "wrong secret")
    );
    scope.ask_webhook(&hook).await.unwrap();
    scope.prove_webhook(&hook, &secret(), None).await.unwrap();
    assert_eq!(scope.webhook(&hook).await.unwrap().unwrap().failures, 0);
    assert_eq!(writing.webhook_turns(NOW).await.unwrap().len(), 1);
    let mut scope = writing.account(&id("one"));
    assert!(scope.remove_webhook(&hook).await.unwrap());
    assert!(scope.webhook_deliveries(&hook, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn so_many_messages_wait_and_one_more_drops_the_oldest_and_is_counted() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    let alert = message(WebhookEvent::EmergencyAlert, 0);
    scope.queue_webhook_test(&hook, &alert).await.unwrap();
    for number in 1..WEBHOOK_QUEUE_MAX {
        let test = message(WebhookEvent::Test, number);
        scope.queue_webhook_test(&hook, &test).await.unwrap();
    }
    assert_eq!(scope.webhook(&hook).await.unwrap().unwrap().dropped, 0);

    let one_more = message(WebhookEvent::Test, WEBHOOK_QUEUE_MAX);
    scope.queue_webhook_test(&hook, &one_more).await.unwrap();

    let full = u64::try_from(WEBHOOK_QUEUE_MAX).unwrap();
    assert_eq!(scope.count_webhook_queue(&hook).await.unwrap(), full);
    assert_eq!(scope.webhook(&hook).await.unwrap().unwrap().dropped, 1);
    let mut kept = scope.webhook_deliveries(&hook, 9_999).await.unwrap();
    assert_eq!(kept.pop().unwrap().id, "event 0", "an alert is dropped last");
    assert_eq!(kept.pop().unwrap().id, "event 2");
}

#[tokio::test]
async fn a_message_that_comes_again_is_kept_once_also_after_it_was_delivered() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let (hook, other) = (webhook(1).id, webhook(2).id);
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    let ended = message(WebhookEvent::PageEnded, 1);
    scope.queue_webhook_message(&ended).await.unwrap();
    scope.add_webhook(&webhook(2)).await.unwrap();

    scope.queue_webhook_message(&ended).await.unwrap();

    assert_eq!(scope.count_webhook_queue(&hook).await.unwrap(), 1);
    assert_eq!(scope.count_webhook_queue(&other).await.unwrap(), 1);
    let number = scope.webhook_deliveries(&hook, 9).await.unwrap()[0].number;
    let taken = attempt(DeliveryState::Delivered);
    scope.settle_webhook_message(&hook, number, &taken).await.unwrap();
    scope.queue_webhook_message(&ended).await.unwrap();
    assert_eq!(scope.count_webhook_queue(&hook).await.unwrap(), 0);
}

#[tokio::test]
async fn an_alert_is_sent_before_what_has_waited_longer() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    for (number, event) in [
        (1, WebhookEvent::Test),
        (2, WebhookEvent::EmergencyAlert),
        (3, WebhookEvent::EmergencyAlert),
    ] {
        let one = message(event, number);
        scope.queue_webhook_test(&hook, &one).await.unwrap();
    }
    let mut sent = Vec::new();
    while let Some(turn) = writing.webhook_turns(NOW).await.unwrap().pop() {
        let WebhookTask::Message { number, .. } = turn.task else {
            panic!("{turn:?}");
        };
        let mut scope = writing.account(&id("one"));
        let (event, _) = scope.webhook_message(&hook, number).await.unwrap().unwrap();
        sent.push(event);
        let taken = attempt(DeliveryState::Delivered);
        scope.settle_webhook_message(&hook, number, &taken).await.unwrap();
    }
    assert_eq!(sent, ["event 2", "event 3", "event 1"]);
}

#[tokio::test]
async fn an_alert_waits_for_no_other_that_is_to_be_tried_again() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    for number in 1..=3 {
        let alert = message(WebhookEvent::EmergencyAlert, number);
        scope.queue_webhook_test(&hook, &alert).await.unwrap();
    }
    let mut tried = Vec::new();
    for wait in [20, 10, 30, 5] {
        let turn = writing.webhook_turns(NOW).await.unwrap().remove(0);
        let WebhookTask::Message {
            number,
            is_urgent: true,
            ..
        } = turn.task
        else {
            panic!("{turn:?}");
        };
        let again = WebhookAttempt {
            not_before: NOW.after_seconds(wait),
            ..attempt(DeliveryState::Waiting)
        };
        let mut scope = writing.account(&id("one"));
        let (event, _) = scope.webhook_message(&hook, number).await.unwrap().unwrap();
        tried.push(event);
        scope.settle_webhook_message(&hook, number, &again).await.unwrap();
    }
    assert_eq!(tried, ["event 1", "event 2", "event 3", "event 2"]);
}

/// What is tried at a moment, or when something may be.
async fn turn(writing: &mut Transaction<'_>, now: Timestamp) -> (i64, u32, Timestamp) {
    let turn = writing.webhook_turns(now).await.unwrap().remove(0);
    match turn.task {
        WebhookTask::Message {
            number,
            tries,
            not_before,
            ..
        } => (number, tries, not_before),
        WebhookTask::Question => panic!("{turn:?}"),
    }
}

#[tokio::test]
async fn an_alert_that_is_to_be_tried_again_holds_up_no_other_message_and_whichever_may_be_first_comes_next()
{
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    for (number, event) in [
        (1, WebhookEvent::EmergencyAlert),
        (2, WebhookEvent::Test),
        (3, WebhookEvent::Test),
    ] {
        let one = message(event, number);
        scope.queue_webhook_test(&hook, &one).await.unwrap();
    }
    let deliveries = scope.webhook_deliveries(&hook, 9).await.unwrap();
    let [younger, oldest, alert] = [0, 1, 2].map(|place: usize| deliveries[place].number);
    let again = attempt(DeliveryState::Waiting);
    let later = again.not_before;
    scope.settle_webhook_message(&hook, alert, &again).await.unwrap();
    assert_eq!(turn(&mut writing, NOW).await.0, oldest);
    assert_eq!(turn(&mut writing, Timestamp(later.0 - 1)).await.0, oldest);
    assert_eq!(turn(&mut writing, later).await.0, alert);
    for (wait, first) in [(9, oldest), (11, alert)] {
        let again = WebhookAttempt {
            not_before: NOW.after_seconds(wait),
            ..attempt(DeliveryState::Waiting)
        };
        let mut scope = writing.account(&id("one"));
        scope.settle_webhook_message(&hook, oldest, &again).await.unwrap();
        assert_eq!(turn(&mut writing, NOW).await.0, first, "{wait}");
    }
    assert!(younger > oldest, "those behind it wait");
}

#[tokio::test]
async fn alerts_of_a_receiver_that_asks_for_time_rest_together_and_no_try_is_counted_for_the_others() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    scope.add_webhook(&webhook(1)).await.unwrap();
    for number in 1..=2 {
        let alert = message(WebhookEvent::EmergencyAlert, number);
        scope.queue_webhook_test(&hook, &alert).await.unwrap();
    }
    let (first, ..) = turn(&mut writing, NOW).await;
    let rest = NOW.after_seconds(9);
    let limited = WebhookAttempt {
        alerts_rest: Some(rest),
        ..attempt(DeliveryState::Waiting)
    };
    let mut scope = writing.account(&id("one"));
    scope
        .settle_webhook_message(&hook, first, &limited)
        .await
        .unwrap();
    let (next, tries, not_before) = turn(&mut writing, NOW).await;
    assert_ne!(next, first, "it has a wait of its own, which is longer");
    assert_eq!((tries, not_before), (0, rest));
}

#[tokio::test]
async fn so_much_is_remembered_and_so_many_receivers_are_taken() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(0).id;
    let mut scope = writing.account(&id("one"));
    for number in 0..u8::try_from(WEBHOOKS_MAX).unwrap() {
        assert!(scope.add_webhook(&webhook(number)).await.unwrap());
    }
    assert!(!scope.add_webhook(&webhook(99)).await.unwrap());
    for number in 0..=WEBHOOK_LOG_MAX {
        let test = message(WebhookEvent::Test, number);
        scope.queue_webhook_test(&hook, &test).await.unwrap();
        let waiting = scope.webhook_deliveries(&hook, 1).await.unwrap().remove(0).number;
        let taken = attempt(DeliveryState::Delivered);
        scope
            .settle_webhook_message(&hook, waiting, &taken)
            .await
            .unwrap();
    }
    let kept = scope.webhook_deliveries(&hook, 999).await.unwrap();
    assert_eq!(kept.len(), usize::try_from(WEBHOOK_LOG_MAX).unwrap());
    assert_eq!(kept.last().unwrap().id, "event 1");
}

#[tokio::test]
async fn a_receiver_that_has_never_shown_its_secret_is_kept_nothing_for_while_it_is_asked() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let hook = webhook(1).id;
    let mut scope = writing.account(&id("one"));
    let unproved = Webhook {
        state: WebhookState::Unproved,
        ..webhook(1)
    };
    scope.add_webhook(&unproved).await.unwrap();
    let ended = message(WebhookEvent::PageEnded, 1);
    assert!(scope.ask_webhook(&hook).await.unwrap());
    assert_eq!(scope.queue_webhook_message(&ended).await.unwrap(), 0);
    assert!(scope.prove_webhook(&hook, &secret(), Some("no")).await.unwrap());
    assert_eq!(
        scope.webhook(&hook).await.unwrap().unwrap().state,
        WebhookState::Unproved
    );
    assert!(scope.ask_webhook(&hook).await.unwrap());
    assert!(scope.prove_webhook(&hook, &secret(), None).await.unwrap());
    assert!(scope.ask_webhook(&hook).await.unwrap());
    assert_eq!(scope.queue_webhook_message(&ended).await.unwrap(), 1);
    let mut other = writing.account(&id("two"));
    assert!(!other.ask_webhook(&hook).await.unwrap());
}

#[tokio::test]
async fn a_device_is_told_of_for_the_first_time_once() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_device(&device(1)).await.unwrap();
    let first = device(1).id;
    assert!(scope.note_told_presence(&first, true).await.unwrap());
    assert!(!scope.note_told_presence(&first, false).await.unwrap());
    assert!(!scope.note_told_presence(&device(2).id, true).await.unwrap());
    assert_eq!(scope.told_presence().await.unwrap(), [(first, false)]);
    let mut other = writing.account(&id("two"));
    assert_eq!(other.told_presence().await.unwrap(), []);
}

#[tokio::test]
async fn what_was_told_of_generic_devices_is_kept_until_nobody_wants_it_or_they_are_gone() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    scope.add_device(&device(1)).await.unwrap();
    assert_eq!(scope.told_provision().await.unwrap(), None);
    scope.set_told_provision(None, "").await.unwrap();
    assert_eq!(scope.told_provision().await.unwrap(), Some([].into()));
    for digest in ["a", "b"] {
        for number in [1, 2] {
            let known = device(number).id;
            scope.set_told_provision(Some(&known), digest).await.unwrap();
        }
    }
    scope.forget_told_provision(false).await.unwrap();
    let right = [(device(1).id.to_string(), "b".to_owned())];
    assert_eq!(scope.told_provision().await.unwrap(), Some(right.into()));
    let mut other = writing.account(&id("two"));
    assert_eq!(other.told_provision().await.unwrap(), None);
    let mut scope = writing.account(&id("one"));
    scope.forget_told_provision(true).await.unwrap();
    assert_eq!(scope.told_provision().await.unwrap(), None);
}

#[tokio::test]
async fn a_receiver_that_is_turned_off_is_kept_nothing_for_until_it_is_asked_again() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let receiver = webhook(1);
    assert!(scope.add_webhook(&receiver).await.unwrap());
    assert!(scope.disable_webhook(&receiver.id).await.unwrap());
    assert!(!scope.is_webhook_wanted(WebhookEvent::PageEnded).await.unwrap());
    // An answer to a question of before turns nothing on, and a wrong one has not failed.
    for failure in [None, Some("wrong secret")] {
        scope
            .prove_webhook(&receiver.id, &secret(), failure)
            .await
            .unwrap();
        let kept = scope.webhook(&receiver.id).await.unwrap().unwrap();
        assert_eq!(kept.state, WebhookState::Disabled);
    }
    scope.ask_webhook(&receiver.id).await.unwrap();
    scope.prove_webhook(&receiver.id, &secret(), None).await.unwrap();
    let active = scope.webhook(&receiver.id).await.unwrap().unwrap();
    assert_eq!(active.state, WebhookState::Active);

    let other = Secret::from("another secret token");
    assert!(scope.set_webhook_secret(&receiver.id, &other).await.unwrap());

    let kept = scope.webhook(&receiver.id).await.unwrap().unwrap();
    assert_eq!(
        (kept.secret.as_ref(), kept.state),
        (Some(&other), WebhookState::Stopped)
    );
    assert!(scope.is_webhook_wanted(WebhookEvent::PageEnded).await.unwrap());
    let mut foreign = writing.account(&id("two"));
    assert!(!foreign.disable_webhook(&receiver.id).await.unwrap());
    assert!(!foreign.set_webhook_secret(&receiver.id, &other).await.unwrap());
}

#[tokio::test]
async fn what_was_shown_of_a_secret_says_nothing_of_the_next_one() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    let receiver = webhook(1);
    scope.add_webhook(&receiver).await.unwrap();
    let next = Secret::from("another secret token");
    scope.set_webhook_secret(&receiver.id, &next).await.unwrap();
    scope.ask_webhook(&receiver.id).await.unwrap();

    for failure in [None, Some("it does not know the earlier one")] {
        let proved = scope.prove_webhook(&receiver.id, &secret(), failure).await;
        assert!(!proved.unwrap());
        let kept = scope.webhook(&receiver.id).await.unwrap().unwrap();
        assert_eq!(
            (kept.state, kept.because.as_str()),
            (WebhookState::Rechecking, "")
        );
    }

    let mut other = writing.account(&id("two"));
    assert!(!other.prove_webhook(&receiver.id, &next, None).await.unwrap());
    let mut scope = writing.account(&id("one"));
    assert!(scope.prove_webhook(&receiver.id, &next, None).await.unwrap());
    let kept = scope.webhook(&receiver.id).await.unwrap().unwrap();
    assert_eq!(kept.state, WebhookState::Active);
}

#[tokio::test]
async fn a_receiver_that_cannot_be_read_keeps_nothing_from_the_others() {
    let (_folder, store) = opened!();
    let mut writing = store.write().await.unwrap();
    let mut scope = writing.account(&id("one"));
    for number in [1, 2, 3] {
        assert!(scope.add_webhook(&webhook(number)).await.unwrap());
    }
    let ended = message(WebhookEvent::PageEnded, 1);
    assert_eq!(scope.queue_webhook_message(&ended).await.unwrap(), 3);
    for (number, damage) in [
        (1, "UPDATE webhook SET failures = -1 WHERE id = $1"),
        (2, "UPDATE webhook SET events = 'no.such_event' WHERE id = $1"),
    ] {
        let values = [webhook(number).id.as_str().into()];
        writing.execute(damage, &values).await.unwrap();
    }

    let mut scope = writing.account(&id("one"));
    let ended = message(WebhookEvent::PageEnded, 2);
    assert_eq!(
        scope.queue_webhook_message(&ended).await.unwrap(),
        2,
        "the second is left out"
    );
    assert_eq!(scope.webhooks().await.unwrap(), [webhook(3)]);
    let unreadable = [webhook(1).id, webhook(2).id];
    assert_eq!(scope.unreadable_webhooks().await.unwrap(), unreadable);
    assert!(scope.remove_webhook(&webhook(2).id).await.unwrap());
    let turns = writing.webhook_turns(NOW).await.unwrap();
    let turns: Vec<_> = turns.iter().map(|turn| turn.webhook.clone()).collect();
    assert!(!turns.contains(&webhook(1).id), "{turns:?}");
    assert!(turns.contains(&webhook(3).id), "{turns:?}");

    let damage = "UPDATE webhook_delivery SET event = 'no.such_event' WHERE webhook = $1 AND event_id = $2";
    let values = [webhook(3).id.as_str().into(), ended.id.as_str().into()];
    writing.execute(damage, &values).await.unwrap();
    let mut scope = writing.account(&id("one"));
    let listed = scope.webhook_deliveries(&webhook(3).id, 9).await.unwrap();
    assert_eq!(listed.len(), 1, "the first message alone: {listed:?}");
}
