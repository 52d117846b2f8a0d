//! Requests that are repeated under their keys.

use std::future::Future as _;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::response::IntoResponse as _;
use store::Repeat;
use tokio::task::JoinSet;

use super::pages::begin;
use super::*;
use crate::Api;
use crate::call::now;
use crate::repeat::{Begun, HEADER, KEY_LENGTH_MAX, LATE_ENDS_MAX};

const PAGE: &str = r#"{"extension":"701","text":"All clear"}"#;

impl Program {
    async fn post_as(&self, key: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HEADER, key)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        self.send(request, body.to_owned()).await
    }

    async fn areas(&self) -> usize {
        let listed = self.get("/common_areas").await.found();
        listed["common_areas"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_page_that_is_asked_for_again_under_its_key_is_spoken_once() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let mut asked = program.give_talk();
    let path = "/api/v1/pages";
    let (first, _request) = tokio::join!(program.post_as("k", path, PAGE), begin(&mut asked, 7));
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.text);

    let again = program.post_as("k", path, PAGE).await;

    assert_eq!(
        (again.status, again.text),
        (StatusCode::ACCEPTED, first.text.clone())
    );
    assert_eq!(
        again.headers.get(header::CONTENT_TYPE).unwrap(),
        "application/json"
    );
    assert!(asked.try_recv().is_err(), "nothing else is spoken");
    let other = PAGE.replace("clear", "clear now");
    assert_eq!(program.post_as("k", path, &other).await.problem(), 409);
    let (second, _request) = tokio::join!(program.post_as("l", path, PAGE), begin(&mut asked, 8));
    assert_ne!(second.text, first.text);
}

#[tokio::test]
async fn a_page_goes_on_though_whoever_asked_has_gone_before_it_began() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let mut asked = program.give_talk();
    let path = "/api/v1/pages";
    let mut asking = Box::pin(program.post_as("k", path, PAGE));
    let request = loop {
        let polled = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        match asked.try_recv() {
            Ok(request) => break request,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    drop(asking);
    assert_eq!(program.post_as("k", path, PAGE).await.problem(), 409);

    let page = model::PageId::from_random(7);
    let begun = portal::talk::TalkEvent::Begun {
        page: page.clone(),
        listeners: 1,
    };
    request.told.send(begun).await.unwrap();

    let answer = loop {
        let answer = program.post_as("k", path, PAGE).await;
        if answer.status != StatusCode::CONFLICT {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.json(), json!({ "id": page, "extension": "701" }));
    assert!(!request.told.is_closed());
    let mut stopped = request.stopped;
    let poll = std::pin::Pin::new(&mut stopped).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Pending, "nobody has stopped it");
}

#[tokio::test]
async fn a_common_area_without_a_number_is_made_once_under_a_key() {
    let program = Program::with(EVERYTHING).await;
    let body = r#"{"display_name":"Hall"}"#;
    let path = "/v2/phone/common_areas";
    let first = program.post_as("k", path, body).await.id();

    let again = program.post_as("k", path, body).await.id();

    assert_eq!((again, program.areas().await), (first, 1));
    let other = program.post_as("k", path, r#"{"display_name":"Yard"}"#).await;
    assert_eq!(other.refusal(), (400, 409));
    program.post_as("l", path, body).await.id();
    assert_eq!(program.areas().await, 2);
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again_under_its_key() {
    let program = Program::with(EVERYTHING).await;
    let (path, body) = (
        "/api/v1/page_groups",
        r#"{"name":"Everywhere","extension":"701"}"#,
    );
    let area = program.add_area("Hall", 701).await;
    assert_eq!(program.post_as("k", path, body).await.problem(), 409);
    program.delete(&format!("/common_areas/{area}")).await;

    program.post_as("k", path, body).await.id();
}

#[tokio::test]
async fn a_key_is_the_client_s_own_and_so_long_at_most() {
    let mut program = Program::with(EVERYTHING).await;
    let path = "/v2/phone/common_areas";
    let body = r#"{"display_name":"Hall"}"#;
    let longest = "k".repeat(KEY_LENGTH_MAX);
    program.post_as(&longest, path, body).await.id();
    for key in ["", &format!("{longest}k")] {
        let answer = program.post_as(key, path, body).await;
        assert_eq!(answer.refusal(), (400, 300));
        assert!(answer.text.contains(HEADER), "{}", answer.text);
    }
    program.go_on_with(2, "one", EVERYTHING).await;
    program.post_as(&longest, path, body).await.id();
    assert_eq!(program.areas().await, 2);
}

#[tokio::test]
async fn a_device_of_which_nobody_knows_whether_it_restarts_is_not_told_again_under_the_key() {
    let mut program = Program::with(EVERYTHING).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "algo").await;
    let mut orders = program.give_resyncs();
    let path = format!("/api/v1/devices/{device}/restart");

    let zone = async {
        let order = orders.recv().await.unwrap();
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(11)).await;
        tokio::time::resume();
        order
    };
    let (unknown, _order) = tokio::join!(program.post_as("k", &path, "{}"), zone);

    assert_eq!(unknown.problem(), 503);
    assert!(unknown.text.contains("it may still be"), "{}", unknown.text);
    let again = program.post_as("k", &path, "{}").await;
    assert_eq!(again.problem(), 409);
    assert!(
        again.text.contains("not known what became of it"),
        "{}",
        again.text
    );
    assert!(orders.try_recv().is_err(), "nothing else is asked of the device");
}

#[tokio::test]
async fn what_became_of_a_request_is_kept_as_soon_as_the_database_can_be_written() {
    let mut program = Program::with(EVERYTHING).await;
    let device = program.add_device("00:22:EE:0A:0B:0C", "algo").await;
    let mut orders = program.give_resyncs();
    let path = format!("/api/v1/devices/{device}/restart");
    for (key, told) in [("refused", 0), ("done", 1)] {
        let zone = async {
            let order = orders.recv().await.unwrap();
            let turn = program.store.write().await.unwrap();
            // The wait for a turn is over as soon as nothing else is left to do.
            tokio::time::pause();
            order.asked.send(told).unwrap();
            turn
        };
        let (first, turn) = tokio::join!(program.post_as(key, &path, "{}"), zone);
        tokio::time::resume();
        assert_eq!(first.status == StatusCode::ACCEPTED, told == 1, "{}", first.text);
        drop(turn);

        let again = async {
            loop {
                let again = program.post_as(key, &path, "{}").await;
                // Whoever asks this often is told so now and then.
                if !matches!(again.status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) {
                    return again;
                }
                tokio::task::yield_now().await;
            }
        };
        let asked_again = async {
            if told == 0 {
                orders.recv().await.unwrap().asked.send(1).unwrap();
            }
        };
        let both = async { tokio::join!(again, asked_again) };
        let (again, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
        assert_eq!(again.status, StatusCode::ACCEPTED, "{key}: {}", again.text);
        assert!(orders.try_recv().is_err(), "{key}: it is done once");
    }
}

#[tokio::test]
async fn an_answer_is_forgotten_after_its_day_though_no_other_request_comes() {
    let mut program = Program::with(EVERYTHING).await;
    let asks = (client(1, "").id, hash_of("k"), hash_of("request"));
    let begun_at = Timestamp(5);
    let begin = async |program: &Program, at| {
        let mut writing = program.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        let begun = scope.begin_repeatable(&asks.0, asks.1, asks.2, at).await;
        writing.commit().await.unwrap();
        begun.unwrap()
    };
    begin(&program, begun_at).await;

    // The service is started again.
    drop(program.give_resyncs());

    let forgotten = async {
        while !matches!(begin(&program, begun_at).await, Repeat::First) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), forgotten)
        .await
        .unwrap();
}

#[tokio::test]
async fn it_is_kept_late_what_became_of_so_many_requests_and_of_one_more_it_is_not() {
    let program = Program::with(EVERYTHING).await;
    let api = Api::new(program.setup()).unwrap();
    let (client, at) = (client(1, "").id, now());
    let keys: Vec<TokenHash> = (0..=LATE_ENDS_MAX)
        .map(|number| hash_of(&number.to_string()))
        .collect();
    let begin = async |key| {
        let mut writing = program.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        let begun = scope.begin_repeatable(&client, key, hash_of("request"), at).await;
        writing.commit().await.unwrap();
        begun.unwrap()
    };
    for key in &keys {
        assert!(matches!(begin(*key).await, Repeat::First));
    }

    let turn = program.store.write().await.unwrap();
    // The wait for a turn is over as soon as nothing else is left to do.
    tokio::time::pause();
    let mut ends = JoinSet::new();
    for key in &keys {
        let begun = Begun {
            api: api.clone(),
            account: one(),
            client: client.clone(),
            key: *key,
            at,
        };
        ends.spawn(begun.end(Ok(StatusCode::CREATED.into_response())));
    }
    while let Some(ended) = ends.join_next().await {
        assert!(ended.unwrap().is_ok(), "whoever asked is answered");
    }
    tokio::time::resume();
    assert_eq!(api.late_ends().available_permits(), 0);
    drop(turn);

    let kept = async {
        while api.late_ends().available_permits() < LATE_ENDS_MAX {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), kept).await.unwrap();
    let mut known = Vec::new();
    for key in &keys {
        known.push(begin(*key).await);
    }
    known.retain(|known| matches!(known, Repeat::Begun));
    assert_eq!(known.len(), 1, "of all others the answer is known");
}
