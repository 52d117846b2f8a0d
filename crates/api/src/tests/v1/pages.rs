//! Paging, and what became of it.

use model::status::{ListenerReport, NotHeardReason, PageReport, Receipt, Verdict, ZoneEvent};
use model::{PageId, SipUser};
use portal::talk::{Speech, TalkDesk, TalkEvent, TalkRequest};

use super::*;
use crate::v1::SOUND_LENGTH_MAX;

/// Half a second of silence.
const HEADER: [u8; 44] =
    *b"RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x80\x3e\0\0";

/// A length that no sound has.
const LIE: u32 = 0x8000_0000;

fn wav() -> Vec<u8> {
    let mut octets = HEADER.to_vec();
    octets.extend([0; 16_000]);
    octets
}

impl Program {
    /// Has a zone that can be spoken into beside the API.
    pub(super) fn give_talk(&mut self) -> mpsc::Receiver<TalkRequest> {
        let (requests, asked) = mpsc::channel(1);
        let talk = TalkDesk {
            requests,
            reads_text: true,
        };
        self.router = router(ApiSetup {
            talk: Some(talk),
            ..self.setup()
        })
        .unwrap();
        asked
    }

    /// How many samples of a sound are spoken.
    async fn spoken_of(&self, asked: &mut mpsc::Receiver<TalkRequest>, octets: Vec<u8>) -> usize {
        let begun = async {
            let request = begin(asked, 9).await;
            let Speech::Samples(mut samples) = request.speech else {
                panic!("it is a sound");
            };
            let length = samples.recv().await.unwrap().len();
            assert_eq!(samples.recv().await, None);
            length
        };
        let (answer, length) = tokio::join!(self.send_sound("extension=701", octets), begun);
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        length
    }

    async fn send_sound(&self, query: &str, octets: Vec<u8>) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("/api/v1/pages/sound?{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::from(octets))
            .unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from(CALLER)));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let octets = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&octets).into_owned(),
        }
    }

    pub(super) async fn with_speaker(&self) -> SipUser {
        let area = self.add_area("Hall", 701).await;
        let body = json!({
            "display_name": "Hall speaker", "mac_address": "00:22:EE:0A:0B:0C", "type": "oyez", "assigned_to": area,
        });
        let device = self.post("/devices", body).await.id().parse().unwrap();
        let mut reading = self.store.read().await.unwrap();
        let lines = reading.account(&one()).lines_of_device(&device).await.unwrap();
        lines[0].user.clone()
    }
}

/// Begins what is asked for, and hands the speech back.
pub(super) async fn begin(asked: &mut mpsc::Receiver<TalkRequest>, number: u128) -> TalkRequest {
    let request = asked.recv().await.unwrap();
    request.told.send(TalkEvent::Calling).await.unwrap();
    let page = PageId::from_random(number);
    let begun = TalkEvent::Begun { page, listeners: 1 };
    request.told.send(begun).await.unwrap();
    request
}

fn report(number: u128, user: &SipUser) -> PageReport {
    let receipt = Receipt {
        page: PageId::from_random(number),
        played_ms: 900,
        expected_ms: 2_000,
        lost: 3,
        concealed_ms: 40,
        interrupted_ms: 0,
        first_audio_ms: Some(120),
        level_dbfs: None,
        muted: false,
        sink_healthy: true,
    };
    PageReport {
        page: PageId::from_random(number),
        extension: "701".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        duration_ms: 2_000,
        since_start_ms: Some(3_000),
        since_end_ms: Some(1_000),
        listeners: vec![ListenerReport {
            user: user.clone(),
            name: "Hall (Hall speaker)".to_owned(),
            verdict: Verdict::NotHeard {
                why: NotHeardReason::TooLittle,
            },
            first_audio_ms: Some(150),
            receipt: Some(receipt),
            devices: 1,
            heard_devices: 0,
        }],
    }
}

#[tokio::test]
async fn a_text_is_spoken_and_its_page_read_while_it_goes_on_and_once_it_has_ended() {
    let mut program = Program::with(EVERYTHING).await;
    let user = program.with_speaker().await;
    let mut asked = program.give_talk();
    let body = json!({ "extension": "701", "text": " All clear " }).to_string();

    let (answer, request) = tokio::join!(
        program.ask_v1(Method::POST, "/pages", &body),
        begin(&mut asked, 7)
    );

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let page = PageId::from_random(7);
    assert_eq!(answer.json(), json!({ "id": page, "extension": "701" }));
    let Speech::Text(text) = &request.speech else {
        panic!("it is a text");
    };
    assert_eq!((text.as_str(), request.extension.as_str()), ("All clear", "701"));
    assert!(
        request.told.try_reserve().is_ok(),
        "it goes on though the answer was given"
    );
    let audit = program.audit().await;
    assert_eq!(
        (audit[0].1.as_str(), audit[1].1.as_str()),
        ("begin page", "page extension")
    );
    let mut reading = program.store.read().await.unwrap();
    let last = reading.account(&one()).audit(1).await.unwrap();
    assert_eq!(last[0].detail, format!("{page} to 701"));
    drop(reading);

    let started = ZoneEvent::PageStarted {
        account: one(),
        page: page.clone(),
        extension: "701".parse().unwrap(),
        talker: "desk".parse().unwrap(),
        listeners: 1,
    };
    program.happenings.note(&started, None, Timestamp(1_000));
    let listed = program.get_v1("/pages").await.found();
    assert_eq!(
        (&listed["going_on"][0]["id"], &listed["pages"]),
        (&json!(page), &json!([]))
    );
    let path = format!("/pages/{page}");
    let going_on = program.get_v1(&path).await.found();
    assert_eq!(
        (&going_on["state"], &going_on["receipts"]),
        (&json!("going_on"), &json!([]))
    );

    let ended = ZoneEvent::PageEnded {
        account: one(),
        report: report(7, &user),
    };
    program.happenings.note(&ended, None, Timestamp(3_000));
    let before_kept = program.get_v1(&path).await.found();
    program.keep(&report(7, &user)).await;
    let kept = program.get_v1(&path).await.found();
    assert_eq!(before_kept["receipts"], kept["receipts"]);
    let times = ["started_at", "ended_at"].map(|name| kept[name].as_str().unwrap());
    assert_eq!(times, ["1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z"]);
    let receipt = &kept["receipts"][0];
    assert_eq!(
        (&receipt["assignment_type"], &receipt["port"], &receipt["cause"]),
        (&json!("page"), &json!(1), &json!("too_little"))
    );
    assert_eq!(receipt["receipt"]["played_ms"], json!(900));
    let listed = program.get_v1("/pages").await.found();
    assert_eq!(
        (&listed["going_on"], &listed["pages"][0]["heard"]),
        (&json!([]), &json!(0))
    );
}

impl Program {
    async fn keep(&self, report: &PageReport) {
        let mut writing = self.store.write().await.unwrap();
        let mut scope = writing.account(&one());
        scope.add_page_report(Timestamp(4_000), report).await.unwrap();
        writing.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_sound_is_played_at_the_rate_that_is_spoken_with() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let mut asked = program.give_talk();

    let (answer, request) = tokio::join!(program.send_sound("extension=701", wav()), begin(&mut asked, 8));

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let Speech::Samples(mut samples) = request.speech else {
        panic!("it is a sound");
    };
    assert_eq!(samples.recv().await.unwrap().len(), 8_000);
    assert_eq!(samples.recv().await, None);
}

#[tokio::test]
async fn w04_what_is_no_sound_too_long_or_lies_about_its_length_is_refused_or_bounded() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let mut asked = program.give_talk();
    let polyglot = b"<script>alert(1)</script>".to_vec();
    let longest = vec![0; SOUND_LENGTH_MAX];
    let too_long = vec![0; SOUND_LENGTH_MAX + 1];
    for (octets, words) in [
        (Vec::new(), "no sound"),
        (polyglot, "no sound"),
        (longest, "no sound"),
        (too_long, "too long"),
    ] {
        let answer = program.send_sound("extension=701", octets).await;
        assert_eq!(answer.problem(), 400);
        assert!(answer.text.contains(words), "{}", answer.text);
    }
    for field in [4..8, 40..44] {
        let mut lying = wav();
        lying[field].copy_from_slice(&LIE.to_le_bytes());
        assert_eq!(program.spoken_of(&mut asked, lying).await, 8_000);
    }
}

#[tokio::test]
async fn w04_of_a_sound_that_is_something_else_too_nothing_but_its_samples_is_spoken() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let mut asked = program.give_talk();
    let mut longer_format = wav();
    longer_format[16..20].copy_from_slice(&LIE.to_le_bytes());
    for octets in [
        [b"%PDF-1.7\n".to_vec(), wav()].concat(),
        [b"PK\x03\x04".to_vec(), wav()].concat(),
        [b"GIF89a".to_vec(), wav()].concat(),
        b"RIFF\0\0\0\x80WAVE".to_vec(),
        b"RIFF\0\0\0\x80AVI LIST".to_vec(),
        longer_format,
    ] {
        let answer = program.send_sound("extension=701", octets).await;
        assert_eq!(answer.problem(), 400, "{}", answer.text);
    }
    assert!(asked.try_recv().is_err());
    let with_page = [wav(), b"<script>alert(1)</script>".to_vec()].concat();
    assert_eq!(program.spoken_of(&mut asked, with_page).await, 8_000);
}

#[tokio::test]
async fn w04_a_sound_is_paged_where_no_path_and_no_nul_leads() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let mut asked = program.give_talk();
    for name in [
        "..%2F..%2Fetc%2Fpasswd",
        "%2Fetc%2Fpasswd",
        "701%00",
        "701%00.wav",
        "..%5C701",
        ".",
    ] {
        for field in ["extension", "group_id"] {
            let answer = program.send_sound(&format!("{field}={name}"), wav()).await;
            assert_eq!(answer.problem(), 400, "{field} {name}: {}", answer.text);
            assert_eq!(answer.json()["field"], json!(field));
        }
    }
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn what_cannot_be_paged_is_refused_with_the_reason() {
    let mut program = Program::with(EVERYTHING).await;
    program.with_speaker().await;
    let page = async |program: &Program, body: Value| {
        let answer = program.ask_v1(Method::POST, "/pages", &body.to_string()).await;
        (answer.problem(), answer.json()["field"].clone(), answer.text)
    };
    let (status, _, text) = page(&program, json!({ "extension": "701", "text": "x" })).await;
    assert!(status == 409 && text.contains("No zone runs"), "{text}");
    let mut asked = program.give_talk();
    let longest = "a".repeat(1_000);
    for (body, field) in [
        (json!({ "text": "x" }), "extension"),
        (json!({ "extension": "799", "text": "x" }), "extension"),
        (json!({ "extension": "seven", "text": "x" }), "extension"),
        (json!({ "group_id": "nobody", "text": "x" }), "group_id"),
        (
            json!({ "extension": "701", "group_id": "x", "text": "x" }),
            "group_id",
        ),
        (json!({ "extension": "701", "text": " " }), "text"),
        (
            json!({ "extension": "701", "text": format!("{longest}a") }),
            "text",
        ),
    ] {
        assert_eq!(page(&program, body.clone()).await.1, json!(field), "{body}");
    }
    let body = json!({ "extension": "701", "text": longest });
    let fail = async {
        let request = asked.recv().await.unwrap();
        let why = "The call to 701 failed: nobody is registered.".to_owned();
        request.told.send(TalkEvent::Failed(why)).await.unwrap();
    };
    let ((status, _, text), ()) = tokio::join!(page(&program, body), fail);
    assert!(status == 409 && text.contains("nobody is registered"), "{text}");
}

#[tokio::test]
async fn a06_pages_are_listed_part_by_part_and_no_account_sees_those_of_another() {
    let mut program = Program::with(EVERYTHING).await;
    for number in 1..=3 {
        program.keep(&report(number, &"hall".parse().unwrap())).await;
    }
    let first = program.get_v1("/pages?page_size=2").await.found();
    let ids = |page: &Value| -> Vec<Value> {
        let pages = page["pages"].as_array().unwrap().iter();
        pages.map(|page| page["id"].clone()).collect()
    };
    assert_eq!(
        ids(&first),
        [json!(PageId::from_random(3)), json!(PageId::from_random(2))]
    );
    let token = first["next_page_token"].as_str().unwrap();
    let path = format!("/pages?page_size=2&next_page_token={token}");
    let next = program.get_v1(&path).await.found();
    assert_eq!(ids(&next), [json!(PageId::from_random(1))]);

    program.go_on_with(2, "two", EVERYTHING).await;
    assert_eq!(program.get_v1("/pages").await.found()["pages"], json!([]));
    let path = format!("/pages/{}", PageId::from_random(1));
    assert_eq!(program.get_v1(&path).await.problem(), 404);
}

#[tokio::test]
async fn whoever_may_read_may_not_page() {
    let mut program = Program::with("oyez:read phone:read:admin phone:write:admin").await;
    program.with_speaker().await;
    let _asked = program.give_talk();
    let body = json!({ "extension": "701", "text": "x" }).to_string();
    assert_eq!(program.ask_v1(Method::POST, "/pages", &body).await.problem(), 403);
    assert_eq!(program.send_sound("extension=701", wav()).await.problem(), 403);
}
