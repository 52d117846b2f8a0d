//! Talk.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::pages::talk::{MESSAGE_MAX, TALKERS_MAX};
use crate::talk::{Speech, TEXT_LENGTH_MAX, TalkEvent, TalkListener, TalkReport, TalkRequest};

/// Somebody who may talk to page group 1900, and who takes what they ask for: one request may wait.
async fn operator() -> (Visit, mpsc::Receiver<TalkRequest>) {
    talker(Role::Operator).await
}

async fn talker(role: Role) -> (Visit, mpsc::Receiver<TalkRequest>) {
    let (requests, asked) = mpsc::channel(1);
    let desk = TalkDesk {
        requests,
        reads_text: true,
    };
    let visit = Visit::of_with(role, Some(desk)).await;
    visit.add_group(&[]).await;
    (visit, asked)
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
    let answer = visit.post("/talk", "extension=1900&text=All+clear").await;
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
        let begun = TalkEvent::Begun {
            page: "page1".parse().unwrap(),
            listeners: 2,
        };
        for event in [
            TalkEvent::Calling,
            begun,
            TalkEvent::Speak,
            TalkEvent::Ended(report),
        ] {
            request.told.send(event).await.unwrap();
        }
        (request.extension, text)
    });

    let answer = visit.post("/talk", "extension=+1900+&text=All+clear").await;

    assert_eq!(answer.status, StatusCode::OK);
    for words in [
        "Spoken for 2.5 s, heard by 1 of 2.",
        "Hall &#60;1&#62;",
        "it did not answer",
    ] {
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
    let (extension, text) = serving.await.unwrap();
    assert_eq!((extension.as_str(), text.as_str()), ("1900", "All clear"));
    assert_eq!(visit.audit().await, ["begin page", "talk"]);
    assert_eq!(visit.last_detail().await, "page1 to 1900");
}

#[tokio::test]
async fn what_is_no_page_group_and_stands_in_no_page_slot_is_refused_before_anybody_is_called() {
    let (visit, mut asked) = operator().await;
    visit.add_area(1, "Fire alert", "1911").await;
    for extension in ["1911", "799"] {
        let form = format!("extension={extension}&text=All+clear");
        let answer = visit.post("/talk", &form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let words = format!("Extension {extension} is neither a page group");
        assert!(answer.text.contains(&words), "{}", answer.text);
    }
    assert!(asked.try_recv().is_err() && visit.audit().await.is_empty());
}

#[tokio::test]
async fn page_groups_and_whoever_has_a_page_slot_are_offered() {
    let (visit, _asked) = talker(Role::Admin).await;
    let hall = visit.add_area(1, "Hall", "1001").await;
    visit.add_area(2, "Store room", "1002").await;
    visit.add_device("0022EE0A0B0C", "algo", hall.as_str()).await;

    let page = visit.get("/talk").await.text;

    for offered in ["<option value=\"1900\">Everywhere", "<option value=\"1001\">Hall"] {
        assert!(page.contains(offered), "{offered}: {page}");
    }
    assert!(!page.contains("1002"), "it has no page slot: {page}");
}

#[tokio::test]
async fn a_browser_is_told_how_many_are_called_and_the_audit_keeps_whose_page_it_was_though_the_browser_has_gone()
 {
    let (visit, mut asked) = operator().await;
    let server = serve(&visit).await;
    let mut live = Live::open(&visit, server).await;
    live.send(TEXT, br#"{"speak":"text","text":"All clear"}"#).await;
    let request = asked.recv().await.unwrap();
    let begun = TalkEvent::Begun {
        page: "page1".parse().unwrap(),
        listeners: 3,
    };
    request.told.send(TalkEvent::Calling).await.unwrap();
    live.wait_for("calling").await;
    request.told.send(begun.clone()).await.unwrap();
    live.wait_for(r#"{"listeners":3,"state":"begun"}"#).await;
    live.send(CLOSE, b"").await;
    live.end().await;
    assert!(request.stopped.await.is_err());
    while visit.audit().await[0] != "begin page" {
        tokio::task::yield_now().await;
    }
    assert_eq!(visit.last_detail().await, "page1 to 1900");

    let mut writing = visit.store.write().await.unwrap();
    let report = model::status::PageReport {
        talker: "portal-1".parse().unwrap(),
        // The page was over before it was written down that it has begun.
        since_start_ms: Some(60_000),
        since_end_ms: Some(60_000),
        ..report()
    };
    let mut scope = writing.account(&one());
    scope.add_page_report(now(), &report).await.unwrap();
    writing.commit().await.unwrap();
    let page = visit.get("/reports/1").await.text;
    assert!(page.contains("the portal, for somebody@one.example"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_spoken_is_named_and_what_was_typed_stays() {
    let (visit, mut asked) = operator().await;
    let longest = "a".repeat(TEXT_LENGTH_MAX);
    let too_long = format!("{longest}b");
    for (extension, text, words) in [
        ("1900", "", "Type what is to be read out"),
        ("7-0", "All clear", "Choose or type an extension"),
        ("1900", too_long.as_str(), "cut it into parts"),
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
        .post("/talk", &format!("extension=1900&text={longest}"))
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
    visit.add_group(&[]).await;
    let (told, _events) = mpsc::channel(1);
    let waiting = TalkRequest {
        extension: "1900".parse().unwrap(),
        speech: Speech::Text(String::new()),
        stopped: tokio::sync::oneshot::channel().1,
        told,
    };
    requests.try_send(waiting).unwrap();

    let answer = visit.post("/talk", "extension=1900&text=All+clear").await;

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
        Request::get("/talk/live?extension=1900")
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

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// A browser's connection that carries sound.
struct Live {
    stream: TcpStream,
    answer: String,
}

impl Live {
    /// Asks for one, and reads the head of the answer.
    async fn open(visit: &Visit, server: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let request = format!(
            "GET /talk/live?extension=1900 HTTP/1.1\r\nHost: {HOST}\r\nOrigin: https://{HOST}\r\nCookie: {}\r\n\
             Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            visit.cookie
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(head).unwrap();
        Self { stream, answer }
    }

    fn is_open(&self) -> bool {
        self.answer.starts_with("HTTP/1.1 101 ")
    }

    /// Sends a message; what it is masked with are zeros.
    async fn send(&mut self, kind: u8, octets: &[u8]) {
        let mut frame = vec![kind, 0xff];
        frame.extend((octets.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(octets);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// Reads on until something has been told.
    async fn wait_for(&mut self, words: &str) {
        let mut told = Vec::new();
        while !String::from_utf8_lossy(&told).contains(words) {
            told.push(self.stream.read_u8().await.unwrap());
        }
    }

    /// What is told until the connection is closed. Then its place is free.
    async fn end(mut self) -> String {
        let mut told = Vec::new();
        // What was sent and not read makes it end by a reset.
        let _how = self.stream.read_to_end(&mut told).await;
        String::from_utf8_lossy(&told).into_owned()
    }
}

/// The portal on a socket.
async fn serve(visit: &Visit) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = visit.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn w07_so_many_browsers_talk_and_not_one_more() {
    let (visit, _asked) = operator().await;
    let server = serve(&visit).await;
    let mut talking = Vec::new();
    for number in 1..=TALKERS_MAX {
        let live = Live::open(&visit, server).await;
        assert!(live.is_open(), "{number}: {}", live.answer);
        talking.push(live);
    }
    for _ in 0..2 {
        let refused = Live::open(&visit, server).await;
        assert!(refused.answer.starts_with("HTTP/1.1 503 "), "{}", refused.answer);
    }
    assert_eq!(visit.get("/talk").await.status, StatusCode::OK);

    let mut first = talking.remove(0);
    first.send(CLOSE, b"").await;
    first.end().await;
    let next = Live::open(&visit, server).await;
    assert!(next.is_open(), "{}", next.answer);
    let refused = Live::open(&visit, server).await;
    assert!(!refused.is_open(), "{}", refused.answer);
}

#[tokio::test]
async fn w04_what_a_browser_sends_to_be_spoken_is_samples_up_to_a_limit_and_never_a_file() {
    let (visit, mut asked) = operator().await;
    let server = serve(&visit).await;
    for opening in [
        r#"{"speak":"sound","name":"../../etc/passwd"}"#,
        r#"{"speak":"sound","file":"/etc/passwd"}"#,
        r#"{"speak":"file","file":true}"#,
        "RIFF",
        "\0",
        "",
    ] {
        let mut live = Live::open(&visit, server).await;
        live.send(TEXT, opening.as_bytes()).await;
        let told = live.end().await;
        assert!(
            told.contains("did not say what is to be spoken"),
            "{opening}: {told}"
        );
    }
    assert!(asked.try_recv().is_err() && visit.audit().await.is_empty());

    for octets in [MESSAGE_MAX, MESSAGE_MAX + 1] {
        let mut live = Live::open(&visit, server).await;
        live.send(TEXT, br#"{"speak":"sound","file":true}"#).await;
        let request = asked.recv().await.unwrap();
        let Speech::Samples(mut samples) = request.speech else {
            panic!("it is sound");
        };
        live.send(BINARY, b"").await;
        assert_eq!(samples.recv().await, Some(Vec::new()));
        live.send(BINARY, b"RIFF\0\0\0\x80WAVE<script>").await;
        assert_eq!(
            samples.recv().await.unwrap().len(),
            10,
            "whatever it is, it is samples"
        );
        live.send(BINARY, &vec![0; octets]).await;
        let came = samples.recv().await.map(|samples| samples.len());
        if octets == MESSAGE_MAX {
            assert_eq!(came, Some(MESSAGE_MAX / 2));
            continue;
        }
        assert_eq!(came, None);
        assert!(request.stopped.await.is_err(), "nothing more is spoken");
        live.end().await;
    }
}
