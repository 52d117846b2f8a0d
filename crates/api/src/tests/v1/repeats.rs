//! Requests that are repeated under their keys.

use std::future::Future as _;
use std::task::{Context, Poll, Waker};

use super::pages::begin;
use super::*;
use crate::repeat::{HEADER, KEY_LENGTH_MAX};

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
    let begun = portal::talk::TalkEvent::Begun(page.clone());
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
