//! Programs that are told of what happens.

use model::inventory::{DeliveryState, Webhook, WebhookState};
use sqlx::{Connection as _, SqliteConnection};
use store::WebhookAttempt;

use super::*;

const FORM: &str = "url=https://hooks.example.com/oyez?key=k&event=oyez.page_ended&event=phone.device_registration&passwords=on";

async fn only(visit: &Visit) -> Webhook {
    let mut reading = visit.store.read().await.unwrap();
    reading.account(&one()).webhooks().await.unwrap().remove(0)
}

#[tokio::test]
async fn a_webhook_is_added_with_a_secret_that_is_shown_once_validated_tested_and_removed() {
    let visit = Visit::of(Role::Admin).await;
    let empty = visit.get("/webhooks").await;
    assert!(empty.text.contains("press Validate"), "{}", empty.text);

    let added = visit.post("/webhooks/add", FORM).await;

    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
    let hook = only(&visit).await;
    assert_eq!(
        hook.events.to_string(),
        "phone.device_registration oyez.page_ended"
    );
    assert_eq!((hook.state, hook.shows_passwords), (WebhookState::Unproved, true));
    let secret = hook.secret.clone().unwrap();
    assert!(added.text.contains(secret.reveal()));
    let path = format!("/webhooks/{}", hook.id);
    for page in ["/webhooks", path.as_str()] {
        let shown = visit.get(page).await;
        assert!(shown.text.contains("Not validated"), "{}", shown.text);
        assert!(!shown.text.contains(secret.reveal()));
    }

    // What asks receivers answers for this one.
    let proving = async {
        let mut changes = visit.store.webhook_changes();
        while !only(&visit).await.state.is_asked() {
            changes.changed().await.unwrap();
        }
        let mut writing = visit.store.write().await.unwrap();
        writing
            .account(&one())
            .prove_webhook(&hook.id, &secret, None)
            .await
            .unwrap();
        writing.commit().await.unwrap();
    };
    let validate = format!("{path}/validate");
    let (validated, ()) = tokio::join!(visit.post(&validate, ""), proving);
    assert_eq!(validated.location(), path);
    assert!(visit.get(&path).await.text.contains("Send a test"));

    assert_eq!(visit.post(&format!("{path}/test"), "").await.location(), path);
    let mut writing = visit.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let number = scope.webhook_deliveries(&hook.id, 1).await.unwrap()[0].number;
    let failed = WebhookAttempt {
        at: now(),
        status: Some(500),
        cause: "the receiver answers 500 <b>".to_owned(),
        state: DeliveryState::Waiting,
        not_before: now().after_seconds(10),
        stops: None,
        alerts_rest: None,
    };
    scope
        .settle_webhook_message(&hook.id, number, &failed)
        .await
        .unwrap();
    writing.commit().await.unwrap();
    let shown = visit.get(&path).await.text;
    assert!(
        shown.contains("oyez.test") && shown.contains("the receiver answers 500 &#60;b&#62;"),
        "{shown}"
    );
    let asked = visit.get(&format!("{path}/remove")).await;
    assert!(asked.text.contains("1 messages that wait"), "{}", asked.text);
    assert_eq!(
        visit.post(&format!("{path}/remove"), "").await.location(),
        "/webhooks"
    );
    assert_eq!(
        visit.audit().await[..4],
        [
            "remove webhook",
            "test webhook",
            "validate webhook",
            "add webhook"
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_is_marked_and_what_was_typed_stays() {
    let visit = Visit::of(Role::Admin).await;
    for (form, field, words) in [
        (
            "url=hooks.example.com&event=oyez.page_ended",
            "url",
            "begins with https://",
        ),
        (
            "url=file:///etc/passwd&event=oyez.page_ended",
            "url",
            "begins with https://",
        ),
        (
            "url=https://a@hooks.example.com/&event=oyez.page_ended",
            "url",
            "without a user name",
        ),
        (
            "url=https://hooks.example.com/",
            "event",
            "choose at least one event",
        ),
        (
            "url=https://hooks.example.com/&event=oyez.test",
            "event",
            "no event that can be chosen",
        ),
        (
            "url=http://hooks.example.com/&event=oyez.page_ended&passwords=on",
            "url",
            "over https:// alone",
        ),
    ] {
        let refused = visit.post("/webhooks/add", form).await;
        assert!(refused.marks(field, words), "{form}: {}", refused.text);
    }
    let refused = visit
        .post("/webhooks/add", "url=ftp://x&event=oyez.page_ended")
        .await;
    assert!(refused.text.contains("value=\"ftp://x\""));
    assert!(refused.text.contains("value=\"oyez.page_ended\" checked"));
    for number in 0..=20 {
        let added = visit.post("/webhooks/add", FORM).await;
        assert_eq!(added.marks("url", "remove one first"), number == 20);
    }
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_is_shown_as_that_and_can_be_removed() {
    let visit = Visit::of(Role::Admin).await;
    visit.post("/webhooks/add", FORM).await;
    let id = only(&visit).await.id;
    let database = visit._folder.path().join("service.db");
    let mut damaging = SqliteConnection::connect(database.to_str().unwrap())
        .await
        .unwrap();
    let damage = sqlx::query("UPDATE webhook SET url = 'damaged'");
    damage.execute(&mut damaging).await.unwrap();

    let remove = format!("/webhooks/{id}/remove");
    let listed = visit.get("/webhooks").await.text;
    assert!(
        listed.contains("It cannot be read") && listed.contains(&format!("href=\"{remove}\"")),
        "{listed}"
    );
    let asked = visit.get(&remove).await.text;
    assert!(
        asked.contains(&format!("the webhook {id}, which cannot be read?")),
        "{asked}"
    );
    assert!(
        asked.contains("href=\"/webhooks\""),
        "its own page cannot be shown: {asked}"
    );
    assert_eq!(visit.post(&remove, "").await.location(), "/webhooks");

    let listed = visit.get("/webhooks").await.text;
    assert!(listed.contains("press Validate"), "{listed}");
    assert_eq!(visit.audit().await[0], "remove webhook");
}
