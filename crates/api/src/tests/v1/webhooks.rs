//! Webhooks that programs manage.

use model::inventory::{DeliveryState, WebhookId};
use sqlx::{Connection as _, SqliteConnection};
use store::{WEBHOOKS_MAX, WebhookAttempt};

use super::*;

impl Program {
    async fn add_hook(&self) -> Answer {
        let body = json!({ "url": "https://hooks.example.com/oyez?key=k", "events": ["oyez.device_down"] });
        self.post_v1("/webhooks", body).await
    }

    async fn state_of(&self, id: &str) -> String {
        let hook = self.get_v1(&format!("/webhooks/{id}")).await.found();
        hook["state"].as_str().unwrap().to_owned()
    }

    async fn order(&self, id: &str, what: &str) -> u16 {
        let path = format!("/webhooks/{id}/{what}");
        self.ask_v1(Method::POST, &path, "").await.status.as_u16()
    }

    /// The receiver shows that it knows its secret.
    async fn prove(&self, id: &str) {
        let mut writing = self.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        let hook = scope.webhook(&id.parse().unwrap()).await.unwrap().unwrap();
        let proved = scope.prove_webhook(&hook.id, &hook.secret.unwrap(), None).await;
        assert!(proved.unwrap());
        writing.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_webhook_is_added_validated_disabled_given_another_secret_and_removed() {
    let program = Program::with("oyez:webhooks").await;
    let added = program.add_hook().await;
    let id = added.id();
    let secret = added.json()["secret_token"].as_str().unwrap().to_owned();
    assert_eq!(added.json()["webhook"]["state"], json!("unproved"));
    let listed = program.get_v1("/webhooks").await;
    assert_eq!(listed.found()["webhooks"][0]["id"], json!(id));
    assert!(!listed.text.contains(&secret));

    assert_eq!(program.order(&id, "validate").await, 202);
    assert_eq!(program.state_of(&id).await, "checking");
    program.prove(&id).await;
    assert_eq!(program.state_of(&id).await, "active");
    assert_eq!(program.order(&id, "disable").await, 202);
    program.prove(&id).await;
    assert_eq!(
        program.state_of(&id).await,
        "disabled",
        "an answer of before turns nothing on"
    );
    assert_eq!(program.order(&id, "validate").await, 202);
    program.prove(&id).await;

    let rotated = program
        .ask_v1(Method::POST, &format!("/webhooks/{id}/rotate_secret"), "")
        .await
        .found();
    assert_ne!(rotated["secret_token"], json!(secret));
    assert_eq!(program.state_of(&id).await, "stopped");
    let parsed: WebhookId = id.parse().unwrap();
    let mut reading = program.store.read().await.unwrap();
    let kept = reading.account(&one()).webhook(&parsed).await.unwrap().unwrap();
    assert_eq!(json!(kept.secret.unwrap().reveal()), rotated["secret_token"]);
    drop(reading);

    let path = format!("/webhooks/{id}");
    let removed = program.ask_v1(Method::DELETE, &path, "").await;
    assert_eq!((removed.status.as_u16(), removed.text.as_str()), (204, ""));
    assert_eq!(program.get_v1(&path).await.problem(), 404);
    let audit = program.audit().await;
    let told: Vec<&str> = audit.iter().map(|entry| entry.1.as_str()).collect();
    assert_eq!(
        told,
        [
            "remove webhook",
            "make new webhook secret",
            "validate webhook",
            "disable webhook",
            "validate webhook",
            "add webhook"
        ]
    );
    let mut reading = program.store.read().await.unwrap();
    let entries = reading.account(&one()).audit(100).await.unwrap();
    assert!(entries.iter().all(|entry| !entry.detail.contains("key=k")));
}

#[tokio::test]
async fn what_became_of_messages_is_told() {
    let program = Program::with("oyez:webhooks").await;
    let id = program.add_hook().await.id();
    assert_eq!(program.order(&id, "test").await, 202);
    let path = format!("/webhooks/{id}/deliveries?page_size=1");
    let waiting = program.get_v1(&path).await.found();
    assert_eq!(waiting["deliveries"][0]["event"], json!("oyez.test"));
    assert_eq!(waiting["deliveries"][0]["state"], json!("waiting"));
    let parsed: WebhookId = id.parse().unwrap();
    let mut writing = program.store.write().await.unwrap();
    let mut scope = writing.account(&one());
    let number = scope.webhook_deliveries(&parsed, 1).await.unwrap()[0].number;
    let attempt = WebhookAttempt {
        at: Timestamp(1_000),
        status: Some(404),
        cause: "the receiver answers 404 Not Found".to_owned(),
        state: DeliveryState::Waiting,
        not_before: Timestamp(11_000),
        stops: None,
        alerts_rest: None,
    };
    scope
        .settle_webhook_message(&parsed, number, &attempt)
        .await
        .unwrap();
    writing.commit().await.unwrap();

    let told = program.get_v1(&path).await.found()["deliveries"][0].clone();

    assert_eq!((&told["status"], &told["tries"]), (&json!(404), &json!(1)));
    assert_eq!(told["next_at"], json!("1970-01-01T00:00:11Z"));
}

#[tokio::test]
async fn w05_a_webhook_has_a_right_address_known_events_and_passwords_only_for_whoever_may_read_them() {
    let program = Program::with("oyez:webhooks oyez:read oyez:write").await;
    let add = async |url: &str, event: &str, shows: bool| {
        let body = json!({ "url": url, "events": [event], "shows_passwords": shows });
        let answer = program.post_v1("/webhooks", body).await;
        (answer.problem(), answer.json()["field"].clone())
    };
    let url = "https://hooks.example.com/";
    assert_eq!(
        add("file:///etc/passwd", "oyez.device_up", false).await,
        (400, json!("url"))
    );
    assert_eq!(add(url, "oyez.weather", false).await, (400, json!("events")));
    assert_eq!(add(url, "oyez.device_up", true).await.0, 403);
}

#[tokio::test]
async fn an_account_has_so_many_webhooks_and_other_scopes_open_none() {
    let mut program = Program::with("oyez:webhooks").await;
    for _ in 0..WEBHOOKS_MAX {
        program.add_hook().await.id();
    }
    assert_eq!(program.add_hook().await.problem(), 409);
    program
        .go_on_with(2, "one", "oyez:read oyez:write oyez:page")
        .await;
    assert_eq!(program.get_v1("/webhooks").await.problem(), 403);
    program.go_on_with(3, "two", "oyez:webhooks").await;
    assert_eq!(program.get_v1("/webhooks").await.found()["webhooks"], json!([]));
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_is_listed_by_its_id_and_can_be_removed() {
    let program = Program::with("oyez:webhooks").await;
    let id = program.add_hook().await.id();
    let database = program._folder.path().join("service.db");
    let mut damaging = SqliteConnection::connect(database.to_str().unwrap())
        .await
        .unwrap();
    let damage = sqlx::query("UPDATE webhook SET url = 'damaged'");
    damage.execute(&mut damaging).await.unwrap();

    let listed = program.get_v1("/webhooks").await;
    assert_eq!(listed.found(), json!({ "webhooks": [], "unreadable": [id] }));

    let path = format!("/webhooks/{id}");
    for status in [204, 404] {
        let removed = program.ask_v1(Method::DELETE, &path, "").await;
        assert_eq!(removed.status.as_u16(), status, "{}", removed.text);
    }
    let listed = program.get_v1("/webhooks").await;
    assert_eq!(listed.found()["unreadable"], json!([]));
}
