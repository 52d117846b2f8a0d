//! The stream of events.

use std::time::SystemTime;

use axum::body::BodyDataStream;
use model::status::ZoneEvent;
use store::timestamp;
use tokio_stream::StreamExt;

use super::*;
use crate::HappeningKind;
use crate::v1::{STREAMS_MAX, STREAMS_PER_CLIENT_MAX};

/// A stream that is listened to.
struct Listening(BodyDataStream);

impl Listening {
    /// The next that is told, as it is written; none at the end.
    async fn next(&mut self) -> Option<String> {
        let octets = self.0.next().await?.unwrap();
        Some(String::from_utf8(octets.to_vec()).unwrap())
    }

    /// The id of the next event, its kind, and its data.
    async fn event(&mut self) -> (String, String, Value) {
        let text = self.next().await.unwrap();
        let field = |name: &str| {
            let mut lines = text.lines();
            let found = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
            found.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
        };
        (
            field("id"),
            field("event"),
            serde_json::from_str(&field("data")).unwrap(),
        )
    }
}

impl Program {
    async fn listen(&self, query: &str, last: Option<&str>) -> Result<Listening, u16> {
        let mut request = Request::builder()
            .uri(format!("/api/v1/events{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        if answer.status() != StatusCode::OK {
            return Err(answer.status().as_u16());
        }
        let content = answer.headers().get(header::CONTENT_TYPE).unwrap();
        assert_eq!(content, "text/event-stream");
        Ok(Listening(answer.into_body().into_data_stream()))
    }

    fn register(&self, account: &str, user: &str) {
        let event = ZoneEvent::Registered {
            account: account.parse().unwrap(),
            user: user.parse().unwrap(),
            from: "192.0.2.7:5060".to_owned(),
            user_agent: None,
            transport: None,
        };
        self.happenings.note(&event, None, Timestamp(1_000));
    }
}

#[tokio::test]
async fn what_happens_is_told_to_its_account_and_narrowed_by_kind() {
    let program = Program::with(EVERYTHING).await;
    program.register("one", "before");
    let mut listening = program.listen("?types=registration,page", None).await.unwrap();
    assert_eq!(listening.next().await.unwrap(), ": listening\n\n");
    program.register("two", "other");
    program.happenings.note_directory(&one(), 7, Timestamp(2_000));
    program.register("one", "hall");

    let (_, kind, data) = listening.event().await;

    assert_eq!(kind, "registration");
    assert_eq!(
        (&data["change"], &data["user"]),
        (&json!("registered"), &json!("hall"))
    );
    assert_eq!(data["at"], json!("1970-01-01T00:00:01Z"));
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_it_missed_or_that_it_did() {
    let program = Program::with(EVERYTHING).await;
    let mut listening = program.listen("", None).await.unwrap();
    listening.next().await.unwrap();
    program.register("one", "hall");
    let (id, _, _) = listening.event().await;
    drop(listening);
    program.register("one", "gate");

    let mut again = program.listen("", Some(&id)).await.unwrap();
    again.next().await.unwrap();
    assert_eq!(again.event().await.2["user"], json!("gate"));
    for _ in 0..=crate::HAPPENINGS_MAX {
        program.register("one", "storm");
    }
    for lost in [id.as_str(), "ffff-1", "made up", ""] {
        let mut late = program.listen("", Some(lost)).await.unwrap();
        let mut told = late.next().await.unwrap();
        if told.starts_with(':') {
            told = late.next().await.unwrap();
        }
        assert!(told.contains("event: gap\n"), "{lost}: {told}");
    }
}

#[tokio::test]
async fn whoever_comes_back_after_a_gap_is_told_of_it_once() {
    let program = Program::with(EVERYTHING).await;
    let mut listening = program.listen("", None).await.unwrap();
    listening.next().await.unwrap();
    program.happenings.note_gap(&one(), &[HappeningKind::Page]);
    let (id, kind, _) = listening.event().await;
    assert_eq!(kind, "gap");

    let mut again = program.listen("", Some(&id)).await.unwrap();

    assert_eq!(again.next().await.unwrap(), ": listening\n\n");
    program.register("one", "hall");
    assert_eq!(again.event().await.2["user"], json!("hall"));
}

#[tokio::test]
async fn w07_a_client_has_so_many_streams_and_all_together_so_many() {
    let mut program = Program::with(EVERYTHING).await;
    let mut open = Vec::new();
    for client in 0..STREAMS_MAX / STREAMS_PER_CLIENT_MAX {
        if client > 0 {
            program.go_on_with(10 + client as u128, "one", EVERYTHING).await;
        }
        for _ in 0..STREAMS_PER_CLIENT_MAX {
            open.push(program.listen("", None).await.unwrap());
        }
        assert_eq!(program.listen("", None).await.err(), Some(429));
    }
    program.go_on_with(99, "one", EVERYTHING).await;
    assert_eq!(program.listen("", None).await.err(), Some(429));
    drop(open.pop());
    // The place is given back as soon as it is noticed that nobody listens.
    while program.listen("", None).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_what_was_asked_for() {
    let mut program = Program::with(EVERYTHING).await;
    let mut short = program.listen("?max_seconds=1", None).await.unwrap();
    short.next().await.unwrap();
    assert_eq!(short.next().await, None);

    let ends = timestamp(SystemTime::now()).after_seconds(1);
    let mut writing = program.store.write().await.unwrap();
    let token = hash_of("short");
    let mut scope = writing.account(&one());
    scope
        .add_api_token(&client(1, "").id, token, ends, Timestamp(0))
        .await
        .unwrap();
    writing.commit().await.unwrap();
    program.token = "short".to_owned();
    let mut listening = program.listen("", None).await.unwrap();
    listening.next().await.unwrap();
    assert_eq!(listening.next().await, None);
    assert_eq!(program.listen("", None).await.err(), Some(401));
}

#[tokio::test]
async fn a_kind_that_there_is_not_is_refused() {
    let program = Program::with(EVERYTHING).await;
    assert_eq!(program.listen("?types=page,weather", None).await.err(), Some(400));
    assert_eq!(program.listen("?max_seconds=0", None).await.err(), Some(400));
}
