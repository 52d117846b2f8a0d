//! Talk.

use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::talk::{Speech, TEXT_LENGTH_MAX, TalkEvent, TalkListener, TalkReport, TalkRequest};

/// Somebody who may talk, and who takes what they ask for: one request may wait.
async fn operator() -> (Visit, mpsc::Receiver<TalkRequest>) {
    let (requests, asked) = mpsc::channel(1);
    let desk = TalkDesk {
        requests,
        reads_text: true,
    };
    (Visit::of_with(Role::Operator, Some(desk)).await, asked)
}

#[tokio::test]
async fn without_a_zone_the_page_says_what_else_can_be_done() {
    let visit = Visit::of(Role::Operator).await;
    assert!(
        visit
            .get("/talk")
            .await
            .text
            .contains("Call the extension with a phone")
    );
    let answer = visit.post("/talk", "extension=700&text=All+clear").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_text_is_handed_over_and_its_report_shown() {
    let (visit, mut asked) = operator().await;
    let serving = tokio::spawn(async move {
        let request = asked.recv().await.unwrap();
        let Speech::Text(text) = request.speech else {
            panic!("it is a text");
        };
        let listener = |name: &str, is_heard, verdict: &str| TalkListener {
            name: name.to_owned(),
            is_heard,
            verdict: verdict.to_owned(),
        };
        let report = TalkReport {
            duration: Duration::from_millis(2_500),
            listeners: vec![
                listener("Hall <1>", true, "heard"),
                listener("Yard", false, "it did not answer"),
            ],
        };
        for event in [TalkEvent::Calling, TalkEvent::Speak, TalkEvent::Ended(report)] {
            request.told.send(event).await.unwrap();
        }
        (request.extension, text)
    });

    let answer = visit.post("/talk", "extension=+700+&text=All+clear").await;

    assert_eq!(answer.status, StatusCode::OK);
    for words in [
        "Spoken for 2.5 s, heard by 1 of 2.",
        "Hall &#60;1&#62;",
        "it did not answer",
    ] {
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
    let (extension, text) = serving.await.unwrap();
    assert_eq!((extension.as_str(), text.as_str()), ("700", "All clear"));
    assert_eq!(visit.audit().await, ["talk"]);
}

#[tokio::test]
async fn what_cannot_be_spoken_is_named_and_what_was_typed_stays() {
    let (visit, mut asked) = operator().await;
    let longest = "a".repeat(TEXT_LENGTH_MAX);
    let too_long = format!("{longest}b");
    for (extension, text, words) in [
        ("700", "", "Type what is to be read out"),
        ("7-0", "All clear", "Choose or type an extension"),
        ("700", too_long.as_str(), "cut it into parts"),
    ] {
        let answer = visit
            .post("/talk", &format!("extension={extension}&text={text}"))
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
        assert!(answer.text.contains(&format!("value=\"{extension}\"")));
    }
    assert!(asked.try_recv().is_err());

    let serving = tokio::spawn(async move {
        let request = asked.recv().await.unwrap();
        let why = TalkEvent::Failed("nobody has that number".to_owned());
        request.told.send(why).await.unwrap();
    });
    let answer = visit
        .post("/talk", &format!("extension=700&text={longest}"))
        .await;
    serving.await.unwrap();
    assert!(answer.text.contains("nobody has that number"), "{}", answer.text);
}

#[tokio::test]
async fn a_request_that_finds_no_room_is_told_so() {
    let (requests, _asked) = mpsc::channel(1);
    let desk = TalkDesk {
        requests: requests.clone(),
        reads_text: true,
    };
    let visit = Visit::of_with(Role::Operator, Some(desk)).await;
    let (told, _events) = mpsc::channel(1);
    let waiting = TalkRequest {
        extension: "700".parse().unwrap(),
        speech: Speech::Text(String::new()),
        stopped: tokio::sync::oneshot::channel().1,
        told,
    };
    requests.try_send(waiting).unwrap();

    let answer = visit.post("/talk", "extension=700&text=All+clear").await;

    assert!(
        answer.text.contains("Too much is being spoken"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn w02_a_page_of_another_site_opens_no_connection_to_talk() {
    let (visit, _asked) = operator().await;
    let upgrade = |origin: &str| {
        Request::get("/talk/live?extension=700")
            .header(header::ORIGIN, origin)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA==")
    };
    let foreign = visit.send(upgrade("https://evil.example"), "").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    // The router alone cannot upgrade; the request has come that far.
    let own = visit.send(upgrade(&format!("https://{HOST}")), "").await;
    assert_eq!(own.status, StatusCode::UPGRADE_REQUIRED);
}
