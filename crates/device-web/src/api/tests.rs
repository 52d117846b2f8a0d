mod about;
mod files;
mod zones;

use std::net::{IpAddr, SocketAddr};
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use device::Appliance;
use device::appliance::{Author, Plan};
use endpoint::profile::Identity;
use model::Secret;
use model::config::{CONCEALED, Document, SettingChange};
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use tower::ServiceExt;

use super::BODY_LENGTH_MAX;
use super::signature::{Signed, SignedBody, content_md5};
use web::FREE_TRIES;

use crate::access::Access;
use crate::log_book::LogBook;
use crate::site::{Site, router};

const PASSWORD: &str = "correct horse";
const JSON: &str = "application/json";
const NULL_SINK: &str = "oyez.sink = null\n";

/// Every call of the API, and some that it does not have.
const CALLS: &[(&str, &str)] = &[
    ("GET", "/api/info/about"),
    ("GET", "/api/info/status"),
    ("GET", "/api/info/tonelist"),
    ("PUT", "/api/settings"),
    ("GET", "/api/settings/sip.proxy"),
    ("POST", "/api/controls/reload"),
    ("GET", "/api/files/tones"),
    ("PUT", "/api/files/tones/x.wav"),
    ("DELETE", "/api/files/"),
    ("GET", "/api/events"),
    ("GET", "/api/metrics"),
    ("GET", "/api"),
    ("DELETE", "/api/info/about"),
    ("GET", "/api/none"),
    ("POST", "/api/controls/tone/start"),
    ("POST", "/api/controls/tone/stop"),
    ("POST", "/api/controls/test/start"),
    ("POST", "/api/controls/test/loop"),
    ("POST", "/api/controls/test/stop"),
    ("POST", "/api/controls/emergency-alert/start"),
    ("POST", "/api/controls/emergency-alert/stop"),
    ("POST", "/api/controls/strobe/start"),
    ("GET", "/api/settings/../about"),
];

/// An endpoint with its API, and a client.
struct Bench {
    appliance: Appliance,
    router: Router,
    state: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Bench {
    async fn start(config: &str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let file = Document::parse(&format!("{NULL_SINK}{config}")).unwrap();
        let identity = Identity {
            device: "lobby".parse().unwrap(),
            user_agent: "test".to_owned(),
            instance: None,
        };
        let appliance = Plan::new(state.path(), Some((file, state.path().to_owned())))
            .unwrap()
            .start(identity, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let access = Access::open(state.path()).unwrap();
        Self {
            router: router(Site::new(appliance.clone(), access, LogBook::default())),
            appliance,
            state,
        }
    }

    /// One whose API is on.
    async fn open() -> Self {
        Self::start(&format!("admin.web.api = 1\napi.admin.pwd = {PASSWORD}\n")).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from([192, 0, 2, 1].into(), request).await
    }

    async fn send_from(&self, from: IpAddr, mut request: Request<Body>) -> Answer {
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(from, 40_000)));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        // What goes on for ever is looked at by its head.
        let octets = if parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "text/event-stream")
        {
            Vec::new()
        } else {
            to_bytes(body, usize::MAX).await.unwrap().to_vec()
        };
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(octets).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(signed("GET", path, "")).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(signed("POST", path, body)).await
    }

    /// What sounds: the tone, whether it is an alert, and whether that is an exercise.
    async fn sounding(&self) -> Option<(String, bool, bool)> {
        let sounding = self.appliance.status().await.unwrap().sounding?;
        let tone = sounding.tone.unwrap_or_default();
        Some((tone, sounding.announcement.is_some(), sounding.drill))
    }

    async fn put(&self, body: &Value) -> Answer {
        self.send(signed("PUT", "/api/settings", &body.to_string())).await
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn nonce() -> String {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets).unwrap();
    u64::from_be_bytes(octets).to_string()
}

/// A request as a client makes it.
fn signed(method: &str, path: &str, body: &str) -> Request<Body> {
    signed_by(PASSWORD, unix_time(), method, path, body)
}

fn signed_by(password: &str, date: u64, method: &str, path: &str, body: &str) -> Request<Body> {
    let nonce = nonce();
    head(password, date, &nonce, method, path, body)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// The head of a request with that body.
fn head(password: &str, date: u64, nonce: &str, method: &str, path: &str, body: &str) -> Builder {
    let content_md5 = content_md5(body.as_bytes());
    let signature = Signed {
        method,
        uri: path,
        body: (!body.is_empty()).then_some(SignedBody {
            content_md5: &content_md5,
            content_type: JSON,
        }),
        date,
        nonce,
    }
    .sign(&Secret::from(password));
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(date);
    let head = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("hmac admin:{nonce}:{signature}"))
        .header(header::DATE, httpdate::fmt_http_date(time));
    if body.is_empty() {
        head
    } else {
        head.header("content-md5", content_md5)
            .header(header::CONTENT_TYPE, JSON)
    }
}

fn bare(method: &str, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn w03_no_call_answers_whoever_does_not_authenticate() {
    let bench = Bench::open().await;
    for (method, path) in CALLS {
        let answer = bench.send(bare(method, path)).await;

        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(answer.json(), json!({ "error": "not authenticated" }));
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "hmac");
        let date = answer.headers[header::DATE].to_str().unwrap();
        httpdate::parse_http_date(date).unwrap();
    }
    bench.appliance.stop().await;
}

#[tokio::test]
async fn w03_whatever_is_wrong_the_answer_is_the_same() {
    let bench = Bench::open().await;
    let (now, path) = (unix_time(), "/api/info/about");
    let replayed = || {
        head(PASSWORD, now, "7", "GET", path, "")
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(bench.send(replayed()).await.status, StatusCode::OK);
    let other_body = head(PASSWORD, now, "8", "PUT", "/api/settings", "{}");
    let added_body = head(PASSWORD, now, "9", "PUT", "/api/settings", "");
    let mut texts = Vec::new();

    for (number, request) in [
        replayed(),
        signed_by("wrong", now, "GET", path, ""),
        signed_by(PASSWORD, now - 600, "GET", path, ""),
        signed_by(PASSWORD, now + 600, "GET", path, ""),
        other_body
            .body(Body::from(r#"{"audio.page.vol":"-6dB"}"#))
            .unwrap(),
        added_body
            .body(Body::from(r#"{"audio.page.vol":"-6dB"}"#))
            .unwrap(),
        {
            let mut request = signed("GET", path, "");
            *request.method_mut() = Method::DELETE;
            request
        },
    ]
    .into_iter()
    .enumerate()
    {
        let from = [192, 0, 2, 10 + u8::try_from(number).unwrap()];
        let answer = bench.send_from(from.into(), request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{number}");
        texts.push((answer.text, answer.headers.len()));
    }

    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert_eq!(bench.appliance.versions().len(), 1);
    bench.appliance.stop().await;
}

#[tokio::test]
async fn w03_a_session_of_the_pages_is_no_way_into_the_api_and_the_other_way_round() {
    let bench = Bench::open().await;
    let access = Access::open(bench.state.path()).unwrap();
    let code = access.claim_code().unwrap();
    let token = access
        .claim(Instant::now(), [192, 0, 2, 1].into(), &code, PASSWORD)
        .unwrap();
    let router = router(Site::new(bench.appliance.clone(), access, LogBook::default()));
    let bench = Bench { router, ..bench };
    let cookie = format!("__Host-oyez={}", token.as_str());
    let with_cookie = |path: &str| {
        let mut request = bare("GET", path);
        let value = cookie.parse().unwrap();
        request.headers_mut().insert(header::COOKIE, value);
        request
    };

    assert_eq!(bench.send(with_cookie("/about")).await.status, StatusCode::OK);
    let answer = bench.send(with_cookie("/api/info/about")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = bench.send(signed("GET", "/about", "")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    bench.appliance.stop().await;
}

#[tokio::test]
async fn w03_the_api_is_off_until_it_is_turned_on() {
    let bench = Bench::start("").await;
    for (method, path) in CALLS {
        for request in [bare(method, path), signed(method, path, "")] {
            let answer = bench.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
            assert!(answer.headers.contains_key(header::DATE));
        }
    }
    bench.appliance.stop().await;
}

#[tokio::test]
async fn w06_wrong_tries_slow_the_api_down_and_leave_the_pages_alone() {
    let bench = Bench::open().await;
    for _ in 0..FREE_TRIES {
        let answer = bench
            .send(signed_by("wrong", unix_time(), "GET", "/api/info/about", ""))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }

    let answer = bench.get("/api/info/about").await;

    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    let other = bench.send_from([198, 51, 100, 1].into(), signed("GET", "/api/info/about", ""));
    assert_eq!(other.await.status, StatusCode::OK);
    let mut sign_in = bare("POST", "/claim");
    *sign_in.body_mut() = Body::from("code=wrong&password=correct+horse&again=correct+horse");
    let kind = "application/x-www-form-urlencoded".parse().unwrap();
    sign_in.headers_mut().insert(header::CONTENT_TYPE, kind);
    assert_eq!(bench.send(sign_in).await.status, StatusCode::UNAUTHORIZED);
    bench.appliance.stop().await;
}

#[tokio::test]
async fn w02_a_page_of_another_site_changes_nothing_by_a_password_that_the_browser_keeps() {
    let config = format!("admin.web.api = 1\napi.admin.pwd = {PASSWORD}\napi.auth.basic = 1\n");
    let bench = Bench::start(&config).await;
    let basic = format!("Basic {}", STANDARD.encode(format!("admin:{PASSWORD}")));
    let request = |method: &str, path: &str, origin: &str, kind: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "lobby.example")
            .header(header::AUTHORIZATION, &basic)
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(r#"{"audio.page.vol":"-6dB"}"#))
            .unwrap()
    };
    let (own, other, settings) = ("https://lobby.example", "https://evil.example", "/api/settings");

    for (request, status) in [
        (request("PUT", settings, other, JSON), StatusCode::FORBIDDEN),
        (request("PUT", settings, "null", JSON), StatusCode::FORBIDDEN),
        (
            request("POST", "/api/controls/reload", other, "text/plain"),
            StatusCode::FORBIDDEN,
        ),
        (
            request("PUT", settings, own, "text/plain"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            request("POST", settings, own, JSON),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            request("POST", "/api/settings?_method=PUT", own, JSON),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
    ] {
        let answer = bench.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }
    assert_eq!(bench.appliance.versions().len(), 1);
    let answer = bench.send(request("PUT", settings, own, JSON)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    bench.appliance.stop().await;
}

#[tokio::test]
async fn the_device_tells_what_it_is_and_how_it_does() {
    let bench = Bench::open().await;
    std::fs::create_dir_all(bench.appliance.tones()).unwrap();
    std::fs::write(bench.appliance.tones().join("bell.wav"), "").unwrap();

    let about = bench.get("/api/info/about").await.json();
    let status = bench.get("/api/info/status").await.json();
    let tones = bench.get("/api/info/tonelist").await.json();

    assert_eq!(about["Product Name"], "Oyez IP Endpoint");
    assert_eq!(status["SIP Registration"], "Page, No Account;");
    assert_eq!(status["Call Status"], "Idle");
    assert_eq!(status["Current Action"], "None");
    assert_eq!(status["Volume"], "Page Volume: 10 (0 dB)");
    let tones = tones["tonelist"].as_array().unwrap().clone();
    assert!(tones.contains(&json!("bell.wav")) && tones.contains(&json!("gong.wav")));
    bench.appliance.stop().await;
}

#[tokio::test]
async fn settings_are_changed_all_or_none_and_read_back_as_strings() {
    let bench = Bench::open().await;

    let answer = bench
        .put(&json!({ "audio.page.vol": "-6dB", "phone.timeout.inbound": "60" }))
        .await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        answer.json(),
        json!({ "version": 2, "keys": ["audio.page.vol", "phone.timeout.inbound"] })
    );
    assert_eq!(bench.appliance.versions().last().unwrap().author, Author::Api);
    let read = bench.get("/api/settings/audio.page.vol").await;
    assert_eq!(read.json(), json!({ "audio.page.vol": "-6dB" }));
    let read = bench.get("/api/settings/audio.codec.g722").await;
    assert_eq!(read.json(), json!({ "audio.codec.g722": "1" }));
    for same in [json!({}), json!({ "audio.page.vol": "-6dB" })] {
        assert_eq!(bench.put(&same).await.json(), json!({ "version": 2, "keys": [] }));
    }
    let answer = bench.put(&json!({ "audio.page.vol": null })).await;
    assert_eq!(answer.json()["keys"], json!(["audio.page.vol"]));
    bench.appliance.stop().await;
}

#[tokio::test]
async fn wrong_settings_are_named_and_nothing_is_changed() {
    let bench = Bench::open().await;
    for (body, keys) in [
        (
            json!({ "audio.page.vol": "loud", "sip.transp": "pigeon", "phone.timeout.inbound": "60" }),
            vec!["audio.page.vol", "sip.transp"],
        ),
        (json!({ "sip.ssr.use": "1" }), vec!["sip.ssr.use"]),
        (json!({ "audio.page.volume": "-6dB" }), vec!["audio.page.volume"]),
        (
            json!({ "audio.page.vol": -6, "sip.transp": ["tls"] }),
            vec!["audio.page.vol", "sip.transp"],
        ),
    ] {
        let answer = bench.put(&body).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let problems = answer.json()["problems"].as_array().unwrap().clone();
        let named: Vec<&str> = problems
            .iter()
            .map(|problem| problem["key"].as_str().unwrap())
            .collect();
        assert_eq!(named, keys, "{body}");
        assert!(
            problems
                .iter()
                .all(|problem| !problem["right"].as_str().unwrap().is_empty())
        );
    }
    for body in ["[]", "{", "null", "\"a\""] {
        let answer = bench.send(signed("PUT", "/api/settings", body)).await;
        assert!(answer.status.is_client_error(), "{body}");
    }
    assert_eq!(bench.appliance.settings().local().to_text(), "");
    bench.appliance.stop().await;
}

#[tokio::test]
async fn secrets_are_never_returned_and_stay_when_they_come_back_concealed() {
    let bench = Bench::open().await;
    let body = json!({ "sip.proxy": "127.0.0.1:9", "sip.u1.user": "7001", "sip.u1.pwd": "hunter22" });
    let answer = bench.put(&body).await;
    assert!(!answer.text.contains("hunter22"), "{}", answer.text);

    for key in ["sip.u1.pwd", "api.admin.pwd"] {
        let read = bench.get(&format!("/api/settings/{key}")).await;
        assert_eq!(read.json(), json!({ key: CONCEALED }));
    }
    let unset = bench.get("/api/settings/cancel.pwd").await;
    assert_eq!(unset.json(), json!({ "cancel.pwd": "" }));
    bench.put(&json!({ "sip.u1.pwd": CONCEALED })).await;

    assert_eq!(bench.appliance.settings().value("sip.u1.pwd"), "hunter22");
    bench.appliance.stop().await;
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_not_shown_even_if_a_file_holds_it() {
    let config = format!("admin.web.api = 1\napi.admin.pwd = {PASSWORD}\nadmin.pwd = hunter22\n");
    let bench = Bench::start(&config).await;

    let answer = bench.get("/api/settings/admin.pwd").await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(!answer.text.contains("hunter22"));
    bench.appliance.stop().await;
}

#[tokio::test]
async fn p05_a_value_makes_no_line_and_no_key_of_its_own() {
    let bench = Bench::open().await;
    for (key, value) in [
        ("sip.u1.dname", "Hall\nsip.proxy = evil.example"),
        ("sip.u1.dname", "Hall\r\nsip.proxy = evil.example"),
        ("sip.u1.dname", "Hall\0"),
        ("sip.proxy = evil.example\nsip.u1.dname", "Hall"),
        ("sip.u1.user", "7001\" <sip:evil.example>"),
    ] {
        let answer = bench.put(&json!({ key: value })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key:?} {value:?}");
    }
    for value in [
        "${HOME}; \"a\" = #b",
        "[x]: - y {z}",
        "\u{202e}llaH",
        "# no comment",
    ] {
        let answer = bench.put(&json!({ "sip.u1.dname": value })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let read = bench.get("/api/settings/sip.u1.dname").await;
        assert_eq!(read.json(), json!({ "sip.u1.dname": value }));
        let text = bench.appliance.settings().effective().to_text();
        assert_eq!(Document::parse(&text).unwrap().value("sip.u1.dname"), Some(value));
    }
    assert_eq!(bench.appliance.settings().value("sip.proxy"), "");
    bench.appliance.stop().await;
}

#[tokio::test]
async fn a_body_has_so_many_bytes_and_not_one_more() {
    let bench = Bench::open().await;
    for (length, status) in [
        (BODY_LENGTH_MAX, StatusCode::BAD_REQUEST),
        (BODY_LENGTH_MAX + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = bench
            .send(signed("PUT", "/api/settings", &"x".repeat(length)))
            .await;
        assert_eq!(answer.status, status, "{length}");
    }
    bench.appliance.stop().await;
}

#[tokio::test]
async fn calls_of_other_models_are_told_from_those_that_nobody_has() {
    let bench = Bench::open().await;
    for (method, path, status) in [
        ("POST", "/api/controls/strobe/start", StatusCode::NOT_IMPLEMENTED),
        ("GET", "/api/info/audio.noise.level", StatusCode::NOT_IMPLEMENTED),
        (
            "POST",
            "/api/settings/action/restore",
            StatusCode::NOT_IMPLEMENTED,
        ),
        ("GET", "/api/none", StatusCode::NOT_FOUND),
        ("DELETE", "/api/settings", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = bench.send(signed(method, path, "")).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["error"].is_string());
    }
    let reload = bench.send(signed("POST", "/api/controls/reload", "")).await;
    assert_eq!((reload.status, reload.text.as_str()), (StatusCode::OK, ""));
    bench.appliance.stop().await;
}

#[tokio::test]
async fn tones_and_the_test_are_started_and_stopped() {
    let bench = Bench::open().await;
    let gong = ("gong.wav".to_owned(), false, false);
    let test = ("tone-1kHz-max.wav".to_owned(), false, false);
    for (path, body, sounds) in [
        ("tone/start", r#"{"path":"gong.wav","loop":true}"#, Some(&gong)),
        ("tone/stop", r#"{"path":"bell-uk.wav"}"#, Some(&gong)),
        ("tone/stop", r#"{"path":"gong.wav"}"#, None),
        ("tone/start", r#"{"path":"gong.wav"}"#, Some(&gong)),
        ("tone/stop", "", None),
        ("test/loop", "", Some(&test)),
        ("test/stop", "", None),
        ("test/start", "", Some(&test)),
    ] {
        let answer = bench.post(&format!("/api/controls/{path}"), body).await;

        assert_eq!(
            (answer.status, answer.text.as_str()),
            (StatusCode::OK, ""),
            "{path}"
        );
        assert_eq!(bench.sounding().await.as_ref(), sounds, "{path} {body}");
    }
    bench.appliance.stop().await;
}

#[tokio::test]
async fn an_alert_is_started_and_what_is_for_exercises_stays_one() {
    let config = format!(
        "admin.web.api = 1\napi.admin.pwd = {PASSWORD}\nann.tone1 = gong.wav\nann.tone2 = gong.wav\noyez.ann.drill2 = 1\n"
    );
    let bench = Bench::start(&config).await;
    for (body, is_drill) in [
        (r#"{"announcement":1}"#, false),
        (r#"{"announcement":1,"drill":true}"#, true),
        (r#"{"announcement":2}"#, true),
        (r#"{"announcement":2,"drill":false}"#, true),
    ] {
        let answer = bench.post("/api/controls/emergency-alert/start", body).await;

        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let (_, is_alert, drill) = bench.sounding().await.unwrap();
        assert_eq!((is_alert, drill), (true, is_drill), "{body}");
        let stop = bench.post("/api/controls/emergency-alert/stop", "").await;
        assert_eq!(stop.status, StatusCode::OK);
        assert_eq!(bench.sounding().await, None, "{body}");
    }
    bench.appliance.stop().await;
}

#[tokio::test]
async fn what_is_not_played_is_said_with_the_reason() {
    let bench = Bench::open().await;
    for (path, body, status) in [
        (
            "emergency-alert/start",
            r#"{"announcement":11}"#,
            StatusCode::CONFLICT,
        ),
        (
            "emergency-alert/start",
            r#"{"announcement":256}"#,
            StatusCode::BAD_REQUEST,
        ),
        ("emergency-alert/start", "", StatusCode::BAD_REQUEST),
        ("tone/start", r#"{"path":"none.wav"}"#, StatusCode::NOT_FOUND),
        (
            "tone/start",
            r#"{"path":"../config/current.wav"}"#,
            StatusCode::NOT_FOUND,
        ),
        (
            "tone/start",
            r#"{"path":"gong.wav","mcast":true}"#,
            StatusCode::CONFLICT,
        ),
        (
            "tone/start",
            r#"{"path":"gong.wav","duration":5}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            "tone/start",
            r#"{"path":"gong.wav","loop":"yes"}"#,
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let answer = bench.post(&format!("/api/controls/{path}"), body).await;

        assert_eq!(answer.status, status, "{path} {body}");
        assert!(!answer.json()["error"].as_str().unwrap().is_empty());
    }
    assert_eq!(bench.sounding().await, None);
    bench.appliance.stop().await;
}

#[tokio::test]
async fn metrics_are_told_to_who_authenticates() {
    let bench = Bench::open().await;

    let answer = bench.get("/api/metrics").await;

    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        answer.text.contains("\noyez_configuration_version 1\n"),
        "{}",
        answer.text
    );
    assert!(
        answer
            .text
            .contains("oyez_api_requests_total{outcome=\"admitted\"} 1\n")
    );
    bench.appliance.stop().await;
}

#[tokio::test]
async fn a_change_is_told_to_who_listens_and_another_password_ends_the_stream() {
    let bench = Bench::open().await;
    let mut request = signed("GET", "/api/events", "");
    request
        .extensions_mut()
        .insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 40_000))));
    let response = bench.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    let mut next = async || {
        loop {
            let octets = events.next().await?.unwrap();
            let text = String::from_utf8(octets.to_vec()).unwrap();
            let data = text.strip_prefix("data: ").unwrap().trim_end();
            let event: Value = serde_json::from_str(data).unwrap();
            // The output that leads nowhere says so when it likes.
            if event["event"] != "sink_changed" {
                return Some(event);
            }
        }
    };
    assert_eq!(next().await, Some(json!({ "subscribed": true })));

    bench.put(&json!({ "audio.page.vol": "-6dB" })).await;

    let expected = json!({
        "event": "configuration_changed",
        "version": 2,
        "keys": ["audio.page.vol"],
        "author": { "by": "api" },
    });
    assert_eq!(next().await, Some(expected));
    let another = SettingChange {
        key: "api.admin.pwd".to_owned(),
        value: Some("another horse".to_owned()),
    };
    bench.appliance.change(Author::Web, &[another]).await.unwrap();
    assert_eq!(next().await, None);
    bench.appliance.stop().await;
}

/// The client of the documentation, with a curl that prints what it is given: what it would send is let in.
#[tokio::test]
async fn the_client_of_the_documentation_signs_as_the_endpoint_wants_it() {
    if !peers::available(&["openssl"]) {
        return;
    }
    let document = include_str!("../../../../docs/endpoint-api.md");
    let client = document
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let bench = Bench::open().await;
    for (call, method, path, body) in [
        ("GET /api/info/about", "GET", "/api/info/about", ""),
        (
            r#"PUT /api/settings '{"audio.page.vol":"-6dB"}'"#,
            "PUT",
            "/api/settings",
            r#"{"audio.page.vol":"-6dB"}"#,
        ),
    ] {
        let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}\n{client}\napi {call}\n");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("OYEZ_API_PASSWORD", PASSWORD)
            .env("OYEZ_ENDPOINT", "lobby.example:8443")
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let arguments = String::from_utf8(output.stdout).unwrap();
        let arguments: Vec<&str> = arguments.lines().collect();
        assert_eq!(
            arguments.last(),
            Some(&format!("https://lobby.example:8443{path}").as_str())
        );
        let after = |option: &str| {
            let pairs = arguments.windows(2);
            pairs
                .filter(|pair| pair[0] == option)
                .map(|pair| pair[1])
                .collect::<Vec<_>>()
        };
        let mut request = Request::builder().method(method).uri(path);
        for field in after("--header") {
            let (name, value) = field.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        assert_eq!(after("--data-binary").join(""), body);

        let answer = bench.send(request.body(Body::from(body)).unwrap()).await;

        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    bench.appliance.stop().await;
}
